"""The keys of a shot: coloured pictures, and where among the frames they belong."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from . import image_io, palette
from .color import Image, luma
from .footage import Film, Footage, Grays
from .pipeline import check_size
from .safe_write import shown
from .sequence import number_of
from .stillness import still
from .voice import WrongUse

NAMED = re.compile(r"(-?\d*)=(.+)", re.DOTALL)  # --key 24=FILE, or =FILE for none
PICKED = re.compile(r"(.+)@(\d+)", re.DOTALL)  # --key-from VIDEO@24
THUMB = 64  # pixels; sides of what is compared first
ALIKE = 3 / 255  # mean difference of thumbnails
SAME = 0.95  # of a frame that must be like the key for it to be the key's


@dataclass(frozen=True)
class Key:
    """A coloured picture (H, W, 3), what to call it, and the number of its frame, if it is known.

    A loose one is said to belong to no frame.
    """

    name: str
    rgb: Image
    frame: int | None
    loose: bool = False


def read(words: Sequence[str], picked: Sequence[str], numbers: Sequence[int], max_pixels: int) -> list[Key]:
    """The keys that the words of a command mean.

    Parameters
    ----------
    words : sequence of str
        ``FILE``, its frame the last number in its name if the shot has it, or one beside; ``24=FILE``;
        ``=FILE``, of no frame.
    picked : sequence of str
        ``VIDEO@24``: a frame of a coloured video, counted from 1, and the shot's if it has it.
    numbers : sequence of int
        Of the frames of the shot.

    Raises
    ------
    OSError, ValueError
        One line: a key that is not there, is no picture, has no colour, or two for one frame.
    """
    keys = [_file(word, numbers, max_pixels) for word in words]
    keys += [_frame(word, numbers, max_pixels) for word in picked]
    taken: dict[int, str] = {}
    for key in keys:
        check_size(key.rgb, f"key {shown(key.name)}")
        try:
            palette.check(key.rgb, 2)
        except ValueError:
            raise ValueError(f"the key {shown(key.name)} has no colour: give a coloured picture") from None
        if key.frame is not None and taken.setdefault(key.frame, key.name) != key.name:
            raise WrongUse(
                f"{shown(taken[key.frame])} and {shown(key.name)} are both the key of frame {key.frame}: "
                "say which is which, as --key 24=FILE"
            )
    return keys


def files(words: Sequence[str], picked: Sequence[str] = ()) -> list[Path]:
    """The files that the words name, for :func:`read` to read."""
    videos = [found[1] for word in picked if (found := PICKED.fullmatch(word))]
    return [Path(name) for name in [*(_named(word)[0] for word in words), *videos]]


def places(keys: Sequence[Key], footage: Footage) -> list[float | None]:
    """The index of each key's frame, or a number between two; None for one that belongs to no frame."""
    grays = Grays(footage)
    return [
        None if key.loose else _found(key, grays) if key.frame is None else _place(key, footage.numbers)
        for key in keys
    ]


def _file(word: str, numbers: Sequence[int], max_pixels: int) -> Key:
    name, said = _named(word)
    rgb = image_io.read(name, max_pixels=max_pixels).rgb
    if said is not None:
        frame = int(said) if said.strip("-") else None
        return Key(name, rgb, frame, loose=frame is None)
    return Key(name, rgb, _near(number_of(Path(name)), numbers))


def _named(word: str) -> tuple[str, str | None]:
    """The file of a key's word, and what it says of the frame, if anything."""
    named = None if Path(word).is_file() else NAMED.fullmatch(word)
    return (word, None) if named is None else (named[2], named[1])


def _near(number: int | None, numbers: Sequence[int]) -> int | None:
    """A number that the shot has, or one beside; else None."""
    fits = number is not None and min(numbers) - 1 <= number <= max(numbers) + 1
    return number if fits else None


def _frame(word: str, numbers: Sequence[int], max_pixels: int) -> Key:
    found = PICKED.fullmatch(word)
    if found is None:
        raise WrongUse(f"{shown(word)} names no frame of a video: write --key-from VIDEO@24")
    film = Film(Path(found[1]), max_pixels)
    number = int(found[2])
    if not 1 <= number <= len(film):
        raise WrongUse(f"{shown(found[1])} has no frame {number}: its frames are 1 to {len(film)}")
    return Key(word, film.read(number - 1).rgb, _near(number, numbers))


def _place(key: Key, numbers: Sequence[int]) -> float:
    assert key.frame is not None
    known = sorted((number, index) for index, number in enumerate(numbers))
    at = bisect_left(known, (key.frame, -1))
    if at < len(known) and known[at][0] == key.frame:
        return float(known[at][1])
    return known[at][1] - 0.5 if at < len(known) else known[-1][1] + 0.5


def _found(key: Key, grays: Grays) -> float | None:
    """The frame that shows the key's own gray, looked for among all."""
    gray = luma(key.rgb)
    thumb = _thumb(gray)
    best, found = ALIKE, None
    for index in range(len(grays)):
        try:
            frame = grays[index]
        except (OSError, ValueError):
            continue
        off = float(np.abs(_thumb(frame) - thumb).mean())
        if frame.shape == gray.shape and off < best and still(frame, gray).mean() >= SAME:
            best, found = off, float(index)
    return found


def _thumb(gray: Image) -> Image:
    return np.asarray(cv2.resize(gray, (THUMB, THUMB), interpolation=cv2.INTER_AREA), np.float32)
