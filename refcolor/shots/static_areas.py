"""Static areas: which frame gives its colors to a pixel that does not change.

Time is cut into blocks. In a block every frame has a rank: the first the highest, then the one in the middle,
then those at the quarters, and so on. Of the frames over which a pixel stands still one has the highest rank,
and its colors serve them all: nothing flickers. As ranks depend on nothing but a frame's place in the shot,
any part of the shot comes out as it does in the whole.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from refcolor.shots.frame_pairs import BLOCK, Mask, Neighbors, unpacked


class Stillness:
    """Where the frames of a shot stand still.

    Parameters
    ----------
    pairs : Neighbors
        Of the gray frames; next to one that cannot be had, nothing stands still.
    """

    def __init__(self, pairs: Neighbors) -> None:
        self.pairs = pairs

    def references(self, index: int, where: Mask) -> NDArray[np.int64]:
        """For these pixels (H, W) of frame `index`, the frame whose colors each takes: perhaps its own."""
        shape = where.shape
        reference, best = np.full(shape, index), np.full(shape, _rank(index))
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
                    reference[better], best[better] = at, highest
        return reference


def _rank(index: int) -> int:
    """The first of a block has the highest, an odd frame the lowest."""
    place = index % BLOCK or BLOCK
    return (place & -place).bit_length()
