"""The keys of a shot: read them, and find the frame each one belongs to.

A key is named ``FILE``, ``24=FILE`` (the key of frame 24) or ``=FILE`` (of no frame). The frame of a plain
``FILE`` is the last number in its name, where the shot has that frame or one beside it. A key that does not
look like its frame, or has none, is compared with all frames.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from refcolor.errors import UsageError, quoted
from refcolor.files import images
from refcolor.files.models import Model, is_meant
from refcolor.files.sequences import FRAME_FIELD, expand, number_of
from refcolor.files.video import is_video
from refcolor.imaging import palette
from refcolor.imaging.checks import check_size
from refcolor.imaging.color import Image, luma
from refcolor.render.frames import Frames, GrayFrames, VideoFrames
from refcolor.shots.frame_pairs import static_mask

NUMBERED = re.compile(r"(-?\d{0,100})=(.+)", re.DOTALL)  # 24=FILE, or =FILE for no frame
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
    rgb: Image
    frame: int | None
    fixed: bool = False

    @cached_property
    def gray(self) -> Image:
        """Its luma, float32 (H, W)."""
        return luma(self.rgb)


def read(words: Sequence[str], video_frames: Sequence[str], frames: Frames) -> list[Key]:
    """Read the keys of a shot.

    Parameters
    ----------
    words : sequence of str
        ``FILE``, ``24=FILE`` or ``=FILE``.
    video_frames : sequence of str
        ``VIDEO@24``: a frame of a colored video, counted from 1, and the key of that frame of the shot.
    frames : Frames

    Raises
    ------
    OSError, ValueError
        One line: a key that is missing, is no picture, or has no color.
    """
    keys = [_read_file(word, frames) for word in words]
    keys += [_read_video_frame(word, frames) for word in video_frames]
    for key in keys:
        check_size(key.rgb, f"key {quoted(key.name)}")
        try:
            palette.check(key.rgb, 2)
        except ValueError:
            raise ValueError(f"the key {quoted(key.name)} has no color: give a colored picture") from None
    return keys


def model_path(words: Sequence[str], video_frames: Sequence[str]) -> Path | None:
    """The model that is given instead of pictures, if there is one, with no other key beside it."""
    models = [Path(name) for word in words if is_meant(name := _split(word)[0])]
    if models and len(words) + len(video_frames) > 1:
        raise UsageError(f"{quoted(models[0])} is a model, which holds its keys: give no other beside it")
    return models[0] if models else None


def from_model(word: str, model: Model, numbers: Sequence[int]) -> list[Key]:
    """The keys that a model holds; UsageError when `word` gives a frame that the model knows.

    Keys of a shot know their frames. A single other picture is searched for among the frames; several belong
    to no frame.
    """
    name, number = _split(word)
    sources = model.sources
    if model.keys is None and len(sources) == 1:
        return [Key(name, sources[0], None) if number is None else _key(name, sources[0], number, numbers)]
    if number is not None:
        raise UsageError(f"{quoted(name)} holds several keys, or knows its frame: leave out {number}=")
    known = model.keys or [(f"{name} {i + 1}", None) for i in range(len(sources))]
    return [Key(name, rgb, frame, fixed=True) for (name, frame), rgb in zip(known, sources, strict=True)]


def frame_number(key: Key, index: float | None, numbers: Sequence[int]) -> int | None:
    """Number of a key's frame: that of the frame it was found to be, else its own."""
    return numbers[int(index)] if index is not None and index in range(len(numbers)) else key.frame


def expand_words(words: Sequence[str]) -> list[str]:
    """The words, with the files of folders and patterns in their place."""
    expanded: list[str] = []
    for word in words:
        name, number = _split(word)
        path, video = Path(name), VIDEO_FRAME.fullmatch(name)
        if video and Path(video[1]).is_file() and not path.exists():
            raise UsageError(f"{quoted(name)} is a frame of a video", "video_frame")
        several = number is None and not path.is_file() and (path.is_dir() or FRAME_FIELD.search(path.name))
        expanded += [str(file) for file in expand([path])] if several else [word]
    return expanded


def files(words: Sequence[str], video_frames: Sequence[str] = ()) -> list[Path]:
    """The files that the words name, for :func:`read` to read."""
    videos = [match[1] for word in video_frames if (match := VIDEO_FRAME.fullmatch(word))]
    return [Path(name) for name in [*(_split(word)[0] for word in words), *videos]]


def locate(keys: Sequence[Key], frames: Frames) -> tuple[list[float | None], list[str]]:
    """Find the frame of every key.

    Returns
    -------
    indices : list of float or None
        Index of each key's frame; between two, below 0 or beyond the last for one that the shot has not; None
        for no frame.
    remarks : list of str
        For the user.

    Raises
    ------
    UsageError
        When two keys have the same frame.
    """
    grays = GrayFrames(frames)
    given = [None if key.frame is None else _index_of(key.frame, frames.numbers) for key in keys]
    alike = [_looks_like(key, grays, index) for key, index in zip(keys, given, strict=True)]
    unsure = [i for i, key in enumerate(keys) if not (key.fixed or alike[i])]
    matches = dict(zip(unsure, _best_matches([keys[i] for i in unsure], grays), strict=True))
    indices: list[float | None] = []
    remarks: list[str] = []
    for i, key in enumerate(keys):
        index, remark = _decide(key, given[i], alike[i], matches.get(i), frames.numbers)
        remarks += [remark] if remark else []
        if index is not None and index in indices:
            raise UsageError(
                f"{quoted(keys[indices.index(index)].name)} and {quoted(key.name)} are both the key of frame "
                f"{frame_number(key, index, frames.numbers)}: leave one out, or give its frame, as 24=FILE"
            )
        indices.append(index)
    return indices, remarks + _remarks_on_lines(keys, grays)


