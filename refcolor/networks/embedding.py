"""The shipped embedding (data/embedding.npz): attention to source cells, recalled labels, nearest cells.

Every cell of 4x4 pixels is described by a unit vector of 64 numbers, and by how rough its gray is. A target
cell takes its labels from all source cells, weighted by similarity (Vondrick et al., "Tracking emerges by
colorizing videos", 2018). The shipped network was trained on grays of random channel mixes: it knows shapes
and surroundings, not colors. It sees small pictures, so roughness is measured in larger ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from refcolor import kernels
from refcolor.config import Config
from refcolor.imaging import features, geometry
from refcolor.imaging.color import Image
from refcolor.imaging.neighborhoods import local_range
from refcolor.imaging.palette import Labels
from refcolor.networks import backend

WEIGHTS = Path(__file__).parents[1] / "data" / "embedding.npz"  # of the pre-trained embedding
CELL_SIDE = 4  # pixels
FEATURES = 64  # numbers of the network that describe a cell
TEXTURES = 2  # numbers that tell how rough its gray is: the cell's own, and that of its surroundings
FEATURE_SCALE = 4.0  # the readout's inputs should vary by about 1; a unit vector's numbers are smaller
TEXTURE_SCALE = 2.5  # the same for the textures
TEXTURE_WEIGHT = 0.3  # of the squared difference of textures, which similarity falls by
TEXTURE_SIDE = 8  # pixels of a cell in the picture that textures are measured in
TEXTURE_NOISE = 3.0  # 8-bit levels of local range that say nothing
TEXTURE_WINDOWS = (1, 5)  # cells; sides of the squares that textures are means over
ATTENTION_SCALE = 20.0  # similarities, in [-1, 1], are multiplied by it before the softmax
EDGE_CONFIG = Config(blur=1.0, canny=(20.0, 80.0))  # the embedding was trained with these edges
INPUT_SIDE = 320  # pixels; square root of the number of pixels that the network sees
SIDE_MULTIPLE = 16  # the network takes sides that are multiples of this
PROXIMITY_SIGMA = 0.15  # of the width: how far things move, where nothing else is known
MIN_PROBABILITY = 1e-6  # of every label, as a share of the most probable one
MAX_PAIRS = 1 << 20  # pairs of cells that a thread compares at once: bounds the memory
VIEWS = 8  # the source itself and random variants of it
TURN_SIGMA, ZOOM_SIGMA, SHIFT_SIGMA = 6.0, 0.08, 0.05  # degrees, logarithm, share of the width
GAMMA_SIGMA, GAIN_SIGMA = 0.1, 0.05  # of logarithms


def grid_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """(w, h) of the cells that describe a picture of `shape` (H, W)."""
    w, h = _input_size(shape)
    return w // CELL_SIDE, h // CELL_SIDE


def describe(network: Any, gray: Image) -> Image:
    """The cells of a gray picture (H, W) in [0, 1]: unit vectors and textures (h, w, 64 + 2)."""
    found = _features(network, _input_picture(gray))
    return np.dstack([found, _textures(gray, found.shape[1::-1])])


def recall(
    target: Image, sources: Sequence[tuple[Image, Image]], weights: Sequence[float] = (1.0,)
) -> tuple[Image, Image]:
    """Probabilities (h, w, k) of the labels of target cells (h, w, 66), and the nearest source cells.

    Two opinions are multiplied: one weights source cells by similarity alone, the other by similarity and
    proximity. What is both similar and close counts most, and what has moved far is still found.

    Sources are their cells (h', w', 66), from :func:`describe`, and the share of every label in them
    (h', w', k), from :func:`label_shares`; `weights` tell how much each counts. The nearest cells, by
    similarity and proximity, are given by their centers (h, w, 2): x / width, source number + y / height.
    """
    rows, columns = target.shape[:2]
    memories = [_Memory(target.shape, *source) for source in sources]
    queries = _queries(target)
    probabilities = np.empty((rows, columns, sources[0][1].shape[2]), np.float32)
    nearest = np.empty((rows, columns, 2), np.float32)

    def fill(where: tuple[int, slice]) -> None:
        answers = [memory.compare(queries[where], *where) for memory in memories]
        by_similarity, by_both = (
            np.add.reduce([answer[i] * np.float32(w) for answer, w in zip(answers, weights, strict=True)])
            for i in (0, 1)
        )
        probabilities[where] = _normalized(np.sqrt(_normalized(by_similarity) * _normalized(by_both)))
        number = np.argmax([answer[2] for answer in answers], axis=0)
        center = np.stack([answer[3] for answer in answers])[number, np.arange(len(number))]
        nearest[where] = center + number[:, None] * np.array([0, 1], np.float32)

    step = max(1, MAX_PAIRS // max(memory.cells for memory in memories))
    parts = [(row, slice(left, left + step)) for row in range(rows) for left in range(0, columns, step)]
    with backend.single_threaded_blas(), ThreadPoolExecutor(kernels.threads()) as pool:
        list(pool.map(fill, parts))
    return probabilities, nearest


class _Memory:
    """The cells of one source, prepared for comparison with a target of shape (h, w, ...)."""

    def __init__(self, target: tuple[int, ...], source: Image, shares: Image) -> None:
        self.h, self.w, clusters = shares.shape
        self.cells = self.h * self.w
        self.shares = shares.reshape(self.cells, clusters)
        self.keys = np.ascontiguousarray(_keys(source).reshape(self.cells, -1).T)
        self.proximity_x, self.proximity_y = (
            _proximity(target[i], source.shape[i], source.shape[i] / self.w) for i in (1, 0)
        )

    def compare(self, queries: Image, row: int, columns: slice) -> tuple[Image, Image, Image, Image]:
        """Compare target cells (n, 68), as queries, of one row with all source cells.

        Returns label weights (n, k) by similarity, and by similarity times proximity; that product (n,) for
        the nearest cell, and the cell's center (n, 2) as x / width, y / height.
        """
        similarity: Image = np.asarray(queries @ self.keys, np.float32)
        similarity -= 1
        similarity *= np.float32(ATTENTION_SCALE)
        np.exp(similarity, out=similarity)
        # a Gaussian of the distance is the product of one along each side
        both = similarity.reshape(-1, self.h, self.w) * self.proximity_y[row][:, None]
        both *= self.proximity_x[columns][:, None]
        both = both.reshape(similarity.shape)
        by_similarity, by_both = similarity @ self.shares, both @ self.shares
        both = np.multiply(similarity, both, out=similarity)
        nearest = both.argmax(1)
        strength = np.take_along_axis(both, nearest[:, None], 1)[:, 0]
        center = np.stack([(nearest % self.w + 0.5) / self.w, (nearest // self.w + 0.5) / self.h], -1)
        return by_similarity, by_both, strength, center.astype(np.float32)


def _queries(cells: Image) -> Image:
    """Vectors (h, w, 68) of target cells; their product with a source's keys is the similarity."""
    texture = cells[..., FEATURES:]
    squares = (texture**2).sum(-1, keepdims=True) * np.float32(-TEXTURE_WEIGHT)
    return np.dstack(
        [cells[..., :FEATURES], texture * np.float32(2 * TEXTURE_WEIGHT), squares, np.ones_like(squares)]
    )


