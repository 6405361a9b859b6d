"""Aligning sources with a target: scale, mirror image, several sources, light."""

import numpy as np
import pytest
from drawings import gray8

from refcolor.imaging.geometry import resize
from refcolor.matching import light
from refcolor.matching.alignment import Aligner, Source


@pytest.fixture(scope="module")
def picture():
    """Smooth noise with enough sparse features, (120, 160, 3)."""
    rng = np.random.default_rng(0)
    small = rng.random((30, 40, 3), np.float32)
    return np.clip(resize(small, (160, 120)), 0, 1)


def median_error(alignment, expected_x):
    x = alignment.matches.best[30:-30, 40:-40, 0]
    return np.median(np.abs(x - expected_x[30:-30, 40:-40]))


def test_a_source_of_twice_the_size_is_brought_to_the_targets_scale(picture):
    large = np.clip(resize(picture, (320, 240)), 0, 1)
    alignment = Aligner([Source(large)]).align(gray8(picture))
    assert alignment.views.gray255.shape == (1, 120, 160)
    x = np.tile(np.arange(160, dtype=np.float32), (120, 1))
    assert median_error(alignment, x) < 0.5


def test_a_mirrored_figure_gives_a_second_view(picture):
    mirrored = np.ascontiguousarray(gray8(picture)[:, ::-1])
    alignment = Aligner([Source(picture)]).align(mirrored)
    assert alignment.views.gray255.shape == (2, 120, 160)
    rows = alignment.matches.best[..., 1]
    assert (rows >= 119).mean() > 0.9  # in the second view, whose rows follow those of the first
    assert Aligner([Source(picture)]).align(gray8(picture)).views.gray255.shape[0] == 1


def test_weights_choose_and_order_the_sources(picture):
    aligner = Aligner([Source(picture), Source(picture[::-1].copy()), Source(picture)])
    assert aligner.align(gray8(picture)).weights == {0: 1, 1: 1, 2: 1}
    alignment = aligner.align(gray8(picture), {2: 1.0, 1: 0.5})
    assert alignment.weights == {2: 1.0, 1: 0.5}
    assert alignment.views.gray255.shape[0] >= 2


def test_the_light_of_two_sources_is_measured_once(picture, monkeypatch):
    measured = []
    plain = light.shift
    monkeypatch.setattr(light, "shift", lambda *args: measured.append(1) or plain(*args))
    aligner = Aligner([Source(picture), Source(picture * np.float32(0.6))])
    for _ in range(3):
        aligner.align(gray8(picture * np.float32(0.8)))
    assert len(measured) == 2  # one each way
