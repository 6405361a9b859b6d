"""Align a source with a target: scale, mirrored view, and candidate matches for every pixel.

The views of several sources follow each other, one or two for each; see :mod:`refcolor.matching.views`.
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
from refcolor.matching import light, optical_flow, sparse
from refcolor.matching.light import Shift
from refcolor.matching.optical_flow import Matches
from refcolor.matching.source import Source
from refcolor.matching.views import Field, Views, split_rows, stack_rows

MIN_LOG_SCALE = 0.15  # logarithm of the scale from which a source is brought to the target's
SAME_LIGHT = 0.5  # 8-bit levels; a mean difference as small tells nothing
ENOUGH_INLIERS = 100  # sparse matches that make it needless to look for a mirrored figure


@dataclass(frozen=True)
class Alignment:
    """What the patches start from.

    Attributes
    ----------
    views : Views
        The sources at the target's scale, and perhaps their mirror images.
    candidates : list of float32 (H, W, 2)
        Possible source pixels of every target pixel; see :mod:`refcolor.matching.views`.
    matches : Matches
        The best flow, its error, and what it shows of the light.
    sources : tuple of SourceViews
        Which views belong to which source.
    """

    views: Views
    candidates: list[Field]
    matches: Matches
    sources: tuple[SourceViews, ...]

    def motion(self, nearest: Image) -> Field:
        """The nearest cells (h, w, 2) of the embedding, as one more candidate."""
        sources = [(source.size, source.view) for source in self.sources]
        return motion(nearest, self.matches.error.shape, sources, self.views.height)

    @property
    def weights(self) -> dict[int, float]:
        """How much each source counts, by its index."""
        return {source.index: source.weight for source in self.sources}


@dataclass(frozen=True)
class SourceViews:
    """The views of one source: its index, how much it counts, its first view, and its size (h, w) there."""

    index: int
    weight: float
    view: int
    size: tuple[int, int]


class Aligner:
    """Aligns targets with some sources, and remembers how the light of the sources differs.

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
            The sources to use by index, and how much each counts; all count 1 if not given.
        """
        weights = dict.fromkeys(range(len(self.sources)), 1.0) if weights is None else weights
        each = [align(gray, self.sources[index], index, weight) for index, weight in weights.items()]
        return join(self._in_one_light(gray * 255, each) if len(each) > 1 else each)

    def _in_one_light(self, target255: Image, each: list[Alignment]) -> list[Alignment]:
        """Alignments whose sources, where they stand in different light, are brought to one light.

        Gray is brought to the light of the source that fits best, as the target is; chroma to where the light
        of the target (H, W), in 8-bit levels, lies between them.
        """
        indices = [one.sources[0].index for one in each]
        shifts = {
            (i, j): shift
            for i, j in permutations(range(len(each)), 2)
            if (shift := self._shift(indices[i], indices[j])) is not None
        }
        if not shifts:
            return each
        closest = np.argmin([one.matches.error / np.float32(one.sources[0].weight) for one in each], axis=0)
        best = int(np.bincount(closest.ravel(), minlength=len(each)).argmax())
        shares = _light_shares(target255, each)
        relit = []
        for i, one in enumerate(each):
            views, matches = one.views, one.matches
            gray255, ab = views.gray255, views.ab
            for j, other in enumerate(each):
                shift = shifts.get((i, j))
                if shift is None:
                    continue
                ab = ab + np.float32(shares[j]) * shift.chroma_change(views.gray255, views.ab)
                matches = replace(matches, dimming=1)
                if j == best:
                    gray255 = shift.shift_gray(gray255)
                    matches = replace(matches, relit255=other.matches.relit255)
            relit.append(replace(one, views=replace(views, gray255=gray255, ab=ab), matches=matches))
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
        source = np.dstack([_stacked(aligned.views.gray255), _stacked(aligned.views.ab)])
        matches, pixels = aligned.matches, np.dstack([target.gray * 255, target.ab])
        return light.shift(source, pixels, matches.best, matches.error, matches.relit255)


def _light_shares(target255: Image, each: list[Alignment]) -> list[float]:
    """How near the light of each source is to the target's; its weight, where matches do not show it."""
    differences = [
        light.brightness_difference(
            target255, _stacked(one.views.gray255), one.matches.best, one.matches.error
        )
        for one in each
    ]
    near = [one.sources[0].weight for one in each]
    if None not in differences:
        near = [1 / (abs(d) + SAME_LIGHT) for d in differences if d is not None]
    return [one / sum(near) for one in near]


def _stacked(views: NDArray[Any]) -> NDArray[Any]:
    """Views (V, H, W, ...) one below the other, as matches count their rows."""
    return views.reshape(-1, *views.shape[2:])


