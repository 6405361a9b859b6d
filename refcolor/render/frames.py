"""The frames of a shot where they lie: numbered files, or a video."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refcolor.config import MAX_PIXELS
from refcolor.errors import quoted
from refcolor.files import images, sequences
from refcolor.files.images import Picture
from refcolor.imaging.checks import check_size
from refcolor.imaging.color import Image

if TYPE_CHECKING:
    from refcolor.files.video_base import Video

HELD = 1 << 28  # bytes of gray frames that are remembered
LEAST = 4  # frames, however large


class Footage(ABC):
    """Frames by index; cheap to send to another process, which opens the files for itself.

    Attributes
    ----------
    numbers : tuple of int
        Number of every frame.
    files : tuple of Path
        What it is read from.
    max_pixels : int
        Larger frames are refused.
    beside : tuple of str
        Names of the files among the frames that are keys.
    """

    numbers: tuple[int, ...]
    files: tuple[Path, ...]
    max_pixels: int
    beside: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.numbers)

    @abstractmethod
    def name(self, index: int) -> str:
        """What a frame is called in messages and reports."""

    @abstractmethod
    def read(self, index: int) -> Picture:
        """A frame; OSError or ValueError, of one line, where it cannot be read."""


class Files(Footage):
    """Pictures in files, in the order of their frames.

    Their numbers are `numbers` where they are known, else those in their names: see :func:`sequence.numbers`,
    which raises ValueError.
    """

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
        return images.read(_from(self._home, self.paths[index]), max_pixels=self.max_pixels)


class Film(Footage):
    """The frames of a video, numbered from 1."""

    def __init__(self, path: Path, max_pixels: int = MAX_PIXELS) -> None:
        self.path, self.files, self.max_pixels = path, (path,), max_pixels
        self._home = Path.cwd()
        self.numbers = tuple(range(1, len(self.video) + 1))

    @property
    def video(self) -> Video:
        """The video, opened when it is first needed."""
        if "_video" not in self.__dict__:
            from refcolor.files.video import open_video  # late: FFmpeg is needed for videos only

            self._video = open_video(_from(self._home, self.path), max_pixels=self.max_pixels)
        return self._video

    def name(self, index: int) -> str:
        return f"{self.path} frame {self.numbers[index]}"

    def read(self, index: int) -> Picture:
        return self.video.read(index)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_video"}


def _from(home: Path, path: Path) -> Path:
    """A path as it was given, or from the root in a process that works in another folder."""
    return path if Path.cwd() == home else home / path


class Grays(Sequence[Image]):
    """The gray frames (H, W) in [0, 1], read when they are asked for; the last ones are remembered.

    Raises
    ------
    OSError, ValueError
        Of one line, for a frame that cannot be read or is smaller than a patch.
    """

    def __init__(self, footage: Footage) -> None:
        self.footage = footage
        self._recent: OrderedDict[int, Image] = OrderedDict()

    def __len__(self) -> int:
        return len(self.footage)

    def __getitem__(self, index: int) -> Image:  # type: ignore[override]
        if index not in self._recent:
            self.keep(index, self.footage.read(index))
        self._recent.move_to_end(index)
        return self._recent[index]

    def keep(self, index: int, picture: Picture) -> None:
        """Remember the gray of a frame that was read."""
        check_size(picture.rgb, f"target {quoted(self.footage.name(index))}")
        self._recent[index] = picture.gray_on_paper
        while sum(gray.nbytes for gray in self._recent.values()) > HELD and len(self._recent) > LEAST:
            self._recent.popitem(last=False)
