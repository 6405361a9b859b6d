"""Line art: paint a bare drawing with the exact paints of painted keys.

Stages::

    drawing --> paper, ink, trace lines --> segments between strokes --.
                     |                                                 |
    keys --> paints  +--> matches on distance maps --> pieces, votes --+--> labels by graph cut --> sides of
             lines   +--> embedding ---------------------------'            trace lines --> paint under ink

What a segment gets is decided for all at once. Where a shade has no line, trusted matches cut a segment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging import geometry, ink, paints
from refcolor.imaging.color import BT601, Image, rgb_to_lab, to_8bit
from refcolor.imaging.ink import Drawing
from refcolor.imaging.neighborhoods import WINDOW, nearest
from refcolor.imaging.paints import Paints
from refcolor.matching import drawings
from refcolor.methods.base import Learned, LineParts, Result
from refcolor.networks import backend
from refcolor.regions import labelling, line_segments
from refcolor.regions.decision import Decisions
from refcolor.regions.segmentation import Regions

TOO_PLAIN = "the drawing has no areas between strokes: give line art on light paper"
MIN_BARE_SHARE = 0.1  # of a drawing between its strokes: what has less is none
UNKNOWN = 0.1  # share of what neither matches nor embedding tell that every paint gets
MIN_PROBABILITY = 1e-3  # of every paint
OPEN_LINK = 3.0  # cost of a pixel of border between two paints where segments meet in an open gap
CUT_LINK = 100.0  # the same inside a segment, times the odds against the match squared
MIN_LINK = 0.02  # there, however good the match
MAX_ODDS = 9.0  # against a match
TRACE_WEIGHT = 2.5  # of a pixel of trace line between paints that do not go together
MIN_PAIR = 0.03  # share of a paint's borders below which all pairs are equally rare
REASONS = ("votes",)


@dataclass(frozen=True)
class _Votes:
    """What matches and embedding say of every pixel."""

    guide: NDArray[np.int32]  #: (H, W): paint by the most trusted match
    trust: Image  #: (H, W): how far to trust it, in [0, 1]
    matches: list[tuple[NDArray[np.int32], Image]]  #: paint by each match, and its trust times its weight
    recalled: Image | None  #: (h, w, n): probabilities of the paints by the embedding


def color(rgb: Image, learned: Learned, weights: Mapping[int, float] | None = None) -> Result:
    """Paint a line drawing (H, W, 3) in [0, 1] like the sources of these weights, all if none are given.

    Raises
    ------
    ValueError
        When there is no area between strokes.
    """
    drawing = ink.find(rgb)
    if not drawing.stroke.any() or (~drawing.stroke).mean() < MIN_BARE_SHARE:
        raise ValueError(TOO_PLAIN)
    shares = dict.fromkeys(range(len(learned.sources)), 1.0) if weights is None else dict(weights)
    keys = learned.aligner.paints(list(shares), solid=drawing.has_solid)
    votes = _votes(drawing, keys, learned, shares)
    segments = line_segments.cut(drawing.stroke)
    pieces = line_segments.divided(segments, votes.guide)
    odds = _probabilities(pieces, votes, len(keys[0]))
    area = np.bincount(pieces[pieces >= 0])
    costs = (-np.log(odds) * area[:, None]).astype(np.float32)
    labels = labelling.decide(costs, *line_segments.links(pieces, _link_weights(segments, votes.trust)))
    regions = line_segments.divided(np.minimum(pieces, 0), labels[pieces])
    region_of = np.zeros(len(labels), np.int64)  # of each piece
    region_of[pieces[pieces >= 0]] = regions[pieces >= 0]
    odds = _pooled(odds, area, region_of)
    chosen = np.zeros(len(odds), np.int32)
    chosen[region_of] = labels
    closed = nearest(regions)
    chosen = _part_at_trace_lines(chosen, odds, closed, drawing, keys)
    return _result(drawing, keys[0], Regions(regions, closed, to_8bit(drawing.cover)), chosen, odds)


def _votes(drawing: Drawing, keys: list[Paints], learned: Learned, weights: Mapping[int, float]) -> _Votes:
    strongest, matches = max(weights.values()), []
    for key, weight in zip(keys, weights.values(), strict=True):
        for match in drawings.match(drawing.stroke, key.lines(traced=bool(drawing.trace.any()))):
            x, y = (np.rint(match.field[..., i]).astype(np.int32) for i in (0, 1))
            matches.append((key.labels[y, x], match.trust * np.float32(weight / strongest)))
    guide, trust = matches[0]
    for labels, other in matches[1:]:
        guide, trust = np.where(other > trust, labels, guide), np.maximum(other, trust)
    return _Votes(guide, trust, matches, _recalled(drawing, keys, learned, weights))


def _recalled(
    drawing: Drawing, keys: list[Paints], learned: Learned, weights: Mapping[int, float]
) -> Image | None:
    """Probabilities (h, w, n) of the paints by the embedding, which compares drawings; None without one."""
    if learned.labeller is None or learned.engine is None:
        return None
    gray = np.asarray(drawing.rgb @ BT601, np.float32)
    with backend.on(learned.engine):
        return learned.labeller.recall_drawing(gray, keys, weights, traced=bool(drawing.trace.any()))


def _probabilities(pieces: NDArray[np.int32], votes: _Votes, count: int) -> NDArray[np.float64]:
    """Probability (m, n) of each paint for each piece: matches by their trust, the rest by the embedding."""
    inside = pieces >= 0
    owner, size = pieces[inside].astype(np.int64), int(pieces.max()) + 1
    area = np.bincount(owner, minlength=size)[:, None]
    votes_for = np.zeros(size * count)
    for labels, trust in votes.matches:
        votes_for += np.bincount(owner * count + labels[inside], trust[inside], size * count)
    share = votes_for.reshape(size, count) / (area * len(votes.matches))
    rest = 1 - share.sum(1, keepdims=True)
    odds = share + rest * UNKNOWN / count + MIN_PROBABILITY
    if votes.recalled is not None:
        y, x = np.nonzero(inside)
        cells = geometry.grid_cells(y, x, pieces.shape, votes.recalled.shape)
        for i in range(count):
            odds[:, i] += rest[:, 0] * np.bincount(owner, votes.recalled[..., i][cells], size) / area[:, 0]
    return np.asarray(odds)


def _link_weights(segments: NDArray[np.int32], trust: Image) -> Image:
    """What a border costs between a pixel and the one below, and the one on its right: (2, H, W)."""
    against = np.minimum((1 - trust) / np.maximum(trust, 1e-3), MAX_ODDS)
    inside = (CUT_LINK * against**2 + MIN_LINK).astype(np.float32)
    weights = np.stack([inside, inside])
    weights[0, :-1][segments[:-1] != segments[1:]] = OPEN_LINK
    weights[1, :, :-1][segments[:, :-1] != segments[:, 1:]] = OPEN_LINK
    return weights


def _pooled(
    odds: NDArray[np.float64], area: NDArray[np.int64], region_of: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The pieces' probabilities, averaged over each region by area."""
    total = np.zeros((int(region_of.max()) + 1, odds.shape[1]))
    np.add.at(total, region_of, odds * area[:, None])
    return np.asarray(total / np.bincount(region_of, area)[:, None])


