"""The command: where results go, what is said where, exit codes, and one clear line for every bad input."""

import errno
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

import refcolor
from refcolor import config
from refcolor.cli import app
from refcolor.files import images
from refcolor.imaging import metrics
from refcolor.imaging.color import luma
from refcolor.methods import colorizer

RUN = [sys.executable, "-P", "-c", "from refcolor.cli import main; main()"]


@pytest.fixture
def call(capfd):
    """Run the command in this process: exit code, stdout lines, stderr lines (C libraries' included)."""

    def run(*words):
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            app.main([str(word) for word in words])
        # some CI services force color
        out, err = (re.sub("\x1b\\[[0-9;]*m", "", text) for text in capfd.readouterr())
        return left.value.code or 0, out.splitlines(), err.splitlines()

    return run


def held(folder):
    """Everything in a folder: names, links, contents."""
    return {
        path.relative_to(folder): path.readlink() if path.is_symlink() else path.is_dir() or path.read_bytes()
        for path in folder.rglob("*")
    }


def pixels(path):
    """Samples as stored, RGB or RGBA."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return image[..., [2, 1, 0, *range(3, image.shape[2])]]


# ---------------------------------------------------------------- where results go


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
        "image = lambda gray, aligned: types.SimpleNamespace(image=np.dstack([gray] * 3))\n"
        "import refcolor.render.learning as learning\n"
        "learning.learn = lambda *_, **__: (types.SimpleNamespace(colorize=image), None)\n"
        "cli.main()"
    )
    words = [sys.executable, "-P", "-c", code, "source.png", name]
    ended = subprocess.run(words, capture_output=True, env=os.environ | {"PYTHONUTF8": "1"}, check=True)
    assert ended.stdout == b"gr\xfcn_color.png\n"


# ---------------------------------------------------------------- confidence


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


# ---------------------------------------------------------------- what is kept of the target


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


# ---------------------------------------------------------------- the real line, trained


@pytest.mark.slow
def test_a_real_run_says_little_and_the_same_twice(scene):
    """In processes of their own: the engine's C++ side writes past Python's stderr."""
    words = ["source.png", "target.png", "--epochs", "1", "--device", "cpu"]
    loud, quiet = (
        subprocess.run([*RUN, *words, *more], capture_output=True, text=True, check=False)
        for more in (["-o", "a.png"], ["-o", "b.png", "--quiet"])
    )
    assert (loud.returncode, loud.stdout, loud.stderr) == (0, "a.png\n", "refcolor: training on the CPU\n")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "b.png\n", "")
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


@pytest.fixture
def small_paper(monkeypatch):
    """The report's preset on a smaller grid: 10 steps instead of 98."""
    changes = config.CHANGES["paper"] | {"grid": 40, "batch": 160}
    monkeypatch.setitem(config.CHANGES, "paper", changes)


@pytest.fixture(scope="module")
def plain(tmp_path_factory, drawn, drawn_gray):
    """The result without further options."""
    folder = tmp_path_factory.mktemp("plain")
    images.write_picture(folder / "source.png", drawn)
    images.write_picture(folder / "target.png", drawn_gray)
    with pytest.raises(SystemExit, match="0"):
        app.main([f"{folder}/source.png", f"{folder}/target.png", "--epochs", "1", "--device", "cpu"])
    return pixels(folder / "target_color.png")


@pytest.mark.parametrize(
    "option",
    [
        ["--clusters", 5],
        ["--clusters", "auto"],
        ["--init", "scratch"],
        ["--epochs", 3],
        ["--seed", 1],
        ["--preset", "paper"],
        ["--preset", "quick"],
    ],
    ids=lambda o: " ".join(map(str, o)),
)
def test_each_option_changes_the_picture(call, scene, plain, small_paper, option):
    words = [*([] if "quick" in option else ["--epochs", 1]), "--device", "cpu", *option]
    assert call("source.png", "target.png", *words)[0] == 0
    changed = pixels("target_color.png")
    assert changed.shape == ((224, 224, 3) if "paper" in option else plain.shape)
    assert changed.shape != plain.shape or not np.array_equal(changed, plain)


