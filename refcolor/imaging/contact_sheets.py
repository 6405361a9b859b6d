"""Contact sheets: pictures side by side with captions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging.color import to_8bit

Cell = tuple[str, NDArray[Any]]

GAP = 6  # pixels between cells
BACKGROUND = 24  # gray, in 8-bit levels
TEXT_GRAY = 225
FONT = cv2.FONT_HERSHEY_SIMPLEX
FONT_SCALE = 0.42
LINE_HEIGHT = 18
MAX_ASPECT = 4  # of a cell's height to its width


def contact_sheet(rows: Sequence[Sequence[Cell]], width: int = 1600) -> NDArray[np.uint8]:
    """Lay captioned pictures out in rows and columns.

    Parameters
    ----------
    rows : rows of (caption, picture)
        Pictures are (H, W) or (H, W, 3) RGB, uint8 or floating in [0, 1], of any sizes; rows may differ in
        length. A picture keeps its proportions and is enlarged or reduced to the width of its column.
    width : int
        Width of the sheet in pixels.

    Returns
    -------
    (height, width, 3) uint8 RGB

    Raises
    ------
    ValueError
        If there is no picture, a picture has a wrong shape or type, or the sheet is too narrow.
    """
    columns = max((len(row) for row in rows), default=0)
    if columns == 0:
        raise ValueError("a contact sheet needs at least one picture")
    cell = (width - GAP) // columns - GAP
    if cell < 8:
        raise ValueError(f"{columns} pictures do not fit into a width of {width} pixels")
    strips = [_strip([_cell(caption, image, cell) for caption, image in row], width) for row in rows if row]
    return np.concatenate([*strips, _blank(GAP, width)])


def _blank(height: int, width: int) -> NDArray[np.uint8]:
    return np.full((height, width, 3), BACKGROUND, np.uint8)


def _strip(cells: list[NDArray[np.uint8]], width: int) -> NDArray[np.uint8]:
    """One row of finished cells, aligned at the top."""
    strip = _blank(GAP + max(len(cell) for cell in cells), width)
    left = GAP
    for cell in cells:
        strip[GAP : GAP + len(cell), left : left + cell.shape[1]] = cell
        left += cell.shape[1] + GAP
    return strip


def _cell(caption: str, image: NDArray[Any], width: int) -> NDArray[np.uint8]:
    """The caption above its picture, exactly ``width`` wide."""
    picture = _fitted(_rgb8(image), width)
    lines = _wrapped(caption, width)
    head = _blank(LINE_HEIGHT * len(lines), width)
    for number, line in enumerate(lines):
        base = (0, LINE_HEIGHT * number + LINE_HEIGHT - 5)
        cv2.putText(head, line, base, FONT, FONT_SCALE, (TEXT_GRAY,) * 3, 1, cv2.LINE_AA)
    return np.concatenate([head, picture])


def _rgb8(image: NDArray[Any]) -> NDArray[np.uint8]:
    if image.size == 0 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)):
        raise ValueError(f"a picture must be (H, W) or (H, W, 3), not {image.shape}")
    if np.issubdtype(image.dtype, np.floating):
        image = to_8bit(image)
    elif image.dtype != np.uint8:
        raise ValueError(f"a picture must be uint8 or floating, not {image.dtype}")
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    return image


def _fitted(image: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    if height > MAX_ASPECT * width:  # a very tall picture would make a sheet nobody can open
        height, width = (
            MAX_ASPECT * width,
            max(1, round(MAX_ASPECT * width * image.shape[1] / image.shape[0])),
        )
    # Area averaging keeps thin lines when reducing; enlarged pixels stay hard, so that each can be judged.
    how = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(image, (width, height), interpolation=how), np.uint8)


def _wrapped(caption: str, width: int) -> list[str]:
    """Break the caption at blanks into lines that fit; a single word that is too long is cut at the edge."""
    lines: list[str] = []
    for word in caption.split():
        longer = f"{lines[-1]} {word}" if lines else word
        fits = cv2.getTextSize(longer, FONT, FONT_SCALE, 1)[0][0] <= width
        if lines and fits:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines or [""]
