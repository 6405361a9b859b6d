"""Pixels of video frames: exact gray, colors there and back, matrices."""

from __future__ import annotations

import av
import numpy as np
import pytest
from clips import make

from refcolor.files import images
from refcolor.files.video import open_video
from refcolor.files.video_pixels import frame_of, picture


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    "pix_fmt", ["yuv420p", "yuv422p10le", "yuv444p12le", "yuv420p16le", "gray", "gray10le"]
)
def test_gray_comes_out_gray_and_exact(pix_fmt, full):
    bits = av.VideoFormat(pix_fmt).components[0].bits
    frame = av.VideoFrame(256, 8, pix_fmt)
    ramp = np.linspace(0, 2**bits - 1, 256).astype(int)
    for i, plane in enumerate(frame.planes):
        rows = np.frombuffer(plane, np.uint8 if bits == 8 else np.uint16).reshape(plane.height, -1)
        rows[:] = 2 ** (bits - 1) if i else np.resize(ramp, rows.shape[1])
    frame.colorspace, frame.color_range = 1, 2 if full else 1
    step = 2 ** (bits - 8)
    expected = ramp / (2**bits - 1) if full else ((ramp - 16 * step) / (219 * step)).clip(0, 1)
    seen = picture(frame, alpha=False)
    assert np.abs(seen.rgb - expected[None, :, None]).max() < 1e-6
    assert np.ptp(seen.rgb, axis=-1).max() == 0
    assert seen.storage.depth == ("uint8" if bits == 8 else "uint16")


@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("pix_fmt", ["yuv444p", "yuv444p10le", "yuva444p12le"])
@pytest.mark.parametrize("full", [False, True])
def test_colors_go_there_and_back(matrix, pix_fmt, full):
    rgb = np.random.default_rng(0).random((6, 7, 3), np.float32)
    alpha = np.random.default_rng(1).random((6, 7), np.float32)
    frame = frame_of(rgb, alpha, pix_fmt, matrix, full)
    frame.colorspace, frame.color_range = matrix, 2 if full else 1
    seen = picture(frame, alpha="a" in pix_fmt[:4])
    step = 2.0 ** -av.VideoFormat(pix_fmt).components[0].bits
    assert np.abs(seen.rgb - rgb).max() < 2.5 * step
    if seen.alpha is not None:
        assert np.abs(seen.alpha - alpha).max() < step


def test_an_untagged_matrix_follows_the_size(folder):
    for size, matrix in [((64, 576), 6), ((64, 578), 1)]:
        path = make(folder / "plain.mkv", "libx264", "yuv420p", 2, size=size)
        with open_video(path) as video:
            assert video.matrix == matrix


def test_deep_gray_png_in_mov(folder):
    path = make(folder / "gray16.mov", "png", "gray16be", 3)
    with open_video(path) as video:
        seen = video.read(1)
        assert video.depth == 16
        assert seen.is_gray
        assert seen.rgb.max() > 0.9
        images.write(folder / "gray16.png", seen.rgb, like=seen, force=True)
        assert np.abs(images.read(folder / "gray16.png").rgb - seen.rgb).max() < 1e-5
