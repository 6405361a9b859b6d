"""Tracks: follow a key through the gray frames between it and another frame.

Flow is computed on reduced gray frames, never on results, so any frame can be colored on its own.
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
from refcolor.matching.views import Field, stack_rows
from refcolor.shots import frame_pairs

MAX_DISTANCE = 1000  # frames over which a key is followed
MILESTONE_STEP = 64  # every so many frames a track is remembered,
RECENT_TRACKS = 24  # and the latest so many


@dataclass(frozen=True)
class Track:
    """What a frame (H, W) knows of a key."""

    index: int  #: of the frame; if that cannot be read, of the last readable one before it
    field: Field  #: (h, w, 2): where in the key each pixel comes from, at reduced size: x / width, y / height
    error: Image  #: (h, w): sum of forward-backward errors, in widths; infinite where the way is lost
    static: NDArray[np.uint8]  #: packed bits (H, W): where nothing has changed since the key


class Tracks:
    """Follows one key through a shot in both directions, and remembers some of the way.

    `key` is its luma (H, W) in [0, 1], `key_index` the index of its frame, or a number between two frames,
    before the first or after the last. Frames that cannot be read are passed over.
    """

    def __init__(self, key: Image, key_index: float, pairs: frame_pairs.FramePairs) -> None:
        self.key, self.key_index, self.pairs = key, key_index, pairs
        self._known: dict[int, Track | None] = {}

    def reaches(self, index: int) -> bool:
        """Whether the key is followed as far as frame `index`."""
        return abs(index - self._first(index)) <= MAX_DISTANCE

    def at(self, index: int) -> Track | None:
        """What frame `index` knows of the key; None beyond a cut or out of reach."""
        if not self.reaches(index):
            return None
        first = self._first(index)
        step = 1 if index >= first else -1
        before = first - step  # the key's other side
        start = next((i for i in range(index, before, -step) if i in self._known), before)
        track = _AT_KEY if start == before else self._known[start]
        for i in range(start + step, index + step, step):
            self._known[i] = track = self._next(track, i)
            for old in [i for i in list(self._known)[:-RECENT_TRACKS] if i % MILESTONE_STEP]:
                del self._known[old]
        return None if track is _AT_KEY else track

    def _first(self, index: int) -> int:
        """The first frame on the way from the key to frame `index`."""
        first = math.ceil(self.key_index) if index >= self.key_index else math.floor(self.key_index)
        return min(max(first, 0), len(self.pairs.frames) - 1)

    def _next(self, track: Track | None, index: int) -> Track | None:
        """The track one frame further."""
        if track is None:
            return None
        try:
            if track is _AT_KEY:
                return self._from_key(index)
            motion = self.pairs.flow(index, track.index)
            static = self.pairs.static_bits(index, track.index)
        except (OSError, ValueError):
            return track
        if motion is None:
            return None
        flow, error = motion
        before = geometry.warp(np.dstack([track.field, np.minimum(track.error, 2)]), flow)
        total = np.asarray(error + np.where(before[..., 2] > 1, np.inf, before[..., 2]), np.float32)
        static = static & track.static if len(static) == len(track.static) else 0 * static
        return Track(index, np.ascontiguousarray(before[..., :2]), total, static)

    def _from_key(self, index: int) -> Track | None:
        """The track at the key's own frame, or at a neighbor of it."""
        gray = self.pairs.gray(index)
        motion = frame_pairs.flow(gray, self.key)
        if motion is None:
            return None
        flow, error = motion
        h, w = flow.shape[:2]
        shares = (flow + np.float32(0.5)) / np.array([w, h], np.float32)
        static = np.packbits(frame_pairs.static_mask(gray, self.key))
        return Track(index, shares.astype(np.float32), error, static)


# stands for the track at the key itself, before any frame has been seen
_AT_KEY = Track(-1, np.zeros(0, np.float32), np.zeros(0, np.float32), np.zeros(0, np.uint8))


def with_tracks(aligned: Alignment, tracks: Mapping[int, Track]) -> Alignment:
    """The alignment with the tracks as further candidates; `tracks` by the number of their source."""
    h, w = aligned.matches.error.shape
    candidates, matches = list(aligned.candidates), aligned.matches
    for source in aligned.sources:
        track = tracks.get(source.index)
        if track is None:
            continue
        size = np.array(source.size[::-1], np.float32)
        field = np.clip(geometry.resize(track.field, (w, h)) * size - np.float32(0.5), 0, size - 1)
        field = stack_rows(field, source.view, aligned.views.height)
        error = geometry.resize(np.minimum(track.error, 2), (w, h))
        error = np.where(error > 1, np.float32(np.inf), error * np.float32(w / source.weight))
        candidates.append(field)
        matches = optical_flow.better(matches, replace(matches, best=field, error=error))
    return replace(aligned, candidates=candidates, matches=matches)
