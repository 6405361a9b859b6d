"""Gray, edges (Canny) and corners (FAST): the input planes of the networks.

Edges and corners are drawn at full size, then reduced by area: the report found that the least noisy.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.config import Config
from refcolor.imaging import geometry
from refcolor.imaging.color import Image, to_8bit

FAST_RADIUS = 3  # pixels; of the circle that FAST compares with its center


@dataclass(frozen=True)
class Features:
    """Edges and corners of one picture."""

    edges: Image  #: (H, W), Canny edges, 0 or 1
    corners: NDArray[np.float32]  #: (N, 2), FAST keypoints (x, y)
    responses: NDArray[np.float32]  #: (N,), FAST score of each keypoint
    planes: Image  #: (h, w, 3), gray, edges and drawn corners on the network's grid, in [0, 1]


def edges(gray: Image, config: Config) -> Image:
    """Canny (1986) on the blurred gray: (H, W) in [0, 1] -> (H, W), 0 or 1."""
    blurred = cv2.GaussianBlur(to_8bit(gray), (0, 0), config.blur)
    return np.asarray(cv2.Canny(blurred, *config.canny) > 0, np.float32)


def corners(gray: Image, config: Config) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """FAST keypoints (Rosten et al. 2010) with non-maximum suppression: points (N, 2), responses (N,)."""
    keypoints = cv2.FastFeatureDetector.create(config.fast_threshold, True).detect(to_8bit(gray))
    points = np.array([k.pt for k in keypoints], np.float32).reshape(-1, 2)
    return points, np.array([k.response for k in keypoints], np.float32)


def draw_corners(points: NDArray[np.float32], shape: tuple[int, int]) -> Image:
    """Picture (H, W), 0 or 1, of discs the size of FAST's circle: single pixels would vanish on the grid."""
    canvas = np.zeros(shape, np.float32)
    for center in np.rint(points).astype(int).tolist():
        cv2.circle(canvas, center, FAST_RADIUS, 1, cv2.FILLED)
    return canvas


def extract(gray: Image, size: tuple[int, int], config: Config) -> Features:
    """All features of a gray picture (H, W) in [0, 1], with the planes at `size` = (w, h)."""
    edge, (points, responses) = edges(gray, config), corners(gray, config)
    full = (gray, edge, draw_corners(points, gray.shape))
    return Features(edge, points, responses, np.dstack([geometry.resize(plane, size) for plane in full]))
