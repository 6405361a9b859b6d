"""Random tiles and cells."""

import numpy as np

from refcolor.config import Config
from refcolor.networks import augmentation


def test_tiles_have_their_shape_and_known_labels():
    rng = np.random.default_rng(0)
    stack = rng.random((2, 60, 80, 3), np.float32)
    labels = np.full((60, 80), 3, np.int32)
    config = Config("standard", init="scratch")
    planes, truth = augmentation.tile(stack, labels, (32, 24), rng, config)
    assert planes.shape == (32 + 28, 24 + 28, 5)
    assert planes.dtype == np.float32
    assert truth.shape == (32, 24)
    assert (truth == 3).all()


def test_the_same_generator_gives_the_same_tile():
    stack = np.random.default_rng(1).random((2, 60, 80, 3), np.float32)
    labels = np.arange(4800, dtype=np.int32).reshape(60, 80) % 7
    tiles = [
        augmentation.tile(
            stack, labels, (32, 32), np.random.default_rng(seed), Config("standard", init="scratch")
        )
        for seed in (5, 5, 6)
    ]
    np.testing.assert_array_equal(tiles[0][0], tiles[1][0])
    np.testing.assert_array_equal(tiles[0][1], tiles[1][1])
    assert not np.array_equal(tiles[0][0], tiles[2][0])


def test_cells_keep_their_features_and_move_a_little():
    inputs = np.random.default_rng(2).random((500, 67), np.float32)
    moved = inputs.copy()
    augmentation.jitter(moved, np.random.default_rng(3))
    np.testing.assert_array_equal(moved[:, :-3], inputs[:, :-3])
    assert 0.05 < (moved - inputs)[:, -3:-1].std() < 0.2
    assert np.abs((moved - inputs)[:, -1]).max() < 0.05
