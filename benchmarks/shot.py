#!/usr/bin/env python3
"""What coloring a clip as one shot brings over coloring each frame alone: right colors, steady ones.

The true frames of every clip are turned gray (BT.601, 8 bits) and colored from the first of them, or from
the first and the last: each frame alone, with two keys from the nearer, and all as a shot. Key frames do not
count as right or wrong; they do, as colored by the method, where colors change in time. Prints the means of
every method and whether the goals are met; writes a CSV with a row per clip and method, the colored frames
and a contact sheet per preset and clip.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from operator import ge, gt
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from frames import clip_files, read_picture, write_picture
from numpy.typing import NDArray
from records import Records, draw
from run import SHEET_WIDTH
from scipy.spatial.distance import jensenshannon
from sheets import error_heat

from refcolor.config import Config
from refcolor.imaging.color import Image, rgb_to_lab, to_8bit
from refcolor.imaging.contact_sheets import contact_sheet
from refcolor.imaging.metrics import ciede2000, gray_8bit, score, source_centers
from refcolor.methods.colorizer import Colorizer
from refcolor.shots.shot import Shot

ROOT = Path(__file__).resolve().parents[1]
FRAME1, SHOT1 = "frame, first key", "shot, first key"
FRAME2, SHOT2 = "frame, nearest of two", "shot, first and last"
METHODS, TRUTH = (FRAME1, SHOT1, FRAME2, SHOT2), "truth"
FEWEST = 3  # frames of a clip that has one between two keys
READINGS = {"still": (5, 1), "same": (1, 0)}  # side of the square in which gray may change by so many steps
STEADY = 2.0  # CIEDE2000 that 99 of 100 still pixels may change by
APART = (1, 2, 4)  # frames between those whose colors are compared as a whole
BIN, BINS = 0.001, 200_001  # of CIEDE2000, in which its values are counted
QUALITY = ["ok5", "acc24", "psnr"]
COLUMNS = ["frames", *QUALITY, "worst ok5", "still mean", "still p99", "same mean", "same p99", "1000 cdc"]
CHANGES = "changes/{}/{}.npz"  # by method and clip


def main(argv: Sequence[str] | None = None) -> int:
    args = _arguments(argv)
    try:
        clips, left_out = read_clips(args.folder, args.clips)
        args.out.mkdir(parents=True, exist_ok=True)
        records = Records(args.out / "shot.csv", resume=args.resume)
        for paths in clips:
            for preset in args.presets:
                score_clip(paths, preset, args.out, records)
        print(report(records.rows, args.out))
        print(f"Left out, not {FEWEST} frames or more of one size: {', '.join(left_out) or 'none'}.")
        return 0
    except (ValueError, OSError) as error:
        print(f"shot.py: {error}", file=sys.stderr)
        return 2


def still_change(results: Sequence[Image], grays: Sequence[Image], around: int, most: int) -> Image:
    """How much colors change from frame to frame where the gray target stands still.

    Parameters
    ----------
    results, grays : float32 (H, W, 3) and (H, W) in [0, 1]
        Colored frames in order, and their targets; 8-bit steps of both count.
    around, most : int
        A pixel stands still if no gray in the square of side `around` about it changes by more than `most`.

    Returns
    -------
    float32 (N,)
        CIEDE2000 of every such pixel of every two consecutive frames.
    """
    steps, colors = [to_8bit(gray) for gray in grays], [to_8bit(result) for result in results]
    found = [np.zeros(0)]
    for at in range(len(results) - 1):
        moved = cv2.dilate(cv2.absdiff(steps[at], steps[at + 1]), np.ones((around, around), np.uint8))
        if (still := moved <= most).any():
            pixels = (_unit(color[still][None]) for color in colors[at : at + 2])
            found.append(ciede2000(*map(rgb_to_lab, pixels))[0])
    return np.concatenate(found).astype(np.float32)


def cdc(frames: Sequence[Image]) -> float:
    """Color Distribution Consistency: how much the colors of whole frames change in time.

    Parameters
    ----------
    frames : float32 (H, W, 3) in [0, 1]
        Two at least, in order.

    Returns
    -------
    float
        Jensen-Shannon divergence (natural logarithm, at most 0.693) of the channels' histograms of 256 bins,
        frames 1, 2 and 4 apart: mean over channels and frames, then over those distances that the clip has.

    References
    ----------
    Y. Liu et al., "Temporally consistent video colorization", 2021; evaluation code of ColorMNet.
    """
    planes = [np.moveaxis(to_8bit(frame), -1, 0) for frame in frames]
    counts = np.array([[np.bincount(p.ravel(), minlength=256) for p in three] for three in planes])
    shares = counts / counts.sum(-1, keepdims=True)
    pairs = [(shares[:-step], shares[step:]) for step in APART if step < len(frames)]
    return float(np.mean([np.square(jensenshannon(p, q, axis=-1)).mean() for p, q in pairs]))


def _unit(levels: NDArray[np.uint8]) -> Image:
    return levels.astype(np.float32) / np.float32(255)


def read_clips(folder: Path, asked: Sequence[str] = ()) -> tuple[list[list[Path]], list[str]]:
    """The frames' files of every clip, or of those asked for, and the clips that cannot be shots."""
    found = clip_files(folder, [".png"])
    if unknown := [clip for clip in asked if clip not in found]:
        raise ValueError(f"no clip {', '.join(unknown)} in {folder}: there are {', '.join(found)}")
    chosen = {clip: found[clip] for clip in asked or found}
    sizes = {clip: [read_picture(path).shape for path in paths] for clip, paths in chosen.items()}
    fit = [clip for clip, shapes in sizes.items() if len(shapes) >= FEWEST and len(set(shapes)) == 1]
    if not fit:
        raise ValueError(f"{folder} has no clip of {FEWEST} frames or more")
    return [chosen[clip] for clip in fit], [clip for clip in chosen if clip not in fit]