def test_quick_trains_nothing_and_imports_no_engine(scene):
    code = (
        "import sys\nfrom refcolor.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as left: print(left.code or 0)\n"
        "print([m for m in ('tensorflow', 'keras', 'sklearn') if m in sys.modules])"
    )
    words = [sys.executable, "-P", "-c", code, "source.png", "target.png", "--preset", "quick"]
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("target_color.png\n0\n[]\n", "")


@pytest.mark.parametrize("preset", ["standard", "quick"])
def test_auto_clusters_take_a_source_of_few_colors(call, scene, drawn, preset):
    """Where a fixed number is refused."""
    images.write_picture("few.png", np.where(drawn > 0.5, 1.0, 0.2))
    words = ["few.png", "target.png", "--device", "cpu", "--clusters", "auto", "--preset", preset]
    words += ["--epochs", 1] if preset == "standard" else []
    assert call(*words)[:2] == (0, ["target_color.png"])


def test_inspect_refuses_quick(call, scene):
    before = held(scene)
    code, out, err = call("inspect", "source.png", "-o", "new", "--preset", "quick")
    assert (code, out) == (2, [])
    assert err == ["refcolor: preset quick has no network to inspect: use standard or paper"]
    assert held(scene) == before


def test_many_targets_one_training(call, scene, monkeypatch):
    trainings = []
    train = colorizer.train
    monkeypatch.setattr(colorizer, "train", lambda *words: trainings.append(1) or train(*words))
    shutil.copy("target.png", "second.png")
    code, out, _ = call("source.png", "target.png", "second.png", "--epochs", 1, "--device", "cpu")
    assert (code, out) == (0, ["target_color.png", "second_color.png"])
    assert Path(out[0]).read_bytes() == Path(out[1]).read_bytes()
    assert len(trainings) == 1


# ---------------------------------------------------------------- many targets by one word


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
        (["x.##.png"], "no file is called like 'x.##.png'"),
        (["shot"], "'shot' is a folder: its results need one of their own; give one with -o FOLDER"),
        (["shot", "-o", "shot"], "lies inside the input folder 'shot': choose one beside it"),
        (["target.png", "--frames", "1"], "--frames goes with a folder or a pattern"),
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


# ---------------------------------------------------------------- models


def test_a_saved_model_colors_as_its_source_does(call, scene):
    words = ["--epochs", 1, "--device", "cpu"]
    code, out, _ = call("source.png", "target.png", *words, "--save-model", "hero.refcolor")
    assert (code, out) == (0, ["hero.refcolor", "target_color.png"])
    whole = Path("target_color.png").read_bytes()
    code, out, err = call("hero.refcolor", "target.png", "--force", "--device", "cpu")
    assert (code, out, err) == (0, ["target_color.png"], [])
    assert Path("target_color.png").read_bytes() == whole


def test_a_model_without_targets(call, scene):
    code, out, _ = call("source.png", "--preset", "quick", "--save-model", "hero.refcolor")
    assert (code, out) == (0, ["hero.refcolor"])
    assert call("hero.refcolor", "target.png")[:2] == (0, ["target_color.png"])
    assert call("source.png", "target.png", "--preset", "quick", "-o", "plain.png")[0] == 0
    assert Path("plain.png").read_bytes() == Path("target_color.png").read_bytes()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["source.png"], "there is no target: name gray pictures to color"),
        (["hero.refcolor"], "there is no target"),
        (["source.png", "--save-model", "m.refcolor", "-o", "x.png"], "there is no target"),
        (
            ["source.png", "target.png", "--save-model", "m.npz"],
            "'m.npz' is no name of a model: write it as NAME.refcolor",
        ),
        (["source.png", "target.png", "--save-model", "hero.refcolor"], "already exists"),
        (["source.png", "target.png", "--save-model", "no/m.refcolor"], "does not exist; create it first"),
        (["hero.refcolor", "target.png", "--save-model", "m.refcolor"], "is a model already"),
        (["hero.refcolor", "target.png", "--preset", "standard"], "leave out --preset"),
        (["hero.refcolor", "target.png", "--clusters", "9"], "leave out --clusters"),
        (
            ["hero.refcolor", "target.png", "--seed", "0", "--preset", "quick"],
            "leave out --preset and --seed",
        ),
        (["inspect", "hero.refcolor", "-o", "new"], "is a model: inspect needs the colored picture itself"),
        (["none.refcolor", "target.png"], "there is no file 'none.refcolor'"),
        (["stub.refcolor", "target.png"], "'stub.refcolor' is not a refcolor model"),
        (["hero.refcolor", "target.png", "--epochs", "3"], "leave out --epochs"),
        (["hero.refcolor", "target.png", "--init", "scratch"], "leave out --init"),
        (["hero.refcolor", "hero.refcolor"], "is not a picture"),
        (["short.refcolor", "target.png"], "'short.refcolor' is damaged or cut short"),
    ],
)
def test_wrong_words_about_models(call, scene, words, says):
    assert call("source.png", "--preset", "quick", "--save-model", "hero.refcolor")[0] == 0
    Path("stub.refcolor").write_bytes(b"PK")
    Path("short.refcolor").write_bytes(Path("hero.refcolor").read_bytes()[:-100])
    before = held(scene)
    code, out, err = call(*words)
    assert (code in (1, 2), out, len(err)) == (True, [], 1)
    assert says in err[0]
    assert held(scene) == before


