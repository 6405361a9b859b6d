"""From the working grid to the target's own size, along the target's edges."""

from __future__ import annotations

import cv2
import numpy as np

from .color import Image

RADIUS = 1  # grid pixels looked at on each side
SPATIAL = 1.0  # standard deviation of the weight in space, grid pixels
RANGE = 0.03  # standard deviation of the weight in gray; lines and paints differ by more
FLOOR = 1e-6  # weight that remains where no grid pixel has the pixel's gray


def joint_bilateral(values: Image, small: Image, gray: Image) -> Image:
    """Joint bilateral up-sampling (Kopf et al. 2007).

    Every pixel takes the mean of the grid pixels around it, weighted by nearness in space and in gray, so
    that values do not leak across the edges of the full-size gray picture.

    Parameters
    ----------
    values : float32 (h, w, C)
        What to enlarge, on the grid.
    small : float32 (h, w)
        The gray picture on the grid, in [0, 1].
    gray : float32 (H, W)
        The gray picture at full size, in [0, 1].

    Returns
    -------
    float32 (H, W, C)
    """
    height, width = gray.shape
    off_x, off_y = _offset(width, small.shape[1]), _offset(height, small.shape[0])
    total = np.zeros((*gray.shape, values.shape[2]), np.float32)
    weights = np.zeros(gray.shape, np.float32)
    padded = np.pad(np.dstack([values, small]), ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), mode="edge")
    span = range(2 * RADIUS + 1)
    for dy in span:
        for dx in span:
            shifted = padded[dy : dy + small.shape[0], dx : dx + small.shape[1]]
            near = cv2.resize(shifted, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
            weight = cv2.exp(-0.5 * ((near[..., -1] - gray) / RANGE) ** 2) + np.float32(FLOOR)
            weight *= np.outer(_gauss(dy - RADIUS - off_y), _gauss(dx - RADIUS - off_x))
            total += near[..., :-1] * weight[..., None]
            weights += weight
    return total / weights[..., None]


def _offset(full: int, small: int) -> Image:
    """Where each of `full` pixel centres lies from the centre of its grid pixel, in grid pixels."""
    at = (np.arange(full) + 0.5) * (small / full)
    return np.asarray(at - np.floor(at) - 0.5, np.float32)


def _gauss(distance: Image) -> Image:
    return np.exp(-0.5 * (distance / SPATIAL) ** 2)
