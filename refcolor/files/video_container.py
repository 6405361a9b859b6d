"""FFmpeg containers: the streams and packets of a file.

FFmpeg reads through a descriptor of ours and never sees the user's file name, and only formats that hold
everything in one file are let in: no playlist can open another file or the network.
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

DRAWN = {"gif", "apng"}  # always have alpha, and are often opaque all the same
FORMATS = (
    "matroska mov avi mpegts mpeg mpegvideo m4v h264 hevc av1 obu ivf asf flv mxf nut ogg gif apng "
    "yuv4mpegpipe dv rm wtv gxf flic wav mp3 flac aac"
)


def open_container(file: BinaryIO, name: str, max_pixels: int = MAX_PIXELS) -> InputContainer:
    """Let FFmpeg look into an open file; ValueError in one line if it is none of the formats let in."""
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
            f"{name} is not a video, or its header is damaged: {why(error)}; "
            "give a video such as MP4, MOV or MKV"
        ) from None


def packets_of(container: InputContainer, *streams: Stream) -> Iterator[Packet[Any]]:
    """Packets of some streams, or all."""
    with suppress(IndexError):  # PyAV's at the end of a file where another stream began midway
        yield from container.demux(*streams)


def video_stream(container: InputContainer, name: str) -> VideoStream:
    """The video stream that is no cover picture."""
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        raise ValueError(f"{name} has no video stream; give a file with pictures")
    if streams[0].codec_context is None:
        raise ValueError(
            f"{name} is in a video codec that this build of FFmpeg cannot decode; convert it first"
        )
    return streams[0]


def why(error: av.FFmpegError) -> str:
    """FFmpeg's reason, on one line."""
    return one_line(error.strerror or str(error)).lower()
