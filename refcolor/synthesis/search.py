"""Guided patch synthesis: PatchMatch search and voting, coarse to fine (inner loop: cpp_ext/synthesis.cpp).

A source patch is chosen if its gray, and the chroma found so far, agree with the target's, if it lies where
reliable flow leads, and if the network expects its palette color there.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor import kernels
from refcolor.imaging.color import Image
from refcolor.matching.views import Cells, Field, Views
from refcolor.synthesis import pyramid
from refcolor.synthesis.votes import RADIUS, vote

GRAY_WEIGHT = 2.0  # guide units of an 8-bit level of gray
CHROMA_WEIGHT = 1.0  # guide units of a CIELAB unit of chroma
MAX_GUIDE = 2047  # guide units; what the search kernel takes
COST_CAP = 20_000  # the squared difference of two patches, in guide units, saturates towards this
MEAN_CAP = 12_000  # and the difference of their mean grays towards this
MEAN_CAP_WITH_LABELS = 2_000  # less where the network helps: the match may then stand in other light
COST_PER_NAT = 1_000  # of the negative log probability of a label
MAX_NATS = 6.9  # a probability below one in a thousand costs no more
FLOW_WEIGHT = 16  # cost of a pixel, at full size, between a match and the flow
MAX_FLOW_DISTANCE = 40  # pixels, at full size, beyond which it costs no more
MAX_FLOW_ERROR = 3.0  # pixels of forward-backward error within which flow counts
JUMPS = ((1, 3, 8), (1, 4))  # propagation distances: of the first search of a level, and of the second
COARSEST_REACH = 0.1  # of the random search at the coarsest level, relative to the longer side
REACH = 16  # pixels, at the other levels
MAX_REACH = 32_767  # pixels; what the search kernel takes
ROUNDS = 2  # of propagation and random search


@dataclass(frozen=True)
class Synthesis:
    """What the votes gave."""

    ab: Image  #: (H, W, 2): CIELAB a, b
    share: Image  #: (H, W): share of the votes, in [0, 1], that support it
    field: Cells  #: (H, W, 2): source pixel of every target pixel; see :mod:`refcolor.matching.views`
    cost: NDArray[np.int32]  #: (H, W): of the matched patch, in guide units squared


@dataclass(frozen=True)
class _Inputs:
    """The arguments of :func:`synthesize`, with the network's probabilities as costs."""

    gray: Image
    views: Views
    candidates: list[Field]
    flow: Field
    error: Image
    label_costs: NDArray[np.uint16] | None
    seed: int
    threads: int


def synthesize(
    gray: Image,
    views: Views,
    candidates: list[Field],
    flow: Field,
    error: Image,
    expected: Image | None = None,
    *,
    seed: int = 0,
    threads: int | None = None,
) -> Synthesis:
    """Chroma for a gray target.

    Parameters
    ----------
    gray : float32 (H, W)
        The target in the source's light, in 8-bit levels.
    views : Views
        Of the source, at the target's scale.
    candidates : list of float32 (H, W, 2)
        Matches to try first; see :mod:`refcolor.matching.views`.
    flow, error : float32 (H, W, 2), (H, W)
        The best flow and its forward-backward error, in pixels.
    expected : float32 (h, w, k), optional
        The network's probabilities of the palette labels, on any grid; needs labels in `views`.
    seed : int
        Of the random search.
    threads : int, optional
        :func:`refcolor.kernels.threads` if not given. The result does not depend on it.

    Returns
    -------
    Synthesis

    Notes
    -----
    Barnes et al., "PatchMatch", 2009, for the search; Hertzmann et al., "Image analogies", 2001, and Fiser et
    al., "StyLit", 2016, for guides and voting; Wexler et al., "Space-time completion of video", 2007, for the
    mode instead of the mean.
    """
    costs = None if expected is None else _label_costs(expected)
    inputs = _Inputs(
        gray, views, candidates, flow, error, costs, seed, kernels.threads() if threads is None else threads
    )
    levels = pyramid.level_count(min(*gray.shape, *views.gray255.shape[1:]))
    result = _synthesize_level(inputs, levels - 1, None)
    for level in reversed(range(levels - 1)):
        result = _synthesize_level(inputs, level, result)
    return result


