#!/usr/bin/env python3
"""Score presets and baselines against the true colours of a folder of picture pairs.

The truth of every pair is turned gray (BT.601, 8 bits), coloured like the source, and compared with itself.
A source is prepared, and trained, once for all of its targets. Prints one table; writes a CSV with a row per
pair and method, the coloured pictures and a contact sheet per clip.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from frames import read_pairs
from methods import METHODS, PRESETS
from records import Records, label_table, table
from run import Run

from refcolor.config import Config

ROOT = Path(__file__).resolve().parents[1]
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
}


def main(argv: Sequence[str] | None = None) -> int:
    args = _arguments(argv)
    try:
        pairs = read_pairs(args.folder, args.clips, args.pairs)
        options = _options(args.preset_options)
        for method in set(args.methods) & set(PRESETS):
            Config.preset(method, **options)
        args.out.mkdir(parents=True, exist_ok=True)
        records = Records(args.out / "quality.csv", resume=args.resume)
        run = Run(args.folder, args.out, records, options)
        run.score(pairs, args.methods)
        print(report(records.rows, run.failures))
        run.draw_sheets(pairs)
        return 1 if run.failures else 0
    except (ValueError, OSError) as error:
        print(f"quality.py: {error}", file=sys.stderr)
        return 2


def report(rows: list[dict[str, Any]], failures: list[str]) -> str:
    """The table, and under it what a reader must know to read it."""
    if not rows:
        return "\n".join(["nothing was scored", *failures])
    methods = {row["method"].split(" ")[0] for row in rows}
    notes = [note for method, note in NOTES.items() if method in methods]
    counts = Counter(row["method"] for row in rows)
    if len(set(counts.values())) > 1:
        notes.append("Where the numbers of pairs differ, the means are over different pairs.")
    return "\n".join([table(rows), "", label_table(rows), "", *notes, *failures])


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
    shared = ROOT.parent / "shared" / "frames"
    return shared if shared.is_dir() else ROOT / "examples"


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
