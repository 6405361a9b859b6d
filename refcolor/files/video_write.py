"""Write a colored video with the sound, times and color tags of the gray one.

Kept are frame times, frame rate, pixel aspect, display rotation, color tags, alpha (not by H.264), the sound
from the first to the last frame that is written, chapters, and tags such as title, language and timecode.
Not kept are subtitles, data streams, cover pictures, interlacing flags and the metadata of single frames,
such as HDR. Matroska rounds times to milliseconds; the other containers keep them exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from refcolor.errors import StrPath, quoted
from refcolor.files.image_storage import one_line
from refcolor.files.plain_files import atomic, open_plain
from refcolor.files.video import open_video
from refcolor.files.video_base import Video
from refcolor.files.video_codecs import (
    CONTAINERS,
    ENCODER_OPTIONS,
    ENCODERS,
    Codec,
    check_video,
    default_codec,
    pixel_format,
)
from refcolor.files.video_container import open_container, packets_of, video_stream
from refcolor.files.video_pixels import BT601, BT709, FULL, LIMITED, SD_HEIGHT, frame_of
from refcolor.imaging.color import Image

ENCODER_THREADS = 4  # fixed, as x264 gives other bytes with another number
CONTAINER_TAGS = ("title", "artist", "album", "comment", "copyright", "description", "show", "timecode")
STREAM_TAGS = ("title", "language", "timecode", "handler_name")


@contextmanager
def write_video(
    path: StrPath, like: Video, codec: Codec | None = None, *, force: bool = False
) -> Iterator[Writer]:
    """Write a video that appears whole when the block ends without an error, or not at all.

    FFV1 is lossless RGB of the source's depth, with alpha; ProRes is 422 HQ, or 4444 with alpha; H.264 is
    4:2:0 at CRF 16. The same frames give the same bytes on any machine with the same build of FFmpeg, but not
    always by H.264: x264 with AVX-512 varies from run to run where half the width is no multiple of 64.

    Parameters
    ----------
    like : Video
        Where the frames, and the sound, come from.
    codec : optional
        By the name if None, see :func:`refcolor.files.video_codecs.default_codec`.
    force : bool
        Overwrite an existing file.

    Raises
    ------
    FileExistsError, OSError
        See :func:`refcolor.files.plain_files.atomic`; nothing is left behind.
    ValueError
        See :func:`refcolor.files.video_codecs.check_video`; or the container cannot hold the sound, or the
        encoder fails. One line.
    """
    check_video(path, like, codec)
    with ExitStack() as stack:
        file = stack.enter_context(atomic(path, force=force))
        try:
            writer = Writer(file, Path(path).suffix.lower(), like, codec or default_codec(path), stack)
            yield writer
            writer.finish()
        except av.FFmpegError as error:  # some are OSErrors, with other arguments
            reason = one_line(error.strerror or str(error))
            raise ValueError(f"cannot write {quoted(path)}: {reason}") from error


class Writer:
    """Encodes the frames of one video; see :func:`write_video`."""

    def __init__(self, file: BinaryIO, suffix: str, like: Video, codec: Codec, stack: ExitStack) -> None:
        self._like, self._codec, self._last_index = like, codec, -1
        self._alpha_source: Video | None = None
        self._stack = stack
        source, sounds = self._source()
        options = {"fflags": "+bitexact"}
        if suffix != ".mkv":
            # the unit of the first frame's time; milliseconds by default, which would round it
            bases = [like.time_base, *(cast(Fraction, s.time_base) for s in sounds)]
            ticks = math.lcm(*(base.denominator for base in bases))
            options["movie_timescale"] = str(ticks if ticks < 2**31 else like.time_base.denominator)
        self._file = _Output(file)
        self._out = av.open(self._file, "w", format=CONTAINERS[suffix], container_options=options)
        self._video = self._video_stream()
        self._sounds = {s.index: self._sound_stream(s, suffix) for s in sounds}
        self._packets = packets_of(source, *sounds) if source and sounds else iter(())
        self._next_packet: Packet[Any] | None = next(self._packets, None)
        if source:
            self._out.metadata.update(_selected(source.metadata, CONTAINER_TAGS))
            stream = video_stream(source, quoted(like.path))
            self._video.metadata.update(_selected(stream.metadata, STREAM_TAGS))
            self._out.set_chapters(source.chapters())
        self._video.codec_context.open()
        try:
            self._out.start_encoding()
        except av.FFmpegError:
            if not sounds:
                raise
            codecs = (sound.codec_context.name for sound in sounds)
            raise ValueError(_unsupported_sound(suffix, *codecs)) from None

    def add(self, rgb: Image, index: int, alpha: Image | None = None) -> None:
        """Encode one frame.

        Parameters
        ----------
        rgb : (H, W, 3) float in [0, 1], display-encoded.
        index : int
            Frame index in the source; each higher than the one before.
        alpha : (H, W) float32 in [0, 1], optional
            Read from the source again if it has alpha and this is None.

        Raises
        ------
        OSError, ValueError
            See :func:`write_video`; ValueError for a wrong shape, order, or values that are not finite.
        """
        like, (width, height) = self._like, self._like.size
        if np.shape(rgb) != (height, width, 3):
            raise ValueError(f"frame {index} has shape {np.shape(rgb)}, the video {(height, width, 3)}")
        if not self._last_index < index < len(like):
            raise ValueError(f"frame {index} cannot follow frame {self._last_index} of {len(like)}")
        if not np.isfinite(rgb).all():
            raise ValueError(f"frame {index} has values that are infinite or not a number")
        if like.has_alpha and alpha is None and self._codec != "h264":
            if self._alpha_source is None:
                video = open_video(like.path, max_pixels=like.max_pixels)
                self._alpha_source = self._stack.enter_context(video)
            alpha = self._alpha_source.read(index).alpha
        first, self._last_index = self._last_index < 0, index
        context = self._video.codec_context
        rgb = np.asarray(rgb, np.float32).clip(0, 1)
        full_range = context.color_range != LIMITED
        frame = frame_of(rgb, alpha, cast(str, context.pix_fmt), context.colorspace, full_range)
        frame.colorspace, frame.color_range = context.colorspace, context.color_range
        frame.color_primaries, frame.color_trc = context.color_primaries, context.color_trc
        frame.pts, frame.time_base = like.times[index], like.time_base
        frame.duration = (like.times[index + 1] if index + 1 < len(like) else like.end) - frame.pts
        start = frame.pts * like.time_base
        if first and index:
            self._copy_sound_until(start, drop=True)
        self._copy_sound_until(start)
        self._out.mux(self._video.encode(frame))
        self._file.check()

    def finish(self) -> None:
        """Flush the encoder and copy the rest of the sound."""
        if self._last_index < 0:
            raise ValueError("no frame was written; a video needs one")
        self._out.mux(self._video.encode(None))
        like, after = self._like, self._last_index + 1
        self._copy_sound_until(like.times[after] * like.time_base if after < len(like) else None)
        self._out.close()
        self._file.check()

    def _source(self) -> tuple[InputContainer | None, list[AudioStream]]:
        """The source opened again for its sound; None for WebP."""
        file = self._stack.enter_context(open_plain(self._like.path))
        try:
            source = self._stack.enter_context(open_container(file, quoted(self._like.path)))
        except ValueError:
            return None, []
        return source, list(source.streams.audio)

    def _video_stream(self) -> VideoStream:
        like, codec = self._like, self._codec
        stream = self._out.add_stream(ENCODERS[codec], rate=like.rate, options=dict(ENCODER_OPTIONS[codec]))
        stream = cast(VideoStream, stream)
        context = stream.codec_context
        context.width, context.height = like.size
        context.time_base = like.time_base
        context.pix_fmt = pixel_format(codec, like)
        if context.pix_fmt.startswith("yuv"):
            context.colorspace = like.matrix or (BT601 if like.size[1] <= SD_HEIGHT else BT709)
            # ProRes has limited range only, and players expect it of what was RGB
            limited = codec == "prores" or like.matrix == 0 or not like.full_range
            context.color_range = LIMITED if limited else FULL
        else:
            context.colorspace, context.color_range = 0, FULL
        context.color_primaries, context.color_trc = like.primaries, like.transfer
        if like.aspect is not None:
            context.sample_aspect_ratio = like.aspect
        if codec == "prores":
            context.options["profile"] = "4444" if like.has_alpha else "hq"
        context.flags |= Flags.bitexact | Flags.frame_duration
        context.thread_count = ENCODER_THREADS
        stream.set_display_matrix(like.display_matrix)
        return stream

    def _sound_stream(self, sound: AudioStream, suffix: str) -> AudioStream:
        if sound.codec_context is None:
            raise ValueError(_unsupported_sound(suffix, "unknown"))
        try:
            stream = self._out.add_stream_from_template(sound, opaque=True)
        except ValueError:
            raise ValueError(_unsupported_sound(suffix, sound.codec_context.name)) from None
        stream.metadata.update(_selected(sound.metadata, STREAM_TAGS))
        stream.disposition = sound.disposition
        return stream

    def _copy_sound_until(self, time: Fraction | None, *, drop: bool = False) -> None:
        """Copy, or drop, the sound packets that start by a time in seconds; None for all."""
        while (packet := self._next_packet) is not None:
            start = packet.pts if packet.dts is None else packet.dts
            if time is not None and start is not None and start * packet.time_base > time:
                return
            if packet.size and not drop:
                packet.stream = self._sounds[packet.stream_index]
                self._out.mux(packet)
            self._next_packet = next(self._packets, None)


class _Output:
    """A file whose first error is raised by `check` only: PyAV prints those that follow an error."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: OSError | None = None
        self.seek, self.tell = file.seek, file.tell

    @property
    def closed(self) -> bool:
        return self._file.closed

    def write(self, data: bytes) -> int:
        if self._error is None:
            try:
                return self._file.write(data)
            except OSError as error:
                self._error = error
        return len(data)

    def check(self) -> None:
        if self._error is not None:
            raise self._error


def _unsupported_sound(suffix: str, *codecs: str) -> str:
    remedy = "convert the sound to FLAC or AAC first" if suffix == ".mkv" else "write it as .mkv"
    return f"{suffix} cannot hold sound of codec {', '.join(codecs)}; {remedy}"


def _selected(tags: dict[str, str], names: tuple[str, ...]) -> dict[str, str]:
    found = {name.lower(): text for name, text in tags.items()}  # Matroska's are in capitals
    return {name: found[name] for name in names if name in found}
