"""What surrounds a pixel: the range of values around it, and levels without noise."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging.color import Image

WINDOW = np.ones((3, 3), np.uint8)  # a pixel and its neighbors


def local_range(image: NDArray[Any]) -> NDArray[Any]:
    """Largest minus smallest value in every 3x3 pixels."""
    return np.asarray(cv2.morphologyEx(image, cv2.MORPH_GRADIENT, WINDOW))


def denoised(gray255: Image) -> NDArray[np.uint8]:
    """Gray (H, W), in 8-bit levels, rounded to them; each pixel the median of 3x3."""
    return np.asarray(cv2.medianBlur(np.clip(np.rint(gray255), 0, 255).astype(np.uint8), 3), np.uint8)
