"""Clips shared by the tests of videos."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from clips import make


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def clip(folder: Path) -> Path:
    """H.264 with B-frames, uneven times and two sounds."""
    times = [480, 1481, 2482, 4484, 5485, 7487, *range(8488, 8488 + 1001 * 14, 1001)]
    return make(
        folder / "clip.mp4", "libx264", "yuv420p", 20, times=times, base=Fraction(1, 24000), turn=90,
        sounds=("aac", "ac3"), tags=(1, 1, 1, 1), aspect=Fraction(4, 3), options={"g": "6"},
    )  # fmt: skip
