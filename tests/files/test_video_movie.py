"""Reading videos: every frame by its index, damaged and cut files."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction

import av
import numpy as np
import pytest
from clips import decoded, make, one_line

from refcolor.files.video import Movie, open_video
from refcolor.files.video_write import write_video

LONG = {"g": "70", "keyint_min": "70", "bf": "3", "sc_threshold": "0"}


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("long.mkv", "libx264", LONG),
        ("long.mp4", "libx264", LONG),
        ("open.mkv", "libx264", {"g": "20", "bf": "3", "x264-params": "open-gop=1:scenecut=0"}),
        ("refresh.mkv", "libx264", {"g": "20", "bf": "0", "intra-refresh": "1"}),
        ("stream.ts", "libx264", {"g": "30", "bf": "3"}),
        ("raw.h264", "libx264", {"g": "30", "bf": "3"}),
        ("packed.avi", "mpeg4", {"g": "30", "bf": "2"}),
        ("hidden.webm", "libvpx", {"g": "40", "auto-alt-ref": "1", "lag-in-frames": "10", "cpu-used": "8"}),
    ],
)
def test_a_frame_is_the_same_however_it_is_reached(folder, name, codec, options):
    format = "h264" if name.endswith(".h264") else None
    path = make(folder / name, codec, "yuv420p", 150, options=options, format=format)
    expected = decoded(path)
    with open_video(path) as video:
        assert len(video) == len(expected) == 150
        order = [75, 76, 140, 3, 149, 0, 1, 71, 70, 69, 100, 12, *range(140, 150), 30]
        for i in order:
            assert np.array_equal(video.read(i).rgb, expected[i]), i


def test_uneven_times_are_kept(clip):
    expected = decoded(clip)
    with open_video(clip) as video:
        assert video.times[:6] == [480, 1481, 2482, 4484, 5485, 7487]
        assert video.end == video.times[-1] + 1001
        assert (video.time_base, video.size, video.aspect) == (Fraction(1, 24000), (64, 48), Fraction(4, 3))
        assert (video.matrix, video.full_range, video.primaries, video.transfer) == (1, False, 1, 1)
        assert video.display_matrix is not None
        for i in [19, 4, 5, 11, 0]:
            assert np.array_equal(video.read(i).rgb, expected[i])


def test_reading_on_never_seeks(folder):
    path = make(folder / "sought.mkv", "libx264", "yuv420p", 40, options={"g": "5"})
    with open_video(path) as video:
        sought = []
        video._seek = sought.append  # type: ignore[attr-defined]
        for i in range(40):
            video.read(i)
        assert not sought
        video.read(39)
        assert not sought


def test_memory_does_not_grow(folder):
    peaks = []
    for count in (20, 200):
        path = make(folder / f"{count}.mkv", "libx264", "yuv420p", count, options={"preset": "ultrafast"})
        tracemalloc.start()
        with open_video(path) as video, write_video(folder / "grown.mkv", video, force=True) as writer:
            for i in range(len(video)):
                writer.add(video.read(i).rgb, i)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 150_000  # a frame alone is 37 kB as floats; 180 more would be 6.6 MB


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"), [("d.mov", "png", "rgb24"), ("d.mkv", "libx264", "yuv420p")]
)
def test_a_damaged_frame_is_named(tmp_path, name, codec, pix_fmt):
    options = {"g": "5", "bf": "0"} if codec == "libx264" else {}
    path = make(tmp_path / name, codec, pix_fmt, 20, options=options)
    expected = decoded(path)
    with av.open(str(path)) as container:
        packet = [p for p in container.demux(video=0) if p.size][9]
        at, size = packet.pos, packet.size
    data = bytearray(path.read_bytes())
    data[at + 4 : at + size] = bytes(b ^ 0xFF for b in data[at + 4 : at + size])
    path.write_bytes(data)
    with open_video(path) as video:
        assert len(video) == 20
        for order in (range(20), reversed(range(20))):
            for i in order:
                if i == 9:
                    with pytest.raises(ValueError, match=r"damaged at frame 9") as caught:
                        video.read(i)
                    assert name in one_line(caught)
                else:
                    assert np.array_equal(video.read(i).rgb, expected[i])


@pytest.mark.parametrize("name", ["c.mkv", "c.avi", "c.mp4"])
def test_cut_short(tmp_path, name):
    codec = "libx264" if name != "c.avi" else "mpeg4"
    path = make(tmp_path / name, codec, "yuv420p", 60)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    with pytest.raises(ValueError, match=r"cut short after \d+ frames|not a video, or its header is damaged"):
        open_video(path)


def test_every_cut_ends_in_one_line(clip, tmp_path):
    data = clip.read_bytes()
    path = tmp_path / "cut.mp4"
    for size in (1, 8, 40, 200, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        try:
            open_video(path).close()
        except ValueError as error:
            assert len(str(error).splitlines()) == 1  # noqa: PT017


def test_a_change_of_size(tmp_path):
    parts = [
        make(
            tmp_path / f"{w}.ts", "mpeg2video", "yuv420p", 5, size=(w, 48), times=range(s, s + 5)
        ).read_bytes()
        for w, s in ((64, 0), (80, 5))
    ]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(parts))
    with open_video(path) as video:
        video.read(0)
        with pytest.raises(ValueError, match="changes from 64 x 48 to 80 x 48 at frame 5"):
            video.read(5)


def test_steps_back_do_not_decode_all_again_each_time(tmp_path, monkeypatch):
    path = make(tmp_path / "in.mp4", "libx264", "yuv420p", 60, options={"g": "60"})
    counted, plain = [], Movie._advance
    monkeypatch.setattr(Movie, "_advance", lambda movie: counted.append(0) or plain(movie))
    with open_video(path) as video:
        wanted = [video.read(index).rgb for index in range(60)]
        counted.clear()
        for index in reversed(range(60)):
            np.testing.assert_array_equal(video.read(index).rgb, wanted[index])
        assert len(counted) <= 60
        monkeypatch.setattr("refcolor.files.video.CACHE_SIZE", 5 * 4000)
        video._cache.clear()
        for index in reversed(range(60)):
            np.testing.assert_array_equal(video.read(index).rgb, wanted[index])
            assert len(video._cache) < 60
