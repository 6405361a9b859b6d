"""Views, fields and costs on the levels of an image pyramid, each level half the size of the one before."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging.color import Image
from refcolor.matching.views import Cells, Field, Views, split_rows, stack_rows

MAX_LEVELS = 4
MIN_SIDE = 64  # pixels of the shortest side at the coarsest level
MAX_COORDINATE = 1 << 24  # what the search kernel takes

Shape = tuple[int, ...]


def level_count(side: int) -> int:
    """Number of levels for pictures whose shortest side has this many pixels."""
    return next((n for n in range(1, MAX_LEVELS) if side >> n < MIN_SIDE), MAX_LEVELS)


def level_shape(shape: Shape, level: int) -> tuple[int, int]:
    """(h, w) of a picture (H, W) at a level."""
    h, w = (max(1, round(side / 2**level)) for side in shape)
    return h, w


def resize(image: Image, shape: Shape, method: int = cv2.INTER_AREA) -> Image:
    """The image (H, W) or (H, W, C) at this size; the same object where it has it already."""
    same = image.shape[:2] == tuple(shape)
    return image if same else np.asarray(cv2.resize(image, shape[::-1], interpolation=method))


def reduce_views(views: Views, level: int) -> Views:
    """The views at a level."""
    if level == 0:
        return views
    shape = level_shape(views.gray255.shape[1:], level)
    gray, ab = (np.stack([resize(v, shape) for v in planes]) for planes in (views.gray255, views.ab))
    labels = views.labels
    if labels is not None:
        labels = np.stack([cv2.resize(v, shape[::-1], interpolation=cv2.INTER_NEAREST) for v in labels])
    return Views(gray, ab, labels)


def reduce_field(field: Field, shape: Shape, full: Shape, small: Shape) -> Cells:
    """A full-size field on a level's grid.

    Sizes (h, w) are of the target at the level, of the views at full size, and of the views at the level.
    """
    field = resize(field, shape, cv2.INTER_NEAREST)
    view, row = split_rows(field[..., 1], full[0])
    x = (field[..., 0] + 0.5) * (small[1] / full[1]) - 0.5
    y = (row + 0.5) * (small[0] / full[0]) - 0.5
    return _cells(stack_rows(np.stack([x, y], -1), view, small[0]))


def enlarge_field(field: Cells, shape: Shape, small: Shape, full: Shape) -> Cells:
    """The field of the coarser level on this level's grid.

    Sizes (h, w) are of the target at this level, of the views at the coarser level, and of those at this one.
    """
    h, w = field.shape[:2]
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    x, y = (x + 0.5) * (w / shape[1]), (y + 0.5) * (h / shape[0])
    column, row = np.minimum(x.astype(np.int32), w - 1), np.minimum(y.astype(np.int32), h - 1)
    found = field[row, column].astype(np.float32)
    view, source_row = split_rows(found[..., 1], small[0])
    source_x = (found[..., 0] + x - column) * (full[1] / small[1]) - 0.5
    source_y = (source_row + y - row) * (full[0] / small[0]) - 0.5
    return _cells(stack_rows(np.stack([source_x, source_y], -1), view, full[0]))


def _cells(field: Field) -> Cells:
    return np.asarray(np.rint(np.clip(field, -MAX_COORDINATE, MAX_COORDINATE)), np.int32)


def resize_costs(costs: NDArray[np.uint16], shape: Shape) -> NDArray[np.uint16]:
    """Costs (h, w, k) of the labels at every pixel of a level of this shape."""
    out = np.empty((*shape, costs.shape[2]), np.uint16)
    for first in range(0, costs.shape[2], 4):  # OpenCV resizes up to four channels
        part = slice(first, first + 4)
        out[..., part] = np.atleast_3d(cv2.resize(np.ascontiguousarray(costs[..., part]), shape[::-1]))
    return out
