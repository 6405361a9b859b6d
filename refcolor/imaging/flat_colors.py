"""Exact paints on flat art: the source's own colors, to the last bit.

Regions of the target that are truly of one gray get one of the source's own paints; the anti-aliased pixels
between two of them are blends of the two. Nothing else is painted over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging import merge
from refcolor.imaging.color import BT601, Image, rgb_to_lab, to_8bit
from refcolor.imaging.palette import Palette

FLAT_SHARE = 0.2  # of the source that lies in flat regions, for it to count as flat art
PAINT_SHARE = 2e-4  # of the source that a color covers flatly, for it to be a paint
ROUNDED = 0.01  # 8-bit levels by which a gray may miss a whole one; a finer gray is kept as it is
HALF_LEVEL = 0.501  # 8-bit levels by which rounding may part a region's gray from its paint's
SAME_GRAY = 1.01  # the same where no paint is as near: then the paint lends its chroma only
AGREES = 15.0  # CIELAB units between the voted chroma and the paint it stands for
EXPECTED = 1.0  # weight of the network's opinion of a region, against the votes'
ENOUGH = 0.5  # of both opinions, for a region to be painted
AROUND = 2  # pixels; sides of an anti-aliased line are looked for within this
PAINTED = 0.9  # confidence of a painted region, at least
SQUARE = np.ones((3, 3), np.uint8)  # a pixel and its neighbors


@dataclass(frozen=True)
class Paints:
    """The flat colors of a drawing: RGB (n, 3) in [0, 1], CIELAB a, b (n, 2), gray (n,) in 8-bit levels."""

    rgb: Image
    ab: Image
    gray: Image

    def __len__(self) -> int:
        return len(self.rgb)


def find(rgb: Image) -> Paints:
    """The source's paints: 8-bit colors that fill 3x3 pixels; none unless it is flat art.

    Parameters
    ----------
    rgb : float32 (H, W, 3)
        Source in [0, 1].
    """
    eight = to_8bit(rgb)
    flat = (ripple(eight) == 0).all(-1)
    code = (eight.astype(np.int32) << np.array([16, 8, 0])).sum(-1)[flat]
    if flat.mean() >= FLAT_SHARE:
        found, count = np.unique(code, return_counts=True)
        found = found[count >= max(1.0, PAINT_SHARE * flat.size)]
    else:
        found = np.zeros(0, np.int64)
    colors = (found[:, None] >> np.array([16, 8, 0]) & 255).astype(np.float32) / np.float32(255)
    ab = rgb_to_lab(colors[None])[0, :, 1:] if len(colors) else np.zeros((0, 2), np.float32)
    return Paints(colors, ab, np.asarray(colors @ BT601 * 255, np.float32))


def join(several: Sequence[Paints]) -> Paints:
    """The paints of several sources, each once."""
    if len(several) == 1:
        return several[0]
    _, first = np.unique(np.concatenate([paints.rgb for paints in several]), axis=0, return_index=True)
    rgb, ab, gray = (np.concatenate([getattr(p, name) for p in several]) for name in ("rgb", "ab", "gray"))
    return Paints(rgb[first], ab[first], gray[first])


def lay(
    image: Image, gray: Image, known: Paints, expected: Image | None = None, palette: Palette | None = None
) -> tuple[Image, NDArray[np.bool_]]:
    """Lay the source's paints over the flat regions of a colored target.

    Parameters
    ----------
    image : float32 (H, W, 3)
        The colored target.
    gray : float32 (H, W)
        The target, in [0, 1].
    known : Paints
        Of the source.
    expected : float32 (h, w, k), optional
        The network's probabilities of the colors of `palette`, on any grid.

    Returns
    -------
    float32 (H, W, 3)
        The picture with paints.
    bool (H, W)
        Where it was painted.
    """
    nothing = np.zeros(gray.shape, bool)
    if not len(known):
        return image, nothing
    levels = to_8bit(gray)
    ab = rgb_to_lab(image)[..., 1:]
    which = np.full(gray.shape, -1, np.int32)  # paint of every pixel
    for level, at in _flat_pixels(gray, levels):
        off = np.abs(known.gray - level)
        choice = np.flatnonzero(off <= (HALF_LEVEL if off.min() <= HALF_LEVEL else SAME_GRAY))
        if not len(choice):
            continue
        count, owner = _regions(*at)
        nearest, agrees = _nearest(ab[at], known.ab[choice])
        area = np.bincount(owner, minlength=count)
        support = np.zeros((count, len(choice)))
        np.add.at(support, (owner[agrees], nearest[agrees]), 1)
        support /= np.maximum(area, 1)[:, None]
        whole = 1.0
        if expected is not None and palette is not None and len(choice) > 1:
            cells = cells_at(at[0], at[1], gray.shape, expected.shape)
            belief = expected[..., palette.labels(known.rgb[choice][None])[0]]
            support += EXPECTED * _opinion(belief, cells, owner, count)
            whole += EXPECTED
        winner = np.where(support.max(1) >= ENOUGH * whole, choice[support.argmax(1)], -1)
        which[at] = winner[owner]
    painted = which >= 0
    if not painted.any():
        return image, painted
    out = image.copy()
    out[painted] = known.rgb[which[painted]]
    off = np.abs(gray * 255 - known.gray[which])
    rounded = np.abs(gray * 255 - levels) <= ROUNDED
    near = painted & (off > np.where(rounded, HALF_LEVEL, ROUNDED))
    if near.any():  # the paint's chroma, but the target's gray
        out[near] = merge.luma_exact(gray[near][None], known.ab[which[near]][None])[0]
    return _blend(out, gray, ab, known, which), painted


def _flat_pixels(
    gray: Image, levels: NDArray[np.uint8]
) -> Iterator[tuple[int, tuple[NDArray[np.intp], NDArray[np.intp]]]]:
    """Each 8-bit level, and the rows and columns of the pixels that lie in 3x3 pixels of one gray of it."""
    flat = np.flatnonzero(cv2.dilate((ripple(gray) == 0).astype(np.uint8), SQUARE))
    mine = levels.ravel()[flat]
    flat = flat[np.argsort(mine, kind="stable")]
    ends = np.cumsum(np.bincount(mine, minlength=256))
    for level in np.unique(mine).tolist():
        first = ends[level - 1] if level else 0
        yield level, tuple(np.divmod(flat[first : ends[level]], gray.shape[1]))  # type: ignore[misc]


def _regions(y: NDArray[np.intp], x: NDArray[np.intp]) -> tuple[int, NDArray[np.int32]]:
    """How many connected regions these pixels form, the rest as number 0, and the region of each."""
    y, x = y - y.min(), x - x.min()
    mask = np.zeros((y.max() + 1, x.max() + 1), np.uint8)
    mask[y, x] = 1
    count, region = cv2.connectedComponents(mask, connectivity=4, ltype=cv2.CV_32S)
    return count, region[y, x]


def _nearest(ab: Image, choice: Image) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The nearest of a few paints to every chroma (n, 2), and whether it is near enough."""
    best = np.zeros(len(ab), np.intp)
    least = np.full(len(ab), np.inf, np.float32)
    for i, paint in enumerate(choice):  # one by one: bounds the memory
        away = ((ab - paint) ** 2).sum(-1)
        best[away < least] = i
        np.minimum(least, away, out=least)
    return best, least <= AGREES**2


