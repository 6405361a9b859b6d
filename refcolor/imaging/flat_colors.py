"""Flat colors: find the exact colors of flat art in the source, and lay them on regions of the target.

Regions of the target that have one gray get one of the source's flat colors; anti-aliased pixels between two
such regions become blends of the two. No other pixel changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging import geometry, merge
from refcolor.imaging.color import BT601, Image, pack, rgb_to_lab, to_8bit, unpack
from refcolor.imaging.neighborhoods import WINDOW, local_range
from refcolor.imaging.palette import Palette

MAX_RAMP_STEP = 3  # 8-bit levels within 3x3 pixels of a ramp, in every channel
MAX_RAMP_SHARE = 0.9  # of the outline of a flat color that may lie in ramps: more, and it is a band of one
MIN_FLAT_SHARE = 0.5  # of the source that lies in flat regions, for it to count as flat art
MIN_COLOR_SHARE = 2e-4  # of the source that a flat color covers
WHOLE_LEVEL_TOLERANCE = 0.01  # 8-bit levels from a whole one within which a gray counts as rounded
HALF_LEVEL = 0.501  # 8-bit levels that rounding may put between a region's gray and its color's
MAX_GRAY_DISTANCE = 1.01  # the same where no color is as near: then the color lends its chroma only
MAX_CHROMA_DISTANCE = 15.0  # CIELAB units between the voted chroma and the flat color it stands for
NETWORK_WEIGHT = 1.0  # of the network's opinion of a region; the votes weigh 1
MIN_VOTE_SHARE = 0.5  # of both opinions that a region's color must have
BLEND_RADIUS = 2  # pixels; the two colors of an anti-aliased pixel lie within this
MIN_CONFIDENCE = 0.9  # of pixels with a flat color

Pixels = tuple[NDArray[np.intp], NDArray[np.intp]]  # rows, columns


@dataclass(frozen=True)
class FlatColors:
    """The flat colors of a drawing."""

    rgb: Image  #: (n, 3), encoded sRGB in [0, 1]
    ab: Image  #: (n, 2), CIELAB a, b
    gray: Image  #: (n,), BT.601 luma in 8-bit levels

    def __len__(self) -> int:
        return len(self.rgb)


def find(rgb: Image) -> FlatColors:
    """The 8-bit colors that fill 3x3 pixels of a source (H, W, 3) in [0, 1]; none unless it is flat art.

    In soft shading every band of one level fills such pixels too. Bands end in steps of a level or two.
    """
    levels = to_8bit(rgb)
    steps = local_range(levels)
    flat, ramp = (steps == 0).all(-1), (steps <= MAX_RAMP_STEP).all(-1) & steps.any(-1)
    flat &= flat.mean() >= MIN_FLAT_SHARE  # most sources are none: no need to sort their pixels
    codes, color, count = np.unique(
        pack(levels)[flat],
        return_inverse=True,
        return_counts=True,
    )
    near_step, near_ramp = (cv2.dilate(m.astype(np.uint8), WINDOW)[flat] for m in (~flat, ramp))
    outline, in_ramps = (np.bincount(color, near, len(codes)) for near in (near_step, near_ramp))
    paint = in_ramps <= MAX_RAMP_SHARE * outline
    paint &= count[paint].sum() >= MIN_FLAT_SHARE * flat.size
    codes = codes[paint & (count >= max(1.0, MIN_COLOR_SHARE * flat.size))]
    colors = unpack(codes)
    ab = rgb_to_lab(colors[None])[0, :, 1:] if len(colors) else np.zeros((0, 2), np.float32)
    return FlatColors(colors, ab, np.asarray(colors @ BT601 * 255, np.float32))


def join(several: Sequence[FlatColors]) -> FlatColors:
    """The flat colors of several sources, each once."""
    if len(several) == 1:
        return several[0]
    rgb, ab, gray = (np.concatenate([getattr(f, name) for f in several]) for name in ("rgb", "ab", "gray"))
    _, first = np.unique(rgb, axis=0, return_index=True)
    return FlatColors(rgb[first], ab[first], gray[first])


def apply(
    image: Image,
    gray: Image,
    colors: FlatColors,
    probabilities: Image | None = None,
    palette: Palette | None = None,
    kept: NDArray[np.bool_] | None = None,
    border: NDArray[np.bool_] | None = None,
    certain: NDArray[np.bool_] | None = None,
) -> tuple[Image, NDArray[np.bool_]]:
    """Give the flat regions of a colored target the source's flat colors.

    Parameters
    ----------
    image : float32 (H, W, 3)
        The colored target; its chroma votes for the color of each region.
    gray : float32 (H, W)
        The target, in [0, 1].
    colors : FlatColors
        Of the source.
    probabilities : float32 (h, w, k), optional
        The network's probabilities of the colors of `palette`, on any grid.
    kept : bool (H, W), optional
        Pixels whose chroma is sure: they choose their flat color alone.
    border : bool (H, W), optional
        Color borders that end regions although both sides share one gray.
    certain : bool (H, W), optional
        Pixels whose chroma is the source's own: they become no blends.

    Returns
    -------
    float32 (H, W, 3)
        The picture with flat colors.
    bool (H, W)
        The pixels that have one.
    """
    if not len(colors):
        return image, np.zeros(gray.shape, bool)
    ab = rgb_to_lab(image)[..., 1:]
    nowhere = np.zeros(gray.shape, bool)
    kept, border, certain = (nowhere if given is None else given for given in (kept, border, certain))
    chosen = _choose(ab, gray, colors, probabilities, palette, kept, border)
    flat = chosen >= 0
    if not flat.any():
        return image, flat
    out = image.copy()
    out[flat] = colors.rgb[chosen[flat]]
    distance = np.abs(gray * 255 - colors.gray[chosen])
    rounded = np.abs(gray * 255 - to_8bit(gray)) <= WHOLE_LEVEL_TOLERANCE
    other_gray = flat & (distance > np.where(rounded, HALF_LEVEL, WHOLE_LEVEL_TOLERANCE))
    if other_gray.any():  # the color's chroma, but the target's gray
        chroma = colors.ab[chosen[other_gray]][None]
        out[other_gray] = merge.luma_exact(gray[other_gray][None], chroma)[0]
    _blend(out, gray, ab, colors, chosen, certain)
    return out, flat


def _choose(
    ab: Image,
    gray: Image,
    colors: FlatColors,
    probabilities: Image | None,
    palette: Palette | None,
    kept: NDArray[np.bool_],
    border: NDArray[np.bool_],
) -> NDArray[np.int32]:
    """Index (H, W) of the flat color of every pixel, -1 for none; regions vote by their chroma (H, W, 2)."""
    chosen = np.full(gray.shape, -1, np.int32)
    labels = None if palette is None else palette.labels(colors.rgb[None])[0]
    for level, pixels in _flat_pixels(gray):
        distance = np.abs(colors.gray - level)
        limit = HALF_LEVEL if distance.min() <= HALF_LEVEL else MAX_GRAY_DISTANCE
        choice = np.flatnonzero(distance <= limit)
        if not len(choice):
            continue
        count, region = _regions(*pixels, border[pixels])
        nearest, agrees = _nearest(ab[pixels], colors.ab[choice])
        support = np.zeros((count, len(choice)))
        np.add.at(support, (region[agrees], nearest[agrees]), 1)
        support /= np.maximum(np.bincount(region, minlength=count), 1)[:, None]
        whole = 1.0
        if probabilities is not None and labels is not None and len(choice) > 1:
            cells = geometry.grid_cells(*pixels, gray.shape, probabilities.shape)
            opinions = probabilities[..., labels[choice]]
            support += NETWORK_WEIGHT * _mean_opinion(opinions, cells, region, count)
            whole += NETWORK_WEIGHT
        winner = np.where(support.max(1) >= MIN_VOTE_SHARE * whole, choice[support.argmax(1)], -1)
        alone = kept[pixels] | border[pixels]
        chosen[pixels] = np.where(alone, np.where(agrees, choice[nearest], -1), winner[region])
    return chosen


def _flat_pixels(gray: Image) -> Iterator[tuple[int, Pixels]]:
    """Each 8-bit level, and those of its pixels that lie in 3x3 pixels of exactly one gray."""
    flat = np.flatnonzero(cv2.dilate((local_range(gray) == 0).astype(np.uint8), WINDOW))
    levels = to_8bit(gray).ravel()[flat]
    flat = flat[np.argsort(levels, kind="stable")]
    ends = np.cumsum(np.bincount(levels, minlength=256))
    for level in np.unique(levels).tolist():
        first = ends[level - 1] if level else 0
        yield level, tuple(np.divmod(flat[first : ends[level]], gray.shape[1]))  # type: ignore[misc]


def _regions(
    y: NDArray[np.intp], x: NDArray[np.intp], border: NDArray[np.bool_]
) -> tuple[int, NDArray[np.int32]]:
    """Number of labels of the connected regions of these pixels, and each pixel's label; 0 is for borders."""
    y, x = y - y.min(), x - x.min()
    mask = np.zeros((y.max() + 1, x.max() + 1), np.uint8)
    mask[y, x] = ~border
    count, region = cv2.connectedComponents(mask, connectivity=4, ltype=cv2.CV_32S)
    return count, region[y, x]


