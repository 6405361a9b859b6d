#!/usr/bin/env python3
"""Memory over a long shot, and what a second worker gains.

    python benchmarks/long_shot.py [--frames 500] [--preset standard]

The shot is the example scene at 960x540, its 14 drawings forth and back, each held for two frames. Memory is
what the process holds resident after every tenth of the frames. Throughput is what the frames of a longer
shot take more than those of a shorter one, so that starting and training do not count.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from itertools import chain, cycle, islice
from pathlib import Path
from time import perf_counter

from records import plain_table

SCENE = Path(__file__).parents[1] / "examples/scene"


def main() -> int:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--frames", type=int, default=500, help="of the long shot; 0 leaves it out")
    cli.add_argument("--more", type=int, default=64, help="frames that throughput is told of; 0: none")
    cli.add_argument("--preset", default="standard")
    args = cli.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        if args.more:
            few, many = args.more // 4, args.more // 4 + args.more
            for count in (few, many):
                lay_out(Path(folder, f"shot{count}"), count)
            rows = []
            for words, workers, used in (
                ("one worker, all cores", 1, cores),
                ("one worker, one core", 1, cores[:1]),
                ("two workers, all cores", 2, cores),
            ):
                short, long = (
                    run(
                        Path(folder, f"shot{count}"),
                        Path(folder, f"{words} {count}"),
                        args.preset,
                        workers,
                        used,
                    )
                    for count in (few, many)
                )
                rows.append({"run": words, "frames/s": f"{args.more / (long[0][-1] - short[0][-1]):.2f}"})
            print(plain_table(rows), end="\n\n")
        if args.frames:
            lay_out(Path(folder, "long"), args.frames)
            times, held = run(Path(folder, "long"), Path(folder, "long out"), args.preset, 1, cores)
            tenths = range(args.frames // 10 - 1, args.frames, args.frames // 10)
            print(plain_table([{"frames": i + 1, "MiB": held[i], "s": f"{times[i]:.0f}"} for i in tenths]))
    return 0


def lay_out(folder: Path, count: int) -> None:
    """Links to the scene's gray frames, forth and back, each twice."""
    folder.mkdir()
    drawings = sorted((SCENE / "gray").glob("*.png"))
    there_and_back = drawings + drawings[-2:0:-1]
    on_twos = chain.from_iterable((drawing, drawing) for drawing in cycle(there_and_back))
    for i, drawing in enumerate(islice(on_twos, count)):
        (folder / f"shot.{i:04d}.png").symlink_to(drawing)


def run(shot: Path, out: Path, preset: str, workers: int, cores: list[int]) -> tuple[list[float], list[int]]:
    """Seconds since the start when each frame was ready, and MiB held then."""
    words = [
        shot,
        "--key",
        f"0={SCENE / '0000.png'}",
        "-o",
        out,
        "--preset",
        preset,
        "--workers",
        workers,
        "-q",
    ]
    start = perf_counter()
    times, held = [], []
    with subprocess.Popen(
        ["refcolor", "shot", *map(str, words)],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    ) as process:
        assert process.stdout is not None
        for _ in process.stdout:
            times.append(perf_counter() - start)
            status = Path(f"/proc/{process.pid}/status").read_text()
            held.append(int(status.split("VmRSS:")[1].split()[0]) >> 10)
    if process.returncode:
        raise SystemExit(f"refcolor ended with {process.returncode}")
    return times, held


if __name__ == "__main__":
    sys.exit(main())