def _opinion(
    belief: Image, cells: tuple[NDArray[np.intp], NDArray[np.intp]], owner: NDArray[np.int32], count: int
) -> NDArray[np.float64]:
    """Mean belief (h, w, n) in each of n paints over the cells of each region: (count, n), rows sum to 1."""
    mine = belief[cells].astype(np.float64) + 1e-6
    mine /= mine.sum(1, keepdims=True)
    total = np.zeros((count, belief.shape[2]))
    np.add.at(total, owner, mine)
    return total / np.maximum(np.bincount(owner, minlength=count), 1)[:, None]


def _blend(image: Image, gray: Image, ab: Image, known: Paints, which: NDArray[np.int32]) -> Image:
    """Between two paints, mix them as the gray says, where the chroma found (H, W, 2) is about that."""
    order = np.argsort(known.gray, kind="stable")
    rank = np.argsort(order, kind="stable").astype(np.float32)  # paints by their gray; float for OpenCV
    inside = which >= 0
    ranks = rank[which]
    kernel = np.ones((2 * AROUND + 1,) * 2, np.uint8)
    low = cv2.erode(np.where(inside, ranks, np.float32(1e6)), kernel)
    high = cv2.dilate(np.where(inside, ranks, np.float32(-1)), kernel)
    y, x = np.nonzero(~inside & (low < high))
    dark, light = order[low[y, x].astype(int)], order[high[y, x].astype(int)]
    level = gray[y, x] * 255
    between = (known.gray[dark] < level) & (level < known.gray[light])
    y, x, dark, light, level = (v[between] for v in (y, x, dark, light, level))
    share = (level - known.gray[dark]) / (known.gray[light] - known.gray[dark])
    mixed = known.rgb[dark] + (known.rgb[light] - known.rgb[dark]) * share[:, None]
    if len(mixed):
        alike = ((rgb_to_lab(mixed[None])[0, :, 1:] - ab[y, x]) ** 2).sum(-1) <= AGREES**2
        image[y[alike], x[alike]] = mixed[alike]
    return image


def ripple(image: NDArray[Any]) -> NDArray[Any]:
    """How far the values of every 3x3 pixels lie apart."""
    return np.asarray(cv2.morphologyEx(image, cv2.MORPH_GRADIENT, SQUARE))


def cells_at(
    y: NDArray[np.intp], x: NDArray[np.intp], full: tuple[int, ...], small: tuple[int, ...]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column, on a grid of size `small`, of the pixels of a picture of size `full`."""
    return y * small[0] // full[0], x * small[1] // full[1]
