"""Training samples from one picture: augmented tiles, or cells of the embedding."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from refcolor.config import RADIUS, Config
from refcolor.imaging import geometry
from refcolor.imaging.color import Image
from refcolor.imaging.palette import Labels

ZOOM = 0.1  # largest scaling of a tile, as a logarithm
GAIN = 0.02  # largest gain of a tile's gray, as a logarithm; its largest offset is half of it
SHIFT = 0.1  # standard deviation of a tile's position, in halves of the picture's longer side


def jitter(inputs: Image, rng: np.random.Generator) -> None:
    """Shift the places and relight the grays of cells (N, 67) in place, each on its own."""
    count = len(inputs)
    inputs[:, -3:-1] += rng.normal(0, SHIFT, (count, 2))
    inputs[:, -1] = _relit(inputs[:, -1], rng, count)


def tile(
    stack: Image, labels: Labels, shape: tuple[int, int], rng: np.random.Generator, config: Config
) -> tuple[Image, Labels]:
    """One augmented tile of `shape` (h, w): planes (h + 28, w + 28, 5), from one of a stack (V, H, W, 3) of
    blurred planes, and labels (h, w)."""
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
    planes[..., 0] = _relit(planes[..., 0], rng)
    j, i = np.mgrid[:h, :w].astype(np.float32)
    j, i = j - (h - 1) / 2, i - (w - 1) / 2
    x, y = (turn[r, 0] * i + turn[r, 1] * j + center[r] for r in (0, 1))
    where = geometry.relative_position(x, y, labels.shape) + rng.normal(0, SHIFT, 2)
    truth = warp(labels[window].astype(np.int16), *shape, cv2.INTER_NEAREST)
    return np.dstack([planes, where]).astype(np.float32), truth.astype(np.int32)


def _relit(gray: Image, rng: np.random.Generator, count: int | None = None) -> Any:
    """The gray with one random gain and offset, or with `count` of each."""
    return gray * np.exp(rng.uniform(-GAIN, GAIN, count)) + rng.uniform(-GAIN, GAIN, count) / 2
