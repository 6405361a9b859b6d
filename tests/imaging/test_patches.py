import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import gather as slow_gather

from refcolor.imaging.patches import blur_stack, gather


def make(height=33, width=47, planes=3, levels=2, count=9, seed=0):
    """A noise stack with centers (corners of the image first), levels and angles (0 among them)."""
    rng = np.random.default_rng(seed)
    stack = rng.random((levels, height, width, planes), np.float32)
    xy = np.stack([rng.integers(0, width, count), rng.integers(0, height, count)], 1).astype(np.int32)
    ends = np.array([[0, 0], [width - 1, height - 1], [0, height - 1], [width - 1, 0]], np.int32)
    xy[: len(ends)] = ends[:count]
    angle = rng.uniform(-7, 7, count).astype(np.float32)
    angle[::3] = 0
    return stack, xy, rng.integers(0, levels, count).astype(np.int32), angle


def test_upright_patches_are_the_planes_bit_for_bit():
    stack, xy, level, _ = make(count=20)
    got = gather(stack, xy, level=level, size=29)
    for patch, (x, y), s in zip(got, xy, level, strict=True):
        padded = np.pad(stack[s], ((14, 14), (14, 14), (0, 0)), mode="reflect")
        np.testing.assert_array_equal(patch, padded[y : y + 29, x : x + 29])


@pytest.mark.parametrize("planes", [1, 2, 3, 5])
def test_turned_patches_match_the_slow_twin(planes):
    stack, xy, level, angle = make(planes=planes)
    got = gather(stack, xy, level=level, angle=angle, size=15)
    # float32 coordinates of a few pixels: within 1e-5 of noise with steps of up to 1 per pixel
    np.testing.assert_allclose(got, slow_gather(stack, xy, level, angle, 15), atol=1e-5, rtol=0)


