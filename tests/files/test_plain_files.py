"""Plain files, and paths to them on systems that have no paths to open files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import store

from refcolor.files import plain_files
from refcolor.files.images import read, write
from refcolor.files.video import open_video
from refcolor.files.video_write import write_video

FORMATS = ["png", "tif", "exr", "tga", "dpx", "jpg", "webp", "bmp"]


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A system without /proc, files in memory and locks; its temporary folder."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setattr(plain_files, "DESCRIPTORS", tmp_path / "proc")
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.delattr(os, "O_NONBLOCK", raising=False)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr("refcolor.files.plain_files._lock", lambda file: False)
    return folder


def stored(tmp_path: Path, extension: str) -> Path:
    samples = np.random.default_rng(0).random((12, 17, 3 if extension in ("jpg", "bmp", "dpx") else 4))
    samples = samples.astype(np.float16) if extension == "exr" else np.rint(samples * 255).astype(np.uint8)
    return store(tmp_path / f"a.{extension}", samples)


def copied(path: Path, out: Path) -> tuple[Any, bytes]:
    picture = read(path)
    write(out, picture.rgb, like=picture)
    return picture, out.read_bytes()


@pytest.mark.parametrize("extension", FORMATS)
def test_pictures_are_the_same_on_every_system(
    tmp_path: Path, request: pytest.FixtureRequest, extension: str
) -> None:
    path = stored(tmp_path, extension)
    wanted, data = copied(path, tmp_path / f"b.{extension}")
    folder = request.getfixturevalue("elsewhere")
    found, again = copied(path, tmp_path / f"c.{extension}")
    np.testing.assert_array_equal(found.rgb, wanted.rgb)
    assert again == data
    assert not list(folder.iterdir())


def test_a_video_is_the_same_on_every_system(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    import av

    with av.open(str(tmp_path / "in.mkv"), "w") as out:
        stream: Any = out.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "bgr0"
        for pixels in np.random.default_rng(0).integers(0, 256, (4, 24, 32, 3), np.uint8):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        out.mux(stream.encode(None))

    def copy(name: str) -> bytes:
        with open_video(tmp_path / "in.mkv") as video, write_video(tmp_path / name, video) as writer:
            for i in range(len(video)):
                writer.add(video.read(i).rgb, i)
        return (tmp_path / name).read_bytes()

    data = copy("b.mkv")
    request.getfixturevalue("elsewhere")
    assert copy("c.mkv") == data


def test_errors_are_the_same_on_every_system(tmp_path: Path, elsewhere: Path) -> None:
    path = stored(tmp_path, "tif")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"'.*a\.tif' is damaged or cut short") as caught:
        read(path)
    assert str(elsewhere) not in str(caught.value)
    assert not list(elsewhere.iterdir())


def test_a_full_temporary_folder(tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = read(stored(tmp_path, "jpg"))
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 1000}))
    with pytest.raises(OSError, match="no space left in the temporary folder"):
        write(tmp_path / "b.jpg", picture.rgb, like=picture)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["a.jpg"]
