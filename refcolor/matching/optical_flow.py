"""Dense optical flow (DIS) with forward-backward error, and relighting by matched grays.

Optical flow, over the whole frame and after an affine alignment of sparse features, gives most pixels their
match; going there and back tells which. Those matches also tell how the light changed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging import geometry
from refcolor.imaging.color import Image
from refcolor.matching import light

Field = NDArray[np.float32]  # (H, W, 2): x, y of the source pixel of every target pixel
Affine = NDArray[np.float64]  # (2, 3): target (x, y, 1) -> source (x, y)

SPARSE_PIXELS = 400_000  # sparse features are sought in pictures reduced to this
RATIO = 0.8  # Lowe's: nearest descriptor against the second
INLIERS = 10  # sparse matches that make an alignment
ALIGNED = 4.0  # pixels an inlier may be off
STILL = 1.0  # pixels; flow after an alignment that moves no corner further would be the same again


@dataclass(frozen=True)
class Matches:
    """What is known about the correspondence before any patch is compared.

    Attributes
    ----------
    best : float32 (H, W, 2)
        The flow that comes back nearest to where it started.
    error : float32 (H, W)
        How far from there it comes back, in pixels; infinite where it leaves the source.
    relit : float32 (H, W)
        The target's gray in the source's light, 8-bit levels.
    dimming : float
        What the source's chroma is to be multiplied by in the target's light.
    """

    best: Field
    error: Image
    relit: Image
    dimming: float = 1.0


@dataclass(frozen=True)
class Points:
    """Sparse features: where (N, 2) as x, y, and what they look like (N, 128)."""

    at: NDArray[np.float32]
    described: NDArray[np.float32]


@dataclass(frozen=True)
class Sparse:
    """Sparse matches: points (N, 2) of the target, their partners in the source, the alignment if any."""

    target: NDArray[np.float32]
    source: NDArray[np.float32]
    affine: Affine | None
    inliers: int


def match(target: Image, source: Image, sparse: Sparse) -> tuple[list[Field], Matches]:
    """Candidates from optical flow, sparse features and the place itself, and what flow says.

    Parameters
    ----------
    target, source : float32 (H, W), (H', W')
        Gray, in 8-bit levels; of one scale, but perhaps of different sizes.
    sparse : Sparse
        From :func:`sparse_matches` of the same pictures.

    Returns
    -------
    list of float32 (H, W, 2)
        Possible source pixels (x, y) of every target pixel.
    Matches
        The best flow.

    Notes
    -----
    Flow is dense inverse search (Kroeger et al. 2016), whose patches are free of their mean; the sparse
    features are SIFT (Lowe 2004), the alignment is by RANSAC (Fischler and Bolles 1981).
    """
    h, w = target.shape
    place = _scaling(target.shape, source.shape)
    there = _apply(place, *_grid((h, w)))
    if max(*target.shape, *source.shape) > geometry.MAX_WARP_SIDE:
        lost = np.full((h, w), np.inf, np.float32)
        return [there], Matches(there, lost, target)
    flows = [flow(target, source, place)]
    if sparse.affine is not None and _apart(sparse.affine, place, (h, w)) > STILL:
        flows.append(flow(target, source, sparse.affine))
    best, error = flows[0]
    for field, other in flows[1:]:
        closer = other < error
        best, error = np.where(closer[..., None], field, best), np.where(closer, other, error)
    candidates = [field for field, _ in flows]
    if len(sparse.target):
        candidates.append(_nearest_match(sparse, (h, w)))
    candidates.append(there)
    last = np.array(source.shape[::-1], np.float32) - 1
    best = np.clip(best, 0, last)
    matches = Matches(best, error, *light.compare(target, source, best, error))
    return [np.clip(field, 0, last) for field in candidates], matches


def points(gray: Image) -> Points:
    """SIFT features of a gray picture in 8-bit levels."""
    shrink = min(1.0, float(np.sqrt(SPARSE_PIXELS / gray.size)))
    small = cv2.resize(gray, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA) if shrink < 1 else gray
    sift = cv2.SIFT.create(4000, contrastThreshold=0.02)
    keys, described = sift.detectAndCompute(np.rint(small).astype(np.uint8), None)
    at = np.array([k.pt for k in keys], np.float32).reshape(-1, 2)
    sizes = np.array([gray.shape[1] / small.shape[1], gray.shape[0] / small.shape[0]], np.float32)
    none = np.zeros((0, 128), np.float32)
    return Points((at + 0.5) * sizes - 0.5, described if described is not None else none)


def sparse_matches(target: Points, source: Points) -> Sparse:
    """SIFT matches between two pictures, and the affine motion most of them share."""
    none = np.zeros((0, 2), np.float32)
    if min(len(target.at), len(source.at)) < 2:
        return Sparse(none, none, None, 0)
    near = cv2.BFMatcher(cv2.NORM_L2).knnMatch(target.described, source.described, k=2)
    good = [(a.queryIdx, a.trainIdx) for a, b in near if a.distance < RATIO * b.distance]
    if len(good) < INLIERS:
        return Sparse(none, none, None, 0)
    index = np.array(good)
    first, second = target.at[index[:, 0]], source.at[index[:, 1]]
    affine, inside = cv2.estimateAffine2D(
        first, second, method=cv2.RANSAC, ransacReprojThreshold=ALIGNED, maxIters=2000
    )
    count = 0 if affine is None else int(inside.sum())
    sane = affine is not None and 0.1 < np.linalg.det(affine[:, :2]) < 10
    return Sparse(first, second, affine if sane and count >= INLIERS else None, count if sane else 0)


def better(one: Matches, other: Matches) -> Matches:
    """The better of the matches with two views."""
    closer = other.error < one.error
    light_of = other if closer.mean() > 0.5 else one
    return Matches(
        np.where(closer[..., None], other.best, one.best),
        np.where(closer, other.error, one.error),
        light_of.relit,
        light_of.dimming,
    )


def flow(target: Image, source: Image, affine: Affine | None = None) -> tuple[Field, Image]:
    """Flow from the target to the source as `affine` brings it onto the target, and its way-back error.

    Both are (H, W) in 8-bit levels; the flow (H, W, 2) is in the source's pixels, the error in the target's.
    """
    h, w = target.shape
    affine = _scaling(target.shape, source.shape) if affine is None else affine
    flags = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    warped = cv2.warpAffine(source, affine, (w, h), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    a, b = (np.rint(np.clip(v, 0, 255)).astype(np.uint8) for v in (target, warped))
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    out = search.calc(a, b, None)
    back = search.calc(b, a, None)
    x, y = _grid((h, w))
    x, y = x + out[..., 0], y + out[..., 1]
    returned = cv2.remap(back, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    error = np.hypot(*np.moveaxis(out + returned, -1, 0))
    field = _apply(affine, x, y)
    inside = ((field >= -1) & (field <= np.array(source.shape[::-1], np.float32))).all(-1)
    inside &= (x >= -1) & (y >= -1) & (x <= w) & (y <= h)
    return field, np.where(inside, error, np.inf).astype(np.float32)


def _nearest_match(sparse: Sparse, shape: tuple[int, int]) -> Field:
    """Every pixel moves as the sparse match nearest to it."""
    h, w = shape
    at = np.clip(np.rint(sparse.target).astype(int), 0, [w - 1, h - 1])
    away = np.ones(shape, np.uint8)
    away[at[:, 1], at[:, 0]] = 0
    _, nearest = cv2.distanceTransformWithLabels(away, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    motion = np.zeros((nearest.max() + 1, 2), np.float32)
    motion[nearest[at[:, 1], at[:, 0]]] = sparse.source - sparse.target
    return np.asarray(np.stack(_grid(shape), -1) + motion[nearest], np.float32)


def _apart(one: Affine, other: Affine, shape: tuple[int, int]) -> float:
    """Largest distance, in pixels, between where two motions take the corners of a picture."""
    corners = np.array([[x, y, 1] for x in (0, shape[1] - 1) for y in (0, shape[0] - 1)])
    return float(np.hypot(*((one - other) @ corners.T)).max())


def _scaling(to: tuple[int, ...], came: tuple[int, ...]) -> Affine:
    """The place itself, in proportion where the sizes differ."""
    y, x = came[0] / to[0], came[1] / to[1]
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2]])


def _apply(affine: Affine, x: Image, y: Image) -> Field:
    return np.stack([r[0] * x + r[1] * y + r[2] for r in affine], -1).astype(np.float32)


def _grid(shape: tuple[int, int]) -> tuple[Image, Image]:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return x, y
