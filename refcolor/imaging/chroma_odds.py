"""Chroma odds: how much of a source, at one gray, has a chroma.

Where paints share a gray, gray cannot tell them apart. Then no chroma has all of the source at that gray.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging.chroma_lines import over_grays
from refcolor.imaging.color import Image

BIN, BINS = 8.0, 32  # CIELAB units of a bin of chroma, and its number of bins a side
CHROMA_SIGMA = 1.2  # bins within which chroma counts as the same


@dataclass(frozen=True)
class ChromaOdds:
    """Share of the pixels at each gray that lie around each chroma."""

    table: Image  #: (256, BINS, BINS), in [0, 1]

    def share(self, gray255: Image, ab: Image) -> Image:
        """Share (H, W) of chroma like this (H, W, 2) at this gray (H, W), in 8-bit levels."""
        return np.asarray(self.table.ravel()[_cells(gray255, ab)], np.float32)


def learn(gray255: Image, ab: Image) -> ChromaOdds:
    """The odds of pixels of this gray (...), in 8-bit levels, and this chroma (..., 2)."""
    cells = _cells(gray255, ab).ravel()
    counts = np.bincount(cells, minlength=256 * BINS * BINS).astype(np.float32)
    counts = over_grays(counts.reshape(256, -1)).reshape(256, BINS, BINS)
    side = 2 * round(3 * CHROMA_SIGMA) + 1
    kernel = cv2.getGaussianKernel(side, CHROMA_SIGMA).astype(np.float32)
    kernel /= kernel.max()  # all pixels of one chroma count in full
    near = np.stack([cv2.sepFilter2D(plane, -1, kernel, kernel) for plane in counts])
    total = counts.sum((1, 2), keepdims=True)
    return ChromaOdds(np.asarray(np.minimum(near / np.maximum(total, 1e-3), 1), np.float32))


def _cells(gray255: Image, ab: Image) -> NDArray[np.intp]:
    """Place (...) in the flattened table of this gray (...) and chroma (..., 2)."""
    level = np.clip(np.rint(gray255), 0, 255).astype(np.intp)
    bins = np.clip(np.rint(ab / np.float32(BIN)) + BINS // 2, 0, BINS - 1).astype(np.intp)
    return np.asarray((level * BINS + bins[..., 0]) * BINS + bins[..., 1], np.intp)
