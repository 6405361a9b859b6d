"""The gray frames of a shot on disk: numbered files, or a video."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refcolor.config import MAX_PIXELS
from refcolor.errors import UsageError, quoted, usage_errors
from refcolor.files import images, sequences
from refcolor.files.image_storage import EXTENSIONS
from refcolor.files.images import Picture
from refcolor.imaging.checks import check_size
from refcolor.imaging.color import Image

if TYPE_CHECKING:
    from refcolor.files.video_base import Video

MAX_CACHE_BYTES = 1 << 28  # of gray frames
MIN_CACHED_FRAMES = 4  # however large


class Frames(ABC):
    """Frames by index; cheap to send to another process, which opens the files itself."""

    numbers: tuple[int, ...]  #: the number of every frame
    files: tuple[Path, ...]  #: what the frames are read from
    max_pixels: int  #: larger frames are refused
    key_names: tuple[str, ...] = ()  #: names of the files in the same folder that are keys

    def __len__(self) -> int:
        return len(self.numbers)

    @abstractmethod
    def name(self, index: int) -> str:
        """What a frame is called in messages and reports."""

    @abstractmethod
    def read(self, index: int) -> Picture:
        """A frame; OSError or ValueError, of one line, where it cannot be read."""


class FileFrames(Frames):
    """Pictures in files, in the order of `numbers`, or of :func:`refcolor.files.sequences.numbers`."""

    def __init__(
        self, paths: Sequence[Path], max_pixels: int = MAX_PIXELS, numbers: Sequence[int] | None = None
    ) -> None:
        known = sequences.numbers(paths) if numbers is None else numbers
        order = sorted(range(len(paths)), key=known.__getitem__)
        self.numbers = tuple(known[i] for i in order)
        self.paths = self.files = tuple(paths[i] for i in order)
        self.max_pixels = max_pixels
        self._home = Path.cwd()

    def name(self, index: int) -> str:
        return str(self.paths[index])

    def read(self, index: int) -> Picture:
        return images.read(_seen_from(self._home, self.paths[index]), max_pixels=self.max_pixels)


class VideoFrames(Frames):
    """The frames of a video, numbered from 1."""

    def __init__(self, path: Path, max_pixels: int = MAX_PIXELS) -> None:
        self.path, self.files, self.max_pixels = path, (path,), max_pixels
        self._home = Path.cwd()
        self.numbers = tuple(range(1, len(self.video) + 1))

    @cached_property
    def video(self) -> Video:
        """The video, opened on first use."""
        from refcolor.files.video import open_video  # late: only videos need FFmpeg

        return open_video(_seen_from(self._home, self.path), max_pixels=self.max_pixels)

    def name(self, index: int) -> str:
        return f"{self.path} frame {self.numbers[index]}"

    def read(self, index: int) -> Picture:
        return self.video.read(index)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "video"}


def _seen_from(home: Path, path: Path) -> Path:
    """The path as it was given, or an absolute one in a process that works in another folder."""
    return path if Path.cwd() == home else home / path


class GrayFrames(Sequence[Image]):
    """The gray frames, float32 (H, W) in [0, 1], read on first use; the last ones are cached.

    Reading raises OSError or ValueError for a frame that cannot be read or is smaller than a patch.
    """

    def __init__(self, frames: Frames) -> None:
        self.frames = frames
        self._cache: OrderedDict[int, Image] = OrderedDict()

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Image:  # type: ignore[override]
        if index not in self._cache:
            self.keep(index, self.frames.read(index))
        self._cache.move_to_end(index)
        return self._cache[index]

    def keep(self, index: int, picture: Picture) -> None:
        """Cache the gray of a frame that was read."""
        check_size(picture.rgb, f"target {quoted(self.frames.name(index))}")
        self._cache[index] = picture.gray_on_paper
        size = sum(gray.nbytes for gray in self._cache.values())
        while size > MAX_CACHE_BYTES and len(self._cache) > MIN_CACHED_FRAMES:
            size -= self._cache.popitem(last=False)[1].nbytes


def find_frames(
    targets: Sequence[Path],
    keys: Sequence[Path],
    max_pixels: int = MAX_PIXELS,
    key_names: Collection[str] = (),
) -> Frames:
    """The frames that file names, folders and patterns mean: a video, or pictures.

    Files that are `keys`, or have one of the `key_names`, are no frames of a folder or pattern, unless their
    name has a frame number that no other frame has.

    Raises
    ------
    OSError, ValueError
        One line: nothing found, no video, or frames of the same number.
    """
    if not targets:
        raise UsageError("there are no targets: name a folder, files, a pattern or a video")
    others = [path for path in targets if path.is_file() and path.suffix.lower() not in EXTENSIONS]
    if len(targets) == 1 and targets[0].is_file():
        from refcolor.files.video import is_video  # late: only videos need FFmpeg

        if others or is_video(targets[0]):
            return VideoFrames(targets[0], max_pixels)
    if others:
        raise UsageError(f"{quoted(others[0])} is no picture: color a video alone, with no other files")
    with usage_errors():
        found = sequences.expand_numbered(targets)
        for path, _ in found:
            if not path.exists():
                raise FileNotFoundError(f"there is no file {quoted(path)}; check the name")
        are_keys = [
            path.name in key_names or any(key.exists() and path.samefile(key) for key in keys)
            for path, _ in found
        ]
        return _without_keys(found, are_keys, max_pixels)


def _without_keys(found: list[tuple[Path, int | None]], are_keys: list[bool], max_pixels: int) -> FileFrames:
    pairs = list(zip(found, are_keys, strict=True))
    frames = [file for file, is_key in pairs if not is_key]
    key_files = [file for file, is_key in pairs if is_key]
    if not frames:
        text = f"{quoted(found[0][0])} is a key, and there is no other frame"
        raise UsageError(f"{text}: name the gray pictures")
    for file in key_files:
        if sequences.number_of(file[0]) is not None:
            with suppress(ValueError):  # another frame has its number
                _numbers([*frames, file])
                frames.append(file)
    result = FileFrames([path for path, _ in frames], max_pixels, _numbers(frames))
    result.key_names = tuple(path.name for path, _ in key_files)
    return result


def _numbers(files: list[tuple[Path, int | None]]) -> list[int]:
    """The frame numbers: those that patterns give, if they give all of them."""
    numbers = [number for _, number in files if number is not None]
    if len(numbers) < len(files):
        return sequences.numbers([path for path, _ in files])
    if len(set(numbers)) < len(numbers):
        raise ValueError("two patterns have frames of the same number: color them one at a time")
    return numbers
