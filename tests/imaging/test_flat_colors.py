"""Flat colors to the last bit on flat art, and nothing painted elsewhere."""

import cv2
import numpy as np
import pytest

from refcolor.imaging import flat_colors, merge, palette
from refcolor.imaging.color import luma, rgb_to_lab, to_8bit
from refcolor.imaging.flat_colors import FlatColors

COLORS = np.array([[230, 60, 50], [40, 90, 200], [250, 230, 120], [30, 30, 40], [90, 170, 80]], np.uint8)


TWINS = np.array([[200, 80, 60], [60, 144, 100]], np.uint8)  # their gray is 114 both


def flat(colors=COLORS, height=60, width=100):
    """Stripes of the colors, (H, W, 3) in 8 bits."""
    return np.repeat(colors[np.arange(width) * len(colors) // width][None], height, axis=0)


def smooth(eight):
    """The drawing with anti-aliased edges, in [0, 1]: drawn four times as large and shrunk."""
    large = cv2.resize(eight, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    turned = cv2.warpAffine(
        large, np.float32([[1, 0.1, 0], [0, 1, 0]]), large.shape[1::-1], borderMode=cv2.BORDER_REPLICATE
    )
    return cv2.resize(turned.astype(np.float32) / 255, eight.shape[1::-1], interpolation=cv2.INTER_AREA)


def unit(eight):
    return (eight / 255).astype(np.float32)


def gray8(rgb):
    return unit(np.rint(luma(rgb) * 255))


def tinted(rgb, by=(0.03, -0.02, 0.04)):
    """What the votes might give: near the colors, not on them."""
    return np.clip(rgb + np.float32(by), 0, 1)


def only_one(color):
    return flat_colors.find(unit(np.full((30, 30, 3), color, np.uint8)))


@pytest.mark.parametrize("draw", [unit, smooth])
def test_paints_are_those_of_a_flat_drawing(draw):
    found = flat_colors.find(draw(flat()))
    assert sorted(map(tuple, to_8bit(found.rgb))) == sorted(map(tuple, COLORS))
    np.testing.assert_allclose(found.gray, luma(found.rgb) * 255, atol=1e-3)
    np.testing.assert_allclose(found.ab, rgb_to_lab(found.rgb[None])[0, :, 1:], atol=1e-4)
    assert len(found) == len(COLORS)


def test_what_is_not_flat_has_no_paints():
    rng = np.random.default_rng(0)
    noisy = np.clip(unit(flat()) + rng.normal(0, 0.03, (60, 100, 3)), 0, 1).astype(np.float32)
    y, x = np.mgrid[:60, :100].astype(np.float32)
    gradient = np.stack([x / 100, y / 60, (x + y) / 160], axis=-1)
    for picture in (noisy, gradient):
        found = flat_colors.find(picture)
        assert len(found) == 0
        image, painted = flat_colors.apply(picture, luma(picture), found)
        assert image is picture
        assert not painted.any()


def test_a_rare_color_and_a_thin_line_are_no_paints():
    drawing = flat(height=300, width=300)
    drawing[100:103, 100:103] = 7, 7, 200  # one flat pixel of 90000
    drawing[200:202] = 1, 2, 3  # two pixels wide
    assert sorted(map(tuple, to_8bit(flat_colors.find(unit(drawing)).rgb))) == sorted(map(tuple, COLORS))


def test_flat_regions_get_their_paint_to_the_bit():
    truth = flat()
    image, painted = flat_colors.apply(tinted(unit(truth)), gray8(unit(truth)), flat_colors.find(unit(truth)))
    assert painted.all()
    np.testing.assert_array_equal(to_8bit(image), truth)


def test_between_two_paints_lies_a_blend_of_the_gray_asked_for():
    truth = smooth(flat())
    gray = luma(truth)
    image, painted = flat_colors.apply(tinted(truth), gray, flat_colors.find(truth))
    flat_part = (to_8bit(truth)[:, :, None] == COLORS).all(-1).any(-1)
    assert painted[flat_part].mean() > 0.95
    assert (to_8bit(image) == to_8bit(truth)).all(-1)[
        painted
    ].mean() > 0.99  # a blend may have a paint's gray
    assert np.abs(luma(image) - gray).max() * 255 < 1
    assert 0.01 < (~painted).mean() < 0.2
    for at in np.flatnonzero(~painted[30]):
        left, right = image[30, np.flatnonzero(painted[30, :at])[-1]], image[30, at:][painted[30, at:]][0]
        share = (image[30, at] - left) @ (right - left) / ((right - left) ** 2).sum()
        assert 0 <= share <= 1
        np.testing.assert_allclose(image[30, at], left + share * (right - left), atol=1e-5)


def test_a_split_region_goes_to_the_majority():
    """Two paints of one gray: seven tenths of the votes carry the region, but not a mere quarter of it."""
    source = unit(flat(TWINS))
    known = flat_colors.find(source)
    gray = np.full((40, 50), 114 / 255, np.float32)
    for winner in (0, 1):
        voted = np.repeat(unit(TWINS[[1 - winner]])[None], 40 * 50, axis=1).reshape(40, 50, 3)
        voted[:, :35] = unit(TWINS[winner])
        image, painted = flat_colors.apply(voted, gray, known)
        assert painted.all()
        assert (to_8bit(image) == TWINS[winner]).all()
        voted[:, 12:] = 114 / 255  # most votes are for neither
        image, painted = flat_colors.apply(voted, gray, known)
        assert not painted.any()
        assert image is voted


def test_bands_of_soft_shading_are_no_paints():
    """A sky whose gray rises by a level every few rows: each row is flat, but there is no paint in it."""
    height = 400
    sky = np.repeat(np.linspace((80, 150, 210), (200, 220, 230), height)[:, None], 300, axis=1)
    assert len(flat_colors.find(unit(np.rint(sky)))) == 0
    scene = np.rint(sky).astype(np.uint8)
    scene[:, :200] = flat(height=height, width=200)
    assert sorted(map(tuple, to_8bit(flat_colors.find(unit(scene)).rgb))) == sorted(map(tuple, COLORS))
    scene = np.rint(sky).astype(np.uint8)
    scene[:, :100] = flat(height=height, width=100)
    assert len(flat_colors.find(unit(scene))) == 0  # mostly painted: no flat art


def test_sure_pixels_and_borders_keep_the_majority_out():
    """Two paints of one gray, a small part of the second."""
    known = flat_colors.find(unit(flat(TWINS)))
    gray = np.full((40, 50), 114 / 255, np.float32)
    truth = np.full((40, 50, 3), TWINS[0], np.uint8)
    truth[:, 40:] = TWINS[1]
    small, border = np.zeros(gray.shape, bool), np.zeros(gray.shape, bool)
    small[:, 40:], border[:, 39:41] = True, True
    for extra in ({"kept": small}, {"border": border}):
        image, painted = flat_colors.apply(tinted(unit(truth)), gray, known, **extra)
        assert painted.all()
        np.testing.assert_array_equal(to_8bit(image), truth)
    image, _ = flat_colors.apply(tinted(unit(truth)), gray, known)
    assert (to_8bit(image) == TWINS[0]).all()


@pytest.mark.parametrize("label", [0, 1])
def test_the_network_decides_a_tie(label):
    source = unit(flat(TWINS))
    colors = palette.fit(source, 2, space="lab", seed=0)
    wanted = colors.labels(unit(TWINS)[None])[0, label]
    expected = np.full((8, 10, 2), 0.1, np.float32)
    expected[..., wanted] = 0.9
    voted = source[:40, 25:75].copy()  # half and half
    gray = np.full((40, 50), 114 / 255, np.float32)
    image, painted = flat_colors.apply(voted, gray, flat_colors.find(source), expected, colors)
    assert painted.all()
    assert (to_8bit(image) == TWINS[label]).all()


def test_regions_of_one_gray_are_decided_apart():
    source = unit(flat(TWINS))
    gray = np.full((40, 51), 114 / 255, np.float32)
    gray[:, 24:27] = 0.1
    voted = unit(flat(TWINS, 40, 51))
    image, painted = flat_colors.apply(voted, gray, flat_colors.find(source))
    np.testing.assert_array_equal(painted, gray > 0.2)
    assert (to_8bit(image)[:, :24] == TWINS[0]).all()
    assert (to_8bit(image)[:, 27:] == TWINS[1]).all()


@pytest.mark.parametrize("off", [-2, 0, 2])
def test_no_paint_without_its_gray(off):
    color = np.array([200, 80, 60], np.uint8)
    gray = np.full((30, 30), (114 + off) / 255, np.float32)
    voted = np.full((30, 30, 3), color / 255, np.float32)
    image, painted = flat_colors.apply(voted, gray, only_one(color))
    assert painted.all() == painted.any() == (off == 0)
    assert (image is voted) == (off != 0)


def test_no_paint_of_quite_another_color():
    voted = np.full((30, 30, 3), TWINS[1] / 255, np.float32)
    _, painted = flat_colors.apply(voted, luma(voted), only_one(TWINS[0]))
    assert not painted.any()


def test_a_target_with_shading_is_not_painted():
    y, x = np.mgrid[:60, :100].astype(np.float32)
    gray = unit(np.rint(60 + x + y))
    _, painted = flat_colors.apply(np.dstack([gray] * 3), gray, flat_colors.find(unit(flat())))
    assert not painted.any()


def test_paints_have_a_length():
    none = np.zeros((0, 3), np.float32)
    assert len(FlatColors(none, none[:, :2], none[:, 0])) == 0


def test_painting_keeps_the_gray_where_a_paint_is_a_level_off():
    rgb = np.zeros((40, 40, 3), np.float32)
    rgb[:, :20], rgb[:, 20:] = np.array([200, 60, 40]) / 255, np.array([40, 90, 200]) / 255
    known = flat_colors.find(rgb)
    for shift in (0.0, 0.8):
        gray = (luma(rgb) + np.float32(shift / 255)).astype(np.float32)
        out, painted = flat_colors.apply(rgb, gray, known)
        assert painted.mean() > 0.9
        np.testing.assert_allclose(luma(out), gray, atol=0.502 / 255)


def test_shading_finer_than_8_bits_is_kept():
    rgb = np.full((40, 40, 3), np.array([200, 60, 40]) / 255, np.float32)
    known = flat_colors.find(rgb)
    for steepness in (0.4, 3):
        ramp = np.repeat(np.linspace(-steepness, steepness, 20, dtype=np.float32), 2) / 255
        gray = (luma(rgb) + ramp).astype(np.float32)
        target = merge.luma_exact(gray, np.ascontiguousarray(rgb_to_lab(rgb)[..., 1:]))
        out, _ = flat_colors.apply(target, gray, known)
        np.testing.assert_allclose(luma(out), gray, atol=2e-5)


def test_certain_pixels_become_no_blends():
    truth = smooth(flat())
    gray, votes = luma(truth), tinted(truth)
    known, nowhere = flat_colors.find(truth), np.zeros(truth.shape[:2], bool)
    blended, painted = flat_colors.apply(votes, gray, known)
    out, _ = flat_colors.apply(votes, gray, known, certain=~nowhere)
    np.testing.assert_array_equal(out[painted], blended[painted])
    np.testing.assert_array_equal(out[~painted], votes[~painted])
    assert not np.array_equal(blended[~painted], votes[~painted])


def test_a_colored_line_between_two_paints_keeps_its_color():
    rgb = np.zeros((40, 42, 3), np.float32)
    rgb[:, :20], rgb[:, 20:22], rgb[:, 22:] = np.array([[20, 20, 120], [200, 60, 40], [255, 255, 255]]) / 255
    out, _ = flat_colors.apply(rgb, luma(rgb), flat_colors.find(rgb))
    np.testing.assert_allclose(out, rgb, atol=1e-6)
