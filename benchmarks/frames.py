"""The test pairs: their list (pairs.csv) and their pictures."""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from refcolor.imaging.color import Image
from refcolor.imaging.metrics import to_8bit


@dataclass(frozen=True)
class Pair:
    """One row of pairs.csv: the truth is turned gray and colored like the source."""

    clip: str
    source: str
    truth: str

    @property
    def name(self) -> str:
        """Both pictures' names without folder and ending, for file names and captions."""
        return f"{Path(self.source).stem}-{Path(self.truth).stem}"


def read_pairs(folder: Path, clips: Sequence[str] = (), per_clip: int | None = None) -> list[Pair]:
    """Read folder/pairs.csv.

    Parameters
    ----------
    clips : names
        Only these clips; all when empty.
    per_clip : int, optional
        At most this many pairs of every clip, spread evenly from its first to its last.

    Raises
    ------
    ValueError
        If a clip is unknown or no pair is left.
    OSError
        If the list cannot be read.
    """
    with (folder / "pairs.csv").open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        if absent := {"clip", "source", "truth"} - set(rows.fieldnames or ()):
            raise ValueError(f"{folder / 'pairs.csv'} has no column {', '.join(sorted(absent))}")
        by_clip: dict[str, list[Pair]] = {}
        for row in rows:
            by_clip.setdefault(row["clip"], []).append(Pair(row["clip"], row["source"], row["truth"]))
    if unknown := [clip for clip in clips if clip not in by_clip]:
        raise ValueError(f"no clip {', '.join(unknown)} in {folder}: there are {', '.join(by_clip)}")
    chosen = [pair for clip in clips or by_clip for pair in _spread(by_clip[clip], per_clip)]
    if not chosen:
        raise ValueError(f"{folder / 'pairs.csv'} has no pairs")
    return chosen


def _spread(pairs: list[Pair], count: int | None) -> list[Pair]:
    if count is None or count >= len(pairs):
        return pairs
    return [pairs[round(at)] for at in np.linspace(0, len(pairs) - 1, count)]


def clip_files(folder: Path, suffixes: Collection[str]) -> dict[str, list[Path]]:
    """The frames' files of every clip, a folder in `folder`, by its name."""
    return {
        sub.name: sorted(path for path in sub.iterdir() if path.suffix in suffixes)
        for sub in sorted(folder.iterdir())
        if sub.is_dir()
    }


def read_picture(path: Path) -> Image:
    """Read an 8-bit picture as (H, W, 3) float32 RGB in [0, 1]."""
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        raise OSError(f"cannot read the picture {path}")
    return np.ascontiguousarray(bgr[..., ::-1]).astype(np.float32) / np.float32(255)


def write_picture(path: Path, image: Image) -> None:
    """Write (H, W, 3) RGB, float in [0, 1] or uint8, as an 8-bit picture; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rgb8 = image if image.dtype == np.uint8 else to_8bit(image)
    if not cv2.imwrite(str(path), np.ascontiguousarray(rgb8[..., ::-1])):
        raise OSError(f"cannot write the picture {path}")


def reduced(image: Image, size: tuple[int, int]) -> Image:
    """The picture, gray or color, at ``size`` (height, width) by area averaging, rounded to 8 bits."""
    if image.shape[:2] == size:
        return image
    small = cv2.resize(to_8bit(image), size[::-1], interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / np.float32(255)