def score_clip(paths: Sequence[Path], preset: str, out: Path, records: Records) -> None:
    """Color and score a clip by every method of a preset, unless its rows are there."""
    clip, names = paths[0].parent.name, [f"{path.parent.name}/{path.name}" for path in paths]
    known = {row["method"] for row in records.rows if row["clip"] == clip}
    labels = {f"{preset} {method}": method for method in METHODS}
    if known >= {TRUTH, *labels}:
        return
    truths = [read_picture(path) for path in paths]
    grays = [_unit(gray_8bit(truth)) for truth in truths]
    centers = source_centers(truths[0])  # for every method, that acc24 be the same question
    made = color_clip(preset, truths, grays)
    rows = [{"clip": clip, "method": TRUTH} | _steadiness(truths, grays, out / CHANGES.format(TRUTH, clip))]
    sheet: list[list[Any]] = [list(zip(names, truths, strict=True))]
    for label, method in labels.items():
        pairs = list(zip(made[method], truths, strict=True))
        figures = [score(result, truth, truths[0], centers=centers) for result, truth in pairs]
        inner, whole = (pd.DataFrame(figures[1:end], names[1:end]) for end in (-1, None))
        quality = _quality(inner if method in (FRAME2, SHOT2) else whole, "") | _quality(inner, "_inner")
        steadiness = _steadiness(made[method], grays, out / CHANGES.format(label, clip))
        rows.append({"clip": clip, "method": label} | quality | steadiness)
        sheet.append([(f"{method}: ok5 {f['ok5']:.3f}", p[0]) for f, p in zip(figures, pairs, strict=True)])
        sheet.append([(f"error of {method}", error_heat(*pair)) for pair in pairs])
        for name, result in zip(names, made[method], strict=True):
            write_picture(out / "results" / label / name, result)
        print(f"{clip} {label}: ok5 {quality['ok5']:.3f}", file=sys.stderr)
    write_picture(out / "sheets" / preset / f"{clip}.png", _unit(contact_sheet(sheet, SHEET_WIDTH)))
    for row in (row for row in rows if row["method"] not in known):
        records.add(row)


def color_clip(preset: str, truths: Sequence[Image], grays: Sequence[Image]) -> dict[str, list[Image]]:
    """All frames, those of the keys as well, by every method, in 8-bit steps."""
    config = Config(preset)
    first, last = (Colorizer(config).fit(key) for key in (truths[0], truths[-1]))
    both = Colorizer(config).fit([truths[0], truths[-1]])
    near = (len(grays) + 1) // 2  # frames that are not nearer to the last
    alone = [first.colorize(gray) for gray in grays]
    nearest = alone[:near] + [last.colorize(gray) for gray in grays[near:]]
    one, two = Shot(first, grays, [0]), Shot(both, grays, [0, len(grays) - 1])
    made: list[Sequence[Any]] = [alone, one, nearest, two]
    return {m: [_unit(to_8bit(f.image)) for f in frames] for m, frames in zip(METHODS, made, strict=True)}


