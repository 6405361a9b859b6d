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


def rgb_to_lab(rgb: Image) -> Image:
    """Encoded sRGB (H, W, 3) in [0, 1] -> CIELAB D65 (H, W, 3), L in [0, 100]."""
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(rgb, np.float32), cv2.COLOR_RGB2LAB), np.float32)


def lab_to_rgb(lab: Image) -> Image:
    """CIELAB D65 (H, W, 3) -> encoded sRGB (H, W, 3), clipped to [0, 1]."""
    rgb = cv2.cvtColor(np.ascontiguousarray(lab, np.float32), cv2.COLOR_LAB2RGB)
    return np.asarray(np.clip(rgb, 0.0, 1.0), np.float32)
