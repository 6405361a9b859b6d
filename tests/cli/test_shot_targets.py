"""``refcolor shot``: which frames are colored, and what they keep: holds, static areas, cuts, formats."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from scenes import AROUND, COUNT, HEIGHT, KEY, OUT, WIDTH, drawn, gray, held, name, off, report, seen, write

from refcolor.files import images


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


def test_bare_lines_are_told_of(color, shot):
    for number in range(1, 9):
        edges = cv2.Canny(gray(drawn(number)), 40, 80)
        write(f"lines/{name(number)}", 255 - edges)
    code, _, err = color("lines", "-k", "1=key.0001.png", "--target", "gray", *OUT)
    assert code == 0
    assert any("is white, and the keys are not: lines without grays take no color" in line for line in err)


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


def test_frames_of_another_size_are_colored_too_and_tiny_ones_fail(color, shot):
    write(f"shot/{name(4)}", gray(cv2.resize(drawn(4), (120, 80))))
    write(f"shot/{name(6)}", gray(drawn(6))[:28])
    code, out, err = color("shot", "-k", "key.0001.png", "-o", "out")
    assert (code, len(out)) == (1, 7)
    assert err[-1].endswith("the target 'shot/a.0006.png' is 96x28 pixels: both sides must be at least 29")
    assert off(f"out/{name(4)}", cv2.resize(drawn(4), (120, 80))) < 8
    assert max(off(f"out/{name(n)}", drawn(n)) for n in (1, 2, 3, 5, 7, 8)) < 8


def test_frames_may_be_numbered_in_nanoseconds(color, run_shot, shot):
    for number in range(1, COUNT + 1):
        Path("shot", name(number)).rename(f"shot/{1403636579763555584 + 5 * number}.png")
    Path("key.0001.png").rename("hero.png")
    assert color("shot", "-k", "hero.png", "-o", "direct", "--save-model", "m.refcolor")[0] == 0
    assert run_shot("shot", "-k", "m.refcolor", "-o", "out")[0] == 0
    assert color("shot", "-k", "1403636579763555589=hero.png", "-o", "said")[0] == 0
    assert held("out") == held("direct") == held("said")


def test_a_frame_of_another_size_is_said(color, shot):
    write(f"shot/{name(5)}", cv2.resize(gray(drawn(5)), (48, 32)))
    assert color("shot", *KEY, *OUT, "--report", "r.json")[0] == 0
    said = {number: frame["warnings"] for number, frame in report()["frames"].items()}
    assert [n for n in said if "its size is not that of the frame before" in said[n]] == [5, 6]
