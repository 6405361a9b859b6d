"""Many frames of one shot, colored from one key or several::

    keys --> network, trained once over them all
                                   |
    key --> gray frames --> frame: tracks --> candidates for its synthesis (pipeline)
                                   |
    frames around it --> what stands still takes the key's colors, or those of one frame for all the time

Every frame is a function of the keys and of gray frames, never of another frame's result: any part of a shot,
in any order and on any machine, comes out bit for bit as it does in the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from refcolor.config import Preset
from refcolor.imaging import merge
from refcolor.imaging.color import Image, rgb_to_lab
from refcolor.imaging.flat_colors import HALF_LEVEL, ROUNDED
from refcolor.methods.pipeline import Colorizer, check
from refcolor.shots.frame_pairs import Mask, Neighbors, unpacked
from refcolor.shots.static_areas import Stillness
from refcolor.shots.tracking import Track, Tracks, follow

ACTIVE = 2  # placed keys that a frame is colored from: the nearest before and after it
UNPLACED = 0.5  # how much a key without a place counts; the nearest with one counts 1
PATHS = 4  # keys whose tracks are remembered
REMEMBERED = 10  # frames whose colors are remembered; seldom do more outrank one
FADED = 8 / 255  # gray that a still pixel may have drifted by
AGREED = 6.0  # CIELAB units of chroma that two keys may differ by where both show one paint


@dataclass(frozen=True)
class Frame:
    """A colored frame of a shot.

    Attributes
    ----------
    image : float32 (H, W, 3)
        Encoded sRGB in [0, 1].
    confidence : float32 (H, W) or None
        How far each pixel's color is to be trusted, in [0, 1]; ``paper`` does not tell.
    keys : tuple of int
        Numbers of the keys that it was colored from, the nearest first.
    hold : bool
        Whether it is the frame before again.
    cut : bool
        Whether another scene begins with it.
    resized : bool
        Whether its size is not that of the frame before.
    keyless : bool
        Whether a cut lies between it and every key.
    """

    image: Image
    confidence: Image | None
    keys: tuple[int, ...]
    hold: bool
    cut: bool
    resized: bool
    keyless: bool


@dataclass(frozen=True)
class _Reference:
    """A picture that others take from: itself (H, W, 3), its gray and confidence (H, W)."""

    image: Image
    gray: Image
    confidence: Image


class Shot:
    """The colored frames of a shot; each is worked out when it is asked for.

    Parameters
    ----------
    colorizer : Colorizer
        Fitted on the keys.
    frames : sequence of float32 (H, W)
        The gray frames in [0, 1], in order; they may be read when they are asked for. One whose asking raises
        OSError or ValueError cannot be had, the others can.
    places : sequence of float or None
        For each key the index of its frame; a number between two, below 0 or beyond the last if it is none of
        them; None for a key of no place, as a model sheet.

    Raises
    ------
    ValueError
        When there are not as many places as keys, or when the colorizer is not fitted.

    Notes
    -----
    Asking in order is quickest: what frames have in common is remembered for a while.
    """

    def __init__(self, colorizer: Colorizer, frames: Sequence[Image], places: Sequence[float | None]) -> None:
        if not colorizer.fitted:
            raise ValueError("there are no keys yet: fit the colorizer on them first")
        if len(places) != len(colorizer.sources):
            raise ValueError(f"{len(places)} places for {len(colorizer.sources)} keys: give one for each")
        self.colorizer, self.frames, self.places = colorizer, frames, tuple(places)
        self._pairs = Neighbors(frames)
        self._stillness = Stillness(self._pairs)
        self._hold_starts: dict[int, int] = {}  # of every frame, the first of its hold
        self._track = lru_cache(PATHS)(self._new_track)
        self._own = lru_cache(REMEMBERED)(self._colored_alone)
        self._steady = lru_cache(1)(self._made_steady)
        self._active = lru_cache(REMEMBERED)(self._found_active)

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self) -> Iterator[Frame]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Frame:
        """Frame `index`, from 0; what its gray frame raises if it cannot be had."""
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of {len(self)}")
        gray = self.frames[index]
        check(gray, "target", 2)
        resized = self._pairs.resized(index)
        if self.colorizer.config.name is Preset.PAPER:
            image = self.colorizer.colorize(gray).image
            keys = tuple(range(len(self.places)))
            return Frame(image, None, keys, hold=False, cut=False, resized=resized, keyless=False)
        first = self._hold_start(index)
        weights, _, keyless = self._active(first)
        reference = self._steady(first)
        image, confidence = reference.image.copy(), reference.confidence.copy()
        _keep_gray(image, gray, reference.gray, np.ones(gray.shape, bool))
        cut = self._pairs.cut(index)
        return Frame(image, confidence, tuple(weights), first != index, cut, resized, keyless)

    def _hold_start(self, index: int) -> int:
        """The first frame of the hold that a frame belongs to: perhaps itself, as that of a key is."""
        start = index
        while start not in self._hold_starts and self._holds(start):
            start -= 1
        first = self._hold_starts.setdefault(start, start)
        for i in range(start + 1, index + 1):
            # small changes may add up
            first = first if self._holds(i) and self._pairs.same(first, i) else i
            self._hold_starts[i] = first
        return first

    def _holds(self, index: int) -> bool:
        """Whether a frame is the one before again, and no key's."""
        return index > 0 and index not in self.places and self._pairs.same(index - 1, index)

    def _found_active(self, index: int) -> tuple[dict[int, float], dict[int, Track], bool]:
        """How much keys count for a frame, nearest first; their tracks; whether all lie beyond cuts."""
        away = {key: abs(place - index) for key, place in enumerate(self.places) if place is not None}
        near = sorted(away, key=lambda key: (away[key], key))
        before = [key for key in near if self._place(key) <= index][:1]
        after = [key for key in near if self._place(key) > index][:1]
        asked = sorted(before + after, key=near.index) if before and after else near[:ACTIVE]
        tracks = {key: self._track(key).at(index) for key in asked}
        found = {key: track for key, track in tracks.items() if track is not None}
        here = [key for key in asked if key in found or not self._track(key).reaches(index)]
        unplaced = [key for key, place in enumerate(self.places) if place is None]
        keyless = bool(asked) and not here and not unplaced
        weights = {key: 1 / max(away[key], 1.0) for key in here or asked}
        nearest = max(weights.values(), default=1.0)
        weights = {key: weight / nearest for key, weight in weights.items()}
        return weights | dict.fromkeys(unplaced, UNPLACED if weights else 1.0), found, keyless

    def _place(self, key: int) -> float:
        place = self.places[key]
        assert place is not None
        return place

    def _new_track(self, key: int) -> Tracks:
        return Tracks(self.colorizer.sources.each[key].gray, self._place(key), self._pairs)

    def _made_steady(self, index: int) -> _Reference:
        """A frame in which what stands still has taken its colors from where it should."""
        gray = self.frames[index]
        image = np.empty((*gray.shape, 3), np.float32)
        confidence = np.empty(gray.shape, np.float32)
        left = np.ones(gray.shape, bool)

        def take(where: Mask, reference: _Reference) -> None:
            where = where & left & (np.abs(gray - reference.gray) <= FADED)
            image[where], confidence[where] = reference.image[where], reference.confidence[where]
            left[where] = False
            _keep_gray(image, gray, reference.gray, where)

        for where, reference in self._still_keys(index, gray.shape):
            take(where, reference)
        if left.any():
            references = self._stillness.references(index, left)
            for other in np.unique(references[left]).tolist():
                if other != index:
                    take(references == other, self._own(other))
        if left.any():
            own = self._own(index)
            image[left], confidence[left] = own.image[left], own.confidence[left]
        return _Reference(image, gray, confidence)

    def _still_keys(self, index: int, shape: tuple[int, ...]) -> list[tuple[Mask, _Reference]]:
        """Keys to take from, the nearest first, and where nothing has changed since.

        Where that holds for two and they all but agree, the first goes over into the other by and by.
        """
        _, tracks, _ = self._active(index)
        sources = self.colorizer.sources.each
        keys = [key for key in tracks if sources[key].gray.shape == shape]
        sure = np.broadcast_to(np.float32(1), shape)
        found = [
            (unpacked(tracks[key].still, shape), _Reference(sources[key].rgb, sources[key].gray, sure))
            for key in keys
        ]
        if len(found) == ACTIVE:
            (here, near), (there, far) = found
            away = [abs(self._place(key) - index) for key in keys]
            apart = np.hypot(*np.moveaxis(sources[keys[0]].ab - sources[keys[1]].ab, -1, 0))
            both = here & there & (apart < AGREED)
            share = np.where(both, np.float32(away[0] / (sum(away) or 1)), np.float32(0))
            image = near.image + share[..., None] * (far.image - near.image)
            found[0] = here, _Reference(image, near.gray + share * (far.gray - near.gray), sure)
        return found

    def _colored_alone(self, index: int) -> _Reference:
        gray = self.frames[index]
        weights, tracks, _ = self._active(index)
        aligned = follow(self.colorizer.align(gray, weights), tracks)
        made = self.colorizer.colorize(gray, aligned)
        assert made.confidence is not None
        return _Reference(made.image, gray, made.confidence)


def _keep_gray(image: Image, gray: Image, lent: Image, where: Mask) -> None:
    """Keep the chroma of what was taken from a picture whose gray is another, and take the frame's gray.

    A frame of 8 bits may have the other's gray rounded, as that of a key: then colors stay as they are.
    """
    level = gray * 255
    rounded = bool((np.abs(level - np.rint(level)) <= ROUNDED).all())
    other = where & (np.abs(gray - lent) * 255 > (HALF_LEVEL if rounded else 0))
    if other.any():
        ab = np.ascontiguousarray(rgb_to_lab(image[other][None])[..., 1:])
        image[other] = merge.luma_exact(gray[other][None], ab)[0]
