#!/usr/bin/env python3
"""Score painted line art against its truth, beside baselines: one step, and from the first key.

A folder of clips, each with `gt/` (painted), `line/` and perhaps `line_trace/` (drawings with trace lines) of
the same names. One step: every frame is painted like the true frame before it. From the first: like frame 0.

copy    the key's paints in place
flow    moved by optical flow on maps of the distance to the lines, pixel by pixel
vote    the same, and each area between lines takes its commonest paint
ceiling each area between lines takes the commonest paint of the truth: the best that one paint an area can do
ours    refcolor, by `--preset`
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

from refcolor import Colorizer, Config
from refcolor.files import images
from refcolor.imaging import ink, paints
from refcolor.imaging.color import Image, pack, to_8bit, unpack
from refcolor.matching import drawings

Picture = NDArray[np.uint8]
Paint = Callable[[Picture, Picture, Picture], Picture]  # key, drawing, truth -> result

MIN_PIXELS = 10  # of areas that count as more than small
WINDOW = np.ones((3, 3), np.uint8)
ROOT = Path(__file__).resolve().parents[1]


def score(result: Picture, truth: Picture, drawing: Picture) -> dict[str, float]:
    """Shares that are exactly right, where the truth is even and no line is near.

    pix: of all pixels; pix_f: of those not in the white around the figure; acc10: of areas of one paint of
    more than ten pixels, by their commonest color; ink: how far dark ink is off, in 8-bit levels.
    """
    even = (cv2.dilate(truth, WINDOW) == cv2.erode(truth, WINDOW)).all(-1)
    use = even & (cv2.erode((drawing.min(-1) == 255).astype(np.uint8), WINDOW) > 0)
    true, got = pack(truth), pack(result)
    white = label(true == 0xFFFFFF, connectivity=1)
    rim = np.unique(np.concatenate([white[0], white[-1], white[:, 0], white[:, -1]]))
    figure = use & ~np.isin(white, rim[rim > 0])
    number = np.unique(true, return_inverse=True)[1].reshape(true.shape)
    areas = label(np.where(use, number + 1, 0), connectivity=1, background=0)
    inside = areas > 0
    pairs, count = np.unique(np.stack([areas[inside], got[inside]]), axis=1, return_counts=True)
    order = np.lexsort((-count, pairs[0]))
    first = order[np.unique(pairs[0][order], return_index=True)[1]]
    paint = np.zeros(areas.max() + 1, np.int64)
    paint[areas[inside]] = true[inside]
    large = np.bincount(areas.ravel())[1:] > MIN_PIXELS
    dark = drawing.max(-1) < 64
    return {
        "pix": float((true == got)[use].mean()),
        "pix_f": float((true == got)[figure].mean()),
        "acc10": float((pairs[1][first] == paint[1:])[large].mean()),
        "ink": float(np.abs(result[dark].astype(int) - drawing[dark]).mean()) if dark.any() else 0.0,
    }


def copy(key: Picture, drawing: Picture, truth: Picture) -> Picture:
    """The key's paints in place."""
    return key


def flow(key: Picture, drawing: Picture, truth: Picture) -> Picture:
    """Paints moved by the most trusted match."""
    drawn, known = ink.find(as_float(drawing)), paints.find(as_float(key))
    found = drawings.match(drawn.stroke, known.lines(traced=bool(drawn.trace.any())))
    best = np.argmax([match.trust for match in found], axis=0)
    field = np.choose(best[..., None], [match.field for match in found])
    x, y = (np.rint(field[..., i]).astype(int) for i in (0, 1))
    return to_8bit(known.rgb[known.labels[y, x]])


def vote(key: Picture, drawing: Picture, truth: Picture) -> Picture:
    """The commonest of them in each area."""
    return by_area(flow(key, drawing, truth), drawing)


def ceiling(key: Picture, drawing: Picture, truth: Picture) -> Picture:
    """The truth's commonest paint in each area."""
    return by_area(truth, drawing)


