"""The quality benchmark on a drawn scene of a few pixels: baselines, presets, resuming, the table."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest

from refcolor.config import Config
from refcolor.imaging.color import rgb_to_lab
from refcolor.imaging.metrics import gray_8bit

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import anchors
import baselines
import cuts
import frames
import gpu
import methods
import quality
import records
import reliability
import sheets
import shot
import speed

PAINTS = {"sky": (0.6, 0.8, 1.0), "skin": (0.9, 0.7, 0.6), "shirt": (0.7, 0.1, 0.2), "hair": (0.1, 0.1, 0.3)}


def scene(left: int, width: int = 96) -> np.ndarray:
    """A figure of three paints, `left` pixels from the edge, before a sky."""
    image = np.empty((72, width, 3))
    image[:] = PAINTS["sky"]
    image[10:22, left : left + 24] = PAINTS["hair"]
    image[22:40, left + 2 : left + 22] = PAINTS["skin"]
    image[40:, left - 4 : left + 28] = PAINTS["shirt"]
    return np.rint(image * 255).astype(np.float32) / np.float32(255)


def target(truth: np.ndarray) -> np.ndarray:
    return gray_8bit(truth) / np.float32(255)


def chroma(rgb: np.ndarray) -> np.ndarray:
    return rgb_to_lab(rgb)[..., 1:]


@pytest.mark.parametrize("name", baselines.BASELINES)
def test_baselines_return_the_colors_of_an_equal_picture(name: str) -> None:
    source = scene(30)
    ab = baselines.BASELINES[name](source, target(source))
    assert ab.dtype == np.float32
    assert ab.shape == (72, 96, 2)
    # Each paint has a luma of its own, so that the luma table is exact as well.
    np.testing.assert_allclose(ab, chroma(source), atol=1e-3)


@pytest.mark.parametrize("name", ["lookup", "welsh", "flow"])
def test_baselines_take_a_source_of_another_size(name: str) -> None:
    ab = baselines.BASELINES[name](scene(30, width=80), target(scene(36)))
    assert ab.shape == (72, 96, 2)


def test_copy_has_no_answer_for_another_size() -> None:
    assert baselines.copy(scene(30, width=80), target(scene(36))) is None


def test_flow_follows_the_figure_and_copy_does_not() -> None:
    source, truth = scene(30), scene(34)
    error = {
        name: np.abs(baselines.BASELINES[name](source, target(truth)) - chroma(truth)).mean()
        for name in ("copy", "flow")
    }
    assert error["flow"] < 0.5 * error["copy"]


def test_lookup_interpolates_lumas_the_source_lacks() -> None:
    source = np.zeros((1, 2, 3), np.float32)
    source[0, 1] = (1.0, 1.0, 0.0)  # luma 226
    ab = baselines.lookup(source, np.array([[0, 113, 226]], np.float32) / 255)
    np.testing.assert_allclose(ab[0, 1], (ab[0, 0] + ab[0, 2]) / 2, atol=1e-3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = ["clip,source,truth,kind"]
    for clip, width in (("walk", 96), ("cut", 80)):
        for number, left in enumerate((30, 32, 34, 36)):
            frames.write_picture(tmp_path / clip / f"{number}.png", scene(left, 96 if number else width))
        lines += [f"{clip},{clip}/0.png,{clip}/{number}.png,drawn" for number in (1, 2, 3)]
    (tmp_path / "pairs.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No anchors but a test's own, whatever lies beside the project."""
    monkeypatch.setattr(quality, "_default_anchors", lambda: None)


def run(folder: Path, *words: str) -> int:
    return quality.main([str(folder), "--out", str(folder / "out"), *words])


def rows(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "out" / "quality.csv")


def result(folder: Path, method: str) -> np.ndarray:
    """The first kept picture of clip walk."""
    return frames.read_picture(folder / "out" / "results" / method / "walk" / "0-1.png")


