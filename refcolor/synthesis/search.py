"""PatchMatch search and votes: overlapping source patches give the target's chroma, coarse to fine.

A patch is chosen for how its gray and the chroma found so far agree with the target's, for lying where the
flow that came back says it lies, and for being of a color that the network expects there.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor import kernels
from refcolor.imaging.color import Image
from refcolor.matching.views import Views

Cells = NDArray[np.int32]  # (H, W, 2): x and view * height + y of a source pixel

RADIUS = 2  # of a patch
COARSEST = 64  # pixels; the least side of the coarsest level
LEVELS = 4
GRAY_WEIGHT = 2.0  # guide units of an 8-bit level of gray
CHROMA_WEIGHT = 1.0  # of a CIELAB unit of chroma
TONE_CAP = 12_000  # the difference of two patches' mean grays, in guide units, saturates towards this
TONE_CAP_LABELLED = 2_000  # and where the network helps: it then need not be found in the same light
CAP = 20_000  # a patch's squared differences, in guide units, saturate towards this
NAT = 1_000  # cost of a nat of the network's surprise
SURPRISE = 6.9  # nats, at most: one in a thousand
PULL = 16  # cost of a pixel, at full size, between a match and the flow
SLACK = 40  # pixels, at full size, beyond which it costs no more
RETURNED = 3.0  # pixels there and back within which flow pulls
SWEEPS = ((1, 3, 8), (1, 4))  # distances that matches spread over: first search of a level, and later ones
FAR = 0.1  # reach of the random search at the coarsest level, of the longer side
NEAR = 16  # pixels, at the others
FARTHEST = 32_767  # what the search kernel takes
ROUNDS = 2
TEMPER = 20_000.0  # cost by which a vote's weight falls by e
LUMA_SPREAD = 8.0  # 8-bit levels; a vote of another gray counts less
KIN = 20.0  # CIELAB units; votes this far apart do not support each other
MAX_GUIDE = 2047  # what the search kernel takes
FIELD_END = 1 << 24  # the same, of matches


@dataclass(frozen=True)
class Synthesis:
    """What the votes gave.

    Attributes
    ----------
    ab : float32 (H, W, 2)
        CIELAB a, b.
    share : float32 (H, W)
        Share of the votes that support it.
    field : int32 (H, W, 2)
        Source pixel of every target pixel, as x and view * height + y.
    cost : int32 (H, W)
        Of the matched patch, in guide units squared.
    """

    ab: Image
    share: Image
    field: Cells
    cost: NDArray[np.int32]


def synthesize(
    gray: Image,
    views: Views,
    candidates: list[Image],
    flow: Image,
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
        The target in the source's light, 8-bit levels.
    views : Views
        Of the source, at the target's scale.
    candidates : list of float32 (H, W, 2)
        Matches to try first, as x and view * height + y.
    flow, error : float32 (H, W, 2), (H, W)
        The best flow and how far from its start it comes back, pixels.
    expected : float32 (h, w, k), optional
        The network's probabilities of the palette labels, on any grid; needs labels in `views`.

    Notes
    -----
    Barnes et al., "PatchMatch", 2009, for the search; Hertzmann et al., "Image analogies", 2001, and Fiser et
    al., "StyLit", 2016, for guides and voting; Wexler et al., "Space-time completion of video", 2007, for the
    mode instead of the mean.
    """
    threads = threads or kernels.threads()
    h, w = gray.shape
    full = views.gray.shape[1:]
    levels = 1
    while levels < LEVELS and min(h, w, *full) >> levels >= COARSEST:
        levels += 1
    surprise = None if expected is None else _surprise(expected)

    field: Cells | None = None
    ab: Image | None = None
    last = (0, 0)  # size of the level before's views
    for level in reversed(range(levels)):
        to = (w, h) if level == 0 else (max(1, round(w / 2**level)), max(1, round(h / 2**level)))
        came = views if level == 0 else _reduced(views, level)
        views_h, views_w = came.gray.shape[1:]
        small = gray if level == 0 else cv2.resize(gray, to, interpolation=cv2.INTER_AREA)
        again = field is not None  # the field of the level before is one more candidate
        tries = np.empty((len(candidates) + again, to[1], to[0], 2), np.int32)
        for i, candidate in enumerate(candidates):
            tries[i] = _reduced_field(candidate, to, full, (views_h, views_w))
        prior = _reduced_field(flow, to, full, (views_h, views_w))
        lost = (
            error > RETURNED
            if level == 0
            else cv2.resize(np.minimum(error, 100), to, interpolation=cv2.INTER_AREA) > RETURNED
        )
        prior[lost] = -1
        if field is not None and ab is not None:
            tries[-1] = _enlarged(field, to, last, (views_h, views_w))
            ab = cv2.resize(ab, to, interpolation=cv2.INTER_LINEAR)
        unary = None if surprise is None else _costs(surprise, to)
        last = (views_h, views_w)
        field = tries[0].copy()
        cost = np.empty(to[::-1], np.int32)
        coarsest = level == levels - 1
        tones, tone = _tone(came.gray), _tone(small[None])[0]
        for turn in range(1 if level == 0 else 2):
            reach = int(FAR * max(views_h, views_w)) if coarsest else 0
            reach = min(max(reach, NEAR >> turn), FARTHEST)
            kernels.core.search(
                _guides(came.gray, came.ab if ab is not None else None),
                _guides(small[None], None if ab is None else ab[None])[0],
                RADIUS,
                CAP,
                tones,
                tone,
                TONE_CAP if unary is None else TONE_CAP_LABELLED,
                tries if turn == 0 else tries[:0],
                prior,
                PULL << level,
                SLACK >> level,
                None if unary is None else came.labels,
                unary,
                np.array(SWEEPS[min(turn, 1)], np.int32),
                reach,
                ROUNDS,
                (seed * 31 + level * 2 + turn) * 1009 & 0xFFFFFFFF,
                field,
                cost,
                threads,
            )
            ab, share = vote(came, small, field, cost, threads=threads)
    assert field is not None
    assert ab is not None
    return Synthesis(ab, share, field, cost)


