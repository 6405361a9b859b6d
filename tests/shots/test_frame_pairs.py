"""What two frames have in common: static pixels, equal frames, cuts, sizes."""

import numpy as np
import pytest
from drawings import drawing, gray8

from refcolor.shots.frame_pairs import FramePairs, static_mask


@pytest.fixture(scope="module")
def frames():
    scene = [gray8(drawing(shift=shift)) for shift in (0, 0, 6)]
    other = np.random.default_rng(0).random((72, 96), np.float32)
    return [*scene, other, other[:60]]


def test_equal_frames_are_the_same_and_moved_ones_are_not(frames):
    pairs = FramePairs(frames)
    assert pairs.same(0, 1)
    assert pairs.same(1, 0)
    assert not pairs.same(1, 2)


def test_only_another_scene_is_a_cut(frames):
    pairs = FramePairs(frames)
    assert [pairs.cut(index) for index in range(4)] == [False, False, False, True]


def test_a_frame_of_another_size_is_resized_and_never_static(frames):
    pairs = FramePairs(frames)
    assert [pairs.resized(index) for index in range(5)] == [False] * 4 + [True]
    assert not static_mask(frames[3], frames[4]).any()


def test_a_frame_that_cannot_be_read_is_not_the_same_and_no_cut():
    class Broken(list):
        def __getitem__(self, index):
            raise OSError("no such frame")

    pairs = FramePairs(Broken([None, None]))
    assert not pairs.same(0, 1)
    assert not pairs.cut(1)
    assert not pairs.resized(1)


def test_what_moves_is_not_static_and_what_is_far_from_it_is():
    one = np.random.default_rng(1).random((80, 200), np.float32)
    other = one.copy()
    other[20:40, 20:40] = 1 - other[20:40, 20:40]
    static = static_mask(one, other)
    assert not static[20:40, 20:40].any()
    assert static[:, 80:].all()