def test_pairs_are_spread_over_a_clip(folder: Path) -> None:
    assert [pair.truth for pair in frames.read_pairs(folder, ["walk"], 2)] == ["walk/1.png", "walk/3.png"]
    assert len(frames.read_pairs(folder)) == 6


def test_a_run_prints_the_table_and_keeps_rows_pictures_and_sheets(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "--methods", "flow", "copy", "lookup", "--pairs", "2") == 0
    frame = rows(folder)
    # copy has no answer where the source has another size.
    assert frame["method"].value_counts().to_dict() == {"flow": 4, "lookup": 4, "copy": 2}
    assert frame["luma_max"].max() <= 1
    printed = capsys.readouterr().out
    assert [line.split("|")[1].strip() for line in printed.splitlines()[2:5]] == ["copy", "lookup", "flow"]
    assert "different pairs" in printed
    moved = frame[frame["clip"] == "cut"]["ok5_moved"]
    assert moved.isna().all()
    assert frames.read_picture(folder / "out" / "results" / "flow" / "walk" / "0-1.png").shape == (72, 96, 3)
    sheet = cv2.imread(str(folder / "out" / "sheets" / "walk.png"))
    assert sheet.shape[1] <= 2000


def test_resuming_scores_only_what_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(folder, "--methods", "lookup", "--clips", "walk", "--pairs", "1") == 0
    first = rows(folder)
    asked = []

    def counted(source: np.ndarray, gray: np.ndarray) -> np.ndarray:
        asked.append(1)
        return baselines.lookup(source, gray)

    monkeypatch.setitem(methods.BASELINES, "lookup", counted)
    assert run(folder, "--methods", "lookup", "--clips", "walk", "--resume") == 0
    assert len(asked) == 2
    assert len(rows(folder)) == 3
    pd.testing.assert_frame_equal(rows(folder)[:1], first)
    assert run(folder, "--methods", "lookup", "--clips", "walk", "--pairs", "1") == 0
    assert len(rows(folder)) == 1


class FakeColorizer:
    """Paints every target in the source's mean color, as a network of the paper's grid would."""

    trained = 0

    def __init__(self, config: Config) -> None:
        palette = SimpleNamespace(labels=lambda rgb: (rgb[..., 2] > 0.9).astype(np.int32))
        self.learned = SimpleNamespace(palette=palette)

    def fit(self, source: np.ndarray) -> FakeColorizer:
        self.mean = source.mean((0, 1))
        type(self).trained += 1
        return self

    def colorize(self, gray: np.ndarray) -> SimpleNamespace:
        flat = np.full((224, 224, 3), self.mean, np.float32)
        labelling = SimpleNamespace(labels=np.ones((112, 112), np.int32), palette_picture=flat)
        return SimpleNamespace(image=flat, labelling=labelling, confidence=None)


def test_presets_train_once_a_source(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = ModuleType("refcolor.methods.colorizer")
    pipeline.Colorizer = FakeColorizer
    monkeypatch.setitem(sys.modules, "refcolor.methods.colorizer", pipeline)
    monkeypatch.setattr(FakeColorizer, "trained", 0)
    options = ("--clips", "walk", "--preset-options", "epochs=3", "device=cpu")
    assert run(folder, "--methods", "paper", *options) == 0
    assert run(folder, "--methods", "paper", *options, "--resume") == 0
    frame = rows(folder)
    assert FakeColorizer.trained == 1
    assert set(frame["method"]) == {"paper epochs=3 device=cpu", "paper-native epochs=3 device=cpu"}
    # The grid is reduced by area, so the label share is that of the sky in the truth.
    sky = (scene(32)[..., 2] > 0.9).mean()
    assert frame["label_acc"][0] == pytest.approx(sky, abs=0.02)
    paper, native = (frame[frame["method"].str.startswith(name)] for name in ("paper ", "paper-native"))
    assert native["luma_max"].max() <= 1 < paper["luma_max"].min()
    assert "scored on them" in capsys.readouterr().out


def test_a_source_a_preset_refuses_is_named_under_the_table(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("the source has no color")

    pipeline = ModuleType("refcolor.methods.colorizer")
    pipeline.Colorizer = refuse
    monkeypatch.setitem(sys.modules, "refcolor.methods.colorizer", pipeline)
    assert run(folder, "--methods", "lookup", "standard", "--clips", "walk", "--pairs", "1") == 1
    assert "standard cannot work from walk/0.png: the source has no color" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--clips", "run"), "no clip run"),
        (("--preset-options", "epochs"), "NAME=VALUE"),
        (("--preset-options", "epoch=3"), "no setting epoch"),
        (("--pairs", "0"), "has no pairs"),
    ],
)
def test_wrong_words_are_named(
    folder: Path, words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "--methods", "standard", *words) == 2
    assert message in capsys.readouterr().err


