"""Matching and patches, guided by a network that says which palette color each pixel should have.

Stages::

    source --> palette, labels --> network, trained once (the shipped embedding, or from scratch)
                                        |
    target --> alignment ---------------+--> label probabilities --.
                  '-------------------------------------------> synthesis --> as in ``quick``
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from refcolor.config import Config
from refcolor.imaging import chroma_lines
from refcolor.imaging import palette as palettes
from refcolor.imaging.color import Image
from refcolor.imaging.palette import Palette
from refcolor.matching.alignment import Aligner, Source
from refcolor.methods.base import Learned, all_pixels
from refcolor.methods.quick import Quick


class Standard(Quick):
    """What ``quick`` does, with a network's opinion of every pixel."""

    def look(self, pictures: Sequence[Image], config: Config, palette: Palette | None = None) -> Learned:
        known, pixels = super().look(pictures, config, palette), all_pixels(pictures)
        if palette is None:
            palette = palettes.fit(pixels, int(known.config.clusters), space="lab", seed=config.seed)
        sources = [Source(picture, palette) for picture in pictures]
        labels = sources[0].labels if len(sources) == 1 else None
        lines = chroma_lines.fit(pixels, palette.labels(pixels) if labels is None else labels, len(palette))
        return replace(known, aligner=Aligner(sources), palette=palette, chroma_lines=lines)
