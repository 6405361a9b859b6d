"""What other people's programs score on some of the pairs, read from a CSV, and the comparison with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from records import ANCHOR, COLUMNS, MEANS, draw, summary

Rows = list[dict[str, Any]]
Pair = tuple[str, str]  # source, truth

NEEDED = {"clip", "source", "truth", "method", "seconds", "luma_max", *MEANS}
BEHIND = 0.01  # of ok5 below flow's that counts as behind it
FAIR_COLUMNS = ("pairs", f"beats {ANCHOR}", "behind flow", *COLUMNS[1:])


def read_anchors(path: Path) -> Rows:
    """The rows of an anchors file, with the columns of a benchmark's.

    Raises
    ------
    ValueError
        If a column is missing.
    OSError
        If the file cannot be read.
    """
    frame = pd.read_csv(path)
    if absent := NEEDED - set(frame):
        raise ValueError(f"{path} has no column {', '.join(sorted(absent))}")
    return frame.assign(training_seconds=None, label_acc=None).to_dict("records")


def shown(rows: Rows, anchors: Rows) -> Rows:
    """The anchor's rows of the pairs that were scored."""
    scored = {_pair(row) for row in rows}
    return [row for row in anchors if row["method"] == ANCHOR and _pair(row) in scored]


def fair_table(rows: Rows, anchors: Rows) -> str:
    """The table over the anchor's pairs alone: who beats it, and who falls behind flow; empty without pairs.

    Flow is the run's own where it was scored on the pair, else the anchors file's.
    """
    rivals = shown(rows, anchors)
    if not rivals:
        return ""
    best = {_pair(row): row["ok5"] for row in rivals}
    flow = {_pair(row): row["ok5"] for row in [*anchors, *rows] if row["method"] == "flow"}
    fair = [row for row in rows if _pair(row) in best] + rivals
    means = summary(fair)
    means["behind flow"] = [_behind(_of(fair, method), flow) for method in means.index]
    means[f"beats {ANCHOR}"] = [_beats(_of(fair, method), best) for method in means.index]
    means.loc[ANCHOR, f"beats {ANCHOR}"] = None
    return draw(means, f"on {ANCHOR}'s pairs", FAIR_COLUMNS)


def _of(rows: Rows, method: str) -> Rows:
    return [row for row in rows if row["method"] == method]


def _beats(rows: Rows, best: dict[Pair, float]) -> float:
    return sum(row["ok5"] > best[_pair(row)] for row in rows) / len(rows)


def _behind(rows: Rows, flow: dict[Pair, float]) -> int | None:
    known = [row for row in rows if _pair(row) in flow]
    return sum(row["ok5"] < flow[_pair(row)] - BEHIND for row in known) if known else None


def _pair(row: dict[str, Any]) -> Pair:
    return row["source"], row["truth"]
