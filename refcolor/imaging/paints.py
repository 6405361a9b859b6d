"""The paints of colored keys: exact colors, which pixel has which, and the keys' own lines.

Paint under lines and in blends beside them is that of the nearest pixel that has one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging.color import BT601, Image, commonest, pack, to_8bit, unpack
from refcolor.imaging.ink import Mask, line_width
from refcolor.imaging.neighborhoods import STEPS, WINDOW, borders, local_range, nearest

MAX_PAINTS = 250  # of a key: the commonest
MIN_PIXELS = 4  # in the middle of 3x3 pixels of one color, for it to be a paint
WIDTH = 0.008  # of the diagonal: what is dark and wider is paint
MIN_CONTRAST = 16.0  # 8-bit levels between a line and what lies beside it
MAX_DARKNESS = 0.6  # of the gray of a line to that beside it: shades are lighter
INK_BITS = 4  # of each channel, by which the color of most lines is sought
MAX_INK_DISTANCE = 24.0  # 8-bit levels from that color within which an even dark spot is a line
BACKGROUND = 0  # number of the paint around the figure


@dataclass(frozen=True, eq=False)
class Paints:
    """The paints of a key; number 0 is what lies around the figure, even if a paint has its color."""

    rgb: Image  #: (n, 3): encoded sRGB in [0, 1]
    labels: NDArray[np.int32]  #: (H, W): paint of each pixel, under lines that of the nearest one beside them
    line: Mask  #: (H, W): lines of the key
    border: Mask  #: (H, W): where two paints meet without a line

    def __len__(self) -> int:
        return len(self.rgb)

    @property
    def neighbors(self) -> NDArray[np.float64]:
        """Pixels along which two paints meet without a line: (n, n)."""
        wide = cv2.dilate(self.border.astype(np.uint8), WINDOW) > 0
        pairs, along, _ = borders(self.labels, [wide[one] & wide[other] for one, other in STEPS])
        length = np.zeros((len(self), len(self)))
        length[pairs[:, 0], pairs[:, 1]] = along
        return np.asarray(length + length.T)

    def lines(self, *, traced: bool) -> Mask:
        """Lines (H, W) of the key as drawings have them: with borders of paints, if those are traced."""
        return self.line | self.border if traced else self.line


def find(rgb: Image, *, solid: bool = False) -> Paints:
    """The paints of a key (H, W, 3) in [0, 1]; its lines are dark thin structures.

    If drawings have `solid` ink, spot blacks, then what has the color of lines is ink however wide, no paint.
    """
    levels = to_8bit(rgb)
    line = _dark_lines(levels, solid=solid)
    codes = pack(levels)
    even = (local_range(levels) == 0).all(-1) & ~line
    found, count = np.unique(codes[even], return_counts=True)
    common = np.argsort(-count, kind="stable")[:MAX_PAINTS]
    found = np.sort(found[common[count[common] >= MIN_PIXELS]])
    if not len(found):
        found = np.unique(codes)[:1]
    at = np.minimum(np.searchsorted(found, codes), len(found) - 1)
    paint = np.where((found[at] == codes) & ~line, at, -1)
    outside = _outside(paint)
    labels = nearest(np.where(outside, BACKGROUND, np.where(paint >= 0, paint + 1, -1)).astype(np.int32))
    colors = unpack(found)
    around = colors[paint[outside][0]] if outside.any() else np.ones(3, np.float32)
    border = (local_range(labels.astype(np.float32)) > 0) & (cv2.dilate(line.astype(np.uint8), WINDOW) == 0)
    return Paints(np.vstack([around[None], colors]), labels, line, border)


def join(several: Sequence[Paints]) -> list[Paints]:
    """The same, with one numbering for the paints of all keys."""
    if len(several) == 1:
        return list(several)
    colors, number = np.unique(np.concatenate([one.rgb[1:] for one in several]), axis=0, return_inverse=True)
    rgb = np.vstack([several[0].rgb[:1], colors])
    renumbered, first = [], 0
    for one in several:
        table = np.append(BACKGROUND, number.ravel()[first : first + len(one) - 1] + 1).astype(np.int32)
        first += len(one) - 1
        renumbered.append(replace(one, rgb=rgb, labels=table[one.labels]))
    return renumbered


def _outside(paint: NDArray[np.intp]) -> Mask:
    """Pixels of the commonest paint along the rim of the picture, connected to the rim."""
    rim = np.concatenate([paint[0], paint[-1], paint[:, 0], paint[:, -1]])
    if not (rim >= 0).any():
        return np.zeros(paint.shape, bool)
    common = np.bincount(rim[rim >= 0]).argmax()
    count, owner = cv2.connectedComponents((paint == common).astype(np.uint8), connectivity=4)
    touches = np.zeros(count, bool)
    touches[np.concatenate([owner[0], owner[-1], owner[:, 0], owner[:, -1]])] = True
    touches[0] = False
    return touches[owner]


def _dark_lines(levels: NDArray[np.uint8], *, solid: bool) -> Mask:
    """Thin structures much darker than both sides, but for even spots of another color than most lines.

    With `solid`, also areas of that color.
    """
    gray = np.asarray(levels @ BT601, np.float32)
    side = int(np.ceil(line_width(gray.shape, WIDTH))) // 2 * 2 + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    beside = cv2.morphologyEx(gray, cv2.MORPH_CLOSE, kernel)
    thin = (beside - gray >= MIN_CONTRAST) & (gray <= MAX_DARKNESS * beside)
    if not thin.any():
        return np.asarray(thin)
    color = commonest(levels[thin], INK_BITS).astype(np.float32)
    other = (np.abs(levels - color) > MAX_INK_DISTANCE).any(-1)
    lines = thin & ~(other & (local_range(levels) == 0).all(-1))
    return np.asarray(lines | ~other if solid else lines)
