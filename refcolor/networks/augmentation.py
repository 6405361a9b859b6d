"""Training samples from one picture: augmented tiles, or cells of the embedding."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from refcolor.config import RADIUS, Config
from refcolor.imaging import geometry
from refcolor.imaging.color import Image
from refcolor.imaging.palette import Labels

MAX_ZOOM = 0.1  # of a tile, as a logarithm
MAX_GAIN = 0.02  # of a tile's gray, as a logarithm; the largest offset is half of it
POSITION_SIGMA = 0.1  # in halves of the picture's longer side


def jitter(inputs: Image, rng: np.random.Generator) -> None:
    """Vary position and gray of the readout's inputs (N, 69), each cell on its own, in place."""
    inputs[:, -3:-1] += rng.normal(0, POSITION_SIGMA, (len(inputs), 2))
    inputs[:, -1] = _relit(inputs[:, -1], rng, len(inputs))


def tile(
    stack: Image, labels: Labels, shape: tuple[int, int], rng: np.random.Generator, config: Config
) -> tuple[Image, Labels]:
    """Cut one random tile of `shape` (h, w) out of a picture, turned, scaled, blurred and relit.

    Planes (V, H, W, 3) at several levels of blur, and labels (H, W), become planes (h + 28, w + 28, 5) of the
    tile and of the network's window around it, with the position, and labels (h, w).
    """
    full = np.array(labels.shape[::-1])  # points are (x, y)
    center = rng.uniform(0, full - 1)
    angle = np.radians(rng.uniform(-config.rotation, config.rotation))
    zoom = np.exp(rng.uniform(-MAX_ZOOM, MAX_ZOOM))
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    h, w = shape[0] + 2 * RADIUS, shape[1] + 2 * RADIUS

    # OpenCV warps only sides that are short enough: cut out what the tile can see, mirrored borders included
    reach = np.hypot(h, w) * np.exp(MAX_ZOOM) / 2 + 2
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
    position = geometry.relative_position(x, y, labels.shape) + rng.normal(0, POSITION_SIGMA, 2)
    truth = warp(labels[window].astype(np.int16), *shape, cv2.INTER_NEAREST)
    return np.dstack([planes, position]).astype(np.float32), truth.astype(np.int32)


def tile_shape(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    """(h, w) of a training tile: `side` squared pixels, longer where a picture is too narrow for a square."""
    h, w = min(side, shape[0]), min(side, shape[1])
    return min(side * side // w, shape[0]), min(side * side // h, shape[1])


def _relit(gray: Image, rng: np.random.Generator, count: int | None = None) -> Any:
    """The gray with one random gain and offset, or with `count` of each."""
    gain, offset = (rng.uniform(-MAX_GAIN, MAX_GAIN, count) for _ in range(2))
    return gray * np.exp(gain) + offset / 2
