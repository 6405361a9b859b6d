"""What two frames of a shot have in common, each worked out once: motion, what stood still, a cut between."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from . import features, matching
from .color import Image
from .matching import Field
from .stillness import BLOCK, still

FOLLOWED = 1 << 17  # pixels of the pictures that motion is followed on
CAME_BACK = 2.0  # pixels there and back within which flow is believed
LIKE, LIKE_SHARE = 12.0, 0.25  # 8-bit levels, and standard deviations, between a pixel and its match
FOREIGN = 0.25  # a cut: matched grays are further off, in standard deviations,
KNOWN, STEEP = 0.1, 5.0  # and so much more for each share of the pixels beyond this one that have a match,
STEADY = 0.6  # and flow comes back from fewer pixels: where light changes it does
FLOWS = 8  # that are remembered


class Neighbours:
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

    def flow(self, target: int, neighbour: int) -> tuple[Field, Image] | None:
        """As :func:`flow`, of two frames; OSError or ValueError if one cannot be had."""
        return self._remembered_flow(target, neighbour)

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

    def _flow(self, target: int, neighbour: int) -> tuple[Field, Image] | None:
        return flow(self.frames[target], self.frames[neighbour])

    def _still(self, one: int, other: int) -> NDArray[np.uint8]:
        try:
            return np.packbits(still(self.frames[one], self.frames[other]))
        except (OSError, ValueError):
            return np.zeros(0, np.uint8)


def flow(target: Image, neighbour: Image) -> tuple[Field, Image] | None:
    """Flow on small pictures, if both frames show the same scene.

    Parameters
    ----------
    target, neighbour : float32 (H, W), (H', W')
        In [0, 1].

    Returns
    -------
    (float32 (h, w, 2), float32 (h, w)) or None
        Where in the small neighbour each pixel of the small target comes from, and how far flow comes back
        from its start, in widths; None at a cut.
    """
    scale = min(1.0, math.sqrt(FOLLOWED / target.size))
    size = (max(16, round(target.shape[1] * scale)), max(16, round(target.shape[0] * scale)))
    small, other = (features.resize(gray, size) * 255 for gray in (target, neighbour))
    found, error = matching.flow(small, other)
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
