"""A small drawn picture, its gray, and a colorizer trained on it for one epoch."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from refcolor import Colorizer, Config
from refcolor.files import images


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

    monkeypatch.setattr("refcolor.render.learning.learn", ready)
    return seen