def test_training_counts_once_a_source_in_the_table() -> None:
    row = dict.fromkeys([*records.MEANS, "seconds", "luma_max"], 1.0) | {
        "method": "standard",
        "label_acc": None,
    }
    made = [
        row | {"source": "a", "truth": "a1", "training_seconds": 10.0, "ok5": 0.9},
        row | {"source": "a", "truth": "a2", "training_seconds": 10.0, "ok5": 0.4},
        row | {"source": "b", "truth": "b1", "training_seconds": 40.0, "ok5": 0.8},
    ]
    means = records.summary(made).loc["standard"]
    assert means["training"] == 25
    assert means["ok5"] == pytest.approx(0.7)
    assert means["worst ok5"] == "0.400 a2"


def test_error_heat_is_black_where_right_and_bright_where_wrong() -> None:
    truth = scene(30)
    wrong = truth.copy()
    wrong[:, :48] = (0.0, 1.0, 0.0)
    heat = sheets.error_heat(wrong, truth)
    assert heat[:, 50:].max() < 10
    assert heat[0, 0].min() > 100


def test_label_accuracy_is_told_for_the_nearest_and_farthest_pair() -> None:
    rows = [
        {"method": m, "clip": "walk", "truth": f"walk/{i}.png", "label_acc": a, "training_seconds": 9}
        for m in ("paper", "paper-native", "lookup")
        for i, a in ((2, 0.5), (1, 0.9), (3, 0.4 if m != "lookup" else None))
    ]
    rows = [row if row["method"] != "lookup" else row | {"label_acc": None} for row in rows]
    text = records.label_table(rows)
    cells = [cell.strip() for cell in text.splitlines()[2].strip("|").split("|")]
    assert cells == ["paper", "walk", "0.900", "0.400", "0.600", "9"]
    assert "lookup" not in text
    assert "native" not in text
    assert records.label_table(rows[-3:]) == ""


def test_a_match_beyond_the_sources_height_lies_in_its_mirror_image() -> None:
    upright = np.arange(24, dtype=np.float32).reshape(3, 4, 2)
    views = np.stack([upright, upright[:, ::-1]])
    best = np.array([[[1, 2], [1, 5], [1.5, 3], [3, 7], [3, 7]]], np.float32)
    error = np.array([[0, 0, 0, 0, np.inf]], np.float32)
    ab = methods.carried(views, best, error)
    assert ab.dtype == np.float32
    np.testing.assert_allclose(ab[0, 0], upright[2, 1])
    np.testing.assert_allclose(ab[0, 1], upright[2, 2])
    # Between columns 1 and 2 of the mirror image's first row; nothing of the upright view's last.
    np.testing.assert_allclose(ab[0, 2], (upright[0, 1] + upright[0, 2]) / 2)
    # Beyond the mirror image's last row it goes on; without a way back it is the upright view that does.
    np.testing.assert_allclose(ab[0, 3], upright[2, 0])
    np.testing.assert_allclose(ab[0, 4], upright[2, 3])
    np.testing.assert_allclose(methods.carried(views[:1], best, error)[0, 1], upright[2, 1])


