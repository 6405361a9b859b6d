"""Chroma lines: how likely each palette color is at each gray, and its chroma there.

One color per cluster would quantize shading and gradients. Within a cluster chroma is almost linear in luma,
and the target's luma is known: it brings the edges back to label probabilities that are enlarged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging import geometry
from refcolor.imaging.color import Image, luma, rgb_to_lab, to_8bit
from refcolor.imaging.palette import Labels

RIDGE = 1e-3  # variance of luma, in [0, 1] squared, below which the slope of a line is held near 0
TRUSTED_PERCENTILES = (1, 99)  # of a cluster's luma, between which its line is used
GRAY_SIGMA = 3.0  # 8-bit levels by which the gray of one color differs between two pictures
MIN_ODDS = 0.02  # of a color at a gray that the source never shows it at
BANDWIDTH = 15.0  # CIELAB units; of the mean shift
MAX_PREVIEW_PIXELS = 1 << 15  # of the reduced picture


@dataclass(frozen=True)
class ChromaLines:
    """Per palette color: odds at each luma, and chroma as a line over it: mean + slope * (luma - center)."""

    odds: Image  #: (256, k), share at each 8-bit gray, all colors being equally frequent, plus ``MIN_ODDS``
    mean: Image  #: (k, 2), CIELAB a, b
    slope: Image  #: (k, 2)
    center: Image  #: (k,), luma in [0, 1]
    low: Image  #: (k,), luma below it counts as this
    high: Image  #: (k,), luma above it counts as this

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
    lines: list[Image] = [v.astype(np.float32) for v in (mean, slope, center, low, high)]
    return ChromaLines(_odds(to_8bit(gray), labels, k), *lines)


def _odds(levels: NDArray[np.uint8], labels: Labels, k: int) -> Image:
    """Odds (256, k) of the colors of these pixels (N,) at each gray."""
    counts = np.bincount(levels.astype(np.int64) * k + labels, minlength=256 * k).reshape(256, k) * 1.0
    smooth = over_grays(counts)
    likely = smooth / np.maximum(smooth.sum(0), 1e-12)  # p(gray | color)
    return np.asarray(likely / np.maximum(likely.sum(1, keepdims=True), 1e-12) + MIN_ODDS, np.float32)


def over_grays(counts: NDArray[Any]) -> NDArray[Any]:
    """Counts (256, n) at each gray, spread over the grays that one color may have in another picture."""
    spread = cv2.GaussianBlur(counts, (1, 0), sigmaX=1, sigmaY=GRAY_SIGMA, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(spread)


def upsample(probabilities: Image, lines: ChromaLines, gray: Image) -> Image:
    """CIELAB a, b (H, W, 2) of a target (H, W) in [0, 1] from probabilities (h, w, k) of the palette colors.

    At each pixel the linearly enlarged probabilities are multiplied by the odds of each color at the pixel's
    luma. The winner's chroma is then averaged with that of similar colors, weighted by their probabilities:
    one step of mean shift (Comaniciu and Meer 2002) in the chroma plane. So a shade between two clusters is
    not quantized, while two unlike colors are never mixed.
    """
    height, width = gray.shape
    weight = _enlarge(_enlarge(probabilities, width, 1), height, 0) * lines.odds_at(gray)
    ab = lines.chroma(gray)
    winner = np.take_along_axis(ab, weight.argmax(-1)[..., None, None], axis=2)
    weight *= np.exp(((ab - winner) ** 2).sum(-1) * np.float32(-0.5 / BANDWIDTH**2))
    return np.asarray((weight[..., None] * ab).sum(2) / weight.sum(-1, keepdims=True), np.float32)


def preview(probabilities: Image, lines: ChromaLines, gray: Image) -> Image:
    """As :func:`upsample`, from a reduced picture: smooth between its pixels, in a fraction of the time."""
    scale = min(1.0, math.sqrt(MAX_PREVIEW_PIXELS / gray.size))
    size = max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale))
    found = upsample(probabilities, lines, geometry.resize(gray, size))
    return geometry.resize(found, gray.shape[::-1])


def support(probabilities: Image, lines: ChromaLines, gray: Image, ab: Image) -> Image:
    """Probability (h, w) of chroma like this (h, w, 2) at this luma, from those (h, w, k) of the colors."""
    weight = probabilities * lines.odds_at(gray)
    alike = np.exp(((lines.chroma(gray) - ab[:, :, None]) ** 2).sum(-1) * np.float32(-0.5 / BANDWIDTH**2))
    return np.asarray((weight * alike).sum(-1) / weight.sum(-1), np.float32)


def _enlarge(image: Image, length: int, axis: int) -> Image:
    """Stretch an axis of (h, w, k) to `length`, linearly about pixel centers."""
    short = image.shape[axis]
    at = np.clip((np.arange(length, dtype=np.float32) + 0.5) * (short / length) - 0.5, 0, short - 1)
    before = at.astype(np.int64)
    first, second = image.take(before, axis), image.take(np.minimum(before + 1, short - 1), axis)
    share = np.expand_dims((at - before).astype(np.float32), tuple({0, 1, 2} - {axis}))
    return np.asarray(first + (second - first) * share)
