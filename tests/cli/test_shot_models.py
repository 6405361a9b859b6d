"""``refcolor shot --save-model``: learned once, it colors any chunk."""

from pathlib import Path

import pytest
from scenes import COUNT, KEY, OUT, drawn, frames_of, gray_clip, held, keys_of, name, off, report, write

from refcolor.cli import app
from refcolor.files import models, plain_files


@pytest.mark.slow
def test_what_was_learned_once_colors_any_chunk_with_the_same_bytes(run_shot, shot):
    """The model knows the keys' frames, also one that was found by its picture."""
    write("hero.png", drawn(8))
    learn = ["shot", "-k", "key.0001.png", "-k", "hero.png", "--epochs", "2", "--clusters", "6"]
    code, out, err = run_shot(*learn, "-o", "whole", "--report", "r.json")
    assert (code, len(out), err[0]) == (0, COUNT + 1, "refcolor: 'hero.png' is frame 8")
    code, out, err = run_shot(*learn, "--save-model", "m.refcolor")
    assert (code, out) == (0, ["m.refcolor"])
    assert err == ["refcolor: 'hero.png' is frame 8", "refcolor: training on the CPU, 2 keys"]
    Path("hero.png").unlink()
    for chunk in ("5-8", "1-4"):
        code, out, err = run_shot(
            "shot", "-k", "m.refcolor", "-o", "out", "--frames", chunk, "--report", f"{chunk}.json"
        )
        assert (code, len(out)) == (0, 5)
        assert err[0].startswith("refcolor: 4 frames colored")
        assert keys_of(f"{chunk}.json") == keys_of() == [("key.0001.png", 1), ("hero.png", 8)]
        assert report(f"{chunk}.json")["settings"] == report()["settings"] | {"device": "cpu"}
    assert held("out") == held("whole")


def test_a_model_of_one_picture_is_found_its_frame_and_may_color_a_video(run_shot, shot):
    write("hero.png", drawn(3))
    save = ["hero.png", "--preset", "quick", "--save-model", "hero.refcolor"]
    with pytest.raises(SystemExit, match="0"):
        app.main(save)
    code, _, err = run_shot("shot", "-k", "hero.refcolor", "-o", "out")
    assert (code, err[0]) == (0, "refcolor: 'hero.refcolor' is frame 3")
    assert run_shot("shot", "-k", "hero.png", "--preset", "quick", "-o", "same")[0] == 0
    assert held("out") == held("same")
    code, _, err = run_shot("shot", "-k", "2=hero.refcolor", "-o", "other", "--report", "r.json")
    assert (code, keys_of()) == (0, [("hero.refcolor", 2)])
    gray_clip("in.mkv", 3)
    with pytest.raises(SystemExit, match="0"):
        app.main(["hero.refcolor", "in.mkv"])
    assert frames_of("in_color.mkv")[0] == frames_of("in.mkv")[0]


def test_a_model_of_a_shot_colors_a_picture_and_is_refused_other_settings(run_shot, shot):
    assert (
        run_shot("shot", *KEY, "-k", "4=key.0001.png", "--preset", "quick", "--save-model", "m.refcolor")[0]
        == 0
    )
    with pytest.raises(SystemExit, match="0"):
        app.main(["m.refcolor", f"shot/{name(2)}", "-o", "two.png"])
    assert off("two.png", drawn(2)) < 6
    code, _, err = run_shot("shot", "-k", "m.refcolor", *OUT, "--preset", "standard", "--seed", "3")
    assert (code, len(err)) == (2, 1)
    assert "is a model with settings of its own: leave out --preset and --seed" in err[0]
    code, _, err = run_shot("shot", "-k", "3=m.refcolor", *OUT)
    assert (code, len(err)) == (2, 1)
    assert "'m.refcolor' holds several keys, or knows its frame: leave out 3=" in err[0]


@pytest.mark.parametrize(
    ("key", "frames"), [("a.png", "bcdefghi"), ("key.0001.png", range(1, 9)), ("hero.png", range(1, 9))]
)
def test_a_key_among_the_frames_is_no_frame_for_its_model_either(color, run_shot, shot, key, frames):
    for number, frame in enumerate(frames, 1):
        new = f"{frame}.png" if isinstance(frame, str) else f"shot.{frame:04d}.png"
        Path("shot", name(number)).rename(f"shot/{new}")
    Path("key.0001.png").rename(f"shot/{key}")
    assert color("shot", "-k", f"shot/{key}", "-o", "direct")[0] == 0
    assert color("shot", "-k", f"shot/{key}", "--save-model", "m.refcolor")[0] == 0
    assert run_shot("shot", "-k", "m.refcolor", "-o", "out")[0] == 0
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


def test_a_model_that_is_trained_takes_no_gpu(color, run_shot, shot):
    assert color("shot", *KEY, "--save-model", "m.refcolor")[0] == 0
    code, _, err = run_shot("shot", "-k", "m.refcolor", *OUT, "--device", "gpu")
    assert (code, len(err)) == (2, 1)
    assert "leave out --device gpu" in err[0]
    for words in (["--frames", "1-2"], ["--workers", "2"], ["--codec", "ffv1"]):
        code, _, err = color("shot", *KEY, "--save-model", "n.refcolor", *words)
        assert (code, len(err)) == (2, 1)
        assert "there is no place for the frames; give -o FOLDER, or -o FILE.mkv" in err[0]


def test_what_a_killed_learning_step_left_is_no_hindrance(color, shot):
    Path("models").mkdir()
    Path(f"models/.refcolor-{plain_files._machine()}-1-0.part").touch()  # locked by no process
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


def test_a_model_of_a_picture_takes_no_frame_from_its_own_name(color, run_shot, shot):
    write("sheet.png", drawn(1, ground=5)[:, ::-1])
    with pytest.raises(SystemExit, match="0"):
        app.main(["sheet.png", "--preset", "quick", "--save-model", "sh005.refcolor"])
    code, _, err = run_shot("shot", "-k", "sh005.refcolor", *OUT)
    assert (code, err[0].split(";")[0]) == (0, "refcolor: 'sh005.refcolor' belongs to no frame")


@pytest.mark.slow
def test_a_resumed_run_takes_what_was_learned(run_shot, shot):
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
    assert run_shot(*words)[2][0] == "refcolor: training on the CPU"
    once = held()
    Path("out", name(2)).unlink()
    code, out, err = run_shot(*words, "--skip-existing")
    assert (code, out, "training" in err[0]) == (0, [f"out/{name(2)}"], False)
    assert held() == once
