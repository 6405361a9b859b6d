"""Train the label networks on the sources, and predict labels with them.

All random numbers come from one NumPy generator and from seeds of the layers, not from global state: on a CPU
the same seed gives the same weights bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from refcolor.config import PATCH, RADIUS, Config, Progress
from refcolor.imaging import geometry, patches
from refcolor.imaging.color import Image
from refcolor.imaging.palette import Labels
from refcolor.networks import augmentation, embedding

Lessons = Sequence[tuple[Image, Labels]]

BLUR_LEVELS = 16  # of the augmentation, evenly spaced from none to the largest
TILES_PER_STEP = 4  # of the dense network's training
MAX_PREDICTED_SIDE = 1024  # grid pixels that the dense network predicts at once: bounds the memory
PREDICTED_PATCHES = 1024  # that the report's network predicts at once; only speed depends on it


def train_patches(network: Any, lessons: Lessons, config: Config, progress: Progress) -> None:
    """Train the report's network on every pixel of the sources, `config.passes` times.

    Each epoch visits all pixels in a new random order. Every patch is rotated by an angle and blurred by a
    Gaussian drawn evenly from the ranges of `config`; pixels beyond the picture are mirrored.

    Parameters
    ----------
    network : keras.Model
        From :func:`refcolor.networks.architectures.patch_network`; trained in place.
    lessons : sequence of float32 (h, w, 3), int32 (h, w)
        Gray, edges, corners of every source, all of one size, and palette label of every pixel.
    progress : callable
        Called with (steps done, steps in all) after every step.
    """
    compile_patches(network, config)
    run_patches(network, lessons, config, progress)


def compile_patches(network: Any, config: Config) -> None:
    """Give the patch network the report's optimizer and loss."""
    network.compile(
        optimizer=keras.optimizers.Adam(config.learning_rate, epsilon=1e-8),
        loss=keras.losses.SparseCategoricalCrossentropy(),
        jit_compile=False,  # compiling for one picture costs more than it saves
    )


