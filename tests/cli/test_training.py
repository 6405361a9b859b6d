"""Coloring with a network in earnest, models, and the stages that ``inspect`` writes."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scenes import RUN, held, pixels

from refcolor import config
from refcolor.cli import app
from refcolor.files import images
from refcolor.methods import colorizer


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


def grainy(gray):
    """The target under grain, so that no match is certain and every option has its say."""
    grain = np.random.default_rng(0).normal(0, 0.05, gray.shape)
    return np.clip(gray + grain, 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def plain(tmp_path_factory, drawn, drawn_gray):
    """The result without further options."""
    folder = tmp_path_factory.mktemp("plain")
    images.write_picture(folder / "source.png", drawn)
    images.write_picture(folder / "target.png", grainy(drawn_gray))
    with pytest.raises(SystemExit, match="0"):
        app.main([f"{folder}/source.png", f"{folder}/target.png", "--epochs", "1", "--device", "cpu"])
    return pixels(folder / "target_color.png")


@pytest.mark.parametrize(
    "option",
    [
        ["--seed", 1],
        ["--preset", "quick"],
        *(
            pytest.param(option, marks=pytest.mark.slow)
            for option in (
                ["--clusters", 5],
                ["--clusters", "auto"],
                ["--init", "scratch"],
                ["--epochs", 3],
                ["--preset", "paper"],
            )
        ),
    ],
    ids=lambda o: " ".join(map(str, o)),
)
def test_each_option_changes_the_picture(call, scene, drawn_gray, plain, small_paper, option):
    images.write_picture("grainy.png", grainy(drawn_gray))
    words = [*([] if "quick" in option else ["--epochs", 1]), "--device", "cpu", *option]
    assert call("source.png", "grainy.png", *words)[0] == 0
    changed = pixels("grainy_color.png")
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
