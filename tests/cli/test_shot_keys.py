"""``refcolor shot``: which frame a key is of, and which frames it colors."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from scenes import HEIGHT, KEY, WIDTH, clip, drawn, gray, held, keys_of, name, off, report, write


@pytest.mark.parametrize(
    ("file", "word", "frame"),
    [
        ("key.0001.png", "key.0001.png", 1),
        ("key.0004.png", "key.0004.png", 4),
        ("hero.png", "5=hero.png", 5),
        ("v2/hero7.png", "8=v2/hero7.png", 8),
    ],
)
def test_a_key_gives_its_colors_to_its_frame_and_those_around(color, shot, file, word, frame):
    write(file, drawn(frame))
    code, out, err = color("shot", "-k", word, "-o", "out", "--report", "r.json")
    assert (code, len(out), len(err)) == (0, 9, 1)
    assert keys_of() == [(file, frame)]
    assert off(f"out/{name(frame)}", drawn(frame)) < 0.7
    for number in {max(frame - 1, 1), min(frame + 1, 8)}:
        assert off(f"out/{name(number)}", drawn(number)) < 6 < 25 < off(f"out/{name(number)}", 128)


def test_a_key_without_a_number_is_found_by_its_picture(color, shot):
    shutil.copy("key.0001.png", "hero.png")
    write("hero.png", drawn(6))
    code, _, err = color("shot", "-k", "hero.png", "-o", "out", "--report", "r.json")
    assert (code, err[0]) == (0, "refcolor: 'hero.png' is frame 6")
    assert keys_of() == [("hero.png", 6)]
    assert color("shot", "-k", "6=hero.png", "-o", "said")[0] == 0
    assert held("out") == held("said")
    write("other.png", drawn(1, ground=5))
    code, _, err = color("shot", "-k", "other.png", "-o", "other", "--report", "o.json")
    assert (code, keys_of("o.json")) == (0, [("other.png", None)])
    assert err[0] == "refcolor: 'other.png' belongs to no frame; if it does, give it as 24=other.png"


def test_a_sheet_belongs_to_no_frame_even_if_it_shows_one(color, shot):
    write("sheet.0003.png", drawn(3))
    code, _, err = color("shot", "-k", "=sheet.0003.png", "-o", "out", "--report", "r.json")
    assert (code, keys_of(), len(err)) == (0, [("sheet.0003.png", None)], 1)
    assert all(frame["keys"] == ["sheet.0003.png"] for frame in report()["frames"].values())
    assert color("shot", "-k", "sheet.0003.png", "-o", "placed")[0] == 0
    assert held("out") != held("placed")
    assert off(f"out/{name(5)}", drawn(5)) < 8


def test_keys_of_other_sizes_color_the_frames_near_them(color, shot):
    large = cv2.resize(drawn(8), (WIDTH * 3 // 2, HEIGHT * 3 // 2), interpolation=cv2.INTER_CUBIC)
    write("key.0008.png", large)
    words = ["-k", "key.0001.png", "-k", "key.0008.png", "--report", "r.json"]
    code, out, _ = color("shot", *words, "-o", "out")
    assert (code, len(out)) == (0, 9)
    assert keys_of() == [("key.0001.png", 1), ("key.0008.png", 8)]
    nearest = [report()["frames"][number]["keys"][0] for number in (1, 2, 7, 8)]
    assert nearest == ["key.0001.png"] * 2 + ["key.0008.png"] * 2
    assert off(f"out/{name(1)}", drawn(1)) < 0.7
    assert max(off(f"out/{name(n)}", drawn(n)) for n in range(1, 9)) < 6


def test_each_of_two_keys_rules_its_own_side(color, shot):
    """The figure's gray is that of red, and that of green."""
    write("key.0008.png", drawn(8, body=(40, 135, 73)))
    assert np.array_equal(gray(drawn(8)), gray(drawn(8, body=(40, 135, 73))))
    assert color("shot", *KEY, "-k", "key.0008.png", "-o", "out")[0] == 0
    assert max(off(f"out/{name(n)}", drawn(n)) for n in (1, 2)) < 3
    assert max(off(f"out/{name(n)}", drawn(n, body=(40, 135, 73))) for n in (7, 8)) < 3


