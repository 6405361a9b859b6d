"""Keys by their words: which file, which frame, and what is wrong with it in one line."""

from pathlib import Path

import numpy as np
import pytest

from refcolor.errors import UsageError
from refcolor.files import images
from refcolor.render import frames, keys
from refcolor.render.frames import FileFrames


@pytest.fixture
def shot(tmp_path, monkeypatch):
    """Frames 1 to 6 of a moving texture, their colors in key.0001.png and so on; the current folder."""
    monkeypatch.chdir(tmp_path)
    wide = np.random.default_rng(0).random((40, 100, 3)).astype(np.float32)
    for number in range(1, 7):
        picture = np.ascontiguousarray(wide[:, 5 * number : 5 * number + 60])
        images.write_picture(f"key.{number:04d}.png", picture)
        images.write_picture(f"shot.{number:04d}.png", picture @ np.float32([0.299, 0.587, 0.114]))
    return FileFrames({number: tmp_path / f"shot.{number:04d}.png" for number in range(1, 7)})


def read(words, shot, picked=()):
    return keys.read(keys.split(words), picked, shot)


def places(found, shot):
    """Indices of the keys' frames, and the remarks."""
    located, remarks = found
    return [keys.index_of(key.frame, shot.numbers) for key in located], remarks


def frame_of(word, shot, picked=()):
    return read([word] if word else [], shot, picked)[0].frame


@pytest.mark.parametrize(
    ("word", "frame"),
    [("key.0003.png", 3), ("5=key.0003.png", 5), ("-2=key.0003.png", -2), ("=key.0003.png", None)],
)
def test_the_frame_is_in_the_name_or_said(shot, word, frame):
    assert frame_of(word, shot) == frame


@pytest.mark.parametrize(
    ("name", "frame"), [("key.0007.png", 7), ("key0.png", 0), ("key8.png", None), ("hero.png", None)]
)
def test_a_number_far_from_the_shot_is_no_frame(shot, tmp_path, name, frame):
    (tmp_path / name).write_bytes((tmp_path / "key.0003.png").read_bytes())
    assert frame_of(name, shot) == frame


def test_a_file_is_what_its_name_says_before_anything_else(shot, tmp_path):
    (tmp_path / "5=key.0003.png").write_bytes((tmp_path / "key.0003.png").read_bytes())
    assert frame_of("5=key.0003.png", shot) == 3


def test_places_are_indices_and_between_them(shot, tmp_path):
    some = FileFrames({number: tmp_path / f"shot.{number:04d}.png" for number in (2, 3, 6)})
    words = [f"{frame}=key.0003.png" for frame in (1, 2, 3, 4, 6, 9)]
    found = read(words, some)
    found, remarks = places(keys.locate(found, some), some)
    assert found == [-1, 0, 1, pytest.approx(4 / 3), 2, 3]
    assert remarks == [
        "'key.0003.png' is used for frame 1, which the shot does not reach",
        "'key.0003.png' is used for frame 2, as given, but does not look like it",
        "'key.0003.png' is used for frame 6, as given, but does not look like it",
        "'key.0003.png' is used for frame 9, which the shot does not reach",
    ]


@pytest.mark.parametrize(
    ("numbers", "frame", "place"),
    [
        ((10, 20, 30, 40), 0, -1),
        ((10, 20, 30, 40), 9, -0.1),
        ((10, 20, 30, 40), 35, 2.5),
        ((10, 20, 30, 40), 60, 5),
        ((7,), 7, 0),
        ((7,), 5, -2),
        ((20240101120000124, 20240101120000125), 20240101120000125, 1),
        ((20240101120000124, 20240101120000125), 20240101120000123, -1),
        ((1, 2), 10**18 - 1, 10**18 - 2),
    ],
)
def test_places_beyond_the_shot_are_in_its_steps(numbers, frame, place):
    assert keys.index_of(frame, numbers) == pytest.approx(place, rel=1e-15)


