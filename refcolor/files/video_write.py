"""Write a colored video with the sound, times and color tags of the gray one.

Kept are the time of every frame, the rate, the shape of pixels, the turn for display, color tags, alpha
(not by H.264), the sound from the first to the last frame that is written, chapters, and title, language,
timecode and the like. Not kept are subtitles, data streams, cover pictures, interlacing flags and metadata
of single frames, as of HDR. Matroska counts in milliseconds, so times are rounded to them in .mkv; the other
containers keep them exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from refcolor.errors import StrPath, quoted
from refcolor.files.atomic_write import atomic
from refcolor.files.image_storage import one_line
from refcolor.files.plain_files import open_plain
from refcolor.files.video import open_video
from refcolor.files.video_base import Video
from refcolor.files.video_container import open_container, packets_of, video_stream
from refcolor.files.video_pixels import LIMITED, frame_of
from refcolor.imaging.color import Image

Codec = Literal["ffv1", "prores", "h264"]

FORMATS = {".mkv": "matroska", ".mov": "mov", ".mp4": "mp4"}
HOLDS: dict[str, tuple[Codec, ...]] = {  # the first is the default
    ".mkv": ("ffv1", "h264"), ".mov": ("prores", "h264"), ".mp4": ("h264", "ffv1"),
}  # fmt: skip
ENCODERS = {"ffv1": "ffv1", "prores": "prores_ks", "h264": "libx264"}
THREADS = 4  # on any machine: x264 gives other bytes with other numbers
OPTIONS = {
    "ffv1": {"level": "3", "slices": "16", "slicecrc": "1", "g": "1"},
    "prores": {"vendor": "apl0"},
    "h264": {"crf": "16", "preset": "medium"},
}
CONTAINER_TAGS = ("title", "artist", "album", "comment", "copyright", "description", "show", "timecode")
STREAM_TAGS = ("title", "language", "timecode", "handler_name")


def default_codec(path: StrPath) -> Codec:
    """The codec for a file name: FFV1 in .mkv, ProRes in .mov, H.264 in .mp4.

    Raises
    ------
    ValueError
        For any other extension.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in HOLDS:
        seen = f"ends in {quoted(suffix)}" if suffix else "has no extension"
        raise ValueError(f"output {quoted(path)} {seen}; videos can be written as {' '.join(HOLDS)}")
    return HOLDS[suffix][0]


def check_video(path: StrPath, like: Video, codec: Codec | None = None) -> None:
    """Refuse, before any work, what :func:`write_video` would refuse because of codec, container or size.

    Raises
    ------
    ValueError
        One line: what does not go together, and what does.
    """
    suffix, chosen = Path(path).suffix.lower(), codec or default_codec(path)
    default_codec(path)
    if chosen not in ENCODERS:
        raise ValueError(f"there is no codec {chosen!r}; choose one of {', '.join(ENCODERS)}")
    if chosen not in HOLDS[suffix]:
        fits = " or ".join(s for s, codecs in HOLDS.items() if chosen in codecs)
        raise ValueError(
            f"{suffix} does not hold {chosen}: write it as {fits}, or as {' or '.join(HOLDS[suffix])}"
        )
    try:
        av.Codec(ENCODERS[chosen], "w")
    except ValueError:
        raise ValueError(
            f"this build of FFmpeg has no encoder {ENCODERS[chosen]} for {chosen}; choose another codec"
        ) from None
    width, height = like.size
    if chosen == "h264" and (width % 2 or height % 2):
        raise ValueError(f"H.264 needs even sides and these are {width} x {height}; choose ffv1 or prores")
    if suffix == ".mkv" and chosen == "ffv1" and like.aspect not in (None, 1):
        raise ValueError(
            f"FFV1 in .mkv would lose that pixels are {like.aspect} as wide as high; write it as .mp4"
        )


