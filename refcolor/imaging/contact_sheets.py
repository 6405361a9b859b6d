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
    """Lay captioned pictures out in rows, which may differ in length: uint8 RGB (height, width, 3).

    Pictures are (H, W) or (H, W, 3) RGB, uint8 or floating in [0, 1], of any sizes; each keeps its
    proportions and is enlarged or reduced to the width of its column. ValueError if there is none, one has
    another shape or type, or the sheet is too narrow.
    """
    columns = max((len(row) for row in rows), default=0)
    if columns == 0:
        raise ValueError("a contact sheet needs at least one picture")
    side = (width - GAP) // columns - GAP
    if side < 8:
        raise ValueError(f"{columns} pictures do not fit into a width of {width} pixels")
    strips = [_strip([_cell(caption, image, side) for caption, image in row], width) for row in rows if row]
    return np.concatenate([*strips, _blank(GAP, width)])


def _blank(height: int, width: int) -> NDArray[np.uint8]:
    return np.full((height, width, 3), BACKGROUND, np.uint8)


def _strip(cells: list[NDArray[np.uint8]], width: int) -> NDArray[np.uint8]:
    """One row of cells of one width, aligned at the top."""
    strip = _blank(GAP + max(len(cell) for cell in cells), width)
    for number, cell in enumerate(cells):
        left = GAP + number * (cell.shape[1] + GAP)
        strip[GAP : GAP + len(cell), left : left + cell.shape[1]] = cell
    return strip


def _cell(caption: str, image: NDArray[Any], width: int) -> NDArray[np.uint8]:
    """The caption above its picture, exactly ``width`` wide."""
    picture = _fitted(_rgb8(image), width)
    lines = _wrapped(caption, width)
    top = LINE_HEIGHT * len(lines)
    cell = _blank(top + len(picture), width)
    for number, line in enumerate(lines):
        base = (0, LINE_HEIGHT * number + LINE_HEIGHT - 5)
        cv2.putText(cell, line, base, FONT, FONT_SCALE, (TEXT_GRAY,) * 3, 1, cv2.LINE_AA)
    cell[top:, : picture.shape[1]] = picture
    return cell


def _rgb8(image: NDArray[Any]) -> NDArray[np.uint8]:
    if image.size == 0 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)):
        raise ValueError(f"a picture must be (H, W) or (H, W, 3), not {image.shape}")
    eight = image if image.dtype == np.uint8 else to_8bit(image)
    return eight if image.ndim == 3 else np.repeat(eight[..., None], 3, axis=2)


def _fitted(image: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """The picture `width` wide, or less where it would be so tall that nobody can open the sheet."""
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    if height > MAX_ASPECT * width:
        height = MAX_ASPECT * width
        width = max(1, round(height * image.shape[1] / image.shape[0]))
    # Area averaging keeps thin lines when reducing; enlarged pixels stay hard, so that each can be judged.
    how = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(image, (width, height), interpolation=how), np.uint8)


def _wrapped(caption: str, width: int) -> list[str]:
    """Break the caption at blanks into lines that fit; a single word that is too long is cut at the edge."""
    lines = [""]
    for word in caption.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines == [""] or cv2.getTextSize(longer, FONT, FONT_SCALE, 1)[0][0] <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
