"""Color conversions: luma, sRGB, CIELAB, by OpenCV in float."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging.checks import check_finite

Image = NDArray[np.float32]

BT601 = np.array([0.299, 0.587, 0.114], np.float32)


def luma(rgb: Image) -> Image:
    """BT.601 luma of an encoded RGB image: (..., 3) -> (...), float32 in [0, 1]."""
    return np.asarray(np.minimum(rgb @ BT601, 1), np.float32)  # rounding may pass 1 by a last bit


def to_8bit(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Clip a picture to [0, 1] and round it to 8 bits; ValueError unless it is floating and finite."""
    if not np.issubdtype(image.dtype, np.floating):
        raise ValueError(f"pictures are float in [0, 1], not {image.dtype}")
    check_finite(image, "the picture")
    return np.asarray(np.rint(np.clip(image, 0, 1) * 255), np.uint8)


def pack(levels: NDArray[np.uint8]) -> NDArray[np.int32]:
    """8-bit colors (..., 3) as numbers (...)."""
    r, g, b = (levels[..., i].astype(np.int32) for i in range(3))
    return np.asarray(r << 16 | g << 8 | b)


def unpack(codes: NDArray[Any]) -> Image:
    """The colors (n, 3), in [0, 1], that numbers (n,) from :func:`pack` stand for."""
    levels = codes[:, None] >> np.array([16, 8, 0]) & 255
    return np.asarray(levels.astype(np.float32) / np.float32(255))


def commonest(levels: NDArray[np.uint8], bits: int) -> NDArray[np.float64]:
    """The commonest of 8-bit colors (n, 3) by the first bits of each channel: its median (3,)."""
    r, g, b = (levels[:, i].astype(np.uint32) >> np.uint32(8 - bits) for i in range(3))
    codes = (r << 2 * bits | g << bits | b).astype(np.intp)  # few enough to be counted without sorting
    return np.asarray(
        np.median(np.take(levels, np.flatnonzero(codes == np.bincount(codes).argmax()), 0), axis=0),
        np.float64,
    )


def rgb_to_lab(rgb: Image) -> Image:
    """Encoded sRGB (H, W, 3) in [0, 1] -> CIELAB D65 (H, W, 3), L in [0, 100]."""
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(rgb, np.float32), cv2.COLOR_RGB2LAB), np.float32)


def lab_to_rgb(lab: Image) -> Image:
    """CIELAB D65 (H, W, 3) -> encoded sRGB (H, W, 3), clipped to [0, 1]."""
    rgb = cv2.cvtColor(np.ascontiguousarray(lab, np.float32), cv2.COLOR_LAB2RGB)
    return np.asarray(np.clip(rgb, 0.0, 1.0), np.float32)
