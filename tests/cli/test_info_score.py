"""``score``, ``info``, ``--version``, ``--help`` and ``--debug``."""

import json

import numpy as np
import pytest

import refcolor
from refcolor.files import images
from refcolor.imaging import metrics


def test_score_is_that_of_the_library(call, scene, drawn):
    images.write_picture("result.png", np.roll(drawn, 2, axis=1))
    words = ["score", "result.png", "source.png", "--source", "target.png"]
    code, out, err = call(*words, "--json")
    result, truth, source = (images.read(name).rgb for name in ("result.png", "source.png", "target.png"))
    wanted = metrics.score(result, truth, source)
    assert (code, err) == (0, [])
    assert json.loads("\n".join(out)) == wanted
    assert call(*words)[1] == metrics.table(wanted).splitlines()
    assert 0.3 < wanted["ok5"] < 1


def test_score_takes_a_target(call, scene, drawn, drawn_gray):
    images.write_picture("gray.png", drawn_gray * 0.5)
    words = ["score", "source.png", "source.png", "--source", "source.png", "--json"]
    same, other = (json.loads("\n".join(call(*words, *more)[1])) for more in ([], ["--target", "gray.png"]))
    assert same["luma_max"] == 0
    assert other["luma_max"] > 20


def test_quick_info_starts_no_engine(call, monkeypatch):
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("started something"))
    code, out, err = call("info", "--quick")
    assert (code, err) == (0, [])
    assert any(line.startswith("threads") for line in out)
    assert not any(line.startswith("trains on") for line in out)


def test_info_names_versions_and_devices(call):
    code, out, err = call("info")
    rows = dict(line.split(maxsplit=1) for line in out if not line.startswith("trains on"))
    assert (code, err) == (0, [])
    assert rows["refcolor"] == refcolor.__version__
    assert rows["numpy"] == np.__version__
    assert "_core" in rows["extension"]
    assert {"keras", "scikit-learn", "opencv", "GPUs", "threads"} <= rows.keys()
    assert int(rows["threads"]) >= 1


def test_version(call):
    assert call("--version") == (0, [f"refcolor {refcolor.__version__}"], [])


def test_help_lists_the_options_by_panel(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    code, out, err = call("--help")
    assert (code, err) == (0, [])
    panels, title = {}, ""
    for line in out:
        if line.startswith("╭─ "):
            title = line.split()[1]
        elif line.startswith("│"):
            panels.setdefault(title, set()).update(word for word in line.split() if word.startswith("--"))
    output = {"--output", "--confidence", "--save-model", "--force", "--max-pixels", "--quiet", "--debug"}
    assert panels["Output"] == output
    assert panels["Color"] == {"--clusters", "--target"}
    assert panels["Network"] == {"--preset", "--init", "--epochs", "--device", "--seed"}
    assert "--version" in panels["Options"]
    assert any("refcolor inspect, refcolor score, refcolor info" in line for line in out)


@pytest.mark.parametrize("name", ["inspect", "score", "info"])
def test_each_command_has_its_help(call, name):
    code, out, _ = call(name, "--help")
    assert call(name, "-h")[:2] == (code, out)
    assert code == 0
    assert any(f"Usage: refcolor {name} " in line for line in out)


@pytest.mark.parametrize("debug", [False, True])
def test_debug_shows_the_traceback(call, scene, debug):
    code, _, err = call("missing.png", "target.png", *(["--debug"] if debug else []))
    assert code == 2
    assert ("Traceback (most recent call last):" in err) is debug
    assert err[-1].startswith("refcolor: there is no file")
