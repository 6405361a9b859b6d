"""Moving pictures in: any frame of a video or an animated picture, by its number."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import accumulate, chain, islice, pairwise
from statistics import median_low
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

import av
import cv2
import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from .config import MAX_PIXELS
from .image_decode import open_plain
from .image_io import Picture
from .image_storage import Storage
from .safe_write import StrPath, shown
from .video_container import check_size, open_container, packets_of, video_stream, why
from .video_pixels import depth_of, has_alpha, is_full_range, matrix_of, picture

# where a packet is a frame and says when it is shown, so that frames can be counted without decoding
INDEXED = {"matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2"}
ONE_EACH = {
    "h264", "hevc", "vvc", "av1", "vp9", "mpeg2video", "ffv1", "prores", "dnxhd", "cfhd", "mjpeg", "png",
    "rawvideo", "v210", "utvideo", "huffyuv", "ffvhuff", "magicyuv", "qtrle",
}  # fmt: skip
DRAWN = {"gif", "apng"}  # always have alpha, and are often opaque all the same
AHEAD = 8  # frames; nearer ones are decoded on to rather than sought
BEHIND = 1 << 26  # bytes of decoded frames that are remembered for steps back
CUT = 0.5  # seconds by which a Matroska file may end before its header says


def is_video(path: StrPath) -> bool:
    """Whether a file holds moving pictures, told from its content; False whatever else it is."""
    try:
        with open_plain(path) as file:
            if _is_webp(file):
                return len(_webp_durations(file)) > 1
            with open_container(file, shown(path), MAX_PIXELS) as container:
                stream = video_stream(container, shown(path))
                if container.format.name not in DRAWN:
                    return bool(stream.codec_context.width)
                return sum(packet.size > 0 for packet in islice(container.demux(stream), 2)) > 1
    except (OSError, ValueError, av.FFmpegError):
        return False


class Video:
    """The frames of a video or of an animated GIF, PNG or WebP; a context manager, made by :meth:`open`.

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
        Colour tags by the numbers of ITU-T H.273; the matrix is never unspecified, 0 for RGB.
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

    @staticmethod
    def open(path: StrPath, *, max_pixels: int = MAX_PIXELS) -> Video:
        """Open a file and count its frames.

        Raises
        ------
        OSError
            The file cannot be opened.
        ValueError
            It is no video, cut short, without pictures, of a codec that cannot be decoded, or larger than
            `max_pixels` (a frame; for animated WebP all frames together). Always one line.
        """
        file = open_plain(path)
        try:
            return (_WebP if _is_webp(file) else _Movie)(path, file, max_pixels)
        except BaseException:
            file.close()
            raise

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
            raise ValueError(f"{shown(self.path)} has no frame {index}: it has {len(self)}, counted from 0")
        return self._read(index)

    def _read(self, index: int) -> Picture:
        raise NotImplementedError

    def close(self) -> None:
        """Close the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _WebP(Video):
    """Animated WebP by OpenCV; FFmpeg does not decode it."""

    def __init__(self, path: StrPath, file: BinaryIO, max_pixels: int) -> None:
        durations = _webp_durations(file)
        file.seek(24)
        width, height = (int.from_bytes(file.read(3), "little") + 1 for _ in range(2))
        if not durations:
            raise ValueError(f"{shown(path)} is a still picture, not an animated one")
        if width * height * len(durations) > max_pixels:
            raise ValueError(
                f"{shown(path)} has {len(durations)} frames of {width} x {height}, "
                f"more than {max_pixels} pixels together; save it as a video or raise --max-pixels"
            )
        file.seek(0)
        whole, animation = cv2.imdecodeanimation(np.frombuffer(file.read(), np.uint8))
        if not whole or len(animation.frames) != len(durations):
            raise ValueError(
                f"{shown(path)} is damaged or cut short at frame {len(animation.frames)}; write it again"
            )
        file.close()
        self.path, self.max_pixels, self.size = path, max_pixels, (width, height)
        *self.times, self.end = accumulate(durations, initial=0)
        self.time_base = Fraction(1, 1000)
        self.rate = Fraction(1000 * len(durations), max(self.end, 1))
        self._frames = [np.dstack([f[..., 2::-1], f[..., 3:]]) for f in animation.frames]
        self.has_alpha = any(f.shape[2] == 4 and f[..., 3].min() < 255 for f in self._frames)

    def _read(self, index: int) -> Picture:
        values = self._frames[index].astype(np.float32) / np.float32(255)
        alpha = np.ascontiguousarray(values[..., 3]) if self.has_alpha else None
        return Picture(np.ascontiguousarray(values[..., :3]), alpha, Storage("png", "uint8"))


class _Movie(Video):
    """Whatever FFmpeg decodes.

    Where packets can be trusted, frames are known by their times and reached from the key frame before.
    Elsewhere they are counted by decoding once, and reached from the start.
    """

    def __init__(self, path: StrPath, file: BinaryIO, max_pixels: int) -> None:
        self.path, self._file, self.max_pixels = path, file, max_pixels
        self._numbers: dict[int, int] | None = None  # of frames, by time
        self._keys = [0]
        self._behind: dict[int, VideoFrame | None] = {}
        self._open()
        try:
            self._count()
            if self._numbers is None:
                self._count_by_decoding()
            self._restart()
            self._learn()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._container.close()
        self._file.close()

    def _open(self) -> None:
        name = shown(self.path)
        self._container = open_container(self._file, name, self.max_pixels)
        try:
            self._stream = video_stream(self._container, name)
            context = self._stream.codec_context
            check_size(context.width, context.height, name, self.max_pixels)
            context.options = {"max_pixels": str(self.max_pixels)}
            # with frame threads an error shows up some frames late, by how many threads there are
            self._stream.thread_type = "AUTO" if self._numbers else "SLICE"
        except BaseException:
            self._container.close()
            raise

    def _count(self) -> None:
        """Find the times of all frames from the packets, if they can be trusted."""
        stream, container, name = self._stream, self._container, shown(self.path)
        self._drawn = container.format.name in DRAWN
        self.rate = stream.average_rate or stream.guessed_rate or stream.base_rate or Fraction(25)
        self.time_base = cast(Fraction, stream.time_base)
        packets: list[tuple[int | None, bool, int]] = []  # time, key, duration
        trusted = container.format.name in INDEXED and stream.codec_context.codec.canonical_name in ONE_EACH
        last, end = None, Fraction(0)
        try:
            for packet in packets_of(container):
                if packet.pts is not None:
                    end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
                if packet.stream_index == stream.index and packet.size:
                    packets.append((packet.pts, packet.is_keyframe, packet.duration or 0))
                    trusted &= not packet.is_discard
                    last = packet
        except av.FFmpegError as error:
            raise ValueError(f"{name} is damaged after {len(packets)} frames: {why(error)}") from None
        if (last and last.is_corrupt) or self._ends_before(end):
            raise ValueError(f"{name} is cut short after {len(packets)} frames; copy it again")
        times = sorted(time for time, _, _ in packets if time is not None)
        if trusted and times and len(set(times)) == len(packets) and packets[0][:2] == (times[0], True):
            self.times, self._numbers = times, {time: number for number, time in enumerate(times)}
            self._keys = sorted(self._numbers[cast(int, time)] for time, key, _ in packets if key)
            durations = {time: duration for time, _, duration in packets}
            self.end = times[-1] + (durations[times[-1]] or self._step())

    def _ends_before(self, end: Fraction) -> bool:
        """Whether a file whose packets end then is cut, in formats that let it pass."""
        if self._container.format.name == "matroska,webm":
            return Fraction(self._container.duration or 0, 1_000_000) - end > CUT
        self._file.seek(-16, 2)
        return self._container.format.name == "gif" and not self._file.read().rstrip(b"\0\r\n").endswith(b";")

    def _count_by_decoding(self) -> None:
        self._reopen()
        times: list[int | None] = []
        translucent, duration = False, 0
        for frame, _ in self._decoded(self._packets()):
            times.append(frame.pts)
            duration = frame.duration
            if self._drawn and has_alpha(frame.format) and not translucent:
                translucent = bool(frame.to_ndarray(format="rgba")[..., 3].min() < 255)
        self.has_alpha = translucent
        if None in times or any(a >= b for a, b in pairwise(cast(list[int], times))):
            self.time_base, duration = 1 / self.rate, 1
            self.times = list(range(len(times)))
        else:
            self.times = cast(list[int], times)
        if times:
            self.end = self.times[-1] + (duration or self._step())

    def _step(self) -> int:
        """How long a frame is shown, where the file does not say."""
        steps = [b - a for a, b in pairwise(self.times)]
        return median_low(steps) if steps else max(1, round(1 / self.rate / self.time_base))

    def _learn(self) -> None:
        """Take what the writer must know from the first frame."""
        name = shown(self.path)
        while self._frame is None and self._at < len(self):
            self._advance()
        if self._frame is None:
            raise ValueError(
                f"{name} has a video stream without a picture that can be decoded; check the file"
            )
        frame, stream = self._frame, self._stream
        self.size = frame.width, frame.height
        check_size(*self.size, name, self.max_pixels)
        self.depth = depth_of(frame.format)
        if not self._drawn:
            self.has_alpha = has_alpha(frame.format)
        self.full_range = is_full_range(frame)
        rgb = frame.format.is_rgb or frame.format.has_palette
        try:
            self.matrix = 0 if rgb else matrix_of(frame)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        self.primaries, self.transfer = frame.color_primaries, frame.color_trc
        self.aspect = stream.sample_aspect_ratio or None
        turn = cast(Any, frame.side_data.get("DISPLAYMATRIX"))
        self.display_matrix = None if turn is None else struct.unpack("=9i", bytes(turn))

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        with suppress(av.FFmpegError):  # what cannot be read any more is missing, and so damaged
            yield from packets_of(self._container, self._stream)

    def _decoded(self, packets: Iterable[Packet[VideoStream]]) -> Iterator[tuple[VideoFrame, bool]]:
        """Frames in the order they are shown, each with whether something before it could not be decoded."""
        lost = False
        for packet in packets:
            try:
                frames = packet.decode()
            except av.FFmpegError:
                lost = True
                continue
            for frame in frames:
                yield frame, lost
                lost = False

    def _numbered(self, packets: Iterable[Packet[VideoStream]]) -> Iterator[tuple[int, VideoFrame | None]]:
        """Frames with their numbers; None for one that is damaged."""
        for count, (frame, lost) in enumerate(self._decoded(packets)):
            damaged = frame.is_corrupt
            if self._numbers is None:
                yield count, None if damaged or (lost and count) else frame
            elif frame.pts in self._numbers:
                yield self._numbers[frame.pts], None if damaged else frame

    def _advance(self) -> None:
        self._at, self._frame = next(self._run, (len(self), None))

    def _reopen(self) -> None:
        self._container.close()
        self._open()

    def _restart(self) -> None:
        """Begin again with the first frame; not every format can seek back to it."""
        self._reopen()
        self._run = self._numbered(self._packets())
        self._advance()

    def _seek(self, key: int) -> None:
        """Go to a key frame, or to the start where the frame found there is no clean beginning."""
        if key == 0:
            return self._restart()
        self._container.seek(self.times[key], stream=self._stream)
        packets = self._packets()
        first = list(islice(packets, 1))
        landed = cast(dict[Any, int], self._numbers).get(first[0].pts, len(self)) if first else len(self)
        self._run, self._at = self._numbered(chain(first, packets)), -1
        while self._at < landed <= key:  # what is shown before it may need frames before it
            self._advance()
        # a gradual refresh is marked as a key frame, too, but shows its first whole picture later
        if landed > key or self._at != landed or self._frame is None:
            self._restart()
        return None

    def _reach(self, index: int) -> VideoFrame | None:
        if index in self._behind:
            return self._behind[index]
        key = self._keys[bisect_right(self._keys, index) - 1]
        back = index < self._at
        if back or key > self._at + AHEAD:
            self._seek(key)
        while self._at < index:
            if back:  # perhaps the first of many steps
                self._remember()
            self._advance()
        return self._frame if self._at == index else None

    def _remember(self) -> None:
        self._behind[self._at] = self._frame
        size = sum(plane.buffer_size for plane in self._frame.planes) if self._frame else 0
        for old in list(self._behind)[: -max(2, BEHIND // max(size, 1))]:
            del self._behind[old]

    def _read(self, index: int) -> Picture:
        name = shown(self.path)
        frame = self._reach(index)
        if frame is None:
            raise ValueError(f"{name} is damaged at frame {index}, which cannot be decoded; copy it again")
        if (frame.width, frame.height) != self.size:
            raise ValueError(
                f"{name} changes from {self.size[0]} x {self.size[1]} to {frame.width} x {frame.height} "
                f"at frame {index}; cut it there"
            )
        return picture(frame, alpha=self.has_alpha and has_alpha(frame.format))


def _is_webp(file: BinaryIO) -> bool:
    """Whether it is an extended WebP file, the kind that can be animated."""
    head = file.read(16)
    file.seek(0)
    return head[:4] == b"RIFF" and head[8:] == b"WEBPVP8X"


def _webp_durations(file: BinaryIO) -> list[int]:
    """Milliseconds of each frame."""
    durations = []
    file.seek(12)
    while len(chunk := file.read(8)) == 8:
        kind, size = struct.unpack("<4sI", chunk)
        body = file.read(15) if kind == b"ANMF" else b""  # x, y, width, height, duration: three bytes each
        if len(body) == 15:
            durations.append(int.from_bytes(body[12:], "little") or 100)  # as browsers do
        file.seek(size + size % 2 - len(body), 1)
    return durations
