"""Flat regions: even ones settle, shaded and split ones stay as they are."""

import numpy as np

from refcolor.synthesis import flat_regions
from refcolor.synthesis.confirmed import Confirmed


def evidence(ab, kept=False, border=False):
    """Votes of which these pixels are kept, with these borders."""
    return Confirmed(
        ab,
        *(np.broadcast_to(np.asarray(m, bool), ab.shape[:2]) for m in (kept, kept, border)),
        ab,
        ab[..., 0],
    )


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
    np.testing.assert_allclose(flat_regions.settle(evidence(votes), noisy), ab, atol=1e-4)


def test_shaded_and_split_regions_stay_as_they_are():
    gray, _, votes = two_regions()
    shaded = gray + np.arange(60, dtype=np.float32)[:, None]
    np.testing.assert_array_equal(flat_regions.settle(evidence(votes), shaded), votes)
    thirds = votes.copy()
    thirds[:20], thirds[20:40], thirds[40:] = (30, 10), (-60, 0), (0, 60)
    np.testing.assert_array_equal(flat_regions.settle(evidence(thirds), gray), thirds)


def test_what_matches_confirm_is_not_overruled():
    gray, ab, votes = two_regions()
    kept = np.zeros(gray.shape, bool)
    kept[5:15, 5:15] = True
    np.testing.assert_array_equal(flat_regions.settle(evidence(votes, kept), gray), votes)
    np.testing.assert_allclose(flat_regions.settle(evidence(votes), gray), ab, atol=1e-4)


def test_a_border_of_the_source_divides_two_paints_of_one_gray():
    gray = np.full((60, 60), 120, np.float32)
    ab = np.where((np.arange(60) < 12)[None, :, None], (30, 10), (-20, 40)).astype(np.float32).repeat(60, 0)
    border = np.zeros(gray.shape, bool)
    border[:, 11:13] = True
    np.testing.assert_array_equal(flat_regions.settle(evidence(ab, border=border), gray), ab)
    assert (flat_regions.settle(evidence(ab), gray)[:, :12] == ab[30, 30]).all()
