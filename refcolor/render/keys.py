"""The keys of a shot: colored pictures, and where among the frames they belong."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from refcolor.errors import UsageError, quoted
from refcolor.files import images
from refcolor.files.models import Model, is_meant
from refcolor.files.sequences import PLACE, expand, number_of
from refcolor.files.video import is_video
from refcolor.imaging import palette
from refcolor.imaging.checks import check_size
from refcolor.imaging.color import Image, luma
from refcolor.render.frames import Film, Footage, Grays
from refcolor.shots.frame_pairs import still

NAMED = re.compile(r"(-?\d{0,100})=(.+)", re.DOTALL)  # --key 24=FILE, or =FILE for none
PICKED = re.compile(r"(.+)@(\d+)", re.DOTALL)  # --key-from VIDEO@24
THUMB = 64  # pixels; sides of what is compared first
ALIKE = 3 / 255  # mean difference of thumbnails
PAPER, BARE = 0.96, 0.5  # gray that is white; share of a frame by which it has more of that than the keys
SAME = 0.95  # of a frame that must be like the key for it to be the key's


@dataclass(frozen=True)
class Key:
    """A colored picture (H, W, 3), what to call it, and the number of its frame, if it is known.

    It is `said`, or only in the name. An unplaced one is said to belong to no frame.
    """

    name: str
    rgb: Image
    frame: int | None
    unplaced: bool = False
    said: bool = False

    @cached_property
    def gray(self) -> Image:
        """Its luma, (H, W)."""
        return luma(self.rgb)

    @cached_property
    def thumb(self) -> Image:
        """The same, THUMB pixels on a side."""
        return _thumb(self.gray)


def read(words: Sequence[str], picked: Sequence[str], numbers: Sequence[int], max_pixels: int) -> list[Key]:
    """The keys that the words of a command mean.

    Parameters
    ----------
    words : sequence of str
        ``FILE``, its frame the last number in its name if the shot has it, or one beside; ``24=FILE``;
        ``=FILE``, of no frame.
    picked : sequence of str
        ``VIDEO@24``: a frame of a colored video, counted from 1, and the shot's if it has it.
    numbers : sequence of int
        Of the frames of the shot.

    Raises
    ------
    OSError, ValueError
        One line: a key that is not there, is no picture, or has no color.
    """
    keys = [_file(word, numbers, max_pixels) for word in words]
    keys += [_frame(word, numbers, max_pixels) for word in picked]
    for key in keys:
        check_size(key.rgb, f"key {quoted(key.name)}")
        try:
            palette.check(key.rgb, 2)
        except ValueError:
            raise ValueError(f"the key {quoted(key.name)} has no color: give a colored picture") from None
    return keys


def model_of(words: Sequence[str], picked: Sequence[str]) -> Path | None:
    """The model that is meant instead of pictures, if one is.

    Raises
    ------
    UsageError
        When there are keys beside it.
    """
    found = [Path(name) for word in words if is_meant(name := _named(word)[0])]
    if found and len(words) + len(picked) > 1:
        raise UsageError(f"{quoted(found[0])} is a model, which holds its keys: give no other beside it")
    return found[0] if found else None


def of_model(word: str, model: Model, numbers: Sequence[int]) -> list[Key]:
    """The keys of a model that `word` names: those of a shot know their frames.

    Where no shot taught them, one is looked for among the frames, and several are of no frame.

    Raises
    ------
    UsageError
        When the word says of the frame what the model knows.
    """
    name, said = _named(word)
    if model.keys is None and len(model.sources) == 1:
        rgb = model.sources[0]
        return [Key(name, rgb, None) if said is None else _key(name, rgb, said, numbers)]
    if said is not None:
        raise UsageError(f"{quoted(name)} holds several keys, or knows its frame: leave out {said}=")
    known = model.keys or tuple((f"{name} {i + 1}", None) for i in range(len(model.sources)))
    return [
        Key(called, rgb, frame, unplaced=frame is None, said=True)
        for (called, frame), rgb in zip(known, model.sources, strict=True)
    ]


def frame_of(key: Key, place: float | None, numbers: Sequence[int]) -> int | None:
    """The frame of a key: its own number, or that of the frame it was found to be."""
    return numbers[int(place)] if place is not None and place in range(len(numbers)) else key.frame


def expanded(words: Sequence[str]) -> list[str]:
    """The words, with the files of a folder or a pattern in their place."""
    found: list[str] = []
    for word in words:
        name, said = _named(word)
        if (video := PICKED.fullmatch(name)) and Path(video[1]).is_file() and not Path(name).exists():
            raise UsageError(f"{quoted(name)} is a frame of a video: write it as --key-from {name}")
        many = (
            said is None
            and not Path(name).is_file()
            and (Path(name).is_dir() or PLACE.search(Path(name).name))
        )
        found += [str(path) for path in expand([Path(name)])] if many else [word]
    return found


def files(words: Sequence[str], picked: Sequence[str] = ()) -> list[Path]:
    """The files that the words name, for :func:`read` to read."""
    videos = [found[1] for word in picked if (found := PICKED.fullmatch(word))]
    return [Path(name) for name in [*(_named(word)[0] for word in words), *videos]]


def places(keys: Sequence[Key], footage: Footage) -> tuple[list[float | None], list[str]]:
    """The index of each key's frame, or a number between two; None for one that belongs to no frame.

    Frames are read where a key does not look like the frame that its name tells, or tells none: then it is
    that of the frame that it looks like. Also returned is what the user should know of this.

    Raises
    ------
    UsageError
        When two are the key of one frame.
    """
    grays = Grays(footage)
    told = [None if key.frame is None else _place(key.frame, footage.numbers) for key in keys]
    like = [not key.unplaced and _is_like(key, grays, at) for key, at in zip(keys, told, strict=True)]
    unsure = [i for i, key in enumerate(keys) if not (key.unplaced or key.said or like[i])]
    frames_like = dict(zip(unsure, _frames_like([keys[i] for i in unsure], grays), strict=True))
    found: list[float | None] = []
    remarks: list[str] = []
    for i, key in enumerate(keys):
        name, at = quoted(key.name), told[i]
        if key.said and at is not None and not 0 <= at <= len(footage) - 1:
            remarks.append(f"{name} counts for frame {key.frame}, which the shot does not reach")
        elif key.said and at in range(len(footage)) and not like[i]:
            remarks.append(f"{name} counts for frame {key.frame}, as said, and does not look like it")
        if i in frames_like:
            seen = frames_like[i]
            if seen is not None and (at is None or abs(seen - at) >= 1):
                at = seen
                remarks.append(f"{name} is frame {footage.numbers[seen]}")
            elif at is None:
                remarks.append(f"{name} belongs to no frame; if it does, say which: --key 24={key.name}")
            elif seen is None:
                remarks.append(
                    f"{name} is taken for frame {key.frame} by its name; "
                    f"if it is another, say --key 24={key.name}"
                )
        if at is not None and at in found:
            raise UsageError(
                f"{quoted(keys[found.index(at)].name)} and {name} are both the key of frame "
                f"{frame_of(key, at, footage.numbers)}: leave one out, or say its frame, as --key 24=FILE"
            )
        found.append(at)
    return found, remarks + _remarks_on_lines(keys, grays)


def _remarks_on_lines(keys: Sequence[Key], grays: Grays) -> list[str]:
    """What to say if the frames are line art: bare lines have no gray that could tell a color."""
    try:
        white = float((grays[0] > PAPER).mean())
    except (OSError, ValueError):
        return []
    if white - max(float((key.gray > PAPER).mean()) for key in keys) < BARE:
        return []
    name = quoted(grays.footage.name(0))
    return [f"{white:.0%} of {name} is white, and the keys are not: lines without their grays take no color"]


def _file(word: str, numbers: Sequence[int], max_pixels: int) -> Key:
    name, said = _named(word)
    try:
        rgb = images.read(name, max_pixels=max_pixels).on_paper
    except ValueError:
        if is_video(name):
            raise UsageError(
                f"{quoted(name)} is a video: name a frame of it, as --key-from {name}@24"
            ) from None
        raise
    return _key(name, rgb, said, numbers)


def _key(name: str, rgb: Image, said: str | None, numbers: Sequence[int]) -> Key:
    """The key in a file, whose frame is said, or perhaps in its name."""
    if said is not None:
        frame = int(said) if said.strip("-") else None
        return Key(name, rgb, frame, unplaced=frame is None, said=True)
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
        raise UsageError(f"{quoted(word)} names no frame of a video: write --key-from VIDEO@24")
    film = Film(Path(found[1]), max_pixels)
    number = int(found[2])
    if not 1 <= number <= len(film):
        raise UsageError(f"{quoted(found[1])} has no frame {number}: its frames are 1 to {len(film)}")
    return Key(word, film.read(number - 1).on_paper, _near(number, numbers))


def _place(frame: int, numbers: Sequence[int]) -> float:
    if len(numbers) == 1:
        return frame - numbers[0]
    at = min(max(bisect_left(numbers, frame), 1), len(numbers) - 1)
    low, high = numbers[at - 1], numbers[at]
    return at - (high - frame) / (high - low)  # beyond the shot in the steps that it ends with


def _is_like(key: Key, grays: Grays, at: float | None) -> bool:
    """Whether a key looks like the frame that its name tells, in outline."""
    if at is None or at not in range(len(grays)):
        return False
    try:
        return _apart(key.thumb, _thumb(grays[int(at)])) < ALIKE
    except (OSError, ValueError):
        return True  # nothing else is known


def _frames_like(keys: Sequence[Key], grays: Grays) -> list[int | None]:
    """For each key the frame that shows its own gray, looked for among all."""
    best = [ALIKE] * len(keys)
    found: list[int | None] = [None] * len(keys)
    for index in range(len(grays) if keys else 0):
        try:
            frame = grays[index]
        except (OSError, ValueError):
            continue
        thumb = _thumb(frame)
        for i, key in enumerate(keys):
            off = _apart(key.thumb, thumb)
            if frame.shape == key.gray.shape and off < best[i] and still(frame, key.gray).mean() >= SAME:
                best[i], found[i] = off, index
    return found


def _apart(one: Image, other: Image) -> float:
    return float(np.abs(one - other).mean())


def _thumb(gray: Image) -> Image:
    return np.asarray(cv2.resize(gray, (THUMB, THUMB), interpolation=cv2.INTER_AREA), np.float32)
