"""Matching and patches, guided by a network that says which palette color each pixel should have.

Stages::

    source --> palette, labels --> network, trained once (the shipped embedding, or from scratch)
                                        |
    target --> alignment ---------------+--> label probabilities --.
                  '-------------------------------------------> synthesis --> settling, merge, flat colors
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from refcolor.config import Config, Init
from refcolor.imaging import chroma_lines, flat_colors, geometry
from refcolor.imaging import palette as palettes
from refcolor.imaging.color import Image
from refcolor.imaging.palette import Palette
from refcolor.matching.alignment import Aligner, Source
from refcolor.methods.base import Learned, all_pixels
from refcolor.methods.quick import Quick
from refcolor.networks import backend
from refcolor.networks.labelling import KeyWeights, Labelling

if TYPE_CHECKING:
    from refcolor.networks.labellers import Labeller

MAX_EXPECTED_PIXELS = 1 << 15  # of the reduced picture that the network's own chroma is computed for


class Standard(Quick):
    """What ``quick`` does, with a network's opinion of every pixel."""

    def look(self, pictures: Sequence[Image], config: Config, palette: Palette | None = None) -> Learned:
        config, pixels = self.decide(pictures, config, palette), all_pixels(pictures)
        if palette is None:
            palette = palettes.fit(pixels, int(config.clusters), space="lab", seed=config.seed)
        sources = [Source(picture, palette) for picture in pictures]
        labels = sources[0].labels if len(sources) == 1 else None
        return Learned(
            config,
            Aligner(sources),
            palette,
            chroma_lines.fit(pixels, palette.labels(pixels) if labels is None else labels, len(palette)),
            flat_colors.join([flat_colors.find(picture) for picture in pictures]),
        )

    def new_labeller(self, learned: Learned) -> Labeller:
        from refcolor.networks.labellers import DenseLabeller, EmbeddingLabeller  # late: it imports Keras

        assert learned.palette is not None
        kind = EmbeddingLabeller if learned.config.init is Init.PRETRAINED else DenseLabeller
        return kind(learned.sources, learned.palette, learned.config)

    def opinion(self, relit: Image, learned: Learned, weights: KeyWeights) -> Labelling:
        assert learned.engine is not None
        assert learned.labeller is not None
        with backend.on(learned.engine):
            return learned.labeller.ask(relit, weights)

    def expected_chroma(self, labelling: Labelling | None, learned: Learned, relit: Image) -> Image:
        """Chroma (H, W, 2) that the network alone would give, from a reduced picture."""
        assert labelling is not None
        assert learned.chroma_lines is not None
        h, w = relit.shape
        scale = min(1.0, math.sqrt(MAX_EXPECTED_PIXELS / relit.size))
        small = geometry.resize(relit, (max(1, round(w * scale)), max(1, round(h * scale))))
        chroma = chroma_lines.upsample(labelling.probabilities, learned.chroma_lines, small)
        return geometry.resize(chroma, (w, h))
