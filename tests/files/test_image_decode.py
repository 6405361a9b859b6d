"""Reading pictures: channels and palettes, names, damaged and hostile files."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pictures import (
    assert_refused,
    assert_stored_alike,
    load,
    names_in,
    noise,
    png,
    store,
    there_and_back,
)

from refcolor.files.images import read, write, write_picture

QUICK = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize(
    ("names", "color", "alpha"),
    [
        (("Z", "R", "G", "B", "A"), "RGB", "A"),
        (("a.R", "a.G", "a.B", "a.A", "id.R"), ("a.R", "a.G", "a.B"), "a.A"),
        (("diffuse.R", "diffuse.G", "diffuse.B", "R", "G", "B"), "RGB", None),
        (("Y", "Z"), "Y", None),
        (("u", "v", "w"), ("u", "v", "w"), None),
        (("mask",), ("mask",), None),
    ],
)  # fmt: skip
def test_exr_channels_by_name(
    tmp_path: Path, names: tuple[str, ...], color: tuple[str, ...], alpha: str | None
) -> None:
    samples = np.broadcast_to(np.linspace(0.1, 0.9, len(names), dtype=np.float32), (2, 2, len(names))).copy()
    picture = read(store(tmp_path / "a.exr", samples, names=names, alpha_channel=-1))
    value = dict(zip(names, samples[0, 0], strict=True))
    assert (picture.alpha is None) == (alpha is None)
    write(tmp_path / "b.exr", picture.rgb, like=picture)
    result, _ = load(tmp_path / "b.exr")
    wanted = [value[c] for c in color] * (3 if len(color) == 1 else 1)
    np.testing.assert_allclose(result[0, 0, :3], wanted, rtol=1e-6)
    if alpha:
        assert result[0, 0, 3] == value[alpha]


def test_two_unknown_channels(tmp_path: Path) -> None:
    path = store(tmp_path / "a.exr", noise(2, "half"), names=("u", "v"), alpha_channel=-1)
    assert_refused(path, ValueError, "2 channels, 'u' and 'v'")


def test_gray_and_alpha_tga(tmp_path: Path) -> None:
    samples = noise(2)
    picture = read(store(tmp_path / "a.tga", samples))
    np.testing.assert_array_equal(np.rint(picture.rgb[..., 1] * 255), samples[..., 0])
    assert picture.alpha is not None
    np.testing.assert_array_equal(np.rint(picture.alpha * 255), samples[..., 1])


@pytest.mark.parametrize("extension", ["tif", "exr"])
def test_first_picture_of_several(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a.{extension}"
    parts = [noise(3, "half" if extension == "exr" else "uint8", seed=seed) for seed in (1, 2)]
    spec = oiio.ImageSpec(7, 5, 3, "half" if extension == "exr" else "uint8")
    spec.attribute("oiio:ColorSpace", "sRGB")
    second = spec.copy()
    spec.attribute("oiio:subimagename", "one")
    second.attribute("oiio:subimagename", "two")
    output = oiio.ImageOutput.create(str(path))
    if extension == "exr":
        assert output.open(str(path), (spec, second)), output.geterror()
    else:
        assert output.open(str(path), spec)
    assert output.write_image(parts[0])
    assert output.open(str(path), second, "AppendSubimage"), output.geterror()
    assert output.write_image(parts[1])
    assert output.close()
    there_and_back(path, tmp_path / f"b.{extension}")
    assert_stored_alike(load(tmp_path / f"b.{extension}")[0], parts[0])


def test_gif_is_read_and_not_written(tmp_path: Path) -> None:
    picture = read(store(tmp_path / "a.gif", np.full((4, 4, 3), [255, 0, 0], np.uint8)))
    np.testing.assert_allclose(picture.rgb, np.broadcast_to([1, 0, 0], (4, 4, 3)))
    write(tmp_path / "b.png", picture.rgb, like=picture)
    assert (load(tmp_path / "b.png")[0][..., :3] == [255, 0, 0]).all()
    with pytest.raises(ValueError, match=r"\.gif"):
        write(tmp_path / "b.gif", picture.rgb, like=picture)


@pytest.mark.parametrize("transparent", [False, True])
def test_palette_png_is_expanded(tmp_path: Path, transparent: bool) -> None:
    palette = np.array([[10, 20, 30], [200, 100, 50]], np.uint8)
    extra = [(b"tRNS", b"\x80\xff")] if transparent else []
    rows = b"\x00\x00\x01" * 2  # filter byte, then the indices 0 and 1
    path = tmp_path / "a.png"
    path.write_bytes(
        png(
            struct.pack(">IIBBBBB", 2, 2, 8, 3, 0, 0, 0),
            (b"PLTE", palette.tobytes()), *extra, (b"IDAT", zlib.compress(rows)),
        )
    )  # fmt: skip
    there_and_back(path, tmp_path / "b.png")
    result, _ = load(tmp_path / "b.png")
    np.testing.assert_array_equal(result[..., :3], [palette, palette])
    assert result.shape[-1] == 3 + transparent
    if transparent:
        np.testing.assert_array_equal(result[..., 3], [[128, 255]] * 2)


def test_one_bit_tiff(tmp_path: Path) -> None:
    samples = (noise(1) > 127) * np.uint8(255)
    picture = read(store(tmp_path / "a.tif", samples, **{"oiio:BitsPerSample": 1}))
    np.testing.assert_array_equal(picture.gray * 255, samples[..., 0])


def test_missing_folder_empty_text(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("this is not a picture\n" * 20)
    assert_refused(tmp_path / "no.png", FileNotFoundError, "no file")
    assert_refused(tmp_path, IsADirectoryError, "folder")
    assert_refused(tmp_path / "empty.png", ValueError, "empty")
    assert_refused(tmp_path / "text.png", ValueError, "not a picture")
    assert_refused(tmp_path / "empty.png" / "x.png", NotADirectoryError, "cannot be opened")
    assert_refused(tmp_path / ("x" * 300), OSError, "too long")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_unreadable(tmp_path: Path) -> None:
    path = store(tmp_path / "a.png", noise(3))
    path.chmod(0)
    assert_refused(path, PermissionError, "may not be read")


def test_unreadable_played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    path = store(tmp_path / "a.png", noise(3))
    monkeypatch.setattr(os, "open", refuse)
    assert_refused(path, PermissionError, "may not be read")


def test_pipes_and_devices_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    assert_refused(tmp_path / "pipe.png", ValueError, "pipe or a device")
    assert_refused(tmp_path / "zero.png", ValueError, "pipe or a device")


@pytest.mark.parametrize(
    "name",
    ["a b.png", "a\nb.png", "é漢.png", "-x.png", "n.%04d.png", "a#b.png", "a####.png", "n?x=1.tif", "a@@.png",
     "[a].png", "a*.png", "a%20b.png", "noext", "x.txt", "y.png.",
     os.fsdecode(b"\xff.png")],
)  # fmt: skip
def test_names_are_taken_literally(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(store(tmp_path / "plain.png", noise(3)).read_bytes())
    np.testing.assert_array_equal(read(tmp_path / name).rgb, read(tmp_path / "plain.png").rgb)


@pytest.mark.parametrize("name", ["n.%04d.png", "a#b.png", "a\nb.png", "n?x=1.png", "-x.png", "é.PNG"])
def test_written_names_are_taken_literally(tmp_path: Path, name: str) -> None:
    write_picture(tmp_path / name, np.zeros((2, 2)))
    assert names_in(tmp_path) == [name]


@pytest.mark.parametrize("kind", ["png", "tif", "exr", "tga", "dpx", "jpg", "webp", "bmp"])
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.exr", "a.null"])
def test_format_is_taken_from_the_content(tmp_path: Path, kind: str, name: str) -> None:
    path = store(tmp_path / f"true.{kind}", noise(3, "half" if kind == "exr" else "uint8"))
    wanted = read(path).rgb
    path.rename(tmp_path / name)
    np.testing.assert_array_equal(read(tmp_path / name).rgb, wanted)


TRUNCATED = [
    ("png", {}),
    ("tif", {}),
    ("tif", {"compression": "none"}),
    ("exr", {}),
    ("exr", {"compression": "none"}),
    ("tga", {}),
    ("tga", {"compression": "rle"}),
    ("dpx", {}),
    ("jpg", {}),
    ("jpg", {"jpeg:progressive": 1}),
    ("webp", {}),
    ("bmp", {}),
    ("gif", {}),
]


@pytest.mark.parametrize(("kind", "attributes"), TRUNCATED)
def test_truncated_anywhere(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], kind: str, attributes: Any
) -> None:
    path = store(tmp_path / f"a.{kind}", noise(3, "half" if kind == "exr" else "uint8", 40, 24), **attributes)
    whole, wanted = path.read_bytes(), read(path).rgb
    cut = tmp_path / f"cut.{kind}"

    @QUICK
    @given(st.integers(0, len(whole) - 1))
    def check(size: int) -> None:
        cut.write_bytes(whole[:size])
        try:
            got = read(cut).rgb
        except ValueError as error:
            assert "\n" not in str(error)  # noqa: PT017
        else:
            np.testing.assert_array_equal(got, wanted)

    check()
    for part in (0.5, 0.8):  # half a picture is always an error
        cut.write_bytes(whole[: int(len(whole) * part)])
        assert_refused(cut, ValueError, r"cut short|damaged")
    assert capfd.readouterr() == ("", "")  # nothing printed by the C libraries


@QUICK
@given(data=st.binary(max_size=400), kind=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", bytes(18), b"GIF89a"]))
def test_junk_never_crashes(tmp_path: Path, data: bytes, kind: bytes) -> None:
    path = tmp_path / "junk.png"
    path.write_bytes(kind + data)
    try:
        read(path, max_pixels=10_000)
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017


def test_damaged_png_is_refused(tmp_path: Path) -> None:
    path = store(tmp_path / "a.png", noise(3, height=40, width=40))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert_refused(path, ValueError, "damaged")


def spoiled(path: Path, kind: str, seed: int) -> bytes:
    """A file with a few wrong bytes; in PNG the checksums are right, so that libpng sees them."""
    rng = np.random.default_rng(seed)
    data = bytearray(path.read_bytes())
    for at in rng.integers(8, len(data), 3):
        data[at] ^= 1 << rng.integers(8)
    at = 8
    while kind == "png" and at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            break
        data[end : end + 4] = struct.pack(">I", zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return bytes(data)


@pytest.mark.parametrize("kind", ["png", "tif", "jpg", "exr"])
def test_damage_is_one_line_and_libraries_print_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], kind: str
) -> None:
    path = store(tmp_path / f"a.{kind}", noise(3, "half" if kind == "exr" else "uint8", 40, 24))
    bad, refused = tmp_path / f"bad.{kind}", 0
    for seed in range(60):
        bad.write_bytes(spoiled(path, kind, seed))
        try:
            read(bad)
        except ValueError as error:
            refused += 1
            assert "\n" not in str(error)  # noqa: PT017
    assert refused > 0
    assert capfd.readouterr() == ("", "")


def test_lines_of_libpng_are_held_back(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pixels = zlib.compress(b"\0\1\2" * 2)
    header = struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0)
    (tmp_path / "a.png").write_bytes(png(header, (b"IDAT", pixels[:-1] + b"x")))
    with pytest.raises(AssertionError):
        load(tmp_path / "a.png")
    assert "libpng error" in capfd.readouterr().err
    assert_refused(tmp_path / "a.png", ValueError, "damaged or cut short: PNG read error: IDAT")
    assert capfd.readouterr().err == ""


def test_infinite_values_are_counted(tmp_path: Path) -> None:
    samples = noise(3, "float")
    samples[2, 4, 1] = np.nan
    samples[3, 1] = np.inf
    assert_refused(store(tmp_path / "a.exr", samples), ValueError, "2 pixels .* first at x=4, y=2")


def test_max_pixels_comes_from_the_header(tmp_path: Path) -> None:
    path = store(tmp_path / "a.png", noise(3, height=10, width=10))
    assert read(path, max_pixels=100).rgb.shape == (10, 10, 3)
    assert_refused(path, ValueError, "10 x 10 = 100 pixels, more than 99; make it smaller", max_pixels=99)


def bomb(kind: str, side: int) -> bytes:
    """A tiny file that claims side x side pixels."""
    if kind == "png":
        return png(struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0), (b"IDAT", zlib.compress(b"")))
    if kind == "gif":
        frame = b",\0\0\0\0" + struct.pack("<HH", side, side) + b"\0\2\0;"
        return b"GIF89a" + struct.pack("<HHBBB", side, side, 0, 0, 0) + frame
    if kind == "bmp":
        return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0)
    if kind == "tga":
        return struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, side, side, 24, 0) + bytes(100)
    size = struct.pack(">HHB", side, side, 3)
    return b"\xff\xd8\xff\xc0\x00\x11\x08" + size + b"\1\x11\0\2\x11\0\3\x11\0" + b"\xff\xd9"


def test_bombs_are_defused(tmp_path: Path) -> None:
    # OpenImageIO itself finds some of them absurd; the others are found too large
    bombs = [(kind, side) for kind in ("png", "gif", "bmp", "tga", "jpg") for side in (12000, 50000)]
    paths = [tmp_path / f"{side}.{kind}" for kind, side in bombs]
    for path, (kind, side) in zip(paths, bombs, strict=True):
        path.write_bytes(bomb(kind, side))
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))\n"
        "from refcolor.files.images import read\n"
        "for path in sys.argv[1:]:\n"
        "    try: read(path)\n"
        "    except ValueError as error: print(error)"
    )
    # a process of its own, where 2.5 thousand million pixels cannot be allocated
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *paths], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(paths)
    for line, (kind, side) in zip(lines, bombs, strict=True):
        too_large = f"{side} x {side} = {side * side} pixels, more than 100000000"
        assert too_large in line or "header is damaged" in line
        if kind == "gif" or (kind in ("png", "bmp") and side == 12000):
            assert too_large in line


def test_cmyk_tiff_and_jpeg(tmp_path: Path) -> None:
    attributes = {"tiff:ColorSpace": "CMYK", "tiff:PhotometricInterpretation": 5, "alpha_channel": -1}
    assert_refused(
        store(tmp_path / "a.tif", noise(4), names=("C", "M", "Y", "K"), **attributes), ValueError, "CMYK"
    )

    def segment(kind: int, body: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, kind, len(body) + 2) + body

    # 8 x 8 pixels of four flat channels: quantizer, frame, a DC and an AC table of one code, one byte of data
    table = bytes([1] + [0] * 15) + b"\0"
    (tmp_path / "a.jpg").write_bytes(
        b"\xff\xd8"
        + segment(0xDB, b"\0" + bytes([1] * 64))
        + segment(
            0xC0, struct.pack(">BHHB", 8, 8, 8, 4) + b"".join(bytes([c, 0x11, 0]) for c in (1, 2, 3, 4))
        )
        + segment(0xC4, b"\x00" + table)
        + segment(0xC4, b"\x10" + table)
        + segment(0xDA, b"\4\1\0\2\0\3\0\4\0\0\x3f\0")
        + b"\0\xff\xd9"
    )
    assert_refused(tmp_path / "a.jpg", ValueError, "CMYK")


@pytest.mark.parametrize("dtype", [np.int16, np.float64])
def test_other_sample_types(tmp_path: Path, dtype: Any) -> None:
    path = tmp_path / "a.tif"
    spec = oiio.ImageSpec(2, 2, 3, {np.int16: "int16", np.float64: "double"}[dtype])
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec)
    assert output.write_image(np.ones((2, 2, 3), dtype))
    assert output.close()
    assert_refused(path, ValueError, "samples of type")


def test_deep_exr(tmp_path: Path) -> None:
    path = tmp_path / "a.exr"
    spec = oiio.ImageSpec(2, 2, 5, "half")
    spec.channelnames = ("R", "G", "B", "A", "Z")
    spec.channelformats = (oiio.HALF,) * 4 + (oiio.FLOAT,)
    spec.deep = True
    deep = oiio.DeepData()
    deep.init(4, 5, (oiio.HALF,) * 4 + (oiio.FLOAT,), spec.channelnames)
    for pixel in range(4):
        deep.set_samples(pixel, 1)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec), output.geterror()
    assert output.write_deep_image(deep), output.geterror()
    assert output.close()
    assert_refused(path, ValueError, "deep")


def test_format_that_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "a.ppm").write_bytes(b"P6 1 1 255\nabc")
    assert_refused(tmp_path / "a.ppm", ValueError, "a pnm file; save it as PNG")
