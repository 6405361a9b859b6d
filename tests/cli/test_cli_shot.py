"""``refcolor shot`` as it is used: which frames and keys, what is written, resumed and said; bad input."""

import errno
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from refcolor.cli import app
from refcolor.files import atomic_write, images, models, video_write
from refcolor.files.video import open_video
from refcolor.imaging.contact_sheets import contact_sheet
from refcolor.render import outputs, workers

RUN = [sys.executable, "-P", "-c", "from refcolor.cli import main; main()"]
COUNT, WIDTH, HEIGHT = 8, 96, 64
RATE = Fraction(24000, 1001)
AROUND = 20  # pixels that a moving thing may change beside it
OUT, KEY = ["-o", "out"], ["-k", "key.0001.png"]


# ---------------------------------------------------------------- a shot to color


def box(step):
    """Rows and columns that the figure fills."""
    return slice(14, 52), slice(8 + 4 * step, 30 + 4 * step)


def drawn(step, ground=0, body=(200, 60, 40)):
    """A red figure with a blue head that walks over a painted ground that stands still; (H, W, 3) uint8."""
    rng = np.random.default_rng(ground)
    coarse = rng.random((8, 12, 3)).astype(np.float32)
    image = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) * 150 + 50
    image += rng.normal(0, 8, (HEIGHT, WIDTH, 1))
    rows, columns = box(step)
    image[rows.start + 12 : rows.stop, columns] = body
    image[rows.start + 20 : rows.start + 24, columns] = (250, 220, 90)
    image[rows.start : rows.start + 12, columns.start + 6 : columns.stop - 6] = (40, 60, 210)
    return np.rint(image.clip(0, 255)).astype(np.uint8)


def write(path, image):
    """RGB, RGBA or gray, as stored."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    order = [2, 1, 0, *range(3, image.shape[2])] if image.ndim == 3 else ...
    assert cv2.imwrite(str(path), image[..., order] if image.ndim == 3 else image)


def gray(image):
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def seen(path):
    """RGB as stored."""
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., 2::-1]


def off(path, truth):
    """Mean difference from the true colors, in 8-bit steps."""
    return np.abs(seen(path).astype(float) - truth).mean()


def name(number):
    return f"a.{number:04d}.png"


def make(folder, count=COUNT):
    """Frames in ``shot/a.0001.png`` and so on, the colors of the first in ``key.0001.png``."""
    for number in range(1, count + 1):
        write(folder / "shot" / name(number), gray(drawn(number)))
    write(folder / "key.0001.png", drawn(1))


@pytest.fixture
def shot(tmp_path, monkeypatch):
    """The current folder, with a shot and its key."""
    make(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(capfd):
    """Run the command in this process: exit code, stdout lines, stderr lines (C libraries' included).

    Left out is the line on the least sure frame, unless it is asked for.
    """

    def run(*words, least=False):
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            app.main(["shot", *(str(word) for word in words)])
        # some CI services force color
        out, err = (re.sub("\x1b\\[[0-9;]*m", "", text) for text in capfd.readouterr())
        lines = [line for line in err.splitlines() if least or "has the lowest confidence" not in line]
        return left.value.code or 0, out.splitlines(), lines

    return run


@pytest.fixture
def color(call):
    """The same without a network."""
    return lambda *words, least=False: call(*words, "--preset", "quick", least=least)


def held(folder="."):
    """Everything in a folder: names, links, contents."""
    return {
        str(path.relative_to(folder)): path.readlink()
        if path.is_symlink()
        else path.is_dir() or path.read_bytes()
        for path in Path(folder).rglob("*")
    }


def report(path="r.json"):
    """What a report says, its frames by number."""
    found = json.loads(Path(path).read_text())
    return found | {"frames": {frame["frame"]: frame for frame in found["frames"]}}


def keys_of(path="r.json"):
    return [(key["key"], key["frame"]) for key in report(path)["keys"]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The files of a run that nothing disturbed, by name."""
    folder = tmp_path_factory.mktemp("whole")
    make(folder)
    words = ["shot", f"{folder}/shot", "-k", f"{folder}/key.0001.png", "-o", f"{folder}/out", "-q"]
    with pytest.raises(SystemExit, match="0"):
        app.main([*words, "--preset", "quick"])
    return held(folder / "out")


# ---------------------------------------------------------------- targets


@pytest.mark.parametrize(
    "words",
    [["shot"], [f"shot/{name(n)}" for n in range(1, 9)], ["shot/a.####.png"], ["shot/a.%04d.png"]],
    ids=["folder", "files", "hashes", "printf"],
)
def test_every_way_to_name_the_frames_means_the_same(color, shot, whole, words):
    code, out, err = color(*words, "-k", "key.0001.png", "-o", "out", "--frames", "1-8x2")
    assert (code, out) == (0, [f"out/{name(n)}" for n in (1, 3, 5, 7)])
    assert err == ["refcolor: 4 frames colored, 0 of them holds"]
    assert held("out") == {name(n): whole[name(n)] for n in (1, 3, 5, 7)}


def test_a_pattern_with_a_range_means_these_frames(color, shot):
    code, out, _ = color("shot/a.[2-5].png", "-k", "key.0001.png", "-o", "out")
    assert (code, out) == (0, [f"out/{name(n)}" for n in (2, 3, 4, 5)])
    assert all(off(path, drawn(n)) < 6 for n, path in enumerate(out, 2))


def test_frames_that_are_missing_are_named_and_gaps_are_none(color, shot):
    for number in (3, 5, 6):
        Path("shot", name(number)).unlink()
    before = held()
    code, out, err = color("shot", "-k", "key.0001.png", "-o", "out", "--frames", "1-8")
    assert (code, out) == (2, [])
    assert err == ["refcolor: 'shot' has no frame 3,5-6: leave them out of the range"]
    assert held() == before
    code, out, _ = color("shot", "-k", "key.0001.png", "-o", "out")
    assert (code, out) == (0, [f"out/{name(n)}" for n in (1, 2, 4, 7, 8)])


def test_frames_without_numbers_are_counted_in_their_order(color, shot):
    names = ["one", "three", "two", "zero"]  # as they are sorted
    for step, word in enumerate(names, 1):
        write(f"words/{word}.png", gray(drawn(step)))
    words = ["-k", "1=key.0001.png", "--report", "r.json"]
    code, out, _ = color("words", "-o", "out", *words)
    assert (code, out[:-1]) == (0, [f"out/{word}.png" for word in names])
    assert [report()["frames"][n]["target"] for n in (1, 2, 3, 4)] == [f"words/{word}.png" for word in names]
    every = held("out")
    code, out, _ = color("words", "-o", "some", "-k", "1=key.0001.png", "--frames", "2,4")
    assert (code, out) == (0, ["some/three.png", "some/zero.png"])
    assert held("some") == {path: every[path] for path in ("three.png", "zero.png")}


# ---------------------------------------------------------------- keys


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


# ---------------------------------------------------------------- holds, what stands still, cuts


def test_a_hold_is_marked_and_its_bits_are_those_of_the_frame_before(color, shot):
    for number in (4, 5):
        shutil.copy(f"shot/{name(3)}", f"shot/{name(number)}")
    code, out, err = color("shot", "-k", "key.0001.png", "-o", "out", "--report", "r.json")
    assert (code, err[-1]) == (0, "refcolor: 8 frames colored, 2 of them holds")
    assert [number for number, frame in report()["frames"].items() if frame["hold"]] == [4, 5]
    files = [Path(path).read_bytes() for path in out[:-1]]
    assert files[2] == files[3] == files[4]
    assert len(set(files)) == 6


def test_a_ground_that_stands_still_keeps_every_bit(whole, shot):
    for path, data in whole.items():
        Path(path).write_bytes(data)
    pictures = np.array([seen(name(n)) for n in range(1, 9)])
    changed = np.ptp(pictures.astype(int), axis=0).max(-1) > 0
    moved = np.ptp([gray(drawn(n)).astype(int) for n in range(1, 9)], axis=0) > 0
    ground = cv2.dilate(moved.astype(np.uint8), np.ones((2 * AROUND + 1, 2 * AROUND + 1))) == 0
    assert ground.mean() > 0.1
    assert changed[moved].any()
    assert not changed[ground].any()
    assert np.ptp(pictures[0], axis=-1)[ground].mean() > 20  # it is colored


def test_the_least_sure_frame_is_named_as_one_for_a_key(color, shot):
    code, _, err = color("shot", *KEY, *OUT, "--report", "r.json", least=True)
    sure = {number: frame["confidence"] for number, frame in report()["frames"].items() if number != 1}
    least = min(sure, key=sure.get)
    assert (code, err[-1]) == (
        0,
        f"refcolor: frame {least} has the lowest confidence, {sure[least]:.2f}: a key of it would help most",
    )  # fmt: skip


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


def test_bare_lines_are_told_of(color, shot):
    for number in range(1, 9):
        edges = cv2.Canny(gray(drawn(number)), 40, 80)
        write(f"lines/{name(number)}", 255 - edges)
    code, _, err = color("lines", "-k", "1=key.0001.png", *OUT)
    assert code == 0
    assert any("is white, and the keys are not: lines without grays take no color" in line for line in err)


def test_a_video_may_follow_the_bare_command(color, shot):
    gray_clip("in.mkv", 4)
    assert color("in.mkv", *KEY, "-o", "wanted.mkv")[0] == 0
    for words in (["-o", "out.mkv"], []):
        with pytest.raises(SystemExit) as left:
            app.main(["key.0001.png", "in.mkv", *words, "--preset", "quick"])
        assert not left.value.code
        path = words[-1] if words else "in_color.mkv"
        assert Path(path).read_bytes() == Path("wanted.mkv").read_bytes()


def test_what_lies_hidden_under_no_alpha_does_not_matter(color, shot):
    """Cels: the figure alone, and the ground whatever a program left there."""
    cover = np.zeros((HEIGHT, WIDTH), np.uint8)
    cover[4:-4, 6:-6] = 255
    Path("cels").mkdir()
    for number in range(1, 9):
        picture = gray(drawn(number)).copy()
        picture[cover == 0] = 40 * (number % 3)
        write(f"cels/{name(number)}", np.dstack([picture] * 3 + [cover]))
    cel = drawn(1).copy()
    cel[cover == 0] = 250, 3, 3
    write("cel.0001.png", np.dstack([cel, cover]))
    code, _, err = color("cels", "-k", "cel.0001.png", *OUT, "--report", "r.json")
    assert (code, err) == (0, ["refcolor: 8 frames colored, 0 of them holds"])
    for number, frame in report()["frames"].items():
        assert (frame["warnings"], frame["confidence"] > 0.8) == ([], True)
        result, target = seen(f"out/{name(number)}"), seen(f"cels/{name(number)}")
        assert np.array_equal(result[cover == 0], target[cover == 0])
        assert np.abs(result[cover > 0].astype(int) - drawn(number)[cover > 0]).mean() < 8


def test_a_cut_is_noticed(color, shot):
    for number in range(5, 9):
        write(f"shot/{name(number)}", gray(drawn(number, ground=7)[:, ::-1]))
    code, _, err = color("shot", "-k", "key.0001.png", "-o", "out", "--report", "r.json")
    frames = report()["frames"]
    assert code == 0
    assert [number for number, frame in frames.items() if frame["cut"]] == [5]
    assert "another scene begins" in frames[5]["warnings"]
    strange = [number for number, frame in frames.items() if "no key shows this scene" in frame["warnings"]]
    assert strange == [5, 6, 7, 8]
    assert "refcolor: another scene begins with frame 5" in err
    assert "refcolor: no key shows the scene of frame 5-8: give one of it" in err
    write("key.0006.png", drawn(6, ground=7)[:, ::-1])
    words = ["-k", "key.0001.png", "-k", "key.0006.png", "--report", "two.json"]
    assert color("shot", *words, "-o", "two")[0] == 0
    frames = report("two.json")["frames"]
    assert [number for number, frame in frames.items() if frame["cut"]] == [5]
    assert not [number for number in frames if "no key shows this scene" in frames[number]["warnings"]]
    assert off(f"two/{name(7)}", drawn(7, ground=7)[:, ::-1]) < 6


# ---------------------------------------------------------------- formats


def test_deep_png_stays_deep(color, shot):
    for number in (1, 2, 3):
        fine = gray(drawn(number)).astype(np.uint16) * 257
        fine += np.random.default_rng(number).integers(0, 200, fine.shape, np.uint16)
        write(f"deep/{name(number)}", fine)
    code, out, _ = color("deep", "-k", "key.0001.png", "-o", "out")
    assert (code, out) == (0, [f"out/{name(n)}" for n in (1, 2, 3)])
    for number, path in enumerate(out, 1):
        result = seen(path)
        assert (result.dtype, result.shape) == (np.uint16, (HEIGHT, WIDTH, 3))
        assert len(np.unique(result % 257)) > 100
        assert np.abs(result / 257 - drawn(number)).mean() < 6


def test_half_exr_stays_half_and_linear(color, shot):
    for number in (1, 2, 3):
        picture = np.repeat(gray(drawn(number))[..., None] / np.float32(255), 3, axis=-1)
        images.write_picture(f"{name(number)[:-4]}.exr", picture)
    Path("exr").mkdir()
    for path in Path().glob("*.exr"):
        path.rename(f"exr/{path}")
    code, out, _ = color("exr", "-k", "key.0001.png", "-o", "out")
    assert (code, out) == (0, [f"out/a.000{n}.exr" for n in (1, 2, 3)])
    for number, path in enumerate(out, 1):
        picture = images.read(path)
        assert (picture.storage.format, picture.storage.depth, picture.storage.linear) == (
            "openexr",
            "half",
            True,
        )
        assert np.abs(picture.rgb * 255 - drawn(number)).mean() < 6


def test_tga_keeps_its_alpha(color, shot):
    alpha = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH), np.uint8)
    for number in (1, 2, 3):
        plain = np.repeat(gray(drawn(number))[..., None], 3, axis=-1) / np.float32(255)
        images.write_picture("plain.tga", plain, force=True)
        like = images.read("plain.tga")
        picture = images.Picture(like.rgb, alpha / np.float32(255), like.storage)
        Path("tga").mkdir(exist_ok=True)
        images.write(f"tga/{name(number)[:-4]}.tga", like.rgb, like=picture)
    code, out, _ = color("tga", "-k", "key.0001.png", "-o", "out")
    assert (code, out) == (0, [f"out/a.000{n}.tga" for n in (1, 2, 3)])
    for number, path in enumerate(out, 1):
        picture = images.read(path)
        assert (picture.storage.format, picture.storage.depth) == ("targa", "uint8")
        assert np.array_equal(np.rint(picture.alpha * 255), alpha)
        assert np.abs(picture.rgb * 255 - drawn(number)).mean() < 6


