"""Upsample label probabilities to chroma at the target's size, along its edges.

The probabilities are enlarged linearly; what brings the edges back is the full-size luma, which says for each
pixel which colors are possible there and what chroma they have.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
from numpy.typing import NDArray

from refcolor import kernels
from refcolor.imaging.chroma_lines import ChromaLines
from refcolor.imaging.color import Image

BLOCK = 1 << 20  # pixels times colors worked on at once by a thread: bounds the memory
WIDEST = 1024  # columns of a block
KIN = 15.0  # CIELAB units; colors this near to the winner's share in the mean


def chroma(probabilities: Image, tints: ChromaLines, gray: Image) -> Image:
    """Chroma of every pixel of the target.

    At each pixel the enlarged probabilities are multiplied by the odds of each color at the pixel's luma.
    The winner's chroma is then averaged with that of its near relatives, weighted by their probabilities:
    one step of mean shift (Comaniciu and Meer 2002) in the chroma plane. So a shade between two clusters is
    not quantized, while two unlike colors are never mixed.

    Parameters
    ----------
    probabilities : float32 (h, w, k)
        Of the palette colors, on the grid.
    tints : ChromaLines
        From the source.
    gray : float32 (H, W)
        The target, in [0, 1].

    Returns
    -------
    float32 (H, W, 2)
        CIELAB a, b.
    """
    height, width = gray.shape
    h, w, k = probabilities.shape
    above, down = _taps(height, h)
    left, right = _taps(width, w)
    columns = min(width, WIDEST)
    rows = max(1, BLOCK // (columns * k))
    out = np.empty((height, width, 2), np.float32)

    def block(corner: tuple[int, int]) -> None:
        y, x = slice(corner[0], corner[0] + rows), slice(corner[1], corner[1] + columns)
        first, last = above[y][0], min(above[y][-1] + 2, h)
        grid = probabilities[first:last]
        wide = _mix(grid[:, left[x]], grid[:, np.minimum(left[x] + 1, w - 1)], right[x][:, None])
        upper = above[y] - first
        weight = _mix(wide[upper], wide[np.minimum(upper + 1, len(wide) - 1)], down[y][:, None, None])
        weight *= tints.odds_at(gray[y, x])
        ab = tints.chroma(gray[y, x])
        winner = np.take_along_axis(ab, weight.argmax(-1)[..., None, None], axis=2)
        weight *= np.exp(((ab - winner) ** 2).sum(-1) * np.float32(-0.5 / KIN**2))
        out[y, x] = (weight[..., None] * ab).sum(2) / weight.sum(-1, keepdims=True)

    with ThreadPoolExecutor(kernels.threads()) as pool:
        list(pool.map(block, product(range(0, height, rows), range(0, width, columns))))
    return out


def _taps(full: int, small: int) -> tuple[NDArray[np.int64], Image]:
    """Linear enlargement: for each of `full` pixels the grid pixel before it and the share of the next."""
    at = np.clip((np.arange(full, dtype=np.float32) + 0.5) * (small / full) - 0.5, 0, small - 1)
    before = at.astype(np.int64)
    return before, np.asarray(at - before, np.float32)


def _mix(first: Image, second: Image, share: Image) -> Image:
    return first + (second - first) * share
