"""The base of the networks that say how likely each palette color is: training, and what they are asked.

Each is trained once, on one source or several, and then asked about any number of targets. Asking changes
nothing, so threads may share one. All random numbers come from one NumPy generator and from seeds of the
layers: on a CPU the same seed gives the same weights bit for bit. Importing this module imports Keras.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from refcolor.config import Config, Progress
from refcolor.imaging import features, geometry
from refcolor.imaging.color import Image
from refcolor.imaging.features import Features
from refcolor.imaging.paints import Paints
from refcolor.imaging.palette import Labels, Palette
from refcolor.matching.alignment import Source

Lessons = tuple[int, Iterator[tuple[Image, NDArray[Any]]]]  # number of steps; inputs and labels of each


class Labeller(ABC):
    """A network for some sources, which all have the same palette."""

    networks: tuple[Any, ...]  # Keras models in the order of a model file; the last one is trained
    loss: Any = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def __init__(self, sources: Sequence[Source], palette: Palette, config: Config) -> None:
        self.sources, self.palette, self.config = tuple(sources), palette, config

    def train(self, progress: Progress) -> None:
        """Learn the sources; `progress` is told (steps done, steps in all) after every step."""
        steps, batches = self.lessons()
        network = self.networks[-1]
        # compiling for one picture costs more than it saves
        network.compile(optimizer=self.optimizer(steps), loss=self.loss, jit_compile=False)
        for step, (inputs, truth) in enumerate(batches, 1):
            network.train_on_batch(inputs, truth)
            progress(step, steps)

    def optimizer(self, steps: int) -> Any:
        """Adam, with a rate that rises for a tenth of the steps and falls to nothing over the rest."""
        rate, rise = self.config.learning_rate, max(1, steps // 10)
        fall = max(1, steps - rise)
        return keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(rate / 10, fall, warmup_target=rate, warmup_steps=rise)
        )

    @abstractmethod
    def lessons(self) -> Lessons:
        """What the network is trained with."""

    @abstractmethod
    def probabilities(self, gray: Image, weights: Mapping[int, float]) -> tuple[Image, Image | None]:
        """Label probabilities (h, w, k) of a target (H, W), and the nearest source cells, if known."""

    def recall_drawing(
        self, gray: Image, keys: Sequence[Paints], weights: Mapping[int, float], *, traced: bool
    ) -> Image | None:
        """Probabilities (h, w, n) of the paints of a drawing (H, W); None where a network cannot tell.

        `keys` are the paints of the sources of these `weights`, with one numbering; `traced` drawings have
        lines between two paints, too.
        """
        return None

    @abstractmethod
    def grid(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """(w, h) of the network's grid for a picture of `shape` (H, W, ...)."""

    def on_grid(self, source: Source) -> tuple[Image, Labels, Features]:
        """A source on the network's grid: picture (h, w, 3), palette labels (h, w), features."""
        size = self.grid(source.rgb.shape)
        small = geometry.resize(source.rgb, size)
        return small, self.palette.labels(small), features.extract(source.gray, size, self.config)


def softmax(logits: Image) -> Image:
    """Probabilities (..., k) that logits (..., k) stand for."""
    odds = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(odds / odds.sum(-1, keepdims=True), np.float32)
