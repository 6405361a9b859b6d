"""Regions: even areas between anti-aliased lines, textured ones, given borders, and who touches whom."""

import cv2
import numpy as np
import pytest

from refcolor.regions.segmentation import segment

SIDE = 96


def line_drawing():
    """A black circle line, anti-aliased, on white."""
    picture = np.full((SIDE, SIDE), 255, np.uint8)
    cv2.circle(picture, (48, 48), 30, 0, 3, cv2.LINE_AA)
    return picture.astype(np.float32)


def test_a_line_parts_two_regions_and_belongs_to_none():
    found = segment(line_drawing())
    assert len(found) == 2
    assert found.labels[48, 48] != found.labels[2, 2]
    assert (found.labels[line_drawing() < 200] == -1).all()
    assert (found.nearest >= 0).all()
    assert found.area.sum() == (found.labels >= 0).sum()
    np.testing.assert_allclose(found.center[found.labels[48, 48]], [48, 48], atol=1)


def test_every_pixel_on_a_line_finds_the_region_on_its_side():
    found = segment(line_drawing())
    y, x = np.mgrid[:SIDE, :SIDE]
    inside = np.hypot(x - 48, y - 48) < 28
    assert (found.nearest[inside] == found.nearest[48, 48]).all()
    outside = np.hypot(x - 48, y - 48) > 33
    assert (found.nearest[outside] == found.nearest[2, 2]).all()


def test_neighbors_know_how_strong_the_edge_between_them_is():
    gray = np.repeat(np.array([50, 60, 200], np.float32), 32)[None].repeat(SIDE, 0)
    found = segment(gray)
    left, middle, right = found.labels[50, [10, 48, 90]]
    pairs, strength = found.neighbors
    strengths = {tuple(pair): s for pair, s in zip(pairs.tolist(), strength.tolist(), strict=True)}
    assert strengths == {
        (min(left, middle), max(left, middle)): pytest.approx(10),
        (min(middle, right), max(middle, right)): pytest.approx(140),
    }
    merged = found.merged(20)
    assert len(merged) == 2
    assert merged.labels[50, 10] == merged.labels[50, 48] != merged.labels[50, 90]
    assert (merged.labels[50, 28:36] == merged.labels[50, 10]).all()
    assert (merged.labels[50, 62:66] == -1).any()


def test_a_border_that_is_given_parts_one_gray():
    gray, border = np.full((SIDE, SIDE), 120, np.float32), np.zeros((SIDE, SIDE), bool)
    assert len(segment(gray)) == 1
    border[:, 40:42] = True
    found = segment(gray, border)
    assert len(found) == 2
    assert found.neighbors[1].tolist() == [255]
    assert len(found.merged(254)) == 2


def test_soft_shading_is_one_region_and_texture_another():
    gray = np.linspace(40, 160, SIDE)[None].repeat(SIDE, 0).astype(np.float32)
    gray[48:] += np.random.default_rng(0).normal(0, 40, (48, SIDE)).astype(np.float32)
    found = segment(np.clip(gray, 0, 255))
    assert len(np.unique(found.labels[:44])) == 1
    large = np.bincount(found.nearest[56:].ravel()).max() / found.nearest[56:].size
    assert large > 0.8
    assert found.labels[10, 10] != np.bincount(found.nearest[56:].ravel()).argmax()


def test_means_are_taken_inside_of_regions_only():
    found = segment(line_drawing())
    np.testing.assert_allclose(found.mean(line_drawing()), 255)
    planes = np.dstack([line_drawing(), line_drawing() / 255])
    assert found.mean(planes).shape == (2, 2)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (29, 29)])
def test_any_picture_has_a_region(shape):
    noise = np.random.default_rng(0).integers(0, 2, shape).astype(np.float32) * 255
    found = segment(noise)
    assert len(found) >= 1
    assert (found.nearest >= 0).all()
    assert found.neighbors[0].shape[1] == 2
