"""A shot from Python: the files of the command, an outcome for every frame, all checks before any work."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from staged import drawn

from refcolor import Config
from refcolor.cli import main
from refcolor.errors import UsageError, code_of
from refcolor.files import images
from refcolor.render import job
from refcolor.render.request import Observer, Request

COUNT = 5


class Recorder(Observer):
    def __init__(self):
        self.files = []

    def wrote(self, path):
        self.files.append(path)


@pytest.fixture
def shot(tmp_path, monkeypatch):
    """Five gray frames in ``shot``, the colors of the first in ``key.1.png``; the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("shot").mkdir()
    images.write_picture("key.1.png", drawn(1))
    for number in range(1, COUNT + 1):
        gray = drawn(number) @ np.float32([0.299, 0.587, 0.114])
        images.write_picture(f"shot/a.{number}.png", gray)
    return tmp_path


def request(**more):
    words = {"targets": [Path("shot")], "keys": ["key.1.png"], "output": Path("out")}
    return Request(**(words | {"config": Config("quick"), "workers": 1} | more))


def content(folder):
    """The files of a folder by name; of a report, what does not depend on the time or folder."""
    files = {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*.*")}
    report = json.loads(files.pop("r.json"))
    report["frames"] = [frame | {"seconds": 0, "result": None} for frame in report["frames"]]
    return files | {"r.json": report}


def test_the_files_are_those_of_the_command(shot, capsys):
    Path("a").mkdir()
    Path("b").mkdir()
    others = {"confidence": "sure", "save_model": "m.refcolor", "report": "r.json", "contact_sheet": "s.png"}
    plan = job.prepare(
        request(output=Path("a/out"), **{name: Path("a", file) for name, file in others.items()})
    )
    recorder = Recorder()
    outcomes = list(job.run(plan, recorder))
    words = ["shot", "shot", "-k", "key.1.png", "-o", "b/out", "--preset", "quick", "--workers", "1"]
    words += [word for name, file in others.items() for word in (f"--{name.replace('_', '-')}", f"b/{file}")]
    with pytest.raises(SystemExit, match="0"):
        main(words)
    assert content("a") == content("b")
    assert [outcome.index for outcome in outcomes] == [*range(COUNT)]
    listed = capsys.readouterr().out.splitlines()
    assert [str(path) for path in recorder.files] == [f"a{line[1:]}" for line in listed]


def test_nothing_is_written_before_the_run(shot):
    before = sorted(shot.rglob("*"))
    plan = job.prepare(request(save_model=Path("out/m.refcolor")))
    assert plan.outputs.todo == [*range(COUNT)]
    assert plan.key_frames == [("key.1.png", 1)]
    assert sorted(shot.rglob("*")) == before


def test_a_frame_that_fails_is_an_outcome_and_a_remark(shot, caplog):
    Path("shot/a.3.png").write_bytes(b"no picture")
    with caplog.at_level(logging.INFO, "refcolor"):
        outcomes = {outcome.index: outcome for outcome in job.run(job.prepare(request()))}
    assert [index for index, outcome in outcomes.items() if outcome.error] == [2]
    assert [record.getMessage() for record in caplog.records] == [
        f"'shot/a.3.png' failed: {outcomes[2].error}"
    ]
    assert len(list(Path("out").iterdir())) == COUNT - 1


def test_a_resumed_run_colors_the_rest(shot):
    list(job.run(job.prepare(request(frames="1-2"))))
    plan = job.prepare(request(skip_existing=True))
    assert (plan.outputs.done, plan.outputs.todo) == ([0, 1], [2, 3, 4])
    assert [outcome.index for outcome in job.run(plan)] == [2, 3, 4]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"keys": []}, "no_key"),
        ({"output": None}, "no_output"),
        ({"skip_existing": True, "force": True}, "keep_or_force"),
        ({"workers": 2, "ray": "auto"}, "workers_or_ray"),
        ({"every": 2}, "no_sheet"),
        ({"codec": "ffv1"}, "codec"),
        ({"confidence": Path("c"), "config": Config("paper")}, "no_confidence"),
        ({"keys": ["m.refcolor"]}, "model_settings"),
        ({"keys": ["m.refcolor"], "config": None, "device": "gpu"}, "model_gpu"),
        ({"keys": ["m.refcolor"], "save_model": Path("n.refcolor")}, "model_again"),
        ({"output": Path("full")}, "exists_some"),
    ],
)
def test_errors_name_no_option_but_carry_a_code(shot, more, code):
    list(job.run(job.prepare(request(output=None, save_model=Path("m.refcolor"), workers="auto"))))
    list(job.run(job.prepare(request(output=Path("full"), frames="1"))))
    with pytest.raises(UsageError) as caught:
        job.prepare(request(**more))
    assert code_of(caught.value) == code
    assert "--" not in str(caught.value)


def test_a_plan_closed_early_leaves_whole_files(shot):
    outcomes = job.run(job.prepare(request(report=Path("r.json"))))
    next(outcomes)
    outcomes.close()
    assert [path.name for path in Path("out").iterdir()] == ["a.1.png"]
    assert len(json.loads(Path("r.json").read_bytes())["frames"]) == 1
