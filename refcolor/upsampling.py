"""From label probabilities on the grid to chroma at the target's own size, along the target's edges.

The probabilities are enlarged linearly; what brings the edges back is the full-size luma, which says for each
pixel which colours are possible there and what chroma they have.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from .color import Image
from .tints import Tints, level

STRIP = 16  # rows worked on at once: bounds the memory, and stays in the cache
KIN = 15.0  # CIELAB units; colours this near to the winner's share in the mean


def chroma(probabilities: Image, tints: Tints, gray: Image) -> Image:
    """Chroma of every pixel of the target.

    At each pixel the enlarged probabilities are multiplied by the odds of each colour at the pixel's luma.
    The winner's chroma is then averaged with that of its near relatives, weighted by their probabilities:
    one step of mean shift (Comaniciu and Meer 2002) in the chroma plane. So a shade between two clusters is
    not quantised, while two unlike colours are never mixed.

    Parameters
    ----------
    probabilities : float32 (h, w, k)
        Of the palette colours, on the grid.
    tints : Tints
        From the source.
    gray : float32 (H, W)
        The target, in [0, 1].

    Returns
    -------
    float32 (H, W, 2)
        CIELAB a, b.
    """
    height, width = gray.shape
    h, _, k = probabilities.shape
    wide = cv2.resize(probabilities.reshape(h, -1, k), (width, h), interpolation=cv2.INTER_LINEAR)
    at = np.clip((np.arange(height, dtype=np.float32) + 0.5) * (h / height) - 0.5, 0, h - 1)
    above = np.minimum(at.astype(np.int64), max(h - 2, 0))
    share = (at - above)[:, None, None].astype(np.float32)
    below = np.minimum(above + 1, h - 1)
    out = np.empty((height, width, 2), np.float32)

    def strip(top: int) -> None:
        rows = slice(top, top + STRIP)
        weight = wide[above[rows]] * (1 - share[rows]) + wide[below[rows]] * share[rows]
        weight *= tints.odds[level(gray[rows])]
        ab = tints.chroma(gray[rows])
        winner = np.take_along_axis(ab, weight.argmax(-1)[..., None, None], axis=2)
        weight *= np.exp(((ab - winner) ** 2).sum(-1) * np.float32(-0.5 / KIN**2))
        out[rows] = (weight[..., None] * ab).sum(2) / weight.sum(-1, keepdims=True)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(strip, range(0, height, STRIP)))
    return out
