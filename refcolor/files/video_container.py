"""FFmpeg containers: the streams and packets of a file.

FFmpeg reads from an open file and never sees the user's file name, and only formats that hold everything in
one file are allowed: no playlist can open another file or the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, BinaryIO

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from refcolor.config import MAX_PIXELS
from refcolor.files.image_storage import one_line

ANIMATED = {"gif", "apng"}  # their pixel formats have alpha, although many are opaque
FORMATS = (
    "matroska mov avi mpegts mpeg mpegvideo m4v h264 hevc av1 obu ivf asf flv mxf nut ogg gif apng "
    "yuv4mpegpipe dv rm wtv gxf flic wav mp3 flac aac"
)


def open_container(file: BinaryIO, name: str, max_pixels: int = MAX_PIXELS) -> InputContainer:
    """Open a container; ValueError in one line if it is none of the allowed formats."""
    file.seek(0)
    options = {
        "format_whitelist": FORMATS.replace(" ", ","),
        "protocol_whitelist": "none",
        "max_pixels": str(max_pixels),
    }
    try:
        return av.open(file, "r", options=options, metadata_errors="replace")
    except av.FFmpegError as error:
        raise ValueError(
            f"{name} is not a video, or its header is damaged: {reason(error)}; "
            "give a video such as MP4, MOV or MKV"
        ) from None


def packets_of(container: InputContainer, *streams: Stream) -> Iterator[Packet[Any]]:
    """Packets of some streams, or of all."""
    with suppress(IndexError):  # PyAV raises it at the end of a file where a stream began midway
        yield from container.demux(*streams)


def video_stream(container: InputContainer, name: str) -> VideoStream:
    """The first video stream that is not a cover picture."""
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        raise ValueError(f"{name} has no video stream; give a file with pictures")
    if streams[0].codec_context is None:
        raise ValueError(
            f"{name} is in a video codec that this build of FFmpeg cannot decode; convert it first"
        )
    return streams[0]


def reason(error: av.FFmpegError) -> str:
    """FFmpeg's reason, on one line."""
    return one_line(error.strerror or str(error)).lower()
