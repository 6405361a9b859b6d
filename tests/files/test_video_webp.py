"""Animated pictures: WebP, GIF and PNG."""

from __future__ import annotations

import numpy as np
import pytest
from clips import animated, copy, gif

from refcolor.files.video import is_video, open_video


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_animated_pictures(folder, suffix):
    path = folder / f"moving.{suffix}"
    frames = animated(path, 4)
    assert is_video(path)
    with open_video(path) as video:
        assert (len(video), video.size, video.has_alpha) == (4, (64, 48), True)
        assert [float(t * video.time_base) for t in video.times] == pytest.approx([0, 0.1, 0.15, 0.35])
        assert float(video.end * video.time_base) == pytest.approx(0.39)
        for i in [0, 1, 3, 2, 0]:
            seen = video.read(i)
            assert seen.alpha is not None
            assert np.array_equal(seen.alpha, frames[i][..., 3]), i
            visible = seen.alpha > 0
            near = 0.25 if suffix == "gif" else 0  # a palette of few colors
            assert np.abs(seen.rgb - frames[i][..., :3])[visible].max() <= near
    animated(path, 4, alpha=False)
    with open_video(path) as video:
        assert video.has_alpha is False or suffix == "gif"
        assert (video.read(3).alpha is None) is not video.has_alpha
    if suffix == "webp":
        with pytest.raises(ValueError, match="pixels together; save it as a video"):
            open_video(path, max_pixels=64 * 48 * 3)
    animated(path, 1)
    assert not is_video(path)


def test_gif_disposal(tmp_path):
    whole, corner = (0, 0, 4, 4), (0, 0, 2, 2)
    path = tmp_path / "boxes.gif"
    # keep, then restore what was before, then clear to nothing
    path.write_bytes(gif((whole, 1, 1), (corner, 2, 3), ((2, 2, 2, 2), 3, 2), ((3, 0, 1, 1), 2, 1)))
    with open_video(path) as video:
        seen = [video.read(i) for i in range(4)]
        colors = [[tuple(s.rgb[y, x]) for y, x in [(0, 0), (3, 3), (0, 3)]] for s in seen]
        red, green, blue = (1, 0, 0), (0, 1, 0), (0, 0, 1)
        assert colors[0] == [red, red, red]
        assert colors[1] == [green, red, red]
        assert colors[2] == [red, blue, red]
        assert colors[3][0::2] == [red, green]
        assert [s.alpha[3, 3] for s in seen if s.alpha is not None] == [1, 1, 1, 0]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="cut short after 4 frames"):
        open_video(path)


def test_animated_picture_to_video(folder, tmp_path):
    for suffix in ("gif", "png", "webp"):
        path = folder / f"written.{suffix}"
        animated(path, 4)
        out = copy(path, tmp_path / f"{suffix}.mkv")
        with open_video(path) as one, open_video(out) as other:
            assert [t * other.time_base for t in other.times] == [t * one.time_base for t in one.times]
            assert np.array_equal(one.read(2).alpha, other.read(2).alpha)  # type: ignore[arg-type]
