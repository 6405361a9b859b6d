"""Writing pictures: formats, limits, errors of the writer and of the disk."""

from __future__ import annotations

import gc
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest
from pictures import (
    Array,
    load,
    names_in,
    noise,
    store,
)

from refcolor.files import image_codec, images
from refcolor.files.images import read, write, write_picture


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
    with pytest.raises(ValueError, match=r"shape|must be|not finite"):
        write_picture(tmp_path / "a.png", image)
    assert names_in(tmp_path) == []


def test_results_are_checked(tmp_path: Path) -> None:
    like = read(store(tmp_path / "a.png", noise(3)))
    for wrong in (like.rgb[1:], like.gray, np.full_like(like.rgb, np.inf)):
        with pytest.raises(ValueError, match=r"shape|must be|not finite"):
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
    monkeypatch.setattr(image_codec.oiio, "ImageOutput", fake)
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
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, path], capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("refused"), done.stderr
    assert done.stdout.count("\n") == 1
    assert names_in(tmp_path) == []


def test_import_is_light() -> None:
    heavy = {"tensorflow", "keras", "sklearn", "pandas"}
    code = f"import sys, refcolor.files.images; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
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
