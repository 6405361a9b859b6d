"""What belongs together: an embedding trained to copy colour says which source cells a target cell is like.

Every cell of 4x4 pixels is described by 64 numbers; a target cell takes its labels from all source cells, in
proportion to likeness (Vondrick et al., "Tracking emerges by colorizing videos", 2018). The network knows
shapes and surroundings, not colours: it was trained on grays of random channel mixes.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from . import features
from .color import Image
from .config import Config
from .network import FEATURES, STRIDE, WARMTH
from .palette import Labels

AS_TRAINED = Config(blur=1.0, canny=(20.0, 80.0))  # of its edges: the weights know no others
SIDE = 320  # pixels; square root of the number of pixels that the network is shown
LEAST = 16  # pixels that sides are multiples of
NEAR = 0.15  # of the width: how far things move, where nothing else is known
FLOOR = 1e-6  # probability left to every label
BLOCK = 1 << 23  # pairs of cells compared at once: bounds the memory
VIEWS = 8  # the source, and as many less one of its random motions
TURN, ZOOM, SHIFT = 6.0, 0.08, 0.05  # standard deviations: degrees, logarithm, of the width
GAMMA, GAIN = 0.1, 0.05  # standard deviations of logarithms


def describe(network: Any, gray: Image) -> Image:
    """Features (h, w, 64) of the cells of a gray picture (H, W) in [0, 1], as unit vectors."""
    return _features(network, _shown(gray))


def recall(target: Image, source: Image, labels: Labels, clusters: int) -> tuple[Image, Image]:
    """Probabilities of the palette labels for every target cell, and the cell it is most like.

    Two opinions, one that trusts near cells more and one that does not care where, are multiplied: what is
    both alike and near counts most, and what has moved far is still found.

    Parameters
    ----------
    target, source : float32 (h, w, 64), (h', w', 64)
        From :func:`describe`.
    labels : int32 (H, W)
        Of the source, at any size.

    Returns
    -------
    float32 (h, w, clusters)
        Probabilities.
    float32 (h, w, 2)
        Middle of the likest source cell, as shares of the source's width and height.
    """
    h, w, _ = source.shape
    shares = _shares(labels, (w, h), clusters).reshape(h * w, clusters)
    keys = source.reshape(h * w, FEATURES)
    place, places = _places(target.shape[:2], h / w), _places((h, w), h / w)
    queries = target.reshape(-1, FEATURES)
    out = np.empty((len(queries), clusters), np.float32)
    likest = np.empty(len(queries), np.int64)
    some = max(1, BLOCK // len(keys))
    for at in range(0, len(queries), some):
        part = slice(at, at + some)
        alike = np.exp(WARMTH * (queries[part] @ keys.T - 1))
        apart = ((place[part][:, None] - places) ** 2).sum(-1)
        near = alike * np.exp(apart * np.float32(-0.5 / NEAR**2))
        opinions = [_normal(weight @ shares) for weight in (alike, near)]
        out[part] = _normal(np.sqrt(opinions[0] * opinions[1]))
        likest[part] = (alike * near).argmax(1)  # both opinions, as above
    middle = np.stack([(likest % w + 0.5) / w, (likest // w + 0.5) / h], -1)
    size = target.shape[:2]
    return out.reshape(*size, clusters), middle.reshape(*size, 2).astype(np.float32)


def motion(likest: Image, target: tuple[int, ...], source: tuple[int, ...]) -> Image:
    """The likest cells as matches (H, W, 2) between pictures of these sizes (height, width)."""
    (h, w), (height, width) = likest.shape[:2], target[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    row, column = (y * h / height).astype(np.int32), (x * w / width).astype(np.int32)
    found = likest[row, column] * np.array([source[1], source[0]], np.float32)
    off_x, off_y = x + 0.5 - (column + 0.5) * (width / w), y + 0.5 - (row + 0.5) * (height / h)
    last = np.array([source[1], source[0]], np.float32) - 1
    return np.asarray(np.clip(found + np.stack([off_x, off_y], -1) - 0.5, 0, last), np.float32)


def moved(network: Any, gray: Image, seed: int) -> Image:
    """Features of the source as it would look moved, turned and relit, each at its unmoved place.

    Returns
    -------
    float32 (VIEWS, h, w, 64)
        The first is unmoved. What the per-picture network trains with, so that it learns how features vary.
    """
    rng = np.random.default_rng(seed)
    shown = _shown(gray)
    height, width = shown.shape
    views = [_features(network, shown)]
    y, x = np.mgrid[: height // STRIDE, : width // STRIDE].astype(np.float32)
    middle = (STRIDE - 1) / 2  # of a cell
    x, y = x * STRIDE + middle, y * STRIDE + middle
    for _ in range(VIEWS - 1):
        angle, zoom = rng.normal(0, TURN), np.exp(rng.normal(0, ZOOM))
        motion = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, zoom)
        motion[:, 2] += rng.normal(0, SHIFT * width, 2)
        view = cv2.warpAffine(shown, motion, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        view = np.clip(view ** np.exp(rng.normal(0, GAMMA)) * np.exp(rng.normal(0, GAIN)), 0, 1)
        there_x, there_y = (r[0] * x + r[1] * y + r[2] for r in motion)
        found = _features(network, np.asarray(view, np.float32))
        back = sample(found, (there_x - middle) / STRIDE, (there_y - middle) / STRIDE)
        inside = (there_x >= 0) & (there_y >= 0) & (there_x < width) & (there_y < height)
        views.append(np.where(inside[..., None], back, views[0]))
    return np.stack(views).astype(np.float32)


def sample(cells: Image, x: Image, y: Image) -> Image:
    """Bilinear values of `cells` (h, w, c) at points (...) -> (..., c), held at the borders."""
    h, w = cells.shape[:2]
    x, y = np.clip(x, 0, w - 1), np.clip(y, 0, h - 1)
    left, top = np.minimum(x.astype(np.int32), w - 2), np.minimum(y.astype(np.int32), h - 2)
    right, down = (x - left)[..., None].astype(np.float32), (y - top)[..., None].astype(np.float32)
    upper = cells[top, left] + (cells[top, left + 1] - cells[top, left]) * right
    lower = cells[top + 1, left] + (cells[top + 1, left + 1] - cells[top + 1, left]) * right
    return np.asarray(upper + (lower - upper) * down, np.float32)


def sample_grid(cells: Image, x: Image, y: Image, shape: tuple[int, ...]) -> Image:
    """Values of `cells` at points of a grid of `shape` (H, W) over the same picture."""
    h, w = cells.shape[:2]
    return sample(cells, (x + 0.5) * (w / shape[1]) - 0.5, (y + 0.5) * (h / shape[0]) - 0.5)


def enlarge(cells: Image, shape: tuple[int, int]) -> Image:
    """Cells (h, w, c) on a grid of `shape` (H, W), linearly."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return sample_grid(cells, x, y, shape)


