"""The quality benchmark on a drawn scene of a few pixels: baselines, presets, resuming, the table."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest

from refcolor.color import rgb_to_lab
from refcolor.config import Config
from refcolor.metrics import gray_8bit

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import baselines
import frames
import methods
import quality
import records
import sheets

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
def test_baselines_return_the_colours_of_an_equal_picture(name: str) -> None:
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


def run(folder: Path, *words: str) -> int:
    return quality.main([str(folder), "--out", str(folder / "out"), *words])


def rows(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "out" / "quality.csv")


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
    """Paints every target in the source's mean colour, as a network of the paper's grid would."""

    trained = 0

    def __init__(self, source: np.ndarray, config: Config) -> None:
        self.mean = source.mean((0, 1))
        self.palette = SimpleNamespace(labels=lambda rgb: (rgb[..., 2] > 0.9).astype(np.int32))

    def train(self) -> None:
        type(self).trained += 1

    def color(self, gray: np.ndarray) -> SimpleNamespace:
        flat = np.full((224, 224, 3), self.mean, np.float32)
        return SimpleNamespace(image=flat, labels=np.ones((112, 112), np.int32), palette_picture=flat)


def test_presets_train_once_a_source(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = ModuleType("refcolor.pipeline")
    pipeline.Colorizer = FakeColorizer
    monkeypatch.setitem(sys.modules, "refcolor.pipeline", pipeline)
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
        raise ValueError("the source has no colour")

    pipeline = ModuleType("refcolor.pipeline")
    pipeline.Colorizer = refuse
    monkeypatch.setitem(sys.modules, "refcolor.pipeline", pipeline)
    assert run(folder, "--methods", "lookup", "standard", "--clips", "walk", "--pairs", "1") == 1
    assert "standard cannot work from walk/0.png: the source has no colour" in capsys.readouterr().out


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