def run_patches(network: Any, lessons: Lessons, config: Config, progress: Progress) -> None:
    """The epochs of :func:`train_patches`, for a network that is compiled."""
    rng = np.random.default_rng(config.seed)
    stack = np.concatenate([patches.blur_stack(planes, blur_levels(config)) for planes, _ in lessons])
    points = np.concatenate([pixels(labels.shape) for _, labels in lessons])
    truth = np.concatenate([labels.ravel() for _, labels in lessons])
    first_level = np.repeat(np.arange(len(lessons), dtype=np.int32), len(truth) // len(lessons)) * BLUR_LEVELS
    batch = min(config.batch, len(points))
    count = len(points) - len(points) % batch  # batches of one size need one traced graph
    steps = config.passes * (count // batch)
    for epoch in range(config.passes):
        order = rng.permutation(len(points))[:count]
        level = first_level[order] + rng.integers(0, BLUR_LEVELS, count, np.int32)
        angle = np.radians(rng.uniform(-config.rotation, config.rotation, count)).astype(np.float32)
        for first in range(0, count, batch):
            part = slice(first, first + batch)
            cut = patches.gather(
                stack, points[order[part]], level=level[part], angle=angle[part], size=PATCH, threads=1
            )  # one thread: a batch is too small to share out
            network.train_on_batch(cut, truth[order[part]])
            progress((epoch * count + first) // batch + 1, steps)


def predict_patches(network: Any, planes: Image) -> Image:
    """Probabilities (h, w, k) of every pixel of `planes` (h, w, 3), without augmentation."""
    h, w = planes.shape[:2]
    points, stack = pixels((h, w)), planes[None]
    parts = [points[first : first + PREDICTED_PATCHES] for first in range(0, len(points), PREDICTED_PATCHES)]
    found = [network(patches.gather(stack, part, size=PATCH), training=False) for part in parts]
    return np.concatenate([np.asarray(part) for part in found]).reshape(h, w, -1)


def blur_levels(config: Config) -> list[float]:
    """Standard deviations, in grid pixels, of the blurs of the augmentation."""
    return [float(sigma) for sigma in np.linspace(0, config.sigma, BLUR_LEVELS)]


def pixels(shape: tuple[int, int]) -> NDArray[np.int32]:
    """Every pixel (x, y) of a picture of `shape` (h, w), row by row: (h * w, 2)."""
    y, x = np.indices(shape, np.int32)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def train_dense(network: Any, lessons: Lessons, config: Config, progress: Progress) -> None:
    """Train the dense network on augmented tiles of the sources.

    An epoch shows as many pixels as the largest source has. Tiles are turned, scaled and blurred; gray and
    position vary a little, so that the network does not rely on their exact values.

    Parameters
    ----------
    network : keras.Model
        From :func:`refcolor.networks.architectures.dense_network`; trained in place.
    lessons : sequence of float32 (h, w, 3), int32 (h, w)
        Gray, edges, corners of every source on its working grid, and palette label of every pixel.
    progress : callable
        Called with (steps done, steps in all) after every step.
    """
    rng = np.random.default_rng(config.seed)
    shapes = np.array([tile_shape(labels.shape, config.tile) for _, labels in lessons])
    shape = tuple(shapes.min(0).tolist())  # tiles of one size need one traced graph
    seen = min(max(labels.size for _, labels in lessons), config.grid**2)  # a long picture takes no longer
    steps = config.passes * max(1, round(seen / (TILES_PER_STEP * shape[0] * shape[1])))
    _compile_logits(network, _one_cycle(config.learning_rate, steps))
    stacks = [patches.blur_stack(planes, blur_levels(config)) for planes, _ in lessons]
    for step in range(steps):
        picks = [int(rng.integers(len(lessons))) for _ in range(TILES_PER_STEP)]
        cuts = [augmentation.tile(stacks[i], lessons[i][1], shape, rng, config) for i in picks]
        planes_in, truth = (np.stack(part) for part in zip(*cuts, strict=True))
        network.train_on_batch(planes_in, truth)
        progress(step + 1, steps)


def tile_shape(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    """(h, w) of a training tile: `side` squared pixels, longer where a picture is too narrow for a square."""
    h, w = min(side, shape[0]), min(side, shape[1])
    return min(side * side // w, shape[0]), min(side * side // h, shape[1])


def predict_dense(network: Any, planes: Image) -> Image:
    """Probabilities (h, w, k) of every pixel of `planes` (h, w, 3)."""
    h, w = planes.shape[:2]
    y, x = np.mgrid[-RADIUS : h + RADIUS, -RADIUS : w + RADIUS].astype(np.float32)
    mirrored = np.pad(planes, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), mode="reflect")
    inputs = np.dstack([mirrored, geometry.relative_position(x, y, (h, w))])
    logits = []
    side = MAX_PREDICTED_SIDE  # one block for all but very long pictures
    for top in range(0, h, side):
        strip = inputs[top : top + side + 2 * RADIUS]
        blocks = [strip[:, left : left + side + 2 * RADIUS] for left in range(0, w, side)]
        found = [np.asarray(network(block[None], training=False))[0] for block in blocks]
        logits.append(np.concatenate(found, axis=1))
    return _softmax(np.concatenate(logits))


def train_readout(
    readout: Any, lessons: Sequence[tuple[Image, Image, Image]], config: Config, progress: Progress
) -> None:
    """Train the readout on the cells of the sources, each about `config.passes` times, in random views.

    Parameters
    ----------
    readout : keras.Model
        From :func:`refcolor.networks.architectures.readout_network`; trained in place.
    lessons : sequence of float32 (V, h, w, 64), (h, w), (h, w, k)
        Of every source: features of V views from :func:`refcolor.networks.embedding.random_views`, mean gray
        of every cell, share of every palette label in every cell.
    progress : callable
        Called with (steps done, steps in all) after every step.
    """
    rng = np.random.default_rng(config.seed)
    inputs = np.concatenate([_inputs(views, gray) for views, gray, _ in lessons], axis=1)
    truth = np.concatenate([shares.reshape(gray.size, -1) for _, gray, shares in lessons])
    batch = min(config.batch, len(truth))
    usual = (embedding.INPUT_SIDE // embedding.CELL_SIDE) ** 2  # cells; a long picture takes no longer
    seen = min(len(truth), len(lessons) * usual)
    steps = max(1, config.passes * seen // batch)
    _compile_logits(readout, _one_cycle(config.learning_rate, steps), soft=True)
    for step in range(steps):
        view, cell = rng.integers(len(inputs), size=batch), rng.integers(len(truth), size=batch)
        cells = inputs[view, cell]
        augmentation.jitter(cells, rng)
        readout.train_on_batch(cells, truth[cell])
        progress(step + 1, steps)


def _inputs(views: Image, gray: Image) -> Image:
    """The readout's inputs for the views of one source: (V, h * w, 67)."""
    inputs = [embedding.readout_inputs(view, gray).reshape(gray.size, -1) for view in views]
    return np.stack(inputs)


def predict_readout(readout: Any, cells: Image, gray: Image) -> Image:
    """Probabilities (h, w, k) for the cells (h, w, 64) of a picture whose mean grays are `gray` (h, w)."""
    inputs = embedding.readout_inputs(cells, gray)
    logits = np.asarray(readout(inputs.reshape(gray.size, -1), training=False))
    return _softmax(logits).reshape(*gray.shape, -1)


def _one_cycle(rate: float, steps: int) -> Any:
    """A learning rate that rises to `rate` for a tenth of the steps and falls to nothing over the rest."""
    rise = max(1, steps // 10)
    return keras.optimizers.schedules.CosineDecay(
        rate / 10, max(1, steps - rise), warmup_target=rate, warmup_steps=rise
    )


def _compile_logits(network: Any, rate: Any, *, soft: bool = False) -> None:
    kind = keras.losses.CategoricalCrossentropy if soft else keras.losses.SparseCategoricalCrossentropy
    network.compile(optimizer=keras.optimizers.Adam(rate), loss=kind(from_logits=True), jit_compile=False)


def _softmax(logits: Image) -> Image:
    odds = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(odds / odds.sum(-1, keepdims=True), np.float32)
