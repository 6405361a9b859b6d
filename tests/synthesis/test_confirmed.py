"""Certain matches bring the source's chroma; likely ones keep the votes that agree with them."""

import numpy as np
import pytest

from refcolor.matching.optical_flow import Matches
from refcolor.matching.views import Views
from refcolor.synthesis import confirmed

SIDE = 48
SHIFT = 3.0  # pixels that the picture has moved to the left
HALF = (np.arange(SIDE) < SIDE // 2)[None, :, None].repeat(SIDE, 0)
CHROMA = np.where(HALF, (30, 10), (-20, 40)).astype(np.float32)  # two paints of one gray
GRAY = np.full((SIDE, SIDE), 120, np.float32)


def moved(error=0.1, twice=False):
    """Matches, all with this error, and the source as the lower of two views if `twice`."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    field = np.stack([np.clip(x + SHIFT, 0, SIDE - 1), y + (SIDE if twice else 0)], -1)
    return Matches(field, np.full(GRAY.shape, error, np.float32), GRAY)


def views(twice=False):
    if twice:
        return Views(np.stack([GRAY * 0, GRAY]), np.stack([CHROMA * 0, CHROMA]))
    return Views(GRAY[None], CHROMA[None])


@pytest.mark.parametrize("twice", [False, True])
def test_the_source_replaces_wrong_votes_where_the_match_is_certain(twice):
    wrong = np.full_like(CHROMA, 60)
    found = confirmed.confirm(wrong, GRAY, views(twice), moved(twice=twice))
    sure = slice(None), slice(0, 36)  # the last columns see the border of the source
    np.testing.assert_array_equal(found.ab[sure], np.roll(CHROMA, -3, axis=1)[sure])
    assert found.kept[sure].all()


def test_the_border_between_paints_of_one_gray_is_carried_over():
    found = confirmed.confirm(CHROMA, GRAY, views(), moved())
    columns = np.flatnonzero(found.border.any(0))
    assert columns.tolist() == [20, 21]  # beside the border, which lies 3 pixels left of the source's


@pytest.mark.parametrize(
    ("error", "gray"),
    [(0.8, GRAY), (0.1, GRAY + 2)],
    ids=["flow that comes back a little off", "gray a little off"],
)
def test_a_likely_match_only_keeps_votes_that_agree_with_it(error, gray):
    votes = np.roll(CHROMA, -3, axis=1)
    votes[:10] = 60
    found = confirmed.confirm(votes, gray, views(), moved(error))
    np.testing.assert_array_equal(found.ab, votes)
    assert not found.kept[:10].any()
    assert found.kept[10:, :36].all()


@pytest.mark.parametrize(
    ("error", "gray"), [(np.inf, GRAY), (2.0, GRAY), (0.1, GRAY + 5)], ids=["no flow", "error", "gray"]
)
def test_nothing_else_is_confirmed(error, gray):
    found = confirmed.confirm(CHROMA, gray, views(), moved(error))
    np.testing.assert_array_equal(found.ab, CHROMA)
    assert not found.kept.any()
    assert not found.border.any()


def test_matches_that_tear_the_picture_apart_confirm_nothing():
    matches = moved()
    matches.best[...] = np.random.default_rng(0).uniform(0, SIDE - 1, matches.best.shape)
    assert not confirmed.confirm(CHROMA, GRAY, views(), matches).kept.any()
