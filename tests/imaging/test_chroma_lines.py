"""Chroma as a function of luma, odds of colors at a gray, and their use at full size."""

import cv2
import numpy as np
import pytest

from refcolor.imaging import chroma_lines, palette
from refcolor.imaging.color import luma, rgb_to_lab

RED, BLUE = np.array([0.8, 0.2, 0.2]), np.array([0.2, 0.3, 0.9])


def halves(height=40, width=60):
    """Left red, right blue, both shaded from dark to light downwards."""
    shade = np.linspace(0.4, 1, height)[:, None, None]
    image = np.where(np.arange(width)[None, :, None] < width // 2, RED, BLUE) * shade
    return image.astype(np.float32)


@pytest.fixture
def source():
    picture = halves()
    colors = palette.fit(picture, 2, space="rgb", seed=0)
    return picture, colors, chroma_lines.fit(picture, colors.labels(picture), len(colors))


def test_chroma_follows_luma_within_a_cluster(source):
    picture, colors, found = source
    gray = luma(picture)
    every = found.chroma(gray)
    assert every.shape == (40, 60, 2, 2)
    labels = colors.labels(picture)
    mine = np.take_along_axis(every, labels[..., None, None], axis=2)[:, :, 0]
    error = np.linalg.norm(mine - rgb_to_lab(picture)[..., 1:], axis=-1)
    flat = np.linalg.norm(found.mean[labels] - rgb_to_lab(picture)[..., 1:], axis=-1)
    assert error.mean() < flat.mean() / 3  # a line is far better than the cluster's mean


def test_luma_beyond_the_source_is_held(source):
    found = source[2]
    dark, darker = found.chroma(np.float32([[0.02, 0.0]]))[0]
    np.testing.assert_array_equal(dark, darker)


def test_odds_are_shares_plus_doubt():
    picture = np.zeros((10, 20, 3), np.float32)
    picture[:, :10] = [1, 0, 0]  # gray 76
    picture[:, 10:] = [0, 0, 1]  # gray 29
    colors = palette.fit(picture, 2, space="rgb", seed=0)
    odds = chroma_lines.fit(picture, colors.labels(picture), len(colors)).odds
    red = int(np.argmax(colors.rgb[:, 0]))
    assert odds.shape == (256, 2)
    assert odds[76, red] == pytest.approx(1 + chroma_lines.MIN_ODDS, abs=1e-3)
    assert odds[29, red] == pytest.approx(chroma_lines.MIN_ODDS, abs=1e-3)
    assert odds[200, red] == pytest.approx(chroma_lines.MIN_ODDS, abs=1e-3)  # a gray the source never has


def test_the_edge_is_where_the_targets_luma_has_it(source):
    """The grid says only: red on the left, blue on the right, with a border 8 pixels off."""
    colors = source[1]
    flat = np.where(np.arange(60)[None, :, None] < 30, RED, BLUE).astype(np.float32).repeat(40, axis=0)
    blue = int(np.argmax(colors.rgb[:, 2]))
    probabilities = np.full((10, 15, 2), 0.35, np.float32)
    probabilities[:, :, 1 - blue] = np.where(np.arange(15) < 9.5, 0.65, 0.35)
    probabilities[:, :, blue] = 1 - probabilities[:, :, 1 - blue]
    found = chroma_lines.fit(flat, colors.labels(flat), len(colors))  # flat paints: luma tells them apart
    ab = chroma_lines.upsample(probabilities, found, luma(flat))
    error = np.linalg.norm(ab - rgb_to_lab(flat)[..., 1:], axis=-1)
    assert error.max() < 3


def test_unlike_colors_are_never_mixed(source):
    picture, _, found = source
    half = np.full((10, 15, 2), 0.5, np.float32)
    half[..., 0] += 0.01
    ab = chroma_lines.upsample(half, found, luma(picture))
    every = found.chroma(luma(picture))
    distance = np.linalg.norm(every - ab[:, :, None], axis=-1).min(-1)
    assert distance.max() < 2


def test_probabilities_are_enlarged_linearly_about_pixel_centers():
    """Equal odds and chroma far apart: the winner at a pixel is the winner of OpenCV's enlarged planes."""
    k = 3
    found = chroma_lines.ChromaLines(
        np.ones((256, k), np.float32),
        np.array([[90, 0], [-90, 0], [0, 90]], np.float32),
        np.zeros((k, 2), np.float32),
        np.zeros(k, np.float32),
        np.zeros(k, np.float32),
        np.ones(k, np.float32),
    )
    probabilities = np.random.default_rng(1).random((6, 8, k), np.float32)
    ab = chroma_lines.upsample(probabilities, found, np.full((33, 50), 0.5, np.float32))
    expected = cv2.resize(probabilities, (50, 33), interpolation=cv2.INTER_LINEAR)
    top = np.sort(expected, axis=-1)
    clear = top[..., -1] - top[..., -2] > 1e-4
    np.testing.assert_allclose(ab[clear], found.mean[expected.argmax(-1)][clear], atol=1e-3)


def test_256_colors_are_enlarged_as_well(source):
    found = chroma_lines.ChromaLines(
        np.ones((256, 256), np.float32),
        np.random.default_rng(0).normal(0, 40, (256, 2)).astype(np.float32),
        np.zeros((256, 2), np.float32),
        *(np.full(256, v, np.float32) for v in (0.5, 0, 1)),
    )
    sure = np.zeros((5, 5, 256), np.float32)
    sure[..., 200] = 1
    ab = chroma_lines.upsample(sure, found, np.full((40, 40), 0.5, np.float32))
    np.testing.assert_allclose(ab, np.broadcast_to(found.mean[200], ab.shape), atol=1e-3)


def test_chroma_does_not_jump_between_8_bit_grays(source):
    """A fine ramp, as 16 bits hold it: no step at the 8-bit levels stands out."""
    found = source[2]
    ramp = np.linspace(0.40, 0.45, 4000, dtype=np.float32)
    odds = found.odds_at(ramp)
    steps = np.abs(np.diff(odds, axis=0)).max()
    levels = np.abs(np.diff(found.odds, axis=0)).max()
    assert levels > 0.01  # there is something to jump over
    assert steps < levels / 300  # 4000 samples over 12.75 levels
