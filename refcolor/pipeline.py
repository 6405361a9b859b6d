"""One source, any number of targets: the report's stages in order.

    source --> features --.
       '-----> palette ---+--> network, trained once
                                  |
    target --> features ----------+--> labels --> palette picture --> merge with the target --> result

:func:`colorize` does it for one target; a :class:`Colorizer` keeps the trained network for more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from . import backend, features, merge, palette, tints, upsampling
from .color import Image, luma
from .config import PATCH, Config, Preset
from .features import Features
from .palette import Labels, Palette

PAPER_RESULT = 224  # side of the report's result


@dataclass(frozen=True)
class Result:
    """A coloured target and what led to it.

    Attributes
    ----------
    image : float32 (H, W, 3)
        The result, encoded sRGB in [0, 1]: at the target's size, or 224x224 for the ``paper`` preset.
    palette_picture : float32 (h', w', 3)
        The labels' colours, before the merge: on the grid, or up-sampled to 224x224 by ``paper``.
    labels : int32 (h, w)
        Most probable palette colour of every pixel of the grid.
    probabilities : float32 (h, w, k)
        Of every palette colour.
    features : Features
        Of the target.
    palette : Palette
        Of the source.
    """

    image: Image
    palette_picture: Image
    labels: Labels
    probabilities: Image = field(repr=False)
    features: Features = field(repr=False)
    palette: Palette = field(repr=False)


def _ignore(done: int, total: int) -> None:
    """Progress nobody asked for."""


class Colorizer:
    """A palette and a network trained on one source; colours any number of targets.

    Parameters
    ----------
    source : float32 (H, W, 3)
        Coloured picture, encoded sRGB in [0, 1].
    config : Config
        Preset and settings.

    Attributes
    ----------
    small, labels : float32 (h, w, 3), int32 (h, w)
        The source on the network's grid, and the palette label of each of its pixels.
    features, palette, tints
        What the classical stages found in the source.
    engine : Engine or None
        Engine and device the network runs on, once it is trained.

    Raises
    ------
    ValueError
        When the source is smaller than a patch, has no colour or too few colours.
    """

    def __init__(self, source: Image, config: Config | None = None) -> None:
        self.config = config or Config()
        _check_values(source, "source", 3)
        check_size(source, "source")
        palette.check(source, self.config.clusters)
        self.source = source
        self.size = grid_size(source.shape[:2], self.config)
        self.features = features.extract(luma(source), self.size, self.config)
        self.small = features.resize(source, self.size)
        if self.config.name is Preset.PAPER:
            self.palette = palette.fit(self.small, self.config.clusters, space="rgb", seed=self.config.seed)
        else:
            self.palette = palette.fit(source, self.config.clusters, space="lab", seed=self.config.seed)
        self.labels = self.palette.labels(self.small)
        self.network: Any = None
        self.engine: backend.Engine | None = None

    @cached_property
    def tints(self) -> tints.Tints:
        """Of the source at full size; ``paper`` never asks for them."""
        return tints.fit(self.source, self.palette)

    def train(self, progress: Callable[[int, int], None] = _ignore) -> None:
        """Build and train the network: minutes for ``paper``, under one for ``standard``.

        Parameters
        ----------
        progress : callable
            Told (steps done, steps in all) after every step.

        Raises
        ------
        ValueError
            When the config asks for a GPU and there is none.
        """
        self.engine = backend.start(self.config.device)
        from . import network, training  # late: they import Keras

        if self.config.name is Preset.PAPER:
            build, fit = network.patch_network, training.train_patches
        else:
            build, fit = network.dense_network, training.train_dense
        with backend.on(self.engine):
            model = build(self.config.clusters, self.config.seed)
            fit(model, self.features.planes, self.labels, self.config, progress)
        self.network = model

    def color(self, gray: Image) -> Result:
        """Color a gray target (H, W) in [0, 1]; trains first if that has not been done."""
        _check_values(gray, "target", 2)
        check_size(gray, "target")
        if self.network is None:
            self.train()
        assert self.engine is not None
        from . import training

        seen = features.extract(gray, grid_size(gray.shape, self.config), self.config)
        paper = self.config.name is Preset.PAPER
        with backend.on(self.engine):
            predict = training.predict_patches if paper else training.predict_dense
            probabilities = predict(self.network, seen.planes)
        labels = np.asarray(probabilities.argmax(-1), np.int32)
        picture = self.palette.paint(labels)
        if paper:
            size = (PAPER_RESULT, PAPER_RESULT)
            picture = features.resize(picture, size)
            image = merge.plain_lab(features.resize(gray, size), picture)
        else:
            image = merge.luma_exact(gray, upsampling.chroma(probabilities, self.tints, gray))
        return Result(image, picture, labels, probabilities, seen, self.palette)


def colorize(source: Image, target: Image, config: Config | None = None) -> Result:
    """Color the gray picture `target` (H, W) like `source` (H, W, 3), both in [0, 1]."""
    return Colorizer(source, config).color(target)


def grid_size(shape: tuple[int, ...], config: Config) -> tuple[int, int]:
    """(w, h) of the network's grid for a picture of `shape` (h, w, ...).

    The report squeezes every picture to a square. ``standard`` keeps the aspect and the number of pixels, but
    never enlarges, and leaves the shorter side a patch at least; a very long picture so has more.
    """
    if config.name is Preset.PAPER:
        return config.grid, config.grid
    h, w = shape[:2]
    scale = min(1.0, max(config.grid / math.sqrt(h * w), PATCH / min(h, w)))
    return max(PATCH, round(w * scale)), max(PATCH, round(h * scale))


def _check_values(image: Image, name: str, ndim: int) -> None:
    """Raise ValueError unless `image` is what this package calls a picture."""
    wanted = "(H, W, 3)" if ndim == 3 else "(H, W)"
    if not isinstance(image, np.ndarray) or image.dtype != np.float32:
        raise ValueError(
            f"the {name} is {getattr(image, 'dtype', type(image).__name__)}: give float32 in [0, 1]"
        )
    if image.ndim != ndim or (ndim == 3 and image.shape[2] != 3):
        raise ValueError(f"the {name} has shape {image.shape}: give {wanted}")
    if not image.size or not (image.min() >= 0 and image.max() <= 1):  # NaN fails as well
        raise ValueError(f"the {name} has values outside [0, 1], or none: scale it first")


def check_size(image: Image, name: str) -> None:
    """Raise ValueError when a picture is smaller than a patch."""
    h, w = image.shape[:2]
    if min(h, w) < PATCH:
        raise ValueError(f"the {name} is {w}x{h} pixels: both sides must be at least {PATCH}")
