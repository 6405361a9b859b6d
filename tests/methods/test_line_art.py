"""Bare drawings, painted with a key's exact paints."""

from dataclasses import replace

import numpy as np
import pytest
from inked import PAINTS, figure, right

import refcolor
from refcolor import Colorizer, Config
from refcolor.methods.base import Target


def quick(*keys):
    return Colorizer(Config("quick")).fit(list(keys))


@pytest.fixture(scope="module")
def key():
    return figure()[0]


@pytest.fixture(scope="module")
def learned(key):
    return quick(key)


@pytest.fixture(scope="module")
def moved(learned):
    painted, drawn = figure(6, 3)
    return learned.paint(drawn), painted, drawn


def test_every_area_has_the_exact_paint_of_the_key(moved):
    result, painted, drawn = moved
    assert right(result.image, painted, drawn) > 0.98
    bare = drawn.min(-1) == 1
    levels = {tuple(c) for c in np.rint(result.image[bare] * 255).astype(int).tolist()}
    assert levels <= {*PAINTS.values(), (255, 255, 255), (0, 0, 0)}


def test_ink_is_kept_to_the_bit_and_nothing_is_left_unpainted_beside_it(moved):
    result, _, drawn = moved
    dark = drawn.max(-1) < 64 / 255
    assert np.array_equal(result.image[dark], drawn[dark])
    inside = ~result.parts.background & ~dark
    assert (result.image[inside] <= result.parts.fill[inside] + 1e-6).all()
    assert (result.parts.fill[inside] < 1).any(-1).all()


def test_the_result_has_its_parts(moved):
    result, _, drawn = moved
    parts = result.parts
    assert parts.fill.shape == drawn.shape
    assert np.array_equal(result.image[parts.ink == 0], parts.fill[parts.ink == 0])
    assert parts.background[:5].all()
    assert not parts.background[160, 130]
    assert not parts.trace.any()
    regions = result.regions
    assert regions.regions.labels.shape == drawn.shape[:2]
    assert len(regions.regions) == len(regions.confidence) == len(regions.reason)
    assert result.confidence.shape == drawn.shape[:2]
    assert 0 <= result.confidence.min() <= result.confidence.max() <= 1


@pytest.mark.parametrize("gap", [4, 8])
def test_gaps_are_closed_without_being_asked(learned, gap):
    painted, drawn = figure(6, 3, gap=gap)
    result = learned.paint(drawn)
    assert right(result.image, painted, drawn) > 0.98
    assert result.parts.background[100, 20]


@pytest.mark.parametrize("line", [{"line": 190}, {"aa": False}, {"line": 60, "gap": 5}])
def test_faint_and_binary_lines_do_as_well(learned, line):
    painted, drawn = figure(6, 3, **line)
    assert right(learned.paint(drawn).image, painted, drawn) > 0.97


def test_trace_lines_part_paints_and_vanish(learned):
    painted, drawn = figure(6, 3, trace=True)
    result = learned.paint(drawn)
    assert result.parts.trace.any()
    assert right(result.image, painted, drawn) > 0.99
    blue = result.parts.trace & (drawn.max(-1) == 1)
    levels = {tuple(c) for c in np.rint(result.image[blue] * 255).astype(int).tolist()}
    assert levels <= {PAINTS["coat"], PAINTS["shade"]}


def test_a_shade_without_a_line_is_cut_inside_its_area(moved):
    result, painted, _ = moved
    for paint in ("coat", "shade"):
        here = np.abs(painted * 255 - PAINTS[paint]).max(-1) < 0.5
        got = np.abs(result.image * 255 - PAINTS[paint]).max(-1) < 0.5
        assert (here & got).sum() > 0.93 * here.sum()


