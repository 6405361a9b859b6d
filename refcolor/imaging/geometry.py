"""Sizes and places of pixels: resizing, warping, positions."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging.color import Image

USUAL_SIDE = 768  # pixels; lengths that grow with the picture are stated for a square of this side
MAX_WARP_SIDE = 32_766  # pixels; OpenCV warps no longer side, so such a strip has no flow


def relative_side(shape: tuple[int, ...]) -> float:
    """How large a picture (h, w) is, as a factor for lengths that are stated for 768x768 pixels."""
    return math.sqrt(shape[0] * shape[1]) / USUAL_SIDE


def resize(image: Image, size: tuple[int, int]) -> Image:
    """Resize (H, W[, C]) to `size` = (w, h): by area where a side shrinks, linearly where it grows."""
    small = (min(size[0], image.shape[1]), min(size[1], image.shape[0]))
    image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.float32)


def warp(image: Image, field: Image) -> Image:
    """Bilinear samples of (H', W'[, C]) at the points (x, y) of `field` (H, W, 2), clamped to its borders."""
    x, y = field[..., 0], field[..., 1]
    return np.asarray(cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def relative_position(x: Any, y: Any, shape: tuple[int, ...]) -> Image:
    """Offset of pixels from the center of a picture (h, w), in halves of its longer side: (..., 2)."""
    h, w = shape
    half = max(h, w) / 2
    return np.stack([(x - (w - 1) / 2) / half, (y - (h - 1) / 2) / half], axis=-1).astype(np.float32)


def grid_cells(
    y: NDArray[np.intp], x: NDArray[np.intp], full: tuple[int, ...], small: tuple[int, ...]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column, on a grid of size `small`, of pixels of a picture of size `full`; both (h, w, ...)."""
    return y * small[0] // full[0], x * small[1] // full[1]
