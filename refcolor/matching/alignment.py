"""Align a source with a target: scale, mirrored view, and candidate matches for every pixel.

The views of several sources follow each other, one or two for each; see :mod:`refcolor.matching.views`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache, reduce
from itertools import accumulate, permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refcolor.config import PATCH
from refcolor.imaging import geometry, paints
from refcolor.imaging.color import Image, luma, rgb_to_lab
from refcolor.imaging.paints import Paints
from refcolor.imaging.palette import Labels, Palette
from refcolor.matching import light, optical_flow, sparse
from refcolor.matching.views import Field, Views, split_rows, stack_rows

MIN_LOG_SCALE = 0.15  # logarithm of the scale from which a source is brought to the target's
SAME_LIGHT = 0.5  # 8-bit levels; a mean difference as small tells nothing
MAX_JOINED = 4  # sets of sources whose paints are kept under one numbering
ENOUGH_INLIERS = 100  # sparse matches that make it needless to look for a mirrored figure


@dataclass(eq=False)
class Source:
    """A colored picture; what follows from it is computed on first use."""

    rgb: Image  #: (H, W, 3): encoded sRGB in [0, 1]
    palette: Palette | None = None  #: the colors that labels stand for

    @cached_property
    def gray(self) -> Image:
        """BT.601 luma (H, W) in [0, 1]."""
        return luma(self.rgb)

    @cached_property
    def ab(self) -> Image:
        """CIELAB a, b (H, W, 2)."""
        return np.ascontiguousarray(rgb_to_lab(self.rgb)[..., 1:])

    @cached_property
    def points(self) -> sparse.Features:
        """Sparse features."""
        return sparse.detect(self.gray)

    @cached_property
    def paints(self) -> Paints:
        """Its exact colors and its lines."""
        return paints.find(self.rgb)

    @cached_property
    def paints_beside_ink(self) -> Paints:
        """The same where solid areas of the color of lines are ink."""
        return paints.find(self.rgb, solid=True)

    @cached_property
    def labels(self) -> Labels | None:
        """Palette label of every pixel, int32 (H, W); None without a palette."""
        return None if self.palette is None else self.palette.labels(self.rgb)


@dataclass(frozen=True)
class SourceViews:
    """The views of one source: its index, how much it counts, its first view, and its size (h, w) there."""

    index: int
    weight: float
    view: int
    size: tuple[int, int]


@dataclass(frozen=True)
class Alignment:
    """What the patches start from."""

    views: Views  #: the sources at the target's scale, and perhaps their mirror images
    candidates: list[Field]  #: possible source pixels of every target pixel
    matches: optical_flow.Matches  #: the best flow, its error, and what it shows of the light
    sources: tuple[SourceViews, ...]  #: which views belong to which source

    @property
    def weights(self) -> dict[int, float]:
        """How much each source counts, by its index."""
        return {source.index: source.weight for source in self.sources}

    def motion(self, nearest: Image) -> Field:
        """The nearest cells, from :func:`refcolor.networks.embedding.recall`, as one more candidate.

        `nearest` is (h, w, 2): x / width of the source, and its number among the sources + y / height.
        """
        (h, w), (height, width) = nearest.shape[:2], self.matches.error.shape
        y, x = np.mgrid[:height, :width].astype(np.float32)
        row, column = (y * h / height).astype(np.int32), (x * w / width).astype(np.int32)
        number = np.minimum(nearest[..., 1].astype(np.int32), len(self.sources) - 1)
        sizes = np.array([source.size[::-1] for source in self.sources], np.float32)[number]
        views = np.array([source.view for source in self.sources])[number]
        share = nearest - number[..., None] * np.array([0, 1], np.float32)
        # from the center of the cell
        offset = np.stack([x + 0.5 - (column + 0.5) * (width / w), y + 0.5 - (row + 0.5) * (height / h)], -1)
        found = np.clip((share * sizes)[row, column] + offset - 0.5, 0, sizes[row, column] - 1)
        return np.asarray(stack_rows(found, views[row, column], self.views.height), np.float32)


class Aligner:
    """Aligns targets with some sources, colored pictures of any sizes; remembers how their light differs."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = tuple(sources)
        self._shift = cache(self._measured_shift)
        self._paints = lru_cache(MAX_JOINED)(self._joined_paints)

    def align(self, gray: Image, weights: Mapping[int, float] | None = None) -> Alignment:
        """Match a target (H, W) in [0, 1] with sources of these indices and weights; by default all of 1."""
        weights = dict.fromkeys(range(len(self.sources)), 1.0) if weights is None else weights
        each = {index: align(gray, self.sources[index], index, weight) for index, weight in weights.items()}
        return join(self._in_one_light(gray * 255, each))

    def paints(self, indices: Sequence[int], *, solid: bool) -> list[Paints]:
        """The paints of these sources, with one numbering; the last few answers are kept.

        With `solid`, areas of the color of lines are ink, as in :func:`refcolor.imaging.paints.find`.
        """
        return self._paints(tuple(indices), solid)

    def _joined_paints(self, indices: tuple[int, ...], solid: bool) -> list[Paints]:
        sources = [self.sources[index] for index in indices]
        return paints.join([source.paints_beside_ink if solid else source.paints for source in sources])

    def _in_one_light(self, target255: Image, each: Mapping[int, Alignment]) -> list[Alignment]:
        """Alignments whose sources, where they stand in different light, are brought to one light.

        Gray is brought to the light of the source that fits best, as the target is; chroma to where the light
        of the target (H, W), in 8-bit levels, lies between them.
        """
        measured = {pair: self._shift(*pair) for pair in permutations(each, 2)}
        shifts = {(i, j): shift for (i, j), shift in measured.items() if shift and measured[j, i]}
        if not shifts:
            return list(each.values())
        errors = [one.matches.error / np.float32(one.sources[0].weight) for one in each.values()]
        best = list(each)[np.bincount(np.argmin(errors, axis=0).ravel()).argmax()]
        shares = _light_shares(target255, each)
        relit = []
        for i, one in each.items():
            gray255, ab, matches = one.views.gray255, one.views.ab, one.matches
            for j in each:
                if (i, j) in shifts:
                    change = shifts[i, j].chroma_change(one.views.gray255, one.views.ab)
                    ab, matches = ab + np.float32(shares[j]) * change, replace(matches, dimming=1)
            if (i, best) in shifts:
                gray255 = shifts[i, best].shift_gray(gray255)
                matches = replace(matches, relit255=each[best].matches.relit255)
            relit.append(replace(one, views=replace(one.views, gray255=gray255, ab=ab), matches=matches))
        return relit

    def _measured_shift(self, one: int, other: int) -> light.Shift | None:
        """From the light of a source to that of another, by their indices."""
        target = self.sources[other]
        aligned = align(target.gray, self.sources[one])
        source = np.dstack([np.concatenate(v) for v in (aligned.views.gray255, aligned.views.ab)])
        matches, pixels = aligned.matches, np.dstack([target.gray * 255, target.ab])
        return light.shift(source, pixels, matches.best, matches.error, matches.relit255)