def test_the_output_may_be_a_pattern_of_another_format(color, shot, whole):
    code, out, _ = color("shot", "-k", "key.0001.png", "-o", "new/out.######.exr", "--frames", "7-8")
    assert (code, out) == (0, ["new/out.000007.exr", "new/out.000008.exr"])
    Path(name(8)).write_bytes(whole[name(8)])
    picture = images.read(out[1])
    assert picture.storage.format == "openexr"
    assert np.abs(picture.rgb * 255 - seen(name(8))).max() < 1


# ---------------------------------------------------------------- resuming


def test_what_is_there_is_left_alone_and_the_rest_is_done(color, shot, whole):
    words = ["shot", "-k", "key.0001.png", "-o", "out"]
    assert color(*words, "--frames", "2,5-6")[0] == 0
    Path("out", name(8)).write_bytes(b"mine")
    for number in (2, 5, 6, 8):
        os.utime(f"out/{name(number)}", ns=(number, number))
    code, out, err = color(*words, "--skip-existing", "--report", "r.json", "--contact-sheet", "s.png")
    assert (code, out) == (0, [f"out/{name(n)}" for n in (1, 3, 4, 7)] + ["r.json", "s.png"])
    assert err == ["refcolor: 4 frames colored, 0 of them holds, 4 existed already"]
    assert held("out") == whole | {name(8): b"mine"}
    assert [Path("out", name(n)).stat().st_mtime_ns for n in (2, 5, 6, 8)] == [2, 5, 6, 8]
    assert (report()["skipped"], sorted(report()["frames"])) == ([2, 5, 6, 8], [1, 3, 4, 7])
    assert seen("s.png").shape == sheet_of(7).shape  # what cannot be shown, as frame 8, is not
    assert color(*words, "--skip-existing") == (0, [], ["refcolor: all frames exist already"])


def test_a_confidence_that_is_missing_is_made_up_for(color, shot, whole):
    words = ["shot", "-k", "key.0001.png", "-o", "out", "--frames", "1-4"]
    assert color(*words)[0] == 0
    os.utime(f"out/{name(2)}", ns=(2, 2))
    Path("sure").mkdir()
    code, out, _ = color(*words, "--confidence", "sure", "--skip-existing")
    assert (code, out) == (0, [f"sure/{name(n)}" for n in (1, 2, 3, 4)])
    assert Path("out", name(2)).stat().st_mtime_ns == 2
    Path("out", name(3)).unlink()
    code, out, _ = color(*words, "--confidence", "sure", "--skip-existing")
    assert (code, out) == (0, [f"out/{name(3)}"])
    assert held("out") == {name(n): whole[name(n)] for n in (1, 2, 3, 4)}


