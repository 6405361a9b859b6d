"""Train the label networks on the sources, and predict labels with them.

Everything random is drawn from one NumPy generator and from seeds given to the layers: no global state is
set, and the same seed gives the same weights bit for bit on a CPU.
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

BLUR_LEVELS = 16  # blurs a patch can draw from, evenly spaced from none to the largest
TILES = 4  # a step of the dense network's training
BLOCK = 1024  # side, in grid pixels, of what is predicted at once
PREDICT = 1024  # patches a prediction step; only speed depends on it


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
        Told (steps done, steps in all) after every step.
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
    first = np.repeat(np.arange(len(lessons), dtype=np.int32) * BLUR_LEVELS, len(truth) // len(lessons))
    batch = min(config.batch, len(points))
    count = len(points) - len(points) % batch  # equal batches: one traced graph
    steps = config.passes * (count // batch)
    done = 0
    for _ in range(config.passes):
        order = rng.permutation(len(points))[:count]
        level = rng.integers(0, BLUR_LEVELS, count, np.int32)
        angle = np.radians(rng.uniform(-config.rotation, config.rotation, count)).astype(np.float32)
        for at in range(0, count, batch):
            part = slice(at, at + batch)
            pick = order[part]
            cut = patches.gather(
                stack, points[pick], level=first[pick] + level[part], angle=angle[part], size=PATCH, threads=1
            )  # one thread: a batch is too small to share out
            network.train_on_batch(cut, truth[pick])
            done += 1
            progress(done, steps)


def predict_patches(network: Any, planes: Image) -> Image:
    """Probabilities (h, w, k) of every pixel of `planes` (h, w, 3), without augmentation."""
    h, w = planes.shape[:2]
    points, stack = pixels((h, w)), planes[None]
    parts = [
        np.asarray(network(patches.gather(stack, points[at : at + PREDICT], size=PATCH), training=False))
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


def train_dense(network: Any, lessons: Lessons, config: Config, progress: Progress) -> None:
    """Train the dense network on augmented tiles of the sources.

    An epoch is as many steps as it takes to show as many pixels as a source has. Each tile is cut around
    a random pixel, turned, scaled and blurred; its gray gets a small gain and offset, and its position a
    shift, so that the network trusts neither to the last digit.

    Parameters
    ----------
    network : keras.Model
        From :func:`refcolor.networks.architectures.dense_network`; trained in place.
    lessons : sequence of float32 (h, w, 3), int32 (h, w)
        Gray, edges, corners of every source on its working grid, and palette label of every pixel.
    progress : callable
        Told (steps done, steps in all) after every step.
    """
    rng = np.random.default_rng(config.seed)
    shapes = np.array([tile_shape(labels.shape, config.tile) for _, labels in lessons])
    shape = tuple(shapes.min(0).tolist())  # one for all: one traced graph
    seen = min(max(labels.size for _, labels in lessons), config.grid**2)  # no longer for a very long picture
    steps = config.passes * max(1, round(seen / (TILES * shape[0] * shape[1])))
    _compile_logits(network, _one_cycle(config.learning_rate, steps))
    stacks = [patches.blur_stack(planes, blur_levels(config)) for planes, _ in lessons]
    for step in range(steps):
        picks = [int(rng.integers(len(lessons))) for _ in range(TILES)]
        cuts = [augmentation.tile(stacks[i], lessons[i][1], shape, rng, config) for i in picks]
        planes_in, truth = (np.stack(part) for part in zip(*cuts, strict=True))
        network.train_on_batch(planes_in, truth)
        progress(step + 1, steps)


def tile_shape(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    """(h, w) of a training tile: `side` squared, or as many pixels along a picture too narrow for that."""
    h, w = min(side, shape[0]), min(side, shape[1])
    return min(side * side // w, shape[0]), min(side * side // h, shape[1])


def predict_dense(network: Any, planes: Image) -> Image:
    """Probabilities (h, w, k) of every pixel of `planes` (h, w, 3)."""
    h, w = planes.shape[:2]
    y, x = np.mgrid[-RADIUS : h + RADIUS, -RADIUS : w + RADIUS].astype(np.float32)
    mirrored = np.pad(planes, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), mode="reflect")
    inputs = np.dstack([mirrored, geometry.relative_position(x, y, (h, w))])
    rows = []
    for top in range(0, h, BLOCK):
        row = []
        for left in range(0, w, BLOCK):  # one block, but for very long pictures
            part = inputs[top : top + BLOCK + 2 * RADIUS, left : left + BLOCK + 2 * RADIUS]
            row.append(np.asarray(network(part[None], training=False))[0])
        rows.append(np.concatenate(row, axis=1))
    return _softmax(np.concatenate(rows))


def train_readout(
    readout: Any, lessons: Sequence[tuple[Image, Image, Image]], config: Config, progress: Progress
) -> None:
    """Train the readout on the cells of the sources, each seen `config.passes` times, in one view or another.

    Parameters
    ----------
    readout : keras.Model
        From :func:`refcolor.networks.architectures.readout_network`; trained in place.
    lessons : sequence of float32 (V, h, w, 64), (h, w), (h, w, k)
        For every source the embedding's features of V views, from
        :func:`refcolor.networks.embedding.random_views`, mean gray of every cell,
        share of every palette label in every cell.
    progress : callable
        Told (steps done, steps in all) after every step.
    """
    rng = np.random.default_rng(config.seed)
    known = np.concatenate([_cells(views, gray) for views, gray, _ in lessons], axis=1)
    truth = np.concatenate([shares.reshape(gray.size, -1) for _, gray, shares in lessons])
    batch = min(config.batch, len(truth))
    seen = min(
        len(truth), len(lessons) * (embedding.INPUT_SIDE // embedding.CELL_SIDE) ** 2
    )  # a long one has more
    steps = max(1, config.passes * seen // batch)
    _compile_logits(readout, _one_cycle(config.learning_rate, steps), soft=True)
    for step in range(steps):
        view, cell = rng.integers(len(known), size=batch), rng.integers(len(truth), size=batch)
        cells = known[view, cell]
        augmentation.jitter(cells, rng)
        readout.train_on_batch(cells, truth[cell])
        progress(step + 1, steps)


def _cells(views: Image, gray: Image) -> Image:
    """What the readout is told of the cells of one source: (V, h * w, 67)."""
    return np.stack([embedding.readout_inputs(view, gray) for view in views]).reshape(
        len(views), gray.size, -1
    )


def predict_readout(readout: Any, cells: Image, gray: Image) -> Image:
    """Probabilities (h, w, k) for the cells (h, w, 64) of a picture whose mean grays are `gray` (h, w)."""
    h, w = gray.shape
    found = np.asarray(readout(embedding.readout_inputs(cells, gray).reshape(h * w, -1), training=False))
    return _softmax(found).reshape(h, w, -1)


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
