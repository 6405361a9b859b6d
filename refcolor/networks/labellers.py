"""The networks that say how likely each palette color is, by preset and by what they start from.

Here are those that see 29x29 pixels: the report's, one patch for each pixel, and its dense successor.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from numpy.typing import NDArray

from refcolor.config import PATCH, RADIUS, Config, Init, Preset
from refcolor.imaging import features, geometry, patches
from refcolor.imaging.color import Image
from refcolor.imaging.palette import Labels, Palette
from refcolor.matching.alignment import Source
from refcolor.networks import architectures, augmentation
from refcolor.networks.embedding_labeller import EmbeddingLabeller
from refcolor.networks.labeller import Labeller, Lessons, softmax

BLUR_LEVELS = 16  # of the augmentation, evenly spaced from none to the largest
TILES_PER_STEP = 4  # of the dense network's training
MAX_PREDICTED_SIDE = 1024  # grid pixels that the dense network predicts at once: bounds the memory
PREDICTED_PATCHES = 1024  # that the report's network predicts at once; only speed depends on it


class WindowLabeller(Labeller):
    """A network that sees 29x29 pixels of gray, edges and corners; the kinds below say which."""

    build: ClassVar[Any]  # the network for a number of colors and a seed

    def __init__(self, sources: Sequence[Source], palette: Palette, config: Config) -> None:
        super().__init__(sources, palette, config)
        self.networks = (self.build(len(palette), config.seed),)

    def probabilities(self, gray: Image, weights: Mapping[int, float]) -> tuple[Image, None]:
        return self.predict(features.extract(gray, self.grid(gray.shape), self.config).planes), None

    @abstractmethod
    def predict(self, planes: Image) -> Image:
        """Probabilities (h, w, k) of every pixel of `planes` (h, w, 3)."""

    def blurred(self) -> list[tuple[Image, Labels]]:
        """Every source's planes (BLUR_LEVELS, h, w, 3), more and more blurred, and its labels (h, w)."""
        sigmas = np.linspace(0, self.config.sigma, BLUR_LEVELS).tolist()
        on_grid = (self.on_grid(source) for source in self.sources)
        return [(patches.blur_stack(seen.planes, sigmas), labels) for _, labels, seen in on_grid]


class PatchLabeller(WindowLabeller):
    """The report's network: one patch for each pixel of a square grid.

    Each epoch visits all pixels in a new random order. Every patch is rotated by an angle and blurred by a
    Gaussian drawn evenly from the ranges of the config; pixels beyond the picture are mirrored.
    """

    build = staticmethod(architectures.patch_network)
    loss = keras.losses.SparseCategoricalCrossentropy()

    def optimizer(self, steps: int) -> Any:
        """The report's."""
        return keras.optimizers.Adam(self.config.learning_rate, epsilon=1e-8)

    def lessons(self) -> Lessons:
        config, rng = self.config, np.random.default_rng(self.config.seed)
        sources = self.blurred()
        stack = np.concatenate([planes for planes, _ in sources])
        points = np.concatenate([pixels(labels.shape) for _, labels in sources])
        truth = np.concatenate([labels.ravel() for _, labels in sources])
        first_level = np.repeat(np.arange(len(sources), dtype=np.int32) * BLUR_LEVELS, config.grid**2)
        batch = min(config.batch, len(points))
        count = len(points) - len(points) % batch  # batches of one size need one traced graph

        def batches() -> Iterator[tuple[Image, Labels]]:
            for _ in range(config.passes):
                order = rng.permutation(len(points))[:count]
                level = first_level[order] + rng.integers(0, BLUR_LEVELS, count, np.int32)
                angle = np.radians(rng.uniform(-config.rotation, config.rotation, count)).astype(np.float32)
                for first in range(0, count, batch):
                    part = slice(first, first + batch)
                    pick = order[part]
                    cut = patches.gather(
                        stack, points[pick], level=level[part], angle=angle[part], size=PATCH, threads=1
                    )  # one thread: a batch is too small to share out
                    yield cut, truth[pick]

        return config.passes * (count // batch), batches()

    def predict(self, planes: Image) -> Image:
        h, w = planes.shape[:2]
        points, stack = pixels((h, w)), planes[None]
        parts = np.split(points, range(PREDICTED_PATCHES, len(points), PREDICTED_PATCHES))
        found = [self.networks[0](patches.gather(stack, part, size=PATCH), training=False) for part in parts]
        return np.concatenate([np.asarray(part) for part in found]).reshape(h, w, -1)

    def grid(self, shape: tuple[int, ...]) -> tuple[int, int]:
        return self.config.grid, self.config.grid


def pixels(shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Every pixel (x, y) of a picture of `shape` (h, w), row by row: (h * w, 2)."""
    return np.indices(shape, np.int32)[::-1].reshape(2, -1).T


class DenseLabeller(WindowLabeller):
    """The same window, for all pixels of a grid at once.

    An epoch shows as many pixels as the largest source has, but those of a square at most, in tiles that are
    turned, scaled and blurred. Gray and position vary a little: the network must not rely on exact values.
    """

    build = staticmethod(architectures.dense_network)

    def lessons(self) -> Lessons:
        config, rng = self.config, np.random.default_rng(self.config.seed)
        sources = self.blurred()
        shapes = np.array([augmentation.tile_shape(labels.shape, config.tile) for _, labels in sources])
        shape = tuple(shapes.min(0).tolist())  # tiles of one size need one traced graph
        seen = min(max(labels.size for _, labels in sources), config.grid**2)
        steps = config.passes * max(1, round(seen / (TILES_PER_STEP * shape[0] * shape[1])))

        def batches() -> Iterator[tuple[Image, Labels]]:
            for _ in range(steps):
                picks = [int(rng.integers(len(sources))) for _ in range(TILES_PER_STEP)]
                tiles = [augmentation.tile(*sources[i], shape, rng, config) for i in picks]
                yield np.stack([planes for planes, _ in tiles]), np.stack([labels for _, labels in tiles])

        return steps, batches()

    def predict(self, planes: Image) -> Image:
        h, w = planes.shape[:2]
        y, x = np.mgrid[-RADIUS : h + RADIUS, -RADIUS : w + RADIUS].astype(np.float32)
        mirrored = np.pad(planes, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), mode="reflect")
        inputs = np.dstack([mirrored, geometry.relative_position(x, y, (h, w))])
        logits = []
        side = MAX_PREDICTED_SIDE  # one block for all but very long pictures
        for top in range(0, h, side):
            strip = inputs[top : top + side + 2 * RADIUS]
            blocks = [strip[:, left : left + side + 2 * RADIUS] for left in range(0, w, side)]
            found = [np.asarray(self.networks[0](block[None], training=False))[0] for block in blocks]
            logits.append(np.concatenate(found, axis=1))
        return softmax(np.concatenate(logits))

    def grid(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """(w, h) of the aspect of `shape`, with `config.grid` squared pixels at most.

        Nothing is enlarged, and the shorter side holds a patch at least: a very long picture has more pixels.
        """
        h, w = shape[:2]
        scale = min(1.0, max(self.config.grid / math.sqrt(h * w), PATCH / min(h, w)))
        return max(PATCH, round(w * scale)), max(PATCH, round(h * scale))


KINDS: dict[tuple[Preset, Init], type[Labeller]] = {
    (Preset.PAPER, Init.SCRATCH): PatchLabeller,
    (Preset.STANDARD, Init.SCRATCH): DenseLabeller,
    (Preset.STANDARD, Init.PRETRAINED): EmbeddingLabeller,
}
