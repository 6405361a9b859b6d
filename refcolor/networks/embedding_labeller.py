"""Labels by the shipped embedding: its recall, and a readout that is trained on the sources in seconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache

import cv2
import keras
import numpy as np

from refcolor.config import Config
from refcolor.imaging.color import Image
from refcolor.imaging.paints import Paints
from refcolor.imaging.palette import Palette
from refcolor.matching.alignment import Source
from refcolor.networks import architectures, augmentation, embedding
from refcolor.networks.labeller import Labeller, Lessons, softmax

MIN_PROBABILITY = 1e-2  # added to every label before two opinions are multiplied
MAX_DRAWN_KEYS = 8  # that are remembered as drawings
BORDER_GRAY = 0.4  # of the borders of two paints where a key is seen as a drawing
LINE_BLUR = 0.6  # pixels; standard deviation of the blur of its lines
READOUT_EXPONENT = 0.5  # of the readout's opinion in that product


class EmbeddingLabeller(Labeller):
    """The shipped embedding's recall, and a small network, the readout, that learns to read labels out of it.

    It sees every cell of the sources about `config.passes` times, in random views.
    """

    loss = keras.losses.CategoricalCrossentropy(from_logits=True)

    def __init__(self, sources: Sequence[Source], palette: Palette, config: Config) -> None:
        super().__init__(sources, palette, config)
        embed = architectures.embedding_network(embedding.WEIGHTS)
        self.networks = (embed, architectures.readout_network(len(palette), config.seed))
        self._drawing_memory = lru_cache(MAX_DRAWN_KEYS)(self._new_drawing_memory)

    def grid(self, shape: tuple[int, ...]) -> tuple[int, int]:
        return embedding.grid_size(shape)

    def lessons(self) -> Lessons:
        config, rng = self.config, np.random.default_rng(self.config.seed)
        grays = [source.gray for source in self.sources]
        views = [embedding.random_views(self.networks[0], gray, config.seed) for gray in grays]
        inputs = np.concatenate([*map(embedding.readout_inputs, views, grays)], axis=1)
        truth = np.concatenate([shares.reshape(-1, shares.shape[-1]) for _, shares in self._memories])
        batch = min(config.batch, len(truth))
        usual = (embedding.INPUT_SIDE // embedding.CELL_SIDE) ** 2  # cells; a long picture takes no longer
        seen = min(len(truth), len(self.sources) * usual)
        steps = max(1, config.passes * seen // batch)

        def batches() -> Iterator[tuple[Image, Image]]:
            for _ in range(steps):
                view, cell = rng.integers(len(inputs), size=batch), rng.integers(len(truth), size=batch)
                cells = inputs[view, cell]
                augmentation.jitter(cells, rng)
                yield cells, truth[cell]

        return steps, batches()

    def probabilities(self, gray: Image, weights: Mapping[int, float]) -> tuple[Image, Image]:
        embed, readout = self.networks
        cells = embedding.describe(embed, gray)
        memories = [self._memories[number] for number in weights]
        recalled, nearest = embedding.recall(cells, memories, list(weights.values()))
        logits = readout(embedding.readout_inputs(cells[None], gray)[0], training=False)
        return agree(recalled, softmax(np.asarray(logits)).reshape(recalled.shape)), nearest

    def recall_drawing(
        self, gray: Image, keys: Sequence[Paints], weights: Mapping[int, float], *, traced: bool
    ) -> Image:
        memories = [self._drawing_memory(key, traced) for key in keys]
        cells = embedding.describe(self.networks[0], gray)
        return embedding.recall(cells, memories, list(weights.values()))[0]

    def _new_drawing_memory(self, key: Paints, traced: bool) -> tuple[Image, Image]:
        """The cells of a key that is seen as a drawing, and the share of every paint in each."""
        cells = embedding.describe(self.networks[0], _as_drawing(key, traced=traced))
        return cells, embedding.label_shares(key.labels, cells.shape[1::-1], len(key))

    @cached_property
    def _memories(self) -> list[tuple[Image, Image]]:
        """Every source's cells as the embedding describes them, and the share of every label in each."""
        memories = []
        for source in self.sources:
            assert source.labels is not None
            shares = embedding.label_shares(source.labels, self.grid(source.rgb.shape), len(self.palette))
            memories.append((embedding.describe(self.networks[0], source.gray), shares))
        return memories


def _as_drawing(key: Paints, *, traced: bool) -> Image:
    """A key as a line drawing (H, W), with the borders of its paints if it is `traced`."""
    drawing = np.where(key.lines(traced=traced), np.float32(BORDER_GRAY), np.float32(1))
    drawing[key.line] = 0
    return np.asarray(cv2.GaussianBlur(drawing, (0, 0), LINE_BLUR), np.float32)


def agree(recalled: Image, read: Image) -> Image:
    """One opinion (h, w, k) from the embedding's recall and the readout's: their weighted product."""
    odds = (recalled + MIN_PROBABILITY) * (read + np.float32(MIN_PROBABILITY)) ** np.float32(READOUT_EXPONENT)
    return np.asarray(odds / odds.sum(-1, keepdims=True), np.float32)