def test_two_keys_give_what_one_lacks(key):
    """A key whose shoes are hidden, and one that has them."""
    hidden = key.copy()
    hidden[195:] = 1
    painted, drawn = figure(4, 2)
    one, both = (quick(*keys).paint(drawn).image for keys in ((hidden,), (hidden, key)))
    shoes = np.abs(painted * 255 - PAINTS["shoe"]).max(-1) < 0.5
    got = [np.abs(image * 255 - PAINTS["shoe"]).max(-1) < 0.5 for image in (one, both)]
    assert (got[0] & shoes).sum() == 0
    assert (got[1] & shoes).sum() > 0.9 * shoes.sum()


def test_weights_of_keys_count(key):
    other = key.copy()
    coat = np.abs(key * 255 - PAINTS["coat"]).max(-1) < 0.5
    other[coat] = np.array([10, 160, 60], np.float32) / 255
    both, drawn = quick(key, other), figure(4, 2)[1]
    first, second = (both.paint(drawn, {0: one, 1: 1.5 - one}).image[150, 115] * 255 for one in (1.0, 0.5))
    assert first == pytest.approx(PAINTS["coat"])
    assert second == pytest.approx([10, 160, 60])


def test_the_same_by_any_way_in(learned, moved):
    drawn = moved[2]
    same = learned.colorize(Target(drawn[..., 0], drawn)).image
    assert np.array_equal(same, moved[0].image)
    assert np.array_equal(learned.paint(np.rint(drawn * 255).astype(np.uint8)).image, moved[0].image)


def test_spot_blacks_do_not_bleed():
    """A black shoe is solid ink in the drawing; at the frame's edge there is little to match."""
    (painted, drawn), (key, _) = figure(3, 18), figure(0, 16)
    for picture, at in ((painted, 219), (drawn, 219), (key, 217)):
        picture[at : at + 17, 75:158] = 0
    result = quick(key).paint(drawn)
    assert right(result.image, painted, drawn) > 0.98
    free = (drawn.min(-1) == 1) & (painted.min(-1) == 1)
    assert (result.image[free] == 1).all(-1).mean() > 0.999


def test_black_paint_that_is_no_ink_is_paint(key):
    """Black hair whose drawing shows only its outline."""
    painted, drawn = figure(3, 2)
    black = [
        np.where(np.abs(p * 255 - PAINTS["hair"]).max(-1, keepdims=True) < 0.5, 0, p) for p in (key, painted)
    ]
    result = quick(black[0].astype(np.float32)).paint(drawn)
    assert right(result.image, black[1].astype(np.float32), drawn) > 0.97


def test_a_drawing_of_another_size_takes_the_paints(learned):
    painted, drawn = figure(6, 3, size=360)
    assert right(learned.paint(drawn).image, painted, drawn) > 0.95


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_no_stroke_and_nothing_but_ink_are_refused(learned, value):
    with pytest.raises(ValueError, match="no areas between strokes"):
        learned.paint(np.full((60, 60, 3), value, np.float32))


@pytest.mark.parametrize("shape", [(240, 240), (240, 240, 4), (10, 240, 3)])
def test_what_is_no_drawing_is_refused(learned, shape):
    with pytest.raises(ValueError, match="drawing"):
        learned.paint(np.ones(shape, np.float32))


def test_dust_is_no_trouble(learned):
    painted, drawn = figure(6, 3)
    rng = np.random.default_rng(0)
    y, x = rng.integers(0, 240, (2, 1500))
    dusty = drawn.copy()
    dusty[y, x] = np.minimum(dusty[y, x], 0.3)
    assert right(learned.paint(dusty).image, painted, np.minimum(drawn, dusty)) > 0.9


@pytest.mark.slow
def test_the_embedding_helps_where_nothing_matches(key):
    trained = Colorizer(Config("standard", epochs=1, device="cpu")).fit(key)
    painted, drawn = figure(6, 3)
    result = trained.paint(drawn)
    assert right(result.image, painted, drawn) > 0.98
    again = trained.paint(drawn)
    assert np.array_equal(result.image, again.image)
    plain = Colorizer(trained.config, replace(trained.learned, labeller=None)).paint(drawn)
    assert not np.array_equal(plain.confidence, result.confidence)
    assert refcolor.colorize(key, drawn[..., 0]).parts is None
