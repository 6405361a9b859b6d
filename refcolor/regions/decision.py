"""What was decided for each region of a colored picture, what else was proposed, and why.

Votes of patches, the source at the match, and the network propose chroma for every pixel of a region. The
decision is what most of its pixels became; the runner-up is what was proposed most, next to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refcolor.imaging.color import Image
from refcolor.imaging.flat_colors import MAX_CHROMA_DISTANCE
from refcolor.regions.segmentation import Regions

MIN_RUNNER_UP = 0.02  # share of the proposals that a runner-up must have
BIN, BINS = 10.0, 25  # CIELAB units of a bin of the chroma histogram, and its number of bins a side


@dataclass(frozen=True, eq=False)
class Decisions:
    """The decision for each of n regions."""

    regions: Regions
    ab: Image  #: (n, 2): CIELAB a, b of most pixels of the region
    share: Image  #: (n,): of its pixels that have about this chroma, in [0, 1]
    runner_up: Image  #: (n, 2): CIELAB a, b that were proposed next to it; NaN where nothing else was
    runner_up_share: Image  #: (n,): of the proposals that were about this, in [0, 1]
    confidence: Image  #: (n,): mean over the region, in [0, 1]
    reasons: Image  #: (n, k): means of the reasons to trust its pixels
    reason: tuple[str, ...]  #: what spoke for it most, or "nothing": one name for each region


def explain(
    regions: Regions,
    ab: Image,
    proposals: list[Image],
    confidence: Image,
    reasons: NDArray[Any],
    names: tuple[str, ...],
    weights: tuple[float, ...],
) -> Decisions:
    """Sum up what was decided.

    Parameters
    ----------
    regions : Regions
        Of the target.
    ab : float32 (H, W, 2)
        CIELAB a, b of the colored target.
    proposals : list of float32 (H, W, 2)
        Chroma that was proposed for each pixel.
    confidence : float32 (H, W)
        Of each pixel.
    reasons : float (H, W, k)
        In [0, 1], what spoke for each pixel; their `names`, and what each counts for.
    """
    inside = np.flatnonzero(regions.labels.ravel() >= 0)
    owner, count = regions.labels.ravel()[inside].astype(np.int64), len(regions)
    center, share = _modes(owner, [ab.reshape(-1, 2)[inside]], count)
    offered = [proposal.reshape(-1, 2)[inside] for proposal in proposals]
    other = [((chroma - center[owner]) ** 2).sum(-1) > MAX_CHROMA_DISTANCE**2 for chroma in offered]
    runner_up, runner_up_share = _modes(owner, offered, count, other)
    runner_up[runner_up_share < MIN_RUNNER_UP] = np.nan
    means = regions.mean(reasons)
    spoke = means * np.asarray(weights, np.float32)
    strongest = np.where(spoke.max(-1) > 0, spoke.argmax(-1), -1)
    reason = tuple("nothing" if i < 0 else names[i] for i in strongest.tolist())
    return Decisions(
        regions, center, share, runner_up, runner_up_share, regions.mean(confidence), means, reason
    )


def _modes(
    owner: NDArray[np.int64],
    chromas: list[Image],
    count: int,
    masks: list[NDArray[np.bool_]] | None = None,
) -> tuple[Image, Image]:
    """The commonest chroma (n, 2) of each region among these of its pixels (p, 2), and its share (n,)."""
    masks = masks or [np.ones(len(owner), bool)] * len(chromas)
    whole = np.maximum(np.bincount(owner, minlength=count) * len(chromas), 1)
    bins = [
        np.clip(np.rint(chroma / BIN) + BINS // 2, 0, BINS - 1).astype(np.int64) @ np.array([BINS, 1])
        for chroma in chromas
    ]
    code = np.concatenate([(owner * BINS * BINS + b)[m] for b, m in zip(bins, masks, strict=True)])
    if not len(code):
        return np.full((count, 2), np.nan, np.float32), np.zeros(count, np.float32)
    cells, size = np.unique(code, return_counts=True)
    region = cells // (BINS * BINS)
    order = np.lexsort((cells, -size, region))
    first = order[np.unique(region[order], return_index=True)[1]]
    peak = np.full(count, -1)
    peak[region[first]] = cells[first] % (BINS * BINS)
    middle = (np.stack(np.divmod(peak, BINS), -1) - BINS // 2) * BIN
    total, weight = np.zeros((count, 2)), np.zeros(count)
    for chroma, mask in zip(chromas, masks, strict=True):
        near = mask & (((chroma - middle[owner]) ** 2).sum(-1) <= MAX_CHROMA_DISTANCE**2) & (peak[owner] >= 0)
        weight += np.bincount(owner[near], minlength=count)
        total += np.stack([np.bincount(owner[near], chroma[near, i], count) for i in (0, 1)], -1)
    mean = np.where(weight[:, None] > 0, total / np.maximum(weight, 1)[:, None], np.nan)
    return mean.astype(np.float32), (weight / whole).astype(np.float32)
