"""Picture file -> stored sample values, by OpenImageIO.

Reads the first picture of PNG, TIFF, EXR, TGA, DPX, JPEG, WebP, BMP and GIF files, whatever their names
end in. OpenImageIO reads through a descriptor of ours and never sees the user's file name, so no character
in a name means anything to it.
"""

from __future__ import annotations

import math
import os
import re
import stat
import struct
import zlib
from typing import Any, BinaryIO

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from refcolor.errors import StrPath, quoted
from refcolor.files.image_storage import (
    COLOR_TAGS,
    DEPTHS,
    PLACE_TAGS,
    SAME_FORMAT_TAGS,
    TGA_PREMULTIPLIED,
    WORD_TAGS,
    WORDS,
    Storage,
    one_line,
)

Samples = NDArray[np.float32]

TYPES: dict[str, Any] = {
    "uint8": oiio.UINT8, "uint16": oiio.UINT16, "half": oiio.HALF, "float": oiio.FLOAT,
}  # fmt: skip
KEPT = (*COLOR_TAGS, *SAME_FORMAT_TAGS, *PLACE_TAGS, *WORD_TAGS)
OWN_OF_EXR = re.compile(
    "(oiio|openexr|exif|iptc|xmp):|screenWindow|acesImage|(name|view|type|version|tiles)$", re.IGNORECASE
)
ENCODED = ("srgb", "g18", "g22", "g24", "g26", "pq", "hlg")  # how OpenImageIO's encoded spaces begin


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
    with open_plain(path) as file:
        _check_header(file, quoted(path), max_pixels)
        config = oiio.ImageSpec()
        config.attribute("oiio:UnassociatedAlpha", 1)  # leave straight colors as they are
        image = oiio.ImageInput.open(f"/proc/self/fd/{file.fileno()}", config)
        if image is None:
            oiio.geterror()  # says only that every reader was tried
            raise ValueError(
                f"{quoted(path)} is not a picture, or its header is damaged; "
                "give a PNG, TIFF, EXR, TGA, DPX, JPEG, WebP, BMP or GIF file"
            )
        try:
            return _decode(image, quoted(path), max_pixels)
        finally:
            image.close()


def open_plain(path: StrPath) -> BinaryIO:
    """Open a plain, non-empty file; a named pipe or device is refused without waiting for it."""
    name = quoted(path)
    try:
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {name}; check the name") from None
    except PermissionError:
        raise PermissionError(f"{name} may not be read; check its permissions") from None
    except IsADirectoryError:
        raise IsADirectoryError(f"{name} is a folder; give a file") from None
    except OSError as error:
        raise type(error)(f"{name} cannot be opened: {error.strerror}") from None
    status = os.fstat(file.fileno())
    if stat.S_ISREG(status.st_mode) and status.st_size:
        return file
    file.close()
    if stat.S_ISREG(status.st_mode):
        raise ValueError(f"{name} is empty (0 bytes); write it again")
    raise ValueError(f"{name} is a pipe or a device; give a plain file")


def _check_header(file: BinaryIO, name: str, max_pixels: int) -> None:
    """Look at what OpenImageIO handles badly, before it does."""
    head = file.read(24)
    if head[:4] == b"GIF8" and len(head) >= 10:  # decoded as soon as it is opened
        width, height = struct.unpack("<HH", head[6:10])
        _check_size(width, height, name, max_pixels)
    if head[:8] == b"\x89PNG\r\n\x1a\n":  # libpng prints its complaints to the terminal
        if head[12:16] == b"IHDR" and len(head) == 24:
            width, height = struct.unpack(">II", head[16:])
            _check_size(width, height, name, max_pixels)
        _check_png_chunks(file, name)


def _check_png_chunks(file: BinaryIO, name: str) -> None:
    left = os.fstat(file.fileno()).st_size - file.seek(8)
    kind = b""
    while kind != b"IEND":
        frame = file.read(8)
        size, kind = struct.unpack(">I4s", frame) if len(frame) == 8 else (0, b"")
        left -= 8 + size + 4
        if left < 0:
            raise ValueError(f"{name} is cut short: a PNG file without its end; write it again")
        if zlib.crc32(file.read(size), zlib.crc32(kind)) != int.from_bytes(file.read(4), "big"):
            raise ValueError(f"{name} is damaged: wrong checksum in a PNG chunk; write it again")


