"""What a network says of a target: how likely each palette colour is, everywhere.

Three networks can be asked: the report's, its dense successor, and the pre-trained embedding. Each is trained
on one source, then asked for any number of targets; asking changes nothing, so that threads may share one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from . import embedding, features, fusion
from .color import Image
from .config import Config, Init, Preset, Progress
from .features import Features
from .palette import Labels, Palette
from .source import Source, grid_size

WEIGHTS = Path(__file__).with_name("data") / "embedding.npz"  # of the pre-trained embedding


@dataclass(frozen=True)
class Labelling:
    """What the network says of a target.

    Attributes
    ----------
    palette_picture : float32 (h', w', 3)
        The labels' colours: on the grid, or up-sampled to 224x224 by ``paper``.
    labels : int32 (h, w)
        Most probable palette colour of every pixel of the grid.
    probabilities : float32 (h, w, k)
        Of every palette colour.
    palette : Palette
        Of the source.
    gray : float32 (H, W)
        The target, as the network saw it.
    config : Config
        Of the run.
    likest : float32 (h, w, 2) or None
        Where in the source the embedding sees what is most like each pixel of the grid, as shares of its
        width and height.
    """

    palette_picture: Image
    labels: Labels
    probabilities: Image = field(repr=False)
    palette: Palette = field(repr=False)
    gray: Image = field(repr=False)
    config: Config = field(repr=False)
    likest: Image | None = field(default=None, repr=False)

    @cached_property
    def features(self) -> Features:
        """Gray, edges and corners of the target."""
        return features.extract(self.gray, grid_size(self.gray.shape, self.config), self.config)


class Labeller(Protocol):
    """A network for one source.

    Attributes
    ----------
    networks : tuple of keras.Model
        What is trained, in the order that a model file keeps it in.
    """

    networks: tuple[Any, ...]

    def train(self, progress: Progress) -> None:
        """Learn the source; `progress` is told (steps done, steps in all) after every step."""

    def ask(self, gray: Image) -> tuple[Image, Image | None]:
        """Probabilities (h, w, k) for a target (H, W), and where in the source its like is, if known."""


def labeller(source: Source) -> Labeller:
    """The labeller that the source's config asks for, untrained."""
    windows = source.config.name is Preset.PAPER or source.config.init is Init.SCRATCH
    return _Windows(source) if windows else _Recall(source)


class _Windows:
    """A network that sees 29x29 pixels: the report's for ``paper``, else its dense successor."""

    def __init__(self, source: Source) -> None:
        from . import network  # late, as elsewhere here: it imports Keras

        self.source, self.dense = source, source.config.name is not Preset.PAPER
        build = network.dense_network if self.dense else network.patch_network
        self.networks = (build(source.clusters, source.config.seed),)

    def train(self, progress: Progress) -> None:
        from . import training

        source = self.source
        learn = training.train_dense if self.dense else training.train_patches
        learn(*self.networks, source.features.planes, source.small_labels, source.config, progress)

    def ask(self, gray: Image) -> tuple[Image, None]:
        from . import training

        config = self.source.config
        seen = features.extract(gray, grid_size(gray.shape, config), config)
        predict = training.predict_dense if self.dense else training.predict_patches
        return predict(*self.networks, seen.planes), None


class _Recall:
    """The embedding's recall, beside what a small network trained on the source reads out of it."""

    def __init__(self, source: Source) -> None:
        from . import network

        self.source = source
        self.embedding = network.embedding_network(WEIGHTS)
        self.readout = network.readout_network(embedding.READ, source.clusters, source.config.seed)
        self.networks = (self.embedding, self.readout)

    def train(self, progress: Progress) -> None:
        from . import training

        source = self.source
        training.train_readout(
            self.readout,
            embedding.moved(self.embedding, source.gray, source.config.seed),
            _cell_means(source.gray, self.shares.shape),
            self.shares,
            source.config,
            progress,
        )

    def ask(self, gray: Image) -> tuple[Image, Image]:
        from . import training

        found = embedding.describe(self.embedding, gray)
        recalled, likest = embedding.recall(found, self.described, self.shares)
        read = training.predict_readout(self.readout, found, _cell_means(gray, found.shape))
        return fusion.agree(recalled, read), likest

    @cached_property
    def described(self) -> Image:
        """The source's cells, as the embedding sees them."""
        return embedding.describe(self.embedding, self.source.gray)

    @cached_property
    def shares(self) -> Image:
        """Share of every label in each of the source's cells."""
        return embedding.shares(self.source.labels, self.source.size, self.source.clusters)


def _cell_means(gray: Image, shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(gray, (shape[1], shape[0]), interpolation=cv2.INTER_AREA), np.float32)
