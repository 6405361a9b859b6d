"""Ranges of 3x3 pixels, and levels that lose specks but no edges."""

import numpy as np

from refcolor.imaging.neighborhoods import denoised, local_range


def test_the_range_is_that_of_a_pixel_and_its_neighbors():
    values = np.zeros((7, 9), np.uint8)
    values[3, 4] = 20
    found = local_range(values)
    assert (found[2:5, 3:6] == 20).all()
    assert found.sum() == 9 * 20
    planes = np.dstack([values, values * 2])
    np.testing.assert_array_equal(local_range(planes)[..., 1], found * 2)


def test_specks_go_edges_stay_and_levels_are_whole():
    gray = np.where(np.arange(12) < 6, 50.4, 300).astype(np.float32)[None].repeat(9, 0)
    speck = gray.copy()
    speck[4, 2] = -30
    found = denoised(speck)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, np.where(gray < 100, 50, 255))
