"""What a picture file stores beside its samples: profiles, tags, resolution; names of formats."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from pictures import (
    assert_refused,
    load,
    noise,
    store,
    there_and_back,
)

from refcolor.files.image_storage import format_of


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


def test_a_format_that_cannot_be_written_is_said() -> None:
    with pytest.raises(ValueError, match=r"ends in '\.psd'; .*\.png"):
        format_of("out.psd")
    with pytest.raises(ValueError, match="no extension"):
        format_of("out")
