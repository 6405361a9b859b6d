"""The gray of a colored result is the gray of its target, in every format, depth and kind of alpha.

Judged in double precision, on the samples as OpenImageIO alone reads them: the target's gray must lie
between the grays of the result with all samples half a step down and half a step up. Rounding three channels
to samples of that type, each for itself, cannot promise more.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import OpenImageIO as oiio
import pytest
from numpy.typing import NDArray
from pictures import load, png, store

from refcolor.files.images import Picture, read, write
from refcolor.imaging.merge import luma_exact, plain_lab

Array = NDArray[Any]

SLACK = 4e-7  # of encoded gray in [0, 1]: a few float32 roundings, a twentieth of half a 16-bit step
FLOATS = ("half", "float")


class Kind(NamedTuple):
    """A way to store a picture."""

    extension: str
    depth: str
    alpha: str = ""  # "straight" or "premultiplied"
    linear: bool = False
    bits: int = 0  # where fewer than the depth has
    tags: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        words = (self.extension, self.depth, self.bits, self.alpha, *(value for _, value in self.tags))
        return " ".join(str(word) for word in words if word)

    @property
    def levels(self) -> int:
        """The largest code."""
        return 2**self.bits - 1 if self.bits else int(np.iinfo(self.depth).max)


def with_alpha(*kinds: Kind, alphas: tuple[str, ...] = ("", "straight")) -> list[Kind]:
    return [kind._replace(alpha=alpha) for kind in kinds for alpha in alphas]


LINEAR = (("oiio:ColorSpace", "lin_rec709_scene"),)
ALL_ALPHAS = ("", "straight", "premultiplied")
KINDS = [
    *with_alpha(Kind("png", "uint8"), Kind("png", "uint16"), Kind("png", "uint16", linear=True, tags=LINEAR)),
    *with_alpha(Kind("tif", "uint8"), Kind("tif", "uint16"), Kind("tif", "float"), alphas=ALL_ALPHAS),
    Kind("tif", "uint16", bits=10),
    Kind("tif", "uint16", bits=12),
    *with_alpha(
        Kind("exr", "half", linear=True),
        Kind("exr", "float", linear=True),
        Kind("exr", "half", linear=True, tags=(("oiio:ColorSpace", "lin_ap1_scene"),)),
        Kind("exr", "half", tags=(("oiio:ColorSpace", "srgb_rec709_scene"),)),
        alphas=("", "premultiplied"),
    ),
    *with_alpha(
        Kind("tga", "uint8"), Kind("tga", "uint8", tags=(("compression", "rle"),)), alphas=ALL_ALPHAS
    ),
    *with_alpha(Kind("dpx", "uint8"), Kind("dpx", "uint16"), Kind("dpx", "float")),
    Kind("dpx", "uint16", bits=10),
    Kind("dpx", "uint16", bits=12),
    Kind("dpx", "uint16", bits=10, tags=(("oiio:ColorSpace", "KodakLog"),)),
    Kind("dpx", "uint16", linear=True, tags=LINEAR),
    *with_alpha(Kind("webp", "uint8", tags=(("compression", "lossless"),)), Kind("bmp", "uint8")),
]


def pack(kind: Kind, values: Array) -> Array:
    """Values in [0, 1], or floats, as samples of a kind."""
    if kind.depth in FLOATS:
        return values.astype(np.float16 if kind.depth == "half" else np.float32)
    top = np.iinfo(kind.depth).max
    return (np.rint(values * kind.levels) * (top / kind.levels)).astype(kind.depth)


def keep(path: Path, kind: Kind, samples: Array) -> Path:
    """Write samples of a kind by OpenImageIO alone."""
    tags = {"oiio:UnassociatedAlpha": int(kind.alpha == "straight"), **dict(kind.tags)}
    if kind.bits:
        tags["oiio:BitsPerSample"] = kind.bits
    if kind.extension == "tga":  # always written as straight; the type of alpha is 27 bytes before the end
        store(path, samples, **{**tags, "oiio:UnassociatedAlpha": 1})
        data = bytearray(path.read_bytes())
        data[-27] = {"": 0, "straight": 3, "premultiplied": 4}[kind.alpha]
        path.write_bytes(data)
        return path
    return store(path, samples, **tags)


def planes(kind: Kind, samples: Array) -> Array:
    """Gray samples as RGB where OpenImageIO has no gray."""
    if kind.extension == "webp" or (kind.extension in ("bmp", "dpx") and kind.alpha):
        return np.concatenate([samples[..., :1]] * 2 + [samples], axis=-1)
    return samples


def hard_samples(kind: Kind, *, tinted: bool = False, side: int = 48) -> Array:
    """A picture, gray or not, with alpha if the kind has it, of everything that is hard to keep."""
    rng = np.random.default_rng(7)
    gray = rng.random((side, side))
    gray[0], gray[1] = 0, 1
    gray[2] = np.geomspace(1e-7, 1e-2, side)  # the shade, where the curve of sRGB has its corner
    if kind.depth in FLOATS:
        gray[3] = np.geomspace(1, 1000, side)
        gray[4] = -gray[2]
    alpha = None
    if kind.alpha:
        alpha = rng.random((side, side))
        alpha[:, 0], alpha[:, 1] = 0, 1
        least = {"half": 2.0**-24, "float": 1e-30}.get(kind.depth)
        alpha[:, 2] = least or 1 / kind.levels
        if kind.depth in FLOATS:
            alpha[:, 3], alpha[:, 4] = 2, -0.5
        if kind.alpha == "premultiplied":
            gray *= np.abs(alpha)
            gray[:, 0] = 0.25  # glow: light that hides nothing
    color = gray[..., None] * (rng.random((side, side, 3)) if tinted else np.ones(1))
    samples = color if alpha is None else np.concatenate([color, alpha[..., None]], axis=-1)
    return pack(kind, samples) if tinted else planes(kind, pack(kind, samples))


def opened(kind: Kind, path: Path) -> tuple[Array, Array | None]:
    """Color and alpha as stored, in double precision, integers in [0, 1]."""
    samples, spec = load(path)
    assert str(spec.format) == kind.depth
    values = samples.astype(float)
    if kind.depth not in FLOATS:  # OpenImageIO widens 10 and 12 bits to 16 and cuts off what is left
        values = np.rint(values / np.iinfo(kind.depth).max * kind.levels) / kind.levels
    if not kind.alpha:
        return values, None
    return values[..., :-1], values[..., -1]


def straight(kind: Kind, color: Array, alpha: Array | None) -> Array:
    color = np.maximum(color, 0)
    if alpha is not None and kind.alpha == "premultiplied":
        color = color / np.where(alpha > 0, alpha, 1)[..., None]
    return color


def gray_of(kind: Kind, color: Array, alpha: Array | None, scale: Array) -> Array:
    """The gray of stored color, highlights scaled down, from the definitions alone."""
    color = straight(kind, color, alpha) / scale[..., None]
    if kind.linear:
        color = np.where(color <= 0.0031308, 12.92 * color, 1.055 * color ** (1 / 2.4) - 0.055)
    return np.asarray(color @ [0.299, 0.587, 0.114] if color.shape[-1] == 3 else color[..., 0])


def half_step(kind: Kind, color: Array) -> Array:
    if kind.depth not in FLOATS:
        return np.full_like(color, 0.5 / kind.levels)
    return np.asarray(np.spacing(np.abs(pack(kind, color))), float) / 2


def check(kind: Kind, target: Path, result: Path) -> None:
    """Compare a result with its target: alpha bit for bit, gray within half a step of the samples."""
    color, alpha = opened(kind, target)
    scale = np.maximum(straight(kind, color, alpha).max(axis=-1), 1)
    wanted = gray_of(kind, color, alpha, scale)
    got, got_alpha = opened(kind, result)
    assert got.shape[-1] == 3
    seen = np.ones(wanted.shape, bool)
    if alpha is not None:
        np.testing.assert_array_equal(got_alpha, alpha)
        if kind.extension == "webp":  # where nothing is seen it has no color
            seen = alpha > 0
    step = half_step(kind, got)
    low, gray, high = (gray_of(kind, got + sign * step, alpha, scale) for sign in (-1, 0, 1))
    assert ((low - wanted)[seen] <= SLACK).all(), float((low - wanted)[seen].max())
    assert ((wanted - high)[seen] <= SLACK).all(), float((wanted - high)[seen].max())
    whole = not (kind.depth in FLOATS or kind.linear or kind.alpha == "premultiplied")
    if whole and (color == color[..., :1]).all():
        # desaturated and rounded again, the result is the target: bit for bit
        np.testing.assert_array_equal(np.rint(gray * kind.levels)[seen], np.rint(wanted * kind.levels)[seen])


def colors(gray: Array, seed: int = 3) -> Array:
    """The color of some source, far outside sRGB in places."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-110, 110, (*gray.shape, 2)).astype(np.float32)