def test_a_gpu_that_is_not_there(call, scene):
    from refcolor.networks import backend

    if backend.start(config.Device.AUTO).gpus:
        pytest.skip("this machine has a GPU")
    before = held(scene)
    code, out, err = call("source.png", "target.png", "--device", "gpu")
    assert (code, out, len(err)) == (1, [], 1)
    assert err[0].startswith("refcolor: no GPU")
    assert held(scene) == before


@pytest.mark.parametrize("target", [[], ["target.png"]])
def test_inspect_writes_every_stage(call, quick, scene, target):
    code, out, err = call("inspect", "source.png", *target, "-o", "stages")
    assert (code, err) == (0, [])
    assert sorted(out) == sorted(str(path.relative_to(scene)) for path in (scene / "stages").iterdir())
    assert {"stages/sheet.png", "stages/probabilities.csv"} <= set(out)
    assert call("inspect", "source.png", *target, "-o", "stages")[0] == 2
    assert call("inspect", "source.png", *target, "-o", "stages", "--force")[0] == 0


@pytest.mark.slow
def test_ctrl_c_during_training(scene):
    before = held(scene)
    words = [*RUN, "source.png", "target.png", "--epochs", "100000", "--device", "cpu"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stderr.readline().startswith("refcolor: training on")
            with pytest.raises(subprocess.TimeoutExpired):
                running.wait(1)
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=60)
        finally:
            running.kill()
    assert running.returncode == 130
    assert (out, err) == ("", "refcolor: interrupted; nothing half-written is left\n")
    assert held(scene) == before


# ---------------------------------------------------------------- score, info, help


def test_score_is_that_of_the_library(call, scene, drawn):
    images.write_picture("result.png", np.roll(drawn, 2, axis=1))
    words = ["score", "result.png", "source.png", "--source", "target.png"]
    code, out, err = call(*words, "--json")
    result, truth, source = (images.read(name).rgb for name in ("result.png", "source.png", "target.png"))
    wanted = metrics.score(result, truth, source)
    assert (code, err) == (0, [])
    assert json.loads("\n".join(out)) == wanted
    assert call(*words)[1] == metrics.table(wanted).splitlines()
    assert 0.3 < wanted["ok5"] < 1


def test_score_takes_a_target(call, scene, drawn, drawn_gray):
    images.write_picture("gray.png", drawn_gray * 0.5)
    words = ["score", "source.png", "source.png", "--source", "source.png", "--json"]
    same, other = (json.loads("\n".join(call(*words, *more)[1])) for more in ([], ["--target", "gray.png"]))
    assert same["luma_max"] == 0
    assert other["luma_max"] > 20


def test_quick_info_starts_no_engine(call, monkeypatch):
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("started something"))
    code, out, err = call("info", "--quick")
    assert (code, err) == (0, [])
    assert any(line.startswith("threads") for line in out)
    assert not any(line.startswith("trains on") for line in out)