@contextmanager
def write_video(
    path: StrPath, like: Video, codec: Codec | None = None, *, force: bool = False
) -> Iterator[Writer]:
    """Write a video that appears whole when the block ends well, or not at all.

    FFV1 is lossless RGB of the source's depth, with alpha; ProRes is 422 HQ, or 4444 with alpha; H.264 is
    4:2:0 at CRF 16. The same frames give the same bytes on any machine with the same build of FFmpeg.

    Parameters
    ----------
    like : Video
        Where the frames, and the sound, come from.
    codec : optional
        What :func:`default_codec` says for the name, if None.
    force : bool
        Overwrite an existing file.

    Raises
    ------
    FileExistsError, OSError
        See :func:`refcolor.files.atomic_write.atomic`; nothing is left behind.
    ValueError
        See :func:`check_video`; or the container cannot hold the sound, or the encoder fails. One line.
    """
    check_video(path, like, codec)
    with ExitStack() as stack:
        file = stack.enter_context(atomic(path, force=force))
        try:
            writer = Writer(file, Path(path).suffix.lower(), like, codec or default_codec(path), stack)
            yield writer
            writer.finish()
        except av.FFmpegError as error:  # some are kinds of OSError, but made in another way
            raise ValueError(
                f"cannot write {quoted(path)}: {one_line(error.strerror or str(error))}"
            ) from error


