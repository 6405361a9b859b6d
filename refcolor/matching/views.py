"""The sources as the target sees them, and which of their pixels a match means.

A field holds a source pixel (x, y) for every target pixel. The views lie one below the other: y counts the
rows of all of them, view * height + row. Only :func:`split_rows` and :func:`stack_rows` convert.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refcolor.imaging.color import Image

Field = NDArray[np.float32]  # (H, W, 2): x, y of the source pixel of every target pixel
Cells = NDArray[np.int32]  # (H, W, 2): the same, in whole pixels


@dataclass(frozen=True)
class Views:
    """The sources at the target's scale, and their mirror images where those help."""

    gray255: Image  #: (V, H, W), in 8-bit levels: [0, 255]
    ab: Image  #: (V, H, W, 2): CIELAB a, b
    labels: NDArray[np.uint8] | None = None  #: (V, H, W): palette labels

    @property
    def height(self) -> int:
        """Rows of each view."""
        return int(self.gray255.shape[1])


def split_rows(y: NDArray[Any], height: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """View, and row within it, of rows that count all views of this height."""
    view = np.floor((y + np.float32(0.5)) / height)
    return view, y - view * height


def stack_rows(field: NDArray[Any], view: NDArray[Any] | int, height: int) -> NDArray[Any]:
    """Matches (..., 2) whose y is a row of this view, as matches whose y counts the rows of all views."""
    out = field.copy()
    out[..., 1] += np.asarray(view, np.float32) * np.float32(height)
    return out
