"""Align a source with a target: scale, mirrored view, and candidate matches for every pixel.

Several sources are seen one after the other, each as one view or two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refcolor.config import PATCH
from refcolor.imaging import geometry
from refcolor.imaging.color import Image, luma, rgb_to_lab
from refcolor.matching import light, optical_flow
from refcolor.matching.light import Shift
from refcolor.matching.optical_flow import Field, Matches
from refcolor.matching.source import Source
from refcolor.matching.views import Views

RESCALED = 0.15  # logarithm of the scale beyond which the source is brought to the target's
SAME_LIGHT = 0.5  # 8-bit levels; a mean difference as small tells nothing
SURE = 100  # aligned sparse matches that make it needless to look for a mirrored figure


@dataclass(frozen=True)
class Alignment:
    """What the patches start from.

    Attributes
    ----------
    views : Views
        The source at the target's scale, and perhaps its mirror image.
    candidates : list of float32 (H, W, 2)
        Possible source pixels of every target pixel, as x and view * height + y.
    matches : Matches
        The best flow, how far it is off, and what it says about the light.
    seen : tuple of Seen
        The sources.
    """

    views: Views
    candidates: list[Field]
    matches: Matches
    seen: tuple[Seen, ...]

    def motion(self, likest: Image) -> Field:
        """The cells (h, w, 2) that the embedding sees as likest, as one more candidate."""
        h, w = self.matches.error.shape
        height = self.views.gray.shape[1]
        return motion(likest, (h, w), [(source.size, source.view * height) for source in self.seen])

    @property
    def weights(self) -> dict[int, float]:
        """The sources by number, and how much each counts."""
        return {source.number: source.weight for source in self.seen}


@dataclass(frozen=True)
class Seen:
    """A source among the views: its number, how much it counts, its first view, its size (h, w) there."""

    number: int
    weight: float
    view: int
    size: tuple[int, int]


class Aligner:
    """Matches targets with some sources, and knows how their light differs.

    Parameters
    ----------
    sources : sequence of Source
        The colored pictures, of any sizes.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = tuple(sources)
        self._shifts = cache(self._both_shifts)

    def align(self, gray: Image, weights: Mapping[int, float] | None = None) -> Alignment:
        """Match a target with the sources.

        Parameters
        ----------
        gray : float32 (H, W)
            The target in [0, 1].
        weights : mapping of int to float, optional
            Numbers of the sources to use, and how much each counts; all count 1 if not given.
        """
        weights = dict.fromkeys(range(len(self.sources)), 1.0) if weights is None else weights
        each = [align(gray, self.sources[number], number, weight) for number, weight in weights.items()]
        return join(self._in_one_light(gray * 255, each) if len(each) > 1 else each)

    def _in_one_light(self, target: Image, each: list[Alignment]) -> list[Alignment]:
        """Alignments whose sources, where they stand in different light, are brought to one light.

        Gray is brought to the light of the source that fits best, as the target is; chroma to where the light
        of the target (H, W), in 8-bit levels, lies between them.
        """
        numbers = [one.seen[0].number for one in each]
        shifts = {
            (i, j): shift
            for i, j in permutations(range(len(each)), 2)
            if (shift := self._shift(numbers[i], numbers[j])) is not None
        }
        if not shifts:
            return each
        closest = np.argmin([one.matches.error / np.float32(one.seen[0].weight) for one in each], axis=0)
        best = int(np.bincount(closest.ravel(), minlength=len(each)).argmax())
        shares = _shares(target, each)
        relit = []
        for i, one in enumerate(each):
            views, matches = one.views, one.matches
            gray, ab = views.gray, views.ab
            for j, other in enumerate(each):
                shift = shifts.get((i, j))
                if shift is None:
                    continue
                ab = ab + np.float32(shares[j]) * shift.added(views.gray, views.ab)
                matches = replace(matches, dimming=1)
                if j == best:
                    gray, matches = shift.grays(gray), replace(matches, relit=other.matches.relit)
            relit.append(replace(one, views=replace(views, gray=gray, ab=ab), matches=matches))
        return relit

    def _shift(self, one: int, other: int) -> Shift | None:
        """From the light of a source to that of another, if they differ both ways."""
        low, high = sorted((one, other))
        up, down = self._shifts(low, high)
        return up if one == low else down

    def _both_shifts(self, low: int, high: int) -> tuple[Shift | None, Shift | None]:
        up, down = self._measured_shift(low, high), self._measured_shift(high, low)
        return (up, down) if up is not None and down is not None else (None, None)

    def _measured_shift(self, one: int, other: int) -> Shift | None:
        target = self.sources[other]
        aligned = align(target.gray, self.sources[one])
        source = np.dstack([_stacked(aligned.views.gray), _stacked(aligned.views.ab)])
        matches, pixels = aligned.matches, np.dstack([target.gray * 255, target.ab])
        return light.shift(source, pixels, matches.best, matches.error, matches.relit)


def _shares(target: Image, each: list[Alignment]) -> list[float]:
    """How near the light of each source is to the target's; its weight, where that cannot be told."""
    apart = [
        light.brighter(target, _stacked(one.views.gray), one.matches.best, one.matches.error) for one in each
    ]
    near = [one.seen[0].weight for one in each]
    if None not in apart:
        near = [1 / (abs(by) + SAME_LIGHT) for by in apart if by is not None]
    return [one / sum(near) for one in near]


