"""Confidence of each pixel's color: alike patches, votes that agree, the network's assent, confirmed flow."""

from __future__ import annotations

import cv2
import numpy as np

from refcolor.imaging.color import Image
from refcolor.imaging.flat_colors import MAX_CHROMA_DISTANCE
from refcolor.synthesis.search import Synthesis

WINDOW = (9, 9)  # pixels; the neighborhood that costs and shares are averaged over
COST_SCALE = 10_000.0  # patch cost at which confidence has fallen to 1/e
MIN_AGREEMENT = 0.4  # factor left where the network expects quite another color
FLOW_BONUS = 0.8  # of what is missing to 1, added where flow confirms the match


def estimate(synthesis: Synthesis, error: Image, expected: Image | None = None) -> Image:
    """How far each pixel's color can be trusted.

    Parameters
    ----------
    synthesis : Synthesis
        What the patches gave.
    error : float32 (H, W)
        Forward-backward error of the flow, in pixels.
    expected : float32 (H, W, 2), optional
        CIELAB a, b that the network alone would give.

    Returns
    -------
    float32 (H, W)
        In [0, 1].
    """
    similarity = np.exp(cv2.blur(synthesis.cost.astype(np.float32), WINDOW) * np.float32(-1 / COST_SCALE))
    found = similarity * cv2.blur(synthesis.share, WINDOW)
    if expected is not None:
        distance = ((synthesis.ab - expected) ** 2).sum(-1)
        agreement = np.exp(distance * np.float32(-0.5 / MAX_CHROMA_DISTANCE**2))
        found = found * (MIN_AGREEMENT + (1 - MIN_AGREEMENT) * agreement)
    confirmed = np.exp(-np.minimum(error, 100))
    return np.asarray(np.clip(found + (1 - found) * confirmed * similarity * FLOW_BONUS, 0, 1), np.float32)
