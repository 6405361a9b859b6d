"""A small drawn picture and a colorizer trained on it for one epoch, a shot, and the command on both."""

import os
import re
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from scenes import held, make

from refcolor import Colorizer, Config
from refcolor.cli import app
from refcolor.files import images


def pytest_configure(config):
    """Give each process of pytest-xdist its share of the cores, two at least: they do not crowd."""
    worker = getattr(config, "workerinput", None)
    if worker and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        share = max(2, len(cores) // worker["workercount"])
        first = int(worker["workerid"].removeprefix("gw")) * share
        os.sched_setaffinity(0, {cores[(first + i) % len(cores)] for i in range(share)})


@pytest.fixture(scope="session")
def drawn():
    """Six paints on a gradient ground, (48, 64, 3) in 8-bit steps: far more than 24 colors."""
    y, x = np.mgrid[:48, :64].astype(np.float32)
    image = np.stack([0.5 + 0.3 * y / 48, 0.6 + 0.2 * x / 64, 0.9 - 0.3 * y / 48], axis=-1)
    for i, paint in enumerate(np.random.default_rng(0).random((6, 3))):
        image[np.hypot(x - 64 * (i % 3 + 0.5) / 3, y - 24 * (i // 3 + 0.5)) < 8] = paint
    return (np.rint(image * 255) / 255).astype(np.float32)


@pytest.fixture(scope="session")
def drawn_gray(drawn):
    """The gray of the drawing, (48, 64) in 8-bit steps."""
    return cv2.cvtColor(np.rint(drawn * 255).astype(np.uint8), cv2.COLOR_RGB2GRAY).astype(np.float32) / 255


@pytest.fixture
def scene(tmp_path, monkeypatch, drawn, drawn_gray):
    """The current folder, with the drawing in ``source.png`` and its gray in ``target.png``."""
    images.write_picture(tmp_path / "source.png", drawn)
    images.write_picture(tmp_path / "target.png", drawn_gray)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def trained(drawn):
    """A colorizer that has seen the drawing once."""
    return Colorizer(Config("standard", epochs=1, device="cpu")).fit(drawn)


@pytest.fixture
def quick(trained, monkeypatch):
    """The command line with that colorizer in place of its own; counts the trainings it asks for."""
    seen = SimpleNamespace(trainings=0)

    def ready(*_, **__):
        seen.trainings += 1
        return trained, None

    monkeypatch.setattr("refcolor.render.pictures.learn", ready)
    return seen


@pytest.fixture
def call(capfd):
    """Run the command in this process: exit code, stdout lines, stderr lines (C libraries' included)."""

    def run(*words):
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            app.main([str(word) for word in words])
        # some CI services force color
        out, err = (re.sub("\x1b\\[[0-9;]*m", "", text) for text in capfd.readouterr())
        return left.value.code or 0, out.splitlines(), err.splitlines()

    return run


@pytest.fixture
def shot(tmp_path, monkeypatch):
    """The current folder, with a shot and its key."""
    make(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run_shot(call):
    """Run ``refcolor shot``; the line on the frame of lowest confidence only if asked for."""

    def run(*words, least=False):
        code, out, err = call("shot", *words)
        return code, out, [line for line in err if least or "has the lowest confidence" not in line]

    return run


@pytest.fixture
def color(run_shot):
    """Run ``refcolor shot`` without a network."""
    return lambda *words, least=False: run_shot(*words, "--preset", "quick", least=least)


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """The files of a run that nothing disturbed, by name."""
    folder = tmp_path_factory.mktemp("whole")
    make(folder)
    words = ["shot", f"{folder}/shot", "-k", f"{folder}/key.0001.png", "-o", f"{folder}/out", "-q"]
    with pytest.raises(SystemExit, match="0"):
        app.main([*words, "--preset", "quick"])
    return held(folder / "out")
