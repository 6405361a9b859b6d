"""Matching and patches without a network."""

import subprocess
import sys

import numpy as np
import pytest
from drawings import drawing, flat_drawing, gray8

import refcolor
from refcolor import Colorizer, Config
from refcolor.imaging.color import rgb_to_lab
from refcolor.synthesis import confidence


@pytest.mark.parametrize("shape", [(72, 96), (29, 29), (50, 131), (200, 40)])
def test_quick_keeps_the_targets_size_and_gray(shape):
    target = gray8(drawing(*shape, shift=5))
    result = refcolor.colorize(drawing(), target, Config("quick"))
    assert result.image.shape == (*shape, 3)
    back = np.rint(np.rint(result.image * 255) @ [0.299, 0.587, 0.114])
    assert np.abs(back - target * 255).max() <= 1.001
    assert result.confidence.shape == shape
    assert result.matches.best.shape == (*shape, 2)
    assert result.labelling is None


def test_quick_takes_a_source_of_few_colors_but_not_of_none():
    source = flat_drawing()
    assert refcolor.colorize(source, gray8(source), Config("quick")).image.shape == source.shape
    with pytest.raises(ValueError, match="no color"):
        Colorizer(Config("quick")).fit(np.dstack([gray8(source)] * 3))


def test_quick_follows_a_moved_figure():
    target = drawing(shift=6)
    made = refcolor.colorize(drawing(), gray8(target), Config("quick")).image
    assert (np.abs(made - target).max(-1) < 0.06).mean() > 0.9


def test_quick_gives_flat_art_its_paints_back():
    source = flat_drawing()
    target = np.roll(source, (3, 5), axis=(0, 1))
    result = refcolor.colorize(source, gray8(target), Config("quick"))
    assert (np.rint(result.image * 255) == np.rint(target * 255)).all(-1).mean() > 0.97
    assert np.median(result.confidence) >= 0.9


def test_quick_imports_no_engine():
    code = (
        "import sys, numpy as np, refcolor\n"
        "source = np.random.default_rng(0).random((40, 50, 3), np.float32)\n"
        "refcolor.colorize(source, source[..., 0].copy(), refcolor.Config('quick'))\n"
        "print([m for m in ('tensorflow', 'keras', 'sklearn') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_seed_decides_a_quick_picture():
    target = gray8(drawing(80, 90, shift=9))
    first, again, other = (
        refcolor.colorize(drawing(), target, Config("quick", seed=seed)) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.confidence, again.confidence)
    assert not np.array_equal(first.confidence, other.confidence)


def test_a_very_long_target_is_colored():
    """Past the 32767 pixels a side that OpenCV can remap."""
    result = refcolor.colorize(drawing(), gray8(drawing(29, 33000)), Config("quick"))
    assert result.image.shape == (29, 33000, 3)


def test_the_largest_seed_works():
    source = drawing()
    config = Config("quick", seed=2**31 - 1)
    assert refcolor.colorize(source, gray8(source), config).image.shape == source.shape


def test_regions_have_the_colors_of_the_result():
    result = refcolor.colorize(drawing(), gray8(drawing(shift=4)), Config("quick"))
    found = result.regions
    assert found is result.regions
    assert found.regions.labels.shape == result.image.shape[:2]
    ab = rgb_to_lab(result.image)[..., 1:]
    assert len(found.regions) == 7  # six disks on a ground
    inside = np.isin(found.regions.labels, np.flatnonzero(found.share > 0.9))
    assert inside.sum() > 2000  # the disks: the ground is a gradient of many colors
    assert np.linalg.norm(ab - found.ab[found.regions.nearest], axis=-1)[inside].max() < 8
    assert set(found.reason) <= {*confidence.REASONS, "nothing"}
    assert ((found.confidence >= 0) & (found.confidence <= 1)).all()
