"""Picture files: exact round trips, and one clear line for everything that is wrong."""

from __future__ import annotations

import gc
import os
import struct
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pictures import load, png, store

from refcolor.files import image_encode, images
from refcolor.files.image_storage import format_of
from refcolor.files.images import Picture, read, write, write_picture

Array = NDArray[Any]
QUICK = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])

# extension, sample type, settings of the writer: everything that is stored exactly
EXACT = [
    ("png", "uint8", {}),
    ("png", "uint16", {}),
    ("tif", "uint8", {"compression": "lzw"}),
    ("tif", "uint16", {"compression": "none"}),
    ("tif", "uint16", {"oiio:BitsPerSample": 10}),
    ("tif", "float", {}),
    ("exr", "half", {"compression": "piz"}),
    ("exr", "float", {"compression": "zips"}),
    ("exr", "half", {"oiio:ColorSpace": "srgb_rec709_scene"}),
    ("tga", "uint8", {}),
    ("tga", "uint8", {"compression": "rle"}),
    ("dpx", "uint8", {}),
    ("dpx", "uint16", {"oiio:BitsPerSample": 10}),
    ("dpx", "uint16", {"oiio:BitsPerSample": 12}),
    ("dpx", "uint16", {}),
    ("dpx", "float", {}),
    ("dpx", "uint16", {"oiio:ColorSpace": "KodakLog"}),
    ("dpx", "uint16", {"oiio:ColorSpace": "lin_rec709_scene"}),
    ("png", "uint16", {"oiio:ColorSpace": "lin_rec709_scene"}),
    ("webp", "uint8", {"compression": "lossless"}),
    ("bmp", "uint8", {}),
]


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


# ---------------------------------------------------------------- round trips


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(("extension", "depth", "attributes"), EXACT)
def test_round_trip(
    tmp_path: Path, extension: str, depth: str, attributes: dict[str, Any], channels: int
) -> None:
    if (extension, channels) in {("webp", 1), ("webp", 2), ("bmp", 2), ("dpx", 2)}:
        pytest.skip("not in this format")
    samples = noise(channels, depth)
    if channels in (2, 4) and extension != "webp":
        samples[0, 0, -1] = 0  # color under alpha 0 stays, but in WebP
    path = store(tmp_path / f"a.{extension}", samples, **attributes)
    stored, spec = load(path)
    picture = there_and_back(path, tmp_path / f"b.{extension}")

    assert picture.rgb.dtype == np.float32
    assert picture.rgb.shape == (5, 7, 3)
    assert picture.rgb.min() >= 0
    assert picture.rgb.max() <= 1
    assert (picture.alpha is None) == (channels in (1, 3))

    result, result_spec = load(tmp_path / f"b.{extension}")
    color, alpha = (stored[..., :-1], stored[..., -1:]) if channels in (2, 4) else (stored, None)
    assert_stored_alike(result[..., :3], np.repeat(color, 3, axis=-1) if channels < 3 else color)
    if alpha is None:
        assert result.shape[-1] == 3
    else:
        np.testing.assert_array_equal(result[..., 3:], alpha)
    for tag in ("oiio:BitsPerSample", "oiio:ColorSpace", "compression", "dpx:Transfer"):
        if tag == "compression" and extension == "tga" and channels < 3:
            continue  # OpenImageIO leaves gray TGA files uncompressed
        if tag != "oiio:BitsPerSample" or depth == "uint16":
            assert result_spec.getattribute(tag) == spec.getattribute(tag), tag


def test_jpeg_stays_close_and_keeps_full_chroma(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 32).astype(np.uint8)
    samples = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None], np.uint8(90)), axis=-1)
    there_and_back(store(tmp_path / "a.png", samples), tmp_path / "b.jpg")
    result, spec = load(tmp_path / "b.jpg")
    assert np.abs(result.astype(int) - samples).mean() < 1
    assert spec.getattribute("jpeg:subsampling") == "4:4:4"


def test_jpeg_input_with_jpeg_output(tmp_path: Path) -> None:
    path = store(tmp_path / "a.jpg", np.full((16, 16, 1), 77, np.uint8))
    picture = there_and_back(path, tmp_path / "b.jpg")
    assert picture.is_gray
    assert np.abs(load(tmp_path / "b.jpg")[0].astype(int) - 77).max() <= 1