class Writer:
    """Takes the frames of one video; see :func:`write_video`."""

    def __init__(self, file: BinaryIO, suffix: str, like: Video, codec: Codec, stack: ExitStack) -> None:
        self._like, self._codec, self._last = like, codec, -1
        self._alpha: Video | None = None
        self._stack = stack
        source, sounds = self._source()
        options = {"fflags": "+bitexact"}
        if suffix != ".mkv":
            # the first frame's time is kept in these units, milliseconds by default
            bases = [like.time_base, *(cast(Fraction, s.time_base) for s in sounds)]
            ticks = math.lcm(*(base.denominator for base in bases))
            options["movie_timescale"] = str(ticks if ticks < 2**31 else like.time_base.denominator)
        self._sink = _Sink(file)
        self._out = av.open(self._sink, "w", format=FORMATS[suffix], container_options=options)
        self._video = self._video_stream()
        self._sounds = {s.index: self._sound_stream(s, suffix) for s in sounds}
        self._packets = packets_of(source, *sounds) if source and sounds else iter(())
        self._waiting: Packet[Any] | None = next(self._packets, None)
        if source:
            self._out.metadata.update(_some(source.metadata, CONTAINER_TAGS))
            self._video.metadata.update(_some(video_stream(source, quoted(like.path)).metadata, STREAM_TAGS))
            self._out.set_chapters(source.chapters())
        self._video.codec_context.open()
        try:
            self._out.start_encoding()
        except av.FFmpegError:
            if not sounds:
                raise
            raise ValueError(_no_sound(suffix, *(s.codec_context.name for s in sounds))) from None

    def add(self, rgb: Image, index: int, alpha: Image | None = None) -> None:
        """Encode one frame.

        Parameters
        ----------
        rgb : (H, W, 3) float in [0, 1], display-encoded.
        index : int
            Its number in the video it is like; each higher than the one before.
        alpha : (H, W) float32 in [0, 1], optional
            Read from the source once more if it has alpha and this is not given.

        Raises
        ------
        OSError, ValueError
            See :func:`write_video`; ValueError for a wrong shape, order, or values that are not finite.
        """
        like, (width, height) = self._like, self._like.size
        if np.shape(rgb) != (height, width, 3):
            raise ValueError(f"frame {index} has shape {np.shape(rgb)}, the video {(height, width, 3)}")
        if not self._last < index < len(like):
            raise ValueError(f"frame {index} cannot follow frame {self._last} of {len(like)}")
        if not np.isfinite(rgb).all():
            raise ValueError(f"frame {index} has values that are infinite or not a number")
        if like.has_alpha and alpha is None and self._codec != "h264":
            if self._alpha is None:
                self._alpha = self._stack.enter_context(open_video(like.path, max_pixels=like.max_pixels))
            alpha = self._alpha.read(index).alpha
        first, self._last = self._last < 0, index
        context = self._video.codec_context
        rgb = np.asarray(rgb, np.float32).clip(0, 1)
        frame = frame_of(
            rgb, alpha, cast(str, context.pix_fmt), context.colorspace, context.color_range != LIMITED
        )
        frame.colorspace, frame.color_range = context.colorspace, context.color_range
        frame.color_primaries, frame.color_trc = context.color_primaries, context.color_trc
        frame.pts, frame.time_base = like.times[index], like.time_base
        frame.duration = (like.times[index + 1] if index + 1 < len(like) else like.end) - frame.pts
        start = frame.pts * like.time_base
        if first and index:
            self._sound_until(start, drop=True)
        self._sound_until(start)
        self._out.mux(self._video.encode(frame))
        self._sink.check()

    def finish(self) -> None:
        """Write what is left, the rest of the sound among it."""
        if self._last < 0:
            raise ValueError("no frame was written; a video needs one")
        self._out.mux(self._video.encode(None))
        after = self._last + 1
        self._sound_until(self._like.times[after] * self._like.time_base if after < len(self._like) else None)
        self._out.close()
        self._sink.check()

    def _source(self) -> tuple[InputContainer | None, list[AudioStream]]:
        """The source once more, for its sound; none for WebP."""
        file = self._stack.enter_context(open_plain(self._like.path))
        try:
            source = self._stack.enter_context(open_container(file, quoted(self._like.path)))
        except ValueError:
            return None, []
        return source, list(source.streams.audio)

    def _video_stream(self) -> VideoStream:
        like, codec = self._like, self._codec
        stream = self._out.add_stream(ENCODERS[codec], rate=like.rate, options=dict(OPTIONS[codec]))
        stream = cast(VideoStream, stream)
        context = stream.codec_context
        context.width, context.height = like.size
        context.time_base = like.time_base
        context.pix_fmt = _pix_fmt(codec, like)
        if context.pix_fmt.startswith("yuv"):
            rgb_source = 6 if like.size[1] <= 576 else 1
            context.colorspace = like.matrix or rgb_source
            # ProRes knows no other range, and RGB is brought into the one that players expect
            limited = codec == "prores" or like.matrix == 0 or not like.full_range
            context.color_range = LIMITED if limited else 2
        else:
            context.colorspace, context.color_range = 0, 2
        context.color_primaries, context.color_trc = like.primaries, like.transfer
        if like.aspect is not None:
            context.sample_aspect_ratio = like.aspect
        if codec == "prores":
            context.options["profile"] = "4444" if like.has_alpha else "hq"
        context.flags |= Flags.bitexact | Flags.frame_duration
        context.thread_count = THREADS
        stream.set_display_matrix(like.display_matrix)
        return stream

    def _sound_stream(self, sound: AudioStream, suffix: str) -> AudioStream:
        if sound.codec_context is None:
            raise ValueError(_no_sound(suffix, "unknown"))
        try:
            stream = self._out.add_stream_from_template(sound, opaque=True)
        except ValueError:
            raise ValueError(_no_sound(suffix, sound.codec_context.name)) from None
        stream.metadata.update(_some(sound.metadata, STREAM_TAGS))
        stream.disposition = sound.disposition
        return stream

    def _sound_until(self, time: Fraction | None, *, drop: bool = False) -> None:
        """Copy, or drop, the packets of sound that start by a time in seconds, or all that are left."""
        while (packet := self._waiting) is not None:
            start = packet.pts if packet.dts is None else packet.dts
            if time is not None and start is not None and start * packet.time_base > time:
                return
            if packet.size and not drop:
                packet.stream = self._sounds[packet.stream_index]
                self._out.mux(packet)
            self._waiting = next(self._packets, None)


class _Sink:
    """A file that keeps its first error to itself until asked: PyAV prints all that follow it."""

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


def _no_sound(suffix: str, *codecs: str) -> str:
    cure = "convert the sound to FLAC or AAC first" if suffix == ".mkv" else "write it as .mkv"
    return f"{suffix} cannot hold sound of codec {', '.join(codecs)}; {cure}"


def _some(tags: dict[str, str], names: tuple[str, ...]) -> dict[str, str]:
    found = {name.lower(): text for name, text in tags.items()}  # Matroska's are in capitals
    return {name: found[name] for name in names if name in found}


def _pix_fmt(codec: Codec, like: Video) -> str:
    if codec == "h264":
        return "yuv420p"
    if codec == "prores":
        return "yuva444p10le" if like.has_alpha else "yuv422p10le"
    if like.depth == 8:
        return "bgra" if like.has_alpha else "bgr0"
    depth = next(d for d in (10, 12, 16) if d >= like.depth)
    return f"gbr{'a' * like.has_alpha}p{depth}le"
