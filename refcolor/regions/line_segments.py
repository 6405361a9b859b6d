"""Cut the paper of a line drawing into segments: finely, so that no gap in a line joins two sides.

Segments grow from the middle of areas (trapped balls of shrinking size, as painting programs use them), and
meet in the gaps. Which belong together is decided later, by how wide the gap is.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.measure import label
from skimage.segmentation import watershed

from refcolor.imaging.color import Image
from refcolor.imaging.geometry import relative_side
from refcolor.imaging.ink import Mask
from refcolor.imaging.neighborhoods import STEPS, borders

BALL = 4.0  # pixels, at 768x768; radius of the ball that areas grow from
MIN_BALL = 2.0  # pixels, in small drawings
SHARES = (2.0, 1.0, 0.5, 0.0)  # of the ball: areas that hold no larger one grow from a smaller one


def cut(stroke: Mask) -> NDArray[np.int32]:
    """Segments (H, W) of a drawing's strokes (H, W), numbered from 0; -1 on strokes."""
    bare = ~stroke
    ball = max(MIN_BALL, BALL * relative_side(stroke.shape))
    distance = cv2.distanceTransform(bare.astype(np.uint8), cv2.DIST_L2, 5)
    seeds, count = np.zeros(stroke.shape, np.int32), 0
    for share in SHARES:
        areas, owner = cv2.connectedComponents((distance > ball * share).astype(np.uint8), connectivity=4)
        new = np.ones(areas, bool)
        new[owner[seeds > 0]] = new[0] = False
        number = np.where(new, np.cumsum(new) + count, 0).astype(np.int32)
        seeds = np.where(new[owner], number[owner], seeds)
        count += int(new.sum())
    depth = -np.minimum(distance, 2 * SHARES[0] * ball)
    return np.asarray(watershed(depth, seeds, mask=bare), np.int32) - 1


def divided(segments: NDArray[np.int32], guide: NDArray[np.int32]) -> NDArray[np.int32]:
    """Segments cut once more wherever a guide (H, W) of numbers from 0 changes; -1 stays as it is."""
    codes = segments.astype(np.int64) * (int(guide.max()) + 1) + guide + 1
    return np.asarray(label(np.where(segments >= 0, codes, 0), connectivity=1, background=0), np.int32) - 1


def links(pieces: NDArray[np.int32], weights: Image) -> tuple[NDArray[np.int64], Image]:
    """Pieces that touch, (m, 2), and the sum (m,) of the pixels' weights (2, H, W) along their border.

    Weights are those of the steps from a pixel to the one below it, and to the one on its right.
    """
    pairs, total, _ = borders(pieces, [weights[axis][one] for axis, (one, _) in enumerate(STEPS)])
    return pairs, total.astype(np.float32)
