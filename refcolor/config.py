"""The settings of a run in one frozen value; presets are values of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Literal

PATCH = 29  # pixels; side of the window the report's networks see, and the least side of a picture
RADIUS = PATCH // 2
MAX_PIXELS = 100_000_000  # of a picture that is read without asking

Progress = Callable[[int, int], None]  # steps done, steps in all

RANGES: dict[str, tuple[float, float]] = {  # of the settings below, both ends allowed
    "grid": (32, 4096),
    "blur": (0.1, 100),
    "canny": (0, 2000),
    "fast_threshold": (1, 255),
    "clusters": (2, 256),
    "epochs": (1, 100_000),
    "batch": (1, 65_536),
    "tile": (8, 4096),
    "learning_rate": (1e-8, 10),
    "rotation": (0, 180),
    "sigma": (0, 16),
    "seed": (0, 2**31 - 1),
}


class Preset(StrEnum):
    """Which recipe to follow."""

    PAPER = "paper"
    STANDARD = "standard"
    QUICK = "quick"


class Init(StrEnum):
    """What the label network starts from."""

    PRETRAINED = "pretrained"  # with the shipped embedding
    SCRATCH = "scratch"  # random, as the report did


PASSES = {Init.PRETRAINED: 64, Init.SCRATCH: 75}  # epochs of standard


class Device(StrEnum):
    """Where the network runs; ``auto`` takes a GPU where there is one."""

    AUTO = "auto"
    CPU = "cpu"
    GPU = "gpu"


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of one run.

    Make one with :meth:`preset`; the bare constructor is the ``standard`` preset.
    """

    name: Preset = Preset.STANDARD

    # Features
    grid: int = 256  # pixels; side of the square grid; from scratch keeps the aspect and the number of pixels
    blur: float = 1.0  # standard deviation of the Gaussian before Canny, in pixels of the full picture
    canny: tuple[float, float] = (20.0, 80.0)  # hysteresis thresholds, in 8-bit gray levels
    fast_threshold: int = 10  # FAST: least contrast of the 3-pixel circle, in 8-bit gray levels

    # Color
    clusters: int | Literal["auto"] = 24  # colors of the palette, 2 to 256; "auto" asks the source

    # Network
    init: Init = Init.PRETRAINED
    epochs: int | None = None  # passes over the source; None: 64, and 75 from scratch
    batch: int = 2048  # paper: patches a step; pretrained: cells a step
    tile: int = 96  # standard from scratch: side of a training tile, in grid pixels
    learning_rate: float = 3e-3  # Adam's (standard: the peak of a one-cycle schedule)
    rotation: float = 10.0  # augmentation of the 29x29 networks: largest rotation, degrees either way
    sigma: float = 1.5  # the same: largest Gaussian blur, grid pixels
    device: Device = Device.AUTO
    seed: int = 0  # of k-means, initialization, order, augmentation and dropout

    def __post_init__(self) -> None:
        for name in ("grid", "fast_threshold", "clusters", "epochs", "batch", "tile", "seed"):
            value = getattr(self, name)
            free = (name == "epochs" and value is None) or (name == "clusters" and value == "auto")
            if not free and (not isinstance(value, int) or isinstance(value, bool)):
                raise ValueError(f"{name} is {value!r}: it must be a whole number")
        if not isinstance(self.canny, tuple) or len(self.canny) != 2:
            raise ValueError(f"canny is {self.canny!r}: it must be two numbers")
        for name in ("blur", "learning_rate", "rotation", "sigma"):
            if not isinstance(getattr(self, name), (int, float)):
                raise ValueError(f"{name} is {getattr(self, name)!r}: it must be a number")
        object.__setattr__(self, "name", Preset(self.name))  # plain strings are welcome
        object.__setattr__(self, "init", Init(self.init))
        object.__setattr__(self, "device", Device(self.device))
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is None or (name == "clusters" and value == "auto"):
                continue
            if not all(low <= v <= high for v in (value if isinstance(value, tuple) else (value,))):
                raise ValueError(f"{name} is {value}: it must lie between {low} and {high}")

    @property
    def trains(self) -> bool:
        """Whether there is a network to train."""
        return self.name is not Preset.QUICK

    @property
    def passes(self) -> int:
        """Epochs asked for, or as many as suit what the network starts from."""
        if self.epochs is not None:
            return self.epochs
        return 100 if self.name is Preset.PAPER else PASSES[self.init]

    def on(self, device: str) -> Config:
        """The same settings for another device."""
        return replace(self, device=Device(device))

    @classmethod
    def preset(cls, name: str, **changes: object) -> Config:
        """A preset's values with `changes` on top; entries that are None change nothing.

        Raises
        ------
        ValueError
            For a preset or a setting that does not exist, or a value out of its range.
        """
        if name not in _PRESETS:
            raise ValueError(f"there is no preset {name!r}: choose one of {', '.join(_PRESETS)}")
        unknown = set(changes) - {f.name for f in fields(cls)}
        if unknown:
            raise ValueError(f"there is no setting {', '.join(sorted(unknown))}")
        return replace(_PRESETS[name], **{k: v for k, v in changes.items() if v is not None})  # type: ignore[arg-type]


# The report leaves open: the blur before Canny (sigma 1 here), FAST's threshold (OpenCV's default) and the
# batch size. 112 * 112 = 98 * 128 samples, so batches of 128 are all equal and nothing is left over.
_PAPER = Config(
    name=Preset.PAPER,
    init=Init.SCRATCH,
    grid=112,
    batch=128,
    learning_rate=1e-3,
)

_PRESETS: dict[str, Config] = {
    Preset.PAPER: _PAPER,
    Preset.STANDARD: Config(),
    Preset.QUICK: Config(name=Preset.QUICK),
}