def by_area(colors: Picture, drawing: Picture) -> Picture:
    """The commonest color of each area between lines."""
    areas = label(~ink.find(as_float(drawing)).stroke, connectivity=1, background=0)
    kinds, index = np.unique(pack(colors), return_inverse=True)
    votes = np.zeros((areas.max() + 1, len(kinds)), np.int32)
    np.add.at(votes, (areas.ravel(), index.ravel()), 1)
    best = kinds[votes.argmax(1)][areas]
    return to_8bit(unpack(best.ravel())).reshape(colors.shape)


def as_float(picture: Picture) -> Image:
    """A picture in [0, 1]."""
    return np.asarray(picture / np.float32(255), np.float32)


def ours(preset: str) -> Paint:
    """Paint by refcolor; a key is learned once for the frames that share it."""
    known: dict[bytes, Colorizer] = {}

    def paint(key: Picture, drawing: Picture, truth: Picture) -> Picture:
        name = key.tobytes()
        if name not in known:
            known.clear()
            known[name] = Colorizer(Config(preset, device="cpu")).fit(key)
        return to_8bit(known[name].paint(drawing).image)

    return paint


def main() -> int:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("folder", type=Path, nargs="?", default=ROOT.parent / "shared" / "lines")
    cli.add_argument("--clips", nargs="*", help="only these; default: all")
    cli.add_argument("--presets", nargs="*", default=["quick", "standard"])
    cli.add_argument("--step", type=int, default=1, help="of the frames that are painted; default: all")
    cli.add_argument(
        "--sheets",
        type=Path,
        help="folder for a picture of each clip: its last painted frame's truth, drawing and results",
    )
    args = cli.parse_args()
    methods: dict[str, Paint] = {"copy": copy, "flow": flow, "vote": vote, "ceiling": ceiling}
    methods |= {preset: ours(preset) for preset in args.presets}
    print("| clip | key | method | pix | pix_f | worst | acc10 | ink | s |")
    print("|---|---|---|---|---|---|---|---|---|")
    clips = args.clips or sorted(p.name for p in args.folder.iterdir() if p.is_dir())
    for clip in clips:
        truths = [to_8bit(images.read(p).rgb) for p in sorted((args.folder / clip / "gt").iterdir())]
        for kind in ("line", "line_trace"):
            if not (args.folder / clip / kind).is_dir():
                continue
            drawn = [to_8bit(images.read(p).rgb) for p in sorted((args.folder / clip / kind).iterdir())]
            for first in (False, True):
                name = f"{clip}{' with trace lines' if kind == 'line_trace' else ''}"
                run(name, truths, drawn, methods, first=first, step=args.step, sheets=args.sheets)
    return 0


def run(
    clip: str,
    truths: list[Picture],
    drawn: list[Picture],
    methods: dict[str, Paint],
    *,
    first: bool,
    step: int,
    sheets: Path | None,
) -> None:
    """Print a row for each method, and write a sheet."""
    frames = range(1, len(truths), step)
    results = [truths[frames[-1]], drawn[frames[-1]]]
    for name, paint in methods.items():
        rows, seconds = [], []
        for i in frames:
            key = truths[0 if first else i - 1]
            if i == 1:
                paint(key, drawn[i], truths[i])  # learning the key is not timed
            start = time.perf_counter()
            result = paint(key, drawn[i], truths[i])
            seconds.append(time.perf_counter() - start)
            rows.append(score(result, truths[i], drawn[i]))
        results.append(result)
        mean = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
        worst = min(row["pix_f"] for row in rows)
        print(
            f"| {clip} | {'first' if first else 'step'} | {name} | {mean['pix']:.4f} | {mean['pix_f']:.4f} "
            f"| {worst:.3f} | {mean['acc10']:.3f} | {mean['ink']:.2f} | {np.median(seconds):.2f} |",
            flush=True,
        )
    if sheets is not None:
        sheets.mkdir(exist_ok=True)
        path = sheets / f"{clip.replace(' ', '_')}_{'first' if first else 'step'}.png"
        images.write_picture(path, as_float(np.hstack(results)), force=True)


if __name__ == "__main__":
    sys.exit(main())
