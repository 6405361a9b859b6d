"""Where a pixel may come from: known shifts and turns are found, known lamps are undone."""

import cv2
import numpy as np
import pytest

import refcolor
from refcolor import Config
from refcolor.imaging.color import luma
from refcolor.matching import light, optical_flow, sparse


def texture(height=120, width=160, seed=0):
    """Smooth noise in [0, 1], (H, W): something to recognize everywhere."""
    rng = np.random.default_rng(seed)
    found = sum(
        cv2.GaussianBlur(rng.standard_normal((height, width)).astype(np.float32), (0, 0), s) * s
        for s in (1.5, 4)
    )
    return ((127 + 45 * found / found.std()).clip(0, 255) / 255).astype(np.float32)


def grid(shape):
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return np.stack([x, y], axis=-1)


def sparse_matches(target, source):
    return sparse.match(sparse.detect(target), sparse.detect(source))


def match(target, source):
    """Candidates in one array, and what flow says."""
    found, matches = optical_flow.match(target, source, sparse_matches(target, source))
    return np.stack(found), matches


def test_equal_pictures_match_in_place():
    source = texture()
    _, found = match(source, source)
    assert np.abs(found.best - grid(source.shape)).max() < 0.05
    assert found.error.max() < 0.05
    np.testing.assert_array_equal(found.relit255, source * 255)


def test_a_shift_is_found():
    whole = texture(140, 190)
    source, target = whole[10:130, 10:170], whole[16:136, 19:179]  # 9 right and 6 down in the source
    candidates, found = match(target, source)
    seen = (slice(0, 110), slice(0, 148))  # what both show, a patch of flow from the border
    off = np.abs(found.best - grid(target.shape) - (9, 6))[seen]
    assert np.quantile(off, 0.95) < 0.5
    assert np.quantile(found.error[seen], 0.95) < 0.5
    assert np.median(np.abs(candidates[0] - found.best)) < 0.5


def test_what_leaves_the_source_is_no_match():
    whole = texture(140, 200)
    shift = np.array([[1.0, 0, 40], [0, 1, 0]])
    field, error = optical_flow.flow(whole[:, 40:], whole[:, :160], shift)
    outside = field[..., 0] > 160
    assert outside[:, -35:].mean() > 0.9
    assert np.isinf(error[outside]).all()
    assert np.quantile(error[:, :100], 0.95) < 0.5


@pytest.mark.parametrize(
    ("angle", "zoom", "shift"), [(25, 1.0, (0, 0)), (-8, 1.3, (12, -7)), (90, 1.0, (0, 0)), (0, 0.8, (5, 5))]
)
def test_an_affine_motion_is_found(angle, zoom, shift):
    source = texture(200, 240)
    motion = cv2.getRotationMatrix2D((119.5, 99.5), angle, zoom)  # target -> source
    motion[:, 2] += shift
    target = cv2.warpAffine(source, motion, (240, 200), flags=cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR)
    pairs = sparse_matches(target, source)
    assert pairs.affine is not None
    assert pairs.inliers > 40
    middle = np.array([[90, 120, 150], [80, 100, 120], [1, 1, 1]])
    assert np.abs((pairs.affine - motion) @ middle).max() < 1
    best = optical_flow.match(target, source, pairs)[1].best
    wanted = grid(target.shape) @ motion[:, :2].T + motion[:, 2]
    off = np.abs(best - wanted)[60:140, 80:160].max(-1)
    assert np.quantile(off, 0.9) < 1


def test_strangers_have_no_affine_motion():
    assert sparse_matches(texture(seed=1), texture(seed=2)).affine is None


def test_a_lamp_is_undone():
    source = texture()
    x = grid(source.shape)[..., 0] / source.shape[1]
    target = (0.6 * source + (10 + 20 * x) / 255).astype(np.float32)
    _, found = match(target, source)
    before, after = (np.abs(gray - source * 255).mean() for gray in (target * 255, found.relit255))
    assert before > 30
    assert after < 6
    assert found.relit255.dtype == np.float32
    assert found.relit255.min() >= 0
    assert found.relit255.max() <= 255