def start(*words, **more):
    """The command in a process group of its own."""
    return subprocess.Popen(
        [*RUN, "shot", *words, "--preset", "quick"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, **more,
    )  # fmt: skip


def living(group):
    """Processes of a group that have not ended, by number, with their words."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, of, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(of) == group and state not in "ZX":
                found[int(folder.name)] = (folder / "cmdline").read_text()
        except OSError:
            continue
    return found


def gone(group, seconds=20.0):
    """Whether all processes of a group have ended, now or soon."""
    until = time.monotonic() + seconds
    while living(group) and time.monotonic() < until:
        time.sleep(0.05)
    return not living(group)


def kill_after(running, lines, seconds):
    """End a process and its group when it has printed so many lines, and a moment later."""
    try:
        for _ in range(lines):
            running.stdout.readline()
        time.sleep(seconds)
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
    assert gone(running.pid)


@pytest.mark.parametrize(("count", "workers", "seed"), [(20, 1, 0), (4, 2, 1)])
def test_killed_at_any_moment_and_resumed_it_gives_the_same_bytes(color, shot, whole, count, workers, seed):
    chance = random.Random(seed)
    words = ["shot", "-k", "key.0001.png", "--workers", str(workers)]
    begun = time.monotonic()
    with start(*words, "-o", "timed") as running:
        running.stdout.readline()
        first = time.monotonic() - begun
        running.communicate()
    each = (time.monotonic() - begun - first) / COUNT
    found = []
    for turn in range(count):
        lines = turn * (COUNT + 1) // count  # moments all over the time that it runs
        out = Path(f"out{turn}")
        kill_after(start(*words, "-o", out), lines, chance.uniform(0, each if lines else first))
        there = {path: data for path, data in (held(out) if out.exists() else {}).items() if path[0] != "."}
        assert there.items() <= whole.items()
        found.append(len(there))
        code, printed, _ = color(*words[:3], "-o", out, "--skip-existing")
        assert (code, len(printed)) == (0, COUNT - len(there))
        assert held(out) == whole  # nothing hidden either
    assert len({number for number in found if 0 < number < COUNT}) >= count // 5


def test_what_a_killed_process_left_half_written_is_cleared_away(color, shot, whole):
    """But not what another, which lives, is writing."""
    code = (
        "import sys, time\nfrom refcolor.files.atomic_write import atomic\n"
        "with atomic(sys.argv[1]) as file:\n"
        "    file.write(b'half')\n    print(flush=True)\n    time.sleep(99)"
    )
    Path("out").mkdir()
    begun = [
        subprocess.Popen([sys.executable, "-P", "-c", code, f"out/{n}.png"], stdout=subprocess.PIPE)
        for n in "xy"
    ]
    try:
        for writer in begun:
            writer.stdout.readline()
        assert len(held("out")) == 2
        begun[0].kill()
        begun[0].wait()
        assert color("shot", "-k", "key.0001.png", "-o", "out", "--skip-existing")[0] == 0
        hidden = held("out").keys() - whole.keys()
        assert len(hidden) == 1
        assert f"-{begun[1].pid}-" in hidden.pop()
    finally:
        for writer in begun:
            writer.kill()
            writer.communicate()


# ---------------------------------------------------------------- frames that cannot be had


@pytest.mark.parametrize("workers", [1, 2])
def test_a_frame_that_cannot_be_read_fails_alone(color, shot, whole, workers):
    path = Path("shot", name(4))
    path.write_bytes(path.read_bytes()[:700])
    code, out, err = color(
        "shot", "-k", "key.0001.png", "-o", "out", "--report", "r.json", "--contact-sheet", "s.png",
        "--workers", workers,
    )  # fmt: skip
    good = [n for n in range(1, 9) if n != 4]
    assert (code, sorted(out[:-2])) == (1, [f"out/{name(n)}" for n in good])
    assert sum(line.startswith("refcolor: 'shot/a.0004.png' failed: ") for line in err) == 1
    assert err[-1].startswith("refcolor: 1 of 8 frames failed, the others are done: frame 4: ")
    assert "cut short" in err[-1]
    frames = report()["frames"]
    assert {number for number, frame in frames.items() if frame["error"]} == {4}
    assert "cut short" in frames[4]["error"]
    assert (frames[4]["result"], frames[4]["confidence"]) == (None, None)
    assert sorted(held("out")) == [name(n) for n in good]
    assert max(off(f"out/{name(n)}", drawn(n)) for n in good) < 6
    assert Path("out", name(1)).read_bytes() == whole[name(1)]
    assert seen("s.png").shape == sheet_of(7).shape


def test_resumed_with_a_report_it_tells_of_all_frames(color, shot):
    words = ["shot", *KEY, *OUT, "--skip-existing", "--report", "r.json", "--contact-sheet", "s.png"]
    assert color(*words)[0] == 0
    whole, sheet = report(), Path("s.png").read_bytes()
    for number in (3, 6):
        Path("out", name(number)).unlink()
    code, out, _ = color(*words)
    assert (code, out) == (0, [f"out/{name(3)}", f"out/{name(6)}", "r.json", "s.png"])
    again = report()
    assert again["skipped"] == [1, 2, 4, 5, 7, 8]
    for number, frame in whole["frames"].items():
        assert again["frames"][number] | {"seconds": 0} == frame | {"seconds": 0}
    assert seen("s.png").shape == cv2.imdecode(np.frombuffer(sheet, np.uint8), 1).shape
    Path("s.png").unlink()
    code, out, err = color(*words)  # nothing is left to do
    assert (code, out, err) == (0, ["r.json", "s.png"], ["refcolor: all frames exist already"])
    assert report()["frames"] == again["frames"]


@pytest.mark.parametrize(("option", "file"), [("--report", "mine.json"), ("--contact-sheet", "mine.png")])
def test_resuming_overwrites_only_what_was_written_here(color, shot, option, file):
    Path("mine.json").write_text('{"frames": []}')
    write("mine.png", drawn(1))
    before = Path(file).read_bytes()
    code, out, err = color("shot", *KEY, *OUT, "--skip-existing", option, file)
    assert (code, out, len(err)) == (2, [], 1)
    assert f"'{file}' already exists" in err[0]
    assert Path(file).read_bytes() == before
    assert color("shot", *KEY, *OUT, "--force", option, file)[0] == 0
    assert Path(file).read_bytes() != before


def test_all_frames_unreadable(color, shot):
    for number in range(1, 9):
        Path("shot", name(number)).write_bytes(b"nothing")
    code, out, err = color("shot", "-k", "key.0001.png", "-o", "out", "--report", "r.json", "--quiet")
    assert (code, out, len(err)) == (1, ["r.json"], 1)
    assert err[0].startswith("refcolor: 8 of 8 frames failed: frame 1-8: ")
    assert "is not a picture" in err[0]
    assert held("out") == {}
    assert all("is not a picture" in frame["error"] for frame in report()["frames"].values())


def test_frames_of_another_size_are_colored_too_and_tiny_ones_fail(color, shot):
    write(f"shot/{name(4)}", gray(cv2.resize(drawn(4), (120, 80))))
    write(f"shot/{name(6)}", gray(drawn(6))[:28])
    code, out, err = color("shot", "-k", "key.0001.png", "-o", "out")
    assert (code, len(out)) == (1, 7)
    assert err[-1].endswith("the target 'shot/a.0006.png' is 96x28 pixels: both sides must be at least 29")
    assert off(f"out/{name(4)}", cv2.resize(drawn(4), (120, 80))) < 8
    assert max(off(f"out/{name(n)}", drawn(n)) for n in (1, 2, 3, 5, 7, 8)) < 8


# ---------------------------------------------------------------- report, contact sheet, confidence


def test_the_report_says_how_every_frame_went(color, shot):
    code, out, _ = color(
        "shot", "-k", "key.0001.png", "-o", "out", "--report", "out/r.json", "--frames", "2-4"
    )
    assert (code, out[-1]) == (0, "out/r.json")
    found = json.loads(Path("out/r.json").read_text())
    assert found["settings"]["name"] == "quick"
    assert found["keys"] == [{"key": "key.0001.png", "frame": 1}]
    assert found["skipped"] == []
    assert [frame["frame"] for frame in found["frames"]] == [2, 3, 4]
    for frame in found["frames"]:
        number = frame["frame"]
        assert (frame["target"], frame["result"]) == (f"shot/{name(number)}", f"out/{name(number)}")
        assert (frame["keys"], frame["error"], frame["warnings"]) == (["key.0001.png"], None, [])
        assert (frame["hold"], frame["cut"]) == (False, False)
        assert 0 < frame["seconds"] < 60
        assert 0.7 < frame["confidence"] <= 1
        assert 0 <= frame["doubtful"] < 0.25


def test_doubtful_frames_are_warned_of_and_shown_first(color, shot):
    write(f"shot/{name(6)}", np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH), np.uint8))
    code, _, err = color("shot", "-k", "key.0001.png", "-o", "out", "--report", "r.json")
    assert code == 0
    assert "low confidence" in report()["frames"][6]["warnings"]
    head = [line.split()[1:] for line in err].index(
        ["look", "first", "at", "confidence", "doubtful", "remarks"]
    )
    assert err[head + 1].startswith(f"refcolor: {name(6)} ")


def sheet_of(cells):
    """A contact sheet of so many frames."""
    pictures = [("caption", drawn(1))] * cells
    return contact_sheet([pictures[at : at + 6] for at in range(0, cells, 6)])


@pytest.mark.parametrize(("every", "cells"), [(2, 4), (3, 3), (1, 8), (None, 8)])
def test_the_contact_sheet_shows_every_so_many_frames(color, shot, every, cells):
    words = ["--every", every] if every else []
    code, out, _ = color("shot", "-k", "key.0001.png", "-o", "out", "--contact-sheet", "s.png", *words)
    assert (code, out[-1]) == (0, "s.png")
    assert seen("s.png").shape == sheet_of(cells).shape
    assert len({sheet_of(n).shape for n in (3, 4, 8)}) == 3
    # 48 pixels below its caption the first cell shows the first frame
    found, wanted = (
        sheet[40:100, 20:120].reshape(-1, 3).mean(0) for sheet in (seen("s.png"), sheet_of(cells))
    )
    assert np.abs(found - wanted).max() < 3


def test_confidence_goes_into_a_folder_of_its_own(color, shot):
    code, out, _ = color(
        "shot",
        "-k",
        "key.0001.png",
        "-o",
        "out",
        "--confidence",
        "out/sure",
        "--frames",
        "1-2",
        "--report",
        "r.json",
    )
    assert code == 0
    assert out == ["out/a.0001.png", "out/sure/a.0001.png", "out/a.0002.png", "out/sure/a.0002.png", "r.json"]
    for number in (1, 2):
        sure = cv2.imread(f"out/sure/{name(number)}", cv2.IMREAD_UNCHANGED)
        assert sure.shape == (HEIGHT, WIDTH)
        assert sure.mean() / 255 == pytest.approx(report()["frames"][number]["confidence"], abs=0.005)


# ---------------------------------------------------------------- parts, workers


@pytest.mark.parametrize(
    "chunks", [["1-4", "5-7", "8"], ["8", "5-7", "1-4"], ["2-8x2", "7-1x-2"]], ids=" ".join
)
def test_parts_in_any_order_give_the_bytes_of_the_whole(color, shot, whole, chunks):
    for chunk in chunks:
        assert color("shot", "-k", "key.0001.png", "-o", "out", "--frames", chunk)[0] == 0
    assert held("out") == whole


@pytest.mark.parametrize("chunk", [None, "3-8"])
def test_workers_give_the_bytes_of_the_whole(color, shot, whole, chunk):
    words = ["--frames", chunk] if chunk else []
    code, out, err = color("shot", "-k", "key.0001.png", "-o", "out", "--workers", 2, *words)
    numbers = range(3 if chunk else 1, 9)
    assert (code, sorted(out)) == (0, [f"out/{name(n)}" for n in numbers])
    assert err == [f"refcolor: {len(numbers)} frames colored, 0 of them holds"]
    assert held("out") == {name(n): whole[name(n)] for n in numbers}


def test_as_many_workers_as_cores_memory_and_frames_are_good_for(color, shot, whole, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "sched_getaffinity", lambda _: {3, 4, 7})
        patch.setattr(workers, "_memory", lambda: 10 << 30)
        assert [workers.suitable_workers(n, 1 << 19) for n in (1, 31, 32, 47, 48, 500)] == [1, 1, 2, 2, 3, 3]
        assert [workers.suitable_workers(500, n << 20) for n in (1, 5, 33, 300)] == [3, 2, 1, 1]
    assert 0 < workers._memory() < 1 << 50
    monkeypatch.setattr(workers, "WORTH", COUNT // 2)
    teams, plain = [], workers._team
    monkeypatch.setattr(workers, "_team", lambda *words: teams.append(words[1]) or plain(*words))
    monkeypatch.setattr(workers, "_memory", lambda: 10 << 30)
    code, _, err = color("shot", "-k", "key.0001.png", "-o", "out")
    assert (code, err) == (0, [f"refcolor: {COUNT} frames colored, 0 of them holds"])
    assert held("out") == whole
    assert teams == [2] * (len(os.sched_getaffinity(0)) > 1)


def test_memory_is_what_the_control_group_leaves(tmp_path, monkeypatch):
    group = tmp_path / "group"
    group.mkdir()
    monkeypatch.setattr(workers, "Path", lambda path: group if str(path) == "/sys/fs/cgroup" else Path(path))
    whole = workers._memory()
    for name_, text in (
        ("memory.current", "900"),
        ("memory.stat", "anon 7\ninactive_file 300"),
        ("memory.max", "max"),
    ):
        (group / name_).write_text(text)
    assert abs(workers._memory() - whole) < whole / 4
    (group / "memory.max").write_text("1000\n")
    assert workers._memory() == 400


@pytest.mark.slow
def test_parts_and_workers_give_the_bytes_of_the_whole_with_the_network(call, shot):
    words = ["shot", "-k", "key.0001.png", "--epochs", 1, "--device", "cpu"]
    assert call(*words, "-o", "whole")[0] == 0
    code, _, err = call(*words, "-o", "out", "--frames", "2-8x2", "--workers", 2)
    assert (code, len(err), err[0]) == (0, 2, "refcolor: training on the CPU")
    whole = held("whole")
    assert held("out") == {name(n): whole[name(n)] for n in (2, 4, 6, 8)}
    assert max(off(f"whole/{name(n)}", drawn(n)) for n in range(1, 9)) < 6


def test_the_frames_of_a_worker_that_is_killed_are_colored_again(color, shot, monkeypatch):
    for number in range(9, 25):
        write(f"shot/{name(number)}", gray(drawn(number % 14 + 1)))
    words = ["shot", "-k", "key.0001.png"]
    assert color(*words, "-o", "whole")[0] == 0
    ends, plain = [], workers._Worker.take

    def counted(worker):
        index, outcome = plain(worker)
        if outcome is None:
            ends.append(index)
        return index, outcome

    def strike():
        while not any(Path("out").glob("a*")):
            time.sleep(0.001)
        group = living(os.getpgid(0))
        mine = [pid for pid, said in group.items() if "spawn_main" in said and parent(pid) == os.getpid()]
        killed.append(mine[0])
        os.kill(mine[0], signal.SIGKILL)

    killed = []
    monkeypatch.setattr(workers._Worker, "take", counted)
    striker = threading.Thread(target=strike)
    Path("out").mkdir()
    striker.start()
    code, out, err = color(*words, "-o", "out", "--workers", 2, "--report", "r.json")
    striker.join()
    assert (code, len(killed), len(ends)) == (0, 1, 1)
    assert err == ["refcolor: 24 frames colored, 0 of them holds"]
    assert sorted(out[:-1]) == [f"out/{name(n)}" for n in range(1, 25)]
    assert held("out") == held("whole")  # nothing hidden either
    assert sorted(report()["frames"]) == [*range(1, 25)]


def parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


# ---------------------------------------------------------------- video


def clip(path, images, codec="ffv1", pix_fmt="bgr0", times=None, sound=None):
    """A clip of RGB pictures, perhaps with uneven times, in thousandths of a second, and a sound."""
    base = Fraction(1, 1000) if times else 1 / RATE
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=RATE)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt, stream.codec_context.time_base = pix_fmt, base
        track = out.add_stream(sound, rate=48000, layout="mono") if sound else None
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")
            frame.pts, frame.time_base = times[number] if times else number, base
            out.mux(stream.encode(frame))
        for number in range(16 if track else 0):
            wave = (np.sin(np.arange(1024) * 0.05 + number) * 9000).astype(np.int16)[None]
            part = av.AudioFrame.from_ndarray(wave, "s16", "mono")
            part.sample_rate, part.time_base, part.pts = 48000, Fraction(1, 48000), 1024 * number
            out.mux(track.encode(part))
        for each in [stream, *([track] if track else [])]:
            out.mux(each.encode(None))
    return path


def gray_clip(path, count=COUNT, **more):
    return clip(path, [np.repeat(gray(drawn(n))[..., None], 3, axis=-1) for n in range(1, count + 1)], **more)


def sound_of(path):
    with av.open(str(path)) as container:
        return [
            (packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux(audio=0)
            if packet.size
        ]


def frames_of(path):
    """Times in seconds, and pictures in 8-bit steps."""
    with open_video(path) as video:
        times = [float(time * video.time_base) for time in (*video.times, video.end)]
        return times, [np.rint(video.read(i).rgb * 255).astype(np.uint8) for i in range(len(video))]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_video_keeps_its_times_and_sound_and_has_the_frames_of_the_folder(color, shot, whole, workers):
    gray_clip("in.mkv", times=[0, 40, 90, 100, 180, 220, 221, 300], sound="flac")
    code, out, err = color("in.mkv", "-k", "key.0001.png", "-o", "out.mkv", "--workers", workers)
    assert (code, out, err) == (0, ["out.mkv"], ["refcolor: 8 frames colored, 0 of them holds"])
    times, pictures = frames_of("out.mkv")
    assert times == frames_of("in.mkv")[0]
    assert times[:-1] == [0, 0.04, 0.09, 0.1, 0.18, 0.22, 0.221, 0.3]
    assert sound_of("out.mkv") == sound_of("in.mkv")
    assert len(sound_of("in.mkv")) > 3
    code, out, _ = color("in.mkv", "-k", "key.0001.png", "-o", "out")
    assert (code, out) == (0, [f"out/in.000{n}.png" for n in range(1, 9)])
    assert all(np.array_equal(seen(path), picture) for path, picture in zip(out, pictures, strict=True))
    assert [Path(path).read_bytes() for path in out] == list(dict(sorted(whole.items())).values())


def test_some_frames_of_a_video(color, shot):
    gray_clip("in.mkv")
    words = ["in.mkv", "-k", "key.0001.png"]
    assert color(*words, "-o", "whole.mkv")[0] == 0
    times, pictures = frames_of("whole.mkv")
    code, out, _ = color(*words, "-o", "part.mkv", "--frames", "2-8x3", "--report", "r.json")
    assert (code, out, sorted(report()["frames"])) == (0, ["part.mkv", "r.json"], [2, 5, 8])
    assert report()["frames"][5]["target"] == "in.mkv frame 5"
    some, these = frames_of("part.mkv")
    assert some[:-1] == [times[1], times[4], times[7]]
    assert all(np.array_equal(these[i], pictures[3 * i + 1]) for i in range(3))
    assert color(*words, "-o", "p.####.png", "--frames", "2-8x3")[:2] == (
        0,
        [f"p.000{n}.png" for n in (2, 5, 8)],
    )
    assert np.array_equal(seen("p.0005.png"), pictures[4])


@pytest.mark.parametrize("video", ["take[2] 100%d@##.v1.mkv", "take.v2/in"])
def test_frames_of_a_video_of_any_name(color, shot, video):
    gray_clip("in.mkv", 2)
    Path(video).parent.mkdir(exist_ok=True)
    shutil.copy("in.mkv", video)
    stem = Path(video).stem
    code, out, _ = color(video, "-k", "key.0001.png", "-o", "out")
    assert (code, out) == (0, [f"out/{stem}.000{n}.png" for n in (1, 2)])
    assert sorted(held("out")) == [f"{stem}.000{n}.png" for n in (1, 2)]


def test_a_gif_becomes_a_video(color, shot):
    animation = cv2.Animation()
    animation.frames = [np.repeat(gray(drawn(n))[..., None], 3, axis=-1) for n in (1, 2, 3)]
    animation.durations = [100, 50, 200]
    assert cv2.imwriteanimation("in.gif", animation)
    code, out, _ = color("in.gif", "-k", "1=key.0001.png", "-o", "out.mkv")
    assert (code, out) == (0, ["out.mkv"])
    times, pictures = frames_of("out.mkv")
    assert times[:-1] == [0, 0.1, 0.15]
    code, out, _ = color("in.gif", *KEY, "-o", "out")
    assert (code, out) == (0, [f"out/in.000{n}.png" for n in (1, 2, 3)])
    for number, path in enumerate(out, 1):
        assert np.array_equal(seen(path), pictures[number - 1])
        assert off(path, drawn(number)) < 15 < 25 < off(path, np.repeat(gray(drawn(number))[..., None], 3, 2))


@pytest.mark.parametrize("codec", ["h264", "ffv1"])
def test_codecs_and_endings_of_any_case(color, shot, codec):
    gray_clip("in.mkv", 2)
    code, out, _ = color("in.mkv", "-k", "key.0001.png", "-o", "out.MP4", "--codec", codec)
    assert (code, out) == (0, ["out.MP4"])
    with av.open("out.MP4") as container:
        assert (container.format.name[:3], container.streams.video[0].codec_context.name) == ("mov", codec)


def test_a_frame_of_a_video_that_cannot_be_read_is_left_out(color, shot):
    gray_clip("in.mov", codec="png", pix_fmt="rgb24")
    with av.open("in.mov") as container:
        packet = bytes([packet for packet in container.demux(video=0) if packet.size][3])
    data = Path("in.mov").read_bytes()
    Path("in.mov").write_bytes(data.replace(packet, bytes(len(packet))))
    code, out, err = color("in.mov", "-k", "key.0001.png", "-o", "out.mkv", "--report", "r.json")
    assert (code, out) == (1, ["out.mkv", "r.json"])
    assert "1 of 8 frames failed, the others are done: frame 4" in err[-1]
    times, _ = frames_of("out.mkv")
    assert len(times) == 8
    assert times[3] - times[2] == pytest.approx(2 / float(RATE), abs=0.002)


def test_a_video_is_resumed_by_doing_it_again_or_left_alone(color, shot):
    gray_clip("in.mkv", 4)
    words = ["in.mkv", "-k", "key.0001.png", "-o", "out.mkv", "--confidence", "sure", "--skip-existing"]
    assert color(*words)[0] == 0
    once = held()
    assert color(*words) == (0, [], ["refcolor: all frames exist already"])
    Path("out.mkv").unlink()  # as after a kill: some confidence, no video
    Path("sure/in.0003.png").unlink()
    Path(f".refcolor-{atomic_write._machine()}-1-0.part").touch()  # locked by no process
    code, out, _ = color(*words)
    assert (code, out) == (0, ["sure/in.0003.png", "out.mkv"])
    assert held() == once
    Path("sure/in.0002.png").unlink()
    os.utime("out.mkv", ns=(2, 2))
    code, out, _ = color(*words)
    assert (code, out) == (0, ["sure/in.0002.png"])
    assert Path("out.mkv").stat().st_mtime_ns == 2
    assert held() == once


# ---------------------------------------------------------------- learned apart


def test_what_was_learned_once_colors_any_chunk_with_the_same_bytes(call, shot):
    """The model knows the keys' frames, also one that was found by its picture."""
    write("hero.png", drawn(8))
    learn = ["shot", "-k", "key.0001.png", "-k", "hero.png", "--epochs", "2", "--clusters", "6"]
    code, out, err = call(*learn, "-o", "whole", "--report", "r.json")
    assert (code, len(out), err[0]) == (0, COUNT + 1, "refcolor: 'hero.png' is frame 8")
    code, out, err = call(*learn, "--save-model", "m.refcolor")
    assert (code, out) == (0, ["m.refcolor"])
    assert err == ["refcolor: 'hero.png' is frame 8", "refcolor: training on the CPU, 2 keys"]
    Path("hero.png").unlink()
    for chunk in ("5-8", "1-4"):
        code, out, err = call(
            "shot", "-k", "m.refcolor", "-o", "out", "--frames", chunk, "--report", f"{chunk}.json"
        )
        assert (code, len(out)) == (0, 5)
        assert err[0].startswith("refcolor: 4 frames colored")
        assert keys_of(f"{chunk}.json") == keys_of() == [("key.0001.png", 1), ("hero.png", 8)]
        assert report(f"{chunk}.json")["settings"] == report()["settings"] | {"device": "cpu"}
    assert held("out") == held("whole")


def test_a_model_of_one_picture_is_found_its_frame_and_may_color_a_video(call, shot):
    write("hero.png", drawn(3))
    save = ["hero.png", "--preset", "quick", "--save-model", "hero.refcolor"]
    with pytest.raises(SystemExit, match="0"):
        app.main(save)
    code, _, err = call("shot", "-k", "hero.refcolor", "-o", "out")
    assert (code, err[0]) == (0, "refcolor: 'hero.refcolor' is frame 3")
    assert call("shot", "-k", "hero.png", "--preset", "quick", "-o", "same")[0] == 0
    assert held("out") == held("same")
    code, _, err = call("shot", "-k", "2=hero.refcolor", "-o", "other", "--report", "r.json")
    assert (code, keys_of()) == (0, [("hero.refcolor", 2)])
    gray_clip("in.mkv", 3)
    with pytest.raises(SystemExit, match="0"):
        app.main(["hero.refcolor", "in.mkv"])
    assert frames_of("in_color.mkv")[0] == frames_of("in.mkv")[0]


def test_a_model_of_a_shot_colors_a_picture_and_is_refused_other_settings(call, shot):
    assert (
        call("shot", *KEY, "-k", "4=key.0001.png", "--preset", "quick", "--save-model", "m.refcolor")[0] == 0
    )
    with pytest.raises(SystemExit, match="0"):
        app.main(["m.refcolor", f"shot/{name(2)}", "-o", "two.png"])
    assert off("two.png", drawn(2)) < 6
    code, _, err = call("shot", "-k", "m.refcolor", *OUT, "--preset", "standard", "--seed", "3")
    assert (code, len(err)) == (2, 1)
    assert "is a model with settings of its own: leave out --preset and --seed" in err[0]
    code, _, err = call("shot", "-k", "3=m.refcolor", *OUT)
    assert (code, len(err)) == (2, 1)
    assert "'m.refcolor' holds several keys, or knows its frame: leave out 3=" in err[0]


@pytest.mark.parametrize(
    ("key", "frames"), [("a.png", "bcdefghi"), ("key.0001.png", range(1, 9)), ("hero.png", range(1, 9))]
)
def test_a_key_among_the_frames_is_no_frame_for_its_model_either(color, call, shot, key, frames):
    for number, frame in enumerate(frames, 1):
        new = f"{frame}.png" if isinstance(frame, str) else f"shot.{frame:04d}.png"
        Path("shot", name(number)).rename(f"shot/{new}")
    Path("key.0001.png").rename(f"shot/{key}")
    assert color("shot", "-k", f"shot/{key}", "-o", "direct")[0] == 0
    assert color("shot", "-k", f"shot/{key}", "--save-model", "m.refcolor")[0] == 0
    assert call("shot", "-k", "m.refcolor", "-o", "out")[0] == 0
    assert held("out") == held("direct")
    assert len(held("out")) == COUNT


def test_a_model_goes_into_the_new_folder_and_is_kept_when_resumed(color, shot):
    words = ["shot", *KEY, *OUT, "--save-model", "out/m.refcolor", "--frames", "1-4"]
    code, out, _ = color(*words)
    assert (code, out[0], len(out)) == (0, "out/m.refcolor", 5)
    once = held()
    Path("out", name(3)).unlink()
    there = "refcolor: the model of these keys exists already"
    code, out, err = color(*words, "--skip-existing")
    assert (code, out, err[0]) == (0, [f"out/{name(3)}"], there)
    assert held() == once
    assert color(*words, "--skip-existing") == (0, [], [there, "refcolor: all frames exist already"])
    learn = ["shot", *KEY, "--save-model", "out/m.refcolor", "--skip-existing"]
    assert color(*learn) == (0, [], [there])
    assert color("shot", "-k", "2=key.0001.png", *learn[3:])[0] == 2
    for other in (["-k", "2=key.0001.png"], ["--seed", "3"]):
        code, out, err = color(*words, *other, "--skip-existing")
        assert (code, out) == (2, [])
        assert "'out/m.refcolor' exists, and was learned from other keys or settings" in err[-1]
    assert held() == once
    code, _, err = color("shot", *KEY, "--save-model", "out/m.refcolor")
    assert (code, len(err)) == (2, 1)
    assert err[0].endswith("'out/m.refcolor' already exists; use --force to overwrite it")
    code, _, err = color("shot", *KEY, *OUT)
    assert err[0].endswith(
        "use --force to overwrite, or go on with the rest by refcolor shot --skip-existing"
    )


def test_a_model_that_is_trained_takes_no_gpu(color, call, shot):
    assert color("shot", *KEY, "--save-model", "m.refcolor")[0] == 0
    code, _, err = call("shot", "-k", "m.refcolor", *OUT, "--device", "gpu")
    assert (code, len(err)) == (2, 1)
    assert "leave out --device gpu" in err[0]
    for words in (["--frames", "1-2"], ["--workers", "2"], ["--codec", "ffv1"]):
        code, _, err = color("shot", *KEY, "--save-model", "n.refcolor", *words)
        assert (code, len(err)) == (2, 1)
        assert "there is no place for the frames; give -o FOLDER, or -o FILE.mkv" in err[0]


def test_what_a_killed_learning_step_left_is_no_hindrance(color, shot):
    Path("models").mkdir()
    Path(f"models/.refcolor-{atomic_write._machine()}-1-0.part").touch()  # locked by no process
    assert color("shot", *KEY, "--save-model", "models/m.refcolor", "--skip-existing")[:2] == (
        0, ["models/m.refcolor"],
    )  # fmt: skip
    assert [path.name for path in Path("models").iterdir()] == ["m.refcolor"]


def test_two_runs_that_learn_at_once_color_with_what_one_has_saved(color, shot, whole, monkeypatch):
    """The other was quicker: it has saved while this one was learning."""
    plain = models.save

    def late(colorizer, path, **more):
        if not Path(path).exists():
            plain(colorizer, path, **more)
        plain(colorizer, path, **more)

    monkeypatch.setattr(models, "save", late)
    words = ["shot", *KEY, *OUT, "--save-model", "m.refcolor"]
    code, out, _ = color(*words, "--skip-existing")
    assert (code, len(out), held("out")) == (0, COUNT, whole)


def test_a_model_of_a_picture_takes_no_frame_from_its_own_name(color, call, shot):
    write("sheet.png", drawn(1, ground=5)[:, ::-1])
    with pytest.raises(SystemExit, match="0"):
        app.main(["sheet.png", "--preset", "quick", "--save-model", "sh005.refcolor"])
    code, _, err = call("shot", "-k", "sh005.refcolor", *OUT)
    assert (code, err[0].split(";")[0]) == (0, "refcolor: 'sh005.refcolor' belongs to no frame")


def test_frames_may_be_numbered_in_nanoseconds(color, call, shot):
    for number in range(1, COUNT + 1):
        Path("shot", name(number)).rename(f"shot/{1403636579763555584 + 5 * number}.png")
    Path("key.0001.png").rename("hero.png")
    assert color("shot", "-k", "hero.png", "-o", "direct", "--save-model", "m.refcolor")[0] == 0
    assert call("shot", "-k", "m.refcolor", "-o", "out")[0] == 0
    assert color("shot", "-k", "1403636579763555589=hero.png", "-o", "said")[0] == 0
    assert held("out") == held("direct") == held("said")


def test_a_resumed_run_takes_what_was_learned(call, shot):
    words = [
        "shot",
        *KEY,
        *OUT,
        "--frames",
        "1-2",
        "--epochs",
        "1",
        "--clusters",
        "auto",
        "--save-model",
        "m.refcolor",
    ]
    assert call(*words)[2][0] == "refcolor: training on the CPU"
    once = held()
    Path("out", name(2)).unlink()
    code, out, err = call(*words, "--skip-existing")
    assert (code, out, "training" in err[0]) == (0, [f"out/{name(2)}"], False)
    assert held() == once


def test_a_frame_of_another_size_is_said(color, shot):
    write(f"shot/{name(5)}", cv2.resize(gray(drawn(5)), (48, 32)))
    assert color("shot", *KEY, *OUT, "--report", "r.json")[0] == 0
    said = {number: frame["warnings"] for number, frame in report()["frames"].items()}
    assert [n for n in said if "its size is not that of the frame before" in said[n]] == [5, 6]


@pytest.mark.parametrize("movie", ["out.mkv", "out.mov", "out.mp4"])
def test_a_finished_video_is_known_by_its_frames(color, shot, movie):
    gray_clip("in.mkv", 8)
    words = ["in.mkv", *KEY, "-o", movie, "--skip-existing"]
    assert color(*words, "--frames", "3-6")[0] == 0
    assert color(*words, "--frames", "3-6") == (0, [], ["refcolor: all frames exist already"])
    code, _, err = color(*words, "--frames", "5-8")
    assert (code, len(err)) == (2, 1)
    assert f"'{movie}' exists, and has other frames than these: choose another name" in err[0]
    code, out, _ = color(*words, "--frames", "3-6", "--confidence", "sure", "--contact-sheet", "s.png")
    assert (code, out) == (0, [f"sure/in.{n:04d}.png" for n in (3, 4, 5, 6)] + ["s.png"])
    shown = seen("s.png").astype(float)
    assert np.ptp(shown, axis=-1).max() > 60  # in color
    Path(movie).write_bytes(b"")  # not one of ours: those appear whole
    assert color(*words, "--frames", "3-6")[:2] == (2, [])


def test_a_key_far_beyond_the_shot_does_not_count_for_another_scene(color, shot):
    for number in range(5, 9):
        write(f"shot/{name(number)}", gray(drawn(number, ground=9)))
        write(f"shot/{name(number)}", gray(drawn(number, ground=7)[:, ::-1]))
        Path("shot", name(number)).rename(f"shot/{name(number + 1100)}")
    for frame in (1100, 1):
        code, _, err = color("shot", "-k", f"{frame}=key.0001.png", "-o", f"out{frame}")
        assert code == 0
        assert any("no key shows the scene of frame 1105-1108" in line for line in err)


# ---------------------------------------------------------------- bad input


def no_sound_track(path):
    with av.open(str(path), "w") as out:
        track = out.add_stream("aac", rate=48000, layout="mono")
        part = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), "fltp", "mono")
        part.sample_rate = 48000
        out.mux([*track.encode(part), *track.encode(None)])