def test_webp_forgets_only_invisible_color(tmp_path: Path) -> None:
    samples = noise(4)
    samples[0, :, 3] = 0
    there_and_back(store(tmp_path / "a.png", samples), tmp_path / "b.webp")
    result, _ = load(tmp_path / "b.webp")
    np.testing.assert_array_equal(result[1:], samples[1:])
    np.testing.assert_array_equal(result[..., 3], samples[..., 3])


@QUICK
@given(
    data=st.data(),
    size=st.tuples(st.integers(1, 12), st.integers(1, 12), st.sampled_from([1, 2, 3, 4])),
    where=st.sampled_from([("png", np.uint8), ("png", np.uint16), ("tif", np.uint8), ("tif", np.uint16)]),
)
def test_round_trip_of_any_small_picture(
    tmp_path: Path, data: st.DataObject, size: tuple[int, int, int], where: tuple[str, Any]
) -> None:
    extension, dtype = where
    count = int(np.prod(size)) * np.dtype(dtype).itemsize
    samples = np.frombuffer(data.draw(st.binary(min_size=count, max_size=count)), dtype).reshape(size)
    path = store(tmp_path / f"a.{extension}", samples)
    picture = read(path)
    write(tmp_path / f"b.{extension}", picture.rgb, like=picture, force=True)
    result, _ = load(tmp_path / f"b.{extension}")
    wanted = samples if size[2] > 2 else np.concatenate([samples[..., :1]] * 2 + [samples], axis=-1)
    np.testing.assert_array_equal(result, wanted)


@pytest.mark.parametrize("depth", ["uint8", "uint16", "float"])
def test_associated_tiff(tmp_path: Path, depth: str) -> None:
    samples = noise(4, "float")
    if depth != "float":
        samples = np.rint(samples * np.iinfo(depth).max).astype(depth)
    samples[0, 0] = [9, 8, 7, 0] if depth != "float" else [0.9, 0.8, 0.7, 0]
    path = store(tmp_path / "a.tif", samples, **{"oiio:UnassociatedAlpha": 0})
    picture = there_and_back(path, tmp_path / "b.tif")
    top = 1 if depth == "float" else np.iinfo(depth).max
    pixel = samples[2, 3].astype(float) / top
    np.testing.assert_allclose(picture.rgb[2, 3], np.minimum(pixel[:3] / pixel[3], 1), atol=1e-5)
    result, spec = load(tmp_path / "b.tif")
    assert_stored_alike(result, samples)
    assert spec.getattribute("oiio:UnassociatedAlpha") is None


def test_rounds_to_nearest(tmp_path: Path) -> None:
    like = read(store(tmp_path / "a.png", noise(3)))
    write(tmp_path / "b.png", np.full(like.rgb.shape, 100.49 / 255), like=like)
    write(tmp_path / "c.png", np.full(like.rgb.shape, 100.51 / 255), like=like)
    assert set(load(tmp_path / "b.png")[0].flat) == {100}
    assert set(load(tmp_path / "c.png")[0].flat) == {101}


@pytest.mark.parametrize("extension", ["tif", "dpx"])
def test_rounds_to_nearest_in_10_bits(tmp_path: Path, extension: str) -> None:
    like = read(store(tmp_path / f"a.{extension}", noise(3, "uint16"), **{"oiio:BitsPerSample": 10}))
    write(tmp_path / f"b.{extension}", np.full(like.rgb.shape, 500.9 / 1023), like=like)
    np.testing.assert_allclose(read(tmp_path / f"b.{extension}").rgb * 1023, 501, atol=0.1)


@pytest.mark.parametrize(
    ("source", "depth", "target", "wanted"),
    [
        ("exr", "half", "png", "uint16"),
        ("exr", "float", "tif", "float"),
        ("png", "uint8", "exr", "half"),
        ("png", "uint16", "exr", "float"),
        ("png", "uint16", "tga", "uint8"),
        ("png", "uint16", "dpx", "uint16"),
        ("tif", "float", "png", "uint16"),
        ("tif", "uint8", "webp", "uint8"),
    ],
)
@pytest.mark.parametrize("channels", [1, 4])
def test_from_one_format_to_another(
    tmp_path: Path, source: str, depth: str, target: str, wanted: str, channels: int
) -> None:
    samples = noise(channels, depth)
    samples[..., -1] = samples.max() if channels == 4 else samples[..., -1]
    picture = there_and_back(store(tmp_path / f"a.{source}", samples), tmp_path / f"b.{target}")
    again = read(tmp_path / f"b.{target}")
    assert again.storage.depth == wanted
    assert again.storage.linear == (target == "exr")
    np.testing.assert_allclose(again.rgb, picture.rgb, atol=0.6 / 255 if wanted == "uint8" else 1e-3)
    if channels == 4:
        # half has fewer steps than 16 bits near 1, and 8 bits fewer still
        step = {"uint8": 1 / 255, "half": 2**-11, "uint16": 1 / 65535, "float": 0}[wanted]
        np.testing.assert_allclose(again.alpha, picture.alpha, rtol=0, atol=step / 2 + 1e-7)


