"""One source picture and what follows from it: gray, chroma, sparse features, palette labels."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from refcolor.imaging.color import Image, luma, rgb_to_lab
from refcolor.imaging.palette import Labels, Palette
from refcolor.matching import sparse
from refcolor.matching.sparse import Features


class Source:
    """A colored picture; what follows from it is computed on first use.

    Parameters
    ----------
    rgb : float32 (H, W, 3)
        Encoded sRGB in [0, 1].
    palette : Palette, optional
        The colors that labels stand for; without one there are no labels.
    """

    def __init__(self, rgb: Image, palette: Palette | None = None) -> None:
        self.rgb, self.palette = rgb, palette

    @cached_property
    def gray(self) -> Image:
        """BT.601 luma (H, W) in [0, 1]."""
        return luma(self.rgb)

    @cached_property
    def ab(self) -> Image:
        """CIELAB a, b (H, W, 2)."""
        return np.ascontiguousarray(rgb_to_lab(self.rgb)[..., 1:])

    @cached_property
    def points(self) -> Features:
        """Sparse features."""
        return sparse.detect(self.gray)

    @cached_property
    def labels(self) -> Labels | None:
        """Palette label of every pixel, int32 (H, W); None without a palette."""
        return None if self.palette is None else self.palette.labels(self.rgb)
