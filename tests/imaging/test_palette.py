"""k-means colors: found, ordered, repeatable; and what cannot give a palette is refused."""

import numpy as np
import pytest

from refcolor.errors import code_of
from refcolor.imaging import palette
from refcolor.imaging.color import rgb_to_lab

PAINTS = np.array([[0.9, 0.1, 0.1], [0.1, 0.6, 0.2], [0.1, 0.2, 0.8], [0.95, 0.9, 0.7]], np.float32)


def stripes(widths=(40, 30, 20, 10)):
    """Four paints, each as wide as its share in percent."""
    return np.repeat(PAINTS, widths, axis=0)[None].repeat(50, axis=0)


@pytest.mark.parametrize("space", ["rgb", "lab"])
def test_flat_paints_are_the_centers_most_frequent_first(space):
    found = palette.fit(stripes(), 4, space=space, seed=0)
    np.testing.assert_allclose(found.rgb, PAINTS, atol=2e-3)
    np.testing.assert_allclose(found.lab, rgb_to_lab(PAINTS[None])[0], atol=0.3)
    np.testing.assert_allclose(found.share, [0.4, 0.3, 0.2, 0.1])
    labels = found.labels(stripes())
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels[0], np.repeat(np.arange(4), (40, 30, 20, 10)))
    np.testing.assert_allclose(found.paint(labels), stripes(), atol=2e-3)


def test_labels_are_the_nearest_centers_in_the_palettes_space():
    rng = np.random.default_rng(1)
    picture = rng.random((20, 30, 3), np.float32)
    for space in ("rgb", "lab"):
        found = palette.fit(picture, 8, space=space, seed=0)
        pixels, centers = (picture, found.rgb) if space == "rgb" else (rgb_to_lab(picture), found.lab)
        distance = np.linalg.norm(pixels[:, :, None].astype(float) - centers, axis=-1)
        np.testing.assert_array_equal(found.labels(picture), distance.argmin(-1))


def test_the_seed_decides_and_repeats():
    picture = np.random.default_rng(2).random((40, 40, 3), np.float32)
    first, again, other = (palette.fit(picture, 12, space="lab", seed=s) for s in (3, 3, 4))
    np.testing.assert_array_equal(first.rgb, again.rgb)
    assert not np.array_equal(first.rgb, other.rgb)


def test_rare_colors_of_a_large_picture_are_not_lost_to_sampling():
    picture = np.full((300, 300, 3), 0.5, np.float32)
    picture[0, :5] = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1]]
    assert len(palette.fit(picture, 6, space="rgb", seed=0)) == 6


def test_a_gray_source_is_refused():
    gray = np.linspace(0, 1, 3000, dtype=np.float32).reshape(50, 60, 1).repeat(3, axis=2)
    with pytest.raises(ValueError, match="no color"):
        palette.check(gray, 4)


def test_too_few_colors_are_counted_and_the_error_has_a_code():
    with pytest.raises(ValueError, match=r"4 distinct colors.*24 clusters") as caught:
        palette.fit(stripes(), 24, space="rgb", seed=0)
    assert code_of(caught.value) == "few_colors"
    assert len(palette.fit(stripes(), 4, space="rgb", seed=0)) == 4