def colored(picture: Picture) -> Array:
    return luma_exact(picture.gray, colors(picture.gray))


@pytest.mark.parametrize("tinted", [False, True])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_gray_of_a_result_is_the_gray_of_its_target(tmp_path: Path, kind: Kind, tinted: bool) -> None:
    target, result = tmp_path / f"a.{kind.extension}", tmp_path / f"b.{kind.extension}"
    picture = read(keep(target, kind, hard_samples(kind, tinted=tinted)))
    write(result, colored(picture), like=picture)
    check(kind, target, result)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_our_own_reading_of_a_result_gives_that_gray(tmp_path: Path, kind: Kind) -> None:
    target, result = tmp_path / f"a.{kind.extension}", tmp_path / f"b.{kind.extension}"
    picture = read(keep(target, kind, hard_samples(kind)))
    write(result, colored(picture), like=picture)
    color, alpha = opened(kind, result)
    again = read(result)
    scale = np.maximum(straight(kind, color, alpha).max(axis=-1), 1)
    np.testing.assert_allclose(again.gray, gray_of(kind, color, alpha, scale), rtol=0, atol=SLACK)


def every_sample(kind: Kind) -> Array:
    """Every gray that a kind can store, or many of them; with alpha, every pair of 8-bit codes."""
    rng = np.random.default_rng(5)
    if kind.depth == "half":
        gray = np.resize(np.arange(0x7C00, dtype=np.uint16).view(np.float16), (128, 248))
    elif kind.depth == "float":
        gray = (2.0 ** rng.uniform(-60, 20, (128, 128))).astype(np.float32)
    else:
        gray = pack(kind, np.resize(np.arange(kind.levels + 1) / kind.levels, (256, 256)))
    if not kind.alpha:
        return gray[..., None]
    alpha = gray.T.copy() if kind.depth == "uint8" else pack(kind, rng.random(gray.shape))
    return np.stack([gray, alpha], axis=-1)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_gray_written_as_it_is_comes_back_bit_for_bit(tmp_path: Path, kind: Kind) -> None:
    samples = planes(kind, every_sample(kind))
    picture = read(keep(tmp_path / f"a.{kind.extension}", kind, samples))
    write(tmp_path / f"b.{kind.extension}", np.repeat(picture.gray[..., None], 3, axis=-1), like=picture)
    stored, _ = load(tmp_path / f"a.{kind.extension}")
    result, _ = load(tmp_path / f"b.{kind.extension}")
    assert result.dtype == stored.dtype
    if kind.alpha:
        np.testing.assert_array_equal(result[..., 3], stored[..., -1])
        if kind.extension == "webp":
            result, stored = result[stored[..., -1] > 0], stored[stored[..., -1] > 0]
    wanted = np.broadcast_to(stored[..., :1], result[..., :3].shape)
    if kind.depth == "float":
        # float32 has 24 bits: one may be lost, two by way of straight color, three by sRGB's curve and back
        rtol = 8e-7 if kind.linear else 2.5e-7 if kind.alpha == "premultiplied" else 1.3e-7
        np.testing.assert_allclose(result[..., :3], wanted, rtol=rtol)
    else:
        np.testing.assert_array_equal(result[..., :3], wanted)


