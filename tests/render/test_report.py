"""The report of a shot: what it says of frames, which to look at first, and what failed."""

import json
from pathlib import Path

import numpy as np
import pytest
from staged import drawn

from refcolor import Config
from refcolor.errors import code_of
from refcolor.files import images
from refcolor.render import job
from refcolor.render.painter import Outcome
from refcolor.render.report import Report, is_contact_sheet, read_report


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Five frames whose first is a key, with a contact sheet of every second; the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("shot").mkdir()
    images.write_picture("key.1.png", drawn(1))
    for number in range(1, 6):
        images.write_picture(f"shot/a.{number}.png", drawn(number) @ np.float32([0.299, 0.587, 0.114]))
    request = job.Request(
        targets=[Path("shot")], keys=["key.1.png"], output=Path("out"), config=Config("quick"),
        contact_sheet=Path("s.png"), every=2,
    )  # fmt: skip
    return job.prepare(request)


@pytest.fixture
def report(plan):
    report = Report(plan)
    report.add(Outcome(0, keys=(0,), confidence=0.99, doubtful=0.0, colored=True))
    report.add(Outcome(1, keys=(0,), confidence=0.9, doubtful=0.1, hold=True))
    report.add(Outcome(2, keys=(0,), confidence=0.6, doubtful=0.3, cut=True, keyless=True))
    report.add(Outcome(3, keys=(0,), confidence=0.8, doubtful=0.1, colored=True, resized=True))
    report.add(Outcome(4, error="it is damaged", code="too_many_pixels"))
    return report


def test_warnings_of_a_frame(report):
    assert report.warnings(0) == []  # a key has colors
    assert report.warnings(2) == ["another scene begins", "no key shows this scene", "low confidence"]
    assert report.warnings(3) == [
        "its size is not that of the frame before", "it is colored: only its gray is used",
    ]  # fmt: skip


def test_the_summary_names_what_to_look_at(report):
    assert report.summary() == [
        "4 frames colored, 1 of them holds, 1 failed",
        "1 frame has colors: only the gray is used",
        "another scene begins with frame 3",
        "no key shows the scene of frame 3: give one of it",
        "look first at  confidence  doubtful  remarks",
        "a.3.png              0.60       30%  another scene begins; no key shows this scene; low confidence",
        "a.4.png              0.80       10%  its size is not that of the frame before; "
        "it is colored: only its gray is used",
        "frame 3 has the lowest confidence, 0.60: a key of it would help most",
    ]


def test_failed_frames_are_one_error_with_the_code_of_the_first(report):
    text = "^1 of 5 frames failed, the others are done: frame 5: it is damaged$"
    with pytest.raises(ValueError, match=text) as caught:
        report.raise_if_failed()
    assert code_of(caught.value) == "too_many_pixels"


def test_a_written_report_can_be_read(report):
    report.write(Path("r.json"), force=False)
    assert read_report(Path("r.json"))[3] == {
        "frame": 3, "target": "shot/a.3.png", "result": "out/a.3.png", "keys": ["key.1.png"], "seconds": 0.0,
        "confidence": 0.6, "doubtful": 0.3, "hold": False, "cut": True, "warnings": report.warnings(2),
        "error": None,
    }  # fmt: skip
    assert json.loads(Path("r.json").read_text())["keys"] == [{"key": "key.1.png", "frame": 1}]
    for text in ("", "[]", "{}", '{"frames": []}', '{"refcolor": 1, "frames": [{}]}'):
        Path("no.json").write_text(text)
        assert read_report(Path("no.json")) is None


def test_a_contact_sheet_is_known_again(plan):
    report = Report(plan)
    assert not report.write_contact_sheet(Path("s.png"), force=False)  # no picture yet
    for index in range(5):
        report.add(Outcome(index, image=drawn(index)))
    assert report.write_contact_sheet(Path("s.png"), force=False)
    assert is_contact_sheet(Path("s.png"))
    assert not is_contact_sheet(Path("key.1.png"))
    assert not is_contact_sheet(Path("none.png"))
