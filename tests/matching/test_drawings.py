"""Matches between drawings, on maps of the distance to their lines."""

import numpy as np
import pytest
from inked import figure

from refcolor.imaging import ink
from refcolor.matching import drawings


def strokes(*shift, **changes):
    return ink.find(figure(*shift, **changes)[1]).stroke


@pytest.mark.parametrize("size", [240, 900])
def test_a_moved_drawing_is_found_and_trusted(size, monkeypatch):
    monkeypatch.setattr(drawings, "MAX_PIXELS", 300 * 300)
    best = drawings.match(strokes(8, 4, size=size), strokes(size=size))[0]
    scale = size / 240
    near = np.s_[int(130 * scale) : int(180 * scale), int(90 * scale) : int(150 * scale)]
    y, x = np.mgrid[:size, :size]
    off = np.hypot(best.field[..., 0] - (x - 8 * scale), best.field[..., 1] - (y - 4 * scale))[near]
    assert np.median(off) < 1.5 * scale
    assert best.trust[near].mean() > 0.8
    assert best.field.dtype == best.trust.dtype == np.float32
    assert best.field.min() >= 0
    assert best.field.max() <= size - 1


def test_what_is_not_alike_is_trusted_less():
    other = strokes().copy()
    other[110:202, 55:190] = False
    other[::9] = True
    trust = [
        drawings.match(strokes(2, 1), key)[0].trust[120:190, 80:160].mean() for key in (strokes(), other)
    ]
    assert trust[0] > trust[1] + 0.2


def test_pictures_of_other_shapes_and_without_lines():
    for key in (strokes()[:200], np.zeros((50, 90), bool)):
        for match in drawings.match(strokes(), key):
            assert match.field.shape == (240, 240, 2)
            assert (match.field <= np.array(key.shape[::-1]) - 1).all()
            assert np.isfinite(match.field).all()
            assert np.isfinite(match.trust).all()