def no_frames(path):
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        out.start_encoding()


def half(path):
    whole = gray_clip(path.with_name("whole.mkv"), 40)
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    whole.unlink()


VIDEOS = {
    "sound.mp4": (no_sound_track, 1, "has no video stream; give a file with pictures"),
    "text.mp4": (lambda path: path.write_text("hello\n" * 99), 1, "is not a video, or its header is damaged"),
    "empty.mov": (lambda path: path.touch(), 1, "is empty"),
    "none.mkv": (no_frames, 1, "is not a video, or its header is damaged: end of file"),
    "none.mov": (no_frames, 1, "has no video stream; give a file with pictures"),
    "half.mkv": (half, 1, "cut short"),
    "missing.mkv": (lambda path: None, 2, "missing.mkv'; check the name"),
}


@pytest.mark.parametrize("bad", VIDEOS)
@pytest.mark.parametrize("role", ["target", "key"])
def test_a_video_that_cannot_be_used_is_one_line(color, shot, bad, role):
    make_it, wanted, says = VIDEOS[bad]
    make_it(shot / bad)
    before = held()
    words = [bad, "-k", "key.0001.png"] if role == "target" else ["shot", "--key-from", f"{bad}@1"]
    code, out, err = color(*words, "-o", "out")
    assert (code, out, len(err)) == (wanted, [], 1)
    assert err[0].startswith("refcolor: ")
    assert says in err[0]
    assert held() == before


