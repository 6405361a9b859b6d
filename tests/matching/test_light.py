"""Light: what one lamp makes of another's colors, and what is no lamp at all."""

import numpy as np
import pytest

from refcolor.imaging.color import luma, rgb_to_lab
from refcolor.matching import light

SHAPE = 60, 80


@pytest.fixture
def picture():
    return np.random.default_rng(0).random((*SHAPE, 3)).astype(np.float32) * 0.7 + 0.1


@pytest.fixture
def place():
    """Every pixel matched with itself, and known to be."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    return np.stack([x, y], -1), np.zeros(SHAPE, np.float32)


def levels(rgb):
    return luma(rgb) * 255


@pytest.mark.parametrize("gain", [0.6, 0.75, 1.2])
def test_less_light_is_less_chroma(picture, place, gain):
    """As CIELAB itself has it, but for the straight piece of sRGB's curve near black."""
    dim = picture * np.float32(gain)
    found = light.compare(levels(dim), levels(picture), *place)[1]
    assert found == pytest.approx(gain ** (2.2 / 3), rel=0.01)
    a, b = (rgb_to_lab(image)[..., 1:] for image in (picture, dim))
    away = [np.abs(one - b).mean() for one in (a, a * np.float32(found))]
    assert away[1] < 0.2 * away[0]


@pytest.mark.parametrize("gain", [1.0, 0.95, 1.06])
def test_a_films_flicker_is_no_lamp(picture, place, gain):
    assert light.compare(levels(picture * np.float32(gain)), levels(picture), *place)[1] == 1


def test_haze_is_no_lamp(picture, place):
    """A gain does not explain it."""
    gray = levels(picture)
    assert light.compare(255 - gray, gray, *place)[1] == 1


def test_where_nothing_matches_nothing_is_known(picture, place):
    field, error = place[0], np.full(SHAPE, np.inf, np.float32)
    gray = levels(picture)
    assert light.compare(gray * 0.5, gray, field, error)[1] == 1
    assert light.brightness_difference(gray * 0.5, gray, field, error) is None
    seen = np.dstack([gray, rgb_to_lab(picture)[..., 1:]])
    assert light.shift(seen, seen, field, error, gray) is None


def test_how_much_brighter(picture, place):
    gray = levels(picture)
    assert light.brightness_difference(gray - 7, gray, *place) == pytest.approx(7, abs=1e-3)


def test_a_warm_lamp_is_a_shift_and_no_change_is_none(picture, place):
    warm = picture * np.float32([1.0, 0.8, 0.55])
    one, other = (np.dstack([levels(p), rgb_to_lab(p)[..., 1:]]) for p in (picture, warm))
    found = light.shift(one, other, *place, relit=one[..., 0])
    moved = one[..., 1:] + found.chroma_change(one[..., 0], one[..., 1:])
    before, after = (np.abs(ab - other[..., 1:]).mean() for ab in (one[..., 1:], moved))
    assert after < 0.35 * before
    assert np.abs(found.shift_gray(one[..., 0]) - other[..., 0]).mean() < 10 < (one - other)[..., 0].mean()
    noisy = one + np.random.default_rng(1).normal(0, 3, one.shape).astype(np.float32)
    assert light.shift(one, noisy, *place, relit=one[..., 0]) is None
