#!/usr/bin/env python3
"""Seconds and memory of every stage of every preset, as they are and against the budgets.

    python benchmarks/speed.py                 # budgets, stages at four sizes, a batch
    python benchmarks/speed.py --profile standard 1280x720

Every measurement is a process of its own. U is the time to import TensorFlow, warm: what budgets are told in.
Pictures are the example scene, enlarged; the merge inside of "paint" counts under both. With a CSV of anchors
(--anchors), EbSynth's seconds on pictures of 1280x664 stand beside ours, scaled by what optical flow takes
here and took there.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pkgutil
import pstats
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import pandas as pd
from records import plain_table

ROOT = Path(__file__).parents[1]
SCENE = ROOT / "examples/scene"
SIZES = ("480x270", "960x540", "1920x1080", "3840x2160")
FIRST = "1280x720"  # of the budgets in seconds
FRAMES = 3  # targets a process colors: the first is cold, the last is warm
STAGES = {  # name in the table -> function that does it
    "align": "matching.alignment.align",
    "label": "methods.base.Learned.ask",
    "synthesis": "synthesis.search.synthesize",
    "confirm": "synthesis.confirmed.confirm",
    "settle": "synthesis.flat_regions.settle",
    "paint": "imaging.flat_colors.apply",
    "odds": "imaging.chroma_odds.learn",
    "reasons": "synthesis.confidence.reasons",
    "trust": "synthesis.confidence.estimate",
    "assent": "methods.quick.network_assent",
    "merge": "imaging.merge.luma_exact",
}
CHILD = [sys.executable, __file__, "--child"]


def main() -> int:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--sizes", nargs="*", default=SIZES)
    cli.add_argument("--presets", nargs="*", default=["quick", "standard"])
    cli.add_argument("--threads", nargs="*", type=int, default=[1, 2])
    cli.add_argument("--anchors", type=Path, default=ROOT.parent / "shared/anchors.csv")
    cli.add_argument("--profile", nargs=2, metavar=("PRESET", "SIZE"), help="print where the time goes, only")
    cli.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    args = cli.parse_args()
    if args.child:
        preset, size, threads, profile = args.child
        print(json.dumps(measure(preset, _size(size), int(threads), profile=profile == "yes")))
        return 0
    if args.profile:
        subprocess.run([*CHILD, *args.profile, str(max(args.threads)), "yes"], check=True)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        unit = _unit()
        print(f"U, the import of TensorFlow, warm: {unit:.2f} s\n")
        print(plain_table(budgets(unit, Path(folder), args.anchors)), end="\n\n")
        rows = [
            _child(preset, size, threads)
            for preset in args.presets
            for size in args.sizes
            for threads in args.threads
        ]
        print(plain_table(rows), end="\n\n")
        print(plain_table(batches(Path(folder))))
    return 0


def budgets(unit: float, folder: Path, anchors: Path) -> list[dict[str, Any]]:
    """Whole commands against their budgets, in U."""
    source, target = _pictures(folder, FIRST)

    def whole(*words: object, code: int = 0) -> float:
        runs = []
        for _ in range(3):
            began = perf_counter()
            ended = subprocess.run(
                ["refcolor", *map(str, words)], capture_output=True, cwd=folder, check=False
            )
            runs.append(perf_counter() - began)
            if ended.returncode != code:
                raise RuntimeError(ended.stderr.decode())
        return median(runs)

    color = [source, target, "-f", "-o", folder / "made.png"]
    further = _child("standard", FIRST, os.cpu_count() or 1)["warm"]
    first = whole(*color)
    rows = [
        ("--help", whole("--help"), 0.15 * unit),
        ("info --quick", whole("info", "--quick"), 0.15 * unit),
        ("a source that is not there", whole("none.png", target, code=2), 0.15 * unit),
        (f"--preset quick, {FIRST}", whole(*color, "--preset", "quick"), 0.6 * unit),
        (f"standard, first frame, {FIRST}", first, 4 * unit),
        (f"standard, every further frame, {FIRST}", further, 0.4 * unit),
    ]
    if anchors.exists():
        frame = pd.read_csv(anchors)
        wide = frame[frame["clip"].str.startswith("penny_")].groupby("method")["seconds"].mean()
        scale = _flow_seconds(folder) / wide["flow"]
        print(f"EbSynth takes {wide['ebsynth+flow']:.1f} s there, {scale:.2f} times that here, by flow.\n")
        rows.append(("standard, first frame, a tenth of EbSynth", first, scale * wide["ebsynth+flow"] / 10))
    return [
        {"command": name, "seconds": seconds, "in U": seconds / unit, "budget": most, "held": seconds <= most}
        for name, seconds, most in rows
    ]


def batches(folder: Path) -> list[dict[str, Any]]:
    """Peak memory of one command over few and over many frames."""
    source, target = _pictures(folder, "480x270")
    many = folder / "many"
    many.mkdir()
    for i in range(100):
        (many / f"{i:04}.png").symlink_to(target)
    rows = []
    for count in (2, 100):
        names = [str(p) for p in sorted(many.iterdir())[:count]]
        script = (
            "import sys, resource\nfrom refcolor.cli import main\n"
            "try: main(sys.argv[1:])\n"
            "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
        )
        out = folder / f"out{count}"
        out.mkdir()
        words = [sys.executable, "-P", "-c", script, str(source), *names, "-o", str(out)]
        ended = subprocess.run(words, capture_output=True, text=True, check=True)
        rows.append({"frames of 480x270": count, "peak MiB": int(ended.stderr.split()[-1]) / 1024})
    return rows


def measure(preset: str, size: tuple[int, int], threads: int, *, profile: bool) -> dict[str, Any]:
    """Seconds of every stage, in this process, on so many cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    import cv2

    cv2.setNumThreads(threads)
    from refcolor import Config
    from refcolor.files import images
    from refcolor.methods import colorizer as learning

    rgb = images.read(SCENE / "0000.png").rgb
    gray = images.read(SCENE / "gray/0004.png").gray
    source, target = (cv2.resize(v, size, interpolation=cv2.INTER_CUBIC).clip(0, 1) for v in (rgb, gray))
    spent: dict[str, float] = {}
    for name, where in STAGES.items():
        _time(where, name, spent)
    watch = cProfile.Profile()
    if profile:
        watch.enable()
    began = perf_counter()
    learned, _ = learning.prepare([source], Config(preset))
    prepared = perf_counter()
    colorizer = learning.train(learned)
    trained = perf_counter()
    seconds = []
    for _ in range(FRAMES):
        spent.clear()
        start = perf_counter()
        colorizer.colorize(target)
        seconds.append(perf_counter() - start)
    if profile:
        watch.disable()
        pstats.Stats(watch, stream=sys.stderr).sort_stats("tottime").print_stats(40)
    row: dict[str, Any] = {"preset": preset, "size": "x".join(map(str, size)), "threads": threads}
    row |= {
        "start": prepared - began,
        "training": trained - prepared,
        "cold": seconds[0],
        "warm": seconds[-1],
    }
    row |= {name: spent.get(name, 0.0) for name in STAGES}
    row["us/pixel"] = 1e6 * seconds[-1] / target.size
    row["peak MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return row


def _time(where: str, name: str, spent: dict[str, float]) -> None:
    """Have the function at `where` in the package add its seconds to `spent`."""
    owner_name, last = f"refcolor.{where}".rsplit(".", 1)
    owner = pkgutil.resolve_name(owner_name)
    work: Callable[..., Any] = getattr(owner, last)

    def timed(*given: Any, **more: Any) -> Any:
        began = perf_counter()
        made = work(*given, **more)
        spent[name] = spent.get(name, 0.0) + perf_counter() - began
        return made

    setattr(owner, last, timed)


def _child(preset: str, size: str, threads: int) -> dict[str, Any]:
    ended = subprocess.run(
        [*CHILD, preset, size, str(threads), "no"], capture_output=True, text=True, check=True
    )
    row: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return row


def _unit() -> float:
    runs = []
    for _ in range(4):  # the first is cold
        began = perf_counter()
        subprocess.run([sys.executable, "-P", "-c", "import tensorflow"], capture_output=True, check=True)
        runs.append(perf_counter() - began)
    return median(runs[1:])


def _flow_seconds(folder: Path) -> float:
    """What optical flow, its warp and merge take here, of pictures of the anchors' size."""
    import cv2
    import numpy as np

    from refcolor.imaging.merge import luma_exact

    source, target = (cv2.imread(str(p), cv2.IMREAD_GRAYSCALE) for p in _pictures(folder, "1280x664"))
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    h, w = target.shape
    place = np.stack(np.meshgrid(np.arange(w), np.arange(h)), -1).astype(np.float32)
    ab = np.zeros((h, w, 2), np.float32)
    runs = []
    for _ in range(5):
        began = perf_counter()
        moved = place + flow.calc(target, source, None)
        luma_exact(np.float32(target) / 255, cv2.remap(ab, moved[..., 0], moved[..., 1], cv2.INTER_LINEAR))
        runs.append(perf_counter() - began)
    return median(runs)


def _pictures(folder: Path, size: str) -> tuple[Path, Path]:
    """Source and target of that size, as files."""
    import cv2

    made = []
    for name, role in (("0000.png", "source"), ("gray/0004.png", "target")):
        path = folder / f"{role}_{size}.png"
        picture = cv2.imread(str(SCENE / name), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), cv2.resize(picture, _size(size), interpolation=cv2.INTER_CUBIC))
        made.append(path)
    return made[0], made[1]


def _size(words: str) -> tuple[int, int]:
    width, height = words.split("x")
    return int(width), int(height)


if __name__ == "__main__":
    sys.exit(main())