def test_a_colored_frame_among_the_gray_ones_is_a_key_and_a_frame(color, shot):
    write(f"shot/{name(4)}", drawn(4))
    write(f"shot/{name(6)}", drawn(6))
    code, out, _ = color("shot", "-k", f"shot/{name(4)}", "-o", "out", "--report", "r.json")
    assert (code, out[:-1]) == (0, [f"out/{name(n)}" for n in range(1, 9)])
    assert keys_of() == [(f"shot/{name(4)}", 4)]
    assert off(out[3], drawn(4)) < 0.7
    said = {number: frame["warnings"] for number, frame in report()["frames"].items()}
    assert "it is colored: only its gray is used" in said[6]
    assert not [number for number in said if number != 6 and said[number]]


@pytest.mark.parametrize(
    ("file", "word", "frame"),
    [
        ("shot/hero.png", "shot/hero.png", 3),  # by its picture
        ("shot/hero.png", "3=shot/hero.png", 3),
        ("shot/hero.png", "=shot/hero.png", None),
        ("shot/hero.0003.png", "shot/hero.0003.png", 3),
        ("shot/hero.0003.png", "5=shot/hero.0003.png", 5),
    ],
)
def test_a_key_that_lies_beside_the_frames_is_none_of_them(color, shot, file, word, frame):
    write(file, drawn(frame or 3))
    code, out, _ = color("shot", "-k", word, "-o", "out", "--report", "r.json")
    assert (code, out[:-1]) == (0, [f"out/{name(n)}" for n in range(1, 9)])
    assert (keys_of(), sorted(report()["frames"])) == ([(file, frame)], [*range(1, 9)])
    assert off(out[2], drawn(3)) < 8


def test_a_key_can_be_a_frame_of_a_colored_video(color, shot):
    clip("hero.mkv", [drawn(step) for step in range(1, 9)])
    write("key.0003.png", drawn(3))
    assert color("shot", "-k", "key.0003.png", "-o", "file")[0] == 0
    code, out, _ = color("shot", "--key-from", "hero.mkv@3", "-o", "film", "--report", "r.json")
    assert (code, len(out), keys_of()) == (0, 9, [("hero.mkv@3", 3)])
    assert held("film") == held("file")
    for number in range(1, 9):  # numbers that a video does not have
        Path("shot", name(number)).rename(Path("shot", name(number + 1000)))
    code, _, err = color("shot", "--key-from", "hero.mkv@3", "-o", "late", "--report", "l.json")
    assert (code, keys_of("l.json")) == (0, [("hero.mkv@3", 1003)])
    assert err[0] == "refcolor: 'hero.mkv@3' is frame 1003"


def test_a_key_may_be_said_to_lie_outside(color, shot):
    write("next.png", drawn(9))
    code, out, _ = color("shot", "-k", "40=next.png", "-o", "out", "--report", "r.json")
    assert (code, len(out), keys_of()) == (0, 9, [("next.png", 40)])
    assert off(out[7], drawn(8)) < 6
    write("key.0040.png", drawn(2))  # a number in a name is only taken where it can be meant
    assert color("shot", "-k", "key.0040.png", "-o", "named", "--report", "n.json")[0] == 0
    assert keys_of("n.json") == [("key.0040.png", 2)]


def test_keys_may_be_a_folder_or_a_pattern(color, shot):
    for number in (1, 8):
        write(f"keys/key.{number:04d}.png", drawn(number))
    assert color("shot", "-k", "keys/key.0001.png", "-k", "keys/key.0008.png", "-o", "named")[0] == 0
    for i, word in enumerate(("keys", "keys/key.####.png", "keys/key.[1-8].png")):
        if "[" not in word:
            assert color("shot", "-k", word, "-o", f"out{i}")[0] == 0
            assert held(f"out{i}") == held("named")
    assert color("shot", "-k", "keys/key.[1,8].png", "-o", "out")[0] == 0
    assert held("out") == held("named")


def test_a_key_far_beyond_the_shot_does_not_count_for_another_scene(color, shot):
    for number in range(5, 9):
        write(f"shot/{name(number)}", gray(drawn(number, ground=9)))
        write(f"shot/{name(number)}", gray(drawn(number, ground=7)[:, ::-1]))
        Path("shot", name(number)).rename(f"shot/{name(number + 1100)}")
    for frame in (1100, 1):
        code, _, err = color("shot", "-k", f"{frame}=key.0001.png", "-o", f"out{frame}")
        assert code == 0
        assert any("no key shows the scene of frame 1105-1108" in line for line in err)