# fmt: off
BAD = [
    # keys
    (["shot", "-k", "no.png", *OUT], 2, "there is no file 'no.png'; check the name"),
    (["shot", "-k", "3=no.png", *OUT], 2, "there is no file 'no.png'; check the name"),
    (["shot", "-k", "text.png", *OUT], 1, "'text.png' is not a picture"),
    (["shot", "-k", "gray.png", *OUT], 1, "the key 'gray.png' has no color: give a colored picture"),
    (["shot", "-k", "tiny.png", *OUT], 1, "at least 29"),
    (["shot", *KEY, "-k", "1=other.png", *OUT], 2,
     "'key.0001.png' and 'other.png' are both the key of frame 1"),
    (["shot", "-k", "in.mkv@1", *OUT], 2,
     "'in.mkv@1' is a frame of a video; name it as --key-from VIDEO@24"),
    (["shot", "-k", "shot", *OUT], 2, "is a key, and there is no other frame: name the gray pictures"),
    (["shot", *OUT], 2, "there is no key; name a colored frame with --key FILE"),
    (["shot", "--key-from", "in.mkv", *OUT], 2,
     "'in.mkv' names no frame of a video: write VIDEO@24"),
    (["shot", "--key-from", "in.mkv@5", *OUT], 2, "'in.mkv' has no frame 5: its frames are 1 to 4"),
    (["shot", "--key-from", "in.mkv@0", *OUT], 2, "'in.mkv' has no frame 0"),
    (["shot", "--key-from", "in.mkv@1", *OUT], 1, "the key 'in.mkv@1' has no color"),
    # targets
    ([*KEY, *OUT], 2, "there are no targets: name a folder, files, a pattern or a video"),
    (["b.####.png", *KEY, *OUT], 2, "no file is called like 'b.####.png': check the pattern"),
    (["shot/a.###.png", *KEY, *OUT], 2, "'a.0001.png' has other digits: check the pattern"),
    (["nothing", *KEY, *OUT], 2, "there is no file 'nothing'; check the name"),
    (["shot/a.0001.png", "shot/a.0009.png", *KEY, *OUT], 2, "there is no file 'shot/a.0009.png'"),
    (["empty", *KEY, *OUT], 2, "the folder 'empty' holds no pictures"),
    (["in.mkv", "shot", *KEY, *OUT], 2, "'in.mkv' is no picture: color a video alone"),
    (["other.png", "-k", "other.png", *OUT], 2, "'other.png' is a key, and there is no other frame"),
    (["shot", *KEY, *OUT, "--frames", "7-9"], 2, "'shot' has no frame 9: leave them out of the range"),
    (["shot", *KEY, *OUT, "--frames", "x"], 2, "'x' is no range of frames"),
    (["in.mkv", *KEY, *OUT, "--frames", "1-8"], 2, "'in.mkv' has no frame 5-8"),
    (["shot", *KEY, *OUT, "--max-pixels", "6000"], 1, "more than 6000"),
    # outputs
    (["shot", *KEY, "-o", "one.png"], 2,
     "'one.png' would be one file for all frames: write it as out.####.png"),
    (["shot", *KEY, "-o", "o.[1-8].png"], 2, "would be one file for all frames"),
    (["in.mkv", *KEY, "-o", "one.png"], 2, "would be one file for all frames"),
    (["shot/a.0001.png", "twice/a.0001.png", *KEY, *OUT], 2,
     "'shot/a.0001.png' and 'twice/a.0001.png' are both frame 1"),
    (["shot", *KEY, "-o", "shot"], 2,
     "output 'shot' lies inside the input folder 'shot': choose one beside it"),
    (["shot", *KEY, "-o", "shot/new"], 2, "lies inside the input folder 'shot'"),
    (["shot", *KEY, "-o", "twice/../shot/x.####.png"], 2, "lies inside the input folder 'shot'"),
    (["shot", *KEY, *OUT, "--confidence", "shot/sure"], 2, "lies inside the input folder 'shot'"),
    (["shot", *KEY, *OUT, "--contact-sheet", "shot/s.png"], 2, "lies inside the input folder 'shot'"),
    (["shot/a.####.png", *KEY, "-o", "shot", "--force"], 2, "'shot/a.0001.png' is the input"),
    (["shot/a.####.png", *KEY, "-o", "link", "--force"], 2,
     "'link/a.0001.png' is the input 'shot/a.0001.png'"),
    (["shot/a.0002.png", *KEY, "-o", "shot", "--force"], 2, "is the input"),
    (["in.mkv", *KEY, "-o", "in.mkv", "--force"], 2, "output 'in.mkv' is the input 'in.mkv'"),
    (["shot", *KEY, "-o", "key.####.png", "--force"], 2, "output 'key.0001.png' is the input 'key.0001.png'"),
    (["shot", "-k", "1=key.0001.png", "-o", "key.####.png", "--force"], 2, "is the input 'key.0001.png'"),
    (["in.mkv", "--key-from", "hero.mkv@1", "-o", "hero.mkv", "--force"], 2, "is the input 'hero.mkv'"),
    (["shot", *KEY, *OUT, "--report", "key.0001.png", "--force"], 2, "is the input 'key.0001.png'"),
    (["shot", *KEY, *OUT, "--report", "mine.json"], 2, "'mine.json' already exists"),
    (["shot", *KEY, *OUT, "--report", "r.png", "--contact-sheet", "./r.png"], 2,
     "two pictures would both become"),
    (["shot", *KEY, *OUT, "--report", "no/r.json"], 2, "'no' does not exist; create it first"),
    (["shot", *KEY, *OUT, "--contact-sheet", "s.json"], 2,
     "'s.json' ends in '.json'; pictures can be written as"),
    (["shot", *KEY, *OUT, "--confidence", "out"], 2, "two pictures would both become 'out/a.0001.png'"),
    (["shot/a.####.png", *KEY, "-o", "shot", "--skip-existing"], 2, "is the input 'shot/a.0001.png'"),
    (["shot", *KEY, *OUT, "--every", "3"], 2, "and there is none; give --contact-sheet FILE"),
    (["shot", *KEY, *OUT, "--confidence", "c.####.exr"], 2, "confidence is not written as .exr"),
    (["shot", *KEY, *KEY, *OUT], 2, "are both the key of frame 1"),
    (["shot", "-k", "hero.refcolor", *OUT], 2, "there is no file 'hero.refcolor'"),
    (["shot", *KEY, "-k", "hero.refcolor", *OUT], 2, "is a model, which holds its keys"),
    (["shot", "--key-from", "in.mkv@1", "-k", "hero.refcolor", *OUT], 2, "give no other beside it"),
    (["shot", *KEY, "--save-model", "m.npz"], 2, "'m.npz' is no name of a model: write it as NAME.refcolor"),
    (["shot", "-k", "hero.refcolor", "--save-model", "m.refcolor"], 2, "is a model already"),
    (["shot", *KEY, "--save-model", "no/m.refcolor"], 2, "'no' does not exist; create it first"),
    (["shot", *KEY, "--save-model", "m.refcolor", "--report", "r.json"], 2,
     "there is no place for the frames; give -o FOLDER"),
    (["shot", *KEY], 2, "there is no place for the frames; give -o FOLDER"),
    (["shot", "-k", "in.mkv", *OUT], 2, "'in.mkv' is a video; name a frame of it, as --key-from VIDEO@24"),
    (["shot", *KEY, *OUT, "--frames", "1-99999999"], 2, "is no range of frames: it has more than 1,000,000"),
    (["shot", *KEY, "-o", "no/out"], 2, "'no' does not exist; create it first"),
    (["shot", *KEY, "-o", "mine.json/out"], 2, "'mine.json' is not a folder"),
    (["shot", *KEY, "-o", "twice"], 2,
     "'twice/a.0001.png' already exists; use --force to overwrite, or go on with the rest by refcolor"),
    (["shot", *KEY, "-o", "new/a.####.txt"], 2, "ends in '.txt'; pictures can be written as"),
    (["shot", *KEY, "-o", "out.mkv"], 2, "'out.mkv' is a video, and the targets are files: give a folder"),
    (["in.mkv", *KEY, "-o", "out.avi"], 2, "ends in '.avi'; videos can be written as .mkv .mov .mp4"),
    (["odd.mkv", *KEY, "-o", "out.mp4"], 2,
     "H.264 needs even sides and these are 95 x 64; choose ffv1 or prores"),
    (["in.mkv", *KEY, "-o", "out.mkv", "--codec", "prores"], 2,
     ".mkv does not hold prores: write it as .mov"),
    (["in.mkv", *KEY, *OUT, "--codec", "ffv1"], 2, "the output is none; give -o FILE.mkv, .mov"),
    # words that do not go together
    (["shot", *KEY, *OUT, "--skip-existing", "--force"], 2, "leave out --skip-existing or --force"),
    (["shot", *KEY, *OUT, "--workers", "2", "--ray", "auto"], 2,
     "and Ray is for others; leave out --workers or --ray"),
    (["shot", *KEY, *OUT, "--epochs", "3"], 2, "preset quick has no network"),
    (["shot", *KEY, *OUT, "--confidence", "c", "--preset", "paper"], 2,
     "no confidence; leave out --confidence"),
    (["in.mkv", *KEY, "-o", "out.mkv", "--preset", "paper"], 2, "preset paper makes pictures of one size"),
]
# fmt: on


