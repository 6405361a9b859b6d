"""Frame pairs: motion, cuts, static pixels, and which frame gives its colors to a static pixel.

Time is cut into blocks, and every frame of a block has a rank: the first the highest, then the one in the
middle, then those at the quarters, and so on. Of the frames over which a pixel is static, the one of the
highest rank gives its colors to all, so nothing flickers. A rank depends on the frame's index alone, so any
part of a shot comes out as it does in the whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging import geometry
from refcolor.imaging.checks import as_picture
from refcolor.imaging.color import Image
from refcolor.imaging.neighborhoods import WINDOW, local_range
from refcolor.matching import optical_flow
from refcolor.matching.views import Field

Mask = NDArray[np.bool_]

MAX_FLOW_PIXELS = 1 << 17  # of the reduced frames that flow is computed on
MAX_FORWARD_BACKWARD_ERROR = 2.0  # pixels within which flow is trusted
MAX_MATCH_DIFFERENCE = 12.0  # 8-bit levels between a pixel and its match,
MAX_MATCH_DIFFERENCE_SHARE = 0.25  # and standard deviations of the frame
MIN_TRUSTED_SHARE = 0.6  # a cut has trusted flow in fewer pixels (where only the light changes, more),
MIN_CUT_DIFFERENCE = 0.25  # and matches further apart, in standard deviations of the frame,
MATCHED_SHARE = 0.1  # where no more pixels than this have a match;
DIFFERENCE_SLOPE = 5.0  # for each further share of them, by so much more
MAX_NOISE = 2 / 255  # steps of gray that compression alone makes
MIN_MOTION = 12 / 255  # steps of gray that only motion makes
STATIC_WINDOW = np.ones((5, 5), np.uint8)  # a pixel is static where all of its window is
MOTION_WINDOW = np.ones((25, 25), np.uint8)  # what lies between motion as near as this has moved too
MAX_PLAIN_RANGE = 3 / 255  # steps of gray within 3x3 pixels of a plain region
MIN_STATIC_OUTLINE = 0.4  # of a plain region's outline; with less, another region may have taken its place
REMEMBERED_FLOWS = 8
BLOCK = 256  # pairs whose static pixels are remembered; frames of a block share references


class FramePairs:
    """What the gray frames (H, W) of a shot have in common; reading one may raise OSError or ValueError."""

    def __init__(self, frames: Sequence[NDArray[Any]]) -> None:
        self.frames = frames
        self.flow = lru_cache(REMEMBERED_FLOWS)(lambda one, other: flow(self.gray(one), self.gray(other)))
        self._cached_bits = lru_cache(BLOCK)(self._static_bits)

    def gray(self, index: int) -> Image:
        """A frame as a working picture; raises what reading it raises."""
        return as_picture(self.frames[index], "target", 2)

    def static_bits(self, one: int, other: int) -> NDArray[np.uint8]:
        """The :func:`static_mask` of two frames as packed bits; empty if one cannot be read."""
        return self._cached_bits(min(one, other), max(one, other))

    def _static_bits(self, one: int, other: int) -> NDArray[np.uint8]:
        with suppress(OSError, ValueError):
            return np.packbits(static_mask(self.gray(one), self.gray(other)))
        return np.zeros(0, np.uint8)

    def same(self, one: int, other: int) -> bool:
        """Whether two frames show the same everywhere."""
        bits = self.static_bits(one, other)
        return bool(bits.size) and int(np.unpackbits(bits).sum()) == self.frames[one].size

    def cut(self, index: int) -> bool:
        """Whether a cut lies before a frame."""
        with suppress(OSError, ValueError):
            return index > 0 and not self.same(index - 1, index) and self.flow(index, index - 1) is None
        return False

    def resized(self, index: int) -> bool:
        """Whether a frame has another size than the one before."""
        with suppress(OSError, ValueError):
            return index > 0 and self.gray(index).shape != self.gray(index - 1).shape
        return False

    def references(self, index: int, where: Mask) -> NDArray[np.int64]:
        """For the pixels `where` (H, W) of frame `index`, the frame that each takes its color from."""
        reference, best = np.full(where.shape, index), np.full(where.shape, _rank(index))
        start = index - index % BLOCK
        for step, end in ((-1, start - 1), (1, min(start + BLOCK, len(self.frames)))):
            static, highest = np.packbits(where), _rank(index)
            for at in range(index + step, end, step):
                if not static.any() or len(bits := self.static_bits(at - step, at)) != len(static):
                    break
                static = static & bits
                if _rank(at) > highest:
                    highest = _rank(at)
                    better = unpack_mask(static, where.shape) & (best < highest)
                    reference[better], best[better] = at, highest
        return reference


def _rank(index: int) -> int:
    """The first frame of a block has the highest rank, odd frames the lowest."""
    position = index % BLOCK or BLOCK
    return (position & -position).bit_length()


def flow(target: Image, neighbor: Image) -> tuple[Field, Image] | None:
    """Optical flow between two frames (H, W) in [0, 1] at reduced size (h, w); None at a cut.

    It gives the pixel (h, w, 2) of the reduced neighbor that each pixel of the reduced target comes from, and
    the forward-backward error (h, w) in widths.
    """
    scale = min(1.0, math.sqrt(MAX_FLOW_PIXELS / target.size))
    size = tuple(min(max(16, round(side * scale)), geometry.MAX_WARP_SIDE) for side in target.shape[::-1])
    small, other = (geometry.resize(gray, size) for gray in (target, neighbor))
    field, error = optical_flow.flow(small, other)
    small, other = small * 255, other * 255
    difference = np.abs(geometry.warp(other, field) - small)
    contrast = max(1.0, float(min(small.std(), other.std())))
    trusted = error < MAX_FORWARD_BACKWARD_ERROR
    similar = difference < min(MAX_MATCH_DIFFERENCE, MAX_MATCH_DIFFERENCE_SHARE * contrast)
    matched = max(0.0, float((trusted & similar).mean()) - MATCHED_SHARE)
    limit = (MIN_CUT_DIFFERENCE + DIFFERENCE_SLOPE * matched) * contrast
    if trusted.mean() < MIN_TRUSTED_SHARE and difference.mean() > limit:
        return None
    return field, error / np.float32(size[0])


def static_mask(one: Image, other: Image) -> Mask:
    """Where two frames (H, W) in [0, 1] show the same thing in the same place; nowhere if their sizes differ.

    Equal gray is not enough: a plain region may have become another of the same gray. So its outline must be
    static too.
    """
    if one.shape != other.shape:
        return np.zeros(one.shape, bool)
    difference = np.abs(one - other)
    changed = cv2.dilate((difference > MAX_NOISE).astype(np.uint8), STATIC_WINDOW)
    if not changed.any():
        return np.ones(one.shape, bool)
    moving = (difference > MIN_MOTION).astype(np.uint8)
    changed |= cv2.morphologyEx(cv2.dilate(moving, STATIC_WINDOW), cv2.MORPH_CLOSE, MOTION_WINDOW)
    near_motion = cv2.dilate(moving, WINDOW)  # a plain region ends a pixel before its outline
    return np.asarray(changed == 0) & _anchored(one, near_motion) & _anchored(other, near_motion)


def _anchored(gray: Image, moving: NDArray[np.uint8]) -> Mask:
    """All pixels but those of plain regions with an outline that has mostly moved."""
    plain = local_range(gray) <= MAX_PLAIN_RANGE
    count, region = cv2.connectedComponents(plain.astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    outline, static = np.zeros(count), np.zeros(count)
    right, left, below, above = np.s_[:, 1:], np.s_[:, :-1], np.s_[1:], np.s_[:-1]
    for inner, outer in ((right, left), (left, right), (below, above), (above, below)):
        edge = plain[inner] & ~plain[outer]
        owner = region[inner][edge]
        outline += np.bincount(owner, minlength=count)
        static += np.bincount(owner, moving[outer][edge] == 0, count)
    anchored = static >= MIN_STATIC_OUTLINE * outline
    anchored[0] = True  # pixels that are not plain
    return np.asarray(anchored[region])


def unpack_mask(bits: NDArray[np.uint8], shape: tuple[int, ...]) -> Mask:
    """A mask (H, W) from its packed bits."""
    return np.unpackbits(bits, count=int(np.prod(shape))).reshape(shape).astype(bool)
