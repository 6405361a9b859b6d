"""Keys followed through frames: known motion comes back, cuts end the way, any way there gives the same."""

import cv2
import numpy as np
import pytest

from refcolor.shots import tracking
from refcolor.shots.frame_pairs import FramePairs, unpack_mask
from refcolor.shots.tracking import Tracks


def wide(seed=0):
    """A textured picture to cut frames out of."""
    noise = np.random.default_rng(seed).random((140, 500)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return (smooth - smooth.min()) / np.ptp(smooth)


def pan(count=12, step=4, seed=0):
    """A camera that moves to the right by `step` pixels a frame."""
    picture = wide(seed)
    return [np.ascontiguousarray(picture[10:130, 20 + step * i : 200 + step * i]) for i in range(count)]


def moved_by(track):
    """Mean motion of the middle, in pixels of a frame of 120 x 180, and its mean error."""
    y, x = np.mgrid[:120, :180].astype(np.float32)
    at = track.field * np.float32([180, 120]) - 0.5 - np.stack([x, y], -1)
    middle = slice(30, 90), slice(50, 130)
    return at[middle].mean((0, 1)), track.error[middle].mean() * 180


class Broken(list):
    """Frames of which one cannot be had."""

    def __getitem__(self, at):
        if at == 3:
            raise OSError("cannot be read")
        return super().__getitem__(at)


@pytest.mark.parametrize(("place", "index"), [(0, 8), (11, 3), (5, 9), (5, 1), (5.5, 9), (-1, 4), (11.5, 6)])
def test_motion_adds_up_both_ways(place, index):
    frames = pan()
    key = np.ascontiguousarray(wide()[10:130, 20 + round(4 * place) : 200 + round(4 * place)])
    (x, y), error = moved_by(Tracks(key, place, FramePairs(frames)).at(index))
    assert abs(x - 4 * (index - place)) < 1
    assert abs(y) < 0.5
    assert error < 1.5


def test_a_key_of_another_size_is_followed_too():
    frames = pan()
    key = cv2.resize(frames[0], (360, 240), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    track = Tracks(key, 0, FramePairs(frames)).at(5)
    (x, _), _ = moved_by(track)
    assert abs(x - 20) < 1
    assert not unpack_mask(track.static, (120, 180)).any()


def test_the_way_does_not_matter():
    """In order, backwards, or at once: the same to the bit."""
    frames = pan(30)
    straight = Tracks(frames[0], 0, FramePairs(frames))
    found = [straight.at(i) for i in range(30)]
    for order in (range(29, -1, -1), [29, 3, 17, 16, 5], [11]):
        other = Tracks(frames[0], 0, FramePairs(frames))
        for i in order:
            track = other.at(i)
            for name in ("field", "error", "static"):
                np.testing.assert_array_equal(getattr(track, name), getattr(found[i], name))


def test_what_is_forgotten_on_the_way_is_found_again(monkeypatch):
    frames = pan(30, step=1)
    wanted = [Tracks(frames[0], 0, FramePairs(frames)).at(i).field for i in (29, 4)]
    monkeypatch.setattr(tracking, "RECENT_TRACKS", 3)
    monkeypatch.setattr(tracking, "MILESTONE_STEP", 8)
    tracks = Tracks(frames[0], 0, FramePairs(frames))
    for i, field in zip((29, 4), wanted, strict=True):
        np.testing.assert_array_equal(tracks.at(i).field, field)
        assert len(tracks._known) <= 3 + 30 // 8 + 1


@pytest.mark.parametrize("index", [0, 3, 7])
def test_a_key_whose_own_frame_cannot_be_had_is_followed_all_the_same(index):
    tracks = Tracks(pan()[3], 3, FramePairs(Broken(pan())))
    assert tracks.at(index) is None if index == 3 else moved_by(tracks.at(index))[1] < 1.5


def test_a_cut_ends_the_way_and_only_a_cut():
    frames = pan(4) + pan(4, seed=1)
    tracks = Tracks(frames[0], 0, FramePairs(frames))
    assert tracks.at(3) is not None
    assert tracks.at(4) is None
    assert tracks.at(7) is None
    assert Tracks(frames[7], 7, FramePairs(frames)).at(4) is not None
    assert [i for i in range(8) if FramePairs(frames).cut(i)] == [4]


def test_out_of_reach_there_is_no_track(monkeypatch):
    monkeypatch.setattr(tracking, "MAX_DISTANCE", 5)
    frames = pan(9)
    tracks = Tracks(frames[0], 0, FramePairs(frames))
    assert tracks.at(5) is not None
    assert tracks.at(6) is None


def test_what_never_moved_since_the_key_is_known():
    frames = pan(1) * 6
    frames[3] = frames[3].copy()
    frames[3][40:60, 40:60] = 1 - frames[3][40:60, 40:60]
    tracks = Tracks(frames[0], 0, FramePairs(frames))
    assert unpack_mask(tracks.at(2).static, (120, 180)).all()
    later = unpack_mask(tracks.at(5).static, (120, 180))
    assert not later[40:60, 40:60].any(), "it came back, but it had gone"
    assert later[:30].all()


def test_a_frame_that_cannot_be_had_is_passed_over():
    (x, _), _ = moved_by(Tracks(pan()[0], 0, FramePairs(Broken(pan()))).at(5))
    assert abs(x - 20) < 1


def test_a_strip_that_is_too_long_to_be_warped_is_followed_all_the_same():
    strip = np.tile(wide(), (1, 120))[:32, :60_000]
    assert Tracks(strip, 0, FramePairs([strip, strip])).at(1) is not None


@pytest.mark.parametrize("place", [12, 12.5])
def test_what_lies_on_a_keys_other_side_is_no_way_to_it(place, monkeypatch):
    monkeypatch.setattr(tracking, "RECENT_TRACKS", 12)
    frames = pan(20)
    tracks = Tracks(frames[12], place, FramePairs(frames))
    for i in range(20):
        alone = Tracks(frames[12], place, FramePairs(frames)).at(i)
        np.testing.assert_array_equal(tracks.at(i).field, alone.field)