@pytest.fixture(scope="module")
def mishaps(tmp_path_factory):
    """A folder with all that bad input needs."""
    folder = tmp_path_factory.mktemp("mishaps")
    make(folder)
    (folder / "text.png").write_bytes(b"hello")
    (folder / "mine.json").write_bytes(b"mine")
    write(folder / "gray.png", gray(drawn(1)))
    write(folder / "tiny.png", drawn(1)[:20, :20])
    write(folder / "other.png", drawn(2))
    write(folder / "twice" / name(1), gray(drawn(1)))
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("shot")
    gray_clip(folder / "in.mkv", 4)
    clip(folder / "hero.mkv", [drawn(1), drawn(2)])
    clip(folder / "odd.mkv", [drawn(1)[:, 1:]])
    return folder


@pytest.mark.parametrize(("words", "wanted", "says"), BAD, ids=[" ".join(words) for words, _, _ in BAD])
def test_bad_input_is_one_line_and_nothing_is_written(call, mishaps, monkeypatch, words, wanted, says):
    monkeypatch.chdir(mishaps)
    before = held()
    code, out, err = call(*words, *([] if "--preset" in words else ["--preset", "quick"]))
    assert (code, out, len(err)) == (wanted, [], 1), err
    assert err[0].startswith("refcolor: ")
    assert says in err[0]
    assert held() == before