def _quality(part: pd.DataFrame, tail: str) -> dict[str, Any]:
    """Means over frames, and the worst of them."""
    row = {"frames": len(part), "worst": part["ok5"].idxmin(), "worst_ok5": part["ok5"].min()}
    return {f"{key}{tail}": value for key, value in (row | dict(part[QUALITY].mean())).items()}


def _steadiness(results: Sequence[Image], grays: Sequence[Image], counted: Path) -> dict[str, Any]:
    """How colors change in time; how often each CIEDE2000 comes is kept in a file, to add up clips."""
    changes = [still_change(results, grays, *reading) for reading in READINGS.values()]
    counts = np.array([np.bincount(np.rint(each / BIN).astype(int), minlength=BINS) for each in changes])
    counted.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(counted, counts)
    row = {"steps": len(grays) - 1, "pixels": (len(grays) - 1) * grays[0].size, "cdc": cdc(results)}
    return row | _figures(counts, row["pixels"])


def _figures(counts: NDArray[np.int64], pixels: float) -> dict[str, float]:
    row = {}
    for reading, each in zip(READINGS, counts, strict=True):
        found = int(each.sum())
        row[f"{reading} share"] = found / pixels
        row[f"{reading} mean"] = BIN * float(each @ np.arange(BINS)) / found if found else np.nan
        row[f"{reading} p99"] = BIN * float(np.searchsorted(each.cumsum(), 0.99 * found)) if found else np.nan
    return row


def report(rows: list[dict[str, Any]], out: Path) -> str:
    """The table of means, in which every frame counts the same, and whether the goals are met."""
    lines: dict[str, dict[str, Any]] = {}
    for label, part in pd.DataFrame(rows).groupby("method", sort=False):
        counts = sum(np.load(out / CHANGES.format(label, clip))["arr_0"] for clip in part["clip"])
        lines[label] = _figures(counts, part["pixels"].sum())
        lines[label] |= {} if label == TRUTH else _means(part, "")
        lines[label]["1000 cdc"] = 1000 * np.average(part["cdc"], weights=part["steps"])
        if label.endswith((FRAME1, SHOT1)):
            lines[f"{label}, inner frames"] = _means(part, "_inner")
    still, same = (lines[TRUTH][f"{reading} share"] for reading in READINGS)
    notes = [
        "CIEDE2000 is from frame to frame: still, over pixels about which no gray in 5x5 changes by more",
        f"than 1 ({still:.1%} of all clips'); same, over those whose own gray does not change ({same:.1%}).",
    ]
    for preset in [label.removesuffix(f" {SHOT2}") for label in lines if label.endswith(SHOT2)]:
        for frame, shot, sign, above in ((FRAME1, SHOT1, ">=", ge), (FRAME2, SHOT2, ">", gt)):
            alone, whole = lines[f"{preset} {frame}"]["ok5"], lines[f"{preset} {shot}"]["ok5"]
            p99 = lines[f"{preset} {shot}"]["still p99"]
            right, steady = ("met" if met else "MISSED" for met in (above(whole, alone), p99 <= STEADY))
            goal = f"{preset} {shot}: ok5 {whole:.4f} {sign} {alone:.4f} of {frame}: {right}"
            notes.append(f"{goal}; still p99 {p99:.2f} <= {STEADY}: {steady}.")
    return "\n".join([draw(pd.DataFrame(lines).T, "method", COLUMNS), "", *notes])


def _means(part: pd.DataFrame, tail: str) -> dict[str, Any]:
    frames, worst = part[f"frames{tail}"], part.loc[part[f"worst_ok5{tail}"].idxmin()]
    means = {key: np.average(part[f"{key}{tail}"], weights=frames) for key in QUALITY}
    least = f"{worst[f'worst_ok5{tail}']:.3f} {worst[f'worst{tail}']}"
    return means | {"frames": f"{frames.sum():.0f}", "worst ok5": least}


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    frames, out = ROOT.parent / "shared" / "frames", ROOT / "benchmarks" / "out" / "shot"
    add = cli.add_argument
    add("folder", type=Path, nargs="?", default=frames, help="folders of frames; default: %(default)s")
    add("--clips", nargs="+", default=[], metavar="CLIP", help="only these clips")
    add("--presets", nargs="+", choices=("quick", "standard"), default=("quick", "standard"))
    add("--out", type=Path, default=out, metavar="DIR", help="for all that is written; default: %(default)s")
    add("--resume", action="store_true", help="keep the rows of an existing shot.csv and run only the rest")
    return cli.parse_args(argv)


if __name__ == "__main__":
    raise SystemExit(main())