def test_without_trusted_matches_the_light_is_left_alone():
    source = texture() * 255
    target = (0.6 * source).astype(np.float32)
    at = grid(source.shape)
    assert light.compare(target, source, at, np.full(source.shape, np.inf, np.float32))[0] is target
    assert light.compare(target, source, at, np.zeros(source.shape, np.float32))[0] is not target


def test_a_shadow_with_an_edge_is_not_relit_away():
    """Light is smooth: a small dark patch stays darker than its surroundings."""
    source = texture() * 255
    target = source.copy()
    target[50:70, 70:90] *= 0.5
    relit, _ = light.compare(target, source, grid(source.shape), np.zeros(source.shape, np.float32))
    assert relit[50:70, 70:90].mean() < 0.75 * source[50:70, 70:90].mean()


@pytest.mark.parametrize("to", [(120, 160), (160, 120), (61, 200), (29, 29)])
@pytest.mark.parametrize("came", [(120, 160), (29, 90)])
def test_candidates_stay_inside_the_source(to, came):
    candidates, found = match(texture(*to, seed=3), texture(*came))
    assert candidates.shape[1:] == (*to, 2)
    assert candidates.dtype == found.best.dtype == found.error.dtype == np.float32
    assert found.best.shape == (*to, 2)
    assert found.error.shape == found.relit255.shape == to
    assert candidates.min() >= 0
    assert candidates.reshape(-1, 2).max(0).tolist() <= [came[1] - 1, came[0] - 1]
    assert (found.error >= 0).all()


def test_other_sizes_start_from_the_place_in_proportion():
    candidates, _ = match(np.full((40, 100), 0.4, np.float32), np.full((80, 50), 0.4, np.float32))
    place = candidates[-1]
    np.testing.assert_allclose(place[10, 30], [30.5 * 0.5 - 0.5, 10.5 * 2 - 0.5], atol=1e-4)
    np.testing.assert_allclose(place[-1, -1], [49, 78.5], atol=0.51)


@pytest.mark.parametrize("level", [0, 0.5, 1])
@pytest.mark.parametrize("blank", ["target", "source", "both"])
def test_blank_pictures_have_matches_too(level, blank):
    plain = np.full((50, 60), level, np.float32)
    target, source = (plain if blank in (role, "both") else texture(50, 60) for role in ("target", "source"))
    pairs = sparse_matches(target, source)
    assert (pairs.affine, pairs.inliers) == (None, 0)
    candidates, found = optical_flow.match(target, source, pairs)
    assert np.isfinite(candidates).all()
    assert np.isfinite(found.relit255).all()


def test_the_better_of_upright_and_mirrored():
    source = texture(60, 80)
    left, right = np.zeros((2, 60, 80), np.float32)
    left[:, 40:], right[:, :40] = 5, 5
    at = grid(source.shape)
    upright = optical_flow.Matches(at, left, source)
    mirrored = optical_flow.Matches(at + np.float32([1, 61]), right, source + 1)
    found = optical_flow.better(upright, mirrored)
    np.testing.assert_array_equal(found.best[:, :40], at[:, :40])
    np.testing.assert_array_equal(found.best[:, 40:], at[:, 40:] + (1, 61))
    assert not found.error.any()
    np.testing.assert_array_equal(found.relit255, source)


def test_a_mirrored_figure_gets_its_colors():
    """Two halves of one gray, told apart by their texture alone."""
    gray = texture(140, 180)[..., None] * 0.5 + 0.25
    tint = np.where(np.arange(180)[None, :, None] < 90, [0.15, -0.05, -0.05], [-0.1, 0.0, 0.26])
    source = np.clip(gray + tint, 0, 1).astype(np.float32)
    target, truth = luma(source)[:, ::-1].copy(), source[:, ::-1]
    made = refcolor.colorize(source, target, Config("quick")).image
    off = np.abs(made - truth).max(-1)
    assert (off < 0.05).mean() > 0.95