def vote(
    views: Views, gray: Image, field: Cells, cost: NDArray[np.int32], *, threads: int | None = None
) -> tuple[Image, Image]:
    """Chroma (H, W, 2) from the patches that lie over each pixel, and the share (H, W) that supports it."""
    ab, share = np.empty((*gray.shape, 2), np.float32), np.empty(gray.shape, np.float32)
    kernels.core.vote(
        views.gray,
        views.ab,
        gray,
        field,
        cost,
        RADIUS,
        TEMPER,
        LUMA_SPREAD,
        KIN,
        ab,
        share,
        threads or kernels.threads(),
    )
    return ab, share


def _guides(gray: Image, ab: Image | None) -> NDArray[np.int16]:
    """Guide planes (V, H + 2 RADIUS, W + 2 RADIUS, P), mirrored at the borders."""
    planes = [(gray - _mean(gray)) * GRAY_WEIGHT]
    if ab is not None:
        planes += [ab[..., 0] * CHROMA_WEIGHT, ab[..., 1] * CHROMA_WEIGHT]
    stacked = np.clip(np.rint(np.stack(planes, -1)), -MAX_GUIDE, MAX_GUIDE).astype(np.int16)
    border = (RADIUS, RADIUS)
    return np.ascontiguousarray(np.pad(stacked, ((0, 0), border, border, (0, 0)), mode="reflect"))


def _tone(gray: Image) -> NDArray[np.int16]:
    """Local mean of gray, in guide units."""
    return np.asarray(np.rint(_mean(gray) * GRAY_WEIGHT), np.int16)


def _mean(gray: Image) -> Image:
    """Mean gray of the patch around every pixel: (V, H, W) -> (V, H, W)."""
    side = (2 * RADIUS + 1,) * 2
    return np.stack([cv2.blur(g, side, borderType=cv2.BORDER_REFLECT_101) for g in gray])


def _reduced(views: Views, level: int) -> Views:
    h, w = (max(1, round(side / 2**level)) for side in views.gray.shape[1:])

    def area(image: Image) -> Image:
        return np.stack([cv2.resize(v, (w, h), interpolation=cv2.INTER_AREA) for v in image])

    labels = views.labels
    if labels is not None:
        labels = np.stack([cv2.resize(v, (w, h), interpolation=cv2.INTER_NEAREST) for v in labels])
    return Views(area(views.gray), area(views.ab), labels)


def _reduced_field(field: Image, to: tuple[int, int], full: tuple[int, ...], small: tuple[int, int]) -> Cells:
    """A full-size field on a level's grid: `to` (w, h) of the target, views of size `small` for `full`."""
    if field.shape[1::-1] != to:
        field = cv2.resize(field, to, interpolation=cv2.INTER_NEAREST)
    view = np.floor((field[..., 1] + 0.5) / full[0])
    x = (field[..., 0] + 0.5) * (small[1] / full[1]) - 0.5
    y = (field[..., 1] - view * full[0] + 0.5) * (small[0] / full[0]) - 0.5 + view * small[0]
    return _cells(x, y)


def _enlarged(field: Cells, to: tuple[int, int], small: tuple[int, int], full: tuple[int, int]) -> Cells:
    """The field of the level before on this one's grid; `small` and `full` are the views' sizes there."""
    h, w = field.shape[:2]
    y, x = np.mgrid[: to[1], : to[0]].astype(np.float32)
    x, y = (x + 0.5) * (w / to[0]), (y + 0.5) * (h / to[1])
    column, row = np.minimum(x.astype(np.int32), w - 1), np.minimum(y.astype(np.int32), h - 1)
    found = field[row, column].astype(np.float32)
    view = np.floor(found[..., 1] / small[0])
    fx = (found[..., 0] + x - column) * (full[1] / small[1]) - 0.5
    fy = (found[..., 1] - view * small[0] + y - row) * (full[0] / small[0]) - 0.5 + view * full[0]
    return _cells(fx, fy)


def _cells(x: Image, y: Image) -> Cells:
    return np.asarray(np.rint(np.clip(np.stack([x, y], -1), -FIELD_END, FIELD_END)), np.int32)


def _surprise(expected: Image) -> NDArray[np.uint16]:
    """Costs of the labels where they have these probabilities (h, w, k)."""
    nats = np.minimum(-np.log(np.maximum(expected, 1e-9)), SURPRISE)
    return np.asarray(np.rint(nats * NAT), np.uint16)


def _costs(surprise: NDArray[np.uint16], to: tuple[int, int]) -> NDArray[np.uint16]:
    """Costs of the labels (h, w, k) at every pixel of a level, `to` = (w, h)."""
    out = np.empty((to[1], to[0], surprise.shape[2]), np.uint16)
    for first in range(0, surprise.shape[2], 4):  # OpenCV resizes up to four channels
        part = slice(first, first + 4)
        out[..., part] = np.atleast_3d(cv2.resize(np.ascontiguousarray(surprise[..., part]), to))
    return out
