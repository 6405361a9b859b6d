"""``refcolor shot --skip-existing``: what is there is left alone, and the rest is done."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from scenes import KEY, OUT, drawn, gray_clip, held, name, report, seen, sheet_of, write

from refcolor.files import plain_files


def test_what_is_there_is_left_alone_and_the_rest_is_done(color, shot, whole):
    words = ["shot", "-k", "key.0001.png", "-o", "out"]
    assert color(*words, "--frames", "2,5-6")[0] == 0
    Path("out", name(8)).write_bytes(b"mine")
    for number in (2, 5, 6, 8):
        os.utime(f"out/{name(number)}", ns=(number, number))
    code, out, err = color(*words, "--skip-existing", "--report", "r.json", "--contact-sheet", "s.png")
    assert (code, out) == (0, [f"out/{name(n)}" for n in (1, 3, 4, 7)] + ["r.json", "s.png"])
    assert err == ["refcolor: 4 frames colored, 0 of them holds, 4 existed already"]
    assert held("out") == whole | {name(8): b"mine"}
    assert [Path("out", name(n)).stat().st_mtime_ns for n in (2, 5, 6, 8)] == [2, 5, 6, 8]
    assert (report()["skipped"], sorted(report()["frames"])) == ([2, 5, 6, 8], [1, 3, 4, 7])
    assert seen("s.png").shape == sheet_of(7).shape  # what cannot be shown, as frame 8, is not
    assert color(*words, "--skip-existing") == (0, [], ["refcolor: all frames exist already"])


def test_a_confidence_that_is_missing_is_made_up_for(color, shot, whole):
    words = ["shot", "-k", "key.0001.png", "-o", "out", "--frames", "1-4"]
    assert color(*words)[0] == 0
    os.utime(f"out/{name(2)}", ns=(2, 2))
    Path("sure").mkdir()
    code, out, _ = color(*words, "--confidence", "sure", "--skip-existing")
    assert (code, out) == (0, [f"sure/{name(n)}" for n in (1, 2, 3, 4)])
    assert Path("out", name(2)).stat().st_mtime_ns == 2
    Path("out", name(3)).unlink()
    code, out, _ = color(*words, "--confidence", "sure", "--skip-existing")
    assert (code, out) == (0, [f"out/{name(3)}"])
    assert held("out") == {name(n): whole[name(n)] for n in (1, 2, 3, 4)}


def test_resumed_with_a_report_it_tells_of_all_frames(color, shot):
    words = ["shot", *KEY, *OUT, "--skip-existing", "--report", "r.json", "--contact-sheet", "s.png"]
    assert color(*words)[0] == 0
    whole, sheet = report(), Path("s.png").read_bytes()
    for number in (3, 6):
        Path("out", name(number)).unlink()
    code, out, _ = color(*words)
    assert (code, out) == (0, [f"out/{name(3)}", f"out/{name(6)}", "r.json", "s.png"])
    again = report()
    assert again["skipped"] == [1, 2, 4, 5, 7, 8]
    for number, frame in whole["frames"].items():
        assert again["frames"][number] | {"seconds": 0} == frame | {"seconds": 0}
    assert seen("s.png").shape == cv2.imdecode(np.frombuffer(sheet, np.uint8), 1).shape
    Path("s.png").unlink()
    code, out, err = color(*words)  # nothing is left to do
    assert (code, out, err) == (0, ["r.json", "s.png"], ["refcolor: all frames exist already"])
    assert report()["frames"] == again["frames"]


@pytest.mark.parametrize(("option", "file"), [("--report", "mine.json"), ("--contact-sheet", "mine.png")])
def test_resuming_overwrites_only_what_was_written_here(color, shot, option, file):
    Path("mine.json").write_text('{"frames": []}')
    write("mine.png", drawn(1))
    before = Path(file).read_bytes()
    code, out, err = color("shot", *KEY, *OUT, "--skip-existing", option, file)
    assert (code, out, len(err)) == (2, [], 1)
    assert f"'{file}' already exists" in err[0]
    assert Path(file).read_bytes() == before
    assert color("shot", *KEY, *OUT, "--force", option, file)[0] == 0
    assert Path(file).read_bytes() != before


def test_a_video_is_resumed_by_doing_it_again_or_left_alone(color, shot):
    gray_clip("in.mkv", 4)
    words = ["in.mkv", "-k", "key.0001.png", "-o", "out.mkv", "--confidence", "sure", "--skip-existing"]
    assert color(*words)[0] == 0
    once = held()
    assert color(*words) == (0, [], ["refcolor: all frames exist already"])
    Path("out.mkv").unlink()  # as after a kill: some confidence, no video
    Path("sure/in.0003.png").unlink()
    Path(f".refcolor-{plain_files._machine()}-1-0.part").touch()  # locked by no process
    code, out, _ = color(*words)
    assert (code, out) == (0, ["sure/in.0003.png", "out.mkv"])
    assert held() == once
    Path("sure/in.0002.png").unlink()
    os.utime("out.mkv", ns=(2, 2))
    code, out, _ = color(*words)
    assert (code, out) == (0, ["sure/in.0002.png"])
    assert Path("out.mkv").stat().st_mtime_ns == 2
    assert held() == once


@pytest.mark.parametrize("movie", ["out.mkv", "out.mov", "out.mp4"])
def test_a_finished_video_is_known_by_its_frames(color, shot, movie):
    gray_clip("in.mkv", 8)
    words = ["in.mkv", *KEY, "-o", movie, "--skip-existing"]
    assert color(*words, "--frames", "3-6")[0] == 0
    assert color(*words, "--frames", "3-6") == (0, [], ["refcolor: all frames exist already"])
    code, _, err = color(*words, "--frames", "5-8")
    assert (code, len(err)) == (2, 1)
    assert f"'{movie}' exists, and has other frames than these: choose another name" in err[0]
    code, out, _ = color(*words, "--frames", "3-6", "--confidence", "sure", "--contact-sheet", "s.png")
    assert (code, out) == (0, [f"sure/in.{n:04d}.png" for n in (3, 4, 5, 6)] + ["s.png"])
    shown = seen("s.png").astype(float)
    assert np.ptp(shown, axis=-1).max() > 60  # in color
    Path(movie).write_bytes(b"")  # not one of ours: those appear whole
    assert color(*words, "--frames", "3-6")[:2] == (2, [])
