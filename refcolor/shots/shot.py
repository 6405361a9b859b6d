"""A shot's frames: keys, holds, cross-fades; from keys and grays alone, so any split gives the same bytes.

::

    keys --> network, trained once over them all
                                   |
    key --> gray frames --> frame: tracks --> candidates for its synthesis (methods)
                                   |
    frames around it --> static areas take the colors of the key, or of one reference frame

No frame depends on the result of another: any part of a shot, in any order and on any machine, comes out bit
for bit as it does in the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from refcolor.imaging import merge
from refcolor.imaging.color import Image, rgb_to_lab
from refcolor.imaging.flat_colors import HALF_LEVEL, WHOLE_LEVEL_TOLERANCE
from refcolor.methods.base import LineParts
from refcolor.methods.colorizer import Colorizer
from refcolor.shots.frame_pairs import FramePairs, Mask, unpack_mask
from refcolor.shots.tracking import Track, Tracks, with_tracks

ACTIVE_KEYS = 2  # placed keys that a frame is colored from: the nearest before and after it
UNPLACED_WEIGHT = 0.5  # of a key that belongs to no frame; the nearest placed key counts 1
MAX_TRACKS = 4  # keys whose tracks are cached
MAX_FRAMES = 10  # frames whose colors are cached; rarely does a frame take colors from more
MAX_FADE = 8 / 255  # gray that a static pixel may have drifted by
MAX_KEY_DIFFERENCE = 6.0  # CIELAB units of chroma that two keys may differ by where both show one paint


@dataclass(frozen=True)
class Frame:
    """A colored frame of a shot."""

    image: Image  #: float32 (H, W, 3): encoded sRGB in [0, 1]
    confidence: Image | None  #: float32 (H, W): how far to trust colors, in [0, 1]; ``paper`` does not tell
    keys: tuple[int, ...]  #: numbers of the keys that it was colored from, the nearest first
    hold: bool = False  #: repeats the frame before
    cut: bool = False  #: begins another scene
    resized: bool = False  #: has another size than the frame before
    keyless: bool = False  #: a cut lies between it and every key
    parts: LineParts | None = None  #: paint and lines of painted line art; None for gray frames


@dataclass(frozen=True)
class _Reference:
    """A colored picture (H, W, 3) that frames take colors from, its gray and its confidence (H, W)."""

    image: Image
    gray: Image
    confidence: Image


class Shot(Sequence[Frame]):
    """The colored frames of a shot; each is computed on access.

    Parameters
    ----------
    colorizer : Colorizer
        Fitted on the keys.
    frames : sequence of (H, W)
        The gray frames in order: float in [0, 1], uint8 or uint16. They may be read on access; where that
        raises OSError or ValueError, this frame fails and the others do not.
    key_indices : sequence of float or None
        For each key the index of its frame; a number between two, below 0 or beyond the last if it is none of
        them; None for a key that belongs to no frame, such as a model sheet.

    Raises
    ------
    ValueError
        When there are not as many key indices as keys, or when the colorizer is not fitted.

    Notes
    -----
    Access in order is quickest: what frames have in common is cached for a while.
    """

    def __init__(
        self, colorizer: Colorizer, frames: Sequence[NDArray[Any]], key_indices: Sequence[float | None]
    ) -> None:
        self.sources = colorizer.learned.sources  # ValueError before fit
        places, keys = len(key_indices), len(self.sources)
        if places != keys:
            raise ValueError(f"{places} key indices for {keys} keys: give one for each")
        self.colorizer, self.frames, self.key_indices = colorizer, frames, tuple(key_indices)
        self._places = {key: place for key, place in enumerate(key_indices) if place is not None}
        self._pairs = FramePairs(frames)
        self._hold_starts: dict[int, int] = {}  # of every frame, the first of its hold
        self._track = lru_cache(MAX_TRACKS)(
            lambda key: Tracks(self.sources[key].gray, self._places[key], self._pairs)
        )
        self._own = lru_cache(MAX_FRAMES)(self._colored_alone)
        self._steady = lru_cache(1)(self._new_steady)
        self._keys = lru_cache(MAX_FRAMES)(self._new_keys)

    def __len__(self) -> int:
        return len(self.frames)

    @overload
    def __getitem__(self, index: int) -> Frame: ...

    @overload
    def __getitem__(self, index: slice) -> list[Frame]: ...

    def __getitem__(self, index: int | slice) -> Frame | list[Frame]:
        """A frame by its index, or several by a slice; raises what reading its gray frame raises."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"frame {index} of {len(self)}")
        index %= len(self)
        gray, resized = self._pairs.gray(index), self._pairs.resized(index)
        if not self.colorizer.method.uses_motion:
            keys = tuple(range(len(self.key_indices)))
            return Frame(self.colorizer.colorize(gray).image, None, keys, resized=resized)
        first = self._hold_start(index)
        weights, _, keyless = self._keys(first)
        reference = self._steady(first)
        image, confidence = reference.image.copy(), reference.confidence.copy()
        _keep_gray(image, gray, reference.gray, np.ones(gray.shape, bool))
        hold, cut = first != index, self._pairs.cut(index)
        return Frame(image, confidence, tuple(weights), hold, cut, resized, keyless)

    def paint(self, index: int, drawing: NDArray[Any]) -> Frame:
        """Paint a frame that is line art: its `drawing` (H, W, 3); ValueError as by the colorizer's paint."""
        weights = self._weights(self._nearest_keys(index), index)
        result = self.colorizer.paint(drawing, weights)
        return Frame(result.image, result.confidence, tuple(weights), parts=result.parts)

    def _nearest_keys(self, index: int) -> list[int]:
        """The nearest key before a frame and the one after it, or the two nearest; the nearest first."""
        near = sorted(self._places, key=lambda key: abs(self._places[key] - index))
        before = [key for key in near if self._places[key] <= index][:1]
        after = [key for key in near if self._places[key] > index][:1]
        return sorted(before + after, key=near.index) if before and after else near[:ACTIVE_KEYS]

    def _weights(self, placed: list[int], index: int) -> dict[int, float]:
        """How much these keys count for a frame, and those that belong to none; the largest weight is 1."""
        weights = {key: 1 / max(abs(self._places[key] - index), 1.0) for key in placed}
        largest = max(weights.values(), default=1.0)
        weights = {key: weight / largest for key, weight in weights.items()}
        unplaced = [key for key in range(len(self.sources)) if key not in self._places]
        return weights | dict.fromkeys(unplaced, UNPLACED_WEIGHT if weights else 1.0)

    def _hold_start(self, index: int) -> int:
        """The first frame of the hold that a frame belongs to: itself for a key's frame."""
        start = index
        while start not in self._hold_starts and self._holds(start):
            start -= 1
        first = self._hold_starts.setdefault(start, start)
        for i in range(start + 1, index + 1):
            # Small changes can add up, so each frame is compared with the first as well.
            first = first if self._holds(i) and self._pairs.same(first, i) else i
            self._hold_starts[i] = first
        return first

    def _holds(self, index: int) -> bool:
        """Whether a frame repeats the one before and is not a key's."""
        return index > 0 and index not in self.key_indices and self._pairs.same(index - 1, index)

    def _new_keys(self, index: int) -> tuple[dict[int, float], dict[int, Track], bool]:
        """Key weights of a frame, nearest key first; tracks of the keys; whether all keys lie beyond cuts."""
        chosen = self._nearest_keys(index)
        tracks = {key: track for key in chosen if (track := self._track(key).at(index))}
        same_scene = [key for key in chosen if key in tracks or not self._track(key).reaches(index)]
        unplaced = [key for key in range(len(self.sources)) if key not in self._places]
        keyless = bool(chosen) and not same_scene and not unplaced
        return self._weights(same_scene or chosen, index), tracks, keyless

    def _new_steady(self, index: int) -> _Reference:
        """A frame whose static areas have the colors of keys or of reference frames."""
        gray = self._pairs.gray(index)
        image, confidence = np.empty((*gray.shape, 3), np.float32), np.empty(gray.shape, np.float32)
        uncolored = np.ones(gray.shape, bool)  # pixels without a color

        def take(where: Mask, reference: _Reference) -> None:
            where = where & uncolored & (np.abs(gray - reference.gray) <= MAX_FADE)
            image[where], confidence[where] = reference.image[where], reference.confidence[where]
            uncolored[where] = False
            _keep_gray(image, gray, reference.gray, where)

        for where, reference in self._static_keys(index, gray.shape):
            take(where, reference)
        if uncolored.any():
            references = self._pairs.references(index, uncolored)
            for other in np.unique(references[uncolored]).tolist():
                if other != index:
                    take(references == other, self._own(other))
        if uncolored.any():
            take(uncolored, self._own(index))
        return _Reference(image, gray, confidence)

    def _static_keys(self, index: int, shape: tuple[int, ...]) -> list[tuple[Mask, _Reference]]:
        """Where nothing has changed since a key, and the key; the nearest key first.

        Where both keys nearly agree, they are cross-faded linearly.
        """
        _, tracks, _ = self._keys(index)
        sources = self.sources
        keys = [key for key in tracks if sources[key].gray.shape == shape]
        certain = np.broadcast_to(np.float32(1), shape)
        static = [
            (unpack_mask(tracks[key].static, shape), _Reference(sources[key].rgb, sources[key].gray, certain))
            for key in keys
        ]
        if len(static) == ACTIVE_KEYS:
            (since_near, near), (since_far, far) = static
            distances = [abs(self._places[key] - index) for key in keys]
            difference = np.hypot(*np.moveaxis(sources[keys[0]].ab - sources[keys[1]].ab, -1, 0))
            both = since_near & since_far & (difference < MAX_KEY_DIFFERENCE)
            share = np.where(both, np.float32(distances[0] / (sum(distances) or 1)), np.float32(0))
            image = near.image + share[..., None] * (far.image - near.image)
            gray = near.gray + share * (far.gray - near.gray)
            static[0] = since_near, _Reference(image, gray, certain)
        return static

    def _colored_alone(self, index: int) -> _Reference:
        gray = self._pairs.gray(index)
        weights, tracks, _ = self._keys(index)
        alignment = self.colorizer.learned.aligner.align(gray, weights)
        result = self.colorizer.colorize(gray, with_tracks(alignment, tracks))
        assert result.confidence is not None
        return _Reference(result.image, gray, result.confidence)


def _keep_gray(image: Image, gray: Image, reference: Image, where: Mask) -> None:
    """Put the frame's gray under chroma that comes from a reference of another gray, in place.

    The gray of an 8-bit frame can be a key's gray, rounded: then the key's colors stay exact.
    """
    level = gray * 255
    rounded = bool((np.abs(level - np.rint(level)) <= WHOLE_LEVEL_TOLERANCE).all())
    other = where & (np.abs(gray - reference) * 255 > (HALF_LEVEL if rounded else 0))
    if other.any():
        ab = np.ascontiguousarray(rgb_to_lab(image[other][None])[..., 1:])
        image[other] = merge.luma_exact(gray[other][None], ab)[0]
