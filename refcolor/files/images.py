"""Read and write picture files: what alpha, EXR light and color tags mean, to working pictures and back.

Working pictures are RGB, display-encoded, float32 in [0, 1], with straight (unassociated) alpha beside it:

* Linear files (EXR unless tagged otherwise, others if tagged so) are sRGB-encoded on reading and decoded
  on writing. Only the transfer curve is converted; the primaries stay as they are, and so does their tag.
* Values above 1 are scaled down by their largest channel and the scale is kept per pixel, so highlights
  come back at their own strength, where the output can hold them. Values below 0 become 0.
* Logarithmic DPX and untagged float TIFF code values are taken as display-encoded, and keep their tags.
* Pixels stay as stored: an orientation tag is kept, not applied.
* A result is never gray: gray targets give RGB of the same depth (half TIFF gives float), palettes are
  expanded. Only the first picture's color and alpha are kept, no other channels, pages and parts, comments
  and dates.
* JPEG is written at quality 95 with full-size chroma, WebP lossless, EXR and TIFF with a lossless codec.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.config import MAX_PIXELS
from refcolor.errors import StrPath
from refcolor.files.image_codec import decode, encode
from refcolor.files.image_storage import Storage, format_of
from refcolor.files.plain_files import atomic
from refcolor.imaging.checks import check_array, check_finite
from refcolor.imaging.color import Image, luma

GRAY_TOLERANCE = 4.5 / 255  # one step of chroma in a video, with room for rounding


@dataclass(frozen=True, eq=False)
class Picture:
    """A working picture, with all that is needed to write another one like it.

    Attributes
    ----------
    rgb : (H, W, 3) float32 in [0, 1], display-encoded sRGB.
    alpha : (H, W) float32 as stored, or None.
    storage : Storage
        Depth, format, tags and so on of the file.
    scale : (H, W) float32 >= 1, or None
        Highlights: stored (straight) color was divided by it to fit [0, 1].
    """

    rgb: Image
    alpha: Image | None
    storage: Storage
    scale: Image | None = None

    @cached_property
    def gray(self) -> Image:
        """BT.601 luma, (H, W) float32 in [0, 1]."""
        return np.clip(luma(self.rgb), 0, 1)

    @cached_property
    def is_gray(self) -> bool:
        """Whether the channels of every visible pixel differ by at most 4.5/255."""
        spread = self.rgb.max(axis=-1) - self.rgb.min(axis=-1)
        if self.alpha is not None:
            spread = spread[self.alpha > 0]
        return bool((spread <= GRAY_TOLERANCE).all())

    @cached_property
    def hidden(self) -> NDArray[np.bool_] | None:
        """Mask of invisible pixels (no cover and no glow), (H, W); None if there are none."""
        if self.alpha is None:
            return None
        hidden = self.alpha == 0
        if self.storage.associated:
            hidden &= self.rgb.max(axis=-1) == 0
        return np.asarray(hidden) if hidden.any() else None

    @property
    def on_paper(self) -> Image:
        """The picture with invisible pixels white, as they may hold anything; (H, W, 3)."""
        return self.rgb if self.hidden is None else np.where(self.hidden[..., None], np.float32(1), self.rgb)

    @property
    def gray_on_paper(self) -> Image:
        """Its luma, (H, W) float32 in [0, 1]."""
        return self.gray if self.hidden is None else np.where(self.hidden, np.float32(1), self.gray)

    @property
    def on_white(self) -> Image:
        """The picture over white paper, (H, W, 3)."""
        if self.alpha is None:
            return self.rgb
        cover = np.clip(self.alpha, 0, 1)[..., None]
        return np.asarray(self.rgb * cover + (1 - cover), np.float32)

    def filled(self, image: Image, figure: NDArray[np.bool_]) -> tuple[Picture, Image]:
        """A painted drawing (H, W, 3), opaque where the figure (H, W) is, and a picture to write it like."""
        if self.alpha is None:
            return self, image
        alpha = np.where(figure, np.float32(1), self.alpha)
        return replace(self, alpha=alpha), np.where(figure[..., None], image, self.rgb)

    def over_hidden(self, image: Image) -> Image:
        """A result (H, W, 3) with this picture's own gray in invisible pixels."""
        return image if self.hidden is None else np.where(self.hidden[..., None], self.gray[..., None], image)

    def resized(self, width: int, height: int) -> Picture:
        """The same picture at another size, to write results of that size like it; itself if none changes."""
        if (height, width) == self.rgb.shape[:2]:
            return self

        def resize(plane: Image) -> Image:
            return np.asarray(cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA), np.float32)

        alpha = None if self.alpha is None else resize(self.alpha)
        scale = None if self.scale is None else resize(self.scale)
        storage = replace(self.storage, window=None)  # the data window of another size
        return Picture(resize(self.rgb), alpha, storage, scale)


