"""Tracks: follow a key through the gray frames between it and another frame.

A key is followed through the gray frames between it and a frame, one step after the other, on
small pictures. Only gray frames are looked at, never results, so that any frame can be colored on its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from refcolor.imaging import geometry
from refcolor.imaging.color import Image
from refcolor.matching import optical_flow
from refcolor.matching.alignment import Alignment
from refcolor.matching.optical_flow import Field
from refcolor.shots import frame_pairs
from refcolor.shots.frame_pairs import Neighbors, still

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
    pairs : Neighbors
        Of the gray frames; one that cannot be had is passed over.
    """

    def __init__(self, key: Image, place: float, pairs: Neighbors) -> None:
        self.key, self.place, self.pairs = key, place, pairs
        self._known: dict[int, Track | None] = {}

    def reaches(self, index: int) -> bool:
        """Whether the key is followed as far as to frame `index`."""
        return abs(index - self._first_towards(index)) <= REACH

    def at(self, index: int) -> Track | None:
        """What frame `index` knows of the key; None beyond a cut or out of reach."""
        if not self.reaches(index):
            return None
        first = self._first_towards(index)
        way = 1 if index >= first else -1
        i = next((i for i in range(index, first - way, -way) if i in self._known), first - way)
        track = _KEY if i == first - way else self._known[i]  # what lies there is on the key's other side
        while i != index:
            i += way
            track = self._next(track, i)
            self._remember(i, track)
        return None if track is _KEY else track

    def _first_towards(self, index: int) -> int:
        """The first frame on the way from the key."""
        first = math.ceil(self.place) if index >= self.place else math.floor(self.place)
        return min(max(first, 0), len(self.pairs.frames) - 1)

    def _remember(self, index: int, track: Track | None) -> None:
        self._known[index] = track
        for old in [i for i in list(self._known)[:-RECENT] if i % MILESTONES]:
            del self._known[old]

    def _next(self, track: Track | None, index: int) -> Track | None:
        """The track one frame further."""
        if track is None:
            return None
        try:
            gray = self.pairs.frames[index]
            if track is _KEY:
                return self._first(gray, index)
            step, stood = self.pairs.flow(index, track.index), self.pairs.still(index, track.index)
        except (OSError, ValueError):
            return track
        if step is None:
            return None
        flow, error = step
        known = frame_pairs.moved(np.dstack([track.field, np.minimum(track.error, 2)]), flow)
        far = np.asarray(error + np.where(known[..., 2] > 1, np.inf, known[..., 2]), np.float32)
        stood = stood & track.still if len(stood) == len(track.still) else 0 * stood
        return Track(index, np.ascontiguousarray(known[..., :2]), far, stood)

    def _first(self, gray: Image, index: int) -> Track | None:
        """The track at the frame that is the key's, or its neighbor."""
        step = frame_pairs.flow(gray, self.key)
        if step is None:
            return None
        flow, error = step
        h, w = flow.shape[:2]
        shares = (flow + np.float32(0.5)) / np.array([w, h], np.float32)
        return Track(index, shares.astype(np.float32), error, np.packbits(still(gray, self.key)))


_KEY = Track(-1, np.zeros((0, 0, 2), np.float32), np.zeros((0, 0), np.float32), np.zeros(0, np.uint8))
"""The key itself, before any frame has been seen."""


def follow(aligned: Alignment, tracks: Mapping[int, Track]) -> Alignment:
    """The alignment with what was followed from frame to frame as well, by the source's number."""
    h, w = aligned.matches.error.shape
    candidates, matches = list(aligned.candidates), aligned.matches
    for source in aligned.seen:
        track = tracks.get(source.number)
        if track is None:
            continue
        size = np.array(source.size[::-1], np.float32)
        field = np.clip(geometry.resize(track.field, (w, h)) * size - np.float32(0.5), 0, size - 1)
        field[..., 1] += source.view * aligned.views.gray.shape[1]
        error = geometry.resize(np.minimum(track.error, 2), (w, h))
        error = np.where(error > 1, np.float32(np.inf), error * np.float32(w / source.weight))
        candidates.append(field)
        matches = optical_flow.better(matches, replace(matches, best=field, error=error))
    return replace(aligned, candidates=candidates, matches=matches)
