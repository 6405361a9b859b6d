"""The keys of a shot: read them, and find the frame each one belongs to.

A key is named ``FILE``, ``24=FILE`` (the key of frame 24) or ``=FILE`` (of no frame). The frame of a plain
``FILE`` is the last number in its name, where the shot has that frame or one beside it. A key that does not
look like its frame, or has none, is compared with all frames.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np

from refcolor.config import TargetKind
from refcolor.errors import UsageError, quoted
from refcolor.files import images
from refcolor.files.models import Model
from refcolor.files.sequences import expand, number_of
from refcolor.files.video import is_video
from refcolor.imaging import palette
from refcolor.imaging.checks import check_size
from refcolor.imaging.color import Image, luma
from refcolor.render.frames import Frames, GrayFrames, VideoFrames
from refcolor.render.targets import is_line_art, line_art_remark
from refcolor.shots.frame_pairs import static_mask

Word = tuple[str, str | None]  # the file of a key, and what is before its "=": a number or ""; None without

NUMBERED = re.compile(r"(-?\d{1,100}|)=(.+)", re.DOTALL)  # 24=FILE, or =FILE for no frame
VIDEO_FRAME = re.compile(r"(.+)@(\d+)", re.DOTALL)  # VIDEO@24
THUMBNAIL = 64  # pixels; both sides of the pictures that are compared first
MAX_THUMBNAIL_DIFFERENCE = 3 / 255  # mean over the thumbnail
MIN_EQUAL_SHARE = 0.95  # of the pixels of a key and its frame
WHITE = 0.96  # gray from which paper counts as white
MIN_BARE_SHARE = 0.5  # how much larger the white share of line art is than that of its keys


@dataclass(frozen=True)
class Key:
    """A colored picture `rgb`, float32 (H, W, 3) in [0, 1], and the number of its `frame`, if it has one.

    For a `fixed` key, the user or a model has given the frame, or none: no frame is searched for it.
    """

    name: str
    file: Path
    rgb: Image
    frame: int | None
    fixed: bool = False

    @cached_property
    def gray(self) -> Image:
        """Its luma, float32 (H, W)."""
        return luma(self.rgb)


def split(words: Sequence[str]) -> list[Word]:
    """The words with their numbers split off, and with the files of folders and patterns in their place."""
    found: list[Word] = []
    for word in words:
        match = None if Path(word).is_file() else NUMBERED.fullmatch(word)
        name, number = (word, None) if match is None else (match[2], match[1])
        path, video = Path(name), VIDEO_FRAME.fullmatch(name)
        if video and Path(video[1]).is_file() and not path.exists():
            raise UsageError(f"{quoted(name)} is a frame of a video", "video_frame")
        files = [file for file, _ in expand([path])] if number is None else [path]
        found += [(name, number)] if files == [path] else [(str(file), None) for file in files]
    return found


def read(words: Sequence[Word], video_frames: Sequence[str], frames: Frames) -> list[Key]:
    """Read the keys of a shot; ``VIDEO@24`` is frame 24 of a colored video, and the key of that frame.

    Raises OSError or ValueError, of one line, for a key that is missing, no picture, or without color.
    """
    keys = [_read_file(name, number, frames) for name, number in words]
    keys += [_read_video_frame(word, frames) for word in video_frames]
    for key in keys:
        check_size(key.rgb, f"key {quoted(key.name)}")
        try:
            palette.check(key.rgb, 2)
        except ValueError:
            raise ValueError(f"the key {quoted(key.name)} has no color: give a colored picture") from None
    return keys


def from_model(word: Word, model: Model) -> list[Key]:
    """The keys that a model holds; UsageError when the word gives a frame that the model knows.

    Keys of a shot know their frames. A single other picture is searched for among the frames; several belong
    to no frame.
    """
    (name, number), sources = word, model.sources
    file = Path(name)
    if model.keys is None and len(sources) == 1:
        return [Key(name, file, sources[0], int(number) if number else None, fixed=number is not None)]
    if number is not None:
        raise UsageError(f"{quoted(name)} holds several keys, or knows its frame: leave out {number}=")
    known = model.keys or [(f"{name} {i + 1}", None) for i in range(len(sources))]
    return [
        Key(name, file, rgb, frame, fixed=True) for (name, frame), rgb in zip(known, sources, strict=True)
    ]


def index_of(frame: int | None, numbers: Sequence[int]) -> float | None:
    """Index of a frame number: between two where it is missing, beyond the shot in its outer steps."""
    if frame is None or len(numbers) == 1:
        return None if frame is None else frame - numbers[0]
    after = min(max(bisect_left(numbers, frame), 1), len(numbers) - 1)
    low, high = numbers[after - 1], numbers[after]
    return after - (high - frame) / (high - low)


def locate(
    keys: Sequence[Key], frames: Frames, kind: TargetKind = TargetKind.AUTO
) -> tuple[list[Key], list[str]]:
    """The keys with their frames, and remarks for the user; UsageError when two have the same frame.

    `kind` tells what the frames are.
    """
    grays = GrayFrames(frames)
    alike = [_looks_like(key, grays) for key in keys]
    unsure = {i: key for i, key in enumerate(keys) if not (key.fixed or alike[i])}
    matches = _best_matches(unsure, grays)
    decided = [_decide(key, alike[i], matches.get(i), frames.numbers) for i, key in enumerate(keys)]
    located = [replace(key, frame=frame) for key, (frame, _) in zip(keys, decided, strict=True)]
    for one, other in combinations(located, 2):
        if one.frame is not None and one.frame == other.frame:
            raise UsageError(
                f"{quoted(one.name)} and {quoted(other.name)} are both the key of frame {one.frame}: "
                "leave one out, or give its frame, as 24=FILE"
            )
    return located, [remark for _, remark in decided if remark] + _remarks_on_lines(keys, grays, kind)


def _decide(key: Key, alike: bool, match: int | None, numbers: Sequence[int]) -> tuple[int | None, str]:
    """The frame of a key, which may be that of the best match, and a remark or nothing."""
    name, given = quoted(key.name), index_of(key.frame, numbers)
    remark, used = "", f"{name} is used for frame {key.frame}"
    if match is not None and (given is None or abs(match - given) >= 1):
        return numbers[match], f"{name} is frame {numbers[match]}"
    if given is None:
        remark = "" if key.fixed else f"{name} belongs to no frame; if it does, give it as 24={key.name}"
    elif key.fixed and not 0 <= given <= len(numbers) - 1:
        remark = f"{used}, which the shot does not reach"
    elif key.fixed and key.frame in numbers and not alike:
        remark = f"{used}, as given, but does not look like it"
    elif not (key.fixed or alike) and match is None:
        remark = f"{used} because of its name; if it is another, give it as 24={key.name}"
    return key.frame, remark


def _remarks_on_lines(keys: Sequence[Key], grays: GrayFrames, kind: TargetKind) -> list[str]:
    """A remark if the frames seem to be line art, unless the user has said so."""
    with suppress(OSError, ValueError):  # of a frame that cannot be read
        if kind is TargetKind.LINES:
            return []
        first = grays.frames.read(0)
        if is_line_art(first, kind):
            return [line_art_remark(grays.frames.name(0))]
        white = float((first.gray_on_paper > WHITE).mean())
        if white - max(float((key.gray > WHITE).mean()) for key in keys) >= MIN_BARE_SHARE:
            name = quoted(grays.frames.name(0))
            text = f"{white:.0%} of {name} is white, and the keys are not: lines without grays take no color"
            return [text]
    return []


def _read_file(name: str, number: str | None, frames: Frames) -> Key:
    path = Path(name)
    try:
        rgb = images.read(name, max_pixels=frames.max_pixels).on_paper
    except ValueError:
        if is_video(path):
            raise UsageError(f"{quoted(name)} is a video", "is_video") from None
        raise
    given = int(number) if number else None
    frame = _near(number_of(path), frames) if number is None else given
    return Key(name, path, rgb, frame, fixed=number is not None)


def _read_video_frame(word: str, frames: Frames) -> Key:
    match = VIDEO_FRAME.fullmatch(word)
    if match is None:
        raise UsageError(f"{quoted(word)} names no frame of a video: write VIDEO@24")
    video, number = VideoFrames(Path(match[1]), frames.max_pixels), int(match[2])
    if number not in video.numbers:
        raise UsageError(f"{quoted(match[1])} has no frame {number}: its frames are 1 to {len(video)}")
    return Key(word, video.path, video.read(number - 1).on_paper, _near(number, frames))


def _near(number: int | None, frames: Frames) -> int | None:
    """A number within the shot or right beside it, else None."""
    near = number is not None and min(frames.numbers) - 1 <= number <= max(frames.numbers) + 1
    return number if near else None


def _looks_like(key: Key, grays: GrayFrames) -> bool:
    """Whether a key looks like its frame in outline; assumed of a frame that cannot be read."""
    if key.frame not in grays.frames.numbers:
        return False
    with suppress(OSError, ValueError):
        frame = grays[grays.frames.numbers.index(key.frame)]
        difference = float(np.abs(_thumbnail(key.gray) - _thumbnail(frame)).mean())
        return difference < MAX_THUMBNAIL_DIFFERENCE
    return True


def _best_matches(keys: Mapping[int, Key], grays: GrayFrames) -> dict[int, int]:
    """For each key that has one, the index of the frame that shows its own gray."""
    thumbnails = {i: _thumbnail(key.gray) for i, key in keys.items()}
    least = dict.fromkeys(keys, MAX_THUMBNAIL_DIFFERENCE)
    best: dict[int, int] = {}
    for index in range(len(grays) if keys else 0):
        with suppress(OSError, ValueError):  # of a frame that cannot be read
            frame = grays[index]
            thumbnail = _thumbnail(frame)
            for i, key in keys.items():
                difference = float(np.abs(thumbnails[i] - thumbnail).mean())
                similar = difference < least[i] and frame.shape == key.gray.shape
                if similar and static_mask(frame, key.gray).mean() >= MIN_EQUAL_SHARE:
                    least[i], best[i] = difference, index
    return best


def _thumbnail(gray: Image) -> Image:
    return np.asarray(cv2.resize(gray, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA), np.float32)
