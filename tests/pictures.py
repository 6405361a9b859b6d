"""Picture files written and read by OpenImageIO alone, and PNG files byte by byte."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

Array = NDArray[Any]
NAMES = {1: ("Y",), 2: ("Y", "A"), 3: ("R", "G", "B"), 4: ("R", "G", "B", "A")}


def store(path: Path, samples: Array, *, names: tuple[str, ...] = (), **attributes: Any) -> Path:
    """Write samples by OpenImageIO alone, straight alpha unless told otherwise."""
    height, width, channels = samples.shape
    depth = {"float16": "half", "float32": "float"}.get(str(samples.dtype), str(samples.dtype))
    spec = oiio.ImageSpec(width, height, channels, depth)
    spec.channelnames = names or NAMES[channels]
    spec.alpha_channel = spec.channelnames.index("A") if "A" in spec.channelnames else -1
    for side in ("x", "y", "full_x", "full_y", "full_width", "full_height", "alpha_channel"):
        if side in attributes:
            setattr(spec, side, attributes.pop(side))
    for name, value in {"oiio:UnassociatedAlpha": 1, **attributes}.items():
        if isinstance(value, bytes):
            spec.attribute(name, oiio.TypeDesc(f"uint8[{len(value)}]"), np.frombuffer(value, np.uint8))
        else:
            spec.attribute(name, value)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec), output.geterror()
    assert output.write_image(samples), output.geterror()
    assert output.close()
    output.geterror()
    return path


def load(path: Path) -> tuple[Array, Any]:
    """Samples and spec as stored, by OpenImageIO alone."""
    config = oiio.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)
    image = oiio.ImageInput.open(str(path), config)
    assert image is not None, oiio.geterror()
    spec = image.spec()
    samples = image.read_image(0, 0, 0, spec.nchannels, oiio.UNKNOWN)
    assert samples is not None, image.geterror()
    image.close()
    return samples, spec


def png(header: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG file of given chunks, with right checksums."""
    parts = [(b"IHDR", header), *chunks, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