def _stacked(views: NDArray[Any]) -> NDArray[Any]:
    """Views (V, H, W, ...) one below the other, as matches count their rows."""
    return views.reshape(-1, *views.shape[2:])


def join(each: Sequence[Alignment]) -> Alignment:
    """One alignment with several sources, of one with each."""
    if len(each) == 1:
        return each[0]
    height, width = (max(one.views.gray.shape[i] for one in each) for i in (1, 2))
    views: list[Views] = []
    candidates: list[Field] = []
    seen: list[Seen] = []
    first = 0
    matches = each[0].matches
    for one in each:
        source, h = one.seen[0], one.views.gray.shape[1]
        fields = [_raised(field, h, height, first) for field in (*one.candidates, one.matches.best)]
        candidates += fields[:-1]
        mine = replace(one.matches, best=fields[-1], error=one.matches.error / np.float32(source.weight))
        matches = mine if not seen else optical_flow.better(matches, mine)
        seen.append(replace(source, view=first))
        views.append(_padded(one.views, height, width))
        first += len(one.views.gray)
    gray, ab = (np.concatenate([getattr(v, name) for v in views]) for name in ("gray", "ab"))
    labels = [v.labels for v in views if v.labels is not None]
    return Alignment(
        Views(gray, ab, np.concatenate(labels) if labels else None), candidates, matches, tuple(seen)
    )


def _raised(field: Field, h: int, height: int, first: int) -> Field:
    """Matches with views of height `h` as matches with views of `height`, after `first` others."""
    view = np.floor((field[..., 1] + np.float32(0.5)) / h)
    out = field.copy()
    out[..., 1] += view * (height - h) + first * height
    return out


def _padded(views: Views, height: int, width: int) -> Views:
    """Views whose last row and column go on to this size."""

    def pad(plane: NDArray[Any]) -> NDArray[Any]:
        down, right = height - plane.shape[1], width - plane.shape[2]
        edges = ((0, 0), (0, down), (0, right), (0, 0))[: plane.ndim]
        return np.pad(plane, edges, mode="edge")

    return Views(pad(views.gray), pad(views.ab), None if views.labels is None else pad(views.labels))


def align(gray: Image, source: Source, number: int = 0, weight: float = 1.0) -> Alignment:
    """Match a target (H, W) in [0, 1] with one source."""
    target, came = gray * 255, source.gray * 255
    mine = optical_flow.points(target)
    sparse = optical_flow.sparse_matches(mine, source.points)
    scale = 1.0 if gray.shape == came.shape else math.sqrt(gray.size / came.size)
    if sparse.affine is not None:
        aligned = 1 / math.sqrt(abs(float(np.linalg.det(sparse.affine[:, :2]))))
        if abs(math.log(aligned / scale)) > RESCALED:
            scale = aligned
    ab, labels = source.ab, source.labels
    if scale != 1:
        h, w = (max(PATCH, round(side * scale)) for side in came.shape)
        rgb = geometry.resize(source.rgb, (w, h))
        came, ab = luma(rgb) * 255, rgb_to_lab(rgb)[..., 1:]
        labels = None if source.palette is None else source.palette.labels(rgb)
        sparse = optical_flow.sparse_matches(mine, optical_flow.points(came))
    candidates, matches = optical_flow.match(target, came, sparse)
    mirrored_too = False
    if sparse.inliers < SURE:
        flipped = np.ascontiguousarray(came[:, ::-1])
        other = optical_flow.sparse_matches(mine, optical_flow.points(flipped))
        mirrored_too = other.affine is not None and other.inliers > sparse.inliers
        if mirrored_too:
            below = np.array([0, came.shape[0]], np.float32)  # the mirror image follows in the rows below
            more, mirrored = optical_flow.match(target, flipped, other)
            candidates += [field + below for field in more]
            matches = optical_flow.better(matches, replace(mirrored, best=mirrored.best + below))

    def seen(plane: NDArray[Any]) -> NDArray[Any]:
        return np.stack([plane, plane[:, ::-1]] if mirrored_too else [plane])

    views = Views(seen(came), seen(ab), None if labels is None else seen(labels.astype(np.uint8)))
    return Alignment(views, candidates, matches, (Seen(number, weight, 0, came.shape),))


def motion(likest: Image, target: tuple[int, int], sources: Sequence[tuple[tuple[int, int], int]]) -> Image:
    """The likest cells, from :func:`refcolor.networks.embedding.recall`, as matches (H, W, 2).

    Parameters
    ----------
    likest : float32 (h, w, 2)
        Share of the source's width, and number of the source plus share of its height.
    target : (H, W)
    sources : sequence of ((height, width), first row)
        Size of each source, and where it begins.
    """
    (h, w), (height, width) = likest.shape[:2], target
    y, x = np.mgrid[:height, :width].astype(np.float32)
    row, column = (y * h / height).astype(np.int32), (x * w / width).astype(np.int32)
    number = np.minimum(likest[..., 1].astype(np.int32), len(sources) - 1)
    sizes = np.array([size[::-1] for size, _ in sources], np.float32)[number]
    below = np.array([[0, first] for _, first in sources], np.float32)[number]
    share = likest - number[..., None] * np.array([0, 1], np.float32)
    off_x, off_y = x + 0.5 - (column + 0.5) * (width / w), y + 0.5 - (row + 0.5) * (height / h)
    found = (share * sizes)[row, column] + np.stack([off_x, off_y], -1) - 0.5
    found = np.clip(found, 0, sizes[row, column] - 1) + below[row, column]
    return np.asarray(found, np.float32)
