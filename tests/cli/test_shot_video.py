"""``refcolor shot``: videos in and out."""

import shutil
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from scenes import KEY, RATE, drawn, frames_of, gray, gray_clip, held, off, report, seen, sound_of

from refcolor.cli import app


def test_a_video_may_follow_the_bare_command(color, shot):
    gray_clip("in.mkv", 4)
    assert color("in.mkv", *KEY, "-o", "wanted.mkv")[0] == 0
    for words in (["-o", "out.mkv"], []):
        with pytest.raises(SystemExit) as left:
            app.main(["key.0001.png", "in.mkv", *words, "--preset", "quick"])
        assert not left.value.code
        path = words[-1] if words else "in_color.mkv"
        assert Path(path).read_bytes() == Path("wanted.mkv").read_bytes()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_video_keeps_its_times_and_sound_and_has_the_frames_of_the_folder(color, shot, whole, workers):
    gray_clip("in.mkv", times=[0, 40, 90, 100, 180, 220, 221, 300], sound="flac")
    code, out, err = color("in.mkv", "-k", "key.0001.png", "-o", "out.mkv", "--workers", workers)
    assert (code, out, err) == (0, ["out.mkv"], ["refcolor: 8 frames colored, 0 of them holds"])
    times, pictures = frames_of("out.mkv")
    assert times == frames_of("in.mkv")[0]
    assert times[:-1] == [0, 0.04, 0.09, 0.1, 0.18, 0.22, 0.221, 0.3]
    assert sound_of("out.mkv") == sound_of("in.mkv")
    assert len(sound_of("in.mkv")) > 3
    code, out, _ = color("in.mkv", "-k", "key.0001.png", "-o", "out")
    assert (code, out) == (0, [f"out/in.000{n}.png" for n in range(1, 9)])
    assert all(np.array_equal(seen(path), picture) for path, picture in zip(out, pictures, strict=True))
    assert [Path(path).read_bytes() for path in out] == list(dict(sorted(whole.items())).values())


def test_some_frames_of_a_video(color, shot):
    gray_clip("in.mkv")
    words = ["in.mkv", "-k", "key.0001.png"]
    assert color(*words, "-o", "whole.mkv")[0] == 0
    times, pictures = frames_of("whole.mkv")
    code, out, _ = color(*words, "-o", "part.mkv", "--frames", "2-8x3", "--report", "r.json")
    assert (code, out, sorted(report()["frames"])) == (0, ["part.mkv", "r.json"], [2, 5, 8])
    assert report()["frames"][5]["target"] == "in.mkv frame 5"
    some, these = frames_of("part.mkv")
    assert some[:-1] == [times[1], times[4], times[7]]
    assert all(np.array_equal(these[i], pictures[3 * i + 1]) for i in range(3))
    assert color(*words, "-o", "p.####.png", "--frames", "2-8x3")[:2] == (
        0,
        [f"p.000{n}.png" for n in (2, 5, 8)],
    )
    assert np.array_equal(seen("p.0005.png"), pictures[4])


@pytest.mark.parametrize("video", ["take[2] 100%d@##.v1.mkv", "take.v2/in"])
def test_frames_of_a_video_of_any_name(color, shot, video):
    gray_clip("in.mkv", 2)
    Path(video).parent.mkdir(exist_ok=True)
    shutil.copy("in.mkv", video)
    stem = Path(video).stem
    code, out, _ = color(video, "-k", "key.0001.png", "-o", "out")
    assert (code, out) == (0, [f"out/{stem}.000{n}.png" for n in (1, 2)])
    assert sorted(held("out")) == [f"{stem}.000{n}.png" for n in (1, 2)]


def test_a_gif_becomes_a_video(color, shot):
    animation = cv2.Animation()
    animation.frames = [np.repeat(gray(drawn(n))[..., None], 3, axis=-1) for n in (1, 2, 3)]
    animation.durations = [100, 50, 200]
    assert cv2.imwriteanimation("in.gif", animation)
    code, out, _ = color("in.gif", "-k", "1=key.0001.png", "-o", "out.mkv")
    assert (code, out) == (0, ["out.mkv"])
    times, pictures = frames_of("out.mkv")
    assert times[:-1] == [0, 0.1, 0.15]
    code, out, _ = color("in.gif", *KEY, "-o", "out")
    assert (code, out) == (0, [f"out/in.000{n}.png" for n in (1, 2, 3)])
    for number, path in enumerate(out, 1):
        assert np.array_equal(seen(path), pictures[number - 1])
        assert off(path, drawn(number)) < 15 < 25 < off(path, np.repeat(gray(drawn(number))[..., None], 3, 2))


@pytest.mark.parametrize("codec", ["h264", "ffv1"])
def test_codecs_and_endings_of_any_case(color, shot, codec):
    gray_clip("in.mkv", 2)
    code, out, _ = color("in.mkv", "-k", "key.0001.png", "-o", "out.MP4", "--codec", codec)
    assert (code, out) == (0, ["out.MP4"])
    with av.open("out.MP4") as container:
        assert (container.format.name[:3], container.streams.video[0].codec_context.name) == ("mov", codec)


def test_a_frame_of_a_video_that_cannot_be_read_is_left_out(color, shot):
    gray_clip("in.mov", codec="png", pix_fmt="rgb24")
    with av.open("in.mov") as container:
        packet = bytes([packet for packet in container.demux(video=0) if packet.size][3])
    data = Path("in.mov").read_bytes()
    Path("in.mov").write_bytes(data.replace(packet, bytes(len(packet))))
    code, out, err = color("in.mov", "-k", "key.0001.png", "-o", "out.mkv", "--report", "r.json")
    assert (code, out) == (1, ["out.mkv", "r.json"])
    assert "1 of 8 frames failed, the others are done: frame 4" in err[-1]
    times, _ = frames_of("out.mkv")
    assert len(times) == 8
    assert times[3] - times[2] == pytest.approx(2 / float(RATE), abs=0.002)