def test_info_names_versions_and_devices(call):
    code, out, err = call("info")
    rows = dict(line.split(maxsplit=1) for line in out if not line.startswith("trains on"))
    assert (code, err) == (0, [])
    assert rows["refcolor"] == refcolor.__version__
    assert rows["numpy"] == np.__version__
    assert "_core" in rows["extension"]
    assert {"keras", "scikit-learn", "opencv", "GPUs", "threads"} <= rows.keys()
    assert int(rows["threads"]) >= 1


def test_version(call):
    assert call("--version") == (0, [f"refcolor {refcolor.__version__}"], [])


def test_help_lists_the_options_by_panel(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    code, out, err = call("--help")
    assert (code, err) == (0, [])
    panels, title = {}, ""
    for line in out:
        if line.startswith("╭─ "):
            title = line.split()[1]
        elif line.startswith("│"):
            panels.setdefault(title, set()).update(word for word in line.split() if word.startswith("--"))
    output = {"--output", "--confidence", "--save-model", "--force", "--max-pixels", "--quiet", "--debug"}
    assert panels["Output"] == output
    assert panels["Color"] == {"--clusters"}
    assert panels["Network"] == {"--preset", "--init", "--epochs", "--device", "--seed"}
    assert "--version" in panels["Options"]
    assert any("refcolor inspect, refcolor score, refcolor info" in line for line in out)


@pytest.mark.parametrize("name", ["inspect", "score", "info"])
def test_each_command_has_its_help(call, name):
    code, out, _ = call(name, "--help")
    assert call(name, "-h")[:2] == (code, out)
    assert code == 0
    assert any(f"Usage: refcolor {name} " in line for line in out)


@pytest.mark.parametrize("debug", [False, True])
def test_debug_shows_the_traceback(call, scene, debug):
    code, _, err = call("missing.png", "target.png", *(["--debug"] if debug else []))
    assert code == 2
    assert ("Traceback (most recent call last):" in err) is debug
    assert err[-1].startswith("refcolor: there is no file")


# ---------------------------------------------------------------- bad input


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width, height):
    """A sound PNG file, but for the size its header claims."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def damaged(extension):
    """Half of the drawing's file."""

    def make(path, drawn):
        whole = path.with_name(f"whole.{extension}")
        images.write_picture(whole, drawn)
        path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
        whole.unlink()

    return make


def with_value(value):
    def make(path, drawn):
        image = drawn.copy()
        image[5, 7, 1] = value
        cv2.imwrite(str(path), image)

    return make


def content(data):
    return lambda path, drawn: path.write_bytes(data)


# name of the file: how it is made, exit code, what the line says
UNUSABLE = {
    "missing.png": (lambda path, drawn: None, 2, "there is no file"),
    "folder.png": (lambda path, drawn: path.mkdir(), 2, "is a folder"),
    "pipe.png": (lambda path, drawn: os.mkfifo(path), 1, "is a pipe or a device"),
    "empty.png": (content(b""), 1, "is empty"),
    "text.png": (content(b"not a picture\n" * 99), 1, "is not a picture"),
    "half.png": (damaged("png"), 1, "cut short"),
    "half.tif": (damaged("tif"), 1, "damaged"),
    "half.jpg": (damaged("jpg"), 1, "damaged"),
    "half.exr": (damaged("exr"), 1, "damaged"),
    "nothing.png": (content(png_header(0, 0)), 1, "has no pixels"),
    "nothing.gif": (content(b"GIF89a" + bytes(30)), 1, "has no pixels"),
    "dot.png": (lambda path, drawn: images.write_picture(path, drawn[:1, :1]), 1, "1x1 pixels"),
    "narrow.png": (lambda path, drawn: images.write_picture(path, drawn[:, :28]), 1, "28x48 pixels"),
    "low.png": (lambda path, drawn: images.write_picture(path, drawn[:28]), 1, "64x28 pixels"),
    "nan.tif": (with_value(np.nan), 1, "infinite or not a number"),
    "infinite.tif": (with_value(np.inf), 1, "infinite or not a number"),
    "huge.png": (content(png_header(12_000, 12_000)), 1, "--max-pixels"),
}
NO_SOURCE = {
    "gray.png": (lambda path, drawn: images.write_picture(path, luma(drawn)), 1, "has no color"),
    "few.png": (
        lambda path, drawn: images.write_picture(path, np.where(drawn > 0.5, 1.0, 0.2)),
        1,
        "fewer than the 24 clusters",
    ),
}
BAD = [(name, role) for name in UNUSABLE for role in ("source", "target")]
BAD += [(name, "source") for name in NO_SOURCE]


