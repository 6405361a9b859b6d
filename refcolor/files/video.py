"""Open a video or an animated picture, and read any frame by its index."""

from __future__ import annotations

from itertools import islice

import av

from refcolor.config import MAX_PIXELS
from refcolor.errors import StrPath, quoted
from refcolor.files.plain_files import open_plain
from refcolor.files.video_base import Video
from refcolor.files.video_container import ANIMATED, open_container, video_stream
from refcolor.files.video_movie import Movie
from refcolor.files.video_webp import WebP, is_webp, webp_durations


def is_video(path: StrPath) -> bool:
    """Whether a file holds moving pictures, told from its content; False for anything else."""
    try:
        with open_plain(path) as file:
            if is_webp(file):
                return len(webp_durations(file)) > 1
            with open_container(file, quoted(path), MAX_PIXELS) as container:
                stream = video_stream(container, quoted(path))
                if container.format.name not in ANIMATED:
                    return bool(stream.codec_context.width)
                return sum(packet.size > 0 for packet in islice(container.demux(stream), 2)) > 1
    except (OSError, ValueError, av.FFmpegError):
        return False


def open_video(path: StrPath, *, max_pixels: int = MAX_PIXELS) -> Video:
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
        return (WebP if is_webp(file) else Movie)(path, file, max_pixels)
    except BaseException:
        file.close()
        raise
