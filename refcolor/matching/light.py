"""Estimate and correct differences of light between target and source, and among several keys.

Matches tell how it differs. A lamp that goes out, not a shadow's edge: what is corrected is smooth.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging import geometry
from refcolor.imaging.color import Image

TRUSTED = 1.0  # pixels there and back within which a match tells about the light
REACH = 0.3  # standard deviation of the window that light is measured in, of the picture's side
SIDE = 80  # pixels; square root of the number it is measured on: it is smooth
SHARE = 0.2  # of pixels with trusted matches, at least
GAIN = 0.8  # a correction is believed when it leaves this much of the difference, at most
RIDGE = 60.0  # variance of gray, in 8-bit levels squared, below which the gain is held at 1
ALIKE = 4.0  # 8-bit levels within which relit matches show the same thing
FLICKER, LAMP = 0.08, 0.15  # logarithm of a gain that is film's flicker, and of one that is a lamp's
GAMMA = 2.2  # of encoded gray
CHROMA_RIDGE = 10.0  # variance, in CIELAB units squared, below which chroma is only moved, not stretched


@dataclass(frozen=True)
class Shift:
    """From the light of one source to that of another.

    Attributes
    ----------
    gray : float32 (2,)
        Gain and offset of gray, 8-bit levels.
    ab : float32 (4, 2)
        What is added to CIELAB a, b: linear in gray, a, b, and 1.
    """

    gray: NDArray[np.float32]
    ab: NDArray[np.float32]

    def grays(self, gray: Image) -> Image:
        """Gray, 8-bit levels of any shape, in the other light."""
        return np.asarray(np.clip(self.gray[0] * gray + self.gray[1], 0, 255), np.float32)

    def added(self, gray: Image, ab: Image) -> Image:
        """What the other light adds to chroma (..., 2)."""
        planes = gray[..., None], ab[..., :1], ab[..., 1:]
        return np.asarray(
            sum(p * row for p, row in zip(planes, self.ab[:3], strict=True)) + self.ab[3], np.float32
        )


def compare(target: Image, source: Image, field: Image, error: Image) -> tuple[Image, float]:
    """How the light of the target differs from the source's, as far as trusted matches show it.

    Parameters
    ----------
    target, source : float32 (H, W), (H', W')
        Gray, in 8-bit levels.
    field, error : float32 (H, W, 2), (H, W)
        Where in the source the target's pixels come from, and how far matches come back from their start.

    Returns
    -------
    float32 (H, W)
        The target in the source's light.
    float
        What the source's chroma is to be multiplied by in the target's.
    """
    trusted = error < TRUSTED
    if trusted.mean() < SHARE:
        return target, 1.0
    came = geometry.warp(source, field)
    return _relit(target, came, trusted.astype(np.float32)), _dimming(target[trusted], came[trusted])


def _relit(target: Image, came: Image, trusted: Image) -> Image:
    """The target in the light of what `came` of the source.

    Around every pixel a gain and an offset are fitted between matched grays, over a window as wide as a third
    of the picture: a lamp that goes out, not a shadow's edge.
    """
    h, w = target.shape
    scale = min(1.0, SIDE / float(np.sqrt(h * w)))
    size = (max(1, round(w * scale)), max(1, round(h * scale)))
    sigma = REACH * np.sqrt(h * w) * scale

    def local(values: Image) -> Image:
        small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
        around = cv2.GaussianBlur(small, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
        return np.asarray(around + REACH * small.mean(), np.float32)

    n = local(trusted)
    from_mean, to_mean = local(trusted * came) / n, local(trusted * target) / n
    variance = local(trusted * came * came) / n - from_mean**2
    covariance = local(trusted * came * target) / n - from_mean * to_mean
    gain = np.clip((covariance + RIDGE) / (variance + RIDGE), 0.3, 3)
    offset = to_mean - gain * from_mean
    gain, offset = (cv2.resize(v, (w, h), interpolation=cv2.INTER_LINEAR) for v in (gain, offset))
    relit = np.clip((target - offset) / gain, 0, 255).astype(np.float32)
    before, after = (float((np.abs(g - came) * trusted).sum()) for g in (target, relit))
    return relit if after < GAIN * before else target


def _dimming(target: Image, source: Image) -> float:
    """What chroma is to be multiplied by, of trusted matches (N,).

    Where a lamp gives k times the light, XYZ are k times what they were, and CIELAB a, b cbrt(k) times.
    """
    here, came = target.astype(np.float64), source.astype(np.float64)
    gain = max((came * here).sum(), 1.0) / max((came * came).sum(), 1.0)
    before, after = (np.abs(g * came - here).mean() for g in (1, gain))
    if after >= GAIN * before:
        return 1.0
    sure = np.clip((abs(np.log(gain)) - FLICKER) / (LAMP - FLICKER), 0, 1)
    return float(gain ** (sure * GAMMA / 3))


def brighter(target: Image, source: Image, field: Image, error: Image) -> float | None:
    """How much brighter the source is where matches are trusted, in the unit of both; None if too few are."""
    trusted = error < TRUSTED
    if trusted.mean() < SHARE or max(source.shape) > geometry.MAX_WARP_SIDE:
        return None
    return float((geometry.warp(source, field) - target)[trusted].mean())


def shift(one: Image, other: Image, field: Image, error: Image, relit: Image) -> Shift | None:
    """The shift from the light of one source to that of another, if their matches show one.

    Parameters
    ----------
    one, other : float32 (H', W', 3), (H, W, 3)
        Gray in 8-bit levels, CIELAB a, b.
    field, error : float32 (H, W, 2), (H, W)
        Where in the first the second's pixels come from, and how far matches come back from their start.
    relit : float32 (H, W)
        The second's gray in the light of the first.

    Notes
    -----
    Ridge regression (Hoerl and Kennard 1970) towards no change but a common one.
    """
    if max(one.shape[:2]) > geometry.MAX_WARP_SIDE:
        return None
    came = geometry.warp(one, field)
    same = (error < TRUSTED) & (np.abs(relit - came[..., 0]) < ALIKE)
    if same.mean() < SHARE:
        return None
    x, y = (image[same].astype(np.float64) for image in (came, other))
    middle, change = x.mean(0), y - x
    about = x - middle
    covariance, together = (np.einsum("ni,nj->ij", about, v) / len(x) for v in (about, change))
    gain = together[0, 0] / (covariance[0, 0] + RIDGE)
    slopes = np.linalg.solve(covariance + np.diag([RIDGE, CHROMA_RIDGE, CHROMA_RIDGE]), together[:, 1:])
    ab = np.vstack([slopes, change[:, 1:].mean(0) - middle @ slopes])
    gray = np.array([1 + gain, change[:, 0].mean() - gain * middle[0]], np.float32)
    found = Shift(gray, ab.astype(np.float32))
    left = change[:, 1:] - found.added(x[:, 0], x[:, 1:])
    before, after = (np.hypot(*each.T).mean() for each in (change[:, 1:], left))
    return found if after < GAIN * before else None
