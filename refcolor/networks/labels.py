"""What a network says of a target: how likely each palette color is, everywhere.

Three labellers: the report's, its dense successor, and the pre-trained embedding. Each is trained once, on
one source or several, and then asked about any number of targets. Asking changes nothing, so threads may
share one.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from refcolor.config import PATCH, Config, Progress
from refcolor.imaging import features
from refcolor.imaging.color import Image
from refcolor.imaging.features import Features
from refcolor.imaging.palette import Labels, Palette
from refcolor.matching.source import Source
from refcolor.networks import embedding

WEIGHTS = Path(__file__).parents[1] / "data" / "embedding.npz"  # of the pre-trained embedding
MIN_PROBABILITY = 1e-2  # added to every label before two opinions are multiplied
READOUT_EXPONENT = 0.5  # of the readout's opinion in that product

KeyWeights = Mapping[int, float]  # numbers of the sources to use, and how much each counts


@dataclass(frozen=True, eq=False)
class Labelling:
    """What the network says of a target.

    Attributes
    ----------
    palette_picture : float32 (h', w', 3)
        The labels' colors: on the grid, or enlarged to 224x224 by ``paper``.
    labels : int32 (h, w)
        Most probable palette color of every pixel of the grid.
    probabilities : float32 (h, w, k)
        Of every palette color.
    palette : Palette
        Of the sources.
    gray : float32 (H, W)
        The target as the network saw it, in [0, 1].
    config : Config
        Of the run.
    nearest : float32 (h, w, 2) or None
        Nearest source cell of every pixel of the grid by the embedding: x / width, and index of the source
        among those used + y / height.
    """

    palette_picture: Image
    labels: Labels
    probabilities: Image = field(repr=False)
    palette: Palette = field(repr=False)
    gray: Image = field(repr=False)
    config: Config = field(repr=False)
    nearest: Image | None = field(default=None, repr=False)

    @cached_property
    def features(self) -> Features:
        """Gray, edges and corners of the target."""
        return features.extract(self.gray, self.labels.shape[::-1], self.config)

    def enlarged(self, palette_picture: Image) -> Labelling:
        """The same with the palette's picture at another size."""
        return replace(self, palette_picture=palette_picture)


