"""What a network says of a target: how likely each palette color is, everywhere.

Three networks can be asked: the report's, its dense successor, and the pre-trained embedding. Each is trained
once, on one source or several, then asked for any number of targets; asking changes nothing, so that threads
may share one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.config import Config, Init, Preset, Progress
from refcolor.imaging import features
from refcolor.imaging.color import Image
from refcolor.imaging.features import Features
from refcolor.imaging.palette import Labels, Palette
from refcolor.matching.source import Sources, grid_size
from refcolor.networks import embedding

WEIGHTS = Path(__file__).parents[1] / "data" / "embedding.npz"  # of the pre-trained embedding
DOUBT = 1e-2  # probability added to every label before opinions are multiplied
LEARNT = 0.5  # exponent of the per-picture network's opinion


@dataclass(frozen=True)
class Labelling:
    """What the network says of a target.

    Attributes
    ----------
    palette_picture : float32 (h', w', 3)
        The labels' colors: on the grid, or up-sampled to 224x224 by ``paper``.
    labels : int32 (h, w)
        Most probable palette color of every pixel of the grid.
    probabilities : float32 (h, w, k)
        Of every palette color.
    palette : Palette
        Of the source.
    gray : float32 (H, W)
        The target, as the network saw it.
    config : Config
        Of the run.
    likest : float32 (h, w, 2) or None
        Where the embedding sees what is most like each pixel of the grid, as share of the source's width, and
        its number among those asked plus share of its height.
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


Among = Mapping[int, float]  # numbers of the sources to ask, and how much each counts


class Labeller(Protocol):
    """A network for some sources.

    Attributes
    ----------
    networks : tuple of keras.Model
        What is trained, in the order that a model file keeps it in.
    """

    networks: tuple[Any, ...]

    def train(self, progress: Progress) -> None:
        """Learn the sources; `progress` is told (steps done, steps in all) after every step."""

    def ask(self, gray: Image, among: Among) -> tuple[Image, Image | None]:
        """Probabilities (h, w, k) for a target (H, W), and where in the sources its like is, if known."""


def labeller(sources: Sources) -> Labeller:
    """The labeller that the sources' config asks for, untrained."""
    windows = sources.config.name is Preset.PAPER or sources.config.init is Init.SCRATCH
    return _Windows(sources) if windows else _Recall(sources)


class _Windows:
    """A network that sees 29x29 pixels: the report's for ``paper``, else its dense successor."""

    def __init__(self, sources: Sources) -> None:
        from refcolor.networks import architectures  # late, as elsewhere here: it imports Keras

        self.sources, self.dense = sources, sources.config.name is not Preset.PAPER
        build = architectures.dense_network if self.dense else architectures.patch_network
        self.networks = (build(sources.clusters, sources.config.seed),)

    def train(self, progress: Progress) -> None:
        from refcolor.networks import training

        learn = training.train_dense if self.dense else training.train_patches
        lessons = [(source.features.planes, source.small_labels) for source in self.sources.each]
        learn(*self.networks, lessons, self.sources.config, progress)

    def ask(self, gray: Image, among: Among) -> tuple[Image, None]:
        from refcolor.networks import training

        config = self.sources.config
        seen = features.extract(gray, grid_size(gray.shape, config), config)
        predict = training.predict_dense if self.dense else training.predict_patches
        return predict(*self.networks, seen.planes), None


class _Recall:
    """The embedding's recall, beside what a small network trained on the sources reads out of it."""

    def __init__(self, sources: Sources) -> None:
        from refcolor.networks import architectures

        self.sources = sources
        self.embedding = architectures.embedding_network(WEIGHTS)
        self.readout = architectures.readout_network(embedding.READ, sources.clusters, sources.config.seed)
        self.networks = (self.embedding, self.readout)

    def train(self, progress: Progress) -> None:
        from refcolor.networks import training

        seed = self.sources.config.seed
        lessons = [
            (
                embedding.moved(self.embedding, source.gray, seed),
                _cell_means(source.gray, shares.shape),
                shares,
            )
            for source, (_, shares) in zip(self.sources.each, self.memories, strict=True)
        ]
        training.train_readout(self.readout, lessons, self.sources.config, progress)

    def ask(self, gray: Image, among: Among) -> tuple[Image, Image]:
        from refcolor.networks import training

        found = embedding.describe(self.embedding, gray)
        memories = [self.memories[number] for number in among]
        recalled, likest = embedding.recall(found, memories, list(among.values()))
        read = training.predict_readout(self.readout, found, _cell_means(gray, found.shape))
        return agree(recalled, read), likest

    @cached_property
    def memories(self) -> list[tuple[Image, Image]]:
        """Every source's cells as the embedding sees them, and the share of every label in each."""
        return [
            (
                embedding.describe(self.embedding, source.gray),
                embedding.shares(source.labels, source.size, self.sources.clusters),
            )
            for source in self.sources.each
        ]


def _cell_means(gray: Image, shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(gray, (shape[1], shape[0]), interpolation=cv2.INTER_AREA), np.float32)


def agree(recalled: Image, learned: Image) -> Image:
    """One opinion (h, w, k) from the embedding's and the per-picture network's: their weighted product."""
    odds = (recalled + DOUBT) * (learned + np.float32(DOUBT)) ** np.float32(LEARNT)
    return np.asarray(odds / odds.sum(-1, keepdims=True), np.float32)