def test_quick_gives_itself_and_its_matching_without_training(folder: Path) -> None:
    assert run(folder, "--methods", "quick", "copy", "--clips", "walk", "--pairs", "1") == 0
    frame = rows(folder).set_index("method")
    assert list(frame.index) == ["quick", "matching", "copy"]
    assert frame["luma_max"].max() <= 1
    assert frame.loc["copy", "ok5"] < frame.loc["matching", "ok5"]
    assert frame["label_acc"].isna().all()
    whole, part = (result(folder, method) for method in ("quick", "matching"))
    assert not np.array_equal(whole, part)


def test_standard_gives_itself_and_its_network_which_may_start_from_scratch(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("init=scratch", "epochs=1", "grid=32", "clusters=4", "device=cpu")
    assert (
        run(folder, "--methods", "standard", "--clips", "walk", "--pairs", "1", "--preset-options", *options)
        == 0
    )
    frame = rows(folder)
    tail = " ".join(options)
    assert list(frame["method"]) == [f"standard {tail}", f"network {tail}"]
    assert frame["luma_max"].max() <= 1
    assert frame["training_seconds"].nunique() == 1
    whole, part = (result(folder, method) for method in frame["method"])
    assert not np.array_equal(whole, part)
    assert "network alone" in capsys.readouterr().out


def test_the_networks_row_is_in_the_sources_light_and_its_seconds_are_its_own() -> None:
    asked = []
    session = methods._Preset.__new__(methods._Preset)
    session.method, session.names = "standard", methods.row_names("standard", {})
    relit = np.full((32, 40), 300, np.float32)

    def ask(gray: np.ndarray, weights: dict[int, float]) -> SimpleNamespace:
        asked.append(gray)
        return SimpleNamespace(probabilities=np.ones((8, 10, 1), np.float32))

    session.colorizer = SimpleNamespace(
        colorize=lambda gray: (
            time.sleep(0.3)
            or SimpleNamespace(image=None, confidence=None, matches=SimpleNamespace(relit255=relit))
        ),
        learned=SimpleNamespace(
            ask=ask,
            chroma_lines=SimpleNamespace(
                odds_at=lambda gray: np.ones((*gray.shape, 1), np.float32),
                chroma=lambda gray: gray[..., None, None] * np.array([20, -30], np.float32),
            ),
        ),
    )
    gray = np.full((32, 40), 0.5, np.float32)
    whole, network = session.color(gray)
    assert (whole.method, network.method) == ("standard", "network")
    np.testing.assert_array_equal(asked[0], np.ones((32, 40), np.float32))
    np.testing.assert_allclose(chroma(network.image), np.broadcast_to([20, -30], (32, 40, 2)), atol=0.1)
    np.testing.assert_allclose(network.image @ [0.299, 0.587, 0.114], gray, atol=1e-4)
    assert network.seconds < 0.3 <= whole.seconds


def scored(method: str, truth: str, ok5: float, **more: object) -> dict[str, object]:
    figures = dict.fromkeys([*records.MEANS, "seconds", "luma_max", "training_seconds"], 1.0)
    clip = truth.split("/")[0]
    row = {"clip": clip, "source": f"{clip}/0.png", "truth": truth, "method": method, "label_acc": None}
    return row | figures | {"ok5": ok5} | more


def cells(text: str) -> dict[str, dict[str, str]]:
    """A Markdown table: row's name -> column's name -> text."""
    head, _, *lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return {line[0]: dict(zip(head[1:], line[1:], strict=True)) for line in lines}


RIVAL = records.ANCHOR
ANCHORS = [
    scored(RIVAL, "walk/1.png", 0.8),
    scored(RIVAL, "walk/3.png", 0.6),
    scored(RIVAL, "ga2d_run/1.png", 0.9),
    scored("flow", "walk/1.png", 0.2),
    scored("flow", "walk/3.png", 0.7),
    scored("flow", "ga2d_run/1.png", 0.7),
]


def test_the_fair_table_is_over_the_anchors_pairs_alone() -> None:
    made = [
        scored("flow", "walk/1.png", 0.9),
        scored("standard", "walk/1.png", 0.895),
        scored("standard", "walk/2.png", 0.1),
        scored("standard", "walk/3.png", 0.605),
        scored("quick", "walk/1.png", 0.8),
    ]
    table = cells(anchors.fair_table(made, ANCHORS))
    assert list(table) == ["flow", RIVAL, "quick", "standard"]
    assert table["standard"]["pairs"] == "2"
    assert table["standard"]["ok5"] == "0.750"
    assert table["standard"]["worst ok5"] == "0.605 walk/3.png"
    assert table["standard"][f"beats {RIVAL}"] == "1.000"
    # An equal figure beats nothing.
    assert table["quick"][f"beats {RIVAL}"] == "0.000"
    assert table[RIVAL][f"beats {RIVAL}"] == ""
    # Behind the file's flow on walk/3; on walk/1 the run's own flow counts, and 0.005 less is not behind.
    assert table["standard"]["behind flow"] == "1"
    assert table["quick"]["behind flow"] == "1"
    assert table["flow"]["behind flow"] == "0"
    assert table[RIVAL]["pairs"] == "2"
    assert anchors.fair_table(made[2:3], ANCHORS) == ""
    without_flow = [row for row in ANCHORS if row["method"] != "flow"]
    assert cells(anchors.fair_table(made[3:4], without_flow))["standard"]["behind flow"] == ""


def test_first_pairs_are_told_apart_and_flat_drawing_among_them() -> None:
    made = [
        scored("network", "walk/2.png", 1, acc24=0.1, ok2=0.0),
        scored("network", "walk/1.png", 1, acc24=0.5, ok2=0.0),
        scored("network", "ga2d_run/1.png", 1, acc24=0.9, ok2=0.8),
        scored("network", "ga2d_run/2.png", 1, acc24=0.0, ok2=0.1),
        scored("flow", "walk/2.png", 1, acc24=0.4),
        scored("flow", "walk/1.png", 1, acc24=0.3),
    ]
    table = cells(records.first_table(made))
    assert list(table) == ["flow", "network"]
    assert table["network"] == {"clips": "2", "acc24": "0.700", "ga2d_* clips": "1", "ga2d_* ok2": "0.800"}
    assert table["flow"] == {"clips": "1", "acc24": "0.300", "ga2d_* clips": "0", "ga2d_* ok2": ""}


def test_a_run_is_shown_beside_the_anchor_and_keeps_no_rows_of_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "anchors.csv"
    pd.DataFrame(ANCHORS).drop(columns=["training_seconds", "label_acc"]).to_csv(path, index=False)
    assert run(folder, "--methods", "lookup", "--clips", "walk", "--anchors", str(path)) == 0
    table, fair, first, *notes = capsys.readouterr().out.split("\n\n")
    assert {name: row["pairs"] for name, row in cells(table).items()} == {"lookup": "3", RIVAL: "2"}
    assert cells(table)[RIVAL]["training"] == ""
    assert {name: row["pairs"] for name, row in cells(fair).items()} == {"lookup": "2", RIVAL: "2"}
    assert set(cells(first)) == {"lookup", RIVAL}
    assert "another program" in notes[-1]
    assert set(rows(folder)["method"]) == {"lookup"}
    assert run(folder, "--methods", "lookup", "--clips", "cut", "--anchors", str(path)) == 0
    assert RIVAL not in capsys.readouterr().out


def test_an_anchors_file_that_is_none_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "--methods", "lookup", "--anchors", str(folder / "pairs.csv")) == 2
    assert "has no column" in capsys.readouterr().err
    assert run(folder, "--methods", "lookup", "--anchors", str(folder / "none.csv")) == 2
    assert "none.csv" in capsys.readouterr().err


