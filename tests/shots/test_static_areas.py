"""What stands still, and which frame lends its colors: against brute force, and where gray deceives."""

import itertools

import cv2
import numpy as np
import pytest

from refcolor.shots import frame_pairs
from refcolor.shots.frame_pairs import FramePairs, static_mask, unpack_mask

BLOCK = 16


def texture(seed=0, shape=(40, 60)):
    return np.random.default_rng(seed).random(shape).astype(np.float32)


def disc(x, y=20, shape=(40, 60), r=9, inside=0.8, outside=0.4, line=0.0):
    """An outlined disc on a plain ground."""
    image = np.full(shape, outside, np.float32)
    cv2.circle(image, (x, y), r, inside, -1)
    cv2.circle(image, (x, y), r, line, 2)
    return image


def test_a_frame_stands_still_beside_itself_and_nowhere_beside_another():
    assert static_mask(texture(), texture()).all()
    assert not static_mask(texture(), texture(1)).any()
    assert not static_mask(texture(), texture(shape=(40, 61))).any()


def test_what_compression_makes_of_nothing_stands_still():
    noise = np.random.default_rng(1).uniform(-1, 1, (40, 60)).astype(np.float32) * 1.9 / 255
    assert static_mask(texture() * 0.9, texture() * 0.9 + noise).all()
    assert not static_mask(texture() * 0.9, texture() * 0.9 + 3 / 255).any()


def test_only_what_changed_and_what_lies_beside_it_does_not_stand_still():
    one, other = texture(), texture()
    other[10:13, 20:23] += 0.01
    found = static_mask(one, other)
    assert not found[8:15, 18:25].any()
    assert found[:8].all()
    assert found[15:].all()
    assert found[:, :18].all()
    assert found[:, 25:].all()


def test_a_moved_outline_takes_the_ground_of_the_same_gray_with_it():
    """Inside and outside have one gray: where the disc was and where it is, nothing stands still."""
    one, other = (disc(x, inside=0.4) for x in (22, 34))
    found = static_mask(one, other)
    assert not found[20, 14:44].any()
    seen = np.abs(one - other) <= frame_pairs.MAX_NOISE
    assert seen[20, 27:30].all(), "gray alone would say that it does"


def test_a_ground_that_other_outlines_hold_stands_still_beside_what_moves():
    one, other = (disc(x, shape=(80, 200)) for x in (22, 28))
    for image in (one, other):
        image[70:] = texture(shape=(10, 200)) * 0.2
        image[:8] = texture(1, shape=(8, 200)) * 0.2
    assert static_mask(one, other)[8:70, 60:].all()


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch):
    monkeypatch.setattr(frame_pairs, "BLOCK", BLOCK)


def frames_of(table):
    """Frames (2 x 20 x 60) in which two textured halves change as the rows of a table of numbers say."""
    return [
        np.concatenate([texture(number * 2 + half, (20, 60)) for half, number in enumerate(row)])
        for row in table
    ]


def test_one_frame_lends_for_as_long_as_a_pixel_stands_still():
    """The frame of the highest rank among all of the same stretch, by brute force."""
    rng = np.random.default_rng(3)
    numbers = np.cumsum(rng.random((2 * BLOCK + 9, 2)) < 0.15, axis=0)
    frames = frames_of(numbers)
    found = FramePairs(frames)
    rank = [BLOCK if i % BLOCK == 0 else (i % BLOCK) & -(i % BLOCK) for i in range(len(frames))]
    for index in range(len(frames)):
        lender = found.references(index, np.ones((40, 60), bool))
        for half, row in enumerate((5, 35)):
            block = range(index // BLOCK * BLOCK, min(index // BLOCK * BLOCK + BLOCK, len(frames)))
            same = [i for i in block if numbers[i, half] == numbers[index, half]]
            assert lender[row, 30] == max(same, key=lambda i: rank[i])


def test_neighbors_that_stand_still_have_one_lender():
    numbers = np.cumsum(np.random.default_rng(4).random((BLOCK, 2)) < 0.2, axis=0)
    frames = frames_of(numbers)
    found = [FramePairs(frames).references(i, np.ones((40, 60), bool)) for i in range(BLOCK)]
    pairs = 0
    for (one, other), (a, b) in zip(itertools.pairwise(found), itertools.pairwise(frames), strict=True):
        stands = static_mask(a, b)
        pairs += stands.any()
        np.testing.assert_array_equal(one[stands], other[stands])
    assert pairs > BLOCK / 2


@pytest.mark.parametrize("index", [2, 4])
def test_next_to_a_frame_that_cannot_be_had_nothing_stands_still(index):
    class Broken(list):
        def __getitem__(self, at):
            if at == 3:
                raise ValueError("cannot be read")
            return super().__getitem__(at)

    found = FramePairs(Broken([texture()] * 8)).references(index, np.ones((40, 60), bool))
    assert (found == (0 if index == 2 else 4)).all()


def test_packed_masks_come_back():
    mask = texture() > 0.5
    np.testing.assert_array_equal(unpack_mask(np.packbits(mask), mask.shape), mask)
