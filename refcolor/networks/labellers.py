"""The networks that say how likely each palette color is: the report's, its dense successor, the embedding.

Each is trained once, on one source or several, and then asked about any number of targets. Asking changes
nothing, so threads may share one. Importing this module imports Keras.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import cv2
import numpy as np

from refcolor.config import PATCH, Config, Progress
from refcolor.imaging import features, geometry
from refcolor.imaging.color import Image
from refcolor.imaging.features import Features
from refcolor.imaging.palette import Labels, Palette
from refcolor.matching.alignment import Source
from refcolor.networks import architectures, embedding, training
from refcolor.networks.labelling import KeyWeights, Labelling

MIN_PROBABILITY = 1e-2  # added to every label before two opinions are multiplied
READOUT_EXPONENT = 0.5  # of the readout's opinion in that product


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
        small = geometry.resize(source.rgb, size)
        return small, self.palette.labels(small), features.extract(source.gray, size, self.config)


class WindowSteps(NamedTuple):
    """How a network is built, trained and asked."""

    build: Callable[[int, int], Any]
    train: Callable[..., None]
    predict: Callable[[Any, Image], Image]


class WindowLabeller(Labeller):
    """A network that sees 29x29 pixels of gray, edges and corners; the kinds below say which."""

    steps: ClassVar[WindowSteps]

    def __init__(self, sources: Sequence[Source], palette: Palette, config: Config) -> None:
        super().__init__(sources, palette, config)
        self.networks = (self.steps.build(len(palette), config.seed),)

    def train(self, progress: Progress) -> None:
        on_grid = (self.on_grid(source) for source in self.sources)
        lessons = [(seen.planes, labels) for _, labels, seen in on_grid]
        self.steps.train(self.networks[0], lessons, self.config, progress)

    def probabilities(self, gray: Image, weights: KeyWeights) -> tuple[Image, None]:
        planes = features.extract(gray, self.grid(gray.shape), self.config).planes
        return self.steps.predict(self.networks[0], planes), None


class PatchLabeller(WindowLabeller):
    """The report's network: one patch for each pixel of a square grid."""

    steps = WindowSteps(architectures.patch_network, training.train_patches, training.predict_patches)

    def grid(self, shape: tuple[int, ...]) -> tuple[int, int]:
        return self.config.grid, self.config.grid


class DenseLabeller(WindowLabeller):
    """The same window, for all pixels of a grid at once."""

    steps = WindowSteps(architectures.dense_network, training.train_dense, training.predict_dense)

    def grid(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """(w, h) of the aspect of `shape`, with `config.grid` squared pixels at most.

        Nothing is enlarged, and the shorter side holds a patch at least: a very long picture has more pixels.
        """
        h, w = shape[:2]
        scale = min(1.0, max(self.config.grid / math.sqrt(h * w), PATCH / min(h, w)))
        return max(PATCH, round(w * scale)), max(PATCH, round(h * scale))


class EmbeddingLabeller(Labeller):
    """The shipped embedding's recall, and a small network that is trained to read labels out of it."""

    def __init__(self, sources: Sequence[Source], palette: Palette, config: Config) -> None:
        super().__init__(sources, palette, config)
        self.embedding = architectures.embedding_network(embedding.WEIGHTS)
        self.readout = architectures.readout_network(embedding.READOUT_INPUTS, len(palette), config.seed)
        self.networks = (self.embedding, self.readout)

    def grid(self, shape: tuple[int, ...]) -> tuple[int, int]:
        return embedding.grid_size(shape)

    def train(self, progress: Progress) -> None:
        lessons = [
            (
                embedding.random_views(self.embedding, source.gray, self.config.seed),
                _cell_means(source.gray, shares.shape),
                shares,
            )
            for source, (_, shares) in zip(self.sources, self._memories, strict=True)
        ]
        training.train_readout(self.readout, lessons, self.config, progress)

    def probabilities(self, gray: Image, weights: KeyWeights) -> tuple[Image, Image]:
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
                embedding.label_shares(
                    self.palette.labels(source.rgb) if source.labels is None else source.labels,
                    self.grid(source.rgb.shape),
                    len(self.palette),
                ),
            )
            for source in self.sources
        ]


def agree(recalled: Image, read: Image) -> Image:
    """One opinion (h, w, k) from the embedding's recall and the readout's: their weighted product."""
    odds = (recalled + MIN_PROBABILITY) * (read + np.float32(MIN_PROBABILITY)) ** np.float32(READOUT_EXPONENT)
    return np.asarray(odds / odds.sum(-1, keepdims=True), np.float32)


def _cell_means(gray: Image, shape: tuple[int, ...]) -> Image:
    return np.asarray(cv2.resize(gray, (shape[1], shape[0]), interpolation=cv2.INTER_AREA), np.float32)
