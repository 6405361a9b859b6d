"""A view of a source: at the target's scale, perhaps mirrored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refcolor.imaging.color import Image


@dataclass(frozen=True)
class Views:
    """The source, and its mirror image where that helps: gray (V, H, W) in 8-bit levels, CIELAB a, b
    (V, H, W, 2), and palette labels uint8 (V, H, W) or None."""

    gray: Image
    ab: Image
    labels: NDArray[np.uint8] | None = None
