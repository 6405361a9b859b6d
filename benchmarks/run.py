"""One benchmark run: which picture is colored by what, how it is judged, what is kept."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import reliability
from frames import Pair, read_picture, reduced, write_picture
from methods import Colored, Options, Session, row_names, start
from records import Records
from sheets import sheet_row

from refcolor.imaging.color import Image
from refcolor.imaging.contact_sheets import contact_sheet
from refcolor.imaging.metrics import gray_8bit, score, source_centers

SHEET_WIDTH = 1800


class Run:
    """The state of one run: where pictures come from and go to, and what has been scored."""

    def __init__(self, folder: Path, out: Path, records: Records, options: Options) -> None:
        self.folder, self.out, self.records, self.options = folder, out, records, options
        self.failures: list[str] = []

    def score(self, pairs: Sequence[Pair], methods: Sequence[str]) -> None:
        """Score every method on every pair, source by source, leaving out what is recorded already."""
        for _, group in groupby(sorted(pairs, key=attrgetter("source")), key=attrgetter("source")):
            self._source(list(group), methods)

    def _source(self, pairs: list[Pair], methods: Sequence[str]) -> None:
        missing = {method: [pair for pair in pairs if not self._done(pair, method)] for method in methods}
        if not any(missing.values()):
            return
        source = read_picture(self.folder / pairs[0].source)
        judge = Judge(source)
        for method in filter(missing.get, missing):
            try:
                session = start(method, source, self.options)
            except ValueError as error:
                self.failures.append(f"{method} cannot work from {pairs[0].source}: {error}")
                continue
            for pair in missing[method]:
                self._pair(pair, session, judge)

    def _done(self, pair: Pair, method: str) -> bool:
        rows = row_names(method, self.options)
        return all(self.records.has(pair.source, pair.truth, row) for row in rows)

    def _pair(self, pair: Pair, session: Session, judge: Judge) -> None:
        truth = read_picture(self.folder / pair.truth)
        try:
            answers = session.color(_gray(truth))
        except ValueError as error:
            self.failures.append(f"{session.method} cannot color {pair.truth}: {error}")
            return
        for colored in answers:
            if self.records.has(pair.source, pair.truth, colored.method):
                continue
            write_picture(self._result_path(pair, colored.method), colored.image)
            row = {
                "clip": pair.clip,
                "source": pair.source,
                "truth": pair.truth,
                "method": colored.method,
                "seconds": round(colored.seconds, 4),
                "training_seconds": round(session.training_seconds, 2),
                "label_acc": session.label_accuracy(colored, truth),
                **judge.score(colored, truth),
            }
            if colored.confidence is not None:
                row |= reliability.figures(colored.confidence, colored.image, truth)
            self.records.add(row)
            print(f"{pair.truth} {colored.method}: ok5 {row['ok5']:.3f}", file=sys.stderr)

    def _result_path(self, pair: Pair, method: str) -> Path:
        return self.out / "results" / method / pair.clip / f"{pair.name}.png"

    def draw_sheets(self, pairs: Sequence[Pair]) -> None:
        """Write a contact sheet per clip from the kept pictures."""
        for clip, group in groupby(pairs, key=attrgetter("clip")):
            if rows := [row for pair in group for row in self._sheet_rows(pair)]:
                write_picture(self.out / "sheets" / f"{clip}.png", contact_sheet(rows, SHEET_WIDTH))

    def _sheet_rows(self, pair: Pair) -> list[Any]:
        source, truth = (read_picture(self.folder / path) for path in (pair.source, pair.truth))
        rows = []
        for record in self.records.of_pair(pair.source, pair.truth):
            result = read_picture(self._result_path(pair, record["method"]))
            figures = f"{record['method']}: ok5 {record['ok5']:.3f}, CIEDE2000 {record['de00']:.2f}"
            rows.append(sheet_row(source, truth, result, pair.name, figures))
        return rows


class Judge:
    """Scores results of one source, at the size in which they are delivered."""

    def __init__(self, source: Image) -> None:
        self.source = source
        self.centers: dict[tuple[int, int], Any] = {}

    def score(self, colored: Colored, truth: Image) -> dict[str, Any]:
        size = colored.image.shape[:2]
        target = reduced(_gray(truth), size)
        # Only pictures of one size tell what has moved: a source of another size keeps its own.
        source = reduced(self.source, size) if self.source.shape == truth.shape else self.source
        key = source.shape[:2]
        if key not in self.centers:
            self.centers[key] = source_centers(source)
        return score(colored.image, reduced(truth, size), source, target, self.centers[key])


def _gray(truth: Image) -> Image:
    """The target: BT.601 gray in 256 steps, float32 in [0, 1]."""
    return gray_8bit(truth) / np.float32(255)