def test_jpeg_keeps_gray_to_a_few_steps(tmp_path: Path) -> None:
    y, x = np.mgrid[:64, :64]
    gray = (128 + 100 * np.sin(x / 9) * np.cos(y / 11)).astype(np.uint8)
    picture = read(store(tmp_path / "a.jpg", gray[..., None]))
    write(tmp_path / "b.jpg", colored(picture), like=picture)
    off = np.abs(read(tmp_path / "b.jpg").gray - picture.gray) * 255
    assert off.max() < 6
    assert off.mean() < 1


# ----------------------------------------------------------- the comparator bites


def in_steps(rgb: Array, steps: int) -> Array:
    return np.rint(rgb * steps) / np.float32(steps)


def misread(picture: Picture, **storage: Any) -> Picture:
    return replace(picture, storage=replace(picture.storage, **storage))


EXR = Kind("exr", "half", "premultiplied", linear=True)
SPOILT = [
    *[
        (kind, "8 bits on the way", lambda rgb, picture: (in_steps(rgb, 255), picture))
        for kind in KINDS
        if kind.depth != "uint8"
    ],
    (
        Kind("exr", "float", linear=True),
        "16 bits on the way",
        lambda rgb, picture: (in_steps(rgb, 65535), picture),
    ),
    (Kind("exr", "float", linear=True), "half", lambda rgb, picture: (rgb.astype(np.float16), picture)),
    (Kind("png", "uint8"), "a step darker", lambda rgb, picture: (rgb - np.float32(1 / 255), picture)),
    (Kind("png", "uint8"), "CIELAB's L", lambda rgb, picture: (plain_lab(picture.gray, rgb), picture)),
    (EXR, "display-encoded", lambda rgb, picture: (rgb, misread(picture, linear=False))),
    (EXR, "not premultiplied", lambda rgb, picture: (rgb, misread(picture, associated=False))),
    (EXR, "no highlights", lambda rgb, picture: (rgb, replace(picture, scale=None))),
    (
        EXR,
        "alpha in 8 bits",
        lambda rgb, picture: (rgb, replace(picture, alpha=in_steps(picture.alpha, 255))),
    ),
]


