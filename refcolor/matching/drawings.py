"""Match line drawings: optical flow on maps of the distance to the nearest line, and how far to trust it.

Lines are thin and alike, so flow finds little in a drawing itself; the distance to its lines fills the areas
between them. Short distances catch fine detail, long ones large motion.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from refcolor.imaging import geometry
from refcolor.imaging.color import Image
from refcolor.imaging.ink import Mask
from refcolor.matching import optical_flow, sparse
from refcolor.matching.views import Field

MAX_PIXELS = 1 << 19  # larger drawings are matched at this size
REACHES = (6.0, 12.0, 48.0)  # pixels, at 768x768, at which distances saturate
MIN_SCALE = 0.25  # of reaches and windows, in small drawings
COMPARED_REACH = 24.0  # the same, of the distances that are compared along a match
DUST_AREA = 8  # pixels; lines that have no more are dust
MAX_ERROR = 30.0  # pixels of forward-backward error beyond which none is worse
WINDOWS = (31, 9, 31, 91)  # pixels, the same; of the means below
# Log-odds that a match shows the right paint: a constant, and weights of log(1 + reason). Reasons are the
# forward-backward error, its mean over the first window, the mean difference of distances over the others.
TRUST = (3.5, -0.23, -0.33, -0.35, -0.27, -0.96)


@dataclass(frozen=True)
class LineMatches:
    """Where the pixels of a drawing may come from."""

    field: Field  #: (H, W, 2): source pixel (x, y) of every target pixel
    trust: Image  #: (H, W): chance that it shows the same paint, in [0, 1]


def match(target: Mask, source: Mask) -> list[LineMatches]:
    """Match the lines (H, W) of a drawing with those (H', W') of a key, on maps of several reaches."""
    factor = min(1.0, float(np.sqrt(MAX_PIXELS / max(target.size, source.size))))
    distances = [_distance(_without_dust(lines), factor) for lines in (target, source)]
    scale = max(MIN_SCALE, geometry.relative_side(distances[0].shape))
    compared = [np.minimum(d, np.float32(COMPARED_REACH * scale)) for d in distances]
    found = []
    for reach in REACHES:
        far = np.float32(reach * scale)
        maps = [np.asarray(1 - np.minimum(d, far) / far, np.float32) for d in distances]
        motion = sparse.match(sparse.detect(maps[0]), sparse.detect(maps[1]))
        _, best = optical_flow.match(maps[0], maps[1], motion)
        trust = _trust(compared[0], compared[1], best.best, best.error, scale)
        found.append(LineMatches(_enlarged(best.best, target, source), _resized(trust, target)))
    return found


def _without_dust(lines: Mask) -> Mask:
    """Lines without specks, which distances would be measured to."""
    _, owner, stats, _ = cv2.connectedComponentsWithStats(lines.astype(np.uint8), connectivity=8)
    kept = stats[:, cv2.CC_STAT_AREA] > DUST_AREA
    kept[0] = False
    return np.asarray(kept[owner])


def _distance(lines: Mask, factor: float) -> Image:
    """Distance to the nearest line, in pixels of the reduced drawing."""
    h, w = lines.shape
    if lines.any():
        distance = cv2.distanceTransform((~lines).astype(np.uint8), cv2.DIST_L2, 5)
    else:
        distance = np.full(lines.shape, np.hypot(h, w), np.float32)
    if factor < 1:
        size = (max(1, round(w * factor)), max(1, round(h * factor)))
        distance = cv2.resize(distance, size, interpolation=cv2.INTER_AREA) * np.float32(factor)
    return np.asarray(distance, np.float32)


def _trust(target: Image, source: Image, field: Field, error: Image, scale: float) -> Image:
    """Chance that matches between two maps of distances show the same paint."""
    x, y = (np.rint(field[..., i]).astype(np.int32) for i in (0, 1))
    difference = np.abs(source[y, x] - target) / np.float32(scale)
    error = np.minimum(error, MAX_ERROR)
    sides = [2 * int(window * scale / 2) + 1 for window in WINDOWS]
    reasons = [error, cv2.blur(error, (sides[0],) * 2), *(cv2.blur(difference, (s,) * 2) for s in sides[1:])]
    odds = np.float32(TRUST[0]) + sum(
        np.float32(weight) * np.log1p(reason) for weight, reason in zip(TRUST[1:], reasons, strict=True)
    )
    return np.asarray(1 / (1 + np.exp(-odds)), np.float32)


def _enlarged(field: Field, target: Mask, source: Mask) -> Field:
    """A field of the reduced pictures at full size."""
    h, w = field.shape[:2]
    if (h, w) == target.shape:
        return field
    factor = np.array(target.shape[::-1], np.float32) / np.array([w, h], np.float32)
    wide = cv2.resize(field, target.shape[::-1], interpolation=cv2.INTER_LINEAR)
    moved = (wide + np.float32(0.5)) * factor - np.float32(0.5)
    return np.asarray(np.clip(moved, 0, np.array(source.shape[::-1]) - 1), np.float32)


def _resized(plane: Image, like: Mask) -> Image:
    return np.asarray(cv2.resize(plane, like.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
