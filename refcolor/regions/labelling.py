"""Decide the labels of all regions at once: what speaks for each, and which neighbors belong together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from refcolor.imaging.color import Image

SCALE = 100.0  # capacities are whole numbers
MAX_CAPACITY = 1 << 26
SWEEPS = 4  # over all labels, at most
MAX_ROUNDS = 8  # over all regions


def decide(costs: Image, links: NDArray[np.int64], weights: Image) -> NDArray[np.int32]:
    """Labels that cost little, and are the same on both ends of heavy links.

    Parameters
    ----------
    costs : float32 (n, k)
        Of every label for every region; at least 0.
    links : int64 (m, 2)
        Regions that may belong together.
    weights : float32 (m,)
        What it costs to give the two ends of a link different labels; at least 0.

    Returns
    -------
    int32 (n,)
        Labels whose sum of costs no single expansion of a label lowers any more.

    Notes
    -----
    Alpha expansion (Boykov, Veksler, Zabih, "Fast approximate energy minimization via graph cuts", 2001),
    with SciPy's maximum flow.
    """
    whole = np.minimum(np.rint(costs * SCALE), MAX_CAPACITY).astype(np.int64)
    pull = np.minimum(np.rint(weights * SCALE), MAX_CAPACITY).astype(np.int64)
    used = pull > 0
    one, other, pull = links[used, 0], links[used, 1], pull[used]
    labels: NDArray[np.int32] = whole.argmin(1).astype(np.int32)
    candidates = np.unique(labels)
    for _ in range(SWEEPS):
        before = labels.copy()
        for label in candidates.tolist():
            labels = _expand(labels, label, whole, one, other, pull)
        if (labels == before).all():
            break
    return labels


def _expand(
    labels: NDArray[np.int32],
    label: int,
    costs: NDArray[np.int64],
    one: NDArray[np.int64],
    other: NDArray[np.int64],
    pull: NDArray[np.int64],
) -> NDArray[np.int32]:
    """Let the set of regions take this label that lowers the sum of costs most.

    With x = 1 for a region that takes it, a link costs stay + (first - stay) x_one - first x_other +
    (first + second - stay) (1 - x_one) x_other: the last is an edge of the graph, the rest belongs to nodes.
    """
    n = len(labels)
    keep = costs[np.arange(n), labels].copy()
    take = costs[:, label].copy()
    stay = pull * (labels[one] != labels[other])  # neither takes it
    second, first = pull * (labels[one] != label), pull * (labels[other] != label)  # only that one takes it
    np.add.at(take, one, first - stay)
    np.add.at(keep, other, first)
    across = second + first - stay
    least = np.minimum(keep, take)
    keep, take = keep - least, take - least
    source, sink = n, n + 1
    # What takes the label is cut off from the source, and pays for it by the edge from there.
    index = np.arange(n)
    rows = np.concatenate([np.full(n, source), index, one])
    columns = np.concatenate([index, np.full(n, sink), other])
    capacity = np.concatenate([take, keep, across])
    real = capacity > 0
    graph = csr_array(
        (np.minimum(capacity[real], np.iinfo(np.int32).max).astype(np.int32), (rows[real], columns[real])),
        shape=(n + 2, n + 2),
    )
    flow = maximum_flow(graph, source, sink).flow
    residual = graph - flow
    residual.data[residual.data < 0] = 0
    residual.eliminate_zeros()
    reached = breadth_first_order(residual, source, return_predecessors=False)
    stays = np.zeros(n + 2, bool)
    stays[reached] = True
    return np.where(stays[:n], labels, np.int32(label))


def part(
    labels: NDArray[np.int32], costs: Image, links: NDArray[np.int64], lengths: Image, penalties: Image
) -> NDArray[np.int32]:
    """Change labels (n,) so that regions on the two sides of a line have labels that go together.

    Parameters
    ----------
    labels : int32 (n,)
        To start from.
    costs : float32 (n, k)
        Of every label for every region.
    links : int64 (m, 2)
        Regions that a line parts, and its `lengths`, float32 (m,).
    penalties : float32 (k, k)
        For each pixel of a line between two labels; symmetric.

    Notes
    -----
    Iterated conditional modes (Besag, "On the statistical analysis of dirty pictures", 1986), from the region
    with the shortest lines up, so that shades follow what they lie on: penalties for equal labels are no cut
    in a graph.
    """
    labels = labels.copy()
    ends = np.concatenate([links, links[:, ::-1]])
    order = np.argsort(ends[:, 0], kind="stable")
    ends, length = ends[order], np.tile(lengths, 2)[order]
    first = np.searchsorted(ends[:, 0], np.arange(len(labels) + 1))
    size = np.bincount(ends[:, 0], length, len(labels))
    for _ in range(MAX_ROUNDS):
        before = labels.copy()
        for region in np.argsort(size, kind="stable")[int((size == 0).sum()) :].tolist():
            beside = slice(first[region], first[region + 1])
            price = length[beside] @ penalties[labels[ends[beside, 1]]]
            labels[region] = np.argmin(costs[region] + price)
        if (labels == before).all():
            break
    return labels
