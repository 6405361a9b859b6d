"""Decisions: the color of most pixels, what else was proposed, and the reason."""

import numpy as np

from refcolor.regions import decision
from refcolor.regions.segmentation import Regions

LABELS = np.repeat(np.array([0, 1], np.int32), 20)[None].repeat(30, 0)  # two regions side by side
LABELS[:, 19:21] = -1
REGIONS = Regions(LABELS, np.where(LABELS < 0, 0, LABELS), np.zeros(LABELS.shape, np.uint8))
RED, BLUE = np.array([50, 30], np.float32), np.array([0, -50], np.float32)


def plane(left, right):
    return np.where((np.arange(40) < 20)[None, :, None], left, right).astype(np.float32).repeat(30, 0)


def explain(ab, proposals, reasons=(0.5, 0.9)):
    confidence = plane([0.9], [0.3])[..., 0]
    each = np.broadcast_to(np.float32(reasons), (30, 40, 2))
    return decision.explain(REGIONS, ab, proposals, confidence, each, ("one", "two"), (3, 1))


def test_each_region_has_the_color_of_most_of_its_pixels():
    ab = plane(RED, BLUE)
    ab[:10, :20] = BLUE  # a third of the left one
    found = explain(ab, [ab])
    np.testing.assert_allclose(found.ab, [RED, BLUE], atol=1e-4)
    np.testing.assert_allclose(found.share, [2 / 3, 1], atol=1e-6)
    np.testing.assert_allclose(found.confidence, [0.9, 0.3], atol=1e-6)


def test_the_runner_up_is_what_else_was_proposed_most():
    ab = plane(RED, BLUE)
    votes, match = plane(RED, BLUE), plane(BLUE, BLUE)
    found = explain(ab, [votes, match])
    np.testing.assert_allclose(found.runner_up[0], BLUE, atol=1e-4)
    assert found.runner_up_share[0] == 0.5
    assert np.isnan(found.runner_up[1]).all()


def test_the_reason_is_what_counts_most():
    ab = plane(RED, BLUE)
    assert explain(ab, [ab]).reason == ("one", "one")  # 3 * 0.5 > 1 * 0.9
    assert explain(ab, [ab], (0.1, 0.9)).reason == ("two", "two")
    assert explain(ab, [ab], (0, 0)).reason == ("nothing", "nothing")


def test_means_do_not_mix_unlike_colors():
    """Chroma that is a little off joins the mean; the other color does not."""
    ab = plane(RED, BLUE)
    ab[::2, :20] += 4
    ab[:5, :20] = BLUE
    found = explain(ab, [ab])
    np.testing.assert_allclose(found.ab[0], RED + 2, atol=0.5)
