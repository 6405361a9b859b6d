"""One CSV row per pair and method, kept on disk from row to row, and the table drawn from all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from methods import BASELINES

from refcolor.files.plain_files import atomic

ANCHOR = "ebsynth+flow"  # another program, whose rows are read from a file
# Top to bottom of a table: simple methods, other people's, every preset's parts above the whole.
ORDER = (*BASELINES, ANCHOR, "paper", "paper-native", "matching", "quick", "network", "standard")
MEANS = ("acc24", "ok2", "ok5", "de00", "psnr", "acc24_moved", "ok5_moved")
COLUMNS = ("pairs", *MEANS, "luma_max", "label_acc", "seconds", "training", "worst ok5")
FLAT = "ga2d_"  # how the names of clips of flat drawing begin
COUNTS = ("pairs", "clips", f"{FLAT}* clips", "behind flow", "luma_max")
DECIMALS = dict.fromkeys(COUNTS, 0) | {"de00": 2, "psnr": 1, "seconds": 2, "training": 1}


class Records:
    """The rows of a benchmark run, in the order in which they were made."""

    def __init__(self, path: Path, *, resume: bool) -> None:
        self.path = path
        self.rows: list[dict[str, Any]] = []
        if resume and path.is_file():
            self.rows = pd.read_csv(path).to_dict("records")

    def has(self, source: str, truth: str, method: str) -> bool:
        key = (source, truth, method)
        return any((row["source"], row["truth"], row["method"]) == key for row in self.rows)

    def add(self, row: dict[str, Any]) -> None:
        """Append a row and rewrite the file; an interrupted run leaves the last whole file."""
        self.rows.append(row)
        with atomic(self.path, force=True) as file:
            file.write(pd.DataFrame(self.rows).to_csv(index=False).encode())

    def of_pair(self, source: str, truth: str) -> list[dict[str, Any]]:
        return [row for row in self.rows if (row["source"], row["truth"]) == (source, truth)]


def summary(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """One row per method: means over its pairs, the greatest luma error and the worst pair by ok5."""
    parts = pd.DataFrame(rows).groupby("method")
    methods = sorted(parts.groups, key=_place)
    return pd.DataFrame({method: _means(parts.get_group(method)) for method in methods}).T


def _place(method: str) -> tuple[int, str]:
    """In the order of a table, variants of a preset together."""
    base = method.split(" ")[0]
    return ORDER.index(base) if base in ORDER else len(ORDER), method


def _means(part: pd.DataFrame) -> dict[str, Any]:
    worst = part.loc[part["ok5"].idxmin()]
    # A source is trained once for all of its targets, so it counts once.
    training = part.drop_duplicates("source")["training_seconds"].mean()
    return {
        "pairs": len(part),
        **{key: pd.to_numeric(part[key]).mean() for key in MEANS},
        "luma_max": part["luma_max"].max(),
        "label_acc": pd.to_numeric(part["label_acc"]).mean(),
        "seconds": part["seconds"].mean(),
        "training": training,
        "worst ok5": f"{worst['ok5']:.3f} {worst['truth']}",
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The summary as a Markdown table, a row per method; figures that do not exist are empty."""
    return draw(summary(rows), "method", COLUMNS)


def draw(frame: pd.DataFrame, head: str, columns: Sequence[str]) -> str:
    """Columns of a frame as a Markdown table, its index first under `head`."""
    cells = [[head, *columns]]
    cells += [[name, *(_cell(key, row[key]) for key in columns)] for name, row in frame.iterrows()]
    return _markdown(cells)


def first_table(rows: list[dict[str, Any]]) -> str:
    """Every method on the first (near) pair of every clip: acc24, and ok2 over the clips of flat drawing."""
    frame = pd.DataFrame(rows)
    frame = frame[frame["truth"] == frame.groupby("clip")["truth"].transform("min")]
    parts = {}
    for method in sorted(set(frame["method"]), key=_place):
        part = frame[frame["method"] == method]
        flat = part[part["clip"].str.startswith(FLAT)]
        parts[method] = {
            "clips": len(part),
            "acc24": part["acc24"].mean(),
            f"{FLAT}* clips": len(flat),
            f"{FLAT}* ok2": flat["ok2"].mean(),
        }
    table = pd.DataFrame(parts).T
    return draw(table, "first pairs", list(table))


def label_table(rows: list[dict[str, Any]]) -> str:
    """Label accuracy on the first (near) and last (far) pair of every clip, where a method has labels."""
    frame = pd.DataFrame(rows)
    frame["label_acc"] = pd.to_numeric(frame["label_acc"])
    frame = frame[frame["label_acc"].notna() & ~frame["method"].str.contains("-native")]
    lines = []
    for (method, clip), part in frame.sort_values("truth").groupby(["method", "clip"]):
        near, far = part.iloc[0], part.iloc[-1]
        lines.append(
            (
                method,
                clip,
                near["label_acc"],
                far["label_acc"],
                part["label_acc"].mean(),
                near["training_seconds"],
            )
        )
    if not lines:
        return ""
    ends = pd.DataFrame(lines, columns=["method", "clip", "near", "far", "all", "training"])
    for method, part in ends.groupby("method"):
        means = part[["near", "far", "all", "training"]].mean()
        ends.loc[len(ends)] = [method, "mean", *means]
    cells = [["label accuracy", "clip", "near", "far", "all", "training"]]
    for row in ends.itertuples(index=False):
        cells.append(
            [row.method, row.clip, *(f"{v:.3f}" for v in (row.near, row.far, row.all)), f"{row.training:.0f}"]
        )
    return _markdown(cells)


def parts_table(rows: list[dict[str, Any]]) -> str:
    """Mean ok5 of each part and of the whole, clip by clip, and what the whole gains over the best part."""
    frame = pd.DataFrame(rows).pivot_table(index="clip", columns="method", values="ok5")
    parts = [name for name in ("matching", "quick", "network") if name in frame]
    if "standard" not in frame or not parts:
        return ""
    frame = frame[[*parts, "standard"]].assign(gain=frame["standard"] - frame[parts].max(axis=1))
    return draw(frame, "ok5", list(frame))


def plain_table(rows: list[dict[str, Any]], decimals: int = 2) -> str:
    """Rows of equal keys as a Markdown table."""

    def cell(value: Any) -> str:
        return "" if value is None else f"{value:.{decimals}f}" if isinstance(value, float) else str(value)

    return _markdown([list(rows[0]), *([cell(value) for value in row.values()] for row in rows)])


def _markdown(cells: list[list[str]]) -> str:
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = [_line(line, widths) for line in cells]
    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([lines[0], _line(rule, widths), *lines[1:]])


def _cell(key: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if pd.isna(value) else f"{value:.{DECIMALS.get(key, 3)}f}"


def _line(cells: list[str], widths: list[int]) -> str:
    first, *rest = zip(cells, widths, strict=True)
    return "| " + " | ".join([first[0].ljust(first[1]), *(text.rjust(width) for text, width in rest)]) + " |"