def test_invisible_color_does_not_glow_in_exr(tmp_path: Path) -> None:
    samples = noise(4)
    samples[0, :, 3] = 0
    there_and_back(store(tmp_path / "a.png", samples), tmp_path / "b.exr")
    assert not load(tmp_path / "b.exr")[0][0].any()


# ------------------------------------------------------- light, highlights, windows


def test_exr_is_linear_and_png_is_not(tmp_path: Path) -> None:
    exr = read(store(tmp_path / "a.exr", np.full((2, 2, 3), 0.214041, np.float32)))
    png = read(store(tmp_path / "a.png", np.full((2, 2, 3), 51, np.uint8)))
    np.testing.assert_allclose(exr.rgb, 0.5, atol=1e-5)  # the known middle gray of sRGB
    np.testing.assert_allclose(png.rgb, 0.2, atol=1e-6)


@pytest.mark.parametrize("extension", ["exr", "tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_highlights_come_back(tmp_path: Path, extension: str, channels: int) -> None:
    samples = noise(channels, "float") * np.float32(12)
    picture = there_and_back(store(tmp_path / f"a.{extension}", samples), tmp_path / f"b.{extension}")
    assert picture.rgb.max() == 1
    assert picture.scale is not None
    result, _ = load(tmp_path / f"b.{extension}")
    np.testing.assert_allclose(result, np.broadcast_to(samples, result.shape), rtol=1e-6)


def test_colored_highlights_have_the_light_of_the_gray_target(tmp_path: Path) -> None:
    samples = np.array([[[0.25], [1.0], [4.0], [40.0]]], np.float32)
    target = read(store(tmp_path / "a.exr", samples))
    tint = target.rgb * np.float32([1, 0.9, 0.8])
    write(tmp_path / "b.exr", tint, like=target)
    result, _ = load(tmp_path / "b.exr")
    np.testing.assert_allclose(result[..., 0], samples[..., 0], rtol=1e-6)
    # one color from the shade up to the brightest light
    np.testing.assert_allclose(result[0, 2] / result[0, 1], 4, rtol=1e-5)
    np.testing.assert_allclose(result[0, 3] / result[0, 1], 40, rtol=1e-5)


def test_highlights_end_at_the_working_color_in_png(tmp_path: Path) -> None:
    target = read(store(tmp_path / "a.exr", np.full((1, 1, 3), [8, 4, 0], np.float32)))
    write(tmp_path / "b.png", target.rgb, like=target)
    np.testing.assert_allclose(read(tmp_path / "b.png").rgb, target.rgb, atol=1e-4)


def test_negative_light_is_clipped(tmp_path: Path) -> None:
    samples = np.array([[[-0.01, 0.5, 0.25]]], np.float32)
    picture = there_and_back(store(tmp_path / "a.exr", samples), tmp_path / "b.exr")
    assert picture.rgb.min() == 0
    np.testing.assert_allclose(load(tmp_path / "b.exr")[0], [[[0, 0.5, 0.25]]], rtol=1e-6)


def test_glow_survives(tmp_path: Path) -> None:
    samples = np.array([[[0.5, 0.25, 0, 0], [3, 2, 1, 0.5], [0.1, 0.1, 0.1, 1]]], np.float32)
    there_and_back(store(tmp_path / "a.exr", samples), tmp_path / "b.exr")
    np.testing.assert_allclose(load(tmp_path / "b.exr")[0], samples, rtol=1e-6)


def test_half_result_never_becomes_infinite(tmp_path: Path) -> None:
    target = read(store(tmp_path / "a.exr", np.full((1, 1, 3), 65504, np.float16)))
    write(tmp_path / "b.exr", np.ones((1, 1, 3), np.float32), like=target)
    assert load(tmp_path / "b.exr")[0].max() == 65504


def test_exr_windows_are_kept(tmp_path: Path) -> None:
    sides = {"x": -3, "y": 2, "full_x": 1, "full_y": -1, "full_width": 20, "full_height": 15}
    there_and_back(store(tmp_path / "a.exr", noise(3, "half"), **sides), tmp_path / "b.exr")
    spec = load(tmp_path / "b.exr")[1]
    assert {side: getattr(spec, side) for side in sides} == sides


def test_lossy_exr_becomes_lossless(tmp_path: Path) -> None:
    samples = noise(4, "half", 64, 64)
    path = store(tmp_path / "a.exr", samples, compression="dwaa")
    stored, _ = load(path)
    there_and_back(path, tmp_path / "b.exr")
    result, spec = load(tmp_path / "b.exr")
    assert spec.getattribute("compression") == "zip"
    np.testing.assert_array_equal(result[..., 3], stored[..., 3])


# ------------------------------------------------------------------- channels


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


# ------------------------------------------------------------------- properties


def test_gray_is_bt601_luma(tmp_path: Path) -> None:
    picture = read(store(tmp_path / "a.png", np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)))
    np.testing.assert_allclose(picture.gray, [[0.299, 0.587, 0.114]], atol=1e-6)
    assert picture.gray.dtype == np.float32


@pytest.mark.parametrize(
    ("pixel", "gray"),
    [((90, 90, 90), True), ((90, 94, 90), True), ((90, 95, 90), False), ((0, 0, 255), False)],
)
def test_is_gray(tmp_path: Path, pixel: tuple[int, ...], gray: bool) -> None:
    samples = np.full((3, 3, 3), 50, np.uint8)
    samples[1, 1] = pixel
    assert read(store(tmp_path / "a.png", samples)).is_gray is gray


def test_color_nobody_sees_does_not_count(tmp_path: Path) -> None:
    samples = np.full((1, 2, 4), 50, np.uint8)
    samples[0, 0] = (255, 0, 0, 0)
    assert read(store(tmp_path / "a.png", samples)).is_gray


def test_one_pixel(tmp_path: Path) -> None:
    assert read(store(tmp_path / "a.png", noise(3, height=1, width=1))).rgb.shape == (1, 1, 3)


# ------------------------------------------------------------------------- tags


def icc(space: bytes) -> bytes:
    """The smallest profile that libpng lets pass."""
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(79)
    head = struct.pack(">I4sI4s4s4s", 144 + len(text), b"none", 0x02400000, b"mntr", space, b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">III", 0xF6D6, 0x10000, 0xD32D) + bytes(48)
    return head + struct.pack(">I4sII", 1, b"desc", 144, len(text)) + text


def profile_of(path: Path) -> bytes | None:
    value = load(path)[1].getattribute("ICCProfile")
    return None if value is None else bytes(value)


@pytest.mark.parametrize("extension", ["png", "tif", "jpg", "webp"])
def test_icc_profile_is_kept(tmp_path: Path, extension: str) -> None:
    path = store(tmp_path / f"a.{extension}", noise(3), ICCProfile=icc(b"RGB "))
    assert profile_of(path) == icc(b"RGB ")
    there_and_back(path, tmp_path / f"b.{extension}")
    assert profile_of(tmp_path / f"b.{extension}") == icc(b"RGB ")


@pytest.mark.parametrize("extension", ["png", "tif", "jpg"])
def test_gray_profile_is_not_put_on_an_rgb_picture(tmp_path: Path, extension: str) -> None:
    path = store(tmp_path / f"a.{extension}", noise(1), ICCProfile=icc(b"GRAY"))
    assert profile_of(path) == icc(b"GRAY")
    there_and_back(path, tmp_path / f"b.{extension}")
    assert profile_of(tmp_path / f"b.{extension}") is None


@pytest.mark.parametrize("target", ["png", "tif", "jpg"])
@pytest.mark.parametrize("source", ["png", "tif", "jpg"])
def test_resolution_is_kept(tmp_path: Path, source: str, target: str) -> None:
    resolution = {"XResolution": 300.0, "YResolution": 150.0, "ResolutionUnit": "in"}
    if source != "jpg":  # OpenImageIO's other writers derive the vertical resolution from this
        resolution["PixelAspectRatio"] = 0.5
    there_and_back(store(tmp_path / f"a.{source}", noise(3), **resolution), tmp_path / f"b.{target}")
    spec = load(tmp_path / f"b.{target}")[1]
    assert spec.getattribute("XResolution") == pytest.approx(300, abs=0.1)
    assert spec.getattribute("YResolution") == pytest.approx(150, abs=0.1)
    assert spec.getattribute("ResolutionUnit") in ("in", "inch")


@pytest.mark.parametrize("extension", ["exr", "dpx", "tga"])
def test_pixel_aspect_is_kept(tmp_path: Path, extension: str) -> None:
    depth = "half" if extension == "exr" else "uint8"
    there_and_back(
        store(tmp_path / f"a.{extension}", noise(3, depth), PixelAspectRatio=2.0), tmp_path / f"b.{extension}"
    )
    assert load(tmp_path / f"b.{extension}")[1].getattribute("PixelAspectRatio") == 2.0


@pytest.mark.parametrize("extension", ["png", "tif", "jpg"])
def test_orientation_is_kept_and_not_applied(tmp_path: Path, extension: str) -> None:
    picture = there_and_back(
        store(tmp_path / f"a.{extension}", noise(3), Orientation=6), tmp_path / f"b.{extension}"
    )
    result, spec = load(tmp_path / f"b.{extension}")
    assert picture.rgb.shape == result.shape == (5, 7, 3)
    assert spec.getattribute("Orientation") == 6


def test_orientation_does_not_scramble_dpx(tmp_path: Path) -> None:
    samples = noise(3)
    there_and_back(store(tmp_path / "a.png", samples, Orientation=6), tmp_path / "b.dpx")
    np.testing.assert_array_equal(load(tmp_path / "b.dpx")[0], samples)


def test_turned_dpx_is_refused(tmp_path: Path) -> None:
    assert_refused(store(tmp_path / "a.dpx", noise(3), Orientation=6), ValueError, "turned or mirrored DPX")


def test_png_gamma_and_cicp_are_kept(tmp_path: Path) -> None:
    there_and_back(
        store(tmp_path / "a.png", noise(3), **{"oiio:ColorSpace": "g22_rec709_scene"}), tmp_path / "b.png"
    )
    assert load(tmp_path / "b.png")[1].getattribute("oiio:Gamma") == pytest.approx(2.2)
    spec = oiio.ImageSpec(7, 5, 3, "uint8")
    spec.attribute("CICP", oiio.TypeDesc("int[4]"), (9, 16, 0, 1))
    output = oiio.ImageOutput.create("png")
    assert output.open(str(tmp_path / "c.png"), spec)
    assert output.write_image(noise(3))
    assert output.close()
    there_and_back(tmp_path / "c.png", tmp_path / "d.png")
    assert load(tmp_path / "d.png")[1].getattribute("CICP") == (9, 16, 0, 1)


# ------------------------------------------------------------------- bad input


def assert_refused(path: Path, error: type[Exception], match: str, **options: Any) -> None:
    with pytest.raises(error, match=match) as caught:
        read(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert "/proc/" not in message
    assert len(message) < 500


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
    monkeypatch.setattr(Path, "open", refuse)
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
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, check=False)
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


# --------------------------------------------------------------------- writing


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3)])
@pytest.mark.parametrize("extension", ["png", "tif", "exr", "tga", "dpx", "jpg", "webp", "bmp"])
def test_plain_pictures(tmp_path: Path, shape: tuple[int, ...], extension: str) -> None:
    write_picture(tmp_path / f"a.{extension}", np.full(shape, 0.6))
    picture = read(tmp_path / f"a.{extension}")
    np.testing.assert_allclose(picture.rgb, 0.6, atol=1.1 / 255)
    assert picture.alpha is None
    with pytest.raises(FileExistsError):
        write_picture(tmp_path / f"a.{extension}", np.full(shape, 0.6))
    write_picture(tmp_path / f"a.{extension}", np.full(shape, 0.2), force=True)


