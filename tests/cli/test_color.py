"""Coloring pictures: where results go, what is kept of the target, many targets by one word."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from scenes import held, pixels

import refcolor
from refcolor.files import images
from refcolor.imaging.color import luma


def test_the_name_is_the_targets_stem_beside_the_target(call, quick, scene):
    (scene / "shot").mkdir()
    shutil.copy("target.png", "shot/b.c.png")
    code, out, _ = call("source.png", "shot/b.c.png")
    assert (code, out) == (0, ["shot/b.c_color.png"])
    assert pixels("shot/b.c_color.png").shape == (48, 64, 3)


def test_output_file(call, quick, scene):
    assert call("source.png", "target.png", "-o", "out.tif")[:2] == (0, ["out.tif"])
    assert images.read("out.tif").storage.format == "tiff"


@pytest.mark.parametrize("count", [1, 3])
def test_output_folder(call, quick, scene, count):
    (scene / "out").mkdir()
    targets = [f"t{i}.png" for i in range(count)]
    for name in targets:
        shutil.copy("target.png", name)
    code, out, _ = call("source.png", *targets, "-o", "out")
    assert (code, out) == (0, [f"out/t{i}_color.png" for i in range(count)])
    assert sorted(path.name for path in Path("out").iterdir()) == [f"t{i}_color.png" for i in range(count)]
    assert quick.trainings == 1


def test_several_targets_are_each_colored(call, quick, scene, drawn_gray):
    images.write_picture("dark.png", drawn_gray * 0.5)
    call("source.png", "target.png", "dark.png")
    for name, gray in (("target", drawn_gray), ("dark", drawn_gray * 0.5)):
        assert np.abs(luma(images.read(f"{name}_color.png").rgb) - gray).max() < 1.6 / 255


@pytest.mark.parametrize("words", [["target.png", "copy.png"], ["target.png", "sub/../target.png"]])
def test_two_results_never_share_a_name(call, scene, words):
    (scene / "sub").mkdir()
    shutil.copy("target.png", "copy.png")
    output = ["-o", "one.png"] if "copy.png" in words else []
    code, out, err = call("source.png", *words, *output)
    assert (code, out, len(err)) == (2, [], 1)


def test_existing_files_are_kept_without_force(call, quick, scene):
    Path("target_color.png").write_bytes(b"mine")
    before = held(scene)
    code, out, err = call("source.png", "target.png")
    assert (code, out, len(err)) == (2, [], 1)
    assert "--force" in err[0]
    assert held(scene) == before
    assert quick.trainings == 0
    assert call("source.png", "target.png", "--force")[0] == 0
    assert pixels("target_color.png").shape == (48, 64, 3)


@pytest.mark.parametrize("name", ["inspect", "score", "info"])
def test_a_file_called_like_a_command_is_reached_by_its_path(call, quick, scene, name):
    shutil.copy("source.png", name)
    shutil.copy("target.png", f"{name}.png")
    assert call(f"./{name}", f"{name}.png")[:2] == (0, [f"{name}_color.png"])


def test_file_names_of_any_bytes(scene):
    name = b"gr\xfcn.png"  # Latin-1, no UTF-8
    shutil.copy("target.png", os.fsdecode(name))
    code = (
        "import refcolor.cli.app as cli, refcolor.methods.colorizer as p, types, numpy as np\n"
        "image = lambda t, aligned: types.SimpleNamespace(image=np.dstack([t.gray] * 3), parts=None)\n"
        "import refcolor.render.pictures as pictures\n"
        "pictures.learn = lambda *_, **__: (types.SimpleNamespace(colorize=image), None)\n"
        "cli.main()"
    )
    words = [sys.executable, "-P", "-c", code, "source.png", name]
    ended = subprocess.run(words, capture_output=True, env=os.environ | {"PYTHONUTF8": "1"}, check=True)
    assert ended.stdout == b"gr\xfcn_color.png\n"


def test_confidence_is_a_gray_picture_of_the_targets_size(call, scene, drawn, drawn_gray):
    images.write_picture("part.png", drawn_gray[:40, :50])
    words = ["source.png", "part.png", "--preset", "quick"]
    code, out, err = call(*words, "--confidence", "sure.png")
    assert (code, out, err) == (0, ["part_color.png", "sure.png"], [])
    stored = cv2.imread("sure.png", cv2.IMREAD_UNCHANGED)
    assert stored.shape == (40, 50)
    wanted = refcolor.colorize(drawn, drawn_gray[:40, :50], refcolor.Config("quick")).confidence
    assert np.abs(images.read("sure.png").gray - wanted).max() < 0.51 / 255
    before = held(scene)
    assert call(*words, "-o", "new.png", "--confidence", "sure.png")[0] == 2  # it is there already
    assert held(scene) == before
    assert call(*words, "-o", "new.png", "--confidence", "sure.png", "--force")[0] == 0


def test_confidence_of_many_targets_goes_into_a_folder(call, quick, scene):
    (scene / "sure").mkdir()
    shutil.copy("target.png", "second.png")
    words = ["source.png", "target.png", "second.png"]
    code, out, err = call(*words, "--confidence", "sure.png")
    assert (code, out, len(err)) == (2, [], 1)
    assert "'sure.png' is no folder, and 2 targets need one" in err[0]
    code, out, _ = call(*words, "--confidence", "sure")
    assert code == 0
    assert out == [
        "target_color.png",
        "sure/target_confidence.png",
        "second_color.png",
        "sure/second_confidence.png",
    ]
    assert all(Path(path).stat().st_size for path in out)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--confidence", "target_color.png"], "two pictures would both become"),
        (["--confidence", "./target_color.png"], "two pictures would both become"),
        (["-o", "one.png", "--confidence", "one.png"], "two pictures would both become"),
        (["--confidence", "source.png"], "is the input"),
        (["--confidence", "target.png", "--force"], "is the input"),
        (["--confidence", "no/sure.png"], "does not exist"),
        (["--confidence", "sure.xyz"], "ends in '.xyz'"),
        (
            ["--confidence", "sure.png", "--preset", "paper"],
            "preset paper gives no confidence; leave out --confidence",
        ),
        (["--preset", "quick", "--epochs", "3"], "preset quick has no network"),
        (["--preset", "quick", "--init", "scratch"], "preset quick has no network"),
        (["--preset", "paper", "--init", "pretrained"], "preset paper starts from scratch"),
    ],
    ids=" ".join,
)
def test_options_that_do_not_go_together_or_would_overwrite(call, quick, scene, more, says):
    before = held(scene)
    code, out, err = call("source.png", "target.png", *more)
    assert (code, out, len(err)) == (2, [], 1)
    assert err[0].startswith("refcolor: ")
    assert says in err[0]
    assert held(scene) == before
    assert quick.trainings == 0


def test_depth_alpha_and_size_are_kept(call, quick, scene, drawn_gray):
    gray = np.rint(drawn_gray[:40, :50] * 65535).astype(np.uint16)
    alpha = np.arange(2000, dtype=np.uint16).reshape(40, 50) * 32
    cv2.imwrite("deep.png", np.dstack([gray, gray, gray, alpha]))
    assert call("source.png", "deep.png")[0] == 0
    result = pixels("deep_color.png")
    assert result.dtype == np.uint16
    assert result.shape == (40, 50, 4)
    np.testing.assert_array_equal(result[..., 3], alpha)
    assert len(np.unique(result[..., :3] % 257)) > 10  # really 16 bits, not 8 spread out


def test_a_colored_target_counts_by_its_gray(call, quick, scene, drawn):
    images.write_picture("colored.png", drawn[:, ::-1])
    cv2.imwrite("its_gray.tif", images.read("colored.png").gray)  # 32-bit float: nothing rounded
    code, _, err = call("source.png", "colored.png")
    assert code == 0
    assert err == ["refcolor: 'colored.png' is colored: only its gray is used"]
    assert call("source.png", "its_gray.tif", "-o", "its_gray_color.tif")[2] == []
    one, other = (images.read(f"{name}").rgb for name in ("colored_color.png", "its_gray_color.tif"))
    assert np.abs(one - other).max() < 0.51 / 255


def test_a_pattern_colors_its_frames(call, scene):
    for n in (1, 2, 10):
        shutil.copy("target.png", f"t.{n:03}.png")
    Path("out").mkdir()
    code, out, _ = call("source.png", "t.###.png", "--preset", "quick", "-o", "out", "--frames", "2-10x8")
    assert (code, out) == (0, ["out/t.002_color.png", "out/t.010_color.png"])


def test_a_folder_colors_its_pictures_into_another_and_leaves_out_the_key(call, scene):
    Path("shot").mkdir()
    for name in ("source.png", "target.png"):
        shutil.copy(name, f"shot/{name}")
    Path("out").mkdir()
    code, out, _ = call("shot/source.png", "shot", "--preset", "quick", "-o", "out")
    assert (code, out) == (0, ["out/target_color.png"])


@pytest.mark.parametrize("words", [["shot"], ["shot/a.#.png"], ["shot/a.#.png", "--frames", "1"]])
def test_one_picture_of_a_folder_or_pattern_goes_into_a_folder_too(call, scene, words):
    Path("shot").mkdir()
    shutil.copy("target.png", "shot/a.1.png")
    code, out, _ = call("source.png", *words, "--preset", "quick", "-o", "new")
    assert (code, out) == (0, ["new/a.1_color.png"])


def test_a_folder_is_no_source(call, scene):
    code, _, err = call(".", "target.png", "-o", "out")
    assert (code, err) == (2, ["refcolor: the source '.' is a folder: give the colored picture first"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["x.##.png"], "no files match 'x.##.png'"),
        (["shot"], "'shot' is a folder: its results need one of their own; give one with -o FOLDER"),
        (["shot", "-o", "shot"], "lies inside the input folder 'shot': choose one beside it"),
        (["target.png", "--frames", "1"], "a range goes with a folder or a pattern"),
        (["target.png", "-o", "one"], "output 'one' has no extension"),
        (["t.#.png", "--frames", "1-3"], "has no frame 2-3"),
    ],
)
def test_words_that_match_nothing(call, scene, words, says):
    Path("shot").mkdir()
    shutil.copy("target.png", "shot/a.png")
    shutil.copy("target.png", "t.1.png")
    before = held(scene)
    code, out, err = call("source.png", *words)
    assert (code, out, len(err)) == (2, [], 1)
    assert says in err[0]
    assert held(scene) == before


def test_many_targets_get_a_folder(call, scene):
    shutil.copy("target.png", "second.png")
    words = ["source.png", "target.png", "second.png", "--preset", "quick"]
    for wrong, says in (("second.png", "no folder"), ("no/out", "does not exist; create it first")):
        code, out, err = call(*words, "-o", wrong)
        assert (code, out, len(err)) == (2, [], 1)
        assert says in err[0]
    code, out, _ = call(*words, "-o", "out", "--confidence", "sure")
    assert code == 0
    assert out[::2] == ["out/target_color.png", "out/second_color.png"]
    assert all(Path(name).is_file() for name in out)


def test_a_folder_is_made_only_when_there_is_something_for_it(call, scene):
    shutil.copy("target.png", "second.png")
    Path("bad.png").write_bytes(b"no picture")
    assert call("source.png", "target.png", "bad.png", "--preset", "quick", "-o", "out")[0] == 1
    assert not Path("out").exists()


def test_max_pixels_lifts_the_limit(call, quick, scene):
    code, _, err = call("source.png", "target.png", "--max-pixels", 48 * 64 - 1)
    assert (code, len(err)) == (1, 1)
    assert "more than 3071" in err[0]
    assert call("source.png", "target.png", "--max-pixels", 48 * 64)[0] == 0
