"""Picture files: exact round trips of samples, light, highlights and alpha."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pictures import (
    assert_stored_alike,
    load,
    noise,
    store,
    there_and_back,
)

from refcolor.files.images import read, write

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
