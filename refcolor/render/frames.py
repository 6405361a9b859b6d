"""The gray frames of a shot on disk: numbered files, or a video."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
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
    """Pictures in files, by frame number."""

    def __init__(
        self, files: Mapping[int, Path], max_pixels: int = MAX_PIXELS, key_names: Sequence[str] = ()
    ) -> None:
        self.numbers = tuple(sorted(files))
        self.files = tuple(files[number] for number in self.numbers)
        self.max_pixels, self.key_names = max_pixels, tuple(key_names)
        self._home = Path.cwd()

    def name(self, index: int) -> str:
        return str(self.files[index])

    def read(self, index: int) -> Picture:
        return images.read(_seen_from(self._home, self.files[index]), max_pixels=self.max_pixels)


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
    name has a frame number that no other frame has. Raises OSError or ValueError, of one line, if nothing is
    found, a file is no video, or two frames have one number.
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
        frames: list[tuple[Path, int | None]] = []
        beside: list[tuple[Path, int | None]] = []
        for file in sequences.expand(targets):
            path = file[0]
            if not path.exists():
                raise FileNotFoundError(f"there is no file {quoted(path)}; check the name")
            is_key = path.name in key_names or any(key.exists() and path.samefile(key) for key in keys)
            (beside if is_key else frames).append(file)
        if not frames:
            text = f"{quoted(beside[0][0])} is a key, and there is no other frame: name the gray pictures"
            raise UsageError(text)
        for path, number in beside:
            if sequences.number_of(path) is not None:
                with suppress(ValueError):  # another frame has its number
                    sequences.by_number([*frames, (path, number)])
                    frames.append((path, number))
        return FileFrames(sequences.by_number(frames), max_pixels, [path.name for path, _ in beside])