@pytest.mark.parametrize(("kind", "fault", "spoil"), SPOILT, ids=lambda v: "" if callable(v) else str(v))
def test_a_fault_on_the_way_is_seen(tmp_path: Path, kind: Kind, fault: str, spoil: Any) -> None:
    target, result = tmp_path / f"a.{kind.extension}", tmp_path / f"b.{kind.extension}"
    picture = read(keep(target, kind, hard_samples(kind)))
    rgb, like = spoil(colored(picture), picture)
    write(result, rgb, like=like)
    with pytest.raises(AssertionError):
        check(kind, target, result)


# ------------------------------------------------------------- files of other makes


def neutral(path: Path, out: Path) -> Picture:
    """Read a file and write its gray like it."""
    picture = read(path)
    write(out, np.repeat(picture.gray[..., None], 3, axis=-1), like=picture)
    return picture


def test_color_as_thin_as_its_alpha_is_kept(tmp_path: Path) -> None:
    thin = np.geomspace(1e-37, 1, 30, dtype=np.float32)
    samples = np.stack([thin / 3, thin], axis=-1)[None]
    picture = neutral(store(tmp_path / "a.exr", samples), tmp_path / "b.exr")
    np.testing.assert_allclose(picture.gray, picture.gray[0, 0], rtol=1e-6)
    result, _ = load(tmp_path / "b.exr")
    np.testing.assert_array_equal(result[..., 3], samples[..., 1])
    np.testing.assert_allclose(result[..., 0], samples[..., 0], rtol=1e-6)


@pytest.mark.parametrize("light", [1, 1000, np.finfo(np.float32).max])
def test_straight_color_beyond_float32_ends_there(tmp_path: Path, light: float) -> None:
    samples = np.float32([[[light, 1e-45], [light, 1e-40], [light, 0.5], [light, 0]]])
    picture = neutral(store(tmp_path / "a.exr", samples), tmp_path / "b.exr")
    assert np.isfinite(picture.rgb).all()
    result, _ = load(tmp_path / "b.exr")
    assert np.isfinite(result).all()
    np.testing.assert_array_equal(result[..., 3], samples[..., 1])
    np.testing.assert_allclose(result[0, 3, 0], light)


