"""The chroma of each palette colour as a function of luma.

One colour per cluster would quantise shading and gradients away; within a cluster chroma follows luma almost
on a line, and the target's luma is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .color import Image, luma, rgb_to_lab
from .palette import Labels

RIDGE = 1e-3  # variance of luma, in [0, 1] squared, below which a cluster counts as of one chroma
SPAN = (1, 99)  # percentiles of a cluster's luma between which its line is trusted


@dataclass(frozen=True)
class Tints:
    """Lines ab = mean + slope (luma - center), luma held within [low, high]; one per label."""

    mean: NDArray[np.float64]  # (k, 2)
    slope: NDArray[np.float64]  # (k, 2)
    center: NDArray[np.float64]  # (k,)
    low: NDArray[np.float64]  # (k,)
    high: NDArray[np.float64]  # (k,)

    def chroma(self, labels: Labels, gray: Image) -> Image:
        """CIELAB a, b (h, w, 2) for a label map (h, w) and its luma (h, w) in [0, 1]."""
        held = np.clip(gray, self.low[labels], self.high[labels]) - self.center[labels]
        return np.asarray(self.mean[labels] + self.slope[labels] * held[..., None], np.float32)


def fit(rgb: Image, labels: Labels, clusters: int) -> Tints:
    """Ridge regression of chroma on luma within each label, from a picture (h, w, 3) and its labels (h, w)."""
    ab = rgb_to_lab(rgb)[..., 1:].reshape(-1, 2).astype(np.float64)
    gray, flat = luma(rgb).ravel().astype(np.float64), labels.ravel()
    mean, slope = np.zeros((clusters, 2)), np.zeros((clusters, 2))
    center, low, high = np.zeros(clusters), np.zeros(clusters), np.ones(clusters)
    for label in np.unique(flat):
        mine = flat == label
        g, c = gray[mine], ab[mine]
        mean[label], center[label] = c.mean(0), g.mean()
        d = g - center[label]
        slope[label] = d @ (c - mean[label]) / (d @ d + RIDGE * len(g))
        low[label], high[label] = np.percentile(g, SPAN)
    return Tints(mean, slope, center, low, high)
