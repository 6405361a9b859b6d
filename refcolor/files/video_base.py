"""Base class of video readers: frames, times, rate and color tags."""

from __future__ import annotations

from abc import ABC, abstractmethod
from fractions import Fraction
from types import TracebackType
from typing import Self

from refcolor.errors import StrPath, quoted
from refcolor.files.images import Picture


class Video(ABC):
    """The frames of a video or of an animated GIF, PNG or WebP; a context manager, opened by
    :func:`refcolor.files.video.open_video`.

    Memory does not grow with the length, but for animated WebP, which is held as a whole. Not read are the
    alpha of VP8 and VP9, and the fields of interlaced video apart.

    Attributes
    ----------
    path, max_pixels : as given.
    size : (w, h) of a frame as stored; a turn for display is kept apart.
    times, time_base : list of int, Fraction
        When each frame is shown, in units of so many seconds.
    end : int
        When the last frame ends.
    rate : Fraction
        Frames per second, the average where it varies.
    depth : bits of a sample, 8 to 16.
    has_alpha : bool
    matrix, full_range, primaries, transfer
        Color tags by the numbers of ITU-T H.273; the matrix is never unspecified, 0 for RGB.
    aspect : Fraction, or None
        Width of a pixel by its height.
    display_matrix : nine integers, or None
        FFmpeg's turn or flip for display, not applied.
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
        """A frame as a picture, the same whatever was read before it.

        Raises
        ------
        ValueError
            There is no such frame, it is damaged, or of another size than the first; others can be read.
        """
        if not 0 <= index < len(self):
            raise ValueError(f"{quoted(self.path)} has no frame {index}: it has {len(self)}, counted from 0")
        return self._read(index)

    @abstractmethod
    def _read(self, index: int) -> Picture:
        """The same, of a frame that there is."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file; no frame can be read after."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
