#!/usr/bin/env python3
"""How often pictures are taken for line art: grays of frames and of painted drawings, line art, and mixes.

A mix has the drawing's lines over the gray of its painted truth, which is lightened by half towards white.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from refcolor.files import images
from refcolor.imaging import ink
from refcolor.imaging.color import Image, luma

SHARED = Path(__file__).resolve().parents[2] / "shared"


def as_gray(rgb: Image) -> Image:
    """The luma of a picture in three channels, in 8-bit levels."""
    gray = np.rint(luma(rgb) * 255) / 255
    return np.repeat(gray[..., None], 3, axis=-1).astype(np.float32)


def told(name: str, kind: str, pictures: list[Image]) -> None:
    """Print a row."""
    taken = sum(ink.is_drawn(picture) for picture in pictures)
    print(f"| {name} | {kind} | {len(pictures)} | {taken} |", flush=True)


def main() -> int:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("shared", type=Path, nargs="?", default=SHARED, help="folder with frames/ and lines/")
    args = cli.parse_args()
    print("| clip | pictures | number | taken for line art |")
    print("|---|---|---|---|")
    for clip in sorted(p for p in (args.shared / "frames").iterdir() if p.is_dir()):
        frames = [images.read(path).rgb for path in sorted(clip.rglob("*.png"))]
        if frames:
            told(clip.name, "grays of frames", [as_gray(frame) for frame in frames])
            told(clip.name, "frames", frames)
    for clip in sorted(p for p in (args.shared / "lines").iterdir() if p.is_dir()):
        painted = [images.read(path).rgb for path in sorted((clip / "gt").iterdir())]
        told(clip.name, "grays of painted drawings", [as_gray(picture) for picture in painted])
        for kind in ("line", "line_trace"):
            if (clip / kind).is_dir():
                drawn = [images.read(path).rgb for path in sorted((clip / kind).iterdir())]
                told(clip.name, kind, drawn)
                pairs = zip(drawn, painted, strict=True)
                told(clip.name, f"{kind}, mixed", [np.minimum(d, (1 + as_gray(p)) / 2) for d, p in pairs])
    return 0


if __name__ == "__main__":
    sys.exit(main())
