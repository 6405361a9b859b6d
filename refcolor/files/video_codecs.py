"""The codecs and containers that videos are written in."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import av

from refcolor.errors import StrPath, quoted
from refcolor.files.video_base import Video

Codec = Literal["ffv1", "prores", "h264"]

CONTAINERS = {".mkv": "matroska", ".mov": "mov", ".mp4": "mp4"}
CODECS: dict[str, tuple[Codec, ...]] = {  # the first is the default
    ".mkv": ("ffv1", "h264"), ".mov": ("prores", "h264"), ".mp4": ("h264", "ffv1"),
}  # fmt: skip
ENCODERS = {"ffv1": "ffv1", "prores": "prores_ks", "h264": "libx264"}
ENCODER_OPTIONS = {
    "ffv1": {"level": "3", "slices": "16", "slicecrc": "1", "g": "1"},
    "prores": {"vendor": "apl0"},
    "h264": {"crf": "16", "preset": "medium"},
}


def default_codec(path: StrPath) -> Codec:
    """The codec for a file name: FFV1 in .mkv, ProRes in .mov, H.264 in .mp4; ValueError for any other."""
    suffix = Path(path).suffix.lower()
    if suffix not in CODECS:
        seen = f"ends in {quoted(suffix)}" if suffix else "has no extension"
        raise ValueError(f"output {quoted(path)} {seen}; videos can be written as {' '.join(CODECS)}")
    return CODECS[suffix][0]


def check_video(path: StrPath, like: Video, codec: Codec | None = None) -> None:
    """Refuse, before any work, a codec, container or size that cannot be written.

    Raises
    ------
    ValueError
        One line: what does not go together, and what does.
    """
    suffix, chosen = Path(path).suffix.lower(), codec or default_codec(path)
    default_codec(path)
    if chosen not in ENCODERS:
        raise ValueError(f"there is no codec {chosen!r}; choose one of {', '.join(ENCODERS)}")
    if chosen not in CODECS[suffix]:
        fits = " or ".join(s for s, codecs in CODECS.items() if chosen in codecs)
        other = " or ".join(CODECS[suffix])
        raise ValueError(f"{suffix} does not hold {chosen}: write it as {fits}, or as {other}")
    encoder = ENCODERS[chosen]
    try:
        av.Codec(encoder, "w")
    except ValueError:
        seen = f"this build of FFmpeg has no encoder {encoder} for {chosen}"
        raise ValueError(f"{seen}; choose another codec") from None
    width, height = like.size
    if chosen == "h264" and (width % 2 or height % 2):
        raise ValueError(f"H.264 needs even sides and these are {width} x {height}; choose ffv1 or prores")
    if suffix == ".mkv" and chosen == "ffv1" and like.aspect not in (None, 1):
        seen = f"pixels are {like.aspect} as wide as high"
        raise ValueError(f"FFV1 in .mkv would lose that {seen}; write it as .mp4")


def pixel_format(codec: Codec, like: Video) -> str:
    """FFmpeg's pixel format: 4:2:0 for H.264, 4:2:2 or 4:4:4:4 for ProRes, RGB of the same depth for FFV1."""
    if codec == "h264":
        return "yuv420p"
    if codec == "prores":
        return "yuva444p10le" if like.has_alpha else "yuv422p10le"
    if like.depth == 8:
        return "bgra" if like.has_alpha else "bgr0"
    depth = next(d for d in (10, 12, 16) if d >= like.depth)
    return f"gbr{'a' * like.has_alpha}p{depth}le"
