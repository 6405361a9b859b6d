"""Optical flow from target to source, and its forward-backward error: where each pixel may come from.

Flow over the whole frame, and after an affine alignment of sparse features, gives most pixels their match;
the forward-backward error tells which. Those matches also show how the light has changed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from refcolor.imaging import geometry
from refcolor.imaging.color import Image
from refcolor.matching import light
from refcolor.matching.sparse import Affine, SparseMatches
from refcolor.matching.views import Field

MIN_MOTION = 1.0  # pixels; an alignment that moves no corner further leads to the same flow


@dataclass(frozen=True)
class Matches:
    """The best flow between target and source, and the light they stand in."""

    best: Field  #: (H, W, 2): source pixels (x, y) of the flow with the smallest forward-backward error
    error: Image  #: (H, W): that error, in pixels; infinite where flow leaves the source
    relit255: Image  #: (H, W): the target's gray in the source's light, in 8-bit levels: [0, 255]
    dimming: float = 1.0  #: factor on the source's chroma in the target's light


def match(target: Image, source: Image, sparse: SparseMatches) -> tuple[list[Field], Matches]:
    """Candidates from flow, from sparse matches and from the same position, and the best flow.

    Parameters
    ----------
    target, source : float32 (H, W), (H', W')
        Gray in [0, 1]; of one scale, but perhaps of different sizes.
    sparse : SparseMatches
        Of the same pictures.

    Returns
    -------
    list of float32 (H, W, 2)
        Possible source pixels (x, y) of every target pixel.
    Matches
        The best flow.
    """
    shape = target.shape
    scaling = _scaling(shape, source.shape)
    same_position = _apply(scaling, *_grid(shape))
    if max(*shape, *source.shape) > geometry.MAX_WARP_SIDE:
        error = np.full(shape, np.inf, np.float32)
        return [same_position], Matches(same_position, error, target * 255)
    flows = [flow(target, source, scaling)]
    if sparse.affine is not None and _corner_distance(sparse.affine, scaling, shape) > MIN_MOTION:
        flows.append(flow(target, source, sparse.affine))
    best, error = flows[0]
    for field, other in flows[1:]:
        closer = other < error
        best, error = np.where(closer[..., None], field, best), np.where(closer, other, error)
    candidates = [field for field, _ in flows]
    if len(sparse.target):
        candidates.append(_nearest_match(sparse, shape))
    candidates.append(same_position)
    last = np.array(source.shape[::-1], np.float32) - 1
    best = np.clip(best, 0, last)
    relit255, dimming = light.compare(target * 255, source * 255, best, error)
    return [np.clip(field, 0, last) for field in candidates], Matches(best, error, relit255, dimming)


def better(one: Matches, other: Matches) -> Matches:
    """At each pixel the match with the smaller error; the light of the one that has more such pixels."""
    closer = other.error < one.error
    lit = other if closer.mean() > 0.5 else one
    return Matches(
        np.where(closer[..., None], other.best, one.best),
        np.where(closer, other.error, one.error),
        lit.relit255,
        lit.dimming,
    )


def flow(target: Image, source: Image, affine: Affine | None = None) -> tuple[Field, Image]:
    """Flow from a target to a source: dense inverse search (Kroeger et al. 2016) after an affine motion.

    Parameters
    ----------
    target, source : float32 (H, W), (H', W')
        Gray in [0, 1].
    affine : float64 (2, 3), optional
        From the target to the source; if not given, the change of size.

    Returns
    -------
    float32 (H, W, 2)
        Source pixel (x, y) of every target pixel.
    float32 (H, W)
        Forward-backward error, in pixels of the target; infinite outside the source.
    """
    h, w = target.shape
    affine = _scaling(target.shape, source.shape) if affine is None else affine
    flags = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    warped = cv2.warpAffine(source * 255, affine, (w, h), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    a, b = (np.rint(np.clip(v, 0, 255)).astype(np.uint8) for v in (target * 255, warped))
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    forward, backward = search.calc(a, b, None), search.calc(b, a, None)
    x, y = _grid((h, w))
    x, y = x + forward[..., 0], y + forward[..., 1]
    difference = forward + geometry.warp(backward, np.stack([x, y], -1))
    error = np.hypot(difference[..., 0], difference[..., 1])
    field = _apply(affine, x, y)
    inside = ((field >= -1) & (field <= np.array(source.shape[::-1], np.float32))).all(-1)
    inside &= (x >= -1) & (y >= -1) & (x <= w) & (y <= h)
    return field, np.where(inside, error, np.inf).astype(np.float32)


def _nearest_match(sparse: SparseMatches, shape: tuple[int, ...]) -> Field:
    """Every pixel moves as the sparse match nearest to it."""
    h, w = shape
    at = np.clip(np.rint(sparse.target).astype(int), 0, [w - 1, h - 1])
    empty = np.ones(shape, np.uint8)
    empty[at[:, 1], at[:, 0]] = 0
    _, nearest = cv2.distanceTransformWithLabels(empty, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    motion = np.zeros((nearest.max() + 1, 2), np.float32)
    motion[nearest[at[:, 1], at[:, 0]]] = sparse.source - sparse.target
    return np.asarray(np.stack(_grid(shape), -1) + motion[nearest], np.float32)


def _corner_distance(one: Affine, other: Affine, shape: tuple[int, ...]) -> float:
    """Largest distance, in pixels, between where two motions take the corners of a picture."""
    corners = np.array([[x, y, 1] for x in (0, shape[1] - 1) for y in (0, shape[0] - 1)])
    return float(np.hypot(*((one - other) @ corners.T)).max())


def _scaling(target: tuple[int, ...], source: tuple[int, ...]) -> Affine:
    """The same position, in proportion where the sizes (h, w) differ."""
    y, x = source[0] / target[0], source[1] / target[1]
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2]])


def _apply(affine: Affine, x: Image, y: Image) -> Field:
    return np.stack([r[0] * x + r[1] * y + r[2] for r in affine], -1).astype(np.float32)


def _grid(shape: tuple[int, ...]) -> tuple[Image, Image]:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return x, y
