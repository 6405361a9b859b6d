"""Upsample label probabilities to chroma at the target's size, along its edges.

The probabilities are enlarged linearly; the full-size luma brings the edges back: it says which colors each
pixel can have, and their chroma.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
from numpy.typing import NDArray

from refcolor import kernels
from refcolor.imaging.chroma_lines import ChromaLines
from refcolor.imaging.color import Image

MAX_BLOCK_SIZE = 1 << 20  # pixels times colors that a thread takes at once: bounds the memory
MAX_BLOCK_COLUMNS = 1024
BANDWIDTH = 15.0  # CIELAB units; of the mean shift


def chroma(probabilities: Image, lines: ChromaLines, gray: Image) -> Image:
    """Chroma of every pixel of the target.

    At each pixel the enlarged probabilities are multiplied by the odds of each color at the pixel's luma.
    The winner's chroma is then averaged with that of similar colors, weighted by their probabilities: one
    step of mean shift (Comaniciu and Meer 2002) in the chroma plane. So a shade between two clusters is not
    quantized, while two unlike colors are never mixed.

    Parameters
    ----------
    probabilities : float32 (h, w, k)
        Of the palette colors, on the grid.
    lines : ChromaLines
        Of the source.
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
    columns = min(width, MAX_BLOCK_COLUMNS)
    rows = max(1, MAX_BLOCK_SIZE // (columns * k))
    out = np.empty((height, width, 2), np.float32)

    def block(corner: tuple[int, int]) -> None:
        y, x = slice(corner[0], corner[0] + rows), slice(corner[1], corner[1] + columns)
        first, last = above[y][0], min(above[y][-1] + 2, h)
        grid = probabilities[first:last]
        wide = _mix(grid[:, left[x]], grid[:, np.minimum(left[x] + 1, w - 1)], right[x][:, None])
        upper = above[y] - first
        weight = _mix(wide[upper], wide[np.minimum(upper + 1, len(wide) - 1)], down[y][:, None, None])
        weight *= lines.odds_at(gray[y, x])
        ab = lines.chroma(gray[y, x])
        winner = np.take_along_axis(ab, weight.argmax(-1)[..., None, None], axis=2)
        weight *= np.exp(((ab - winner) ** 2).sum(-1) * np.float32(-0.5 / BANDWIDTH**2))
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