@settings(deadline=None, max_examples=40)
@given(
    size=st.sampled_from([1, 3, 5]),
    extra=st.tuples(st.integers(0, 6), st.integers(0, 6)),
    planes=st.integers(1, 4),
    seed=st.integers(0, 999),
)
def test_small_images_match_the_slow_twin(size, extra, planes, seed):
    stack, xy, level, angle = make(size + extra[0], size + extra[1], planes, count=5, seed=seed)
    before = stack.copy(), xy.copy(), level.copy(), angle.copy()
    got = gather(stack, xy, level=level, angle=angle, size=size)
    np.testing.assert_allclose(got, slow_gather(stack, xy, level, angle, size), atol=1e-5, rtol=0)
    np.testing.assert_allclose(
        got[:, size // 2, size // 2], stack[level, xy[:, 1], xy[:, 0]], atol=1e-6, rtol=0
    )
    for now, was in zip((stack, xy, level, angle), before, strict=True):
        np.testing.assert_array_equal(now, was)


@pytest.mark.parametrize("count", [1, 2, 13])
def test_threads_do_not_change_a_bit(count):
    stack, xy, level, angle = make(count=count)
    one = gather(stack, xy, level=level, angle=angle, threads=1)
    for threads in (2, 7, None):
        np.testing.assert_array_equal(gather(stack, xy, level=level, angle=angle, threads=threads), one)


def test_turning_agrees_with_opencv():
    rng = np.random.default_rng(3)
    plane = cv2.GaussianBlur(rng.random((80, 90), np.float32), (0, 0), 3)
    x, y, angle = 41, 37, 0.7
    cos, sin = np.cos(angle), np.sin(angle)
    # warpAffine maps patch (j, i) to (x, y) + R (j - 14, i - 14) when told that the matrix is already inverse
    matrix = np.array([[cos, -sin, x - 14 * cos + 14 * sin], [sin, cos, y - 14 * sin - 14 * cos]])
    want = cv2.warpAffine(plane, matrix, (29, 29), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    got = gather(plane[None, ..., None], np.array([[x, y]], np.int32), angle=angle)[0, ..., 0]
    np.testing.assert_allclose(got, want, atol=2e-3)  # OpenCV may round positions to 1/32 pixel
    assert np.abs(got - gather(plane[None, ..., None], np.array([[x, y]], np.int32))[0, ..., 0]).max() > 0.05


def test_quarter_turn_is_rot90():
    stack, _, _, _ = make(count=4)
    xy = np.array([[20, 15], [22, 16]], np.int32)
    np.testing.assert_allclose(
        gather(stack, xy, angle=np.pi / 2, size=9), np.rot90(gather(stack, xy, size=9), 1, (1, 2)), atol=1e-5
    )


def test_no_points_give_no_patches():
    assert gather(make()[0], np.empty((0, 2), np.int32)).shape == (0, 29, 29, 3)


def test_scalar_level_and_angle_stand_for_all():
    stack, xy, _, _ = make()
    n = len(xy)
    want = gather(stack, xy, level=np.full(n, 1, np.int32), angle=np.full(n, 0.5, np.float32), size=5)
    np.testing.assert_array_equal(gather(stack, xy, level=1, angle=0.5, size=5), want)


POINT = np.array([[3, 4]], np.int32)
STACK = np.zeros((2, 33, 47, 3), np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stack": STACK.astype(np.float64)}, "stack must be .* not float64"),
        ({"stack": STACK[0]}, "stack must be"),
        ({"stack": STACK[:0]}, "level outside"),
        ({"stack": [1]}, "not list"),
        ({"stack": np.zeros((1, 28, 60, 3), np.float32)}, "60x28 pixels: both sides must be at least 29"),
        ({"stack": np.zeros((1, 60, 28, 3), np.float32)}, "28x60 pixels: both sides"),
        ({"xy": POINT.astype(np.int64)}, "xy must be int32"),
        ({"xy": POINT[0]}, "xy must be int32"),
        ({"xy": POINT - 4}, "outside the image"),
        ({"xy": np.array([[47, 0]], np.int32)}, "outside the image"),
        ({"xy": np.array([[0, 33]], np.int32)}, "outside the image"),
        ({"level": 2}, "level outside the stack"),
        ({"level": -1}, "level outside the stack"),
        ({"level": np.zeros(2, np.int32)}, "broadcast"),
        ({"level": 0.5}, "from dtype.'float64'. to dtype.'int32'"),
        ({"angle": np.nan}, "angle is not finite"),
        ({"angle": np.array([np.inf], np.float32)}, "angle is not finite"),
        ({"size": 28}, "size must be odd"),
        ({"size": -1}, "negative dimensions"),
        ({"threads": -1}, "threads must be"),
    ],
)
def test_what_gather_refuses(change, message):
    arguments = {"stack": STACK, "xy": POINT} | change
    with pytest.raises((ValueError, TypeError), match=message):
        gather(**arguments)


def test_blur_stack_levels():
    plane = make(levels=1)[0][0]
    stack = blur_stack(plane, (0, 1.5))
    np.testing.assert_array_equal(stack[0], plane)
    want = cv2.GaussianBlur(plane, (0, 0), 1.5, borderType=cv2.BORDER_REFLECT_101)
    np.testing.assert_allclose(stack[1], want, atol=1e-6)
    assert stack.flags.c_contiguous
    assert stack[1].std() < 0.5 * plane.std()


@pytest.mark.parametrize(
    ("planes", "sigmas", "message"),
    [
        (np.zeros((9, 9, 3)), (0,), "not float64"),
        (np.zeros((9, 9), np.float32), (0,), "planes must be"),
        (np.zeros((0, 9, 3), np.float32), (0,), "none"),
        (np.full((9, 9, 3), np.nan, np.float32), (0,), "not finite"),
        (np.zeros((9, 9, 3), np.float32), (), "sigmas"),
        (np.zeros((9, 9, 3), np.float32), (-1,), "sigmas"),
        (np.zeros((9, 9, 3), np.float32), (np.nan,), "sigmas"),
    ],
)
def test_what_blur_stack_refuses(planes, sigmas, message):
    with pytest.raises(ValueError, match=message):
        blur_stack(planes, sigmas)


def test_the_extension_itself_refuses_what_would_read_outside():
    from refcolor.kernels import core as _core

    stack = np.zeros((1, 40, 40, 3), np.float32)
    one = np.full(1, 20, np.int32)
    out = np.empty((1, 29, 29, 3), np.float32)
    for angle in (np.nan, np.inf):
        with pytest.raises(ValueError, match="angle"):
            _core.gather_patches(stack, one, one, one * 0, np.full(1, angle, np.float32), 29, out, 1)
    with pytest.raises(ValueError, match="level"):
        _core.gather_patches(stack, one, one, one, np.zeros(1, np.float32), 29, out, 1)
    with pytest.raises(ValueError, match="center"):
        _core.gather_patches(stack, one * 2, one, one * 0, np.zeros(1, np.float32), 29, out, 1)
