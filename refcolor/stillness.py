"""Which frame gives its colours to a pixel that stands still: one for the whole time that it does.

Time is cut into blocks. In a block every frame has a rank: the first the highest, then the one in the middle,
then those at the quarters, and so on. Of the frames over which a pixel stands still one has the highest rank,
and its colours serve them all: nothing flickers. As ranks depend on nothing but a frame's place in the shot,
any part of the shot comes out as it does in the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from .color import Image
from .paints import SQUARE, ripple

if TYPE_CHECKING:
    from .neighbours import Neighbours

Mask = NDArray[np.bool_]

BLOCK = 256  # frames
UNCHANGED = 2 / 255  # steps of gray that compression makes of nothing
AROUND = np.ones((5, 5), np.uint8)  # a pixel stands still where all of this does
CLEARLY = 12 / 255  # steps of gray that only motion makes
SWEPT = np.ones((25, 25), np.uint8)  # what lies between clear changes as near as this has changed
RIPPLE = 3 / 255  # steps of gray within 3x3 pixels of a plain region
ANCHORED = 0.4  # of a plain region's outline that must stand still, lest another of its gray took its place


def still(one: Image, other: Image) -> Mask:
    """Where two frames (H, W) in [0, 1] show the same thing in the same place; nowhere if their sizes differ.

    Equal gray is not enough: in a plain region it may be another paint's. There the outline must stay, too.
    """
    if one.shape != other.shape:
        return np.zeros(one.shape, bool)
    off = np.abs(one - other)
    changed = cv2.dilate((off > UNCHANGED).astype(np.uint8), AROUND)
    if not changed.any():
        return np.ones(one.shape, bool)
    clearly = (off > CLEARLY).astype(np.uint8)
    changed |= cv2.morphologyEx(cv2.dilate(clearly, AROUND), cv2.MORPH_CLOSE, SWEPT)
    beside = cv2.dilate(clearly, SQUARE)  # a plain region ends a pixel before its outline
    return np.asarray(changed == 0) & _anchored(one, beside) & _anchored(other, beside)


def _anchored(gray: Image, moved: NDArray[np.uint8]) -> Mask:
    """All pixels but those of plain regions with an outline that has mostly moved."""
    plain = ripple(gray) <= RIPPLE
    count, region = cv2.connectedComponents(plain.astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    outline, stands = np.zeros(count), np.zeros(count)
    for inner, outer in _beside():
        edge = plain[inner] & ~plain[outer]
        owner = region[inner][edge]
        outline += np.bincount(owner, minlength=count)
        stands += np.bincount(owner, moved[outer][edge] == 0, count)
    anchored = stands >= ANCHORED * outline
    anchored[0] = True  # what is not plain
    return np.asarray(anchored[region])


def _beside() -> list[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Windows of a picture, and the same moved by a pixel to each of the four sides."""
    every, first, last = slice(None), slice(1, None), slice(None, -1)
    across, down = ((every, first), (every, last)), ((first, every), (last, every))
    return [across, across[::-1], down, down[::-1]]


class Stillness:
    """Where the frames of a shot stand still.

    Parameters
    ----------
    pairs : Neighbours
        Of the gray frames; next to one that cannot be had, nothing stands still.
    """

    def __init__(self, pairs: Neighbours) -> None:
        self.pairs = pairs

    def lenders(self, index: int, where: Mask) -> NDArray[np.int64]:
        """For these pixels (H, W) of frame `index`, the frame whose colours each takes: perhaps its own."""
        shape = where.shape
        lender, best = np.full(shape, index), np.full(shape, _rank(index))
        asked = np.packbits(where)
        start = index - index % BLOCK
        for way in (-1, 1):
            stood, highest, at = asked, _rank(index), index
            while start <= at + way < min(start + BLOCK, len(self.pairs.frames)) and stood.any():
                step = self.pairs.still(at, at + way)
                if len(step) != len(stood):
                    break
                stood, at = stood & step, at + way
                if _rank(at) > highest:
                    highest = _rank(at)
                    better = unpacked(stood, shape) & (best < highest)
                    lender[better], best[better] = at, highest
        return lender


def unpacked(bits: NDArray[np.uint8], shape: tuple[int, ...]) -> Mask:
    """A mask (H, W) from its packed bits."""
    return np.unpackbits(bits, count=int(np.prod(shape))).reshape(shape).astype(bool)


def _rank(index: int) -> int:
    """The first of a block has the highest, an odd frame the lowest."""
    place = index % BLOCK or BLOCK
    return (place & -place).bit_length()
