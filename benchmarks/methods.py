"""Presets and baselines with one interface: started once for a source, then used for every target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Protocol

import cv2
import numpy as np
from baselines import BASELINES, Baseline
from numpy.typing import NDArray

from refcolor.imaging.color import Image, rgb_to_lab
from refcolor.imaging.merge import luma_exact

# Every preset answers as a whole and by a part or variant of it.
PRESETS = {
    "paper": ("paper", "paper-native"),
    "quick": ("quick", "matching"),
    "standard": ("standard", "network"),
}
METHODS = (*BASELINES, *PRESETS)

Options = Mapping[str, object]


@dataclass(frozen=True)
class Colored:
    """One target colored by a method: the picture, its seconds, and what else there is."""

    method: str
    image: Image
    seconds: float
    labels: NDArray[np.int32] | None = None
    confidence: Image | None = None  #: (H, W), in [0, 1]


class Session(Protocol):
    """A method that has learned its source."""

    method: str
    training_seconds: float

    def color(self, target: Image) -> list[Colored]:
        """Color a gray target (H, W); more than one answer, or none, are possible."""

    def label_accuracy(self, colored: Colored, truth: Image) -> float | None:
        """Share of the label map that is as in the truth; None without a label map."""


def row_names(method: str, options: Options) -> list[str]:
    """The names under which a method's answers stand in the table."""
    if method not in PRESETS:
        return [method]
    tail = "".join(f" {key}={value}".replace("/", "|") for key, value in options.items())
    return [f"{name}{tail}" for name in PRESETS[method]]


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

    def color(self, target: Image) -> list[Colored]:
        began = perf_counter()
        ab = self.chroma(self.source, target)
        if ab is None:
            return []
        image = luma_exact(target, ab)
        return [Colored(self.method, image, perf_counter() - began)]

    def label_accuracy(self, colored: Colored, truth: Image) -> None:
        return None


class _Preset:
    def __init__(self, preset: str, source: Image, options: Options) -> None:
        # Late: runs of baselines alone need no network.
        from refcolor.config import Config
        from refcolor.methods.colorizer import Colorizer

        self.method = preset
        self.names = row_names(preset, options)
        began = perf_counter()
        self.colorizer = Colorizer(Config(preset, **options)).fit(source)
        self.training_seconds = perf_counter() - began

    def color(self, target: Image) -> list[Colored]:
        result, seconds = _timed(self.colorizer.colorize, target)
        if self.method == "paper":
            native, more = _timed(_at_full_size, result, target)
            parts = [(result.image, seconds), (native, seconds + more)]
        elif self.method == "standard":
            # In the source's light, which is the matching's work and left out of the seconds.
            relit = np.clip(result.matches.relit255 / 255, 0, 1).astype(np.float32)
            parts = [(result.image, seconds), _timed(self._network, target, relit)]
        else:
            parts = [(result.image, seconds), _timed(self._matching, target)]
        labels = result.labelling.labels if self.method == "paper" else None
        colored = [Colored(name, *part, labels) for name, part in zip(self.names, parts, strict=True)]
        return [replace(colored[0], confidence=result.confidence), *colored[1:]]

    def _network(self, target: Image, relit: Image) -> Image:
        """The target colored by the network alone."""
        from refcolor.imaging.chroma_lines import upsample

        # Predicted once more, to time it alone.
        probabilities = self.colorizer.learned.ask(relit, {0: 1.0}).probabilities
        return luma_exact(target, upsample(probabilities, self.colorizer.learned.chroma_lines, relit))

    def _matching(self, target: Image) -> Image:
        """The target colored by flow alone."""
        aligned = self.colorizer.align(target)
        return luma_exact(target, carried(aligned.views.ab, aligned.matches.best, aligned.matches.error))

    def label_accuracy(self, colored: Colored, truth: Image) -> float | None:
        if colored.labels is None:
            return None
        height, width = colored.labels.shape
        small = cv2.resize(truth, (width, height), interpolation=cv2.INTER_AREA)
        return float((self.colorizer.learned.palette.labels(small) == colored.labels).mean())


def carried(views: Image, best: Image, error: Image) -> Image:
    """The source's chroma moved along the best match.

    Parameters
    ----------
    views : float32 (V, h, w, 2)
        CIELAB a, b of the source and perhaps of its mirror image.
    best : float32 (H, W, 2)
        Pixel x, y of every target pixel, y counting on through the views.
    error : float32 (H, W)
        Infinite where `best` leaves the source.

    Returns
    -------
    float32 (H, W, 2)
    """
    height = views.shape[1]
    x, y = (np.ascontiguousarray(best[..., axis]) for axis in (0, 1))
    # Mirrored matches are taken only where they stay inside: what runs out below is the upright view's.
    view = np.where(np.isfinite(error), np.floor(y / height), 0)
    chroma = np.empty((*y.shape, 2), np.float32)
    for index, ab in enumerate(views):
        inside = np.clip(view, 0, len(views) - 1) == index
        # One view at a time, so that samples do not mix two.
        moved = cv2.remap(ab, x, y - index * height, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        chroma[inside] = moved[inside]
    return chroma


def _timed(work: Callable[..., Any], *given: Any) -> tuple[Any, float]:
    began = perf_counter()
    result = work(*given)
    return result, perf_counter() - began


def _at_full_size(result: Any, target: Image) -> Image:
    """The palette picture's chroma enlarged to the target's size, under the luma-exact merge."""
    chroma = np.ascontiguousarray(rgb_to_lab(result.labelling.palette_picture)[..., 1:])
    height, width = target.shape
    return luma_exact(target, cv2.resize(chroma, (width, height), interpolation=cv2.INTER_LINEAR))