@pytest.mark.parametrize("compression", ["none", "rle"])
def test_a_premultiplied_tga_stays_one(tmp_path: Path, compression: str) -> None:
    kind = Kind("tga", "uint8", "premultiplied", tags=(("compression", compression),))
    samples = np.array([[[100, 50, 25, 128], [9, 8, 7, 0], [255, 0, 3, 4]]], np.uint8)
    picture = read(keep(tmp_path / "a.tga", kind, samples))
    np.testing.assert_allclose(picture.rgb[0, 0] * 128, samples[0, 0, :3], rtol=1e-6)
    write(tmp_path / "b.tga", picture.rgb, like=picture)
    result, spec = load(tmp_path / "b.tga")
    np.testing.assert_array_equal(result, samples)
    assert spec.getattribute("targa:alpha_type") == 4
    # PNG knows straight alpha only
    write(tmp_path / "c.png", picture.rgb, like=picture)
    np.testing.assert_array_equal(load(tmp_path / "c.png")[0][0, 0], [199, 100, 50, 128])


def test_half_tiff_comes_back_as_float(tmp_path: Path) -> None:
    samples = np.array([[[6e-8], [1e-3], [0.5], [30]]], np.float16)
    neutral(store(tmp_path / "a.tif", samples, **{"tiff:half": 1}), tmp_path / "b.tif")
    result, _ = load(tmp_path / "b.tif")
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result.astype(np.float16), np.repeat(samples, 3, axis=-1))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_where_zero_is_white(tmp_path: Path, dtype: Any) -> None:
    samples = np.arange(0, 256, 5, dtype=dtype).reshape(4, 13)
    path = store(tmp_path / "a.tif", samples[..., None], compression="none")
    data = path.read_bytes()
    tag = struct.pack("<HHI", 262, 3, 1)
    assert data.count(tag + b"\1\0") == 1
    path.write_bytes(data.replace(tag + b"\1\0", tag + b"\0\0"))
    neutral(path, tmp_path / "b.tif")
    np.testing.assert_array_equal(load(tmp_path / "b.tif")[0][..., 1], np.iinfo(dtype).max - samples)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("palette", [False, True])
