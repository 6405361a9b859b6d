"""Static areas: which frame gives its colors to a pixel that does not change.

Time is cut into blocks, and every frame of a block has a rank: the first the highest, then the one in the
middle, then those at the quarters, and so on. Of the frames over which a pixel is static, the one of the
highest rank gives its colors to all, so nothing flickers. A rank depends on the frame's index alone, so any
part of a shot comes out as it does in the whole.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from refcolor.shots.frame_pairs import BLOCK, FramePairs, Mask, unpack_mask


class StaticAreas:
    """The static pixels of a shot's frames; none beside a frame that cannot be read."""

    def __init__(self, pairs: FramePairs) -> None:
        self.pairs = pairs

    def references(self, index: int, where: Mask) -> NDArray[np.int64]:
        """For the pixels `where` (H, W) of frame `index`, the frame that each takes its color from."""
        shape = where.shape
        reference, best = np.full(shape, index), np.full(shape, _rank(index))
        start = index - index % BLOCK
        for step in (-1, 1):
            static, highest, at = np.packbits(where), _rank(index), index
            while start <= at + step < min(start + BLOCK, len(self.pairs.frames)) and static.any():
                bits = self.pairs.static_bits(at, at + step)
                if len(bits) != len(static):
                    break
                static, at = static & bits, at + step
                if _rank(at) > highest:
                    highest = _rank(at)
                    better = unpack_mask(static, shape) & (best < highest)
                    reference[better], best[better] = at, highest
        return reference


def _rank(index: int) -> int:
    """The first frame of a block has the highest rank, odd frames the lowest."""
    position = index % BLOCK or BLOCK
    return (position & -position).bit_length()