def test_plain_png_has_8_bits_and_gray_stays_gray(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", np.full((4, 5), 0.6))
    assert load(tmp_path / "a.png")[0].shape == (4, 5, 1)
    assert load(tmp_path / "a.png")[0].dtype == np.uint8


@pytest.mark.parametrize(
    "image", [np.zeros((2, 2, 4)), np.zeros(3), np.zeros((0, 2)), np.full((2, 2), np.nan)]
)
def test_plain_pictures_are_checked(tmp_path: Path, image: Array) -> None:
    with pytest.raises(ValueError, match=r"shape|infinite"):
        write_picture(tmp_path / "a.png", image)
    assert names_in(tmp_path) == []


def test_results_are_checked(tmp_path: Path) -> None:
    like = read(store(tmp_path / "a.png", noise(3)))
    for wrong in (like.rgb[1:], like.gray, np.full_like(like.rgb, np.inf)):
        with pytest.raises(ValueError, match=r"shape|infinite"):
            write(tmp_path / "b.png", wrong, like=like)
    assert names_in(tmp_path) == ["a.png"]


def test_input_arrays_are_not_changed(tmp_path: Path) -> None:
    like = read(store(tmp_path / "a.exr", noise(4, "float") * np.float32(3)))
    before = like.rgb.copy(), like.alpha.copy() if like.alpha is not None else None
    write(tmp_path / "b.exr", like.rgb, like=like)
    np.testing.assert_array_equal(like.rgb, before[0])
    np.testing.assert_array_equal(like.alpha, before[1])


def test_out_of_range_is_clipped(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", np.array([[-0.5, 1.5]]))
    np.testing.assert_array_equal(load(tmp_path / "a.png")[0].ravel(), [0, 255])


def test_a_format_that_cannot_be_written_is_said() -> None:
    with pytest.raises(ValueError, match=r"ends in '\.psd'; .*\.png"):
        format_of("out.psd")
    with pytest.raises(ValueError, match="no extension"):
        format_of("out")


@pytest.mark.parametrize(
    ("name", "limit"), [("a.jpg", 65500), ("a.webp", 16383), ("a.tga", 65535), ("a.bmp", 65535)]
)
def test_sides_too_long_for_the_format(tmp_path: Path, name: str, limit: int) -> None:
    write_picture(tmp_path / name, np.zeros((1, limit)))
    with pytest.raises(ValueError, match=f"{limit + 1} x 1 .* ends at {limit}"):
        write_picture(tmp_path / name, np.zeros((1, limit + 1)), force=True)


def failing(method: str) -> Callable[..., Any]:
    """OpenImageIO's output, but one of its calls fails or reports an error at the end."""

    create = oiio.ImageOutput.create

    class Output:
        def __init__(self, name: str) -> None:
            self.real = create(name)

        def __getattr__(self, name: str) -> Any:
            if name == method:
                return lambda *_: "bad\nthing" if method == "geterror" else False
            return getattr(self.real, name)

    return Output


@pytest.mark.parametrize("method", ["open", "write_image", "close", "geterror"])
def test_errors_of_the_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    write_picture(tmp_path / "a.png", np.zeros((2, 2)))
    before = (tmp_path / "a.png").read_bytes()
    fake = type("ImageOutput", (), {"create": staticmethod(failing(method))})
    monkeypatch.setattr(image_encode.oiio, "ImageOutput", fake)
    with pytest.raises(OSError, match="could not be stored as png") as caught:
        write_picture(tmp_path / "a.png", np.ones((2, 2)), force=True)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "a.png").read_bytes() == before
    assert names_in(tmp_path) == ["a.png"]


def test_ctrl_c_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(images.shutil, "copyfileobj", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_picture(tmp_path / "a.png", np.zeros((2, 2)))
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("extension", ["png", "tif", "exr", "tga", "dpx", "jpg", "webp", "bmp"])
def test_full_disk(tmp_path: Path, extension: str) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("a small disk can only be mounted by root")
    try:
        # from just above the space left to far above it: the last write must be seen to fail, too
        for side in (60, 70, 100):
            with pytest.raises(OSError, match="No space left"):
                write_picture(disk / f"a.{extension}", noise(3, "float", side, side))
            assert names_in(disk) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_file_size_limit_in_a_process_of_its_own(tmp_path: Path) -> None:
    code = (
        "import resource, sys, numpy as np\n"
        "from refcolor.files.images import write_picture\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "picture = np.random.default_rng(0).random((100, 100, 3))\n"
        "try: write_picture(sys.argv[1], picture)\n"
        "except OSError as error: print('refused', error)"
    )
    path = tmp_path / "a.png"
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("refused"), done.stderr
    assert done.stdout.count("\n") == 1
    assert names_in(tmp_path) == []


def test_import_is_light() -> None:
    heavy = {"tensorflow", "keras", "sklearn", "pandas"}
    code = f"import sys, refcolor.files.images; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    path = store(tmp_path / "a.png", noise(3))
    cut = tmp_path / "cut.tif"
    cut.write_bytes(store(tmp_path / "a.tif", noise(3)).read_bytes()[:-20])
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        gc.collect()  # what earlier tests left behind must not close while we count
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(3):
            write(tmp_path / "b.png", read(path).rgb, like=read(path), force=True)
            with pytest.raises(ValueError, match="damaged"):
                read(cut)
        assert len(list(Path("/proc/self/fd").iterdir())) == before
