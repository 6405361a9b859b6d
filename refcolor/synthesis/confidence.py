"""Confidence of each pixel's color: the chance that it is right, from all that speaks for it.

Reasons are shares in [0, 1]; a logistic model weighs them. It was fitted by ``pretraining/confidence.py``, so
that of the pixels of one confidence about that share is right (Platt, "Probabilistic outputs for support
vector machines", 1999). A color is right if it is within a CIEDE2000 distance of 5 from the truth.
"""

from __future__ import annotations

import cv2
import numpy as np

from refcolor.imaging.chroma_odds import ChromaOdds
from refcolor.imaging.color import Image
from refcolor.imaging.flat_colors import MAX_CHROMA_DISTANCE
from refcolor.matching.optical_flow import Matches
from refcolor.synthesis.confirmed import Confirmed
from refcolor.synthesis.search import Synthesis

WINDOW = (9, 9)  # pixels; the neighborhood that costs, shares and differences are averaged over
COST_SCALE = 10_000.0  # patch cost at which likeness has fallen to 1/e
RESIDUAL_SCALE = 4.0  # 8-bit levels of gray between target and match, the same
REASONS = ("likeness", "votes", "settled", "motion", "gray", "sole", "network")
WEIGHTS = {  # constant, then a weight for each reason: without a network, with one
    False: (-1.91, 1.09, 0.41, 0.69, 1.56, 3.19, 0.97, 0.0),
    True: (-2.02, 0.85, 0.17, 0.32, 1.53, 2.97, 0.93, 1.27),
}


def reasons(
    ab: Image,
    synthesis: Synthesis,
    evidence: Confirmed,
    matches: Matches,
    odds: ChromaOdds,
    network: Image | None = None,
) -> Image:
    """What speaks for the chroma of each pixel.

    Parameters
    ----------
    ab : float32 (H, W, 2)
        CIELAB a, b that were decided on, in the source's light.
    synthesis : Synthesis
        What the patches gave.
    evidence : Confirmed
        What the matches say.
    matches : Matches
        The best flow and its error.
    odds : ChromaOdds
        Of the source.
    network : float32 (H, W), optional
        Probability that the network gives to such a chroma.

    Returns
    -------
    float32 (H, W, 7)
        In [0, 1], in the order of ``REASONS``: patches of the source look alike; votes agree with each other;
        they agree with what was decided; so does the source at the match, whose flow returns to where it
        came from; and whose gray is the same; the source shows no other chroma at this gray; the network
        expects it (0 without one).
    """
    kind = _alike(ab, evidence.source_ab)
    found = [
        np.exp(cv2.blur(synthesis.cost.astype(np.float32), WINDOW) * np.float32(-1 / COST_SCALE)),
        cv2.blur(synthesis.share, WINDOW),
        cv2.blur(_alike(ab, synthesis.ab), WINDOW),
        kind * np.exp(-np.minimum(matches.error, 100)),
        kind * np.exp(np.minimum(evidence.residual, 255) * np.float32(-1 / RESIDUAL_SCALE)),
        odds.share(matches.relit255, ab),
        np.zeros(ab.shape[:2], np.float32) if network is None else network,
    ]
    return np.stack(found, -1).astype(np.float32)


def estimate(found: Image, *, network: bool) -> Image:
    """How far each pixel's color can be trusted, in [0, 1]: (H, W) from its reasons (H, W, 7)."""
    constant, *weights = WEIGHTS[network]
    score = np.full(found.shape[:2], constant, np.float32)
    for i, weight in enumerate(weights):  # one by one: the order of sums is the same on every machine
        score += found[..., i] * np.float32(weight)
    return np.asarray(1 / (1 + np.exp(-score)), np.float32)


def _alike(one: Image, other: Image) -> Image:
    """How alike two chromas (H, W, 2) are, in [0, 1]."""
    apart = one - other
    squared = apart[..., 0] ** 2 + apart[..., 1] ** 2
    return np.asarray(np.exp(squared * np.float32(-0.5 / MAX_CHROMA_DISTANCE**2)), np.float32)
