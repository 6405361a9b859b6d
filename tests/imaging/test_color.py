"""Luma, CIELAB and 8 bits."""

import numpy as np
import pytest

from refcolor.imaging import color
from refcolor.imaging.color import lab_to_rgb, luma, rgb_to_lab, to_8bit


def test_luma_is_bt601_and_never_above_1():
    colors = np.eye(3, dtype=np.float32)
    np.testing.assert_allclose(luma(colors), [0.299, 0.587, 0.114])
    assert luma(np.ones((40, 50, 3), np.float32)).max() <= 1


def test_8_bits_are_rounded_and_clipped():
    np.testing.assert_array_equal(to_8bit(np.float32([-1, 0.5 / 255 + 1e-4, 0.998, 2])), [0, 1, 254, 255])


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros(3, np.uint8), "not uint8"),
        (np.float32([np.nan]), "not finite"),
        (np.float32([np.inf]), "not finite"),
    ],
)
def test_what_cannot_be_rounded_is_refused(image, message):
    with pytest.raises(ValueError, match=message):
        to_8bit(image)


def test_lab_there_and_back():
    rgb = np.random.default_rng(0).random((20, 30, 3), np.float32)
    np.testing.assert_allclose(lab_to_rgb(rgb_to_lab(rgb)), rgb, atol=4e-3)
    np.testing.assert_allclose(rgb_to_lab(np.ones((1, 1, 3), np.float32))[0, 0], [100, 0, 0], atol=0.05)


def test_numbers_of_colors_stand_for_them():
    levels = np.random.default_rng(0).integers(0, 256, (50, 3)).astype(np.uint8)
    codes = color.pack(levels)
    assert codes[0] == int.from_bytes(levels[0].tobytes(), "big")
    assert np.array_equal(np.rint(color.unpack(codes) * 255), levels)


def test_the_commonest_color_is_the_median_of_its_kind():
    many = np.array([[200, 100, 50], [201, 101, 51], [202, 102, 52]], np.uint8)
    few = np.array([[10, 10, 10], [250, 0, 0]], np.uint8)
    assert color.commonest(np.concatenate([few, many]), 4).tolist() == [201, 101, 51]
