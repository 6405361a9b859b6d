"""``refcolor shot``: report, contact sheet, confidence, and frames that fail."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from scenes import HEIGHT, WIDTH, drawn, held, name, off, report, seen, sheet_of, write


@pytest.mark.parametrize("workers", [1, 2])
def test_a_frame_that_cannot_be_read_fails_alone(color, shot, whole, workers):
    path = Path("shot", name(4))
    path.write_bytes(path.read_bytes()[:700])
    code, out, err = color(
        "shot", "-k", "key.0001.png", "-o", "out", "--report", "r.json", "--contact-sheet", "s.png",
        "--workers", workers,
    )  # fmt: skip
    good = [n for n in range(1, 9) if n != 4]
    assert (code, sorted(out[:-2])) == (1, [f"out/{name(n)}" for n in good])
    assert sum(line.startswith("refcolor: 'shot/a.0004.png' failed: ") for line in err) == 1
    assert err[-1].startswith("refcolor: 1 of 8 frames failed, the others are done: frame 4: ")
    assert "cut short" in err[-1]
    frames = report()["frames"]
    assert {number for number, frame in frames.items() if frame["error"]} == {4}
    assert "cut short" in frames[4]["error"]
    assert (frames[4]["result"], frames[4]["confidence"]) == (None, None)
    assert sorted(held("out")) == [name(n) for n in good]
    assert max(off(f"out/{name(n)}", drawn(n)) for n in good) < 6
    assert Path("out", name(1)).read_bytes() == whole[name(1)]
    assert seen("s.png").shape == sheet_of(7).shape


def test_all_frames_unreadable(color, shot):
    for number in range(1, 9):
        Path("shot", name(number)).write_bytes(b"nothing")
    code, out, err = color("shot", "-k", "key.0001.png", "-o", "out", "--report", "r.json", "--quiet")
    assert (code, out, len(err)) == (1, ["r.json"], 1)
    assert err[0].startswith("refcolor: 8 of 8 frames failed: frame 1-8: ")
    assert "is not a picture" in err[0]
    assert held("out") == {}
    assert all("is not a picture" in frame["error"] for frame in report()["frames"].values())


def test_the_report_says_how_every_frame_went(color, shot):
    code, out, _ = color(
        "shot", "-k", "key.0001.png", "-o", "out", "--report", "out/r.json", "--frames", "2-4"
    )
    assert (code, out[-1]) == (0, "out/r.json")
    found = json.loads(Path("out/r.json").read_text())
    assert found["settings"]["name"] == "quick"
    assert found["keys"] == [{"key": "key.0001.png", "frame": 1}]
    assert found["skipped"] == []
    assert [frame["frame"] for frame in found["frames"]] == [2, 3, 4]
    for frame in found["frames"]:
        number = frame["frame"]
        assert (frame["target"], frame["result"]) == (f"shot/{name(number)}", f"out/{name(number)}")
        assert (frame["keys"], frame["error"], frame["warnings"]) == (["key.0001.png"], None, [])
        assert (frame["hold"], frame["cut"]) == (False, False)
        assert 0 < frame["seconds"] < 60
        assert 0.7 < frame["confidence"] <= 1
        assert 0 <= frame["doubtful"] < 0.25


def test_doubtful_frames_are_warned_of_and_shown_first(color, shot):
    write(f"shot/{name(6)}", np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH), np.uint8))
    code, _, err = color("shot", "-k", "key.0001.png", "-o", "out", "--report", "r.json")
    assert code == 0
    assert "low confidence" in report()["frames"][6]["warnings"]
    head = [line.split()[1:] for line in err].index(
        ["look", "first", "at", "confidence", "doubtful", "remarks"]
    )
    assert err[head + 1].startswith(f"refcolor: {name(6)} ")


@pytest.mark.parametrize(("every", "cells"), [(2, 4), (3, 3), (1, 8), (None, 8)])
def test_the_contact_sheet_shows_every_so_many_frames(color, shot, every, cells):
    words = ["--every", every] if every else []
    code, out, _ = color("shot", "-k", "key.0001.png", "-o", "out", "--contact-sheet", "s.png", *words)
    assert (code, out[-1]) == (0, "s.png")
    assert seen("s.png").shape == sheet_of(cells).shape
    assert len({sheet_of(n).shape for n in (3, 4, 8)}) == 3
    # 48 pixels below its caption the first cell shows the first frame
    found, wanted = (
        sheet[40:100, 20:120].reshape(-1, 3).mean(0) for sheet in (seen("s.png"), sheet_of(cells))
    )
    assert np.abs(found - wanted).max() < 3


def test_confidence_goes_into_a_folder_of_its_own(color, shot):
    code, out, _ = color(
        "shot",
        "-k",
        "key.0001.png",
        "-o",
        "out",
        "--confidence",
        "out/sure",
        "--frames",
        "1-2",
        "--report",
        "r.json",
    )
    assert code == 0
    assert out == ["out/a.0001.png", "out/sure/a.0001.png", "out/a.0002.png", "out/sure/a.0002.png", "r.json"]
    for number in (1, 2):
        sure = cv2.imread(f"out/sure/{name(number)}", cv2.IMREAD_UNCHANGED)
        assert sure.shape == (HEIGHT, WIDTH)
        assert sure.mean() / 255 == pytest.approx(report()["frames"][number]["confidence"], abs=0.005)
