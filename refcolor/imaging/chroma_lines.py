"""Chroma lines: how likely each palette color is at each gray, and its chroma there.

One color per cluster would quantize shading and gradients. Within a cluster chroma is almost linear in luma,
and the target's luma is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging.color import Image, luma, rgb_to_lab, to_8bit
from refcolor.imaging.palette import Labels

RIDGE = 1e-3  # variance of luma, in [0, 1] squared, below which the slope of a line is held near 0
TRUSTED_PERCENTILES = (1, 99)  # of a cluster's luma, between which its line is used
GRAY_SIGMA = 3.0  # 8-bit levels by which the gray of one color differs between two pictures
MIN_ODDS = 0.02  # of a color at a gray that the source never shows it at


@dataclass(frozen=True)
class ChromaLines:
    """Per palette color: odds at each luma, and chroma as a line over luma.

    Attributes
    ----------
    odds : float32 (256, k)
        Share of each color at each 8-bit gray, all colors taken as equally frequent, plus ``MIN_ODDS``.
    mean, slope : float32 (k, 2)
        ab = mean + slope * (luma - center).
    center, low, high : float32 (k,)
        Luma is clamped to [low, high] first.
    """

    odds: Image
    mean: Image
    slope: Image
    center: Image
    low: Image
    high: Image

    def odds_at(self, gray: Image) -> Image:
        """Odds of every color at the given luma, linear between 8-bit grays: (...) in [0, 1] -> (..., k)."""
        at = gray * 255
        below = np.minimum(at.astype(np.int64), 254)
        share = (at - below)[..., None]
        return np.asarray(self.odds[below] * (1 - share) + self.odds[below + 1] * share, np.float32)

    def chroma(self, gray: Image) -> Image:
        """CIELAB a, b of every color at the given luma: (...) in [0, 1] -> (..., k, 2)."""
        offset = np.clip(gray[..., None], self.low, self.high) - self.center
        return np.asarray(self.mean + self.slope * offset[..., None], np.float32)


def fit(rgb: Image, labels: Labels, k: int) -> ChromaLines:
    """Learn the odds and, by ridge regression, the lines of the source (H, W, 3), labelled (H, W)."""
    labels = labels.ravel()
    ab = rgb_to_lab(rgb)[..., 1:].reshape(-1, 2)
    gray = luma(rgb).ravel()
    mean, slope = np.zeros((k, 2)), np.zeros((k, 2))
    center, low, high = np.zeros(k), np.zeros(k), np.ones(k)
    for label in np.unique(labels):
        inside = labels == label
        g, c = gray[inside].astype(np.float64), ab[inside].astype(np.float64)
        mean[label], center[label] = c.mean(0), g.mean()
        d = g - center[label]
        # einsum, because the last bits of BLAS sums depend on the number of threads
        slope[label] = np.einsum("n,nc->c", d, c - mean[label]) / (np.einsum("n,n->", d, d) + RIDGE * len(g))
        low[label], high[label] = np.percentile(g, TRUSTED_PERCENTILES)
    lines: list[NDArray[np.float32]] = [v.astype(np.float32) for v in (mean, slope, center, low, high)]
    return ChromaLines(_odds(to_8bit(gray), labels, k), *lines)


def _odds(levels: NDArray[np.uint8], labels: NDArray[np.int32], k: int) -> Image:
    counts = np.bincount(levels.astype(np.int64) * k + labels, minlength=256 * k).reshape(256, k)
    smooth = cv2.GaussianBlur(
        counts.astype(np.float64), (1, 0), sigmaX=1, sigmaY=GRAY_SIGMA, borderType=cv2.BORDER_CONSTANT
    )
    likely = smooth / np.maximum(smooth.sum(0), 1e-12)  # p(gray | color)
    return np.asarray(likely / np.maximum(likely.sum(1, keepdims=True), 1e-12) + MIN_ODDS, np.float32)
