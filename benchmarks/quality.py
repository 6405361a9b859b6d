#!/usr/bin/env python3
"""Score presets and baselines against the true colors of a folder of picture pairs.

The truth of every pair is turned gray (BT.601, 8 bits), colored like the source, and compared with itself.
A source is prepared, and trained, once for all of its targets. Prints the means of every method, where there
is an anchors file also beside another program's; writes a CSV with a row per pair and method, the colored
pictures and a contact sheet per clip.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import reliability
from anchors import BEHIND, Rows, fair_table, read_anchors, shown
from frames import read_pairs
from methods import METHODS, PRESETS
from records import ANCHOR, Records, first_table, label_table, parts_table, table
from run import Run

from refcolor.config import Config

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
NOTES = {
    "copy": "copy needs a source of the target's size and leaves the other pairs out.",
    "paper": (
        "paper delivers 224x224 pictures and is scored on them, against truth, target and source reduced to "
        "224x224 by area averaging."
    ),
    "paper-native": (
        "paper-native is the same training: the palette picture's a, b enlarged linearly to the "
        "target's size and merged luma-exactly."
    ),
    "matching": (
        "matching is quick's flow alone: the source's chroma moved along the best match. Its seconds are "
        "those of matching and merge."
    ),
    "network": (
        "network is what standard's network alone makes of the target in the source's light. Its seconds "
        "leave out the matching that finds that light."
    ),
    ANCHOR: (
        f"{ANCHOR} is another program, its figures and seconds read from a file. beats: share of pairs with "
        f"an ok5 above its; behind flow: number of pairs with an ok5 more than {BEHIND} below flow's."
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    args = _arguments(argv)
    try:
        pairs = read_pairs(args.folder, args.clips, args.pairs)
        options = _options(args.preset_options)
        for method in set(args.methods) & set(PRESETS):
            Config(method, **options)
        args.out.mkdir(parents=True, exist_ok=True)
        anchors = read_anchors(args.anchors) if args.anchors else []
        records = Records(args.out / "quality.csv", resume=args.resume)
        run = Run(args.folder, args.out, records, options)
        run.score(pairs, args.methods)
        print(report(records.rows, run.failures, anchors))
        run.draw_sheets(pairs)
        return 1 if run.failures else 0
    except (ValueError, OSError) as error:
        print(f"quality.py: {error}", file=sys.stderr)
        return 2


def report(rows: Rows, failures: list[str], anchors: Rows) -> str:
    """The tables, and under them what a reader must know to read them."""
    if not rows:
        return "\n".join(["nothing was scored", *failures])
    fair = fair_table(rows, anchors)
    rows = rows + shown(rows, anchors)
    methods = {row["method"].split(" ")[0] for row in rows}
    notes = [note for method, note in NOTES.items() if method in methods]
    counts = Counter(row["method"] for row in rows)
    if len(set(counts.values())) > 1:
        notes.append("Where the numbers of pairs differ, the means are over different pairs.")
    tables = [
        table(rows),
        fair,
        first_table(rows),
        label_table(rows),
        parts_table(rows),
        reliability.table(rows),
    ]
    return "\n".join([*(f"{made}\n" for made in tables if made), *notes, *failures])


def _options(words: Sequence[str]) -> dict[str, Any]:
    """``["epochs=20", "device=cpu"]`` -> ``{"epochs": 20, "device": "cpu"}``."""
    options = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not (key and equals):
            raise ValueError(f"a preset option is NAME=VALUE, not {word!r}")
        try:
            options[key] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            options[key] = text
    return options


def _default_folder() -> Path:
    return SHARED / "frames" if (SHARED / "frames").is_dir() else ROOT / "examples"


def _default_anchors() -> Path | None:
    return SHARED / "anchors.csv" if (SHARED / "anchors.csv").is_file() else None


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument(
        "folder",
        type=Path,
        nargs="?",
        default=_default_folder(),
        metavar="DIR",
        help="folder with pairs.csv (clip,source,truth) and the pictures; default: %(default)s",
    )
    cli.add_argument(
        "--methods",
        nargs="+",
        choices=METHODS,
        default=METHODS,
        metavar="NAME",
        help=f"of {', '.join(METHODS)}; default: all",
    )
    cli.add_argument("--clips", nargs="+", default=[], metavar="CLIP", help="only these clips")
    cli.add_argument(
        "--pairs",
        type=int,
        metavar="N",
        help="at most N pairs of every clip, spread from its first to its last",
    )
    cli.add_argument(
        "--out",
        type=Path,
        default=ROOT / "benchmarks" / "out",
        metavar="DIR",
        help="for quality.csv, results/ and sheets/; default: %(default)s",
    )
    cli.add_argument(
        "--anchors",
        type=Path,
        default=_default_anchors(),
        metavar="FILE",
        help=f"CSV with {ANCHOR}'s figures, to compare with; default: ../shared/anchors.csv where it exists",
    )
    cli.add_argument(
        "--resume",
        action="store_true",
        help="keep the rows of an existing quality.csv and score only what is missing in it",
    )
    cli.add_argument(
        "--preset-options",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="settings on top of the presets, such as epochs=20; they join the row's name",
    )
    return cli.parse_args(argv)


if __name__ == "__main__":
    raise SystemExit(main())
