"""Picture files written and read by OpenImageIO alone, and PNG files byte by byte."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest
from numpy.typing import NDArray

from refcolor.files.images import Picture, read, write

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


def names_in(folder: Path) -> list[str]:
    """What a folder holds, hidden files included."""
    return sorted(path.name for path in folder.iterdir())


def noise(channels: int, depth: str = "uint8", height: int = 5, width: int = 7, seed: int = 0) -> Array:
    """Random samples in the stored type; floats in [0, 1], and never brighter than their alpha."""
    samples = np.random.default_rng(seed).random((height, width, channels))
    if depth in ("half", "float"):
        if channels in (2, 4):
            samples[..., :-1] *= samples[..., -1:]
        return samples.astype(np.float16 if depth == "half" else np.float32)
    return np.rint(samples * np.iinfo(depth).max).astype(depth)


def there_and_back(path: Path, out: Path) -> Picture:
    picture = read(path)
    write(out, picture.rgb, like=picture)
    return picture


def assert_stored_alike(got: Array, wanted: Array) -> None:
    assert got.dtype == wanted.dtype
    if got.dtype == np.float32:
        np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-7)
    elif got.dtype == np.float16:
        steps = got.view(np.int16).astype(int) - wanted.view(np.int16)
        assert np.abs(steps).max() <= 1
    else:
        np.testing.assert_array_equal(got, wanted)


def assert_refused(path: Path, error: type[Exception], match: str, **options: Any) -> None:
    with pytest.raises(error, match=match) as caught:
        read(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert "/proc/" not in message
    assert len(message) < 500