def _check_size(width: int, height: int, name: str, max_pixels: int) -> None:
    if width < 1 or height < 1:
        raise ValueError(f"{name} has no pixels ({width} x {height})")
    if width * height > max_pixels:
        raise ValueError(
            f"{name} has {width} x {height} = {width * height} pixels, more than {max_pixels}; "
            "make it smaller or raise --max-pixels"
        )


def _decode(image: Any, name: str, max_pixels: int) -> tuple[Samples, Samples | None, Storage]:
    spec, kind = image.spec(), image.format_name()
    if kind not in DEPTHS and kind != "gif":
        raise ValueError(f"{name} is a {kind} file; save it as PNG, TIFF or EXR")
    _check_size(spec.width, spec.height, name, max_pixels)
    if spec.deep or spec.depth > 1:
        raise ValueError(f"{name} is a deep or volume picture; flatten it first")
    # converted by OpenImageIO without the profile, so the colors would be wrong
    if {spec.get_string_attribute(f"{k}:ColorSpace") for k in ("tiff", "jpeg")} & {"CMYK", "YCbCrK"}:
        raise ValueError(f"{name} is a CMYK picture; convert it to RGB first")
    if kind == "dpx" and spec.get_int_attribute("Orientation", 1) != 1:
        raise ValueError(f"{name} is a turned or mirrored DPX picture; save it upright")

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
        raise ValueError(f"{name} is damaged or cut short: {one_line(image.geterror())}; write it again")
    storage = _storage(spec, kind, depth, bool(alpha))
    samples = stored.astype(np.float32)
    if depth.startswith("uint"):
        samples /= np.float32(np.iinfo(stored.dtype).max)
        if storage.bits:  # OpenImageIO widens them to 16 and cuts off what is left
            levels = np.float32(2**storage.bits - 1)
            samples = np.rint(samples * levels) / levels
    else:
        _check_finite(samples, name)
    samples_alpha = samples[..., alpha[0] - first].copy() if alpha else None
    values = samples[..., [c - first for c in color]]
    if depth == "uint16" and spec.get_int_attribute("tiff:PhotometricInterpretation", 1) == 0:
        values = 1 - values  # white is zero, which OpenImageIO turns over in 8 bits only
    return values, samples_alpha, storage


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


def _type(tag: Any) -> str:
    """OpenImageIO's type of a tag; its Python side writes whole numbers as int only."""
    return "int" if isinstance(tag.value, int) else str(tag.type)


def _is_kept(tag: Any, kind: str) -> bool:
    """Whether a tag is passed on: a known one, or in EXR whatever a studio has put there."""
    known = tag.name in KEPT or (kind == "openexr" and not OWN_OF_EXR.match(tag.name))
    return known and _size(tag) <= WORDS and oiio.TypeDesc(str(tag.type)) == tag.type


def _size(tag: Any) -> float:
    """Bytes of a tag; infinite for a text that is no UTF-8, which cannot be passed on."""
    if not isinstance(tag.value, str):
        return int(tag.type.size())
    try:
        return len(tag.value.encode())
    except UnicodeEncodeError:
        return math.inf


def _storage(spec: Any, kind: str, depth: str, has_alpha: bool) -> Storage:
    space = spec.get_string_attribute("oiio:ColorSpace")
    # an EXR file is linear unless it says otherwise; any other only if it says so
    linear = space.startswith(("lin", "scene_lin")) or (kind == "openexr" and not space.startswith(ENCODED))
    associated = (
        kind == "openexr"
        or (kind == "tiff" and spec.get_int_attribute("oiio:UnassociatedAlpha") != 1)
        or spec.get_int_attribute("targa:alpha_type") == TGA_PREMULTIPLIED
    )
    bits = spec.get_int_attribute("oiio:BitsPerSample")
    found = {tag.name: tag for tag in spec.extra_attribs}
    icc = found.get("ICCProfile")
    window = (spec.x, spec.y, spec.full_x, spec.full_y, spec.full_width, spec.full_height)
    return Storage(
        format=kind,
        depth=depth,
        bits=bits if depth == "uint16" and 8 < bits < 16 else 0,
        linear=linear,
        associated=has_alpha and associated,
        tags=tuple((n, _type(found[n]), found[n].value) for n in found if _is_kept(found[n], kind)),
        icc=None if icc is None else bytes(icc.value),
        window=window if kind == "openexr" else None,
    )
