"""Decode a picture file (PNG, EXR, TIFF, DPX, ...) to its samples as stored, by OpenImageIO.

Reads the first picture of PNG, TIFF, EXR, TGA, DPX, JPEG, WebP, BMP and GIF files, told from their content.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from typing import Any, BinaryIO

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from refcolor.errors import StrPath, quoted
from refcolor.files.image_storage import (
    COLOR_TAGS,
    DEPTHS,
    MAX_TAG_SIZE,
    PLACEMENT_TAGS,
    SAME_FORMAT_TAGS,
    TEXT_TAGS,
    TGA_PREMULTIPLIED,
    Storage,
    check_size,
    one_line,
)
from refcolor.files.plain_files import open_plain, path_of
from refcolor.stderr import held_back

Samples = NDArray[np.float32]

TYPES: dict[str, Any] = {
    "uint8": oiio.UINT8, "uint16": oiio.UINT16, "half": oiio.HALF, "float": oiio.FLOAT,
}  # fmt: skip
KEPT_TAGS = (*COLOR_TAGS, *SAME_FORMAT_TAGS, *PLACEMENT_TAGS, *TEXT_TAGS)
# EXR attributes that describe the file itself, not the picture
EXR_FILE_TAGS = re.compile(
    "(oiio|openexr|exif|iptc|xmp):|screenWindow|acesImage|(name|view|type|version|tiles)$", re.IGNORECASE
)
ENCODED_SPACES = ("srgb", "g18", "g22", "g24", "g26", "pq", "hlg")  # how their names begin in OpenImageIO


def decode(path: StrPath, max_pixels: int) -> tuple[Samples, Samples | None, Storage]:
    """Stored samples of the first picture in a file.

    Returns
    -------
    color : (H, W, 3) or (H, W, 1) float32, integers scaled to [0, 1], floats as they are.
    alpha : (H, W) float32 or None.
    storage : Storage

    Raises
    ------
    OSError, ValueError
        One line; see :func:`refcolor.files.images.read`.
    """
    name = quoted(path)
    with open_plain(path) as file:
        quiet = _check_head(file, name, max_pixels)
        config = oiio.ImageSpec()
        config.attribute("oiio:UnassociatedAlpha", 1)  # leave straight colors as they are
        with path_of(file) as plain, held_back(prefix=b"libpng") if quiet else nullcontext():
            image = oiio.ImageInput.open(plain, config)
            if image is None:
                oiio.geterror()  # says only that every reader was tried
                raise ValueError(
                    f"{name} is not a picture, or its header is damaged; "
                    "give a PNG, TIFF, EXR, TGA, DPX, JPEG, WebP, BMP or GIF file"
                )
            try:
                return _decode(image, name, max_pixels, plain)
            finally:
                image.close()


def _check_head(file: BinaryIO, name: str, max_pixels: int) -> bool:
    """Refuse sizes that OpenImageIO handles badly; whether the library prints, as libpng does."""
    head = file.read(24)
    is_png = head[:8] == b"\x89PNG\r\n\x1a\n"
    if len(head) == 24 and (is_png or head[:4] == b"GIF8"):  # a GIF is decoded as soon as it is opened
        width, height = struct.unpack(">II", head[16:]) if is_png else struct.unpack("<HH", head[6:10])
        check_size(width, height, name, max_pixels)
    return is_png


def _decode(image: Any, name: str, max_pixels: int, path: str) -> tuple[Samples, Samples | None, Storage]:
    spec, kind = image.spec(), image.format_name()
    _check_kind(spec, kind, name)
    check_size(spec.width, spec.height, name, max_pixels)
    color, alpha = _channels(spec, kind, name)
    depths = {str(spec.channelformat(c)) for c in (*color, *alpha)}
    if not depths <= TYPES.keys():
        seen = ", ".join(sorted(depths))
        raise ValueError(f"{name} has samples of type {seen}; save it as 8 or 16 bits or float")
    depth = depths.pop() if len(depths) == 1 else "float"
    if kind == "tiff" and depth == "half":
        depth = "float"  # few programs know half TIFF, and 16-bit integers would lose light above 1
    first, last = min(color + alpha), max(color + alpha) + 1
    stored = image.read_image(0, 0, first, last, TYPES[depth])
    if stored is None or image.has_error:
        reason = one_line(image.geterror(), path)
        raise ValueError(f"{name} is damaged or cut short: {reason}; write it again")
    storage = _storage(spec, kind, depth, bool(alpha))
    samples = stored.astype(np.float32)
    if depth.startswith("uint"):
        samples /= np.float32(np.iinfo(stored.dtype).max)
        if storage.bits:  # OpenImageIO widens them to 16 and cuts off the rest
            levels = np.float32(2**storage.bits - 1)
            samples = np.rint(samples * levels) / levels
    else:
        _check_finite(samples, name)
    samples_alpha = samples[..., alpha[0] - first].copy() if alpha else None
    values = samples[..., [c - first for c in color]]
    if depth == "uint16" and spec.get_int_attribute("tiff:PhotometricInterpretation", 1) == 0:
        values = 1 - values  # white is zero, which OpenImageIO turns over in 8 bits only
    return values, samples_alpha, storage


def _check_kind(spec: Any, kind: str, name: str) -> None:
    """Refuse kinds of pictures that would come out wrong."""
    if kind not in DEPTHS and kind != "gif":
        raise ValueError(f"{name} is a {kind} file; save it as PNG, TIFF or EXR")
    if spec.deep or spec.depth > 1:
        raise ValueError(f"{name} is a deep or volume picture; flatten it first")
    # OpenImageIO converts it without the profile, so the colors would be wrong
    if {spec.get_string_attribute(f"{k}:ColorSpace") for k in ("tiff", "jpeg")} & {"CMYK", "YCbCrK"}:
        raise ValueError(f"{name} is a CMYK picture; convert it to RGB first")
    if kind == "dpx" and spec.get_int_attribute("Orientation", 1) != 1:
        raise ValueError(f"{name} is a turned or mirrored DPX picture; save it upright")


def _channels(spec: Any, kind: str, name: str) -> tuple[list[int], list[int]]:
    """Indices of the color channels (3, or 1 for gray) and of alpha (1 or none)."""
    names = list(spec.channelnames)
    layers: dict[str, dict[str, int]] = {"": {}}  # the nameless layer of an EXR file comes first
    for index, channel in enumerate(names):
        layer, _, letter = channel.rpartition(".")
        layers.setdefault(layer, {})[letter.upper()] = index
    if kind == "targa" and len(names) == 2:  # gray and alpha, which OpenImageIO names R and G
        return [0], [1]
    for group in ([layers.pop("")], layers.values()):
        for wanted in ("RGB", "Y"):
            for layer in group:
                if set(wanted) <= layer.keys():
                    return [layer[c] for c in wanted], [layer["A"]] if "A" in layer else []
    if len(names) == 2:
        raise ValueError(f"{name} has 2 channels, {names[0]!r} and {names[1]!r}, no gray (Y); save it as RGB")
    return ([0, 1, 2] if len(names) > 2 else [0]), []


def _check_finite(samples: Samples, name: str) -> None:
    bad = ~np.isfinite(samples).all(axis=-1)
    if bad.any():
        y, x = np.argwhere(bad)[0]
        raise ValueError(
            f"{name} has {np.count_nonzero(bad)} pixels that are infinite or not a number, the first at "
            f"x={x}, y={y}; repair them first"
        )


def _tags(spec: Any, kind: str) -> Iterator[tuple[str, str, Any]]:
    """The tags to keep as (name, type, value): known ones, and in EXR those that a studio has put there."""
    for tag in spec.extra_attribs:
        known = tag.name in KEPT_TAGS or (kind == "openexr" and not EXR_FILE_TAGS.match(tag.name))
        with suppress(UnicodeEncodeError):  # text that is not UTF-8 cannot be written again
            size = len(tag.value.encode()) if isinstance(tag.value, str) else tag.type.size()
            if known and size <= MAX_TAG_SIZE and oiio.TypeDesc(str(tag.type)) == tag.type:
                # OpenImageIO's Python interface writes integers of any size as int only
                yield tag.name, "int" if isinstance(tag.value, int) else str(tag.type), tag.value


def _storage(spec: Any, kind: str, depth: str, has_alpha: bool) -> Storage:
    space = spec.get_string_attribute("oiio:ColorSpace")
    # an EXR file is linear unless it says otherwise; any other only if it says so
    is_linear = kind == "openexr" and not space.startswith(ENCODED_SPACES)
    associated = (
        kind == "openexr"
        or (kind == "tiff" and spec.get_int_attribute("oiio:UnassociatedAlpha") != 1)
        or spec.get_int_attribute("targa:alpha_type") == TGA_PREMULTIPLIED
    )
    bits = spec.get_int_attribute("oiio:BitsPerSample")
    icc = spec.getattribute("ICCProfile")
    window = (spec.x, spec.y, spec.full_x, spec.full_y, spec.full_width, spec.full_height)
    return Storage(
        format=kind,
        depth=depth,
        bits=bits if depth == "uint16" and 8 < bits < 16 else 0,
        linear=is_linear or space.startswith(("lin", "scene_lin")),
        associated=has_alpha and associated,
        tags=tuple(_tags(spec, kind)),
        icc=None if icc is None else bytes(icc),
        window=window if kind == "openexr" else None,
    )
