"""Sizes and places of pixels, by hand."""

import numpy as np

from refcolor.imaging import geometry


def test_resize_enlarges_linearly():
    small = np.array([[0, 1]], np.float32)
    np.testing.assert_allclose(geometry.resize(small, (4, 1)), [[0, 0.25, 0.75, 1]])


def test_warp_samples_between_pixels_and_clamps_to_the_borders():
    image = np.array([[0, 1], [2, 3]], np.float32)
    field = np.array([[[0.5, 0], [0, 0.5], [-3, 0], [9, 9]]], np.float32)
    np.testing.assert_allclose(geometry.warp(image, field), [[0.5, 1, 0, 3]])


def test_positions_are_halves_of_the_longer_side_from_the_center():
    position = geometry.relative_position(np.array([0, 2, 4]), np.array([0, 1, 2]), (3, 5))
    np.testing.assert_allclose(position, [[-0.8, -0.4], [0, 0], [0.8, 0.4]], atol=1e-6)


def test_grid_cells_hold_their_pixels():
    rows, columns = geometry.grid_cells(np.array([0, 59]), np.array([0, 79]), (60, 80), (6, 8, 3))
    assert (rows.tolist(), columns.tolist()) == ([0, 5], [0, 7])