def test_tables_put_baselines_first_and_parts_before_the_whole() -> None:
    names = ["standard seed=1", "standard", "network", "quick", "matching", "paper", RIVAL, "flow"]
    made = [scored(name, "walk/1.png", 0.5) for name in names]
    order = ["flow", RIVAL, "paper", "matching", "quick", "network", "standard", "standard seed=1"]
    assert list(records.summary(made).index) == order
    assert set(records.ORDER) == {*baselines.BASELINES, RIVAL, *sum(methods.PRESETS.values(), ())}


# ---------------------------------------------------------------- seconds


def test_a_measurement_is_a_process_that_tells_every_stage() -> None:
    row = speed._child("quick", "160x90", 1)
    assert (row["preset"], row["size"], row["threads"]) == ("quick", "160x90", 1)
    assert set(speed.STAGES) < set(row)
    assert 0 < row["align"] + row["synthesis"] + row["merge"] <= row["warm"] <= row["cold"] * 3
    assert row["label"] == 0
    assert 50 < row["peak MiB"] < 4000
    assert row["us/pixel"] == pytest.approx(1e6 * row["warm"] / (160 * 90))


def test_rows_become_a_table() -> None:
    lines = records.plain_table(
        [{"a": "x", "b": 1.234, "c": None}, {"a": "long", "b": 2, "c": True}]
    ).splitlines()
    assert lines[0] == "| a    |    b |    c |"
    assert lines[2:] == ["| x    | 1.23 |      |", "| long |    2 | True |"]


