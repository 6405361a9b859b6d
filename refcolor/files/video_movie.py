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
from refcolor.files.video_container import DRAWN, open_container, packets_of, video_stream, why
from refcolor.files.video_pixels import depth_of, has_alpha, is_full_range, matrix_of, picture

# where a packet is a frame and says when it is shown, so that frames can be counted without decoding
INDEXED = {"matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2"}
ONE_EACH = {
    "h264", "hevc", "vvc", "av1", "vp9", "mpeg2video", "ffv1", "prores", "dnxhd", "cfhd", "mjpeg", "png",
    "rawvideo", "v210", "utvideo", "huffyuv", "ffvhuff", "magicyuv", "qtrle",
}  # fmt: skip
AHEAD = 8  # frames; nearer ones are decoded on to rather than sought
BEHIND = 1 << 26  # bytes of decoded frames that are remembered for steps back
CUT = 0.5  # seconds by which a Matroska file may end before its header says


class Movie(Video):
    """A video that FFmpeg decodes. `open_video` makes it, and says what may be wrong.

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
        name = quoted(self.path)
        self._container = open_container(self._file, name, self.max_pixels)
        try:
            self._stream = video_stream(self._container, name)
            context = self._stream.codec_context
            if context.width and context.height:  # else known only when a frame is decoded
                check_size(context.width, context.height, f"a frame of {name}", self.max_pixels)
            context.options = {"max_pixels": str(self.max_pixels)}
            # with frame threads an error shows up some frames late, by how many threads there are
            self._stream.thread_type = "AUTO" if self._numbers else "SLICE"
        except BaseException:
            self._container.close()
            raise

    def _count(self) -> None:
        """Find the times of all frames from the packets, if they can be trusted."""
        stream, container, name = self._stream, self._container, quoted(self.path)
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
        name = quoted(self.path)
        while self._frame is None and self._at < len(self):
            self._advance()
        if self._frame is None:
            raise ValueError(
                f"{name} has a video stream without a picture that can be decoded; check the file"
            )
        frame, stream = self._frame, self._stream
        self.size = frame.width, frame.height
        check_size(*self.size, f"a frame of {name}", self.max_pixels)
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
