import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import luma_exact as slow_luma_exact

from refcolor.imaging.color import luma as luma_of
from refcolor.imaging.color import rgb_to_lab
from refcolor.imaging.merge import luma_exact, plain_lab


def random_rgb(shape=(23, 31), seed=0):
    return np.random.default_rng(seed).random((*shape, 3), np.float32)


def wild(shape, spread, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random(shape, np.float32), rng.uniform(-spread, spread, (*shape, 2)).astype(np.float32)


def gray8(rgb):
    return cv2.cvtColor(np.rint(rgb * 255).astype(np.uint8), cv2.COLOR_RGB2GRAY).astype(int)


@pytest.mark.parametrize("spread", [60, 128, 1e4])
def test_luma_is_exact_for_any_chroma(spread):
    luma, ab = wild((64, 65), spread)
    luma[0, ::2], luma[0, 1::2] = 0, 1
    luma = np.rint(luma * 255).astype(np.float32) / 255
    rgb = luma_exact(luma, ab)
    assert rgb.dtype == np.float32
    assert rgb.min() >= 0
    assert rgb.max() <= 1
    np.testing.assert_allclose(rgb @ np.array([0.299, 0.587, 0.114]), luma, atol=1e-6)
    assert np.abs(gray8(rgb) - np.rint(luma * 255)).max() <= 1
    np.testing.assert_array_equal(rgb[0, ::2], 0)
    np.testing.assert_array_equal(rgb[0, 1::2], 1)


def test_true_chroma_gives_the_true_color():
    rgb = random_rgb((100, 100))
    got = luma_exact(luma_of(rgb), rgb_to_lab(rgb)[..., 1:].copy())
    # OpenCV reads RGB -> Lab from a coarse table: about 0.01 at worst in the darkest colors
    assert 10 * np.log10(1 / np.mean((got - rgb) ** 2)) > 59
    assert np.abs(got - rgb).max() < 0.02


def test_gray_stays_gray():
    luma = np.linspace(0, 1, 300, dtype=np.float32).reshape(3, 100)
    np.testing.assert_allclose(
        luma_exact(luma, np.zeros((3, 100, 2), np.float32)), luma[..., None].repeat(3, 2), atol=2e-4
    )


def test_matches_the_slow_twin():
    luma, ab = wild((60, 61), 110)
    np.testing.assert_allclose(
        luma_exact(luma, ab), slow_luma_exact(luma, ab), atol=3e-4
    )  # a twelfth of an 8-bit level


@settings(deadline=None, max_examples=60)
@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    spread=st.sampled_from([1.0, 40.0, 90.0]),
    seed=st.integers(0, 9999),
)
def test_small_pictures_match_the_slow_twin(height, width, spread, seed):
    luma, ab = wild((height, width), spread, seed)
    before = luma.copy(), ab.copy()
    got = luma_exact(luma, ab)
    np.testing.assert_allclose(got, slow_luma_exact(luma, ab), atol=3e-4)
    np.testing.assert_array_equal(luma, before[0])
    np.testing.assert_array_equal(ab, before[1])


def test_outside_the_gamut_chroma_gives_way_along_a_straight_line():
    luma = np.full((1, 2), 0.5, np.float32)
    ab = np.array([[[70, -90], [60, -77.142857]]], np.float32)  # one hue
    rgb = luma_exact(luma, ab)
    assert (rgb.max(-1) == 1).all() or (rgb.min(-1) == 0).all()
    np.testing.assert_allclose(rgb, slow_luma_exact(luma, ab), atol=3e-4)


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (41, 7)])
def test_threads_do_not_change_a_bit(shape):
    luma, ab = wild(shape, 100)
    one = luma_exact(luma, ab, threads=1)
    for threads in (2, 7, None):
        np.testing.assert_array_equal(luma_exact(luma, ab, threads=threads), one)


def test_strided_input_is_taken_as_it_is():
    luma, ab = wild((10, 12), 80)
    np.testing.assert_array_equal(luma_exact(luma[::2, ::3], ab[::2, ::3]), luma_exact(luma, ab)[::2, ::3])


def test_plain_lab_takes_l_from_gray_and_ab_from_the_palette():
    # A pastel palette, so that nothing is clipped
    rgb = 0.4 + 0.2 * random_rgb()
    gray = luma_of(0.4 + 0.2 * random_rgb(seed=1))
    lab = rgb_to_lab(plain_lab(gray, rgb))
    np.testing.assert_allclose(lab[..., 1:], rgb_to_lab(rgb)[..., 1:], atol=0.5)
    np.testing.assert_allclose(lab[..., 0], rgb_to_lab(gray[..., None].repeat(3, 2))[..., 0], atol=0.3)


def test_plain_lab_loses_luma_where_luma_exact_keeps_it():
    red = np.zeros((2, 2, 3), np.float32) + np.array([1, 0, 0], np.float32)
    gray = luma_of(red)
    assert np.abs(luma_of(plain_lab(gray, red)) - gray).max() > 0.04
    assert np.abs(luma_of(luma_exact(gray, rgb_to_lab(red)[..., 1:])) - gray).max() < 1e-6


GRAY = np.full((3, 4), 0.5, np.float32)


def spoilt(array, value):
    array = array.copy()
    array.flat[-1] = value
    return array


@pytest.mark.parametrize(("merge", "planes", "name"), [(luma_exact, 2, "ab"), (plain_lab, 3, "palette_rgb")])
def test_what_both_merges_refuse(merge, planes, name):
    other = np.zeros((3, 4, planes), np.float32)
    refused = [
        (spoilt(GRAY, np.nan), other, "luma has values that are not finite"),
        (GRAY, spoilt(other, np.inf), f"{name} has values that are not finite"),
        (GRAY.astype(np.float64), other, "luma must be .* float64"),
        (GRAY, other.astype(np.float64), f"{name} must be .* float64"),
        (GRAY[0], other, "luma must be"),
        (GRAY[:0], other[:0], "luma has .* none"),
        (GRAY, other[:2], rf"{name} must be float32 \(3, 4, {planes}\)"),
        (GRAY, other[..., :1], f"{name} must be"),
        (GRAY, [0], "not list"),
    ]
    for luma, colors, message in refused:
        with pytest.raises(ValueError, match=message):
            merge(luma, colors)


@pytest.mark.parametrize("value", [-0.01, 1.01])
def test_luma_outside_its_range_is_refused(value):
    with pytest.raises(ValueError, match=r"luma must be in \[0, 1\]"):
        luma_exact(spoilt(GRAY, value), np.zeros((3, 4, 2), np.float32))


def test_negative_threads_are_refused():
    with pytest.raises(ValueError, match="threads"):
        luma_exact(GRAY, np.zeros((3, 4, 2), np.float32), threads=-1)