def _light_shares(target255: Image, each: Mapping[int, Alignment]) -> dict[int, float]:
    """How near the light of each source is to the target's; its weight, where matches do not show it."""
    near = {i: one.sources[0].weight for i, one in each.items()}
    differences = {
        i: light.brightness_difference(
            target255, np.concatenate(one.views.gray255), one.matches.best, one.matches.error
        )
        for i, one in each.items()
    }
    if None not in differences.values():
        near = {i: 1 / (abs(d) + SAME_LIGHT) for i, d in differences.items() if d is not None}
    return {i: one / sum(near.values()) for i, one in near.items()}


def join(each: Sequence[Alignment]) -> Alignment:
    """One alignment with several sources, from one with each."""
    if len(each) == 1:
        return each[0]
    height, width = (max(one.views.gray255.shape[i] for one in each) for i in (1, 2))
    firsts = accumulate((len(one.views.gray255) for one in each), initial=0)
    placed = [_placed(one, next(firsts), height, width) for one in each]
    views = [one.views for one in placed]
    gray255, ab = (np.concatenate([getattr(v, name) for v in views]) for name in ("gray255", "ab"))
    labels = [v.labels for v in views if v.labels is not None]
    return Alignment(
        Views(gray255, ab, np.concatenate(labels) if labels else None),
        [field for one in placed for field in one.candidates],
        reduce(optical_flow.better, [one.matches for one in placed]),
        tuple(one.sources[0] for one in placed),
    )


def _placed(one: Alignment, first: int, height: int, width: int) -> Alignment:
    """An alignment whose views follow `first` others, padded to this size by their last row and column."""
    (source,), views = one.sources, one.views

    def pad(plane: NDArray[Any]) -> NDArray[Any]:
        edges = (0, 0), (0, height - plane.shape[1]), (0, width - plane.shape[2]), (0, 0)
        return np.pad(plane, edges[: plane.ndim], mode="edge")

    def move(field: Field) -> Field:
        view, row = split_rows(field[..., 1], views.height)
        return stack_rows(np.stack([field[..., 0], row], -1), view + first, height)

    error = one.matches.error / np.float32(source.weight)
    return Alignment(
        Views(pad(views.gray255), pad(views.ab), None if views.labels is None else pad(views.labels)),
        [move(field) for field in one.candidates],
        replace(one.matches, best=move(one.matches.best), error=error),
        (replace(source, view=first),),
    )


def align(gray: Image, source: Source, index: int = 0, weight: float = 1.0) -> Alignment:
    """Match a target (H, W) in [0, 1] with one source, of this index and weight."""
    features = sparse.detect(gray)
    pairs = sparse.match(features, source.points)
    scale = math.sqrt(gray.size / source.gray.size)
    if pairs.affine is not None:
        aligned = 1 / math.sqrt(np.linalg.det(pairs.affine[:, :2]))
        if abs(math.log(aligned / scale)) > MIN_LOG_SCALE:
            scale = aligned
    if scale != 1:
        h, w = (max(PATCH, round(side * scale)) for side in source.gray.shape)
        source = Source(geometry.resize(source.rgb, (w, h)), source.palette)
        pairs = sparse.match(features, source.points)
    candidates, matches = optical_flow.match(gray, source.gray, pairs)
    mirrored = False
    if pairs.inliers < ENOUGH_INLIERS:
        flipped = np.ascontiguousarray(source.gray[:, ::-1])
        flipped_pairs = sparse.match(features, sparse.detect(flipped))
        mirrored = flipped_pairs.inliers > pairs.inliers
        if mirrored:  # the mirror image is view 1
            more, other = optical_flow.match(gray, flipped, flipped_pairs)
            candidates += [stack_rows(field, 1, len(flipped)) for field in more]
            other = replace(other, best=stack_rows(other.best, 1, len(flipped)))
            matches = optical_flow.better(matches, other)

    def views(plane: NDArray[Any]) -> NDArray[Any]:
        return np.stack([plane, plane[:, ::-1]] if mirrored else [plane])

    return Alignment(
        Views(
            views(source.gray * 255),
            views(source.ab),
            None if source.labels is None else views(source.labels.astype(np.uint8)),
        ),
        candidates,
        matches,
        (SourceViews(index, weight, 0, source.gray.shape),),
    )
