"""Picture files (PNG, EXR, TIFF, DPX, ...) to their samples as stored, and back, by OpenImageIO.

Reads the first picture of PNG, TIFF, EXR, TGA, DPX, JPEG, WebP, BMP and GIF files, told from their content.
OpenImageIO does not write to the user's disk, because on a full one version 3.2 loses the error of the last
write, and its JPEG writer ends the whole process; :mod:`refcolor.files.plain_files` reports every error.

What OpenImageIO cannot write: a color-space tag in TIFF, WebP and BMP; an ICC profile in EXR, TGA, DPX and
BMP; the alpha type of premultiplied TGA (set here afterwards); colors under alpha 0 in WebP; gray or gray
with alpha in WebP; turned DPX pictures (scrambled).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from refcolor.errors import StrPath, quoted
from refcolor.files.image_storage import DEPTHS, FINENESS, KNOWN_TAGS, Storage, check_size, one_line
from refcolor.files.plain_files import open_plain, path_of, scratch_path
from refcolor.imaging.color import Image
from refcolor.stderr import held_back

# EXR attributes that describe the file itself, not the picture
EXR_FILE_TAGS = re.compile(
    "(oiio|openexr|exif|iptc|xmp):|screenWindow|acesImage|(name|view|type|version|tiles)$", re.IGNORECASE
)
MAX_TAG_SIZE = 1 << 16  # bytes; larger tags are left out
MAX_HEADER_SIZE = 1 << 22  # bytes of tags, profile and tables
ENCODED_SPACES = ("srgb", "g18", "g22", "g24", "g26", "pq", "hlg")  # how their names begin in OpenImageIO
TGA_PREMULTIPLIED = 4  # the attributes type of TGA 2.0
LOSSLESS = ("none", "rle", "zips", "zip", "piz", "lzw", "packbits")
# longest side; libjpeg ends the whole process when it is asked for more
SIDE_LIMITS = {"jpeg": 65500, "webp": 16383, "targa": 65535, "bmp": 65535}


def decode(path: StrPath, max_pixels: int) -> tuple[Image, Image | None, Storage]:
    """Stored color, (H, W, 3) or (H, W, 1), and alpha, (H, W) or None, of the first picture in a file.

    Float32, integers scaled to [0, 1], floats as they are. Raises as :func:`refcolor.files.images.read`.
    """
    name = quoted(path)
    with open_plain(path) as file:
        head = file.read(24)
        is_png = head[:8] == b"\x89PNG\r\n\x1a\n"
        # sizes that OpenImageIO handles badly: it decodes a GIF as soon as it is opened
        if len(head) == 24 and (is_png or head[:4] == b"GIF8"):
            width, height = struct.unpack(">II", head[16:]) if is_png else struct.unpack("<HH", head[6:10])
            check_size(width, height, name, max_pixels)
        config = oiio.ImageSpec()
        config.attribute("oiio:UnassociatedAlpha", 1)  # leave straight colors as they are
        with path_of(file) as plain, held_back(prefix=b"libpng") if is_png else nullcontext():
            image = oiio.ImageInput.open(plain, config)
            if image is None:
                oiio.geterror()  # says only that every reader was tried
                raise ValueError(
                    f"{name} is not a picture, or its header is damaged; "
                    "give a PNG, TIFF, EXR, TGA, DPX, JPEG, WebP, BMP or GIF file"
                )
            with closing(image):
                return _decode(image, name, max_pixels, plain)


def _decode(image: Any, name: str, max_pixels: int, path: str) -> tuple[Image, Image | None, Storage]:
    spec, kind = image.spec(), image.format_name()
    _check_kind(spec, kind, name)
    check_size(spec.width, spec.height, name, max_pixels)
    color, alpha = _channels(spec, kind, name)
    depths = {str(spec.channelformat(c)) for c in (*color, *alpha)}
    if not depths <= set(FINENESS):
        seen = ", ".join(sorted(depths))
        raise ValueError(f"{name} has samples of type {seen}; save it as 8 or 16 bits or float")
    depth = depths.pop() if len(depths) == 1 else "float"
    if kind == "tiff" and depth == "half":
        depth = "float"  # few programs know half TIFF, and 16-bit integers would lose light above 1
    first, last = min(color + alpha), max(color + alpha) + 1
    stored = image.read_image(0, 0, first, last, depth)
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
    elif (bad := np.argwhere(~np.isfinite(samples).all(axis=-1))).size:
        y, x = bad[0]
        raise ValueError(
            f"{name} has {len(bad)} pixels that are infinite or not a number, the first at x={x}, y={y}; "
            "repair them first"
        )
    values = samples[..., [c - first for c in color]]
    if depth == "uint16" and spec.get_int_attribute("tiff:PhotometricInterpretation", 1) == 0:
        values = 1 - values  # white is zero, which OpenImageIO turns over in 8 bits only
    return values, samples[..., alpha[0] - first].copy() if alpha else None, storage


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
    if kind == "targa" and len(names) == 2:  # gray and alpha, which OpenImageIO names R and G
        return [0], [1]
    layers: dict[str, dict[str, int]] = {"": {}}  # the nameless layer of an EXR file comes first
    for index, channel in enumerate(names):
        layer, _, letter = channel.rpartition(".")
        layers.setdefault(layer, {})[letter.upper()] = index
    for group in ([layers.pop("")], layers.values()):
        for wanted in ("RGB", "Y"):
            for found in group:
                if set(wanted) <= found.keys():
                    return [found[c] for c in wanted], [found["A"]] if "A" in found else []
    if len(names) == 2:
        raise ValueError(f"{name} has 2 channels, {names[0]!r} and {names[1]!r}, no gray (Y); save it as RGB")
    return ([0, 1, 2] if len(names) > 2 else [0]), []


def _storage(spec: Any, kind: str, depth: str, has_alpha: bool) -> Storage:
    is_exr, space = kind == "openexr", spec.get_string_attribute("oiio:ColorSpace")
    associated = (
        is_exr
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
        # an EXR file is linear unless it says otherwise; any other only if it says so
        linear=not space.startswith(ENCODED_SPACES) if is_exr else space.startswith(("lin", "scene_lin")),
        associated=has_alpha and associated,
        tags=tuple(_tags(spec, is_exr)),
        icc=None if icc is None else bytes(icc),
        window=window if is_exr else None,
    )


def _tags(spec: Any, is_exr: bool) -> Iterator[tuple[str, str, Any]]:
    """The tags to keep as (name, type, value): known ones, and in EXR those that a studio has put there."""
    for tag in spec.extra_attribs:
        known = tag.name in KNOWN_TAGS or (is_exr and not EXR_FILE_TAGS.match(tag.name))
        with suppress(UnicodeEncodeError):  # text that is not UTF-8 cannot be written again
            size = len(tag.value.encode()) if isinstance(tag.value, str) else tag.type.size()
            if known and size <= MAX_TAG_SIZE and oiio.TypeDesc(str(tag.type)) == tag.type:
                # OpenImageIO's Python interface writes integers of any size as int only
                yield tag.name, "int" if isinstance(tag.value, int) else str(tag.type), tag.value


@contextmanager
def encode(color: Image, alpha: Image | None, storage: Storage) -> Iterator[BinaryIO]:
    """Encode color and alpha, as :func:`decode` returns them, into a file that can be read inside the block.

    Alpha is left out where the format has none (JPEG). Raises ValueError if the format cannot hold a picture
    of this size, and OSError if OpenImageIO reports an error or the temporary folder has too little space.
    """
    height, width, count = color.shape
    kind = storage.format
    if max(height, width) > SIDE_LIMITS.get(kind, np.inf):
        raise ValueError(
            f"the picture is {width} x {height} and {kind} ends at {SIDE_LIMITS[kind]} pixels a side; "
            "write a PNG, TIFF or EXR file"
        )
    if kind == "jpeg":
        alpha = None
    samples = color if alpha is None else np.concatenate([color, alpha[..., None]], axis=-1)
    if kind == "webp" and count == 1:
        samples = np.concatenate([color, color, samples], axis=-1)  # WebP has no gray
    spec = _spec(width, height, samples.shape[-1], alpha is not None, storage)
    with scratch_path(samples.nbytes + MAX_HEADER_SIZE) as path:
        output: Any = oiio.ImageOutput.create(kind)
        samples = _quantized(samples, storage)
        written = output.open(path, spec) and output.write_image(samples) and output.close()
        error = output.geterror()
        if error or not written:
            raise OSError(f"the picture could not be stored as {kind}: {one_line(error, path)}")
        with Path(path).open("r+b") as file:
            if kind == "targa" and storage.associated:
                # OpenImageIO calls all alpha straight, in the byte before the footer of 26
                file.seek(-27, 2)
                file.write(bytes([TGA_PREMULTIPLIED]))
            if kind == "dpx":  # the header holds the path that we gave to OpenImageIO
                file.seek(36)
                file.write(bytes(100))
            file.seek(0)
            yield file


def _spec(width: int, height: int, channels: int, has_alpha: bool, storage: Storage) -> Any:
    kind = storage.format
    spec = oiio.ImageSpec(width, height, channels, storage.depth)
    spec.channelnames = ("R", "G", "B", "A")[:channels] if channels > 2 else ("Y", "A")[:channels]
    spec.alpha_channel = channels - 1 if has_alpha else -1
    if has_alpha and (not storage.associated or kind == "targa"):
        spec.attribute("oiio:UnassociatedAlpha", 1)
    if storage.bits:
        spec.attribute("oiio:BitsPerSample", storage.bits)
    if storage.window:
        spec.x, spec.y, spec.full_x, spec.full_y, spec.full_width, spec.full_height = storage.window
    tags = {name: (type_, value) for name, type_, value in storage.tags}
    if "ResolutionUnit" in tags:  # PNG calls it inch, others know in only
        tags["ResolutionUnit"] = ("string", tags["ResolutionUnit"][1].replace("inch", "in"))
    if "XResolution" in tags and "YResolution" in tags and tags["XResolution"][1] > 0:
        # OpenImageIO's writers derive the vertical resolution from this; its JPEG writer turns it over
        tags["PixelAspectRatio"] = ("float", tags["YResolution"][1] / tags["XResolution"][1])
        if kind == "jpeg":
            del tags["PixelAspectRatio"]
    if kind == "dpx":
        tags.pop("Orientation", None)  # it would scramble the picture
    if kind == "webp":
        tags["compression"] = ("string", "lossless")
    elif kind == "jpeg":
        tags["compression"] = ("string", "jpeg:95")
        tags["jpeg:subsampling"] = ("string", "4:4:4")  # color is the point of our pictures
    elif "compression" in tags and tags["compression"][1] not in LOSSLESS:
        tags["compression"] = ("string", "zip")
    if kind == "tiff" and "oiio:ColorSpace" not in tags:
        tags["Exif:ColorSpace"] = ("int", 65535)  # "uncalibrated"; an empty Exif block ends in an error
    # A gray profile on an RGB picture makes the file invalid: libpng refuses it, other readers fail later.
    if storage.icc and (storage.icc[16:20] == b"GRAY") == (channels < 3):
        tags["ICCProfile"] = (f"uint8[{len(storage.icc)}]", np.frombuffer(storage.icc, np.uint8))
    for name, (type_, value) in tags.items():
        spec.attribute(name, oiio.TypeDesc(type_), value)
    return spec


def _quantized(samples: Image, storage: Storage) -> NDArray[Any]:
    """Samples in the type to be stored, rounded to nearest."""
    if storage.depth == "half":
        return np.clip(samples, -65504, 65504).astype(np.float16)
    if storage.depth == "float":
        return np.ascontiguousarray(samples, np.float32)
    top = np.iinfo(storage.depth).max
    levels = 2**storage.bits - 1 if storage.bits else top
    codes: Image = np.rint(np.clip(samples, 0, 1) * np.float32(levels))
    if levels != top:  # OpenImageIO keeps the upper bits of a 16-bit value
        codes = np.rint(codes * np.float32(top / levels))
    return codes.astype(storage.depth)
