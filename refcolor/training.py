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

from . import embedding, patches
from .color import Image
from .config import PATCH, Config
from .network import RADIUS
from .palette import Labels

Progress = Callable[[int, int], None]  # steps done, steps in all

BLUR_LEVELS = 16  # blurs a patch can draw from, evenly spaced from none to the largest
ZOOM = 0.1  # largest scaling of a tile, as a logarithm
GAIN = 0.02  # largest gain of a tile's gray, as a logarithm; its largest offset is half of it
SHIFT = 0.1  # standard deviation of a tile's position, in halves of the picture's longer side
BLOCK = 1024  # side, in grid pixels, of what is predicted at once
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


def train_dense(
    network: Any,
    planes: Image,
    labels: Labels,
    config: Config,
    progress: Progress,
    context: Image | None = None,
) -> None:
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
    context : float32 (V, h', w', 64), optional
        The embedding's features of V views of the source, for a network that takes them.
    """
    rng = np.random.default_rng(config.seed)
    shape = tile_shape(labels.shape, config.tile)
    seen = min(labels.size, config.grid**2)  # a very long picture is not trained on for longer
    steps = config.epochs * max(1, round(seen / (config.batch * shape[0] * shape[1])))
    rise = max(1, steps // 10)
    rate = keras.optimizers.schedules.CosineDecay(
        config.learning_rate / 10,
        max(1, steps - rise),  # counted from the end of the rise
        warmup_target=config.learning_rate,
        warmup_steps=rise,
    )
    network.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    stack = patches.blur_stack(planes, blur_levels(config))
    for step in range(steps):
        cuts = [_cut_tile(stack, labels, context, shape, rng, config) for _ in range(config.batch)]
        planes_in, truth, around = (list(part) for part in zip(*cuts, strict=True))
        inputs = np.stack(planes_in) if context is None else [np.stack(planes_in), np.stack(around)]
        network.train_on_batch(inputs, np.stack(truth))
        progress(step + 1, steps)


def tile_shape(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    """(h, w) of a training tile: `side` squared, or as many pixels along a picture too narrow for that."""
    h, w = min(side, shape[0]), min(side, shape[1])
    return min(side * side // w, shape[0]), min(side * side // h, shape[1])


def predict_dense(network: Any, planes: Image, context: Image | None = None) -> Image:
    """Probabilities (h, w, k) of every pixel of `planes` (h, w, 3); `context` as in training, of one view."""
    h, w = planes.shape[:2]
    y, x = np.mgrid[-RADIUS : h + RADIUS, -RADIUS : w + RADIUS].astype(np.float32)
    mirrored = np.pad(planes, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), mode="reflect")
    inputs = np.dstack([mirrored, _position(x, y, (h, w))])
    rows = []
    for top in range(0, h, BLOCK):
        row = []
        for left in range(0, w, BLOCK):  # one block, but for very long pictures
            part = inputs[top : top + BLOCK + 2 * RADIUS, left : left + BLOCK + 2 * RADIUS]
            if context is None:
                row.append(network.predict_on_batch(part[None])[0])
                continue
            size = part.shape[0] - 2 * RADIUS, part.shape[1] - 2 * RADIUS
            j, i = np.mgrid[top : top + size[0], left : left + size[1]].astype(np.float32)
            row.append(
                network.predict_on_batch([part[None], embedding.sample_grid(context, i, j, (h, w))[None]])[0]
            )
        rows.append(np.concatenate(row, axis=1))
    logits = np.concatenate(rows)
    odds = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(odds / odds.sum(-1, keepdims=True), np.float32)


def _cut_tile(
    stack: Image,
    labels: Labels,
    context: Image | None,
    shape: tuple[int, int],
    rng: np.random.Generator,
    config: Config,
) -> tuple[Image, Labels, Image | None]:
    """One augmented tile of `shape` (h, w): planes (h + 28, w + 28, 5), labels (h, w), context (h, w, 64)."""
    full = np.array(labels.shape[::-1])  # points are (x, y)
    center = rng.uniform(0, full - 1)
    angle = np.radians(rng.uniform(-config.rotation, config.rotation))
    zoom = np.exp(rng.uniform(-ZOOM, ZOOM))
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    h, w = shape[0] + 2 * RADIUS, shape[1] + 2 * RADIUS

    # OpenCV warps no side beyond 32767: cut out what the tile can see, mirrored borders included
    reach = np.hypot(h, w) * np.exp(ZOOM) / 2 + 2
    low = np.maximum(np.floor(center - reach), 0).astype(int)
    high = np.minimum(np.ceil(center + reach).astype(int) + 1, full)
    window = slice(low[1], high[1]), slice(low[0], high[0])

    def warp(image: Any, height: int, width: int, how: int) -> Any:
        middle = np.array([(width - 1) / 2, (height - 1) / 2])
        to_source = np.column_stack([turn, center - low - turn @ middle])
        how |= cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(image, to_source, (width, height), flags=how, borderMode=cv2.BORDER_REFLECT_101)

    planes = warp(stack[rng.integers(len(stack))][window], h, w, cv2.INTER_LINEAR)
    planes[..., 0] = planes[..., 0] * np.exp(rng.uniform(-GAIN, GAIN)) + rng.uniform(-GAIN, GAIN) / 2
    j, i = np.mgrid[:h, :w].astype(np.float32)
    j, i = j - (h - 1) / 2, i - (w - 1) / 2
    x, y = (turn[r, 0] * i + turn[r, 1] * j + center[r] for r in (0, 1))
    where = _position(x, y, labels.shape) + rng.normal(0, SHIFT, 2)
    truth = warp(labels[window].astype(np.int16), *shape, cv2.INTER_NEAREST)
    around = None
    if context is not None:
        inner = slice(RADIUS, -RADIUS), slice(RADIUS, -RADIUS)
        here = _mirrored(x[inner], full[0]), _mirrored(y[inner], full[1])
        around = embedding.sample_grid(context[rng.integers(len(context))], *here, labels.shape)
    return np.dstack([planes, where]).astype(np.float32), truth.astype(np.int32), around


def _mirrored(at: Any, side: int) -> Any:
    """Points beyond the picture at their mirror image in it, as the tile's pixels are."""
    return np.abs(side - 1 - np.abs(side - 1 - at) % (2 * max(side - 1, 1)))


def _position(x: Any, y: Any, shape: tuple[int, ...]) -> Image:
    """Place in the picture from its middle, in halves of its longer side: (..., 2) in [-1, 1]."""
    h, w = shape
    half = max(h, w) / 2
    return np.stack([(x - (w - 1) / 2) / half, (y - (h - 1) / 2) / half], axis=-1).astype(np.float32)