def join(each: Sequence[Alignment]) -> Alignment:
    """One alignment with several sources, from one with each."""
    if len(each) == 1:
        return each[0]
    height, width = (max(one.views.gray255.shape[i] for one in each) for i in (1, 2))
    views: list[Views] = []
    candidates: list[Field] = []
    sources: list[SourceViews] = []
    first = 0
    matches = each[0].matches
    for one in each:
        source = one.sources[0]
        fields = [
            _raised(field, one.views.height, height, first) for field in (*one.candidates, one.matches.best)
        ]
        candidates += fields[:-1]
        mine = replace(one.matches, best=fields[-1], error=one.matches.error / np.float32(source.weight))
        matches = mine if not sources else optical_flow.better(matches, mine)
        sources.append(replace(source, view=first))
        views.append(_padded(one.views, height, width))
        first += len(one.views.gray255)
    gray255, ab = (np.concatenate([getattr(v, name) for v in views]) for name in ("gray255", "ab"))
    labels = [v.labels for v in views if v.labels is not None]
    return Alignment(
        Views(gray255, ab, np.concatenate(labels) if labels else None), candidates, matches, tuple(sources)
    )


def _raised(field: Field, h: int, height: int, first: int) -> Field:
    """Matches with views of height `h` as matches with views of `height`, after `first` others."""
    view, row = split_rows(field[..., 1], h)
    return stack_rows(np.stack([field[..., 0], row], -1), view + first, height)


def _padded(views: Views, height: int, width: int) -> Views:
    """Views padded to this size with their last row and column."""

    def pad(plane: NDArray[Any]) -> NDArray[Any]:
        down, right = height - plane.shape[1], width - plane.shape[2]
        edges = ((0, 0), (0, down), (0, right), (0, 0))[: plane.ndim]
        return np.pad(plane, edges, mode="edge")

    return Views(pad(views.gray255), pad(views.ab), None if views.labels is None else pad(views.labels))


def align(gray: Image, source: Source, index: int = 0, weight: float = 1.0) -> Alignment:
    """Match a target (H, W) in [0, 1] with one source, of this index and weight."""
    features = sparse.detect(gray)
    pairs = sparse.match(features, source.points)
    scale = 1.0 if gray.shape == source.gray.shape else math.sqrt(gray.size / source.gray.size)
    if pairs.affine is not None:
        aligned = 1 / math.sqrt(abs(float(np.linalg.det(pairs.affine[:, :2]))))
        if abs(math.log(aligned / scale)) > MIN_LOG_SCALE:
            scale = aligned
    seen, ab, labels = source.gray, source.ab, source.labels
    if scale != 1:
        h, w = (max(PATCH, round(side * scale)) for side in seen.shape)
        rgb = geometry.resize(source.rgb, (w, h))
        seen, ab = luma(rgb), rgb_to_lab(rgb)[..., 1:]
        labels = None if source.palette is None else source.palette.labels(rgb)
        pairs = sparse.match(features, sparse.detect(seen))
    candidates, matches = optical_flow.match(gray, seen, pairs)
    mirrored = False
    if pairs.inliers < ENOUGH_INLIERS:
        flipped = np.ascontiguousarray(seen[:, ::-1])
        flipped_pairs = sparse.match(features, sparse.detect(flipped))
        mirrored = flipped_pairs.affine is not None and flipped_pairs.inliers > pairs.inliers
        if mirrored:  # the mirror image is view 1
            more, other = optical_flow.match(gray, flipped, flipped_pairs)
            candidates += [stack_rows(field, 1, len(seen)) for field in more]
            matches = optical_flow.better(matches, replace(other, best=stack_rows(other.best, 1, len(seen))))

    def views(plane: NDArray[Any]) -> NDArray[Any]:
        return np.stack([plane, plane[:, ::-1]] if mirrored else [plane])

    return Alignment(
        Views(views(seen * 255), views(ab), None if labels is None else views(labels.astype(np.uint8))),
        candidates,
        matches,
        (SourceViews(index, weight, 0, seen.shape),),
    )


def motion(
    nearest: Image, shape: tuple[int, ...], sources: Sequence[tuple[tuple[int, int], int]], view_height: int
) -> Field:
    """The nearest cells, from :func:`refcolor.networks.embedding.recall`, as matches.

    Parameters
    ----------
    nearest : float32 (h, w, 2)
        x / width of the source, and index of the source + y / height.
    shape : (H, W)
        Of the target.
    sources : sequence of ((height, width), view)
        Size and first view of each source.
    view_height : int
        Of all views.

    Returns
    -------
    float32 (H, W, 2)
        Source pixels; see :mod:`refcolor.matching.views`.
    """
    (h, w), (height, width) = nearest.shape[:2], shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    row, column = (y * h / height).astype(np.int32), (x * w / width).astype(np.int32)
    index = np.minimum(nearest[..., 1].astype(np.int32), len(sources) - 1)
    sizes = np.array([size[::-1] for size, _ in sources], np.float32)[index]
    views = np.array([view for _, view in sources])[index]
    share = nearest - index[..., None] * np.array([0, 1], np.float32)
    offset = np.stack(
        [x + 0.5 - (column + 0.5) * (width / w), y + 0.5 - (row + 0.5) * (height / h)], axis=-1
    )  # from the center of the cell
    found = (share * sizes)[row, column] + offset - 0.5
    found = stack_rows(np.clip(found, 0, sizes[row, column] - 1), views[row, column], view_height)
    return np.asarray(found, np.float32)
