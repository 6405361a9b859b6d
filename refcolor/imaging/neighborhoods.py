"""What surrounds a pixel: the range of values, levels without noise; nearest labels, and which touch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging.color import Image

WINDOW = np.ones((3, 3), np.uint8)  # a pixel and its neighbors
# Slices of the pixels that have one below, and of those below; the same for the one on the right.
STEPS: tuple[tuple[Any, Any], ...] = (np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])


def local_range(image: NDArray[Any]) -> NDArray[Any]:
    """Largest minus smallest value in every 3x3 pixels."""
    return np.asarray(cv2.morphologyEx(image, cv2.MORPH_GRADIENT, WINDOW))


def denoised(gray255: Image) -> NDArray[np.uint8]:
    """Gray (H, W), in 8-bit levels, rounded to them; each pixel the median of 3x3."""
    return np.asarray(cv2.medianBlur(np.clip(np.rint(gray255), 0, 255).astype(np.uint8), 3), np.uint8)


def nearest(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Labels (H, W) with that of the nearest labelled pixel in place of -1; all 0 if there is none."""
    empty = (labels < 0).astype(np.uint8)
    if empty.all():
        return np.zeros_like(labels)
    if not empty.any():
        return labels
    _, owner = cv2.distanceTransformWithLabels(empty, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    table = np.zeros(owner.max() + 1, np.int32)
    table[owner[empty == 0]] = labels[empty == 0]
    return np.asarray(table[owner])


def borders(
    labels: NDArray[np.int32], weights: Sequence[NDArray[Any]]
) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[Any]]:
    """Labels (H, W) that touch, the lower first, (m, 2); sum of weights along each border, and its length.

    Labels below 0 touch nothing. The weights are those of the :data:`STEPS` from a pixel to the one below,
    (H - 1, W), and to the one on its right, (H, W - 1).
    """
    codes, sums, count = [], [], max(int(labels.max()) + 1, 1)
    for (one, other), weight in zip(STEPS, weights, strict=True):
        first, second = labels[one].astype(np.int64), labels[other].astype(np.int64)
        touch = (first >= 0) & (second >= 0) & (first != second)
        codes.append(np.minimum(first, second)[touch] * count + np.maximum(first, second)[touch])
        sums.append(weight[touch])
    pairs, index = np.unique(np.concatenate(codes), return_inverse=True)
    total = np.bincount(index, np.concatenate(sums), len(pairs))
    return np.stack(np.divmod(pairs, count), -1), total, np.bincount(index, minlength=len(pairs))
