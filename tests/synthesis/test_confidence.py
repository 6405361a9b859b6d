"""Confidence: each reason to doubt a pixel lowers it."""

import numpy as np

from refcolor.synthesis import confidence
from refcolor.synthesis.search import Synthesis


def synthesis(cost=0, share=1.0, ab=(0, 0), shape=(30, 40)):
    return Synthesis(
        np.full((*shape, 2), ab, np.float32),
        np.full(shape, share, np.float32),
        np.zeros((*shape, 2), np.int32),
        np.full(shape, cost, np.int32),
    )


def trust(result, error=np.inf, expected=None):
    if expected is not None:
        expected = np.full((*result.share.shape, 2), expected, np.float32)
    return confidence.estimate(result, np.full(result.share.shape, error, np.float32), expected)


def test_confidence_is_a_share():
    rng = np.random.default_rng(0)
    wild = Synthesis(
        rng.normal(0, 50, (30, 40, 2)).astype(np.float32),
        rng.random((30, 40), np.float32),
        np.zeros((30, 40, 2), np.int32),
        rng.integers(0, 200_000, (30, 40), np.int32),
    )
    error = rng.choice([0, 1, np.inf], (30, 40)).astype(np.float32)
    for expected in (None, rng.normal(0, 50, (30, 40, 2)).astype(np.float32)):
        found = confidence.estimate(wild, error, expected)
        assert found.shape == (30, 40)
        assert found.dtype == np.float32
        assert found.min() >= 0
        assert found.max() <= 1


def test_a_perfect_match_is_fully_trusted_and_a_void_one_not_at_all():
    assert trust(synthesis()).min() > 0.999
    assert trust(synthesis(cost=500_000, share=0)).max() < 0.001


def test_each_reason_to_doubt_lowers_trust():
    good = trust(synthesis(cost=2000, share=0.9), expected=(0, 0)).mean()
    assert trust(synthesis(cost=9000, share=0.9), expected=(0, 0)).mean() < good - 0.1
    assert trust(synthesis(cost=2000, share=0.5), expected=(0, 0)).mean() < good - 0.1
    assert trust(synthesis(cost=2000, share=0.9), expected=(60, 0)).mean() < good - 0.1
    assert trust(synthesis(cost=2000, share=0.9), error=0.1, expected=(0, 0)).mean() > good
