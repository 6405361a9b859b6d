"""Frame pairs: motion, static pixels, equal frames (holds) and cuts between two frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging import geometry
from refcolor.imaging.color import Image
from refcolor.imaging.flat_colors import WINDOW, local_range
from refcolor.matching import optical_flow
from refcolor.matching.light import WIDEST
from refcolor.matching.optical_flow import Field

Mask = NDArray[np.bool_]

FOLLOWED = 1 << 17  # pixels of the pictures that motion is followed on
CAME_BACK = 2.0  # pixels there and back within which flow is believed
LIKE, LIKE_SHARE = 12.0, 0.25  # 8-bit levels, and standard deviations, between a pixel and its match
FOREIGN = 0.25  # a cut: matched grays are further off, in standard deviations,
KNOWN, STEEP = 0.1, 5.0  # and so much more for each share of the pixels beyond this one that have a match,
STEADY = 0.6  # and flow comes back from fewer pixels: where light changes it does
UNCHANGED = 2 / 255  # steps of gray that compression makes of nothing
AROUND = np.ones((5, 5), np.uint8)  # a pixel stands still where all of this does
CLEARLY = 12 / 255  # steps of gray that only motion makes
SWEPT = np.ones((25, 25), np.uint8)  # what lies between clear changes as near as this has changed
RIPPLE = 3 / 255  # steps of gray within 3x3 pixels of a plain region
ANCHORED = 0.4  # of a plain region's outline that must stand still, lest another of its gray took its place
FLOWS = 8  # that are remembered
BLOCK = 256  # pairs whose still pixels are


class Neighbors:
    """Pairs of frames, by index.

    Parameters
    ----------
    frames : sequence of float32 (H, W)
        The gray frames of a shot.
    """

    def __init__(self, frames: Sequence[Image]) -> None:
        self.frames = frames
        self._remembered_flow = lru_cache(FLOWS)(self._flow)
        self._remembered_still = lru_cache(BLOCK)(self._still)

    def flow(self, target: int, neighbor: int) -> tuple[Field, Image] | None:
        """As :func:`flow`, of two frames; OSError or ValueError if one cannot be had."""
        return self._remembered_flow(target, neighbor)

    def still(self, one: int, other: int) -> NDArray[np.uint8]:
        """Where two frames (H, W) show the same, as packed bits; none if one cannot be had."""
        return self._remembered_still(min(one, other), max(one, other))

    def same(self, one: int, other: int) -> bool:
        """Whether two frames show the same everywhere."""
        found = self.still(one, other)
        return bool(found.size) and int(np.unpackbits(found).sum()) == self.frames[one].size

    def cut(self, index: int) -> bool:
        """Whether a cut lies before a frame."""
        try:
            return index > 0 and not self.same(index - 1, index) and self.flow(index, index - 1) is None
        except (OSError, ValueError):
            return False

    def resized(self, index: int) -> bool:
        """Whether a frame has another size than the one before."""
        try:
            return index > 0 and self.frames[index].shape != self.frames[index - 1].shape
        except (OSError, ValueError):
            return False

    def _flow(self, target: int, neighbor: int) -> tuple[Field, Image] | None:
        return flow(self.frames[target], self.frames[neighbor])

    def _still(self, one: int, other: int) -> NDArray[np.uint8]:
        try:
            return np.packbits(still(self.frames[one], self.frames[other]))
        except (OSError, ValueError):
            return np.zeros(0, np.uint8)


def flow(target: Image, neighbor: Image) -> tuple[Field, Image] | None:
    """Flow on small pictures, if both frames show the same scene.

    Parameters
    ----------
    target, neighbor : float32 (H, W), (H', W')
        In [0, 1].

    Returns
    -------
    (float32 (h, w, 2), float32 (h, w)) or None
        Where in the small neighbor each pixel of the small target comes from, and how far flow comes back
        from its start, in widths; None at a cut.
    """
    scale = min(1.0, math.sqrt(FOLLOWED / target.size))
    size = tuple(min(max(16, round(side * scale)), WIDEST) for side in target.shape[::-1])
    small, other = (geometry.resize(gray, size) * 255 for gray in (target, neighbor))
    found, error = optical_flow.flow(small, other)
    off = np.abs(moved(other, found) - small)
    contrast = max(1.0, float(min(small.std(), other.std())))
    back = error < CAME_BACK
    known = float((back & (off < min(LIKE, LIKE_SHARE * contrast))).mean())
    if back.mean() < STEADY and off.mean() > (FOREIGN + STEEP * max(0.0, known - KNOWN)) * contrast:
        return None
    return found, error / np.float32(size[0])


def moved(image: Image, flow: Field) -> Image:
    """What lies where the flow leads."""
    x, y = flow[..., 0], flow[..., 1]
    return np.asarray(cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def still(one: Image, other: Image) -> Mask:
    """Where two frames (H, W) in [0, 1] show the same thing in the same place; nowhere if their sizes differ.

    Equal gray is not enough: in a plain region it may be another paint's. There the outline must stay, too.
    """
    if one.shape != other.shape:
        return np.zeros(one.shape, bool)
    off = np.abs(one - other)
    changed = cv2.dilate((off > UNCHANGED).astype(np.uint8), AROUND)
    if not changed.any():
        return np.ones(one.shape, bool)
    clearly = (off > CLEARLY).astype(np.uint8)
    changed |= cv2.morphologyEx(cv2.dilate(clearly, AROUND), cv2.MORPH_CLOSE, SWEPT)
    beside = cv2.dilate(clearly, WINDOW)  # a plain region ends a pixel before its outline
    return np.asarray(changed == 0) & _anchored(one, beside) & _anchored(other, beside)


def _anchored(gray: Image, moved: NDArray[np.uint8]) -> Mask:
    """All pixels but those of plain regions with an outline that has mostly moved."""
    plain = local_range(gray) <= RIPPLE
    count, region = cv2.connectedComponents(plain.astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    outline, stands = np.zeros(count), np.zeros(count)
    for inner, outer in _beside():
        edge = plain[inner] & ~plain[outer]
        owner = region[inner][edge]
        outline += np.bincount(owner, minlength=count)
        stands += np.bincount(owner, moved[outer][edge] == 0, count)
    anchored = stands >= ANCHORED * outline
    anchored[0] = True  # what is not plain
    return np.asarray(anchored[region])


def _beside() -> list[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Windows of a picture, and the same moved by a pixel to each of the four sides."""
    every, first, last = slice(None), slice(1, None), slice(None, -1)
    across, down = ((every, first), (every, last)), ((first, every), (last, every))
    return [across, across[::-1], down, down[::-1]]


def unpacked(bits: NDArray[np.uint8], shape: tuple[int, ...]) -> Mask:
    """A mask (H, W) from its packed bits."""
    return np.unpackbits(bits, count=int(np.prod(shape))).reshape(shape).astype(bool)
