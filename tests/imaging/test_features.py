"""Edges, corners and planes on drawings whose answer is known."""

import cv2
import numpy as np
import pytest

from refcolor.config import Config
from refcolor.imaging import features

CONFIG = Config("paper")


def square(shape=(96, 120), paint=0.8):
    image = np.zeros(shape, np.float32)
    image[30:70, 40:90] = paint
    return image


def test_edges_run_along_the_square_and_nowhere_else():
    edge = features.edges(square(), CONFIG)
    assert set(np.unique(edge)) == {0, 1}
    y, x = np.nonzero(edge)
    outside = np.maximum.reduce([30 - y, y - 69, 40 - x, x - 89])
    assert np.abs(outside).max() <= 2
    assert edge[50, 38:42].any()
    assert edge[50, 87:92].any()


def test_edges_are_cannys_on_the_blurred_8_bit_gray():
    rng = np.random.default_rng(0)
    gray = rng.random((60, 70), np.float32)
    blurred = cv2.GaussianBlur(np.rint(gray * 255).astype(np.uint8), (0, 0), 1.0)
    np.testing.assert_array_equal(features.edges(gray, CONFIG) * 255, cv2.Canny(blurred, 20, 80))


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_a_flat_picture_has_neither_edges_nor_corners(value):
    flat = np.full((50, 60), value, np.float32)
    assert not features.edges(flat, CONFIG).any()
    points, responses = features.corners(flat, CONFIG)
    assert points.shape == (0, 2)
    assert responses.shape == (0,)


def soft(image):
    """A little blur: on a perfect step neighboring scores tie, and ties suppress each other."""
    return cv2.GaussianBlur(image, (0, 0), 0.7)


def test_corners_lie_at_the_squares_corners():
    points, responses = features.corners(soft(square()), CONFIG)
    assert len(points) == len(responses) >= 4
    expected = np.array([(40, 30), (89, 30), (40, 69), (89, 69)])
    nearest = np.linalg.norm(points[:, None] - expected, axis=-1)
    assert nearest.min(0).max() <= 2  # each corner is found
    assert nearest.min(1).max() <= 3  # and nothing else
    assert (responses > CONFIG.fast_threshold - 1).all()


def test_the_threshold_decides_what_is_a_corner():
    faint = soft(square(paint=18 / 255))
    low, high = (Config("paper", fast_threshold=t) for t in (10, 20))
    assert len(features.corners(faint, low)[0])
    assert not len(features.corners(faint, high)[0])


def test_drawn_corners_are_discs_of_fasts_circle():
    drawn = features.draw_corners(np.array([[20.0, 10.0]], np.float32), (40, 50))
    y, x = np.nonzero(drawn)
    assert drawn.max() == 1
    assert np.hypot(x - 20, y - 10).max() <= features.FAST_RADIUS + 0.5
    assert drawn[10, 17:24].all()


def test_planes_are_reduced_by_area():
    gray = square()
    found = features.extract(gray, (60, 48), CONFIG)
    assert found.planes.shape == (48, 60, 3)
    assert found.planes.dtype == np.float32
    expected = gray.reshape(48, 2, 60, 2).mean((1, 3))
    np.testing.assert_allclose(found.planes[..., 0], expected, atol=1e-6)
    expected = found.edges.reshape(48, 2, 60, 2).mean((1, 3))
    np.testing.assert_allclose(found.planes[..., 1], expected, atol=1e-6)
    assert found.planes.min() >= 0
    assert found.planes.max() <= 1
