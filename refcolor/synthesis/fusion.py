"""Fusion: the confidence of each pixel, and one color for each even region."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging import geometry
from refcolor.imaging.chroma_lines import ChromaLines
from refcolor.imaging.color import Image
from refcolor.imaging.flat_colors import MAX_CHROMA_DISTANCE, MIN_VOTE_SHARE, NETWORK_WEIGHT, local_range
from refcolor.synthesis.search import Synthesis

LOCAL = 9  # pixels; side of the neighborhood that trust is taken over
UNLIKE = 10_000.0  # patch cost at which trust has fallen to 1/e
OPPOSED = 0.4  # trust left where the network expects quite another color
CONFIRMED = 0.8  # of what is missing, that a match confirmed by flow adds
RIPPLE = 3  # 8-bit levels that gray may vary by within 3x3 pixels inside a flat region
EVEN = 3.0  # 8-bit levels; its standard deviation over the region
SMALLEST = 40  # pixels of a region that is looked at as a whole
REGIONS = 4_000  # looked at, the largest: bounds the memory
ASKED = 4  # of so many pixels of a region one is asked what the network, which is coarser, says
SCATTER = 2_654_435_761  # Knuth's multiplier: which ones, without a pattern
HUE, HUES = 12.0, 21  # CIELAB units of a cell of the grid that votes are counted on, and its side


def trust(made: Synthesis, error: Image, expected: Image | None = None) -> Image:
    """How far each pixel's color is to be trusted: (H, W) in [0, 1].

    Patches must look alike over a neighborhood, their votes agree, and the network expect the color they
    gave; matches that flow confirms there and back are believed more.

    Parameters
    ----------
    made : Synthesis
        What the patches gave.
    error : float32 (H, W)
        How far from its start the flow comes back, in pixels.
    expected : float32 (H, W, 2), optional
        CIELAB a, b that the network alone would give.
    """
    alike = np.exp(cv2.blur(made.cost.astype(np.float32), (LOCAL, LOCAL)) * np.float32(-1 / UNLIKE))
    sure = alike * cv2.blur(made.share, (LOCAL, LOCAL))
    if expected is not None:
        apart = ((made.ab - expected) ** 2).sum(-1)
        sure = sure * (OPPOSED + (1 - OPPOSED) * np.exp(apart * np.float32(-0.5 / MAX_CHROMA_DISTANCE**2)))
    confirmed = np.exp(-np.minimum(error, 100))
    return np.asarray(np.clip(sure + (1 - sure) * confirmed * alike * CONFIRMED, 0, 1), np.float32)


def settle(ab: Image, gray: Image, expected: Image | None = None, tints: ChromaLines | None = None) -> Image:
    """One chroma for each flat region of the target, where most of its votes agree on it.

    Regions are connected pixels between edges whose gray is even but for noise: cel paint under compression.
    Votes, and the network's opinion, are counted over the region on a grid of chroma; pixels far from the
    winner take its mean. Shaded, painted and grainy regions are not flat and stay as they are.

    Parameters
    ----------
    ab : float32 (H, W, 2)
        CIELAB a, b found so far.
    gray : float32 (H, W)
        The target, in the source's light, 8-bit levels.
    expected : float32 (h, w, k), optional
        The network's probabilities of the palette colors, on any grid; needs `tints`.
    """
    calm = cv2.medianBlur(np.clip(np.rint(gray), 0, 255).astype(np.uint8), 3)
    inner = (local_range(calm) <= RIPPLE).astype(np.uint8)
    count, region = cv2.connectedComponents(inner, connectivity=4, ltype=cv2.CV_32S)
    owner = region.ravel()
    area = np.bincount(owner, minlength=count)
    mean = np.bincount(owner, calm.ravel(), count) / np.maximum(area, 1)
    spread = np.bincount(owner, (calm.ravel() - mean[owner]) ** 2, count) / np.maximum(area, 1)
    flat = (area >= SMALLEST) & (spread <= EVEN**2)
    flat[0] = False  # the edges
    if flat.sum() > REGIONS:
        flat &= area >= np.sort(area[flat])[-REGIONS]
    if not flat.any():
        return ab
    index = np.cumsum(flat) - 1
    inside = np.flatnonzero(flat[owner])
    whose = index[owner[inside]]
    votes, regions = ab.reshape(-1, 2)[inside].astype(np.float64), int(flat.sum())
    size = area[flat].astype(np.float64)
    counted = _ballot(whose, votes, 1 / size[whose], regions)
    whole = 1.0
    if expected is not None and tints is not None:
        some = (inside * SCATTER >> 16) % ASKED == 0
        asked = whose[some]
        y, x = np.divmod(inside[some], gray.shape[1])
        cells = geometry.grid_cells(y, x, gray.shape, expected.shape)
        planes = np.moveaxis(expected, -1, 0)
        belief = np.stack([np.bincount(asked, p[cells], regions) for p in planes], -1).astype(np.float64)
        level = np.clip(mean[flat] / 255, 0, 1).astype(np.float32)
        belief *= tints.odds_at(level)
        belief /= np.maximum(belief.sum(1, keepdims=True), 1e-12)
        k = belief.shape[1]
        counted += NETWORK_WEIGHT * _ballot(
            np.repeat(np.arange(regions), k),
            tints.chroma(level).reshape(-1, 2).astype(np.float64),
            belief.ravel(),
            regions,
        )
        whole += NETWORK_WEIGHT
    around = np.add.reduce([counted[:, :, i : i + HUES, j : j + HUES] for i in range(3) for j in range(3)])
    support = around[0].reshape(regions, -1)
    winner = support.argmax(1)
    chosen = np.arange(regions), winner
    center = np.stack([around[c].reshape(regions, -1)[chosen] for c in (1, 2)], -1) / support[chosen][:, None]
    clear = support[chosen] >= MIN_VOTE_SHARE * whole
    away = ((votes - center[whose]) ** 2).sum(-1)
    astray = clear[whose] & (away > MAX_CHROMA_DISTANCE**2)
    out = ab.copy()
    out.reshape(-1, 2)[inside[astray]] = center[whose[astray]]
    return out


def _ballot(
    owner: NDArray[np.intp], ab: NDArray[np.float64], weight: NDArray[np.float64], regions: int
) -> NDArray[np.float64]:
    """Weights of votes, and their weighted a and b, on each region's grid of chroma, with a border of one:
    (3, regions, HUES + 2, HUES + 2)."""
    cell = np.clip(np.rint(ab / HUE) + HUES // 2, 0, HUES - 1).astype(np.int64) + 1
    side = HUES + 2
    at = (owner * side + cell[:, 0]) * side + cell[:, 1]
    total = regions * side * side
    sums = [np.bincount(at, w, total) for w in (weight, weight * ab[:, 0], weight * ab[:, 1])]
    return np.stack(sums).astype(np.float64).reshape(3, regions, side, side)