def read(path: StrPath, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read the first picture in a file; the name is taken literally, the format from the content.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError, OSError
        The file cannot be opened.
    ValueError
        It is empty, damaged, cut short, no picture, larger than `max_pixels`, CMYK, deep, or holds
        infinite values. One line: what was seen and what to do.
    """
    values, alpha, storage = decode(path, max_pixels)
    np.maximum(values, 0, out=values)
    scale = None
    if storage.associated or values.max() > 1:
        # color where alpha is 0 is glow, light that hides nothing; it has no straight color
        cover = 1 if alpha is None or not storage.associated else np.where(alpha > 0, alpha, 1)
        peak = np.maximum(values.max(axis=-1), cover)
        values /= peak[..., None]  # by alpha and scale at once: straight color may lie beyond float32
        with np.errstate(over="ignore"):
            scale = np.minimum(peak / cover, np.finfo(np.float32).max)
    if storage.linear:
        values = _srgb_encoded(values)
    if values.shape[-1] == 1:
        values = np.repeat(values, 3, axis=-1)
    return Picture(np.ascontiguousarray(values), alpha, storage, scale)


def write(path: StrPath, rgb: Image, *, like: Picture, force: bool = False) -> None:
    """Write a picture with the alpha, depth, tags and profile of another, as far as the format can.

    Parameters
    ----------
    rgb : (H, W, 3) float in [0, 1], display-encoded; H and W as in `like`.
    like : Picture
        What :func:`read` gave for the target.
    force : bool
        Overwrite an existing file.

    Raises
    ------
    FileExistsError, OSError
        See :func:`refcolor.files.plain_files.atomic`; nothing is left behind.
    ValueError
        Wrong shape, values that are not finite, an unknown extension, a size the format cannot hold.
    """
    storage = like.storage.in_format(format_of(path))
    values = clipped(rgb, like.rgb.shape, "the picture")
    if storage.linear:
        values = _srgb_decoded(values)
    # highlights come back where stored values may exceed 1; elsewhere they stay scaled down, not clipped
    has_highlights = storage.depth in ("half", "float") or storage.associated
    if like.scale is not None and storage.linear == like.storage.linear and has_highlights:
        values *= like.scale[..., None]
    if storage.associated and like.alpha is not None:
        # glow is kept only where the target could have it
        hidden = 1 if like.storage.associated else 0
        values *= np.where(like.alpha > 0, like.alpha, hidden)[..., None]
    with encode(values, like.alpha, storage) as encoded, atomic(path, force=force) as file:
        shutil.copyfileobj(encoded, file, 1 << 20)


def write_picture(
    path: StrPath, image: NDArray[np.floating], *, force: bool = False,
    tags: tuple[tuple[str, str, Any], ...] = (),
) -> None:  # fmt: skip
    """Write a plain 8-bit picture (a 16-bit float one as EXR): (H, W) gray or (H, W, 3) RGB in [0, 1].

    `tags` are (name, OpenImageIO type, value), kept where the format can.

    Raises
    ------
    FileExistsError, OSError, ValueError
        As :func:`write`.
    """
    shape = np.shape(image)
    if len(shape) < 2 or shape[2:] not in ((), (3,)) or 0 in shape:
        raise ValueError(f"a picture has shape (H, W) or (H, W, 3), not {shape}")
    samples = np.atleast_3d(image)
    write(path, samples, like=Picture(samples, None, Storage("png", "uint8", tags=tags)), force=force)


def clipped(image: NDArray[np.floating], shape: tuple[int, ...], name: str) -> Image:
    """A float32 copy clipped to [0, 1]; ValueError for another shape or values that are not finite."""
    check_array(image, name, np.floating, *shape)
    check_finite(image, name)
    return np.asarray(image, np.float32).clip(0, 1)


def _srgb_encoded(linear: Image) -> Image:
    """Linear light in [0, 1] -> sRGB, IEC 61966-2-1."""
    root = np.power(linear, np.float32(1 / 2.4))
    curve = root + np.float32(0.055) * (root - 1)  # 1.055 root - 0.055, and exactly 1 at 1
    return np.where(linear <= 0.0031308, linear * np.float32(12.92), curve)


def _srgb_decoded(encoded: Image) -> Image:
    """sRGB in [0, 1] -> linear light."""
    curve = np.power((encoded + np.float32(0.055)) / np.float32(1.055), np.float32(2.4))
    return np.where(encoded <= 0.04045, encoded / np.float32(12.92), curve)
