"""Gray, edges and corners: the planes the network looks at.

The full-size edge and corner pictures are made first and then reduced by area, as the report found least
noisy.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .color import Image
from .config import Config

CIRCLE = 3  # radius of the Bresenham circle FAST looks at, pixels


@dataclass(frozen=True)
class Features:
    """What the classical stages see in one picture.

    Attributes
    ----------
    edges : float32 (H, W)
        Canny edges, 0 or 1.
    corners : float32 (N, 2)
        FAST keypoints (x, y).
    responses : float32 (N,)
        FAST score of each keypoint.
    planes : float32 (h, w, 3)
        Gray, edges and drawn corners on the network's grid, in [0, 1].
    """

    edges: Image
    corners: NDArray[np.float32]
    responses: NDArray[np.float32]
    planes: Image


def to_8bit(image: Image) -> NDArray[np.uint8]:
    """[0, 1] -> 0..255, to the nearest level: Canny and FAST are defined on 8-bit gray."""
    return np.asarray(np.rint(np.clip(image, 0, 1) * 255), np.uint8)


def edges(gray: Image, config: Config) -> Image:
    """Canny (1986) on the blurred gray: (H, W) in [0, 1] -> (H, W), 0 or 1."""
    blurred = cv2.GaussianBlur(to_8bit(gray), (0, 0), config.blur)
    return np.asarray(cv2.Canny(blurred, *config.canny) > 0, np.float32)


def corners(gray: Image, config: Config) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """FAST keypoints (Rosten et al. 2010) with non-maximum suppression: points (N, 2), responses (N,)."""
    found = cv2.FastFeatureDetector.create(config.fast_threshold, True).detect(to_8bit(gray))
    points = np.array([k.pt for k in found], np.float32).reshape(-1, 2)
    return points, np.array([k.response for k in found], np.float32)


def draw_corners(points: NDArray[np.float32], shape: tuple[int, int]) -> Image:
    """Picture (H, W), 0 or 1, with a disc the size of FAST's circle on each point.

    A single pixel would all but vanish when the picture is reduced to the grid.
    """
    canvas = np.zeros(shape, np.uint8)
    for x, y in np.rint(points).astype(int).tolist():
        cv2.circle(canvas, (x, y), CIRCLE, 1, cv2.FILLED)
    return canvas.astype(np.float32)


def resize(image: Image, size: tuple[int, int]) -> Image:
    """Resize (H, W[, C]) to `size` = (w, h): by area when that reduces both sides, else linearly."""
    h, w = image.shape[:2]
    how = cv2.INTER_AREA if size[0] <= w and size[1] <= h else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=how), np.float32)


def extract(gray: Image, size: tuple[int, int], config: Config) -> Features:
    """All features of a gray picture (H, W) in [0, 1], with the planes at `size` = (w, h)."""
    edge = edges(gray, config)
    points, responses = corners(gray, config)
    full = (gray, edge, draw_corners(points, gray.shape))
    planes = np.stack([resize(plane, size) for plane in full], axis=-1)
    return Features(edge, points, responses, planes)