def _decide(
    key: Key, given: float | None, alike: bool, match: int | None, numbers: Sequence[int]
) -> tuple[float | None, str]:
    """Index of a key's frame, of the given one and the best match, and a remark or nothing."""
    name = quoted(key.name)
    remark = ""
    if key.fixed and given is not None:
        if not 0 <= given <= len(numbers) - 1:
            remark = f"{name} is used for frame {key.frame}, which the shot does not reach"
        elif given in range(len(numbers)) and not alike:
            remark = f"{name} is used for frame {key.frame}, as given, but does not look like it"
    elif not (key.fixed or alike):
        if match is not None and (given is None or abs(match - given) >= 1):
            return match, f"{name} is frame {numbers[match]}"
        if given is None:
            remark = f"{name} belongs to no frame; if it does, give it as 24={key.name}"
        elif match is None:
            remark = f"{name} is used for frame {key.frame} because of its name; "
            remark += f"if it is another, give it as 24={key.name}"
    return given, remark


def _remarks_on_lines(keys: Sequence[Key], grays: GrayFrames) -> list[str]:
    """A remark if the frames are line art: bare lines have no gray that could tell a color."""
    try:
        white = float((grays[0] > WHITE).mean())
    except (OSError, ValueError):
        return []
    if white - max(float((key.gray > WHITE).mean()) for key in keys) < MIN_BARE_SHARE:
        return []
    name = quoted(grays.frames.name(0))
    return [f"{white:.0%} of {name} is white, and the keys are not: lines without grays take no color"]


def _read_file(word: str, frames: Frames) -> Key:
    name, number = _split(word)
    try:
        rgb = images.read(name, max_pixels=frames.max_pixels).on_paper
    except ValueError:
        if is_video(name):
            raise UsageError(f"{quoted(name)} is a video", "is_video") from None
        raise
    return _key(name, rgb, number, frames.numbers)


def _read_video_frame(word: str, frames: Frames) -> Key:
    match = VIDEO_FRAME.fullmatch(word)
    if match is None:
        raise UsageError(f"{quoted(word)} names no frame of a video: write VIDEO@24")
    video, number = VideoFrames(Path(match[1]), frames.max_pixels), int(match[2])
    if not 1 <= number <= len(video):
        raise UsageError(f"{quoted(match[1])} has no frame {number}: its frames are 1 to {len(video)}")
    return Key(word, video.read(number - 1).on_paper, _near(number, frames.numbers))


def _key(name: str, rgb: Image, given: str | None, numbers: Sequence[int]) -> Key:
    """The key of a frame that is given as digits or nothing, or that is in its name."""
    if given is not None:
        return Key(name, rgb, int(given) if given.strip("-") else None, fixed=True)
    return Key(name, rgb, _near(number_of(Path(name)), numbers))


def _near(number: int | None, numbers: Sequence[int]) -> int | None:
    """A number within the shot or right beside it, else None."""
    near = number is not None and min(numbers) - 1 <= number <= max(numbers) + 1
    return number if near else None


def _split(word: str) -> tuple[str, str | None]:
    """The file of a key's word, and the number before it, if there is one."""
    match = None if Path(word).is_file() else NUMBERED.fullmatch(word)
    return (word, None) if match is None else (match[2], match[1])


def _index_of(frame: int, numbers: Sequence[int]) -> float:
    """Index of a frame number: between two where it is missing, beyond the shot in its outer steps."""
    if len(numbers) == 1:
        return frame - numbers[0]
    after = min(max(bisect_left(numbers, frame), 1), len(numbers) - 1)
    low, high = numbers[after - 1], numbers[after]
    return after - (high - frame) / (high - low)


def _looks_like(key: Key, grays: GrayFrames, index: float | None) -> bool:
    """Whether a key looks like its frame in outline; assumed of a frame that cannot be read."""
    if index is None or index not in range(len(grays)):
        return False
    try:
        frame = _thumbnail(grays[int(index)])
    except (OSError, ValueError):
        return True
    return _difference(_thumbnail(key.gray), frame) < MAX_THUMBNAIL_DIFFERENCE


def _best_matches(keys: Sequence[Key], grays: GrayFrames) -> list[int | None]:
    """For each key the index of the frame that shows its own gray, if there is one."""
    thumbnails = [_thumbnail(key.gray) for key in keys]
    least = [MAX_THUMBNAIL_DIFFERENCE] * len(keys)
    best: list[int | None] = [None] * len(keys)
    for index in range(len(grays) if keys else 0):
        with suppress(OSError, ValueError):  # of a frame that cannot be read
            frame = grays[index]
            thumbnail = _thumbnail(frame)
            for i, key in enumerate(keys):
                difference = _difference(thumbnails[i], thumbnail)
                similar = difference < least[i] and frame.shape == key.gray.shape
                if similar and static_mask(frame, key.gray).mean() >= MIN_EQUAL_SHARE:
                    least[i], best[i] = difference, index
    return best


def _difference(one: Image, other: Image) -> float:
    return float(np.abs(one - other).mean())


def _thumbnail(gray: Image) -> Image:
    return np.asarray(cv2.resize(gray, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA), np.float32)
