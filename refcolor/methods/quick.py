"""Matching and patches without a network: no training, a few seconds a picture.

Stages::

    target --> alignment with the sources --> patch synthesis --> confirmed matches, settling
                                                              --> merge, flat colors

:mod:`refcolor.methods.standard` asks a network too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from refcolor.config import Config
from refcolor.imaging import chroma_lines, flat_colors, geometry, merge
from refcolor.imaging.chroma_lines import ChromaLines
from refcolor.imaging.color import Image
from refcolor.imaging.palette import Palette
from refcolor.matching.alignment import Aligner, Alignment, Source
from refcolor.methods.base import Learned, Method, Result, Target
from refcolor.synthesis import confidence, confirmed, flat_regions, search

MAX_EXPECTED_PIXELS = 1 << 15  # of the reduced picture that the network's own chroma is computed for


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
        expected = expected_chroma(probabilities, learned.chroma_lines, relit)
        trust = confidence.estimate(synthesis, matches.error, expected)
        evidence = confirmed.confirm(synthesis.ab, matches.relit255, alignment.views, matches)
        ab = flat_regions.settle(evidence, matches.relit255, probabilities, learned.chroma_lines)
        image = merge.luma_exact(gray, ab * np.float32(matches.dimming))
        assert learned.flat_colors is not None
        image, painted = flat_colors.apply(
            image, gray, learned.flat_colors, probabilities, learned.palette, evidence.kept, evidence.border
        )
        trust[painted] = np.maximum(trust[painted], flat_colors.MIN_CONFIDENCE)
        return Result(image, trust, matches, labelling)


def expected_chroma(probabilities: Image | None, lines: ChromaLines | None, relit: Image) -> Image | None:
    """Chroma (H, W, 2) that the network alone would give, from a reduced picture; None without a network."""
    if probabilities is None or lines is None:
        return None
    h, w = relit.shape
    scale = min(1.0, math.sqrt(MAX_EXPECTED_PIXELS / relit.size))
    small = geometry.resize(relit, (max(1, round(w * scale)), max(1, round(h * scale))))
    return geometry.resize(chroma_lines.upsample(probabilities, lines, small), (w, h))
