"""Convert between frames of a video stream and working pictures.

Y'CbCr becomes RGB in float by the stream's own matrix and range; swscale only resamples the chroma. Its own
conversions of deep samples end below 1 (10 bits: 1023 becomes 65472 of 65535), so white would not be white.
"""

from __future__ import annotations

import re

import numpy as np
from av import VideoFormat, VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from refcolor.files.image_storage import Storage
from refcolor.files.images import Picture
from refcolor.imaging.color import Image

SWSCALE = int(
    Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
    | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
)  # fmt: skip
LIMITED, FULL = 1, 2  # color ranges, by FFmpeg's numbers
BT709, BT601 = 1, 6  # matrices, by the numbers of ITU-T H.273
SD_HEIGHT = 576  # untagged video up to this height is BT.601, above it BT.709
MATRICES = {  # Kr, Kb
    BT709: (0.2126, 0.0722),
    4: (0.30, 0.11),  # FCC
    5: (0.299, 0.114),  # BT.601, 625 lines
    BT601: (0.299, 0.114),  # 525 lines
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020
}


def depth_of(form: VideoFormat) -> int:
    """Bits of a sample, 8 to 16."""
    return min(max(max(c.bits for c in form.components), 8), 16)


def has_alpha(form: VideoFormat) -> bool:
    """Whether the pixel format has an alpha channel."""
    return any(c.is_alpha for c in form.components)


def usual_matrix(height: int) -> int:
    """The matrix that players take for untagged video of a height."""
    return BT601 if height <= SD_HEIGHT else BT709


def matrix_of(frame: VideoFrame, name: str = "a frame") -> int:
    """The matrix of a frame, by its tag or by its height; 0 for RGB.

    Raises ValueError for one that is not a weighted sum of R, G and B, such as YCgCo.
    """
    if frame.format.is_rgb or frame.format.has_palette:
        return 0
    if frame.colorspace in (0, 2, 3):  # RGB, unspecified, reserved
        return usual_matrix(frame.height)
    if frame.colorspace not in MATRICES:
        seen = f"the color matrix {frame.colorspace} (H.273), which is not known"
        raise ValueError(f"{name} has {seen}; convert it to BT.709 first")
    return frame.colorspace


def is_full_range(frame: VideoFrame) -> bool:
    """Whether codes use the full range; gray and RGB do unless tagged otherwise."""
    form = frame.format
    if form.is_rgb or form.name.startswith("yuvj"):
        return True
    return frame.color_range == FULL or (frame.color_range != LIMITED and len(form.components) < 3)


def picture(frame: VideoFrame, *, alpha: bool) -> Picture:
    """A frame of any pixel format as a working picture, with its straight alpha if `alpha`.

    It is display-encoded as the stream is, and stored as 8-bit or, for deeper samples, 16-bit PNG. Raises
    ValueError as :func:`matrix_of`.
    """
    form, bits = frame.format, depth_of(frame.format)
    other = form.has_palette or form.is_rgb or form.is_bayer or re.search(r"f16|f32|msb|xyz", form.name)
    if not other and 8 <= form.components[0].bits <= 16:  # gray or Y'CbCr in integers
        values = _from_luma(frame, bits, alpha)
    else:
        if not re.match(r"(gbra?p|rgb48|rgba64)(\d+|)([lb]e)?$", form.name):
            bits = 8 if bits == 8 else 16
            wanted = {8: ("rgb24", "rgba"), 16: ("rgb48le", "rgba64le")}[bits][alpha]
            frame = frame.reformat(format=wanted, interpolation=SWSCALE, dst_color_range=FULL)
        values = frame.to_ndarray().astype(np.float32) / np.float32(2**bits - 1)
    stored = Storage("png", "uint8" if bits == 8 else "uint16")
    rgb = np.ascontiguousarray(values[..., :3])
    return Picture(rgb, np.ascontiguousarray(values[..., 3]) if alpha else None, stored)


