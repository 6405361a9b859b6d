"""Read any frame of a video that FFmpeg decodes, by its index."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import chain, islice, pairwise
from statistics import median_low
from typing import Any, BinaryIO, cast

import av
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from refcolor.errors import StrPath, quoted
from refcolor.files.image_storage import check_size
from refcolor.files.images import Picture
from refcolor.files.video_base import Video
from refcolor.files.video_container import ANIMATED, open_container, packets_of, reason, video_stream
from refcolor.files.video_pixels import depth_of, has_alpha, is_full_range, matrix_of, picture

# Formats and codecs where a packet is a frame with its time, so that frames are counted without decoding.
INDEXED_FORMATS = {"matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2"}
INDEXED_CODECS = {
    "h264", "hevc", "vvc", "av1", "vp9", "mpeg2video", "ffv1", "prores", "dnxhd", "cfhd", "mjpeg", "png",
    "rawvideo", "v210", "utvideo", "huffyuv", "ffvhuff", "magicyuv", "qtrle",
}  # fmt: skip
MAX_DECODE_AHEAD = 8  # frames; up to this many are decoded rather than skipped by a seek
CACHE_SIZE = 1 << 26  # bytes of decoded frames kept for steps back
MAX_MISSING_END = 0.5  # seconds that a Matroska file may lack of the duration in its header


class Movie(Video):
    """A video that FFmpeg decodes; see :func:`refcolor.files.video.open_video`.

    Where every packet is a frame with its time, frames are found by their times, decoding from the nearest
    keyframe before. Elsewhere they are counted by decoding once, and found by decoding from the start.
    """

    def __init__(self, path: StrPath, file: BinaryIO, max_pixels: int) -> None:
        self.path, self._file, self.max_pixels = path, file, max_pixels
        self._indices: dict[int, int] | None = None  # of frames, by time
        self._keys = [0]
        self._cache: dict[int, VideoFrame | None] = {}
        self._open()
        try:
            self._count()
            if self._indices is None:
                self._count_by_decoding()
            self._restart()
            self._read_properties()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._container.close()
        self._file.close()

    def _open(self) -> None:
        name = quoted(self.path)
        self._container = open_container(self._file, name, self.max_pixels)
        try:
            self._stream = video_stream(self._container, name)
            context = self._stream.codec_context
            if context.width and context.height:  # else known only when a frame is decoded
                check_size(context.width, context.height, f"a frame of {name}", self.max_pixels)
            context.options = {"max_pixels": str(self.max_pixels)}
            # frame threads report an error some frames late, depending on their number
            self._stream.thread_type = "AUTO" if self._indices else "SLICE"
        except BaseException:
            self._container.close()
            raise

    def _count(self) -> None:
        """Read all packets; take the times of the frames from them where every packet is a frame."""
        stream, container, name = self._stream, self._container, quoted(self.path)
        self._animated = container.format.name in ANIMATED
        self.rate = stream.average_rate or stream.guessed_rate or stream.base_rate or Fraction(25)
        self.time_base = cast(Fraction, stream.time_base)
        packets: list[tuple[int | None, bool, int]] = []  # time, key, duration
        codec = stream.codec_context.codec.canonical_name
        trusted = container.format.name in INDEXED_FORMATS and codec in INDEXED_CODECS
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
            raise ValueError(f"{name} is damaged after {len(packets)} frames: {reason(error)}") from None
        if (last and last.is_corrupt) or self._ends_before(end):
            raise ValueError(f"{name} is cut short after {len(packets)} frames; copy it again")
        times = sorted(time for time, _, _ in packets if time is not None)
        if trusted and times and len(set(times)) == len(packets) and packets[0][:2] == (times[0], True):
            self.times, self._indices = times, {time: index for index, time in enumerate(times)}
            self._keys = sorted(self._indices[cast(int, time)] for time, key, _ in packets if key)
            durations = {time: duration for time, _, duration in packets}
            self.end = times[-1] + (durations[times[-1]] or self._step())

    def _ends_before(self, end: Fraction) -> bool:
        """Whether a file whose packets end then is cut short, in formats where FFmpeg does not notice."""
        if self._container.format.name == "matroska,webm":
            return Fraction(self._container.duration or 0, 1_000_000) - end > MAX_MISSING_END
        self._file.seek(-16, 2)
        return self._container.format.name == "gif" and not self._file.read().rstrip(b"\0\r\n").endswith(b";")

    def _count_by_decoding(self) -> None:
        self._reopen()
        times: list[int | None] = []
        duration = 0
        for frame, _ in self._decoded(self._packets()):
            times.append(frame.pts)
            duration = frame.duration
            if self._animated and has_alpha(frame.format) and not self.has_alpha:
                self.has_alpha = bool(frame.to_ndarray(format="rgba")[..., 3].min() < 255)
        if None in times or any(a >= b for a, b in pairwise(cast(list[int], times))):
            self.time_base, duration = 1 / self.rate, 1
            self.times = list(range(len(times)))
        else:
            self.times = cast(list[int], times)
        if times:
            self.end = self.times[-1] + (duration or self._step())

    def _step(self) -> int:
        """The duration of a frame where the file has none."""
        steps = [b - a for a, b in pairwise(self.times)]
        return median_low(steps) if steps else max(1, round(1 / self.rate / self.time_base))

    def _read_properties(self) -> None:
        """Take size, depth and color tags from the first frame."""
        name = quoted(self.path)
        while self._frame is None and self._at < len(self):
            self._advance()
        if self._frame is None:
            raise ValueError(f"{name} has a video stream without a frame that can be decoded; check the file")
        frame, stream = self._frame, self._stream
        self.size = frame.width, frame.height
        check_size(*self.size, f"a frame of {name}", self.max_pixels)
        self.depth = depth_of(frame.format)
        if not self._animated:
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
        with suppress(av.FFmpegError):  # frames after a read error count as damaged
            yield from packets_of(self._container, self._stream)

    def _decoded(self, packets: Iterable[Packet[VideoStream]]) -> Iterator[tuple[VideoFrame, bool]]:
        """Frames in display order, and whether a packet between them and the last could not be decoded."""
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

    def _indexed(self, packets: Iterable[Packet[VideoStream]]) -> Iterator[tuple[int, VideoFrame | None]]:
        """Frames with their indices; None for a damaged one."""
        for count, (frame, lost) in enumerate(self._decoded(packets)):
            damaged = frame.is_corrupt
            if self._indices is None:
                yield count, None if damaged or (lost and count) else frame
            elif frame.pts in self._indices:
                yield self._indices[frame.pts], None if damaged else frame

    def _advance(self) -> None:
        self._at, self._frame = next(self._run, (len(self), None))

    def _reopen(self) -> None:
        self._container.close()
        self._open()

    def _restart(self) -> None:
        """Start again at the first frame, by reopening, as not every format can seek back to it."""
        self._reopen()
        self._run = self._indexed(self._packets())
        self._advance()

    def _seek(self, key: int) -> None:
        """Go to a keyframe, or to the start if decoding cannot begin at that frame."""
        if key == 0:
            return self._restart()
        self._container.seek(self.times[key], stream=self._stream)
        packets = self._packets()
        first = list(islice(packets, 1))
        landed = cast(dict[Any, int], self._indices).get(first[0].pts, len(self)) if first else len(self)
        self._run, self._at = self._indexed(chain(first, packets)), -1
        while self._at < landed <= key:  # frames shown before it may need earlier ones
            self._advance()
        # a gradual refresh is marked as a keyframe, too, but its first complete frame comes later
        if landed > key or self._at != landed or self._frame is None:
            self._restart()
        return None

    def _reach(self, index: int) -> VideoFrame | None:
        if index in self._cache:
            return self._cache[index]
        key = self._keys[bisect_right(self._keys, index) - 1]
        back = index < self._at
        if back or key > self._at + MAX_DECODE_AHEAD:
            self._seek(key)
        while self._at < index:
            if back:  # more steps back are likely
                self._remember()
            self._advance()
        return self._frame if self._at == index else None

    def _remember(self) -> None:
        self._cache[self._at] = self._frame
        size = sum(plane.buffer_size for plane in self._frame.planes) if self._frame else 0
        for old in list(self._cache)[: -max(2, CACHE_SIZE // max(size, 1))]:
            del self._cache[old]

    def _read(self, index: int) -> Picture:
        name = quoted(self.path)
        frame = self._reach(index)
        if frame is None:
            raise ValueError(f"{name} is damaged at frame {index}, which cannot be decoded; copy it again")
        if (frame.width, frame.height) != self.size:
            raise ValueError(
                f"{name} changes from {self.size[0]} x {self.size[1]} to {frame.width} x {frame.height} "
                f"at frame {index}; cut it there"
            )
        return picture(frame, alpha=self.has_alpha and has_alpha(frame.format))
