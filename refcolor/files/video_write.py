"""Write a colored video with the sound, times and color tags of the gray one.

Kept are frame times, frame rate, pixel aspect, display rotation, color tags, alpha (not by H.264), the sound
from the first to the last frame that is written, chapters, and tags such as title, language and timecode.
Not kept are subtitles, data streams, cover pictures, interlacing flags and the metadata of single frames,
such as HDR. Matroska rounds times to milliseconds; the other containers keep them exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import av
from av import AudioStream, Packet, VideoStream
from av.codec.context import Flags

from refcolor.errors import StrPath, quoted
from refcolor.files.image_storage import extension_of
from refcolor.files.images import clipped
from refcolor.files.plain_files import atomic, open_plain
from refcolor.files.video_base import Video, open_container, packets_of, reason, video_stream
from refcolor.files.video_pixels import FULL, LIMITED, frame_of, usual_matrix
from refcolor.imaging.color import Image

Codec = Literal["ffv1", "prores", "h264"]

CODECS: dict[str, tuple[Codec, ...]] = {  # the first is the default
    ".mkv": ("ffv1", "h264"), ".mov": ("prores", "h264"), ".mp4": ("h264", "ffv1"),
}  # fmt: skip
ENCODERS = {"ffv1": "ffv1", "prores": "prores_ks", "h264": "libx264"}
ENCODER_OPTIONS = {
    "ffv1": {"level": "3", "slices": "16", "slicecrc": "1", "g": "1"},
    "prores": {"vendor": "apl0"},
    "h264": {"crf": "16", "preset": "medium"},
}
ENCODER_THREADS = 4  # fixed, as x264 gives other bytes with another number
CONTAINER_TAGS = ("title", "artist", "album", "comment", "copyright", "description", "show", "timecode")
STREAM_TAGS = ("title", "language", "timecode", "handler_name")


def check_video(path: StrPath, like: Video, codec: Codec | None = None) -> Codec:
    """The codec to write a video by: if None, FFV1 in .mkv, ProRes in .mov, H.264 in .mp4.

    Raises ValueError, of one line, where extension, codec and size do not go together.
    """
    suffix = extension_of(path, CODECS, "videos")
    codec = codec or CODECS[suffix][0]
    if codec not in ENCODERS:
        raise ValueError(f"there is no codec {codec!r}; choose one of {', '.join(ENCODERS)}")
    if codec not in CODECS[suffix]:
        fits = " or ".join(s for s, codecs in CODECS.items() if codec in codecs)
        other = " or ".join(CODECS[suffix])
        raise ValueError(f"{suffix} does not hold {codec}: write it as {fits}, or as {other}")
    encoder = ENCODERS[codec]
    try:
        av.Codec(encoder, "w")
    except ValueError:
        seen = f"this build of FFmpeg has no encoder {encoder} for {codec}"
        raise ValueError(f"{seen}; choose another codec") from None
    width, height = like.size
    if codec == "h264" and (width % 2 or height % 2):
        raise ValueError(f"H.264 needs even sides and these are {width} x {height}; choose ffv1 or prores")
    if suffix == ".mkv" and codec == "ffv1" and like.aspect not in (None, 1):
        seen = f"pixels are {like.aspect} as wide as high"
        raise ValueError(f"FFV1 in .mkv would lose that {seen}; write it as .mp4")
    return codec


@contextmanager
def write_video(
    path: StrPath, like: Video, codec: Codec | None = None, *, force: bool = False
) -> Iterator[Writer]:
    """Write a video that appears whole when the block ends without an error, or not at all.

    FFV1 is lossless RGB of the source's depth, with alpha; ProRes is 422 HQ, or 4444 with alpha; H.264 is
    4:2:0 at CRF 16. The same frames give the same bytes on any machine with the same build of FFmpeg, but not
    always by H.264: x264 with AVX-512 varies from run to run where half the width is no multiple of 64.

    Frames and sound come from the video `like`; the codec is as :func:`check_video` returns it. Raises as
    that and :func:`refcolor.files.plain_files.atomic`, and ValueError, of one line, if the container cannot
    hold the sound, or the encoder fails.
    """
    codec = check_video(path, like, codec)
    with atomic(path, force=force) as file, ExitStack() as stack:
        try:
            writer = Writer(file, Path(path).suffix.lower(), like, codec, stack)
            yield writer
            writer.finish()
        except av.FFmpegError as error:  # some are OSErrors, with other arguments
            raise ValueError(f"cannot write {quoted(path)}: {reason(error)}") from error


class Writer:
    """Encodes the frames of one video; see :func:`write_video`."""

    def __init__(self, output: BinaryIO, suffix: str, like: Video, codec: Codec, stack: ExitStack) -> None:
        self._like, self._codec, self._last_index = like, codec, -1
        file, source = stack.enter_context(open_plain(like.path)), None
        with suppress(ValueError):  # animated WebP, without sound
            source = stack.enter_context(open_container(file, like.path))
        sounds = source.streams.audio if source else ()
        options = {"fflags": "+bitexact"}
        if suffix != ".mkv":
            # the unit of the first frame's time; milliseconds by default, which would round it
            bases = [like.time_base, *(cast(Fraction, s.time_base) for s in sounds)]
            ticks = math.lcm(*(base.denominator for base in bases))
            options["movie_timescale"] = str(ticks if ticks < 2**31 else like.time_base.denominator)
        container = "matroska" if suffix == ".mkv" else suffix[1:]
        self._out = av.open(_Output(output), "w", format=container, container_options=options)
        self._video = self._video_stream()
        self._packets = packets_of(source, *sounds) if source and sounds else iter(())
        self._next_packet: Packet[Any] | None = next(self._packets, None)
        if source:
            self._out.metadata.update(_selected(source.metadata, CONTAINER_TAGS))
            tags = video_stream(source, like.path).metadata
            self._video.metadata.update(_selected(tags, STREAM_TAGS))
            self._out.set_chapters(source.chapters())
        self._video.codec_context.open()
        try:
            self._sounds = {s.index: self._sound_stream(s) for s in sounds}
            self._out.start_encoding()
        except (av.FFmpegError, ValueError):
            if not sounds:
                raise
            codecs = ", ".join(s.codec_context.name if s.codec_context else "unknown" for s in sounds)
            remedy = "convert the sound to FLAC or AAC first" if suffix == ".mkv" else "write it as .mkv"
            raise ValueError(f"{suffix} cannot hold sound of codec {codecs}; {remedy}") from None

    def add(self, rgb: Image, index: int, alpha: Image | None = None) -> None:
        """Encode frame `index` of the source, each higher than the one before.

        `rgb` is (H, W, 3) float, display-encoded, and `alpha` (H, W) float32, both in [0, 1]; it is read from
        the source again if that has alpha and this is None. Raises as :func:`write_video`; ValueError for a
        wrong shape, order, or values that are not finite.
        """
        like, (width, height) = self._like, self._like.size
        rgb = clipped(rgb, (height, width, 3), f"frame {index}")
        if not self._last_index < index < len(like):
            raise ValueError(f"frame {index} cannot follow frame {self._last_index} of {len(like)}")
        if like.has_alpha and alpha is None and self._codec != "h264":
            alpha = like.read(index).alpha
        before_first = self._last_index < 0 < index
        self._last_index = index
        context = self._video.codec_context
        full_range = context.color_range != LIMITED
        frame = frame_of(rgb, alpha, cast(str, context.pix_fmt), context.colorspace, full_range)
        frame.colorspace, frame.color_range = context.colorspace, context.color_range
        frame.color_primaries, frame.color_trc = context.color_primaries, context.color_trc
        frame.pts, frame.time_base = like.times[index], like.time_base
        frame.duration = (like.times[index + 1] if index + 1 < len(like) else like.end) - frame.pts
        self._copy_sound_until(frame.pts * like.time_base, drop=before_first)
        self._out.mux(self._video.encode(frame))

    def finish(self) -> None:
        """Flush the encoder and copy the rest of the sound."""
        if self._last_index < 0:
            raise ValueError("no frame was written; a video needs one")
        self._out.mux(self._video.encode(None))
        like, after = self._like, self._last_index + 1
        self._copy_sound_until(like.times[after] * like.time_base if after < len(like) else None)
        self._out.close()

    def _video_stream(self) -> VideoStream:
        like, codec = self._like, self._codec
        stream = self._out.add_stream(ENCODERS[codec], rate=like.rate, options=dict(ENCODER_OPTIONS[codec]))
        stream = cast(VideoStream, stream)
        context = stream.codec_context
        context.width, context.height = like.size
        context.time_base = like.time_base
        context.pix_fmt = _pixel_format(codec, like)
        context.colorspace, context.color_range = 0, FULL
        if context.pix_fmt.startswith("yuv"):
            context.colorspace = like.matrix or usual_matrix(like.size[1])
            # ProRes has limited range only, and players expect it of what was RGB
            if codec == "prores" or like.matrix == 0 or not like.full_range:
                context.color_range = LIMITED
        context.color_primaries, context.color_trc = like.primaries, like.transfer
        if like.aspect is not None:
            context.sample_aspect_ratio = like.aspect
        if codec == "prores":
            context.options["profile"] = "4444" if like.has_alpha else "hq"
        context.flags |= Flags.bitexact | Flags.frame_duration
        context.thread_count = ENCODER_THREADS
        stream.set_display_matrix(like.display_matrix)
        return stream

    def _sound_stream(self, sound: AudioStream) -> AudioStream:
        stream = self._out.add_stream_from_template(sound, opaque=True)
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
    """A file that takes no more after an error, as PyAV prints those that follow the first."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._failed = file, False
        self.seek, self.tell = file.seek, file.tell

    @property
    def closed(self) -> bool:
        return self._file.closed

    def write(self, data: bytes) -> None:
        if not self._failed:
            self._failed = True
            self._file.write(data)
            self._failed = False


def _pixel_format(codec: Codec, like: Video) -> str:
    """4:2:0 for H.264, 4:2:2 or 4:4:4:4 for ProRes, RGB of the same depth for FFV1."""
    if codec == "h264":
        return "yuv420p"
    if codec == "prores":
        return "yuva444p10le" if like.has_alpha else "yuv422p10le"
    if like.depth == 8:
        return "bgra" if like.has_alpha else "bgr0"
    depth = next(d for d in (10, 12, 16) if d >= like.depth)
    return f"gbr{'a' * like.has_alpha}p{depth}le"


def _selected(tags: dict[str, str], names: tuple[str, ...]) -> dict[str, str]:
    found = {name.lower(): text for name, text in tags.items()}  # Matroska's are in capitals
    return {name: found[name] for name in names if name in found}