def _part_at_trace_lines(
    labels: NDArray[np.int32],
    odds: NDArray[np.float64],
    closed: NDArray[np.int32],
    drawing: Drawing,
    keys: list[Paints],
) -> NDArray[np.int32]:
    """Labels for which the paints on the two sides of a trace line meet in a key, too.

    Regions (H, W) are `closed`: each goes on under lines, to the middle.
    """
    if not drawing.trace.any():
        return labels
    meet = np.add.reduce([key.neighbors for key in keys])
    share = meet / np.maximum(meet.sum(1, keepdims=True), 1)
    penalties = -np.log(np.maximum(share, share.T) + MIN_PAIR)
    outline = line_segments.links(closed, np.ones((2, *closed.shape), np.float32))
    length = np.zeros(len(labels))
    for end in (0, 1):
        np.add.at(length, outline[0][:, end], outline[1])
    near = cv2.dilate(drawing.trace.astype(np.uint8), WINDOW).astype(np.float32)
    links, along = line_segments.links(closed, np.stack([near, near]))
    links, along = links[along > 0], along[along > 0]
    costs = -np.log(odds) * length[:, None]
    weights = (along * np.float32(TRACE_WEIGHT)).astype(np.float32)
    return labelling.part(labels, costs.astype(np.float32), links, weights, penalties.astype(np.float32))


def _result(
    drawing: Drawing,
    key: Paints,
    regions: Regions,
    labels: NDArray[np.int32],
    odds: NDArray[np.float64],
) -> Result:
    share = odds / odds.sum(1, keepdims=True)
    first = share[np.arange(len(labels)), labels]
    others = share.copy()
    others[np.arange(len(labels)), labels] = 0
    second = others.argmax(1)
    paint = labels[regions.nearest]
    fill = key.rgb[paint]
    ab = rgb_to_lab(key.rgb[None])[0, :, 1:]
    confidence = first.astype(np.float32)
    known = Decisions(
        regions,
        ab[labels],
        np.ones(len(labels), np.float32),
        ab[second],
        others.max(1).astype(np.float32),
        confidence,
        confidence[:, None],
        REASONS * len(labels),
    )
    parts = LineParts(fill, drawing.cover, drawing.trace, paint == paints.BACKGROUND)
    return Result(drawing.over(fill), confidence[regions.nearest], decided=known, parts=parts)