def test_the_table_of_parts_shows_where_one_part_alone_is_better() -> None:
    figures = {
        "a": {"quick": 0.8, "network": 0.7, "standard": 0.9},
        "b": {"quick": 0.5, "network": 0.7, "standard": 0.6},
    }
    rows = [
        {"clip": clip, "method": method, "ok5": ok5}
        for clip, methods in figures.items()
        for method, ok5 in methods.items()
    ]
    a, b = records.parts_table(rows).splitlines()[2:]
    assert [cell.strip() for cell in a.split("|")[1:-1]] == ["a", "0.800", "0.700", "0.900", "0.100"]
    assert [cell.strip() for cell in b.split("|")[1:-1]] == ["b", "0.500", "0.700", "0.600", "-0.100"]
    assert records.parts_table(rows[:2]) == ""


def test_reliability_tells_a_calibrated_confidence_from_a_boastful_one() -> None:
    """Half of the picture right at 0.95, of the rest one in two at 0.55; the boaster says 0.95 everywhere."""
    truth = np.full((80, 80, 3), 0.5, np.float32)
    image, honest = truth.copy(), np.full((80, 80), 0.95, np.float32)
    image[40:, ::2] = (0.9, 0.2, 0.2)
    image[40:, ::8] = 0.5  # of every fourth column, which is looked at, half are right
    honest[40:] = 0.55
    found = reliability.figures(honest, image, truth)
    assert found["share 0.9"] == found["right 0.9"] == 0.5
    assert (found["share 0.5"], found["right 0.5"]) == (0.5, 0.25)
    assert found["auc"] > 0.8
    boast = reliability.figures(np.full_like(honest, 0.95), image, truth)
    assert (boast["share 0.9"], boast["right 0.9"], boast["auc"]) == (1, 0.75, 0.5)
    assert reliability.figures(honest, truth, truth)["auc"] is None
    table = reliability.table([{"method": "quick", **found}, {"method": "lookup"}])
    assert "| 0.9 to 1.0" in table
    assert "lookup" not in table
    assert reliability.table([{"method": "lookup"}]) == ""


@pytest.mark.slow
def test_the_gpu_script_compares_runs_of_one_seed() -> None:
    source = scene(30)
    config = Config("standard", clusters=4, epochs=20, device="cpu")
    first, again = (gpu.run(config, source, source) for _ in range(2))
    assert (first["labels"] == again["labels"]).all()
    assert first["acc24"] == again["acc24"] > 0.9


# ---------------------------------------------------------------- shots


