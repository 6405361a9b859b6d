"""What belongs together: an embedding trained to copy color says which source cells a target cell is like.

Every cell of 4x4 pixels is described by 64 numbers; a target cell takes its labels from all source cells, in
proportion to likeness (Vondrick et al., "Tracking emerges by colorizing videos", 2018). As shipped, the
network knows shapes and surroundings, not colors: it was trained on grays of random channel mixes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np

from refcolor import kernels
from refcolor.config import Config
from refcolor.imaging import features
from refcolor.imaging.color import Image
from refcolor.imaging.palette import Labels

STRIDE = 4  # pixels a side of a cell
FEATURES = 64  # numbers a cell is described by
READ = FEATURES + 3  # numbers the readout is told of a cell
LIFT = 4.0  # of the features, for the readout: a unit vector's numbers are small
WARMTH = 20.0  # of attention: similarities, in [-1, 1], are multiplied by it
AS_TRAINED = Config(blur=1.0, canny=(20.0, 80.0))  # of its edges: the weights know no others
SIDE = 320  # pixels; square root of the number of pixels that the network is shown
LEAST = 16  # pixels that sides are multiples of
NEAR = 0.15  # of the width: how far things move, where nothing else is known
FLOOR = 1e-6  # probability left to every label
BLOCK = 1 << 20  # pairs of cells compared at once by a thread: bounds the memory
VIEWS = 8  # the source, and as many less one of its random motions
TURN, ZOOM, SHIFT = 6.0, 0.08, 0.05  # standard deviations: degrees, logarithm, of the width
GAMMA, GAIN = 0.1, 0.05  # standard deviations of logarithms


def cells(shape: tuple[int, ...]) -> tuple[int, int]:
    """(w, h) of the cells that a picture of `shape` (H, W) is described by."""
    h, w = _shown_size(shape)
    return w // STRIDE, h // STRIDE


def describe(network: Any, gray: Image) -> Image:
    """Features (h, w, 64) of the cells of a gray picture (H, W) in [0, 1], as unit vectors."""
    return _features(network, _shown(gray))


def recall(
    target: Image, memories: Sequence[tuple[Image, Image]], weights: Sequence[float] = (1.0,)
) -> tuple[Image, Image]:
    """Probabilities of the palette labels for every target cell, and the source cell it is most like.

    Two opinions, one that trusts near cells more and one that does not care where, are multiplied: what is
    both alike and near counts most, and what has moved far is still found.

    Parameters
    ----------
    target : float32 (h, w, 64)
        From :func:`describe`.
    memories : sequence of float32 (h', w', 64), (h', w', k)
        Each source's cells, from :func:`describe`, and the share of every label in them, from :func:`shares`.
    weights : sequence of float
        How much each source counts.

    Returns
    -------
    float32 (h, w, k)
        Probabilities.
    float32 (h, w, 2)
        Middle of the likest source cell, as share of its source's width, and number of the source plus
        share of its height.
    """
    rows, columns = target.shape[:2]
    sources = [_Memory(target.shape, *memory) for memory in memories]
    out = np.empty((rows, columns, memories[0][1].shape[2]), np.float32)
    likest = np.empty((rows, columns, 2), np.float32)

    def look(where: tuple[int, slice]) -> None:
        looks = [source.look(target[where], *where) for source in sources]
        alike, near = (
            np.add.reduce([look[i] * np.float32(w) for look, w in zip(looks, weights, strict=True)])
            for i in (0, 1)
        )
        agreed: Image = np.asarray(np.sqrt(_normal(alike) * _normal(near)), np.float32)
        number = np.argmax([look[2] for look in looks], axis=0)
        at = np.stack([look[3] for look in looks])[number, np.arange(len(number))]
        likest[where] = at + number[:, None] * np.array([0, 1], np.float32)
        out[where] = _normal(agreed)

    some = max(1, BLOCK // max(source.cells for source in sources))
    parts = [(row, slice(at, at + some)) for row in range(rows) for at in range(0, columns, some)]
    with ThreadPoolExecutor(kernels.threads()) as pool:
        list(pool.map(look, parts))
    return out, likest


class _Memory:
    """One source's cells, to be looked at from the cells of a target of shape (h, w, 64)."""

    def __init__(self, target: tuple[int, ...], source: Image, shares: Image) -> None:
        self.h, self.w, clusters = shares.shape
        self.cells = self.h * self.w
        self.shares = shares.reshape(self.cells, clusters)
        self.features = np.ascontiguousarray(source.reshape(self.cells, FEATURES).T)
        self.across, self.down = (
            _nearness(target[i], source.shape[i], source.shape[i] / self.w) for i in (1, 0)
        )

    def look(self, target: Image, row: int, part: slice) -> tuple[Image, Image, Image, Image]:
        """Labels (n, k) from alike cells, from alike and near ones; how much so the likest is, and where."""
        alike: Image = np.asarray(target @ self.features, np.float32)
        alike -= 1
        alike *= np.float32(WARMTH)
        np.exp(alike, out=alike)
        # a Gaussian of the distance is the product of one along each side
        near = alike.reshape(-1, self.h, self.w) * self.down[row][:, None]
        near *= self.across[part][:, None]
        near = near.reshape(alike.shape)
        labels, near_labels = alike @ self.shares, near @ self.shares
        both = np.multiply(alike, near, out=alike)
        likest = both.argmax(1)
        how = np.take_along_axis(both, likest[:, None], 1)[:, 0]
        middle = np.stack([(likest % self.w + 0.5) / self.w, (likest // self.w + 0.5) / self.h], -1)
        return labels, near_labels, how, middle.astype(np.float32)


def moved(network: Any, gray: Image, seed: int) -> Image:
    """Features of the source as it would look moved, turned and relit, each at its unmoved place.

    Returns
    -------
    float32 (VIEWS, h, w, 64)
        The first is unmoved. What the readout trains with, so that it learns how features vary.
    """
    rng = np.random.default_rng(seed)
    picture = _shown(gray)
    height, width = picture.shape
    views = [_features(network, picture)]
    y, x = np.mgrid[: height // STRIDE, : width // STRIDE].astype(np.float32)
    middle = (STRIDE - 1) / 2  # of a cell
    x, y = x * STRIDE + middle, y * STRIDE + middle
    for _ in range(VIEWS - 1):
        angle, zoom = rng.normal(0, TURN), np.exp(rng.normal(0, ZOOM))
        motion = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, zoom)
        motion[:, 2] += rng.normal(0, SHIFT * width, 2)
        view = cv2.warpAffine(picture, motion, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        view = np.clip(view ** np.exp(rng.normal(0, GAMMA)) * np.exp(rng.normal(0, GAIN)), 0, 1)
        there_x, there_y = (r[0] * x + r[1] * y + r[2] for r in motion)
        found = _features(network, np.asarray(view, np.float32))
        back = sample(found, (there_x - middle) / STRIDE, (there_y - middle) / STRIDE)
        inside = (there_x >= 0) & (there_y >= 0) & (there_x < width) & (there_y < height)
        views.append(np.where(inside[..., None], back, views[0]))
    return np.stack(views).astype(np.float32)


def sample(grid: Image, x: Image, y: Image) -> Image:
    """Bilinear values of `grid` (h, w, c) at points (...) -> (..., c), held at the borders."""
    h, w = grid.shape[:2]
    x, y = np.clip(x, 0, w - 1), np.clip(y, 0, h - 1)
    left, top = np.minimum(x.astype(np.int32), w - 2), np.minimum(y.astype(np.int32), h - 2)
    right, down = (x - left)[..., None].astype(np.float32), (y - top)[..., None].astype(np.float32)
    upper = grid[top, left] + (grid[top, left + 1] - grid[top, left]) * right
    lower = grid[top + 1, left] + (grid[top + 1, left + 1] - grid[top + 1, left]) * right
    return np.asarray(upper + (lower - upper) * down, np.float32)


def cell_inputs(cells: Image, gray: Image) -> Image:
    """What the readout is told of cells (h, w, 64) of mean gray (h, w): features, place, gray (h, w, 67)."""
    h, w = gray.shape
    y, x = np.mgrid[:h, :w].astype(np.float32)
    place = features.position(x, y, (h, w))
    return np.concatenate([cells * np.float32(LIFT), place, gray[..., None] - np.float32(0.5)], axis=-1)


def planes(gray: Image) -> Image:
    """What the embedding looks at: gray and its Canny edges, (h, w) in [0, 1] -> (h, w, 2)."""
    return np.stack([gray - np.float32(0.5), features.edges(gray, AS_TRAINED)], axis=-1)


def shares(labels: Labels, size: tuple[int, int], clusters: int) -> Image:
    """Share of every label (H, W) in every cell: (h, w, clusters), `size` = (w, h)."""
    found = [
        cv2.resize((labels == label).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        for label in range(clusters)
    ]
    return np.asarray(np.stack(found, axis=-1), np.float32)


def _shown_size(shape: tuple[int, ...]) -> tuple[int, int]:
    scale = SIDE / math.sqrt(shape[0] * shape[1])
    h, w = (max(2, round(side * scale / LEAST)) * LEAST for side in shape[:2])
    return h, w


def _shown(gray: Image) -> Image:
    """The picture (H, W) at the scale the network sees it in; both sides are multiples of 16."""
    h, w = _shown_size(gray.shape)
    return np.asarray(np.clip(cv2.resize(gray, (w, h), interpolation=cv2.INTER_AREA), 0, 1), np.float32)


def _features(network: Any, picture: Image) -> Image:
    found: Image = np.asarray(network(planes(picture)[None], training=False), np.float32)[0]
    return found


def _nearness(to: int, came: int, side: float) -> Image:
    """Weight (to, came) of cells by their distance along one side, which is `side` widths long."""
    here, there = ((np.arange(n, dtype=np.float32) + 0.5) / n * np.float32(side) for n in (to, came))
    return np.asarray(np.exp((here[:, None] - there) ** 2 * np.float32(-0.5 / NEAR**2)), np.float32)


def _normal(weight: Image) -> Image:
    weight = weight + FLOOR * weight.max(-1, keepdims=True) + np.float32(1e-30)
    return np.asarray(weight / weight.sum(-1, keepdims=True), np.float32)
