"""Cut a gray picture into regions: even areas between edges, and textured areas, with a graph of which touch.

Pixels on lines and edges, anti-aliased as they are, belong to no region; each still has a nearest one, by
which neighbors are found and areas can be filled. The cut is fine: weak edges count. How strong they are is
known, and :meth:`Regions.merged` forgets weak ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from refcolor.imaging.color import Image
from refcolor.imaging.neighborhoods import STEPS, WINDOW, borders, denoised, local_range

MAX_LOCAL_RANGE = 4  # 8-bit levels of gray within 3x3 pixels inside an even region
EVEN_SIDE = 4  # pixels; of a square that an even region holds: what is narrower is a stroke
TEXTURE_SIDE = 15  # pixels; edges that fill such squares are texture
BORDER_STEP = 255  # 8-bit levels; what a border that the caller gave counts as


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions of a picture, numbered from 0; -1 stands for none."""

    labels: NDArray[np.int32]  #: (H, W): region of each pixel, -1 on lines and edges
    nearest: NDArray[np.int32]  #: (H, W): the same, with the nearest region on lines and edges
    step: NDArray[np.uint8]  #: (H, W): local range of gray, in 8-bit levels; 255 on borders that were given

    def __len__(self) -> int:
        return int(self.nearest.max()) + 1

    @cached_property
    def area(self) -> NDArray[np.int64]:
        """Pixels of each region, without lines and edges: (n,)."""
        return np.bincount(self.labels.ravel() + 1, minlength=len(self) + 1)[1:]

    @cached_property
    def center(self) -> Image:
        """Mean x, y of the pixels of each region: (n, 2)."""
        return self.mean(np.moveaxis(np.indices(self.labels.shape)[::-1], 0, -1))

    @cached_property
    def neighbors(self) -> tuple[NDArray[np.int64], Image]:
        """Regions that touch, the lower number first: (m, 2), and the strength of the border of each (m,).

        Strength is the mean, along the border, of the largest local range across it, in 8-bit levels.
        """
        height = cv2.dilate(self.step, WINDOW)
        steps = [np.maximum(height[one], height[other]) for one, other in STEPS]
        pairs, total, length = borders(self.nearest, steps)
        return pairs, (total / length).astype(np.float32)

    def mean(self, plane: NDArray[Any]) -> Image:
        """Mean of a plane (H, W), or of each of several (H, W, k), over each region: (n,) or (n, k)."""
        owner = self.labels.ravel() + 1
        planes = np.asarray(plane, np.float64).reshape(owner.size, -1)
        total = np.stack([np.bincount(owner, p, len(self) + 1)[1:] for p in planes.T], -1)
        means = (total / np.maximum(self.area, 1)[:, None]).astype(np.float32)
        return np.asarray(means.reshape(len(self), *plane.shape[2:]))

    def merged(self, strength: float) -> Regions:
        """The regions without borders weaker than this, in 8-bit levels."""
        pairs, strengths = self.neighbors
        one, other = pairs[strengths < strength].T
        links = coo_array((np.ones(len(one), bool), (one, other)), shape=(len(self), len(self)))
        group = connected_components(links, directed=False)[1].astype(np.int32)
        nearest = group[self.nearest]
        forgotten = (self.labels < 0) & (cv2.erode(nearest.astype(np.float32), WINDOW) == nearest)
        forgotten &= cv2.dilate(nearest.astype(np.float32), WINDOW) == nearest
        labels = np.where(self.labels < 0, np.where(forgotten, nearest, -1), group[self.labels])
        return Regions(labels.astype(np.int32), nearest, self.step)


def segment(gray255: Image, border: NDArray[np.bool_] | None = None) -> Regions:
    """Cut a picture (H, W), in 8-bit levels, along its edges and, where given, along a `border` (H, W).

    Areas grow from their middle (Meyer, "Color image segmentation", 1992, as OpenCV does it), so that pixels
    on an edge find the side that their gray is nearer to. A picture has at least one region.
    """
    smooth = denoised(gray255)
    step = np.asarray(local_range(smooth), np.uint8)
    if border is not None:
        step = np.where(border, np.uint8(BORDER_STEP), step)
    edge = (step > MAX_LOCAL_RANGE).astype(np.uint8)
    texture = cv2.morphologyEx(edge, cv2.MORPH_OPEN, np.ones((TEXTURE_SIDE, TEXTURE_SIDE), np.uint8))
    even, seeds = _components(1 - edge, EVEN_SIDE)
    rough, _ = _components(texture, TEXTURE_SIDE)
    labels = np.where(even >= 0, even, np.where(rough >= 0, rough + seeds, -1)).astype(np.int32)
    if not (labels >= 0).any():
        labels[:] = 0
    nearest = cv2.watershed(cv2.cvtColor(smooth, cv2.COLOR_GRAY2BGR), labels + 1) - 1
    nearest = _closed(np.where(labels >= 0, labels, nearest))
    return Regions(labels, nearest, step)


def _components(mask: NDArray[np.uint8], side: int) -> tuple[NDArray[np.int32], int]:
    """Connected areas of a mask that hold a square of this side, numbered from 0, else -1; their number."""
    count, owner = cv2.connectedComponents(mask, connectivity=4, ltype=cv2.CV_32S)
    large = np.bincount(owner.ravel(), cv2.erode(mask, np.ones((side, side), np.uint8)).ravel(), count) > 0
    large[0] = False
    number = np.where(large, np.cumsum(large) - 1, -1).astype(np.int32)
    return number[owner], int(large.sum())


def _closed(nearest: NDArray[np.int32]) -> NDArray[np.int32]:
    """The basins without the lines, -2, that the watershed leaves between them and around the picture."""
    nearest = nearest.copy()
    while (nearest < 0).any():
        open_ = nearest < 0
        grown = cv2.dilate(nearest.astype(np.float32), WINDOW).astype(np.int32)
        nearest[open_] = grown[open_]
    return nearest