def test_png_of_few_bits(tmp_path: Path, bits: int, palette: bool) -> None:
    levels = 2**bits - 1
    packed = bytes(np.random.default_rng(1).integers(0, 256, 8, np.uint8))
    codes = np.unpackbits(np.frombuffer(packed, np.uint8)).reshape(-1, bits) @ (1 << np.arange(bits)[::-1])
    grays = np.arange(levels + 1) * (255 // levels)
    chunks = [(b"IDAT", zlib.compress(b"\0" + packed))]
    if palette:
        grays = grays[::-1] // 3
        chunks.insert(0, (b"PLTE", np.repeat(grays, 3).astype(np.uint8).tobytes()))
    header = struct.pack(">IIBBBBB", len(codes), 1, bits, 3 if palette else 0, 0, 0, 0)
    (tmp_path / "a.png").write_bytes(png(header, *chunks))
    assert neutral(tmp_path / "a.png", tmp_path / "b.png").is_gray
    np.testing.assert_array_equal(load(tmp_path / "b.png")[0], np.repeat(grays[codes], 3).reshape(1, -1, 3))


def test_png_with_one_transparent_gray(tmp_path: Path) -> None:
    codes = np.array([5, 1000, 65535], ">u2")
    header = struct.pack(">IIBBBBB", 3, 1, 16, 0, 0, 0, 0)
    chunks = (b"tRNS", codes[1:2].tobytes()), (b"IDAT", zlib.compress(b"\0" + codes.tobytes()))
    (tmp_path / "a.png").write_bytes(png(header, *chunks))
    neutral(tmp_path / "a.png", tmp_path / "b.png")
    wanted = [[5, 5, 5, 65535], [1000, 1000, 1000, 0], [65535] * 4]
    np.testing.assert_array_equal(load(tmp_path / "b.png")[0], [wanted])


@pytest.mark.parametrize(
    ("names", "gray"),
    [
        (("A", "Y", "albedo.R", "albedo.G", "albedo.B"), "Y"),  # the picture itself before a named layer
        (("beauty.A", "beauty.Y", "motion.X"), "beauty.Y"),
        (("N.X", "N.Y", "N.Z", "a.R", "a.G", "a.B"), "a.G"),  # a direction is no gray
        (("BY", "RY", "Y"), "Y"),
    ],
)
def test_gray_exr_with_other_layers(tmp_path: Path, names: tuple[str, ...], gray: str) -> None:
    samples = np.broadcast_to(np.linspace(0.2, 0.8, len(names)).astype(np.float16), (2, 3, len(names))).copy()
    wanted = [samples[0, 0, names.index(name)] for name in ([gray] * 3 if gray[-1] == "Y" else names[-3:])]
    picture = read(store(tmp_path / "a.exr", samples, names=names, alpha_channel=-1))
    write(tmp_path / "b.exr", picture.rgb, like=picture)
    result, _ = load(tmp_path / "b.exr")
    np.testing.assert_array_equal(result[0, 0, :3], wanted)
    assert (result.shape[-1] == 4) == any(name.endswith("A") for name in names)


def test_the_primaries_of_exr_are_kept(tmp_path: Path) -> None:
    ap1 = (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767)
    spec = oiio.ImageSpec(2, 2, 3, "half")
    spec.attribute("chromaticities", oiio.TypeDesc("float[8]"), ap1)
    spec.attribute("whiteLuminance", 203.0)
    output = oiio.ImageOutput.create("openexr")
    assert output.open(str(tmp_path / "a.exr"), spec)
    assert output.write_image(np.full((2, 2, 3), 0.5, np.float16))
    assert output.close()
    neutral(tmp_path / "a.exr", tmp_path / "b.exr")
    _, spec = load(tmp_path / "b.exr")
    assert spec.getattribute("chromaticities") == pytest.approx(ap1)
    assert spec.getattribute("whiteLuminance") == 203


def test_what_a_studio_puts_into_exr_stays(tmp_path: Path) -> None:
    """Rate, timecode, names and matrices of its own; not what describes the file itself."""
    spec = oiio.ImageSpec(48, 40, 3, "half")
    words = {"shotName": "sh010", "studio:take": "7", "Artist": "me", "ImageDescription": "a cut"}
    for name, text in words.items():
        spec.attribute(name, text)
    spec.attribute("framesPerSecond", 24.0)
    spec.attribute("huge", "x" * (1 << 17))
    matrix = tuple(float(i) for i in range(16))
    spec.attribute("worldToCamera", "matrix", matrix)
    spec.attribute("smpte:TimeCode", oiio.TypeDesc("timecode"), (17, 2))
    path, result = tmp_path / "in.exr", tmp_path / "out.exr"
    output = oiio.ImageOutput.create("in.exr")
    output.open(str(path), spec)
    output.write_image(np.full((40, 48, 3), 0.3, np.float32))
    output.close()
    picture = read(path)
    write(result, picture.rgb, like=picture)
    write(tmp_path / "out.png", picture.rgb, like=picture)
    found = oiio.ImageInput.open(str(result)).spec()
    wanted = words | {"framesPerSecond": 24.0, "worldToCamera": matrix, "smpte:TimeCode": (17, 2)}
    assert {name: found.getattribute(name) for name in wanted} == wanted
    assert found.getattribute("huge") is None
    png = oiio.ImageInput.open(str(tmp_path / "out.png")).spec()
    assert (png.getattribute("Artist"), png.getattribute("shotName")) == ("me", None)


def test_text_that_is_no_utf8_is_left_out(tmp_path: Path) -> None:
    samples = np.full((4, 5, 1), 90, np.uint8)
    data = store(tmp_path / "a.png", samples).read_bytes()
    body = b"tEXtAuthor\0Andr\xe9"
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "a.png").write_bytes(data[:33] + chunk + data[33:])
    neutral(tmp_path / "a.png", tmp_path / "b.png")
    np.testing.assert_array_equal(read(tmp_path / "b.png").gray, read(tmp_path / "a.png").gray)
