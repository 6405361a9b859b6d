"""What a picture file stores (depth, alpha, color tags), and what each format can hold."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from refcolor.errors import StrPath, quoted, with_code

EXTENSIONS = {
    ".png": "png", ".tif": "tiff", ".tiff": "tiff", ".exr": "openexr", ".tga": "targa", ".dpx": "dpx",
    ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp", ".bmp": "bmp",
}  # fmt: skip
# sample types each format holds, from coarse to fine
DEPTHS = {
    "png": ("uint8", "uint16"),
    "tiff": ("uint8", "uint16", "float"),
    "openexr": ("half", "float"),
    "targa": ("uint8",),
    "dpx": ("uint8", "uint16", "float"),
    "jpeg": ("uint8",),
    "webp": ("uint8",),
    "bmp": ("uint8",),
}
FINENESS = ("uint8", "half", "uint16", "float")
COLOR_TAGS = {"oiio:ColorSpace", "oiio:Gamma", "CICP"}
SAME_FORMAT_TAGS = {"compression", "dpx:Transfer", "dpx:Colorimetric", "chromaticities", "whiteLuminance"}
KNOWN_TAGS = COLOR_TAGS | SAME_FORMAT_TAGS | {
    "XResolution", "YResolution", "ResolutionUnit", "PixelAspectRatio", "Orientation",
    "Artist", "Copyright", "ImageDescription", "DocumentName", "smpte:TimeCode", "smpte:KeyCode",
}  # fmt: skip


@dataclass(frozen=True)
class Storage:
    """How a picture is stored: all that is needed to write another one like it."""

    format: str  # OpenImageIO's name of the file format
    depth: str  # "uint8", "uint16", "half" or "float"
    bits: int = 0  # used bits of a uint16 sample where fewer than 16, as in 10-bit DPX; else 0
    linear: bool = False  # samples are proportional to light
    associated: bool = False  # color is stored multiplied by alpha
    tags: tuple[tuple[str, str, Any], ...] = ()  # (name, OpenImageIO type, value)
    icc: bytes | None = None
    window: tuple[int, ...] | None = None  # EXR: x, y of the data, then x, y, width, height of the display

    def in_format(self, name: str) -> Storage:
        """The nearest storage of another format, with samples at least as fine where it has them."""
        least, depths = FINENESS.index(self.depth), DEPTHS[name]
        depth = next((d for d in depths if FINENESS.index(d) >= least), depths[-1])
        if name == self.format:
            return replace(self, depth=depth)
        linear = name == "openexr"
        kept, space, icc = KNOWN_TAGS - SAME_FORMAT_TAGS, [], self.icc
        if linear != self.linear:
            kept, icc = kept - COLOR_TAGS, None
            space = [("oiio:ColorSpace", "string", "lin_rec709_scene" if linear else "srgb_rec709_scene")]
        tags = (*(tag for tag in self.tags if tag[0] in kept), *space)
        return Storage(name, depth, linear=linear, associated=linear, tags=tags, icc=icc)


def format_of(path: StrPath) -> str:
    """Format to write, from the extension; ValueError if it is not one of ours."""
    return EXTENSIONS[extension_of(path, EXTENSIONS, "pictures")]


def extension_of(path: StrPath, known: Collection[str], what: str) -> str:
    """The extension in lower case; ValueError if it is none of those that `what` can be written as."""
    suffix = Path(path).suffix
    if suffix.lower() not in known:
        seen = f"ends in {quoted(suffix)}" if suffix else "has no extension"
        raise ValueError(f"output {quoted(path)} {seen}; {what} can be written as {' '.join(known)}")
    return suffix.lower()


def check_size(width: int, height: int, name: str, max_pixels: int) -> None:
    """Refuse a picture without pixels, or with more than `max_pixels`; ValueError."""
    if width < 1 or height < 1:
        raise ValueError(f"{name} has no pixels ({width} x {height})")
    if width * height > max_pixels:
        seen = f"{width} x {height} = {width * height} pixels, more than {max_pixels}"
        raise with_code(ValueError(f"{name} has {seen}; make it smaller"), "too_many_pixels")


def one_line(message: str, path: str = "") -> str:
    """A library's message on one line, without the path that it was given."""
    if path:
        message = re.sub(f'"?{re.escape(path)}"?', "the file", message)
    return " ".join(message.split())[:200] or "no reason given"
