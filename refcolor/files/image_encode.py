"""Encode stored samples as a picture file in memory, by OpenImageIO.

It does not write to the user's disk, because on a full one OpenImageIO 3.2 loses the error of the last write,
and its JPEG writer ends the whole process; :mod:`refcolor.files.plain_files` reports every error.

What OpenImageIO cannot write: a color-space tag in TIFF, WebP and BMP; an ICC profile in EXR, TGA, DPX and
BMP; the alpha type of premultiplied TGA (set here afterwards); colors under alpha 0 in WebP; gray or gray
with alpha in WebP; turned DPX pictures (scrambled).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from refcolor.files.image_storage import SIDE_LIMITS, TGA_PREMULTIPLIED, Storage, one_line
from refcolor.files.plain_files import scratch_path

Samples = NDArray[np.float32]

MAX_HEADER_SIZE = 1 << 22  # bytes of tags, profile and tables
LOSSLESS = ("none", "rle", "zips", "zip", "piz", "lzw", "packbits")


@contextmanager
def encode(color: Samples, alpha: Samples | None, storage: Storage) -> Iterator[BinaryIO]:
    """Encode a picture into a file that can be read inside the block.

    Parameters
    ----------
    color : (H, W, 3) or (H, W, 1) float32, scaled as :func:`refcolor.files.image_decode.decode` returns it.
    alpha : (H, W) float32 or None; left out where the format has none (JPEG).
    storage : Storage

    Raises
    ------
    ValueError
        The format cannot hold a picture of this size.
    OSError
        OpenImageIO reported an error, or the temporary folder has too little space.
    """
    height, width, count = color.shape
    limit = SIDE_LIMITS.get(storage.format, max(height, width))
    if max(height, width) > limit:
        raise ValueError(
            f"the picture is {width} x {height} and {storage.format} ends at {limit} pixels a side; "
            "write a PNG, TIFF or EXR file"
        )
    if storage.format == "jpeg":
        alpha = None
    samples = color if alpha is None else np.concatenate([color, alpha[..., None]], axis=-1)
    if storage.format == "webp" and count == 1:
        samples = np.concatenate([samples[..., :1]] * 2 + [samples], axis=-1)  # WebP has no gray
    spec = _spec(width, height, samples.shape[-1], alpha is not None, storage)
    with scratch_path(samples.nbytes + MAX_HEADER_SIZE) as path:
        output: Any = oiio.ImageOutput.create(storage.format)
        samples = _quantized(samples, storage)
        written = output.open(path, spec) and output.write_image(samples) and output.close()
        error = output.geterror()
        if error or not written:
            raise OSError(f"the picture could not be stored as {storage.format}: {one_line(error, path)}")
        with Path(path).open("r+b") as file:
            if storage.format == "targa" and storage.associated:
                # OpenImageIO calls all alpha straight, in the byte before the footer of 26
                file.seek(-27, 2)
                file.write(bytes([TGA_PREMULTIPLIED]))
            if storage.format == "dpx":  # the header holds the path that we gave to OpenImageIO
                file.seek(36)
                file.write(bytes(100))
            file.seek(0)
            yield file


def _spec(width: int, height: int, channels: int, has_alpha: bool, storage: Storage) -> Any:
    spec = oiio.ImageSpec(width, height, channels, storage.depth)
    spec.channelnames = ("R", "G", "B", "A")[:channels] if channels > 2 else ("Y", "A")[:channels]
    spec.alpha_channel = channels - 1 if has_alpha else -1
    if has_alpha and (not storage.associated or storage.format == "targa"):
        spec.attribute("oiio:UnassociatedAlpha", 1)
    if storage.bits:
        spec.attribute("oiio:BitsPerSample", storage.bits)
    if storage.window:
        spec.x, spec.y, spec.full_x, spec.full_y, spec.full_width, spec.full_height = storage.window
    tags = {name: (kind, value) for name, kind, value in storage.tags}
    if "ResolutionUnit" in tags:  # PNG calls it inch, others know in only
        tags["ResolutionUnit"] = ("string", tags["ResolutionUnit"][1].replace("inch", "in"))
    if "XResolution" in tags and "YResolution" in tags and tags["XResolution"][1] > 0:
        # OpenImageIO's writers derive the vertical resolution from this; its JPEG writer turns it over
        tags["PixelAspectRatio"] = ("float", tags["YResolution"][1] / tags["XResolution"][1])
        if storage.format == "jpeg":
            del tags["PixelAspectRatio"]
    if storage.format == "dpx":
        tags.pop("Orientation", None)  # it would scramble the picture
    if storage.format == "webp":
        tags["compression"] = ("string", "lossless")
    elif "compression" in tags and tags["compression"][1] not in LOSSLESS:
        tags["compression"] = ("string", "zip")
    if storage.format == "jpeg":
        tags["compression"] = ("string", "jpeg:95")
        tags["jpeg:subsampling"] = ("string", "4:4:4")  # color is the point of our pictures
    if storage.format == "tiff" and "oiio:ColorSpace" not in tags:
        tags["Exif:ColorSpace"] = ("int", 65535)  # "uncalibrated"; an empty Exif block ends in an error
    # A gray profile on an RGB picture makes the file invalid: libpng refuses it, other readers fail later.
    if storage.icc and (storage.icc[16:20] == b"GRAY") == (channels < 3):
        tags["ICCProfile"] = (f"uint8[{len(storage.icc)}]", np.frombuffer(storage.icc, np.uint8))
    for name, (kind, value) in tags.items():
        spec.attribute(name, oiio.TypeDesc(kind), value)
    return spec


def _quantized(samples: Samples, storage: Storage) -> NDArray[Any]:
    """Samples in the type to be stored, rounded to nearest."""
    if storage.depth == "half":
        return np.clip(samples, -65504, 65504).astype(np.float16)
    if storage.depth == "float":
        return np.ascontiguousarray(samples, np.float32)
    top = 255 if storage.depth == "uint8" else 65535
    levels = 2**storage.bits - 1 if storage.bits else top
    codes: Samples = np.rint(np.clip(samples, 0, 1) * np.float32(levels))
    if levels != top:  # OpenImageIO keeps the upper bits of a 16-bit value
        codes = np.rint(codes * np.float32(top / levels))
    return codes.astype(np.uint8 if top == 255 else np.uint16)