def words_with(name, role):
    return [name, "target.png"] if role == "source" else ["source.png", "target.png", name]


@pytest.mark.parametrize("command", ["color", "inspect"])
@pytest.mark.parametrize(("name", "role"), BAD)
def test_unusable_picture(call, scene, drawn, command, name, role):
    make, code, text = (UNUSABLE | NO_SOURCE)[name]
    make(scene / name, drawn)
    words = words_with(name, role)
    if command == "inspect":
        words = ["inspect", words[0], words[-1], "-o", "new"]
    before = {path: path.stat().st_mtime_ns for path in scene.iterdir()}
    found, out, err = call(*words)
    assert (found, out, len(err)) == (code, [], 1), err
    assert err[0].startswith("refcolor: ")
    assert text in err[0]
    assert {path: path.stat().st_mtime_ns for path in scene.iterdir()} == before


@pytest.mark.parametrize("place", range(3))
def test_score_refuses_unusable_pictures(call, scene, place):
    names = ["source.png"] * 3
    names[place] = "missing.png"
    code, out, err = call("score", *names[:2], "--source", names[2])
    assert (code, out, err) == (2, [], ["refcolor: there is no file 'missing.png'; check the name"])


def test_score_refuses_other_sizes(call, scene, drawn):
    images.write_picture("small.png", drawn[:40])
    code, out, err = call("score", "small.png", "source.png", "--source", "source.png")
    assert (code, out) == (1, [])
    assert err == ["refcolor: the result is 64x40, the truth 64x48: they must be equal"]


def test_a_file_that_may_not_be_read(call, scene, monkeypatch):
    # root may read anything, so the answer of the system is played
    really = Path.open

    def refuse(path, *rest, **named):
        if str(path) == "target.png":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return really(path, *rest, **named)

    monkeypatch.setattr(Path, "open", refuse)
    code, out, err = call("source.png", "target.png")
    assert (code, out) == (1, [])
    assert err == ["refcolor: 'target.png' may not be read; check its permissions"]


def test_max_pixels_lifts_the_limit(call, quick, scene):
    code, _, err = call("source.png", "target.png", "--max-pixels", 48 * 64 - 1)
    assert (code, len(err)) == (1, 1)
    assert "more than 3071" in err[0]
    assert call("source.png", "target.png", "--max-pixels", 48 * 64)[0] == 0


OUTPUTS = {
    "no/out.png": "does not exist",
    "source.png": "is the input",
    "./target.png": "is the input",
    "symlink.png": "is the input",
    "hardlink.png": "is the input",
    "plain/out.png": "not a folder",
    "out.xyz": "ends in '.xyz'",
    "out": "has no extension",
}


@pytest.mark.parametrize("output", OUTPUTS)
def test_outputs_that_must_not_be_written(call, scene, output):
    Path("symlink.png").symlink_to("source.png")
    os.link("target.png", "hardlink.png")
    Path("plain").write_bytes(b"mine")
    before = held(scene)
    code, out, err = call("source.png", "target.png", "-o", output, "--force")
    assert (code, out, len(err)) == (2, [], 1)
    assert err[0].startswith("refcolor: ")
    assert OUTPUTS[output] in err[0]
    assert held(scene) == before


def test_inspect_never_writes_over_its_input(call, scene):
    before = held(scene)
    code, out, err = call("inspect", "source.png", "-o", ".", "--force")
    assert (code, out, len(err)) == (2, [], 1)
    assert "is the input" in err[0]
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


@pytest.fixture
def disk(tmp_path):
    """Mounts a disk of one page with given options."""
    place = tmp_path / "disk"

    def mount(options):
        place.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if not shutil.which("mount") or subprocess.run(words, capture_output=True, check=False).returncode:
            pytest.skip("a small disk can only be mounted by root")
        return place

    yield mount
    if place.is_mount():
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("command", ["color", "inspect"])
def test_read_only_folder(call, scene, disk, command):
    disk("ro,size=4k")
    words = {"color": ["source.png", "target.png", "-o", "disk"]}
    words["inspect"] = ["inspect", *words["color"][:1], "-o", "disk"]
    code, out, err = call(*words[command])
    assert (code, out) == (2, [])
    assert err == ["refcolor: output folder 'disk' is not writable; choose another folder"]
    assert held(scene / "disk") == {}