def _shown(gray: Image) -> Image:
    """The picture at the network's scale."""
    scale = SIDE / np.sqrt(gray.size)
    h, w = (max(2, round(side * scale / LEAST)) * LEAST for side in gray.shape)
    return np.asarray(np.clip(cv2.resize(gray, (w, h), interpolation=cv2.INTER_AREA), 0, 1), np.float32)


def planes(gray: Image) -> Image:
    """What the embedding looks at: gray and its Canny edges, (h, w) in [0, 1] -> (h, w, 2)."""
    return np.stack([gray - np.float32(0.5), features.edges(gray, AS_TRAINED)], axis=-1)


def _features(network: Any, shown: Image) -> Image:
    found: Image = np.asarray(network(planes(shown)[None], training=False), np.float32)[0]
    return found


def _shares(labels: Labels, size: tuple[int, int], clusters: int) -> Image:
    """Share of every label in every cell: (h, w, clusters)."""
    shares = [
        cv2.resize((labels == label).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        for label in range(clusters)
    ]
    return np.asarray(np.stack(shares, axis=-1), np.float32)


def _places(shape: tuple[int, ...], aspect: float) -> Image:
    """Middles of the cells (h * w, 2), in widths of a picture that is `aspect` times as high as wide."""
    h, w = shape
    y, x = np.mgrid[:h, :w].astype(np.float32)
    return np.asarray(np.stack([(x.ravel() + 0.5) / w, (y.ravel() + 0.5) / h * aspect], axis=1), np.float32)


def _normal(weight: Image) -> Image:
    weight = weight + FLOOR * weight.max(-1, keepdims=True) + np.float32(1e-30)
    return np.asarray(weight / weight.sum(-1, keepdims=True), np.float32)
