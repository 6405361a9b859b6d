"""Matching and patches without a network: no training, a few seconds a picture.

Stages::

    target --> alignment with the sources --> patch synthesis --> confirmed matches, settling
                                                              --> merge, flat colors

:mod:`refcolor.methods.standard` asks a network too.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from refcolor.config import Config
from refcolor.imaging import chroma_lines, chroma_odds, flat_colors, merge
from refcolor.imaging.chroma_lines import ChromaLines
from refcolor.imaging.color import Image
from refcolor.imaging.palette import Palette
from refcolor.matching.alignment import Aligner, Alignment, Source
from refcolor.methods.base import Evidence, Learned, Method, Result, Target
from refcolor.synthesis import confidence, confirmed, flat_regions, search


class Quick(Method):
    """Guided patch synthesis from matched sources, with the opinion of a network if one was trained."""

    def look(self, pictures: Sequence[Image], config: Config, palette: Palette | None = None) -> Learned:
        return Learned(
            self.decide(pictures, config, palette),
            Aligner([Source(picture) for picture in pictures]),
            flat_colors=flat_colors.join([flat_colors.find(picture) for picture in pictures]),
        )

    def color(self, target: Target, learned: Learned, alignment: Alignment | None = None) -> Result:
        gray, alignment = target.gray, alignment or learned.aligner.align(target.gray)
        matches, candidates = alignment.matches, alignment.candidates
        relit = np.clip(matches.relit255 / 255, 0, 1).astype(np.float32)
        labelling = learned.ask(relit, alignment.weights) if learned.config.trains else None
        probabilities = None if labelling is None else labelling.probabilities
        if labelling is not None and labelling.nearest is not None:
            candidates = [*candidates, alignment.motion(labelling.nearest)]
        synthesis = search.synthesize(
            matches.relit255,
            alignment.views,
            candidates,
            matches.best,
            matches.error,
            probabilities,
            seed=learned.config.seed,
        )
        evidence = confirmed.confirm(synthesis.ab, matches.relit255, alignment.views, matches)
        ab = flat_regions.settle(evidence, matches.relit255, probabilities, learned.chroma_lines)
        odds = chroma_odds.learn(alignment.views.gray255, alignment.views.ab)
        assent = network_assent(probabilities, learned.chroma_lines, relit, ab)
        reasons = confidence.reasons(ab, synthesis, evidence, matches, odds, assent)
        trust = confidence.estimate(reasons, network=assent is not None)
        image = merge.luma_exact(gray, ab * np.float32(matches.dimming))
        assert learned.flat_colors is not None
        image, painted = flat_colors.apply(
            image,
            gray,
            learned.flat_colors,
            probabilities,
            learned.palette,
            evidence.kept,
            evidence.border,
            evidence.certain,
        )
        trust[painted] = np.maximum(trust[painted], flat_colors.MIN_CONFIDENCE)
        known = Evidence(
            matches.relit255,
            evidence.border,
            (synthesis.ab, evidence.source_ab),
            reasons.astype(np.float16),
            learned.chroma_lines,
        )
        return Result(image, trust, matches, labelling, known)


def network_assent(
    probabilities: Image | None, lines: ChromaLines | None, relit: Image, ab: Image
) -> Image | None:
    """Probability (H, W) that the network gives to chroma like this (H, W, 2); None without a network."""
    if probabilities is None or lines is None:
        return None
    h, w = probabilities.shape[:2]
    small, small_ab = (cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA) for image in (relit, ab))
    assent = chroma_lines.support(probabilities, lines, small, small_ab)
    return np.asarray(cv2.resize(assent, relit.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
