"""The settings of a run (Config): presets, their values and ranges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Literal

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
FRACTIONS = ("blur", "canny", "learning_rate", "rotation", "sigma")  # may be; the others are whole


class Preset(StrEnum):
    """Which recipe to follow."""

    PAPER = "paper"
    STANDARD = "standard"
    QUICK = "quick"


class Init(StrEnum):
    """What the label network starts from."""

    PRETRAINED = "pretrained"  # with the shipped embedding
    SCRATCH = "scratch"  # random, as the report did


class TargetKind(StrEnum):
    """What targets are: gray pictures, or line art."""

    AUTO = "auto"  # told from each picture
    GRAY = "gray"
    LINES = "lines"


class Device(StrEnum):
    """Where the network runs; ``auto`` takes a GPU where there is one."""

    AUTO = "auto"
    CPU = "cpu"
    GPU = "gpu"


@dataclass(frozen=True, init=False)
class Config:
    """Settings of one run: a preset, and what is changed in it.

    Parameters
    ----------
    name : str
        The preset: ``standard``, ``quick`` or ``paper``.
    **settings
        Values other than the preset's, by the attributes below; entries that are None change nothing.

    Raises
    ------
    ValueError
        For a preset or a setting that does not exist, a value out of its range, or a start or a number of
        epochs that the preset cannot follow.
    """

    name: Preset  #: the preset

    # Features
    grid: int  #: pixels; side of the square grid; from scratch keeps the aspect and the number of pixels
    blur: float  #: standard deviation of the Gaussian before Canny, in pixels of the full picture
    canny: tuple[float, float]  #: hysteresis thresholds, in 8-bit gray levels
    fast_threshold: int  #: FAST: least contrast of the 3-pixel circle, in 8-bit gray levels

    # Color
    clusters: int | Literal["auto"]  #: colors of the palette, 2 to 256; "auto": as many as the source needs

    # Network
    init: Init  #: what the network starts from
    epochs: int | None  #: passes over the source; None: as many as suit the preset
    batch: int  #: paper: patches a step; pretrained: cells a step
    tile: int  #: standard from scratch: side of a training tile, in grid pixels
    learning_rate: float  #: Adam's (standard: the peak of a one-cycle schedule)
    rotation: float  #: augmentation of the 29x29 networks: largest rotation, degrees either way
    sigma: float  #: the same: largest Gaussian blur, grid pixels
    device: Device  #: where the network runs
    seed: int  #: of k-means, initialization, order, augmentation and dropout

    def __init__(self, name: str = Preset.STANDARD, **settings: Any) -> None:
        if name not in list(Preset):
            raise ValueError(f"there is no preset {name!r}: choose one of {', '.join(Preset)}")
        values = DEFAULTS | CHANGES.get(Preset(name), {}) | {"name": Preset(name)}
        unknown = set(settings) - set(values)
        if unknown:
            raise ValueError(f"there is no setting {', '.join(sorted(unknown))}")
        values |= {setting: value for setting, value in settings.items() if value is not None}
        for setting, (low, high) in RANGES.items():
            _check_number(setting, values[setting], low, high)
        for setting, kind in (("init", Init), ("device", Device)):
            if values[setting] not in list(kind):
                raise ValueError(f"{setting} is {values[setting]!r}: choose one of {', '.join(kind)}")
            values[setting] = kind(values[setting])  # plain strings are welcome
        for setting, value in values.items():
            object.__setattr__(self, setting, value)
        if not self.trains and (self.epochs is not None or self.init is not Init.PRETRAINED):
            raise ValueError(f"preset {self.name} has no network: leave out init and epochs")
        if self.name is Preset.PAPER and self.init is not Init.SCRATCH:
            raise ValueError(f"preset {self.name} starts from scratch, as the report did: leave out init")

    @property
    def trains(self) -> bool:
        """Whether there is a network to train."""
        return self.name in PASSES

    @property
    def passes(self) -> int:
        """Epochs that were chosen, or as many as suit the preset and what the network starts from."""
        return PASSES[self.name][self.init] if self.epochs is None else self.epochs

    def on(self, device: str) -> Config:
        """The same settings for another device."""
        return replace(self, device=Device(device))


DEFAULTS: dict[str, Any] = {
    "grid": 256, "blur": 1.0, "canny": (20.0, 80.0), "fast_threshold": 10, "clusters": 24,
    "init": Init.PRETRAINED, "epochs": None, "batch": 2048, "tile": 96, "learning_rate": 3e-3,
    "rotation": 10.0, "sigma": 1.5, "device": Device.AUTO, "seed": 0,
}  # fmt: skip

# The report leaves open: the blur before Canny (sigma 1 here), FAST's threshold (OpenCV's default) and the
# batch size. 112 * 112 = 98 * 128 samples, so batches of 128 are all equal and nothing is left over.
CHANGES: dict[Preset, dict[str, Any]] = {
    Preset.PAPER: {"init": Init.SCRATCH, "grid": 112, "batch": 128, "learning_rate": 1e-3},
}
PASSES: dict[Preset, dict[Init, int]] = {  # epochs, of the presets that train a network
    Preset.PAPER: {Init.SCRATCH: 100},
    Preset.STANDARD: {Init.PRETRAINED: 64, Init.SCRATCH: 75},
}


def _check_number(setting: str, value: Any, low: float, high: float) -> None:
    """Raise ValueError unless the value is of the setting's kind and in its range."""
    if (setting, value) in (("epochs", None), ("clusters", "auto")):
        return
    kind = "two numbers" if setting == "canny" else "a number" if setting in FRACTIONS else "a whole number"
    types = (int, float) if setting in FRACTIONS else int
    numbers = value if isinstance(value, tuple) else (value,)
    are_numbers = all(isinstance(n, types) and not isinstance(n, bool) for n in numbers)
    if not are_numbers or len(numbers) != (2 if setting == "canny" else 1):
        raise ValueError(f"{setting} is {value!r}: it must be {kind}")
    if not all(low <= number <= high for number in numbers):
        raise ValueError(f"{setting} is {value}: it must lie between {low} and {high}")
