"""Guided synthesis: figures are followed, the network's opinion steers, threads and size change nothing."""

import cv2
import numpy as np
import pytest

from refcolor.imaging.color import luma, rgb_to_lab
from refcolor.matching.views import Views
from refcolor.synthesis import pyramid
from refcolor.synthesis.search import synthesize
from refcolor.synthesis.votes import vote


def picture(height=96, width=128, seed=0):
    """Colored smooth noise, (H, W, 3) in [0, 1]."""
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.standard_normal((height, width, 3)).astype(np.float32), (0, 0), 2.5)
    return (0.5 + 0.15 * noise / noise.std()).clip(0, 1).astype(np.float32)


def chroma(rgb):
    return np.ascontiguousarray(rgb_to_lab(rgb)[..., 1:])


def views_of(*pictures, labels=None):
    return Views(np.stack([luma(p) * 255 for p in pictures]), np.stack([chroma(p) for p in pictures]), labels)


def place(shape, to=None):
    """The place itself, in proportion: (H, W, 2)."""
    to = to or shape
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return np.stack([x * (to[1] - 1) / max(1, shape[1] - 1), y * (to[0] - 1) / max(1, shape[0] - 1)], axis=-1)


def colored(gray, views, *, flow=None, expected=None, **more):
    """Synthesis from the place alone, or from a flow that came back."""
    at = place(gray.shape, views.gray255.shape[1:])
    error = np.full(gray.shape, np.inf if flow is None else 0, np.float32)
    flow = at if flow is None else flow
    return synthesize(gray, views, [at, flow], flow, error, expected, **more)


def test_a_picture_colors_its_own_gray():
    source = picture()
    made = colored(luma(source) * 255, views_of(source))
    assert np.abs(made.ab - chroma(source)).mean() < 1
    assert np.abs(made.field - place(source.shape[:2])).max(-1).mean() < 0.5
    assert np.median(made.cost) == 0
    assert made.share.min() >= 0
    assert made.share.max() <= 1 + 1e-6
    assert made.share.mean() > 0.8


def test_a_moved_figure_is_followed():
    """By the search alone: neither flow nor candidates know of the motion."""
    whole = picture(200, 260)
    source, target = whole[:160, :220], whole[8:168, 14:234]
    made = colored(luma(target) * 255, views_of(source))
    both_show = (slice(0, 148), slice(0, 202))
    assert np.abs(made.ab - chroma(target))[both_show].mean() < 2
    moved = (made.field - place(target.shape[:2]))[both_show]
    assert (np.abs(moved - (14, 8)).max(-1) < 1.5).mean() > 0.85


