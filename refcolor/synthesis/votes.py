"""Overlapping patches vote for the chroma of each pixel: the strongest mode wins, nothing unlike is mixed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from refcolor import kernels
from refcolor.imaging.color import Image
from refcolor.matching.views import Cells, Views

RADIUS = 2  # of a patch, pixels
TEMPERATURE = 20_000.0  # cost by which a vote's weight falls by e
LUMA_SPREAD = 8.0  # 8-bit levels; standard deviation of gray between a vote and the target
BANDWIDTHS = (20.0, 30.0)  # CIELAB units within which votes agree: at coarser levels, at the last


def vote(
    views: Views,
    gray: Image,
    field: Cells,
    cost: NDArray[np.int32],
    *,
    last: bool = True,
    threads: int | None = None,
) -> tuple[Image, Image]:
    """Chroma from the matches of all patches that cover a pixel.

    Parameters
    ----------
    views : Views
        Of the source, at the target's scale.
    gray : float32 (H, W)
        The target in the source's light, in 8-bit levels.
    field : int32 (H, W, 2)
        Source pixel of every target pixel, inside the views.
    cost : int32 (H, W)
        Of the matched patch.
    last : bool
        Whether the votes are the result; those that only lead to the next level are judged more strictly.
    threads : int, optional
        :func:`refcolor.kernels.threads` if not given. The result does not depend on it.

    Returns
    -------
    float32 (H, W, 2)
        CIELAB a, b: the mean around the strongest mode of the votes (Wexler et al. 2007).
    float32 (H, W)
        Share of the votes, in [0, 1], that support it.
    """
    ab, share = np.empty((*gray.shape, 2), np.float32), np.empty(gray.shape, np.float32)
    kernels.core.vote(
        views.gray255,
        views.ab,
        gray,
        field,
        cost,
        radius=RADIUS,
        temperature=TEMPERATURE,
        luma_spread=LUMA_SPREAD,
        bandwidth=BANDWIDTHS[last],
        ab=ab,
        share=share,
        threads=kernels.threads() if threads is None else threads,
    )
    return ab, share
