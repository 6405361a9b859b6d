"""Light: a target is brought to its source's light, and several sources to the target's.

Matches show how the light differs: a lamp that goes out, not a shadow's edge, so corrections are smooth. In
this module pictures are float32 and gray is in 8-bit levels: [0, 255]. `field` (H, W, 2) is the source pixel
(x, y) of every target pixel, and `error` (H, W) its forward-backward error in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging import geometry
from refcolor.imaging.color import Image

MAX_FLOW_ERROR = 1.0  # pixels of forward-backward error within which a match counts
WINDOW_SIGMA = 0.3  # of the window that light is measured in, relative to the picture's side
MEASURED_SIDE = 80  # pixels; square root of the number that light is measured on, as it is smooth
MIN_MATCHED_SHARE = 0.2  # of pixels with such matches
MAX_REMAINDER = 0.8  # of the difference that a correction may leave, to be accepted
GRAY_RIDGE = 60.0  # variance of gray, in levels squared, below which the gain is held at 1
CHROMA_RIDGE = 10.0  # variance, in CIELAB units squared, below which chroma is only moved, not stretched
MAX_GRAY_DISTANCE = 4.0  # levels within which relit matches show the same thing
FLICKER, LAMP = 0.08, 0.15  # logarithms of gains: at most a film's flicker, at least a lamp
GAMMA = 2.2  # of encoded gray


@dataclass(frozen=True)
class Shift:
    """From the light of one source to that of another."""

    gray: Image  #: (2,): gain and offset of gray
    ab: Image  #: (4, 2): what is added to CIELAB a, b: coefficients of gray, a, b, and 1

    def shift_gray(self, gray: Image) -> Image:
        """Gray of any shape in the other light."""
        return np.asarray(np.clip(self.gray[0] * gray + self.gray[1], 0, 255), np.float32)

    def chroma_change(self, gray: Image, ab: Image) -> Image:
        """What the other light adds to chroma (..., 2) of this gray (...)."""
        change = gray[..., None] * self.ab[0] + ab[..., :1] * self.ab[1] + ab[..., 1:] * self.ab[2]
        return np.asarray(change + self.ab[3], np.float32)


def compare(target: Image, source: Image, field: Image, error: Image) -> tuple[Image, float]:
    """The target (H, W) in the light of the source (H', W'), and the factor on chroma in the target's light.

    They are the target itself and 1 as far as reliable matches show no difference.
    """
    matches = _reliable(source, field, error)
    if matches is None:
        return target, 1.0
    matched, reliable = matches
    relit = _relit(target, matched, reliable.astype(np.float32))
    return relit, _dimming(target[reliable], matched[reliable])


def _reliable(source: Image, field: Image, error: Image) -> tuple[Image, NDArray[np.bool_]] | None:
    """The matched pixels (H, W[, C]) of the source, and which are reliable; None if those are too few."""
    reliable = error < MAX_FLOW_ERROR
    if reliable.mean() < MIN_MATCHED_SHARE or max(source.shape) > geometry.MAX_WARP_SIDE:
        return None
    return geometry.warp(source, field), reliable


def _relit(target: Image, matched: Image, reliable: Image) -> Image:
    """The target in the source's light, by gain and offset that are fitted in a window around each pixel."""
    h, w = target.shape
    scale = min(1.0, MEASURED_SIDE / float(np.sqrt(h * w)))
    size = (max(1, round(w * scale)), max(1, round(h * scale)))
    sigma = WINDOW_SIGMA * np.sqrt(h * w) * scale

    def local(values: Image) -> Image:
        small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
        mean = cv2.GaussianBlur(small, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
        return np.asarray(mean + WINDOW_SIGMA * small.mean(), np.float32)

    n = local(reliable)
    source_mean, target_mean = local(reliable * matched) / n, local(reliable * target) / n
    variance = local(reliable * matched * matched) / n - source_mean**2
    covariance = local(reliable * matched * target) / n - source_mean * target_mean
    gain = np.clip((covariance + GRAY_RIDGE) / (variance + GRAY_RIDGE), 0.3, 3)
    offset = target_mean - gain * source_mean
    gain, offset = (cv2.resize(v, (w, h), interpolation=cv2.INTER_LINEAR) for v in (gain, offset))
    relit = np.clip((target - offset) / gain, 0, 255).astype(np.float32)
    before, after = (float((np.abs(gray - matched) * reliable).sum()) for gray in (target, relit))
    return relit if after < MAX_REMAINDER * before else target


def _dimming(target: Image, source: Image) -> float:
    """Factor on chroma, from gray (N,) of reliable matches.

    Where a lamp gives k times the light, XYZ are k times what they were, and CIELAB a, b cbrt(k) times.
    """
    to, of = target.astype(np.float64), source.astype(np.float64)
    gain = max((of * to).sum(), 1.0) / max((of * of).sum(), 1.0)
    before, after = (np.abs(g * of - to).mean() for g in (1, gain))
    if after >= MAX_REMAINDER * before:
        return 1.0
    certainty = np.clip((abs(np.log(gain)) - FLICKER) / (LAMP - FLICKER), 0, 1)
    return float(gain ** (certainty * GAMMA / 3))


def brightness_difference(target: Image, source: Image, field: Image, error: Image) -> float | None:
    """Mean gray of the source less the target's at reliable matches; None if those are too few."""
    matches = _reliable(source, field, error)
    return None if matches is None else float((matches[0] - target)[matches[1]].mean())


def shift(one: Image, other: Image, field: Image, error: Image, relit: Image) -> Shift | None:
    """The shift from the light of one source to that of another, if their matches show one.

    `one` (H', W', 3) and `other` (H, W, 3) hold gray and CIELAB a, b; `relit` (H, W) is gray of `other` in
    the light of `one`. Ridge regression (Hoerl and Kennard 1970) towards no change but a common one.
    """
    matches = _reliable(one, field, error)
    if matches is None:
        return None
    matched, reliable = matches
    same = reliable & (np.abs(relit - matched[..., 0]) < MAX_GRAY_DISTANCE)
    if same.mean() < MIN_MATCHED_SHARE:
        return None
    x, y = (image[same].astype(np.float64) for image in (matched, other))
    mean, change = x.mean(0), y - x
    centered = x - mean
    covariance, cross = (np.einsum("ni,nj->ij", centered, v) / len(x) for v in (centered, change))
    gain = cross[0, 0] / (covariance[0, 0] + GRAY_RIDGE)
    slopes = np.linalg.solve(covariance + np.diag([GRAY_RIDGE, CHROMA_RIDGE, CHROMA_RIDGE]), cross[:, 1:])
    ab = np.vstack([slopes, change[:, 1:].mean(0) - mean @ slopes])
    gray = np.array([1 + gain, change[:, 0].mean() - gain * mean[0]], np.float32)
    result = Shift(gray, ab.astype(np.float32))
    remainder = change[:, 1:] - result.chroma_change(x[:, 0], x[:, 1:])
    before, after = (np.hypot(*each.T).mean() for each in (change[:, 1:], remainder))
    return result if after < MAX_REMAINDER * before else None
