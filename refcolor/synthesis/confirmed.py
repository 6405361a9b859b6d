"""Matches confirmed beyond doubt: there the source's own chroma stands, and nothing overrules it.

Votes, regions and flat colors argue from gray, and gray cannot tell paints of one gray apart. A match
for which flow there and back, gray, and the motion around it all agree is better evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging import geometry
from refcolor.imaging.color import Image
from refcolor.imaging.neighborhoods import local_range
from refcolor.matching.optical_flow import Matches
from refcolor.matching.views import Views, split_rows

WINDOW = (9, 9)  # pixels; the neighborhood that must agree
MAX_ERROR = 0.5  # pixels of forward-backward error
MAX_RESIDUAL = 1.0  # 8-bit levels; mean difference of gray over the window
MAX_STRETCH = 0.25  # pixels by which neighbors may move apart, mean over the window
LIKELY_ERROR = 1.0  # the same limits for matches that only support votes which agree with them
LIKELY_RESIDUAL = 3.0
MAX_CHROMA_DISTANCE = 10.0  # CIELAB units between a likely match and votes that agree with it
BORDER_STEP = 8.0  # CIELAB units within 3x3 pixels that make a color border of the source


@dataclass(frozen=True)
class Confirmed:
    """What matches say of a target."""

    ab: Image  #: (H, W, 2): CIELAB a, b: the source's where matches are certain, else the votes'
    #: (H, W): pixels that nothing may overrule: certain matches, and votes that likely matches agree with
    kept: NDArray[np.bool_]
    certain: NDArray[np.bool_]  #: (H, W): those with the source's own chroma
    border: NDArray[np.bool_]  #: (H, W): color borders of the source that likely matches carry over
    source_ab: Image  #: (H, W, 2): CIELAB a, b of the source at the matches; the votes' without any
    #: (H, W): gray of the source there less the target's, absolute, mean over 9x9, in 8-bit levels
    residual: Image


def confirm(ab: Image, gray: Image, views: Views, matches: Matches) -> Confirmed:
    """Replace votes by the source's chroma where the match is certain.

    Parameters
    ----------
    ab : float32 (H, W, 2)
        CIELAB a, b of the votes.
    gray : float32 (H, W)
        The target in the source's light, in 8-bit levels.
    views : Views
        Of the source, at the target's scale.
    matches : Matches
        The best flow and its error.
    """
    if not np.isfinite(matches.error).any():
        nowhere = np.zeros(gray.shape, bool)
        return Confirmed(ab, nowhere, nowhere, nowhere, ab, np.full(gray.shape, np.inf, np.float32))
    source_gray, source_ab = _carried(views, matches.best)
    residual = cv2.blur(np.abs(source_gray - gray), WINDOW)
    smooth = cv2.blur(_stretch(matches.best), WINDOW) <= MAX_STRETCH
    certain = smooth & (matches.error <= MAX_ERROR) & (residual <= MAX_RESIDUAL)
    likely = smooth & (matches.error <= LIKELY_ERROR) & (residual <= LIKELY_RESIDUAL)
    agree = ((source_ab - ab) ** 2).sum(-1) <= MAX_CHROMA_DISTANCE**2
    border = likely & ((local_range(source_ab) ** 2).sum(-1) >= BORDER_STEP**2)
    ab = np.where(certain[..., None], source_ab, ab)
    return Confirmed(ab, certain | (likely & agree), certain, border, source_ab, residual)


def _carried(views: Views, field: Image) -> tuple[Image, Image]:
    """Gray (H, W) and chroma (H, W, 2) of the views at the matches (H, W, 2)."""
    view, row = split_rows(field[..., 1], views.height)
    place = np.stack([field[..., 0], row], -1)
    gray, ab = geometry.warp(views.gray255[0], place), geometry.warp(views.ab[0], place)
    for i in range(1, len(views.gray255)):
        here = view == i
        np.copyto(gray, geometry.warp(views.gray255[i], place), where=here)
        np.copyto(ab, geometry.warp(views.ab[i], place), where=here[..., None])
    return gray, ab


def _stretch(field: Image) -> Image:
    """How much further apart matches of neighbors lie than the neighbors do, in pixels: (H, W)."""
    x, y = np.moveaxis(field, -1, 0)
    stretch = np.zeros(x.shape, np.float32)
    for axis, own, other in ((0, y, x), (1, x, y)):
        apart = np.maximum(np.abs(np.diff(own, axis=axis) - 1), np.abs(np.diff(other, axis=axis)))
        part = stretch[:-1] if axis == 0 else stretch[:, :-1]
        np.maximum(part, apart, out=part)
    return stretch