def _nearest(ab: Image, choice: Image) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The nearest of a few colors (m, 2) to every chroma (n, 2), and whether it is near enough."""
    best = np.zeros(len(ab), np.intp)
    least = np.full(len(ab), np.inf, np.float32)
    for i, color in enumerate(choice):  # one by one: bounds the memory
        squared = ((ab - color) ** 2).sum(-1)
        best[squared < least] = i
        np.minimum(least, squared, out=least)
    return best, least <= MAX_CHROMA_DISTANCE**2


def _mean_opinion(
    opinions: Image, cells: Pixels, region: NDArray[np.int32], count: int
) -> NDArray[np.float64]:
    """Mean probability (count, n) of n colors over the cells of each region; `opinions` is (h, w, n)."""
    each = opinions[cells].astype(np.float64) + 1e-6
    each /= each.sum(1, keepdims=True)
    total = np.zeros((count, opinions.shape[2]))
    np.add.at(total, region, each)
    return total / np.maximum(np.bincount(region, minlength=count), 1)[:, None]


def _blend(
    image: Image,
    gray: Image,
    ab: Image,
    colors: FlatColors,
    chosen: NDArray[np.int32],
    certain: NDArray[np.bool_],
) -> None:
    """Mix two flat colors by gray in the pixels between them, where the voted chroma is about the same.

    Certain pixels stay as they are.
    """
    order = np.argsort(colors.gray, kind="stable")
    rank = np.argsort(order, kind="stable").astype(np.float32)  # of colors by gray; float for OpenCV
    flat = chosen >= 0
    ranks = rank[chosen]
    kernel = np.ones((2 * BLEND_RADIUS + 1,) * 2, np.uint8)
    low = cv2.erode(np.where(flat, ranks, np.float32(1e6)), kernel)
    high = cv2.dilate(np.where(flat, ranks, np.float32(-1)), kernel)
    y, x = np.nonzero(~flat & ~certain & (low < high))
    dark, light = order[low[y, x].astype(int)], order[high[y, x].astype(int)]
    level = gray[y, x] * 255
    between = (colors.gray[dark] < level) & (level < colors.gray[light])
    y, x, dark, light, level = (v[between] for v in (y, x, dark, light, level))
    share = (level - colors.gray[dark]) / (colors.gray[light] - colors.gray[dark])
    mixed = colors.rgb[dark] + (colors.rgb[light] - colors.rgb[dark]) * share[:, None]
    if len(mixed):
        agrees = ((rgb_to_lab(mixed[None])[0, :, 1:] - ab[y, x]) ** 2).sum(-1) <= MAX_CHROMA_DISTANCE**2
        image[y[agrees], x[agrees]] = mixed[agrees]