def stripes(width=8):
    """Red and green of one gray in turn: chroma (64, 96, 2), and the views with their labels."""
    which = (np.arange(96) // width % 2)[None].repeat(64, axis=0)
    ab = chroma(np.array([[(0.7, 0.3, 0.3), (0.3, 0.5, 0.3)]], np.float32))[0][which]
    return ab, Views(np.full((1, 64, 96), 110, np.float32), ab[None], which.astype(np.uint8)[None])


def test_flow_decides_where_the_gray_says_nothing():
    ab, views = stripes(48)
    swapped = place((64, 96))
    swapped[..., 0] = (swapped[..., 0] + 48) % 96
    for flow, truth in ((place((64, 96)), ab), (swapped, np.roll(ab, 48, axis=1))):
        made = colored(views.gray255[0], views, flow=flow)
        assert (np.abs(made.ab - truth).max(-1) < 5).mean() > 0.9


@pytest.mark.parametrize("label", [0, 1])
def test_what_the_network_expects_steers(label):
    """Two paints of one gray: the probabilities alone say which, here left or right of the middle."""
    ab, views = stripes()
    expected = np.full((16, 24, 2), 0.05, np.float32)
    expected[:, :12, label] = expected[:, 12:, 1 - label] = 0.95
    found = colored(views.gray255[0], views, expected=expected).ab
    paints = ab[0, [0, 8]]
    for part, paint in ((found[:, :42], paints[label]), (found[:, 54:], paints[1 - label])):
        assert (np.abs(part - paint).max(-1) < 5).mean() > 0.9


@pytest.mark.parametrize("clusters", [2, 3, 4, 5, 9])
def test_any_number_of_labels(clusters):
    source = picture(64, 70)
    labels = (np.arange(64 * 70).reshape(1, 64, 70) % clusters).astype(np.uint8)
    expected = np.full((9, 10, clusters), 1 / clusters, np.float32)
    views = views_of(source, labels=labels)
    plain, same = (colored(luma(source) * 255, views, expected=e) for e in (None, expected))
    np.testing.assert_array_equal(plain.field, same.field)  # no preference, no change


def arrays(made):
    return made.ab, made.share, made.field, made.cost


@pytest.mark.parametrize("other", [{"threads": 2}, {"threads": 3}, {"threads": 1}])
def test_neither_threads_nor_repetition_change_anything(other):
    source, target = picture(seed=1), luma(picture(90, 140, seed=2)) * 255
    one = colored(target, views_of(source), seed=5, threads=1)
    two = colored(target, views_of(source), seed=5, **other)
    for first, second in zip(arrays(one), arrays(two), strict=True):
        np.testing.assert_array_equal(first, second)


def test_the_seed_matters():
    source, target = picture(seed=1), luma(picture(90, 140, seed=2)) * 255
    one, two = (colored(target, views_of(source), seed=seed) for seed in (0, 1))
    assert not np.array_equal(one.field, two.field)


@pytest.mark.parametrize("came", [(29, 29), (29, 300), (150, 31)])
@pytest.mark.parametrize("to", [(29, 29), (300, 29), (30, 220)])
def test_small_and_narrow_pictures(came, to):
    made = colored(luma(picture(*to, seed=4)) * 255, views_of(picture(*came)))
    assert made.ab.shape == (*to, 2)
    assert made.share.shape == made.cost.shape == to
    assert made.field.shape == (*to, 2)
    assert np.isfinite(made.ab).all()
    assert np.isfinite(made.share).all()
    assert made.field.min() >= 0
    assert (made.field.reshape(-1, 2) < (came[1], came[0])).all()


def test_the_mirrored_figure_comes_from_the_second_view():
    source = picture()
    target = np.ascontiguousarray(source[:, ::-1])
    at = place(target.shape[:2])
    tries = np.stack([at, at + np.float32([0, 96])])
    lost = np.full(target.shape[:2], np.inf, np.float32)
    made = synthesize(luma(target) * 255, views_of(source, target), tries, at, lost)
    assert np.abs(made.ab - chroma(target)).mean() < 1
    assert (made.field[..., 1] >= 96).mean() > 0.95
    assert made.field[..., 1].max() < 2 * 96


def test_votes_mix_nothing_unlike():
    """A field that splits: each pixel has one of the two chromas, or near to it, and never their mean."""
    source = np.zeros((64, 64, 3), np.float32)
    source[:, :32], source[:, 32:] = (0.8, 0.25, 0.25), (0.3, 0.5, 0.35)
    views = Views(np.full((1, 64, 64), 100, np.float32), chroma(source)[None])
    y, x = np.mgrid[:64, :64].astype(np.int32)
    field = np.stack([np.where((x + y) % 2, 10, 50), y], axis=-1).astype(np.int32)
    ab, share = vote(views, np.full((64, 64), 100, np.float32), field, np.zeros((64, 64), np.int32))
    away = np.abs(ab[:, :, None] - chroma(source)[0, [0, 63]]).max(-1).min(-1)
    assert away.max() < 5
    assert share.max() < 0.9


def test_fields_between_sizes_keep_their_view():
    """Down to a level and up again, a match stays within a pixel of where it was, in its own view."""
    rng = np.random.default_rng(0)
    full, small = (97, 131), (48, 66)
    field = np.stack(
        [rng.uniform(0, 130, (80, 90)), rng.integers(0, 2, (80, 90)) * 97 + rng.uniform(0, 96, (80, 90))], -1
    ).astype(np.float32)
    down = pyramid.reduce_field(field, (80, 90), full, small)
    assert (down[..., 1] // 48 == field[..., 1] // 97).all()
    up = pyramid.enlarge_field(down, (80, 90), small, full)
    assert (up[..., 1] // 97 == field[..., 1] // 97).all()
    assert np.abs(up - field).max() <= 2.1
