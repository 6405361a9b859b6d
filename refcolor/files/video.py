"""Open a video or an animated picture, and read any frame by its index."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import accumulate, chain, islice, pairwise
from statistics import median_low
from typing import Any, BinaryIO, cast

import av
import numpy as np
from av import Packet, VideoFrame, VideoStream
from PIL import ImageSequence
from PIL.Image import DecompressionBombError
from PIL.WebPImagePlugin import WebPImageFile

from refcolor.config import MAX_PIXELS
from refcolor.errors import StrPath, quoted, with_code
from refcolor.files.image_storage import Storage, check_size
from refcolor.files.images import Picture
from refcolor.files.plain_files import open_plain
from refcolor.files.video_base import Video, open_container, packets_of, reason, video_stream
from refcolor.files.video_pixels import depth_of, has_alpha, is_full_range, matrix_of, picture

ANIMATED = {"gif", "apng"}  # their pixel formats have alpha, although many are opaque
# Formats and codecs where a packet is a frame with its time, so that frames are counted without decoding.
INDEXED_FORMATS = {"matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2"}
INDEXED_CODECS = {
    "h264", "hevc", "vvc", "av1", "vp9", "mpeg2video", "ffv1", "prores", "dnxhd", "cfhd", "mjpeg", "png",
    "rawvideo", "v210", "utvideo", "huffyuv", "ffvhuff", "magicyuv", "qtrle",
}  # fmt: skip
MAX_DECODE_AHEAD = 8  # frames; up to this many are decoded rather than skipped by a seek
CACHE_SIZE = 1 << 26  # bytes of decoded frames kept for steps back
MAX_MISSING_END = 0.5  # seconds that a Matroska file may lack of the duration in its header


def is_video(path: StrPath) -> bool:
    """Whether a file holds moving pictures, told from its content; False for anything else."""
    with suppress(OSError, ValueError, av.FFmpegError, DecompressionBombError), open_plain(path) as file:
        if _is_webp(file):
            return bool(WebPImageFile(file).n_frames > 1)
        with open_container(file, path) as container:
            stream = video_stream(container, path)
            if container.format.name not in ANIMATED:
                return bool(stream.codec_context.width)
            return sum(packet.size > 0 for packet in islice(container.demux(stream), 2)) > 1
    return False


def open_video(path: StrPath, *, max_pixels: int = MAX_PIXELS) -> Video:
    """Open a file and count its frames.

    Raises OSError if it cannot be opened, and ValueError, of one line, if it is no video, cut short, without
    pictures, of a codec that cannot be decoded, or of more than `max_pixels` (a frame; an animated WebP).
    """
    file = open_plain(path)
    try:
        return (WebP if _is_webp(file) else Movie)(path, file, max_pixels)
    except BaseException:
        file.close()
        raise


def _is_webp(file: BinaryIO) -> bool:
    """Whether a file is an extended WebP, the kind that can be animated."""
    head = file.read(16)
    file.seek(0)
    return head[:4] == b"RIFF" and head[8:] == b"WEBPVP8X"


class WebP(Video):
    """An animated WebP, decoded as a whole by Pillow, as FFmpeg does not decode it."""

    time_base = Fraction(1, 1000)

    def __init__(self, path: StrPath, file: BinaryIO, max_pixels: int) -> None:
        self.path = path
        try:
            animation = WebPImageFile(file)
            width, height = self.size = animation.size
            count = animation.n_frames
            if width * height * count > max_pixels:
                seen = f"{count} frames of {width} x {height}, more than {max_pixels} pixels together"
                error = ValueError(f"{quoted(path)} has {seen}; save it as a video")
                raise with_code(error, "too_many_pixels")
            self._frames = ImageSequence.all_frames(animation)
        except (OSError, EOFError):
            raise ValueError(f"{quoted(path)} is damaged or cut short; write it again") from None
        except DecompressionBombError as error:  # Pillow's own limit, of a frame
            raise with_code(ValueError(f"{quoted(path)}: {error}"), "too_many_pixels") from None
        file.close()
        durations = [frame.info["duration"] or 100 for frame in self._frames]  # as browsers show 0
        *self.times, self.end = accumulate(durations, initial=0)
        self.rate = Fraction(1000 * count, self.end)
        self.has_alpha = any(np.asarray(f.convert("RGBA"))[..., 3].min() < 255 for f in self._frames)

    def close(self) -> None:
        self._frames.clear()

    def read(self, index: int) -> Picture:
        values = np.asarray(self._frames[index].convert("RGBA"), np.float32) / np.float32(255)
        alpha = np.ascontiguousarray(values[..., 3]) if self.has_alpha else None
        return Picture(np.ascontiguousarray(values[..., :3]), alpha, Storage("png", "uint8"))


class Movie(Video):
    """A video that FFmpeg decodes.

    Where every packet is a frame with its time, frames are found by their times, decoding from the nearest
    keyframe before. Elsewhere they are counted by decoding once, and found by decoding from the start.
    """

    def __init__(self, path: StrPath, file: BinaryIO, max_pixels: int) -> None:
        self.path, self._file, self.max_pixels = path, file, max_pixels
        self._indices: dict[int | None, int] = {}  # of frames, by time; empty if they are found by counting
        self._keys = [0]
        self._cache: dict[int, VideoFrame | None] = {}
        self._open()
        last_duration = self._count()
        self._restart()
        self._read_properties()
        steps = [b - a for a, b in pairwise(self.times)]
        usual = median_low(steps) if steps else max(1, round(1 / self.rate / self.time_base))
        self.end = self.times[-1] + (last_duration or usual)

    def close(self) -> None:
        self._container.close()
        self._file.close()

    def _open(self) -> None:
        self._container = open_container(self._file, self.path, self.max_pixels)
        self._stream = video_stream(self._container, self.path)
        context = self._stream.codec_context
        if context.width and context.height:  # else known only when a frame is decoded
            check_size(context.width, context.height, f"a frame of {quoted(self.path)}", self.max_pixels)
        context.options = {"max_pixels": str(self.max_pixels)}
        # frame threads report an error some frames late, depending on their number
        self._stream.thread_type = "AUTO" if self._indices else "SLICE"

    def _count(self) -> int:
        """Read all packets, and decode them unless every packet is a frame; the last frame's duration."""
        stream, container, name = self._stream, self._container, quoted(self.path)
        self._animated = container.format.name in ANIMATED
        self.rate = stream.average_rate or stream.guessed_rate or stream.base_rate or Fraction(25)
        self.time_base = cast(Fraction, stream.time_base)
        packets: list[tuple[int, bool, int]] = []  # time, key, duration
        codec = stream.codec_context.codec.canonical_name
        trusted = container.format.name in INDEXED_FORMATS and codec in INDEXED_CODECS
        cut, end = False, Fraction(0)
        try:
            for packet in packets_of(container):
                if packet.pts is not None:
                    end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
                if packet.stream_index == stream.index and packet.size:
                    trusted &= packet.pts is not None and not packet.is_discard
                    packets.append((packet.pts or 0, packet.is_keyframe, packet.duration or 0))
                    cut = packet.is_corrupt
        except av.FFmpegError as error:
            raise ValueError(f"{name} is damaged after {len(packets)} frames: {reason(error)}") from None
        # where FFmpeg does not notice it
        if container.format.name == "matroska,webm":
            cut |= Fraction(container.duration or 0, 1_000_000) - end > MAX_MISSING_END
        elif container.format.name == "gif":
            self._file.seek(-16, 2)
            cut |= not self._file.read().rstrip(b"\0\r\n").endswith(b";")
        if cut:
            raise ValueError(f"{name} is cut short after {len(packets)} frames; copy it again")
        times = sorted(time for time, _, _ in packets)
        if trusted and times and len(set(times)) == len(times) and packets[0][:2] == (times[0], True):
            self.times, self._indices = times, {time: index for index, time in enumerate(times)}
            self._keys = sorted(self._indices[time] for time, key, _ in packets if key)
            return max(packets)[2]
        return self._count_by_decoding()

    def _count_by_decoding(self) -> int:
        """Decode all frames for their times; the duration of the last one."""
        self._container.close()
        self._open()
        times: list[int | None] = []
        duration = 0
        for frame, _ in self._decoded(self._packets()):
            times.append(frame.pts)
            duration = frame.duration
            if self._animated and has_alpha(frame.format) and not self.has_alpha:
                self.has_alpha = bool(frame.to_ndarray(format="rgba")[..., 3].min() < 255)
        if None in times or any(a >= b for a, b in pairwise(cast(list[int], times))):
            self.time_base, duration = 1 / self.rate, 1
            times = list(range(len(times)))
        self.times = cast(list[int], times)
        return duration

    def _read_properties(self) -> None:
        """Take size, depth and color tags from the first frame."""
        name = quoted(self.path)
        while (frame := self._frame) is None and self._at < len(self):
            self._advance()
        if frame is None:
            raise ValueError(f"{name} has a video stream without a frame that can be decoded; check the file")
        self.size = frame.width, frame.height
        check_size(*self.size, f"a frame of {name}", self.max_pixels)
        self.depth = depth_of(frame.format)
        if not self._animated:
            self.has_alpha = has_alpha(frame.format)
        self.full_range = is_full_range(frame)
        self.matrix = matrix_of(frame, name)
        self.primaries, self.transfer = frame.color_primaries, frame.color_trc
        self.aspect = self._stream.sample_aspect_ratio or None
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
            if not self._indices:
                yield count, None if frame.is_corrupt or (lost and count) else frame
            elif frame.pts in self._indices:
                yield self._indices[frame.pts], None if frame.is_corrupt else frame

    def _advance(self) -> None:
        self._at, self._frame = next(self._run, (len(self), None))

    def _restart(self) -> None:
        """Start again at the first frame, by reopening, as not every format can seek back to it."""
        self._container.close()
        self._open()
        self._run = self._indexed(self._packets())
        self._advance()

    def _seek(self, key: int) -> bool:
        """Go to a keyframe; False if decoding cannot begin there."""
        self._container.seek(self.times[key], stream=self._stream)
        packets = self._packets()
        first = next(packets, None)
        landed = self._indices.get(first.pts, len(self)) if first else len(self)
        if first is None or landed > key:
            return False
        self._run, self._at = self._indexed(chain([first], packets)), -1
        while self._at < landed:  # frames shown before it may need earlier ones
            self._advance()
        # a gradual refresh is marked as a keyframe, too, but its first complete frame comes later
        return self._at == landed and self._frame is not None

    def _reach(self, index: int) -> VideoFrame | None:
        if index in self._cache:
            return self._cache[index]
        key = self._keys[bisect_right(self._keys, index) - 1]
        back = index < self._at
        if (back or key > self._at + MAX_DECODE_AHEAD) and (key == 0 or not self._seek(key)):
            self._restart()
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

    def read(self, index: int) -> Picture:
        name = quoted(self.path)
        frame = self._reach(index)
        if frame is None:
            raise ValueError(f"{name} is damaged at frame {index}, which cannot be decoded; copy it again")
        if (frame.width, frame.height) != self.size:
            seen = "{} x {} to {} x {}".format(*self.size, frame.width, frame.height)
            raise ValueError(f"{name} changes from {seen} at frame {index}; cut it there")
        return picture(frame, alpha=self.has_alpha and has_alpha(frame.format))