def test_frames_are_read_once_for_all_keys_that_are_looked_for(shot, monkeypatch):
    names = [f"hero{letter}.png" for letter in "abc"]
    for name, number in zip(names, (2, 4, 5), strict=True):
        Path(name).write_bytes(Path(f"key.{number:04d}.png").read_bytes())
    found = read(names, shot)
    asked, plain = [], FileFrames.read
    monkeypatch.setattr(frames, "MAX_CACHE_BYTES", 0)
    monkeypatch.setattr(FileFrames, "read", lambda self, index: asked.append(index) or plain(self, index))
    found, _ = places(keys.locate(found, shot), shot)
    assert found == [1, 3, 4]
    assert sorted(asked) == [0, 0, 1, 2, 3, 4, 5]  # the first also for its lines


def test_a_key_without_a_number_is_found_by_its_picture(shot, tmp_path):
    (tmp_path / "hero.png").write_bytes((tmp_path / "key.0004.png").read_bytes())
    other = np.random.default_rng(9).random((40, 60, 3)).astype(np.float32)
    images.write_picture("other.png", other)
    found = read(["hero.png", "other.png", "=other.png"], shot)
    found, remarks = places(keys.locate(found, shot), shot)
    assert found == [3, None, None]
    assert remarks == [
        "'hero.png' is frame 4",
        "'other.png' belongs to no frame; if it does, give it as 24=other.png",
    ]


def test_a_number_that_is_no_frames_is_noticed(shot, tmp_path):
    """As that of a version. A key that is like its frame needs no word."""
    (tmp_path / "hero_v2.png").write_bytes((tmp_path / "key.0005.png").read_bytes())
    images.write_picture("new_v3.png", np.random.default_rng(9).random((40, 60, 3)).astype(np.float32))
    found = read(["hero_v2.png", "new_v3.png", "key.0006.png", "4=hero_v2.png"], shot)
    assert places(keys.locate(found, shot), shot) == (
        [4, 2, 5, 3],
        [
            "'hero_v2.png' is frame 5",
            "'new_v3.png' is used for frame 3 because of its name; "
            "if it is another, give it as 24=new_v3.png",
            "'hero_v2.png' is used for frame 4, as given, but does not look like it",
        ],
    )


def test_a_key_of_another_size_is_known_by_its_outline(shot):
    large = np.repeat(np.repeat(images.read("key.0002.png").rgb, 2, 0), 2, 1)
    images.write_picture("key.0002.png", large, force=True)
    found = read(["key.0002.png"], shot)
    assert places(keys.locate(found, shot), shot) == ([1], [])


@pytest.mark.parametrize(
    "words",
    [
        ["key.0003.png", "3=key.0004.png"],
        ["key.0003.png", "key.0003.png"],
        ["key.0003.png", "hero.png"],  # found by its picture
        ["hero.png", "hero.png"],
    ],
)
def test_two_keys_of_one_frame_are_refused(shot, words):
    Path("hero.png").write_bytes(Path("key.0003.png").read_bytes())
    found = read(words, shot)
    with pytest.raises(UsageError, match="are both the key of frame 3: leave one out"):
        keys.locate(found, shot)


def test_two_names_may_tell_one_frame_where_pictures_tell_another(shot):
    Path("hero_3.png").write_bytes(Path("key.0004.png").read_bytes())
    found = read(["key.0003.png", "hero_3.png"], shot)
    assert places(keys.locate(found, shot), shot) == ([2, 3], ["'hero_3.png' is frame 4"])


@pytest.mark.parametrize(
    ("words", "picked", "said"),
    [
        (["none.png"], [], "there is no file"),
        (["3=none.png"], [], "there is no file"),
        (["shot.0001.png"], [], "'shot.0001.png' has no color"),
        ([], ["key.0003.png"], "write VIDEO@24"),
        (["tiny.png"], [], "at least 29"),
    ],
)
def test_what_is_wrong_with_a_key_is_one_line(shot, words, picked, said):
    images.write_picture("tiny.png", np.random.default_rng(0).random((20, 20, 3)).astype(np.float32))
    with pytest.raises((OSError, ValueError), match=said) as found:
        read(words, shot, picked)
    assert "\n" not in str(found.value)
