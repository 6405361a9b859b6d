"""Segments of a drawing: no stroke among them, and none that leaks through a gap."""

import numpy as np
import pytest
from inked import figure

from refcolor.imaging import ink
from refcolor.regions import line_segments


@pytest.mark.parametrize("gap", [0, 6])
def test_a_gap_joins_no_two_sides(gap):
    stroke = ink.find(figure(gap=gap)[1]).stroke
    segments = line_segments.cut(stroke)
    assert ((segments < 0) == stroke).all()
    assert segments[150, 110] != segments[20, 20]
    assert np.array_equal(np.unique(segments[segments >= 0]), np.arange(segments.max() + 1))


def test_a_gap_is_a_short_link_and_a_stroke_none():
    count = {}
    for gap in (0, 6):
        segments = line_segments.cut(ink.find(figure(gap=gap)[1]).stroke)
        ones = np.ones((2, *segments.shape), np.float32)
        pairs, length = line_segments.links(segments, ones)
        inside, outside = sorted((segments[150, 110], segments[20, 20]))
        count[gap] = length[(pairs == [inside, outside]).all(1)].sum()
    assert count[0] == 0
    assert 0 < count[6] <= 14


def test_small_areas_are_kept():
    stroke = np.zeros((60, 60), bool)
    stroke[20:24, 20:24] = True
    stroke[21, 21] = False
    segments = line_segments.cut(stroke)
    assert segments[21, 21] >= 0
    assert segments[21, 21] != segments[0, 0]


def test_a_guide_cuts_segments_and_links_count_weights():
    segments = np.zeros((4, 6), np.int32)
    segments[:, 5] = -1
    guide = np.zeros((4, 6), np.int32)
    guide[:, 3:] = 1
    pieces = line_segments.divided(segments, guide)
    assert pieces.max() == 1
    assert (pieces[:, 5] == -1).all()
    pairs, weight = line_segments.links(pieces, np.full((2, 4, 6), 0.5, np.float32))
    assert pairs.tolist() == [[0, 1]]
    assert weight.tolist() == [2.0]
