"""The source as the target sees it: brought to its scale, mirrored where that helps, and matched to it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import features, matching
from .color import Image, luma, rgb_to_lab
from .config import PATCH
from .matching import Field, Matches
from .source import Source
from .synthesis import Views

RESCALED = 0.15  # logarithm of the scale beyond which the source is brought to the target's
SURE = 100  # aligned sparse matches that make it needless to look for a mirrored figure


@dataclass(frozen=True)
class Alignment:
    """What the patches start from.

    Attributes
    ----------
    views : Views
        The source at the target's scale, and perhaps its mirror image.
    candidates : list of float32 (H, W, 2)
        Possible source pixels of every target pixel, as x and view * height + y.
    matches : Matches
        The best flow, how far it is off, and what it says about the light.
    """

    views: Views
    candidates: list[Field]
    matches: Matches


def align(gray: Image, source: Source) -> Alignment:
    """Match a target (H, W) in [0, 1] with the source."""
    target, came = gray * 255, source.gray * 255
    mine = matching.points(target)
    sparse = matching.sparse_matches(mine, source.points)
    scale = 1.0 if gray.shape == came.shape else math.sqrt(gray.size / came.size)
    if sparse.affine is not None:
        aligned = 1 / math.sqrt(abs(float(np.linalg.det(sparse.affine[:, :2]))))
        if abs(math.log(aligned / scale)) > RESCALED:
            scale = aligned
    ab, labels = source.ab, source.labels if source.config.trains else None
    if scale != 1:
        h, w = (max(PATCH, round(side * scale)) for side in came.shape)
        rgb = features.resize(source.rgb, (w, h))
        came, ab = luma(rgb) * 255, rgb_to_lab(rgb)[..., 1:]
        labels = None if labels is None else source.palette.labels(rgb)
        sparse = matching.sparse_matches(mine, matching.points(came))
    candidates, matches = matching.match(target, came, sparse)
    mirrored_too = False
    if sparse.inliers < SURE:
        flipped = np.ascontiguousarray(came[:, ::-1])
        other = matching.sparse_matches(mine, matching.points(flipped))
        mirrored_too = other.affine is not None and other.inliers > sparse.inliers
        if mirrored_too:
            below = np.array([0, came.shape[0]], np.float32)  # the mirror image follows in the rows below
            more, mirrored = matching.match(target, flipped, other)
            candidates += [field + below for field in more]
            matches = matching.better(matches, mirrored, below)

    def seen(plane: NDArray[Any]) -> NDArray[Any]:
        return np.stack([plane, plane[:, ::-1]] if mirrored_too else [plane])

    views = Views(seen(came), seen(ab), None if labels is None else seen(labels.astype(np.uint8)))
    return Alignment(views, candidates, matches)
