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
from .config import PATCH, Config
from .network import RADIUS
from .palette import Labels

Progress = Callable[[int, int], None]  # steps done, steps in all

BLUR_LEVELS = 16  # blurs a patch can draw from, evenly spaced from none to the largest
ZOOM = 0.1  # largest scaling of a tile, as a logarithm
GAIN = 0.02  # largest gain of a tile's gray, as a logarithm; its largest offset is half of it
SHIFT = 0.1  # standard deviation of a tile's position, in halves of the picture's longer side
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
    compile_patches(network, config)
    run_patches(network, planes, labels, config, progress)


def compile_patches(network: Any, config: Config) -> None:
    """Give the patch network the report's optimiser and loss."""
    network.compile(
        optimizer=keras.optimizers.Adam(config.learning_rate, epsilon=1e-8),
        loss=keras.losses.SparseCategoricalCrossentropy(),
        jit_compile=False,  # compiling for one picture costs more than it saves
    )


def run_patches(network: Any, planes: Image, labels: Labels, config: Config, progress: Progress) -> None:
    """The epochs of :func:`train_patches`, for a network that is compiled."""
    rng = np.random.default_rng(config.seed)
    stack = patches.blur_stack(planes, blur_levels(config))
    points, truth = pixels(labels.shape), labels.ravel()
    batch = min(config.batch, len(points))
    count = len(points) - len(points) % batch  # equal batches: one traced graph
    steps = config.epochs * (count // batch)
    done = 0
    for _ in range(config.epochs):
        order = rng.permutation(len(points))[:count]
        level = rng.integers(0, BLUR_LEVELS, count, np.int32)
        angle = np.radians(rng.uniform(-config.rotation, config.rotation, count)).astype(np.float32)
        for at in range(0, count, batch):
            part = slice(at, at + batch)
            pick = order[part]
            cut = patches.gather(
                stack, points[pick], level=level[part], angle=angle[part], size=PATCH, threads=1
            )  # one thread: a batch is too small to share out
            network.train_on_batch(cut, truth[pick])
            done += 1
            progress(done, steps)


def predict_patches(network: Any, planes: Image) -> Image:
    """Probabilities (h, w, k) of every pixel of `planes` (h, w, 3), without augmentation."""
    h, w = planes.shape[:2]
    points, stack = pixels((h, w)), planes[None]
    parts = [
        network.predict_on_batch(patches.gather(stack, points[at : at + PREDICT], size=PATCH))
        for at in range(0, len(points), PREDICT)
    ]
    return np.concatenate(parts).reshape(h, w, -1)


def blur_levels(config: Config) -> list[float]:
    """Standard deviations, in grid pixels, that the augmentation draws from."""
    return [float(sigma) for sigma in np.linspace(0, config.sigma, BLUR_LEVELS)]


def pixels(shape: tuple[int, int]) -> NDArray[np.int32]:
    """All pixels (x, y) of a picture of `shape` (h, w), row by row: (h * w, 2)."""
    y, x = np.indices(shape, np.int32)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def train_dense(network: Any, planes: Image, labels: Labels, config: Config, progress: Progress) -> None:
    """Train the dense network on augmented tiles of the source.

    An epoch is as many steps as it takes to show as many pixels as the source has. Each tile is cut around
    a random pixel, turned, scaled and blurred; its gray gets a small gain and offset, and its position a
    shift, so that the network trusts neither to the last digit.

    Parameters
    ----------
    network : keras.Model
        From :func:`refcolor.network.dense_network`; trained in place.
    planes : float32 (h, w, 3)
        Gray, edges, corners of the source on its working grid.
    labels : int32 (h, w)
        Palette label of every pixel.
    progress : callable
        Told (steps done, steps in all) after every step.
    """
    rng = np.random.default_rng(config.seed)
    tile = min(config.tile, *labels.shape)
    steps = config.epochs * max(1, round(labels.size / (config.batch * tile * tile)))
    rise = max(1, steps // 10)
    rate = keras.optimizers.schedules.CosineDecay(
        config.learning_rate / 10, steps, warmup_target=config.learning_rate, warmup_steps=rise
    )
    network.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    stack = patches.blur_stack(planes, blur_levels(config))
    for step in range(steps):
        cuts = [_cut_tile(stack, labels, tile, rng, config) for _ in range(config.batch)]
        network.train_on_batch(np.stack([c[0] for c in cuts]), np.stack([c[1] for c in cuts]))
        progress(step + 1, steps)


def predict_dense(network: Any, planes: Image) -> Image:
    """Probabilities (h, w, k) of every pixel of `planes` (h, w, 3)."""
    h, w = planes.shape[:2]
    y, x = np.indices((h, w), np.float32)
    seen = np.dstack([planes, _position(x, y, (h, w))])
    seen = np.pad(seen, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), mode="reflect")
    logits = network.predict_on_batch(seen[None])[0]
    odds = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(odds / odds.sum(-1, keepdims=True), np.float32)


def _cut_tile(
    stack: Image, labels: Labels, tile: int, rng: np.random.Generator, config: Config
) -> tuple[Image, Labels]:
    """One augmented tile: inputs (tile + 28, tile + 28, 5) and labels (tile, tile)."""
    h, w = labels.shape
    center = rng.uniform(0, (w - 1, h - 1))
    angle = np.radians(rng.uniform(-config.rotation, config.rotation))
    zoom = np.exp(rng.uniform(-ZOOM, ZOOM))
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    def warp(image: Any, side: int, how: int) -> Any:
        to_source = np.column_stack([turn, center - turn @ np.full(2, (side - 1) / 2)])
        how |= cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(image, to_source, (side, side), flags=how, borderMode=cv2.BORDER_REFLECT_101)

    side = tile + 2 * RADIUS
    planes = warp(stack[rng.integers(len(stack))], side, cv2.INTER_LINEAR)
    planes[..., 0] = planes[..., 0] * np.exp(rng.uniform(-GAIN, GAIN)) + rng.uniform(-GAIN, GAIN) / 2
    j, i = np.indices((side, side), np.float32) - (side - 1) / 2
    x, y = (turn[r, 0] * i + turn[r, 1] * j + center[r] for r in (0, 1))
    where = _position(x, y, (h, w)) + rng.normal(0, SHIFT, 2)
    truth = warp(labels.astype(np.int16), tile, cv2.INTER_NEAREST)
    return np.dstack([planes, where]).astype(np.float32), truth.astype(np.int32)


def _position(x: Image, y: Image, shape: tuple[int, int]) -> Image:
    """Place in the picture from its middle, in halves of its longer side: (..., 2) in [-1, 1]."""
    h, w = shape
    half = max(h, w) / 2
    return np.stack([(x - (w - 1) / 2) / half, (y - (h - 1) / 2) / half], axis=-1).astype(np.float32)
