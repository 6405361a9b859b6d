#!/usr/bin/env python3
"""How well a cut is told from motion: neighbors within clips, and joints of one clip to another.

    python benchmarks/cuts.py [--joints 5] [FOLDER ...]

A folder holds a folder of pictures for each clip. Every clip's last frame is followed by the first frame of
each of the next so many clips. Prints how many of each are taken for cuts, and which are taken wrongly.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from frames import clip_files, read_picture

from refcolor.files.image_storage import EXTENSIONS
from refcolor.imaging.color import Image
from refcolor.imaging.metrics import gray_8bit
from refcolor.shots import frame_pairs

SHARED = Path(__file__).resolve().parents[2] / "shared"


def main(argv: Sequence[str] | None = None) -> int:
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("folders", nargs="*", type=Path, default=[SHARED / "frames", SHARED / "training"])
    cli.add_argument("--joints", type=int, default=5)
    args = cli.parse_args(argv)
    clips = [clip for folder in args.folders for clip in clip_files(folder, EXTENSIONS).values() if clip]
    within = [pair for clip in clips for pair in pairwise(clip)]
    across = [
        (clip[-1], clips[(at + step) % len(clips)][0])
        for at, clip in enumerate(clips)
        for step in range(1, min(args.joints, len(clips) - 1) + 1)
    ]
    taken = [pair for pair in within if is_cut(*pair)]
    missed = [pair for pair in across if not is_cut(*pair)]
    print(f"{len(clips)} clips: {len(taken)} of {len(within)} neighbors are taken for cuts,")
    print(f"{len(across) - len(missed)} of {len(across)} joints of two clips are found")
    for said, pairs in (("taken for a cut", taken), ("not found", missed)):
        for pair in pairs:
            print(f"{said}: {' '.join(f'{path.parent.name}/{path.name}' for path in pair)}")
    return 0


def is_cut(before: Path, after: Path) -> bool:
    """Whether the second frame is taken for another scene than the first."""
    return frame_pairs.flow(_gray(after), _gray(before)) is None


def _gray(path: Path) -> Image:
    return (gray_8bit(read_picture(path)) / 255).astype("float32")


if __name__ == "__main__":
    raise SystemExit(main())