def test_change_is_told_where_the_gray_stands_still() -> None:
    black, white = (np.full((9, 9, 3), level, np.float32) for level in (0, 1))
    half = black.copy()
    half[:, :3] = 1
    flat = np.full((9, 9), 128, np.float32) / 255
    stirred = flat.copy()
    stirred[4, 8] += np.float32(2 / 255)
    stirred[0, 0] += np.float32(1 / 255)
    # 3 of 9 columns turn from black to white, which is CIEDE2000 100.
    np.testing.assert_allclose(
        np.sort(shot.still_change([black, half], [flat, flat], 5, 1)), [0] * 54 + [100] * 27
    )
    # A change by 2 unsettles the 5x5 pixels about it, of which 5x3 are in the picture; one by 1 does not.
    assert shot.still_change([black, half], [flat, stirred], 5, 1).shape == (81 - 15,)
    assert shot.still_change([black, half], [flat, stirred], 1, 0).shape == (81 - 2,)
    # Two steps in time: forth and back.
    change = shot.still_change([black, white, black], [flat, stirred, flat], 1, 0)
    np.testing.assert_allclose(change, [100] * 2 * 79, rtol=1e-5)
    assert shot.still_change([black, white], [flat, flat + np.float32(0.1)], 5, 1).shape == (0,)


def test_color_distribution_consistency_is_that_of_histograms_1_2_and_4_frames_apart() -> None:
    black, white = (np.full((4, 6, 3), level, np.float32) for level in (0, 1))
    moved = np.concatenate([black[:2], white[:2]])
    assert shot.cdc([moved, moved[::-1].copy()]) == 0  # places do not count
    # Histograms that share nothing are ln 2 apart: here those of neighbors, not those 2 and 4 apart.
    assert shot.cdc([black, white, black, white, black]) == pytest.approx(np.log(2) / 3)
    assert shot.cdc([black, white, black]) == pytest.approx(np.log(2) / 2)
    red = black.copy()
    red[..., 0] = 1
    assert shot.cdc([black, red]) == pytest.approx(np.log(2) / 3)  # one channel of three
    # Half of the pixels alike: (ln 4/3)/2 + (ln 2/3)/4 + (ln 2)/4 of entropy.
    half = np.log(4 / 3) / 2 + np.log(2 / 3) / 4 + np.log(2) / 4
    assert shot.cdc([black, moved]) == pytest.approx(half)


def test_cuts_are_counted_within_clips_and_between_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coarse = np.random.default_rng(0).random((4, 18, 24, 3)).astype(np.float32)
    *grounds, other = (cv2.resize(each, (96, 72), interpolation=cv2.INTER_LINEAR) for each in coarse)
    for clip, ground in zip("abc", grounds, strict=True):
        for at in range(3):
            frames.write_picture(tmp_path / clip / f"{at}.png", np.roll(ground, at, axis=1))
    frames.write_picture(tmp_path / "c" / "3.png", other)
    assert cuts.main([str(tmp_path), "--joints", "2"]) == 0
    out, *rest = capsys.readouterr().out.split("\n", 1)
    assert out == "3 clips: 1 of 7 neighbors are taken for cuts,"
    assert rest == ["6 of 6 joints of two clips are found\ntaken for a cut: c/2.png c/3.png\n"]


def test_a_clip_is_scored_as_frames_and_as_a_shot_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(folder), "--clips", "walk", "cut", "--presets", "quick", "--out", str(folder / "out")]
    assert shot.main(words) == 0
    printed, told = capsys.readouterr()
    assert told.count("walk quick") == 4
    table = cells(printed.split("\n\n")[0])
    assert [row["frames"] for row in table.values()] == ["", "3", "2", "3", "2", "2", "2"]
    assert table["truth"]["still p99"] == "0.000"
    assert printed.count(": met") + printed.count(": MISSED") == 4
    assert "one size: cut." in printed
    made = pd.read_csv(folder / "out" / "shot.csv")
    assert list(made["method"]) == ["truth", *(f"quick {method}" for method in shot.METHODS)]
    assert (folder / "out" / "sheets" / "quick" / "walk.png").exists()
    assert len(list((folder / "out" / "results").glob("*/walk/*.png"))) == 4 * 4
    assert shot.main([*words, "--resume"]) == 0
    assert capsys.readouterr() == (printed, "")
    assert shot.main([str(folder), "--clips", "run"]) == 2