def _keys(cells: Image) -> Image:
    """Vectors (h, w, 68) of source cells: cosine, less the weighted squared difference of textures."""
    squares = (cells[..., FEATURES:] ** 2).sum(-1, keepdims=True) * np.float32(-TEXTURE_WEIGHT)
    return np.dstack([cells, np.ones_like(squares), squares])


def random_views(network: Any, gray: Image, seed: int) -> Image:
    """Cells (VIEWS, h, w, 66) of the source, and of random variants of it, which the readout trains with.

    Variants are moved, turned, scaled and relit; their features are brought back to the cells of the source,
    so that the readout learns how the features of one place vary. Textures are those of the source.
    """
    rng = np.random.default_rng(seed)
    picture = _input_picture(gray)
    height, width = picture.shape
    views = [_features(network, picture)]
    y, x = np.mgrid[: height // CELL_SIDE, : width // CELL_SIDE].astype(np.float32)
    center = (CELL_SIDE - 1) / 2  # of the first cell
    x, y = x * CELL_SIDE + center, y * CELL_SIDE + center
    for _ in range(VIEWS - 1):
        angle, zoom = rng.normal(0, TURN_SIGMA), np.exp(rng.normal(0, ZOOM_SIGMA))
        motion = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, zoom)
        motion[:, 2] += rng.normal(0, SHIFT_SIGMA * width, 2)
        variant = cv2.warpAffine(picture, motion, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        gamma, gain = np.exp(rng.normal(0, GAMMA_SIGMA)), np.exp(rng.normal(0, GAIN_SIGMA))
        found = _features(network, np.asarray(np.clip(variant**gamma * gain, 0, 1), np.float32))
        moved_x, moved_y = (row[0] * x + row[1] * y + row[2] for row in motion)
        back = bilinear(found, (moved_x - center) / CELL_SIDE, (moved_y - center) / CELL_SIDE)
        inside = (moved_x >= 0) & (moved_y >= 0) & (moved_x < width) & (moved_y < height)
        views.append(np.where(inside[..., None], back, views[0]))
    textures = _textures(gray, views[0].shape[1::-1])
    return np.stack([np.dstack([view, textures]) for view in views]).astype(np.float32)


def bilinear(grid: Image, x: Image, y: Image) -> Image:
    """Bilinear samples of `grid` (h, w, c) at points (...), clamped to its borders: (..., c)."""
    h, w = grid.shape[:2]
    x, y = np.clip(x, 0, w - 1), np.clip(y, 0, h - 1)
    left, top = np.minimum(x.astype(np.int32), w - 2), np.minimum(y.astype(np.int32), h - 2)
    right, down = (x - left)[..., None].astype(np.float32), (y - top)[..., None].astype(np.float32)
    upper = grid[top, left] + (grid[top, left + 1] - grid[top, left]) * right
    lower = grid[top + 1, left] + (grid[top + 1, left + 1] - grid[top + 1, left]) * right
    return np.asarray(upper + (lower - upper) * down, np.float32)


def readout_inputs(views: Image, gray: Image) -> Image:
    """Features, position and mean gray (V, h * w, 69) of the cells (V, h, w, 66) of a picture (H, W)."""
    count, h, w, _ = views.shape
    y, x = np.mgrid[:h, :w].astype(np.float32)
    means = cv2.resize(gray, (w, h), interpolation=cv2.INTER_AREA) - np.float32(0.5)
    place = np.dstack([geometry.relative_position(x, y, (h, w)), means])
    scale = np.repeat(np.array([FEATURE_SCALE, TEXTURE_SCALE], np.float32), [FEATURES, TEXTURES])
    inputs = [views * scale, np.broadcast_to(place, (count, h, w, 3))]
    return np.concatenate(inputs, axis=-1).reshape(count, h * w, -1)


def input_planes(gray: Image) -> Image:
    """The embedding's input: gray and its Canny edges, (h, w) in [0, 1] -> (h, w, 2)."""
    return np.stack([gray - np.float32(0.5), features.edges(gray, EDGE_CONFIG)], axis=-1)


def label_shares(labels: Labels, size: tuple[int, int], clusters: int) -> Image:
    """Share of every label (H, W) in every cell: (h, w, clusters), `size` = (w, h)."""
    masks = ((labels == label).astype(np.float32) for label in range(clusters))
    shares = [cv2.resize(mask, size, interpolation=cv2.INTER_AREA) for mask in masks]
    return np.asarray(np.stack(shares, axis=-1), np.float32)


def _input_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """(w, h) of what the network sees of a picture of `shape` (H, W)."""
    scale = INPUT_SIDE / math.sqrt(shape[0] * shape[1])
    h, w = (max(2, round(side * scale / SIDE_MULTIPLE)) * SIDE_MULTIPLE for side in shape[:2])
    return w, h


def _input_picture(gray: Image) -> Image:
    """The picture (H, W) at the size that the network sees."""
    small = cv2.resize(gray, _input_size(gray.shape), interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(small, 0, 1), np.float32)


def _textures(gray: Image, size: tuple[int, int]) -> Image:
    """Logarithm of the local range of gray (H, W) in each cell and around it: (h, w, 2), `size` = (w, h)."""
    picture = cv2.resize(
        gray * np.float32(255), (size[0] * TEXTURE_SIDE, size[1] * TEXTURE_SIDE), interpolation=cv2.INTER_AREA
    )
    mean = cv2.resize(local_range(picture), size, interpolation=cv2.INTER_AREA)
    rough = [np.log(cv2.blur(mean, (side, side)) + np.float32(TEXTURE_NOISE)) for side in TEXTURE_WINDOWS]
    return np.asarray(np.dstack(rough) - np.log(np.float32(10)), np.float32)


def _features(network: Any, picture: Image) -> Image:
    return np.asarray(network(input_planes(picture)[None], training=False)[0], np.float32)


def _proximity(targets: int, sources: int, length: float) -> Image:
    """Gaussian weights (targets, sources) of the distance between cells along one side of `length` widths."""
    target, source = (
        (np.arange(n, dtype=np.float32) + 0.5) / n * np.float32(length) for n in (targets, sources)
    )
    squared = (target[:, None] - source) ** 2
    return np.asarray(np.exp(squared * np.float32(-0.5 / PROXIMITY_SIGMA**2)), np.float32)


def _normalized(weights: Image) -> Image:
    weights = weights + MIN_PROBABILITY * weights.max(-1, keepdims=True) + np.float32(1e-30)
    return np.asarray(weights / weights.sum(-1, keepdims=True), np.float32)
