"""Exact paints of a key, and its lines."""

import numpy as np
import pytest
from inked import PAINTS, figure

from refcolor.imaging import paints


def as_levels(rgb):
    return {tuple(color) for color in np.rint(rgb * 255).astype(int).tolist()}


def test_every_paint_is_found_and_the_background_is_apart():
    painted = figure()[0]
    found = paints.find(painted)
    assert set(PAINTS.values()) <= as_levels(found.rgb)
    assert (found.labels[:5] == paints.BACKGROUND).all()
    assert as_levels(found.rgb[:1]) == {(255, 255, 255)}


def test_white_paint_is_no_background():
    painted = figure()[0].copy()
    painted[150:165, 100:115] = 1
    found = paints.find(painted)
    inside = found.labels[157, 107]
    assert inside != paints.BACKGROUND
    assert np.array_equal(found.rgb[inside], [1, 1, 1])


def test_lines_are_dark_and_thin_and_shades_are_not():
    painted, drawn = figure()
    found = paints.find(painted)
    assert found.line[drawn.max(-1) < 0.1].mean() > 0.95
    assert not found.line[drawn.min(-1) == 1].any()
    assert found.rgb[found.labels[160, 155]] * 255 == pytest.approx(PAINTS["shade"])
    assert found.border.any()
    assert not (found.border & found.line).any()


def test_paint_goes_on_under_lines():
    painted, drawn = figure()
    found = paints.find(painted)
    lined = as_levels(found.rgb[found.labels[drawn.max(-1) < 0.1]])
    assert lined <= {*PAINTS.values(), (255, 255, 255)}


def test_a_small_dark_spot_of_its_own_color_is_a_paint():
    painted = figure()[0].copy()
    painted[70:75, 110:115] = np.array([90, 30, 30], np.float32) / 255
    assert (90, 30, 30) in as_levels(paints.find(painted).rgb)


def test_neighbors_are_paints_that_meet_without_a_line():
    found = paints.find(figure()[0])
    number = {tuple(np.rint(c * 255).astype(int)): i for i, c in enumerate(found.rgb) if i}
    meet = found.neighbors
    assert meet[number[PAINTS["coat"]], number[PAINTS["shade"]]] > 50
    assert meet[number[PAINTS["coat"]], number[PAINTS["skin"]]] == 0
    assert np.array_equal(meet, meet.T)


def test_several_keys_share_one_numbering():
    one, other = figure()[0], figure(5)[0].copy()
    other[210:216, 130:150] = [0, 1, 0]
    first, second = paints.join([paints.find(one), paints.find(other)])
    assert np.array_equal(first.rgb, second.rgb)
    for key, painted in ((first, one), (second, other)):
        free = ~key.line & (np.abs(key.rgb[key.labels] - painted).max(-1) == 0)
        assert free.mean() > 0.9
    assert paints.join([paints.find(one)])[0].rgb.shape == paints.find(one).rgb.shape


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_one_color_alone_is_a_background(value):
    found = paints.find(np.full((40, 40, 3), value, np.float32))
    assert (found.labels == paints.BACKGROUND).all()
    assert np.allclose(found.rgb[0], np.rint(value * 255) / 255)


def test_solid_areas_of_the_color_of_lines_are_paint_or_ink_as_drawings_have_them():
    painted = figure()[0].copy()
    painted[201:219, 75:106] = 0
    for solid in (False, True):
        found = paints.find(painted, solid=solid)
        assert found.line[210, 90] == solid
        assert ((0, 0, 0) in as_levels(found.rgb)) == (not solid)