def test_a_codec_that_this_ffmpeg_does_not_have(color, shot, monkeypatch):
    gray_clip("in.mkv", 2)
    monkeypatch.setitem(video_write.ENCODERS, "h264", "libnothing")
    before = held()
    code, out, err = color("in.mkv", *KEY, "-o", "out.mp4")
    assert (code, out) == (2, [])
    assert err == ["refcolor: this build of FFmpeg has no encoder libnothing for h264; choose another codec"]
    assert held() == before


def test_a_disk_that_is_nearly_full_is_refused_at_once(color, shot, monkeypatch):
    usage = shutil.disk_usage(".")
    monkeypatch.setattr(outputs.shutil, "disk_usage", lambda _: usage._replace(free=20_000))
    before = held()
    code, out, err = color("shot", *KEY, *OUT)
    assert (code, out, len(err)) == (1, [], 1)
    assert re.fullmatch(r"refcolor: 8 frames need at least 0 MB and 'out' has 0: make room, or .*", err[0])
    assert held() == before
    assert color("shot", *KEY, *OUT, "--frames", "1-2")[0] == 0  # these have room


@pytest.mark.parametrize("movie", [False, True])
def test_a_disk_that_fills_up_ends_the_run(color, shot, whole, monkeypatch, movie):
    gray_clip("in.mkv")
    before = held()
    plain, syncs = os.fsync, []

    def sync(file):
        syncs.append(file)
        if len(syncs) > 2 - 2 * movie:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        plain(file)

    monkeypatch.setattr(atomic_write.os, "fsync", sync)
    words = ["in.mkv", "-o", "out.mkv"] if movie else ["shot", *OUT]
    code, out, err = color(*words, *KEY)
    assert (code, out) == (1, [] if movie else [f"out/{name(1)}", f"out/{name(2)}"])
    path = "out.mkv" if movie else f"{shot}/out/{name(3)}"
    assert err == [f"refcolor: cannot write '{path}': No space left on device"]
    assert held().keys() - before.keys() == (set() if movie else {"out", f"out/{name(1)}", f"out/{name(2)}"})


