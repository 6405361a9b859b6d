"""Drawn pairs in which paints of one gray, shading, noise and fading light mislead who looks at gray alone.

Floors lie a little below what was measured when they were last set. The goal is an ok2 of 0.99 wherever the
key shows the answer, and false borders on at most 0.02 % of the pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from refcolor import Colorizer, Config
from refcolor.imaging.color import to_8bit

pytest.importorskip("resvg_py")
drawn_pairs = pytest.importorskip("drawn_pairs", reason="a source distribution has no example scene")

MAX_FALSE_BORDERS = 0.0002


class Floor(NamedTuple):
    """What a pair must reach by each preset, and the share of false borders that is allowed there."""

    quick: float
    standard: float
    borders: tuple[float, float] = (MAX_FALSE_BORDERS, MAX_FALSE_BORDERS)


FLOORS = {
    "ramp_face": Floor(0.993, 0.993),
    "hair_and_skin": Floor(0.99, 0.99),
    "ground_and_sky": Floor(0.995, 0.995),
    "bent_blouse": Floor(0.89, 0.775, (0.002, 0.0055)),  # far from the goal: nothing knows the turned figure
    "compressed_frame": Floor(0.998, 0.998),
    "compressed_key": Floor(0.985, 0.985),  # the underside of a cloud takes the color of the sky
    "fading_light": Floor(0.998, 0.85),  # the network keeps the light as yellow as it was
}


QUICKLY_CHECKED = [*((name, "quick") for name in FLOORS), ("hair_and_skin", "standard")]
CASES = [
    pytest.param(name, preset, marks=() if (name, preset) in QUICKLY_CHECKED else pytest.mark.slow)
    for name in FLOORS
    for preset in ("quick", "standard")
]


@pytest.mark.parametrize(("name", "preset"), CASES)
def test_a_drawn_pair_reaches_its_floor(name, preset):
    pair = drawn_pairs.PAIRS[name]()
    image = Colorizer(Config(preset, device="cpu")).fit(pair.key).colorize(pair.gray).image
    result, floor = to_8bit(image), FLOORS[name]
    assert drawn_pairs.ok2(result, pair.truth) >= getattr(floor, preset)
    borders = floor.borders[preset == "standard"]
    assert drawn_pairs.false_borders(result, pair.gray, pair.truth) <= borders


@pytest.mark.parametrize("name", FLOORS)
def test_a_truth_has_no_false_borders(name):
    pair = drawn_pairs.PAIRS[name]()
    assert drawn_pairs.false_borders(pair.truth, pair.gray, pair.truth) == 0
    assert drawn_pairs.ok2(pair.key, pair.truth) < 0.97  # the pair asks for something
