"""Matching and patches without a network: no training, a few seconds a picture.

Stages::

    target --> alignment with the sources --> patch synthesis --> settling, luma-exact merge --> flat colors
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from refcolor.config import Config
from refcolor.imaging import flat_colors, merge
from refcolor.imaging.color import Image
from refcolor.imaging.palette import Palette
from refcolor.matching.alignment import Aligner, Alignment, Source
from refcolor.methods.base import Learned, Method, Result, Target
from refcolor.networks.labelling import KeyWeights, Labelling
from refcolor.synthesis import confidence, confirmed, flat_regions, search


class Quick(Method):
    """Guided patch synthesis from matched sources; :class:`Standard` adds a network's opinion to it."""

    def look(self, pictures: Sequence[Image], config: Config, palette: Palette | None = None) -> Learned:
        return Learned(
            self.decide(pictures, config, palette),
            Aligner([Source(picture) for picture in pictures]),
            flat_colors=flat_colors.join([flat_colors.find(picture) for picture in pictures]),
        )

    def opinion(self, relit: Image, learned: Learned, weights: KeyWeights) -> Labelling | None:
        """What a network says of a target (H, W) in the sources' light; nothing here."""
        return None

    def expected_chroma(self, labelling: Labelling | None, learned: Learned, relit: Image) -> Image | None:
        """Chroma (H, W, 2) that the network alone would give; None here."""
        return None

    def color(self, target: Target, learned: Learned, alignment: Alignment | None = None) -> Result:
        return self._color(target.gray, learned, alignment or learned.aligner.align(target.gray))

    def _color(self, gray: Image, learned: Learned, aligned: Alignment) -> Result:
        matches, candidates = aligned.matches, aligned.candidates
        relit = np.clip(matches.relit255 / 255, 0, 1).astype(np.float32)
        labelling = self.opinion(relit, learned, aligned.weights)
        probabilities = None if labelling is None else labelling.probabilities
        if labelling is not None and labelling.nearest is not None:
            candidates = [*candidates, aligned.motion(labelling.nearest)]
        synthesis = search.synthesize(
            matches.relit255,
            aligned.views,
            candidates,
            matches.best,
            matches.error,
            probabilities,
            seed=learned.config.seed,
        )
        expected = self.expected_chroma(labelling, learned, relit)
        trust = confidence.estimate(synthesis, matches.error, expected)
        evidence = confirmed.confirm(synthesis.ab, matches.relit255, aligned.views, matches)
        ab = flat_regions.settle(evidence, matches.relit255, probabilities, learned.chroma_lines)
        image = merge.luma_exact(gray, ab * np.float32(matches.dimming))
        assert learned.flat_colors is not None
        image, painted = flat_colors.apply(
            image, gray, learned.flat_colors, probabilities, learned.palette, evidence.kept, evidence.border
        )
        trust[painted] = np.maximum(trust[painted], flat_colors.MIN_CONFIDENCE)
        return Result(image, trust, matches, labelling)
