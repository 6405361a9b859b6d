"""Presets and baselines behind one front: started once for a source, then asked for every target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

import cv2
import numpy as np
from baselines import BASELINES, Baseline
from numpy.typing import NDArray

from refcolor.color import Image, rgb_to_lab
from refcolor.merge import luma_exact

PRESETS = ("paper", "standard")
METHODS = (*BASELINES, *PRESETS)

Options = Mapping[str, object]


@dataclass(frozen=True)
class Coloured:
    """What a method made of one target: the picture, its seconds and, where it has one, its label map."""

    method: str
    image: Image
    seconds: float
    labels: NDArray[np.int32] | None = None


class Session(Protocol):
    """A method that knows its source."""

    method: str
    training_seconds: float

    def color(self, target: Image) -> list[Coloured]:
        """Colour a gray target (H, W); more than one answer, or none, are possible."""

    def label_accuracy(self, coloured: Coloured, truth: Image) -> float | None:
        """Share of the label map that is as in the truth; None without a label map."""


def row_names(method: str, options: Options) -> list[str]:
    """The names under which a method's answers stand in the table."""
    if method not in PRESETS:
        return [method]
    tail = "".join(f" {key}={value}".replace("/", "|") for key, value in options.items())
    names = ["paper", "paper-native"] if method == "paper" else [method]
    return [f"{name}{tail}" for name in names]


def start(method: str, source: Image, options: Options) -> Session:
    """Prepare, and where there is something to train, train a method for one source.

    Raises
    ------
    ValueError
        If the preset cannot work from this source.
    """
    if method in PRESETS:
        return _Preset(method, source, options)
    return _Baseline(method, source)


class _Baseline:
    def __init__(self, name: str, source: Image) -> None:
        self.method, self.source = name, source
        self.training_seconds = 0.0
        self.chroma: Baseline = BASELINES[name]

    def color(self, target: Image) -> list[Coloured]:
        began = perf_counter()
        ab = self.chroma(self.source, target)
        if ab is None:
            return []
        image = luma_exact(target, ab)
        return [Coloured(self.method, image, perf_counter() - began)]

    def label_accuracy(self, coloured: Coloured, truth: Image) -> None:
        return None


class _Preset:
    def __init__(self, preset: str, source: Image, options: Options) -> None:
        # Late: runs of baselines alone need no network.
        from refcolor.config import Config
        from refcolor.pipeline import Colorizer

        self.method = preset
        self.names = row_names(preset, options)
        began = perf_counter()
        self.colorizer = Colorizer(source, Config.preset(preset, **options))
        self.colorizer.train()
        self.training_seconds = perf_counter() - began

    def color(self, target: Image) -> list[Coloured]:
        began = perf_counter()
        result = self.colorizer.color(target)
        seconds = perf_counter() - began
        if self.method != "paper":
            return [Coloured(self.names[0], result.image, seconds)]
        began = perf_counter()
        native = _at_full_size(result, target)
        return [
            Coloured(self.names[0], result.image, seconds, result.labels),
            Coloured(self.names[1], native, seconds + perf_counter() - began, result.labels),
        ]

    def label_accuracy(self, coloured: Coloured, truth: Image) -> float | None:
        if coloured.labels is None:
            return None
        height, width = coloured.labels.shape
        small = cv2.resize(truth, (width, height), interpolation=cv2.INTER_AREA)
        return float((self.colorizer.palette.labels(small) == coloured.labels).mean())


def _at_full_size(result: Any, target: Image) -> Image:
    """The palette picture's chroma enlarged to the target's size, under the luma-exact merge."""
    chroma = np.ascontiguousarray(rgb_to_lab(result.palette_picture)[..., 1:])
    height, width = target.shape
    return luma_exact(target, cv2.resize(chroma, (width, height), interpolation=cv2.INTER_LINEAR))
