"""Words that mean many pictures: folders, patterns, ranges; gaps, signs, mixed padding; plain names."""

import re
from pathlib import Path

import pytest

from refcolor.files import sequences
from refcolor.files.sequences import expand


@pytest.fixture
def shot(tmp_path, monkeypatch):
    """A folder of empty files, by name."""
    monkeypatch.chdir(tmp_path)

    def make(*names):
        for name in names:
            path = Path("shot", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    return make


def names(*words, frames=None, **more):
    return [path.name for path, _ in expand([Path("shot", word) for word in words], frames, **more)]


@pytest.mark.parametrize("word", ["a.####.png", "a.%04d.png", "a.@.png", "a.@@@@.png", "a.[1-12].png"])
def test_patterns_give_frames_in_order(shot, word):
    numbers = range(1, 13)
    shot(*(f"a.{n:04}.png" for n in numbers), "b.0001.png", "a.0001.exr", "a.x.png", "a.0001.png.txt")
    assert names(word) == [f"a.{n:04}.png" for n in numbers]


def test_each_hash_is_a_digit_and_longer_numbers_may_follow(shot):
    shot("a.98.png", "a.99.png", "a.100.png", "a.0101.png", "a.7.png")
    assert names("a.##.png") == ["a.98.png", "a.99.png", "a.100.png"]
    assert names("a.####.png") == ["a.0101.png"]


def test_gaps_are_no_frames_and_negative_ones_are(shot):
    shot("a.-0002.png", "a.0000.png", "a.0005.png")
    assert names("a.####.png") == ["a.-0002.png", "a.0000.png", "a.0005.png"]
    assert names("a.####.png", frames="-2-0x2") == ["a.-0002.png", "a.0000.png"]


@pytest.mark.parametrize(
    ("frames", "wanted"), [("2-4", [2, 3, 4]), ("1-9x4", [1, 5, 9]), ("9,2", [2, 9]), ("3", [3])]
)
def test_a_range_picks_frames_of_patterns_and_folders(shot, frames, wanted):
    shot(*(f"a.{n:03}.png" for n in range(1, 10)))
    wanted = [f"a.{n:03}.png" for n in wanted]
    assert names("a.###.png", frames=frames) == wanted
    assert names("", frames=frames) == wanted
    assert names(f"a.[{frames}].png") == wanted


def test_a_folder_is_its_pictures_by_number(shot):
    shot("a10.png", "a9.PNG", "b1.exr", "cover.jpg", "notes.txt", ".hidden.png", "sub/a1.png")
    assert names("") == ["a9.PNG", "a10.png", "b1.exr", "cover.jpg"]


def test_a_file_is_itself_whatever_its_name_holds(shot):
    shot("a.####.png", "a.0001.png", "a[1-2].png", "100%d.png")
    for name in ("a.####.png", "a[1-2].png", "100%d.png"):
        assert names(name) == [name]


def test_what_is_not_there_is_left_to_the_reader(shot):
    shot("a.png")
    assert names("b.png", "a.png") == ["b.png", "a.png"]


def test_the_key_among_the_frames_is_left_out(shot):
    shot("a.01.png", "a.02.png")
    assert names("a.##.png", leave_out=Path("shot/a.01.png")) == ["a.02.png"]
    assert names("", leave_out=Path("shot/../shot/a.01.png")) == ["a.02.png"]
    assert names("a.01.png", leave_out=Path("shot/a.01.png")) == ["a.01.png"]
    with pytest.raises(ValueError, match="no frame but the source itself"):
        names("a.[1].png", leave_out=Path("shot/a.01.png"))


@pytest.mark.parametrize(
    ("word", "frames", "says"),
    [
        ("b.####.png", None, r"no files match 'shot/b\.####\.png': check the pattern"),
        ("a.#####.png", None, r"'a\.0001\.png' has other digits: check the pattern"),
        ("none/a.####.png", None, "there is no folder 'shot/none'"),
        ("a.####.%d.png", None, "more than one place for the frame number"),
        ("a.####.png", "1-9", r"has no frame 3-9: leave them out of the range"),
        ("a.[1-3].png", None, "has no frame 3"),
        ("", "7", "'shot' has no frame 7"),
        ("a.####.png", "1-", "'1-' is no range of frames: write it as 1-48, 1-48x2 or 1,5,9"),
        ("a.####.png", "", "'' is no range"),
        ("a.####.png", "1.5", "'1.5' is no range"),
        ("a.####.png", "1-999999999999", "is no range"),
        ("a.[x].png", None, "'x' is no range"),
        ("a.@.png", None, r"'a\.0002\.png' and 'a\.2\.png' are both frame 2"),
        ("a.0001.png", "1", "is one file: a range goes with a folder or a pattern"),
        ("empty", None, "the folder 'shot/empty' holds no pictures"),
    ],
)
def test_what_makes_no_sense_is_named(shot, word, frames, says):
    shot("a.0001.png", "a.0002.png", "a.2.png", "empty/notes.txt")
    with pytest.raises(ValueError, match=says):
        names(word, frames=frames)


def test_a_long_list_of_missing_frames_is_cut(shot):
    shot("a.0001.png")
    with pytest.raises(ValueError, match=r", \.\.\.: leave them out") as caught:
        names("a.####.png", frames=",".join(str(n * n) for n in range(2, 60)))
    assert len(str(caught.value)) < 160


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["a.0010_4k.png", "a.0012_4k.png"], [10, 12]),
        (["sh.0012_v03.exr", "sh.0013_v03.exr"], [12, 13]),
        (["s1.0007.v2.png", "s1.0009.v2.png"], [7, 9]),
        (["a.0003.png", "a.0001.png"], [3, 1]),
        (["one.png", "two.png"], [1, 2]),
        (["b-0001.png", "a-0002.png"], [1, 2]),
    ],
)
def test_the_number_that_tells_names_apart_is_the_frame(names, wanted):
    assert list(sequences.by_number([(Path(name), None) for name in names])) == wanted


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["a.0001.png", "a.0002.png", "thumb.png"], "'thumb.png' has no frame number, and others have"),
        (["a.0001.png", "a.1.png", "a.0002.png"], "'a.0001.png' and 'a.1.png' are both frame 1"),
        (["a.0001.png", "b.0001.png"], "'a.0001.png' and 'b.0001.png' are both frame 1"),
        (["a.0001.png", "a.0001.png"], "'a.0001.png' is named twice"),
        (["x/a.0001.png", "y/a.0001.png"], "'x/a.0001.png' and 'y/a.0001.png' are both frame 1"),
    ],
)
def test_frames_that_cannot_be_told_apart_are_no_shot(names, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        sequences.by_number([(Path(name), None) for name in names])


def test_patterns_say_which_number_is_the_frame():
    files = [(Path("s1.0007.v2.png"), 7), (Path("s2.0009.v2.png"), 9)]
    assert sequences.by_number(files) == {7: files[0][0], 9: files[1][0]}
    with pytest.raises(ValueError, match="are both frame 7"):
        sequences.by_number([files[0], (Path("s2.0007.v2.png"), 7)])
