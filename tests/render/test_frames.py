"""Gray frames: in the order of their numbers, readable from any folder, cached, and told from keys."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from refcolor.errors import UsageError
from refcolor.files import images
from refcolor.render import frames
from refcolor.render.frames import FileFrames, GrayFrames, find_frames


@pytest.fixture
def shot(tmp_path, monkeypatch):
    """Frames 1, 2 and 10 in ``shot``, of grays 0.1, 0.2 and 0.9; the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("shot").mkdir()
    for number, gray in ((1, 0.1), (2, 0.2), (10, 0.9)):
        images.write_picture(f"shot/a.{number}.png", np.full((32, 40), gray, np.float32))
    return tmp_path


def test_frames_are_in_the_order_of_their_numbers(shot):
    found = find_frames([Path("shot/a.10.png"), Path("shot/a.2.png"), Path("shot/a.1.png")], [])
    assert found.numbers == (1, 2, 10)
    assert [found.name(index) for index in range(3)] == ["shot/a.1.png", "shot/a.2.png", "shot/a.10.png"]


def test_frames_sent_to_a_process_in_another_folder_can_be_read(shot, monkeypatch):
    sent = pickle.dumps(find_frames([Path("shot")], []))
    (shot / "other").mkdir()
    monkeypatch.chdir(shot / "other")
    assert pickle.loads(sent).read(2).gray.mean() == pytest.approx(0.9, abs=0.01)


def test_a_key_is_no_frame_unless_only_it_has_its_number(shot):
    for name in ("hero.png", "a.2_color.png", "key.3.png"):
        Path("shot", name).write_bytes(Path("shot/a.1.png").read_bytes())
    keys = [Path("shot", name) for name in ("hero.png", "key.3.png")]
    found = find_frames([Path("shot")], keys, key_names=("a.2_color.png",))
    assert found.numbers == (1, 2, 3, 10)
    assert sorted(found.key_names) == ["a.2_color.png", "hero.png", "key.3.png"]
    with pytest.raises(UsageError, match="is a key, and there is no other frame"):
        find_frames([Path("shot/hero.png")], keys)


def test_only_the_last_grays_are_cached(shot, monkeypatch):
    monkeypatch.setattr(frames, "MAX_CACHE_BYTES", 0)
    monkeypatch.setattr(frames, "MIN_CACHED_FRAMES", 2)
    reads, read = [], FileFrames.read
    monkeypatch.setattr(FileFrames, "read", lambda self, index: reads.append(index) or read(self, index))
    grays = GrayFrames(find_frames([Path("shot")], []))
    assert [round(float(grays[index].mean()), 1) for index in (0, 1, 0, 2, 0, 1)] == [
        0.1, 0.2, 0.1, 0.9, 0.1, 0.2,
    ]  # fmt: skip
    assert reads == [0, 1, 2, 1]


def test_a_frame_smaller_than_a_patch_is_refused(shot):
    images.write_picture("shot/a.2.png", np.zeros((20, 20), np.float32), force=True)
    with pytest.raises(ValueError, match=r"target 'shot/a.2.png' is 20x20 pixels"):
        GrayFrames(find_frames([Path("shot")], []))[1]
