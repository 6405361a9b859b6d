"""Training the label networks on one picture, and reading labels out of them.

Everything random is drawn from one NumPy generator and from seeds given to the layers: no global state is
set, and the same seed gives the same weights bit for bit on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from . import patches
from .color import Image
from .config import Config
from .network import PATCH, RADIUS
from .palette import Labels

Progress = Callable[[int, int], None]  # steps done, steps in all

BLUR_LEVELS = 16  # blurs a patch can draw from, evenly spaced from none to the largest
PREDICT = 1024  # patches a prediction step; only speed depends on it


def train_patches(network: Any, planes: Image, labels: Labels, config: Config, progress: Progress) -> None:
    """Train the report's network on every pixel of the source, `config.epochs` times.

    Each epoch visits all pixels in a new random order. Every patch is rotated by an angle and blurred by a
    Gaussian drawn evenly from the ranges of `config`; pixels beyond the picture are mirrored.

    Parameters
    ----------
    network : keras.Model
        From :func:`refcolor.network.patch_network`; trained in place.
    planes : float32 (h, w, 3)
        Gray, edges, corners of the source.
    labels : int32 (h, w)
        Palette label of every pixel.
    progress : callable
        Told (steps done, steps in all) after every step.
    """
    rng = np.random.default_rng(config.seed)
    network.compile(
        optimizer=keras.optimizers.Adam(config.learning_rate, epsilon=1e-8),
        loss=keras.losses.SparseCategoricalCrossentropy(),
        jit_compile=False,  # compiling for one picture costs more than it saves
    )
    stack = patches.blur_stack(planes, np.linspace(0, config.sigma, BLUR_LEVELS))
    points, truth = pixels(labels.shape), labels.ravel()
    count = len(points) - len(points) % min(config.batch, len(points))  # equal batches: one traced graph
    starts = range(0, count, min(config.batch, len(points)))
    for epoch in range(config.epochs):
        order = rng.permutation(len(points))[:count]
        level = rng.integers(0, BLUR_LEVELS, count, np.int32)
        angle = np.radians(rng.uniform(-config.rotation, config.rotation, count)).astype(np.float32)
        for step, at in enumerate(starts):
            part = slice(at, at + starts.step)
            pick = order[part]
            batch = patches.gather(stack, points[pick], level=level[part], angle=angle[part], size=PATCH)
            network.train_on_batch(batch, truth[pick])
            progress(epoch * len(starts) + step + 1, config.epochs * len(starts))


def predict_patches(network: Any, planes: Image) -> Image:
    """Probabilities (h, w, k) of every pixel of `planes` (h, w, 3), without augmentation."""
    h, w = planes.shape[:2]
    points, stack = pixels((h, w)), planes[None]
    parts = [
        network.predict_on_batch(patches.gather(stack, points[at : at + PREDICT], size=PATCH))
        for at in range(0, len(points), PREDICT)
    ]
    return np.concatenate(parts).reshape(h, w, -1)


def pixels(shape: tuple[int, int]) -> NDArray[np.int32]:
    """All pixels (x, y) of a picture of `shape` (h, w), row by row: (h * w, 2)."""
    y, x = np.indices(shape, np.int32)
    return np.stack([x.ravel(), y.ravel()], axis=1)


