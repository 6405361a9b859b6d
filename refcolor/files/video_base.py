"""Base class of video readers: frames, times, rate and color tags."""

from __future__ import annotations

from abc import ABC, abstractmethod
from fractions import Fraction
from types import TracebackType
from typing import Self

from refcolor.errors import StrPath, quoted
from refcolor.files.images import Picture


class Video(ABC):
    """The frames of a video or of an animated GIF, PNG or WebP; a context manager.

    :func:`refcolor.files.video.open_video` opens it. Memory does not grow with the length, except for
    animated WebP. The alpha of VP8 and VP9 is not read, and interlaced fields are not separated.

    Attributes
    ----------
    path, max_pixels
        As given to `open_video`.
    size : (width, height) of a frame as stored, before any rotation for display.
    times, time_base : list of int, Fraction
        When each frame is shown, in units of `time_base` seconds.
    end : int
        When the last frame ends, in the same units.
    rate : Fraction
        Frames per second, the average where it varies.
    depth : int
        Bits of a sample, 8 to 16.
    has_alpha : bool
    matrix, full_range, primaries, transfer
        Color tags by the numbers of ITU-T H.273; the matrix is 0 for RGB, and never unspecified.
    aspect : Fraction, or None
        Width of a pixel divided by its height.
    display_matrix : nine integers, or None
        FFmpeg's rotation or flip for display, not applied.
    """

    path: StrPath
    max_pixels: int
    size: tuple[int, int]
    times: list[int]
    time_base: Fraction
    end: int
    rate: Fraction
    depth = 8
    has_alpha = False
    matrix, full_range, primaries, transfer = 0, True, 2, 2
    aspect: Fraction | None = None
    display_matrix: tuple[int, ...] | None = None

    def __len__(self) -> int:
        return len(self.times)

    def read(self, index: int) -> Picture:
        """A frame as a picture, the same in any order of reading.

        Raises
        ------
        ValueError
            There is no such frame, it is damaged, or its size differs from the first; others can be read.
        """
        if not 0 <= index < len(self):
            raise ValueError(f"{quoted(self.path)} has no frame {index}: it has {len(self)}, counted from 0")
        return self._read(index)

    @abstractmethod
    def _read(self, index: int) -> Picture:
        """The same for a valid index."""

    @abstractmethod
    def close(self) -> None:
        """Close the file; no frame can be read afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
