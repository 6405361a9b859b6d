"""One chroma for each flat region of the target: most of its votes, and the network, decide."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging import geometry
from refcolor.imaging.chroma_lines import ChromaLines
from refcolor.imaging.color import Image
from refcolor.imaging.flat_colors import MAX_CHROMA_DISTANCE, NETWORK_WEIGHT
from refcolor.imaging.neighborhoods import denoised, local_range
from refcolor.synthesis.confirmed import Confirmed

MAX_LOCAL_RANGE = 2  # 8-bit levels of gray within 3x3 pixels inside a flat region
MAX_DEVIATION = 3.0  # 8-bit levels; standard deviation of gray over a flat region
MIN_VOTE_SHARE = 0.7  # of both opinions that a region's chroma must have
MIN_PIXELS = 40  # of a region that is settled as a whole
MAX_REGIONS = 4_000  # the largest are settled: bounds the memory
SAMPLE_STRIDE = 4  # one of so many pixels takes part in the network's opinion, whose grid is coarser
HASH_MULTIPLIER = 2_654_435_761  # Knuth's; chooses those pixels without a pattern
BIN, BINS = 12.0, 21  # CIELAB units of a bin of the chroma histogram, and its number of bins a side


@dataclass(frozen=True)
class _Regions:
    """Flat regions: flat indices of their pixels, the region of each, and gray and size of each region."""

    pixels: NDArray[np.intp]
    owner: NDArray[np.intp]
    gray: NDArray[np.float64]
    size: NDArray[np.float64]


def settle(
    evidence: Confirmed,
    gray: Image,
    expected: Image | None = None,
    chroma_lines: ChromaLines | None = None,
) -> Image:
    """Give each flat region the chroma that most of its votes agree on, where they do.

    Regions are connected pixels whose gray is even but for noise: cel paint under compression. Edges of gray
    end them, and color borders of the source that matches carry over: two paints may share one gray.
    Votes, and the network's opinion, fill a histogram of chroma for each region; pixels far from the mean
    around its maximum take that mean, unless matches confirm them. Shaded, painted and grainy regions are not
    flat and stay as they are.

    Parameters
    ----------
    evidence : Confirmed
        CIELAB a, b of the votes, and what matches say of them.
    gray : float32 (H, W)
        The target in the source's light, in 8-bit levels.
    expected : float32 (h, w, k), optional
        The network's probabilities of the palette colors, on any grid; needs `chroma_lines`.
    chroma_lines : ChromaLines, optional
        Of the palette colors.

    Returns
    -------
    float32 (H, W, 2)
        The evidence's a, b, or a copy with settled regions.
    """
    ab = evidence.ab
    regions = _find(gray, evidence.border)
    if regions is None:
        return ab
    owner, count = regions.owner, len(regions.size)
    votes = ab.reshape(-1, 2)[regions.pixels].astype(np.float64)
    histogram = _histogram(owner, votes, 1 / regions.size[owner], count)
    total = 1.0
    if expected is not None and chroma_lines is not None:
        histogram += NETWORK_WEIGHT * _opinion(regions, gray.shape, expected, chroma_lines)
        total += NETWORK_WEIGHT
    center, support = _mode(histogram)
    settled = (support >= MIN_VOTE_SHARE * total)[owner]
    outlier = settled & (((votes - center[owner]) ** 2).sum(-1) > MAX_CHROMA_DISTANCE**2)
    outlier &= ~evidence.kept.ravel()[regions.pixels]
    out = ab.copy()
    out.reshape(-1, 2)[regions.pixels[outlier]] = center[owner[outlier]]
    return out


def _find(gray: Image, border: NDArray[np.bool_]) -> _Regions | None:
    """The flat regions of a picture (H, W) in 8-bit levels between these borders, if there are any."""
    smooth = denoised(gray)
    plain = ((local_range(smooth) <= MAX_LOCAL_RANGE) & ~border).astype(np.uint8)
    count, region = cv2.connectedComponents(plain, connectivity=4, ltype=cv2.CV_32S)
    owner = region.ravel()
    area = np.bincount(owner, minlength=count)
    mean = np.bincount(owner, smooth.ravel(), count) / np.maximum(area, 1)
    variance = np.bincount(owner, (smooth.ravel() - mean[owner]) ** 2, count) / np.maximum(area, 1)
    flat = (area >= MIN_PIXELS) & (variance <= MAX_DEVIATION**2)
    flat[0] = False  # the edges
    if flat.sum() > MAX_REGIONS:
        flat &= area >= np.sort(area[flat])[-MAX_REGIONS]
    if not flat.any():
        return None
    index = np.cumsum(flat) - 1
    pixels = np.flatnonzero(flat[owner])
    return _Regions(pixels, index[owner[pixels]], mean[flat], area[flat].astype(np.float64))


def _opinion(
    regions: _Regions, shape: tuple[int, ...], expected: Image, chroma_lines: ChromaLines
) -> NDArray[np.float64]:
    """Histogram of the chroma that the network expects in each region."""
    count = len(regions.size)
    sample = (regions.pixels * HASH_MULTIPLIER >> 16) % SAMPLE_STRIDE == 0
    owner = regions.owner[sample]
    y, x = np.divmod(regions.pixels[sample], shape[1])
    cells = geometry.grid_cells(y, x, shape, expected.shape)
    planes = np.moveaxis(expected, -1, 0)
    belief = np.stack([np.bincount(owner, p[cells], count) for p in planes], -1).astype(np.float64)
    gray = np.clip(regions.gray / 255, 0, 1).astype(np.float32)
    belief *= chroma_lines.odds_at(gray)
    belief /= np.maximum(belief.sum(1, keepdims=True), 1e-12)
    return _histogram(
        np.repeat(np.arange(count), belief.shape[1]),
        chroma_lines.chroma(gray).reshape(-1, 2).astype(np.float64),
        belief.ravel(),
        count,
    )


def _histogram(
    owner: NDArray[np.intp], ab: NDArray[np.float64], weight: NDArray[np.float64], regions: int
) -> NDArray[np.float64]:
    """Weights of votes, and their weighted a and b, by chroma in each region, with a border of one bin:
    (3, regions, BINS + 2, BINS + 2)."""
    cell = np.clip(np.rint(ab / BIN) + BINS // 2, 0, BINS - 1).astype(np.int64) + 1
    side = BINS + 2
    at = (owner * side + cell[:, 0]) * side + cell[:, 1]
    total = regions * side * side
    sums = [np.bincount(at, w, total) for w in (weight, weight * ab[:, 0], weight * ab[:, 1])]
    return np.stack(sums).astype(np.float64).reshape(3, regions, side, side)


def _mode(histogram: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean a, b (regions, 2) of the 3x3 bins with most weight, and that weight (regions,)."""
    window = np.add.reduce(
        [histogram[:, :, i : i + BINS, j : j + BINS] for i in range(3) for j in range(3)]
    ).reshape(3, histogram.shape[1], -1)
    best = np.arange(window.shape[1]), window[0].argmax(1)
    support = window[0][best]
    return np.stack([window[1][best], window[2][best]], -1) / support[:, None], support
