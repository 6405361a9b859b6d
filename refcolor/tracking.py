"""From a key to a frame: what came from where, by way of the frames between, and what never moved.

A key is followed through the gray frames between it and a frame, one step after the other, on
small pictures. Only gray frames are looked at, never results, so that any frame can be coloured on its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from . import features, matching
from .color import Image
from .matching import Field
from .stillness import still

FOLLOWED = 1 << 17  # pixels of the pictures that motion is followed on
CAME_BACK = 2.0  # pixels there and back within which flow is believed
LIKE, LIKE_SHARE = 12.0, 0.25  # 8-bit levels, and standard deviations, between a pixel and its match
FOREIGN = 0.25  # a cut: matched grays are further off, in standard deviations,
KNOWN, STEEP = 0.1, 5.0  # and so much more for each share of the pixels beyond this one that have a match,
STEADY = 0.6  # and flow comes back from fewer pixels: where light changes it does
REACH = 1000  # frames that a key is followed over
MILESTONES = 64  # of so many frames of the way one is remembered
RECENT = 24  # and the last so many


@dataclass(frozen=True)
class Track:
    """What a frame (H, W) knows of a key.

    Attributes
    ----------
    index : int
        Of the frame that this was found at: the same, or where it cannot be had the last one before.
    field : float32 (h, w, 2)
        Where in the key each pixel of the small frame comes from, as shares of its width and height.
    error : float32 (h, w)
        How far the flows on the way came back from their starts, in widths of the frame; perhaps infinite.
    still : uint8
        Packed bits (H, W): where nothing has changed since the key.
    """

    index: int
    field: Field
    error: Image
    still: NDArray[np.uint8]


class Tracks:
    """Follows one key through a shot, both ways, and remembers some of the way.

    Parameters
    ----------
    key : float32 (H, W)
        Luma of the key, in [0, 1].
    place : float
        Index of its frame, or a number between two, before the first or after the last.
    frames : sequence of float32 (H, W)
        The gray frames; one that cannot be had is passed over.
    """

    def __init__(self, key: Image, place: float, frames: Sequence[Image]) -> None:
        self.key, self.place, self.frames = key, place, frames
        self._known: dict[int, Track | None] = {}

    def at(self, index: int) -> Track | None:
        """What frame `index` knows of the key; None beyond a cut or out of reach."""
        first = math.ceil(self.place) if index >= self.place else math.floor(self.place)
        first = min(max(first, 0), len(self.frames) - 1)
        if abs(index - first) > REACH:
            return None
        way = 1 if index >= first else -1
        i = next((i for i in range(index, first - way, -way) if i in self._known), first - way)
        track = self._known.get(i)
        while i != index:
            i += way
            if i == first or track is not None:
                track = self._next(track, i)
            self._remember(i, track)
        return track

    def _remember(self, index: int, track: Track | None) -> None:
        self._known[index] = track
        for old in [i for i in list(self._known)[:-RECENT] if i % MILESTONES]:
            del self._known[old]

    def _next(self, track: Track | None, index: int) -> Track | None:
        """The track one frame further; without one, that of the key's neighbour."""
        try:
            gray = self.frames[index]
        except (OSError, ValueError):
            return track
        last = self.key if track is None else self.frames[track.index]
        step = _step(gray, last)
        if step is None:
            return None
        flow, error = step
        stood = np.packbits(still(gray, last))
        if track is None:
            h, w = flow.shape[:2]
            shares = (flow + np.float32(0.5)) / np.array([w, h], np.float32)
            return Track(index, shares.astype(np.float32), error, stood)
        known = _moved(np.dstack([track.field, np.minimum(track.error, 2)]), flow)
        far = np.asarray(error + np.where(known[..., 2] > 1, np.inf, known[..., 2]), np.float32)
        stood = stood & track.still if len(stood) == len(track.still) else 0 * stood
        return Track(index, np.ascontiguousarray(known[..., :2]), far, stood)


def is_cut(one: Image, other: Image) -> bool:
    """Whether two neighbouring frames (H, W) do not show the same scene."""
    return _step(one, other) is None


def _step(target: Image, neighbour: Image) -> tuple[Field, Image] | None:
    """Flow (h, w, 2) to a neighbour on small pictures, and its error in widths; None at a cut."""
    scale = min(1.0, math.sqrt(FOLLOWED / target.size))
    size = (max(16, round(target.shape[1] * scale)), max(16, round(target.shape[0] * scale)))
    small, other = (features.resize(gray, size) * 255 for gray in (target, neighbour))
    flow, error = matching.flow(small, other)
    off = np.abs(_moved(other, flow) - small)
    contrast = max(1.0, float(min(small.std(), other.std())))
    back = error < CAME_BACK
    known = float((back & (off < min(LIKE, LIKE_SHARE * contrast))).mean())
    if back.mean() < STEADY and off.mean() > (FOREIGN + STEEP * max(0.0, known - KNOWN)) * contrast:
        return None
    return flow, error / np.float32(size[0])


def _moved(image: Image, flow: Field) -> Image:
    """What lies where the flow leads."""
    x, y = flow[..., 0], flow[..., 1]
    return np.asarray(cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
