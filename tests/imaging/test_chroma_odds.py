"""Chroma odds: all of a gray for one paint, shares of it for several."""

import numpy as np

from refcolor.imaging import chroma_odds

RED, BLUE, GREEN = (60.0, 40.0), (10.0, -60.0), (-60.0, 50.0)


def test_paints_of_one_gray_share_it_and_another_has_its_own():
    gray = np.repeat(np.array([100, 100, 100, 180], np.float32), 500)
    ab = np.repeat(np.array([RED, RED, BLUE, GREEN], np.float32), 500, axis=0)
    odds = chroma_odds.learn(gray, ab)
    asked = np.array([[100, 100, 180, 180]], np.float32)
    found = odds.share(asked, np.array([[RED, BLUE, GREEN, RED]], np.float32))
    np.testing.assert_allclose(found[0], [2 / 3, 1 / 3, 1, 0], atol=0.02)


def test_a_gray_a_little_off_counts_as_the_same_and_one_never_seen_as_none():
    odds = chroma_odds.learn(np.full(1000, 100, np.float32), np.full((1000, 2), RED, np.float32))
    found = odds.share(np.array([[103, 150]], np.float32), np.full((1, 2, 2), RED, np.float32))
    np.testing.assert_allclose(found[0], [1, 0], atol=0.02)


def test_odds_are_shares_whatever_the_input():
    rng = np.random.default_rng(0)
    gray, ab = rng.uniform(-20, 300, (40, 50)), rng.normal(0, 90, (40, 50, 2))
    found = chroma_odds.learn(gray, ab).share(gray, ab)
    assert found.shape == (40, 50)
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 1
