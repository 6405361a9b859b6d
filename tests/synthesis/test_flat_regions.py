"""Flat regions: even ones settle, shaded and split ones stay as they are."""

import numpy as np

from refcolor.synthesis import flat_regions


def two_regions():
    """Gray (60, 60) of two even halves, their chroma, and votes astray in a corner of the left one."""
    gray = np.where(np.arange(60) < 30, 100, 160).astype(np.float32)[None].repeat(60, 0)
    ab = np.where((gray == 100)[..., None], (30, 10), (-20, 40)).astype(np.float32)
    votes = ab.copy()
    votes[5:15, 5:15] = (-40, -30)
    return gray, ab, votes


def test_an_even_region_settles_on_what_most_of_it_says():
    gray, ab, votes = two_regions()
    noisy = gray + np.random.default_rng(0).uniform(-1, 1, gray.shape).astype(np.float32)
    np.testing.assert_allclose(flat_regions.settle(votes, noisy), ab, atol=1e-4)


def test_shaded_and_split_regions_stay_as_they_are():
    gray, _, votes = two_regions()
    shaded = gray + np.arange(60, dtype=np.float32)[:, None]
    np.testing.assert_array_equal(flat_regions.settle(votes, shaded), votes)
    thirds = votes.copy()
    thirds[:20], thirds[20:40], thirds[40:] = (30, 10), (-60, 0), (0, 60)
    np.testing.assert_array_equal(flat_regions.settle(thirds, gray), thirds)