def test_full_disk(call, quick, scene, disk):
    (disk("size=4k") / "target_color.png").write_bytes(b"mine")
    before = held(scene)
    code, out, err = call("source.png", "target.png", "-o", "disk", "--force")
    assert (code, out) == (1, [])
    assert err == ["refcolor: cannot write 'disk/target_color.png': No space left on device"]
    assert held(scene) == before


def test_full_disk_after_half_of_the_stages(call, quick, scene, disk):
    disk("size=40k")
    Path("disk/source.png").write_bytes(b"mine")
    before = held(scene)
    for folder in ("disk", "disk/new"):
        code, out, err = call("inspect", "source.png", "target.png", "-o", folder, "--force")
        assert (code, out, len(err)) == (1, [], 1)
        assert err[0].startswith("refcolor: cannot write ")
        assert err[0].endswith("No space left on device")
        assert held(scene) == before


@pytest.mark.parametrize(
    "words",
    [
        ["source.png", "target.png", "--color"],
        ["source.png", "target.png", "--clusters", "1"],
        ["source.png", "target.png", "--clusters", "257"],
        ["source.png", "target.png", "--clusters", "many"],
        ["source.png", "target.png", "--clusters", "2.5"],
        ["source.png", "target.png", "--init", "random"],
        ["source.png", "target.png", "--epochs", "0"],
        ["source.png", "target.png", "--seed", "-1"],
        ["source.png", "target.png", "--preset", "fancy"],
        ["source.png", "target.png", "--device", "tpu"],
        ["source.png", "target.png", "--max-pixels", "0"],
        ["inspect", "source.png"],
        ["score", "source.png", "source.png"],
        ["info", "source.png"],
    ],
    ids=" ".join,
)
def test_words_that_are_no_command(call, scene, words):
    before = held(scene)
    code, out, err = call(*words)
    assert (code, out) == (2, [])
    assert any("Error" in line for line in err)
    assert not any("Traceback" in line for line in err)
    assert held(scene) == before


def test_help_and_bad_input_import_no_engine(scene, drawn):
    """One process goes through all of it; scikit-learn and TensorFlow take seconds each."""
    for name, (make, _, _) in (UNUSABLE | NO_SOURCE).items():
        make(scene / name, drawn)
    lines = [["--help"], ["--version"], ["info", "--help"], ["inspect", "--help"], ["score", "--help"]]
    lines += [words_with(name, role) for name, role in BAD]
    lines += [["source.png", "target.png", "-o", output] for output in OUTPUTS if "link" not in output]
    lines += [["inspect", "source.png", "-o", "no/new"], ["score", "source.png", "text.png", "--source", "x"]]
    code = (
        "import json, sys\nfrom refcolor.cli import main\ncodes = []\n"
        "for words in json.loads(sys.argv[1]):\n"
        "    try: main(words)\n"
        "    except SystemExit as left: codes.append(left.code or 0)\n"
        "print(codes, [m for m in ('tensorflow', 'keras', 'sklearn') if m in sys.modules])"
    )
    words = [sys.executable, "-P", "-c", code, json.dumps(lines)]
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    codes = [0] * 5 + [(UNUSABLE | NO_SOURCE)[name][1] for name, _ in BAD]
    codes += [2] * (len(lines) - len(codes) - 1) + [1]  # text.png
    assert ended.stdout.splitlines()[-1] == f"{codes} []"


def test_an_unforeseen_error_is_one_line_too(monkeypatch, capsys):
    def fall(*_args, **_named):
        raise ZeroDivisionError("inside")

    monkeypatch.setattr("refcolor.render.outputs.picture_files", fall)
    with pytest.raises(SystemExit) as left:
        app.main(["a.png", "b.png"])
    assert left.value.code == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "unexpected ZeroDivisionError: inside" in said
    assert "--debug" in said
