"""Cut the paper of a line drawing into segments: finely, so that no gap in a line joins two sides.

Segments grow from the middle of areas (trapped balls of shrinking size, as painting programs use them), and
meet in the gaps. Which belong together is decided later, by how wide the gap is.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.measure import label
from skimage.segmentation import watershed

from refcolor.imaging.color import Image
from refcolor.imaging.ink import Mask

BALL = 4.0  # pixels, at 768x768; radius of the ball that areas grow from
USUAL_SIDE = 768.0
STEPS: tuple[
    tuple[Any, Any], ...
] = (  # slices of the pixels with one below, with one on the right; and those
    (np.s_[:-1], np.s_[1:]),
    (np.s_[:, :-1], np.s_[:, 1:]),
)
SHARES = (2.0, 1.0, 0.5, 0.0)  # of the ball: areas that hold no larger one grow from a smaller one


def cut(stroke: Mask) -> NDArray[np.int32]:
    """Segments (H, W) of a drawing's strokes (H, W), numbered from 0; -1 on strokes."""
    bare = ~stroke
    ball = max(2.0, BALL * float(np.sqrt(stroke.size)) / USUAL_SIDE)
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
    codes, sums, count = [], [], int(pieces.max()) + 1
    for axis, (one, other) in enumerate(STEPS):
        first, second = pieces[one].astype(np.int64), pieces[other].astype(np.int64)
        touch = (first >= 0) & (second >= 0) & (first != second)
        low, high = np.minimum(first, second)[touch], np.maximum(first, second)[touch]
        codes.append(low * count + high)
        sums.append(weights[axis][one][touch])
    pairs, index = np.unique(np.concatenate(codes), return_inverse=True)
    total = np.bincount(index.ravel(), np.concatenate(sums), len(pairs))
    return np.stack(np.divmod(pairs, max(count, 1)), -1), total.astype(np.float32)
