"""The report's network, layer by layer, and the window of the dense one."""

import keras
import numpy as np
import pytest

from refcolor.networks import architectures


@pytest.fixture(scope="module")
def patch():
    return architectures.patch_network(24, seed=0)


def test_the_stages_have_the_reports_shapes(patch):
    pooled = [
        tuple(layer.output.shape[1:])
        for layer in patch.layers
        if isinstance(layer, keras.layers.MaxPooling2D)
    ]
    assert pooled == [(15, 15, 16), (8, 8, 32), (4, 4, 64), (2, 2, 128)]
    dense = [layer.units for layer in patch.layers if isinstance(layer, keras.layers.Dense)]
    assert dense == [256, 256, 24]
    assert patch.input_shape == (None, 29, 29, 3)
    assert patch.output_shape == (None, 24)


def test_the_parameters_add_up(patch):
    convolutions = sum(9 * i * o + o for i, o in ((3, 16), (16, 32), (32, 64), (64, 128)))
    normalization = 4 * (16 + 32 + 64 + 128)
    connected = sum(i * o + o for i, o in ((512, 256), (256, 256), (256, 24)))
    assert patch.count_params() == convolutions + normalization + connected == 301_688


def test_weights_start_truncated_normal_and_biases_zero(patch):
    for layer in patch.layers:
        if not isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            continue
        kernel, bias = layer.get_weights()
        assert not bias.any()
        assert np.abs(kernel).max() <= 2 * 0.02 * (1 + 1e-6)
        if kernel.size > 4000:
            assert kernel.std() == pytest.approx(0.02 * 0.8796, rel=0.05)  # what truncation leaves of sigma


def test_dropout_is_a_half_after_both_wide_layers(patch):
    rates = [layer.rate for layer in patch.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [0.5, 0.5]
    order = [type(layer).__name__ for layer in patch.layers]
    assert order[1:5] == ["Conv2D", "BatchNormalization", "ReLU", "MaxPooling2D"]


def test_the_seed_decides_the_weights(patch):
    same, other = architectures.patch_network(24, seed=0), architectures.patch_network(24, seed=1)
    np.testing.assert_array_equal(patch.get_weights()[0], same.get_weights()[0])
    assert not np.array_equal(patch.get_weights()[0], other.get_weights()[0])


def test_the_dense_network_sees_29_pixels_and_no_more():
    model = architectures.dense_network(5, seed=0)
    rng = np.random.default_rng(0)
    picture = rng.random((1, 49, 49, 5), np.float32)
    before = model.predict_on_batch(picture)
    assert before.shape == (1, 21, 21, 5)
    center = before[0, 10, 10]

    def changed(y, x):
        other = picture.copy()
        other[0, y, x] += 5
        return not np.array_equal(model.predict_on_batch(other)[0, 10, 10], center)

    # output pixel (10, 10) stands on input pixel (24, 24) and sees 24 - 14 .. 24 + 14
    assert changed(10, 10)
    assert changed(38, 38)
    assert not changed(9, 24)
    assert not changed(24, 39)
