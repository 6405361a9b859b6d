"""Confidence: a chance, raised by each reason and lowered by each doubt."""

from dataclasses import replace

import numpy as np
import pytest

from refcolor.imaging import chroma_odds
from refcolor.matching.optical_flow import Matches
from refcolor.synthesis import confidence
from refcolor.synthesis.confirmed import Confirmed
from refcolor.synthesis.search import Synthesis

SHAPE = (30, 40)
AB = np.full((*SHAPE, 2), (20, 10), np.float32)
GRAY = np.full(SHAPE, 120, np.float32)
ONE_PAINT = chroma_odds.learn(GRAY, AB)
TWO_PAINTS = chroma_odds.learn(np.tile(GRAY, (2, 1)), np.concatenate([AB, AB - 60]))


def synthesis(cost=0, share=1.0, ab=AB):
    cells = np.zeros((*SHAPE, 2), np.int32)
    return Synthesis(ab, np.full(SHAPE, share, np.float32), cells, np.full(SHAPE, cost, np.int32))


def trust(result=None, error=0.1, source_ab=AB, residual=0.5, odds=ONE_PAINT, network=None):
    nowhere = np.zeros(SHAPE, bool)
    evidence = Confirmed(AB, nowhere, nowhere, nowhere, source_ab, np.full(SHAPE, residual, np.float32))
    matches = Matches(np.zeros_like(AB), np.full(SHAPE, error, np.float32), GRAY)
    assent = None if network is None else np.full(SHAPE, network, np.float32)
    found = confidence.reasons(AB, result or synthesis(), evidence, matches, odds, assent)
    assert found.shape == (*SHAPE, len(confidence.REASONS))
    assert found.dtype == np.float32
    assert 0 <= found.min() <= found.max() <= 1
    return float(confidence.estimate(found, network=network is not None).mean())


DOUBTS = {
    "unlike patches": {"result": synthesis(cost=50_000)},
    "votes that differ": {"result": synthesis(share=0.4)},
    "decided against the votes": {"result": synthesis(ab=AB - 60)},
    "flow that does not return": {"error": 5.0},
    "another color at the match": {"source_ab": AB - 60},
    "another gray at the match": {"residual": 20.0},
    "two paints of one gray": {"odds": TWO_PAINTS},
}


@pytest.mark.parametrize("doubt", DOUBTS)
def test_each_doubt_lowers_confidence(doubt):
    assert trust(**DOUBTS[doubt]) < trust() - 0.0005


def test_a_network_that_expects_another_color_lowers_it():
    assert trust(network=0.0) < trust(network=1.0) - 0.0005


@pytest.mark.parametrize("network", [None, 1.0])
def test_all_reasons_make_it_sure_and_none_makes_it_doubtful(network):
    assert trust(network=network) > 0.98
    against = synthesis(cost=500_000, share=0, ab=AB - 60)
    doubtful = trust(against, np.inf, AB - 60, np.inf, TWO_PAINTS, network and 0.0)
    assert doubtful < 0.3


def test_no_flow_and_no_match_are_no_error():
    lost = replace(synthesis(), share=np.zeros(SHAPE, np.float32))
    assert 0 < trust(lost, np.inf, AB, np.inf) < trust()


def test_no_reason_counts_against_a_color():
    for weights in confidence.WEIGHTS.values():
        assert len(weights) == 1 + len(confidence.REASONS)
        assert min(weights[1:]) >= 0
