"""Ranges of 3x3 pixels, and levels that lose specks but no edges."""

import numpy as np
import pytest

from refcolor.imaging.neighborhoods import borders, denoised, local_range, nearest


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


def test_labels_spread_to_the_nearest_pixels_without_one():
    labels = np.full((5, 9), -1, np.int32)
    labels[2, 1], labels[2, 7] = 3, 5
    found = nearest(labels)
    assert (found[:, :4] == 3).all()
    assert (found[:, 5:] == 5).all()
    assert (nearest(np.full((3, 3), -1, np.int32)) == 0).all()
    assert np.array_equal(nearest(found), found)


@pytest.mark.parametrize("seed", range(5))
def test_borders_are_those_of_the_obvious_loop(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(-1, 4, (7, 9)).astype(np.int32)
    weights = [rng.random((6, 9)), rng.random((7, 8))]
    sums, lengths = {}, {}
    for (down, right), weight in zip(((1, 0), (0, 1)), weights, strict=True):
        for y, x in np.ndindex(weight.shape):
            pair = tuple(sorted((int(labels[y, x]), int(labels[y + down, x + right]))))
            if pair[0] >= 0 and pair[0] != pair[1]:
                sums[pair] = sums.get(pair, 0) + weight[y, x]
                lengths[pair] = lengths.get(pair, 0) + 1
    pairs, total, length = borders(labels, weights)
    assert [tuple(pair) for pair in pairs.tolist()] == sorted(sums)
    np.testing.assert_allclose(total, [sums[pair] for pair in sorted(sums)])
    assert length.tolist() == [lengths[pair] for pair in sorted(sums)]


def test_one_label_has_no_borders():
    pairs, total, length = borders(np.zeros((3, 4), np.int32), [np.ones((2, 4)), np.ones((3, 3))])
    assert pairs.shape == (0, 2)
    assert len(total) == len(length) == 0