def test_a_disk_that_fills_up_ends_the_workers_too(color, shot, whole):
    Path("disk").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", "disk"]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can only be mounted by root")
    try:
        code, out, err = color("shot/a.####.png", *KEY, "-o", "disk", "--workers", 2)
        assert (code, len(err)) == (1, 1)
        assert re.fullmatch(
            r"refcolor: cannot write '.*/disk/a\.000\d\.png': No space left on device", err[0]
        )
        found = held("disk")
        assert 0 < len(found) < COUNT
        assert found.items() <= whole.items()
        assert {Path(path).name for path in out} <= found.keys()
    finally:
        subprocess.run(["umount", "disk"], check=True)


# ---------------------------------------------------------------- ended from outside


def many(count=200):
    """A shot that lasts: frames that cannot be shared."""
    for number in range(9, count):
        Path("shot", name(number)).symlink_to(name(number % 8 + 1))


@pytest.mark.parametrize(
    ("count", "lines", "seconds"), [(2, 0, 0), (2, 0, 0.2), (2, 3, 0), (2, 3, 0.2), (1, 3, 0.1)]
)
def test_ctrl_c_ends_all_processes_within_seconds(shot, count, lines, seconds):
    """On a terminal it goes to the whole group. What is done is done, and reported."""
    many()
    with start("shot", *KEY, *OUT, "--workers", str(count), "--report", "r.json") as running:
        try:
            for _ in range(lines):
                running.stdout.readline()
            while count > 1 and not any("spawn_main" in said for said in living(running.pid).values()):
                assert running.poll() is None
            time.sleep(seconds)
            begun = time.monotonic()
            os.killpg(running.pid, signal.SIGINT)
            err = running.communicate(timeout=30)[1]
            took = time.monotonic() - begun
        finally:
            running.kill()
    assert (running.returncode, err) == (130, "refcolor: interrupted; nothing half-written is left\n")
    assert took < 15
    assert gone(running.pid)
    assert not [path for path in held("out") if path.startswith(".")]
    assert (len(report()["frames"]) if Path("r.json").exists() else 0) >= lines


def test_workers_end_with_the_process_that_was_killed(shot):
    many()
    with start("shot", *KEY, *OUT, "--workers", "2") as running:
        try:
            running.stdout.readline()
            assert sum("spawn_main" in said for said in living(running.pid).values()) == 2
            running.kill()
            running.wait()
            assert gone(running.pid)
            done = len(held("out"))
        finally:
            os.killpg(running.pid, signal.SIGKILL) if living(running.pid) else None
    assert done < 150