def _synthesize_level(inputs: _Inputs, level: int, coarser: Synthesis | None) -> Synthesis:
    """Search and vote at one level, starting from the result of the coarser one."""
    gray = pyramid.resize(inputs.gray, pyramid.level_shape(inputs.gray.shape, level))
    views = pyramid.reduce_views(inputs.views, level)
    candidates = _candidates(inputs, level, gray.shape, coarser)
    prior = _prior(inputs, gray.shape, views)
    ab = None if coarser is None else pyramid.resize(coarser.ab, gray.shape, cv2.INTER_LINEAR)
    costs = inputs.label_costs
    unary = None if costs is None else pyramid.resize_costs(costs, gray.shape)
    source_means, target_means = _means(views.gray255), _means(gray[None])[0]
    field, cost = candidates[0].copy(), np.empty(gray.shape, np.int32)
    share = np.empty(gray.shape, np.float32)
    for turn in range(1 if level == 0 else 2):
        reach = int(COARSEST_REACH * max(views.gray255.shape[1:])) if coarser is None else 0
        kernels.core.search(
            source=_guides(views.gray255, None if ab is None else views.ab),
            target=_guides(gray[None], None if ab is None else ab[None])[0],
            radius=RADIUS,
            cap=COST_CAP,
            source_means=source_means,
            target_means=target_means,
            mean_cap=MEAN_CAP if unary is None else MEAN_CAP_WITH_LABELS,
            candidates=candidates if turn == 0 else candidates[:0],
            prior=prior,
            flow_weight=FLOW_WEIGHT << level,
            max_flow_distance=MAX_FLOW_DISTANCE >> level,
            labels=None if unary is None else views.labels,
            unary=unary,
            jumps=np.array(JUMPS[turn], np.int32),
            reach=min(max(reach, REACH >> turn), MAX_REACH),
            rounds=ROUNDS,
            seed=(inputs.seed * 31 + level * 2 + turn) * 1009 & 0xFFFFFFFF,
            field=field,
            cost=cost,
            threads=inputs.threads,
        )
        ab, share = vote(views, gray, field, cost, last=level == 0, threads=inputs.threads)
    assert ab is not None
    return Synthesis(ab, share, field, cost)


def _candidates(inputs: _Inputs, level: int, shape: tuple[int, ...], coarser: Synthesis | None) -> Cells:
    """The candidates (N, h, w, 2) at a level; the field of the coarser level is the last of them."""
    full = inputs.views.gray255.shape[1:]
    small = pyramid.level_shape(full, level)
    fields = [pyramid.reduce_field(field, shape, full, small) for field in inputs.candidates]
    if coarser is not None:
        before = pyramid.level_shape(full, level + 1)
        fields.append(pyramid.enlarge_field(coarser.field, shape, before, small))
    return np.stack(fields)


def _prior(inputs: _Inputs, shape: tuple[int, ...], views: Views) -> Cells:
    """The flow (h, w, 2) at a level, -1 where it is not reliable."""
    prior = pyramid.reduce_field(inputs.flow, shape, inputs.views.gray255.shape[1:], views.gray255.shape[1:])
    error = inputs.error
    if error.shape != shape:
        error = pyramid.resize(np.minimum(error, 100), shape)
    prior[error > MAX_FLOW_ERROR] = -1
    return prior


def _guides(gray: Image, ab: Image | None) -> NDArray[np.int16]:
    """Guide planes (V, H + 2 RADIUS, W + 2 RADIUS, P), mirrored at the borders."""
    planes = [(gray - _mean(gray)) * GRAY_WEIGHT]
    if ab is not None:
        planes += [ab[..., 0] * CHROMA_WEIGHT, ab[..., 1] * CHROMA_WEIGHT]
    stacked = np.clip(np.rint(np.stack(planes, -1)), -MAX_GUIDE, MAX_GUIDE).astype(np.int16)
    border = (RADIUS, RADIUS)
    return np.ascontiguousarray(np.pad(stacked, ((0, 0), border, border, (0, 0)), mode="reflect"))


def _means(gray: Image) -> NDArray[np.int16]:
    """Mean gray (V, H, W) of the patch around every pixel, in guide units."""
    return np.asarray(np.rint(_mean(gray) * GRAY_WEIGHT), np.int16)


def _mean(gray: Image) -> Image:
    side = (2 * RADIUS + 1,) * 2
    return np.stack([cv2.blur(plane, side, borderType=cv2.BORDER_REFLECT_101) for plane in gray])


def _label_costs(expected: Image) -> NDArray[np.uint16]:
    """Costs of the labels that have these probabilities (h, w, k)."""
    nats = np.minimum(-np.log(np.maximum(expected, 1e-9)), MAX_NATS)
    return np.asarray(np.rint(nats * COST_PER_NAT), np.uint16)