class Labeller(ABC):
    """A network for some sources.

    Parameters
    ----------
    sources : sequence of Source
        With a palette, which all share.
    palette : Palette
        The same palette.
    config : Config
        Settings of the run.

    Attributes
    ----------
    networks : tuple of keras.Model
        What is trained, in the order of a model file.
    """

    networks: tuple[Any, ...]

    def __init__(self, sources: Sequence[Source], palette: Palette, config: Config) -> None:
        self.sources, self.palette, self.config = tuple(sources), palette, config

    @abstractmethod
    def train(self, progress: Progress) -> None:
        """Learn the sources; `progress` is told (steps done, steps in all) after every step."""

    @abstractmethod
    def probabilities(self, gray: Image, weights: KeyWeights) -> tuple[Image, Image | None]:
        """Probabilities (h, w, k) for a target (H, W) in [0, 1], and the nearest source cells, if known."""

    @abstractmethod
    def grid(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """(w, h) of the network's grid for a picture of `shape` (H, W, ...)."""

    def ask(self, gray: Image, weights: KeyWeights) -> Labelling:
        """What the network says of a target (H, W) in [0, 1], given the sources of these weights."""
        probabilities, nearest = self.probabilities(gray, weights)
        labels = np.asarray(probabilities.argmax(-1), np.int32)
        picture = self.palette.paint(labels)
        return Labelling(picture, labels, probabilities, self.palette, gray, self.config, nearest)

    def on_grid(self, source: Source) -> tuple[Image, Labels, Features]:
        """A source on the network's grid: picture (h, w, 3), palette labels (h, w), features."""
        size = self.grid(source.rgb.shape)
        small = features.resize(source.rgb, size)
        return small, self.palette.labels(small), features.extract(source.gray, size, self.config)

    def _lessons(self) -> list[tuple[Image, Labels]]:
        """Feature planes (h, w, 3) and labels (h, w) of every source."""
        on_grid = (self.on_grid(source) for source in self.sources)
        return [(seen.planes, labels) for _, labels, seen in on_grid]

    def _planes(self, gray: Image) -> Image:
        return features.extract(gray, self.grid(gray.shape), self.config).planes


class PatchLabeller(Labeller):
    """The report's network: one 29x29 patch for each pixel of a square grid."""

    def __init__(self, sources: Sequence[Source], palette: Palette, config: Config) -> None:
        from refcolor.networks import architectures  # late, as elsewhere here: it imports Keras

        super().__init__(sources, palette, config)
        self.networks = (architectures.patch_network(len(palette), config.seed),)

    def grid(self, shape: tuple[int, ...]) -> tuple[int, int]:
        return self.config.grid, self.config.grid

    def train(self, progress: Progress) -> None:
        from refcolor.networks import training

        training.train_patches(self.networks[0], self._lessons(), self.config, progress)

    def probabilities(self, gray: Image, weights: KeyWeights) -> tuple[Image, None]:
        from refcolor.networks import training

        return training.predict_patches(self.networks[0], self._planes(gray)), None


class DenseLabeller(Labeller):
    """The same window of 29x29 pixels, for all pixels of a grid at once."""

    def __init__(self, sources: Sequence[Source], palette: Palette, config: Config) -> None:
        from refcolor.networks import architectures

        super().__init__(sources, palette, config)
        self.networks = (architectures.dense_network(len(palette), config.seed),)

    def grid(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """(w, h) of the aspect of `shape`, with `config.grid` squared pixels at most.

        Nothing is enlarged, and the shorter side holds a patch at least: a very long picture has more pixels.
        """
        h, w = shape[:2]
        scale = min(1.0, max(self.config.grid / math.sqrt(h * w), PATCH / min(h, w)))
        return max(PATCH, round(w * scale)), max(PATCH, round(h * scale))

    def train(self, progress: Progress) -> None:
        from refcolor.networks import training

        training.train_dense(self.networks[0], self._lessons(), self.config, progress)

    def probabilities(self, gray: Image, weights: KeyWeights) -> tuple[Image, None]:
        from refcolor.networks import training

        return training.predict_dense(self.networks[0], self._planes(gray)), None


class EmbeddingLabeller(Labeller):
    """The shipped embedding's recall, and a small network that is trained to read labels out of it."""

    def __init__(self, sources: Sequence[Source], palette: Palette, config: Config) -> None:
        from refcolor.networks import architectures

        super().__init__(sources, palette, config)
        self.embedding = architectures.embedding_network(WEIGHTS)
        self.readout = architectures.readout_network(embedding.READ, len(palette), config.seed)
        self.networks = (self.embedding, self.readout)

    def grid(self, shape: tuple[int, ...]) -> tuple[int, int]:
        return embedding.cells(shape)

    def train(self, progress: Progress) -> None:
        from refcolor.networks import training

        lessons = [
            (
                embedding.moved(self.embedding, source.gray, self.config.seed),
                _cell_means(source.gray, shares.shape),
                shares,
            )
            for source, (_, shares) in zip(self.sources, self._memories, strict=True)
        ]
        training.train_readout(self.readout, lessons, self.config, progress)

    def probabilities(self, gray: Image, weights: KeyWeights) -> tuple[Image, Image]:
        from refcolor.networks import training

        cells = embedding.describe(self.embedding, gray)
        memories = [self._memories[number] for number in weights]
        recalled, nearest = embedding.recall(cells, memories, list(weights.values()))
        read = training.predict_readout(self.readout, cells, _cell_means(gray, cells.shape))
        return agree(recalled, read), nearest

    @cached_property
    def _memories(self) -> list[tuple[Image, Image]]:
        """Every source's cells as the embedding describes them, and the share of every label in each."""
        return [
            (
                embedding.describe(self.embedding, source.gray),
                embedding.shares(source.labels, self.grid(source.rgb.shape), len(self.palette)),
            )
            for source in self.sources
            if source.labels is not None
        ]


def agree(recalled: Image, read: Image) -> Image:
    """One opinion (h, w, k) from the embedding's recall and the readout's: their weighted product."""
    odds = (recalled + MIN_PROBABILITY) * (read + np.float32(MIN_PROBABILITY)) ** np.float32(READOUT_EXPONENT)
    return np.asarray(odds / odds.sum(-1, keepdims=True), np.float32)


def _cell_means(gray: Image, shape: tuple[int, ...]) -> Image:
    return np.asarray(cv2.resize(gray, (shape[1], shape[0]), interpolation=cv2.INTER_AREA), np.float32)
