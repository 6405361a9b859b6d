"""Codecs and containers: what a name means, what does not go together, what is lossless."""

from __future__ import annotations

import av
import numpy as np
import pytest
from clips import copy, make, one_line
from pictures import names_in

from refcolor.files import video_write
from refcolor.files.video import open_video
from refcolor.files.video_write import check_video


def test_names_choose_codecs(clip, tmp_path, monkeypatch):
    square = make(tmp_path / "odd.mkv", "ffv1", "bgr0", 2, size=(63, 48))
    with open_video(make(tmp_path / "even.mkv", "ffv1", "bgr0", 2)) as even:
        chosen = [check_video(f"a{suffix}", even) for suffix in (".mkv", ".MOV", ".mp4")]
    assert chosen == ["ffv1", "prores", "h264"]
    with open_video(clip) as video, open_video(square) as odd:
        for name, codec, like, words in [
            ("a.avi", None, video, "ends in '.avi'; videos can be written as .mkv .mov .mp4"),
            ("a", None, video, "has no extension"),
            ("a.mp4", "prores", video, "does not hold prores: write it as .mov, or as h264 or ffv1"),
            ("a.mkv", "vp8", video, "no codec 'vp8'; choose one of"),
            ("a.mp4", "h264", odd, "even sides and these are 63 x 48; choose ffv1"),
            ("a.mkv", "ffv1", video, "pixels are 4/3 as wide as high; write it as .mp4"),
        ]:
            with pytest.raises(ValueError, match=words.replace(".", r"\.")) as caught:
                check_video(tmp_path / name, like, codec)  # type: ignore[arg-type]
            one_line(caught)
        monkeypatch.setitem(video_write.ENCODERS, "h264", "libnothing")
        with pytest.raises(ValueError, match="no encoder libnothing for h264"):
            check_video(tmp_path / "a.mp4", video)
    assert names_in(tmp_path) == ["even.mkv", "odd.mkv"]


@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
@pytest.mark.parametrize(
    ("codec", "pix_fmt", "kept"),
    [
        ("ffv1", "bgr0", "bgr0"),
        ("ffv1", "bgra", "bgra"),
        ("ffv1", "gbrp10le", "gbrp10le"),
        ("ffv1", "gbrap12le", "gbrap12le"),
        ("ffv1", "gray16le", "gbrp16le"),
        ("png", "rgb48be", "gbrp16le"),
    ],
)
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_ffv1_is_lossless(tmp_path, codec, pix_fmt, kept, size, suffix):
    path = make(
        tmp_path / ("in.mov" if codec == "png" else "in.mkv"),
        codec,
        pix_fmt,
        3,
        size=size,
        tags=(0, 2, 1, 13),
    )
    out = copy(path, tmp_path / f"out{suffix}", "ffv1")
    with open_video(path) as one, open_video(out) as other:
        for i in range(3):
            a, b = one.read(i), other.read(i)
            assert np.array_equal(a.rgb, b.rgb)
            assert (a.alpha is None) == (b.alpha is None)
            assert a.alpha is None or np.array_equal(a.alpha, b.alpha)
    with av.open(str(out)) as container:
        context = container.streams.video[0].codec_context
        assert (context.pix_fmt, context.colorspace, context.color_range) == (kept, 0, 2)
        assert context.extradata


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
def test_prores(tmp_path, alpha, size):
    path = make(tmp_path / "in.mkv", "ffv1", "bgra" if alpha else "bgr0", 2, size=size, tags=(0, 2, 9, 16))
    out = copy(path, tmp_path / "out.mov")
    with open_video(path) as one, open_video(out) as other:
        assert other.size == size
        assert (other.matrix, other.full_range, other.primaries, other.transfer) == (6, False, 9, 16)
        assert np.abs(one.read(1).rgb - other.read(1).rgb).mean() < (0.02 if alpha else 0.2)  # noise, 4:2:2
        assert other.has_alpha is alpha
        if alpha:
            assert np.abs(one.read(1).alpha - other.read(1).alpha).max() < 2e-3  # type: ignore[operator]
    with av.open(str(out)) as container:
        assert container.streams.video[0].codec_context.profile == ("4444" if alpha else "HQ")
