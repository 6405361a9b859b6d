"""What reading and writing videos share: the base class of readers, and FFmpeg's containers.

FFmpeg reads from an open file and never sees the user's file name, and only formats that hold everything in
one file are allowed: no playlist can open another file or the network.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from fractions import Fraction
from typing import Any, BinaryIO

import av
from av import Packet, VideoStream
from av.container import InputContainer
from av.stream import Disposition, Stream

from refcolor.config import MAX_PIXELS
from refcolor.errors import StrPath, quoted
from refcolor.files.image_storage import one_line
from refcolor.files.images import Picture

FORMATS = (
    "matroska,mov,avi,mpegts,mpeg,mpegvideo,m4v,h264,hevc,av1,obu,ivf,asf,flv,mxf,nut,ogg,gif,apng,"
    "yuv4mpegpipe,dv,rm,wtv,gxf,flic,wav,mp3,flac,aac"
)


class Video(AbstractContextManager["Video"]):
    """The frames of a video or of an animated GIF, PNG or WebP; a context manager.

    :func:`refcolor.files.video.open_video` opens it. Memory does not grow with the length, except for
    animated WebP. The alpha of VP8 and VP9 is not read, and interlaced fields are not separated.
    """

    path: StrPath
    size: tuple[int, int]  # (width, height) of a frame as stored, before any rotation for display
    times: list[int]  # when each frame is shown, in units of `time_base` seconds
    end: int  # when the last frame ends, in the same units
    time_base: Fraction
    rate: Fraction  # frames per second, the average where it varies
    depth = 8  # bits of a sample, 8 to 16
    has_alpha = False
    # color tags by the numbers of ITU-T H.273; the matrix is 0 for RGB, and never unspecified
    matrix, full_range, primaries, transfer = 0, True, 2, 2
    aspect: Fraction | None = None  # width of a pixel divided by its height
    display_matrix: tuple[int, ...] | None = None  # FFmpeg's rotation or flip for display, not applied

    def __len__(self) -> int:
        return len(self.times)

    @abstractmethod
    def read(self, index: int) -> Picture:
        """A frame as a picture, the same in any order; ValueError if it is damaged, or of another size."""

    @abstractmethod
    def close(self) -> None:
        """Close the file; no frame can be read afterwards."""

    def __exit__(self, *_: object) -> None:
        self.close()


def open_container(file: BinaryIO, path: StrPath, max_pixels: int = MAX_PIXELS) -> InputContainer:
    """Open a container; ValueError in one line if it is none of the allowed formats."""
    file.seek(0)
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "none", "max_pixels": str(max_pixels)}
    try:
        return av.open(file, "r", options=options, metadata_errors="replace")
    except av.FFmpegError as error:
        seen = f"{quoted(path)} is not a video, or its header is damaged: {reason(error)}"
        raise ValueError(f"{seen}; give a video such as MP4, MOV or MKV") from None


def packets_of(container: InputContainer, *streams: Stream) -> Iterator[Packet[Any]]:
    """Packets of some streams, or of all."""
    with suppress(IndexError):  # PyAV raises it at the end of a file where a stream began midway
        yield from container.demux(*streams)


def video_stream(container: InputContainer, path: StrPath) -> VideoStream:
    """The first video stream that is not a cover picture; ValueError if none can be decoded."""
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        raise ValueError(f"{quoted(path)} has no video stream; give a file with pictures")
    if streams[0].codec_context is None:
        seen = f"{quoted(path)} is in a video codec that this build of FFmpeg cannot decode"
        raise ValueError(f"{seen}; convert it first")
    return streams[0]


def reason(error: av.FFmpegError) -> str:
    """FFmpeg's reason, on one line."""
    return one_line(error.strerror or str(error)).lower()