def frame_of(rgb: Image, alpha: Image | None, pix_fmt: str, matrix: int, full: bool) -> VideoFrame:
    """A frame to encode from (H, W, 3) and (H, W) float32 in [0, 1]; the inverse of :func:`picture`.

    The format is bgr0, bgra, or planar GBR or Y'CbCr of 8 to 16 bits, little-endian. Alpha is used if it has
    any; matrix and range are those of Y'CbCr, as :func:`matrix_of` and :func:`is_full_range` give them.
    """
    height, width = rgb.shape[:2]
    form = VideoFormat(pix_fmt, width, height)
    bits = depth_of(form)
    if has_alpha(form):
        rgb = np.dstack([rgb, np.ones((height, width), np.float32) if alpha is None else alpha])
    if form.is_rgb:
        codes = np.rint(rgb * np.float32(2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)
        if bits > 8:
            return VideoFrame.from_ndarray(codes, pix_fmt)
        return VideoFrame.from_ndarray(codes, "rgba" if has_alpha(form) else "rgb24").reformat(format=pix_fmt)
    red, blue = MATRICES[matrix]
    luma = red * rgb[..., 0] + (1 - red - blue) * rgb[..., 1] + blue * rgb[..., 2]
    chroma = ((rgb[..., 2] - luma) / (2 - 2 * blue), (rgb[..., 0] - luma) / (2 - 2 * red))
    black, white, middle, swing = _levels(bits, full)
    planes = [
        luma * (white - black) + black,
        *(c * swing + middle for c in chroma),
        *np.moveaxis(rgb[..., 3:], -1, 0) * (2**bits - 1),
    ]
    frame = VideoFrame(width, height, _full_chroma(form, bits))
    for plane, values in zip(frame.planes, planes, strict=True):
        _rows(plane, frame.format)[:, :width] = np.rint(values).clip(0, 2**bits - 1)
    return _resampled(frame, pix_fmt, matrix, FULL if full else LIMITED)


def _full_chroma(form: VideoFormat, bits: int) -> str:
    return f"yuv{'a' * has_alpha(form)}444p" + (f"{bits}le" if bits > 8 else "")


def _resampled(frame: VideoFrame, pix_fmt: str, matrix: int, range_: int) -> VideoFrame:
    """The same codes in another layout; only chroma is interpolated, where its size changes."""
    return frame.reformat(
        format=pix_fmt, interpolation=SWSCALE, src_colorspace=matrix, dst_colorspace=matrix,
        src_color_range=range_, dst_color_range=range_,
    )  # fmt: skip


def _rows(plane: VideoPlane, form: VideoFormat) -> NDArray[np.unsignedinteger]:
    """The samples of a plane, row padding included, as a writable view."""
    kind = "u1" if depth_of(form) == 8 else ">u2" if form.name.endswith("be") else "<u2"
    return np.frombuffer(plane, kind).reshape(plane.height, -1)  # type: ignore[call-overload,no-any-return]


def _levels(bits: int, full: bool) -> tuple[int, int, int, int]:
    """Codes of black, white and zero chroma, and the number of codes that chroma spans."""
    step = 2 ** (bits - 8)
    if full:
        return 0, 2**bits - 1, 128 * step, 2**bits - 1
    return 16 * step, 235 * step, 128 * step, 224 * step


def _from_luma(frame: VideoFrame, bits: int, alpha: bool) -> Image:
    """Gray or Y'CbCr as (H, W, 3), or 4 with alpha, float32 in [0, 1]."""
    form, width = frame.format, frame.width
    full = is_full_range(frame)
    black, white, middle, swing = _levels(bits, full)
    if len(form.components) >= 3:
        matrix = matrix_of(frame)
        frame = _resampled(frame, _full_chroma(form, bits), matrix, FULL if full else LIMITED)
        planes = [_rows(plane, frame.format)[:, :width].astype(np.float32) for plane in frame.planes]
        red, blue = MATRICES[matrix]
        u = (planes[1] - middle) * np.float32((2 - 2 * blue) / swing)
        v = (planes[2] - middle) * np.float32((2 - 2 * red) / swing)
        # offsets from luma, so that zero chroma gives exactly gray
        offsets = [v, -(red * v + blue * u) / (1 - red - blue), u]
    else:
        rows = _rows(frame.planes[0], form)
        step = len(form.components)  # gray and alpha are interleaved
        planes = [rows[:, c : width * step : step].astype(np.float32) for c in range(step)]
        offsets = [np.zeros(1, np.float32)] * 3
    luma = (planes[0] - black) / np.float32(white - black)
    channels = [(luma + offset).clip(0, 1) for offset in offsets]
    if alpha:
        channels.append(planes[-1] / np.float32(2**bits - 1))
    return np.stack(channels, axis=-1)
