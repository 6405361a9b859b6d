"""The "Auto-Coloring Network" report: labels from 29x29 patches, the palette's picture, a plain Lab merge.

Stages::

    source --> 24-color k-means palette, Canny, FAST --> CNN, trained on every pixel of a 112x112 grid
    target --> Canny, FAST --> CNN --> labels --> palette picture --> CIELAB merge, 224x224
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from refcolor.config import Config
from refcolor.imaging import geometry, merge
from refcolor.imaging import palette as palettes
from refcolor.imaging.color import Image
from refcolor.imaging.palette import Palette
from refcolor.matching.alignment import Aligner, Alignment, Source
from refcolor.methods.base import Learned, Method, Result, Target, all_pixels

RESULT_SIZE = 224, 224  # (w, h) of the report's result


class Paper(Method):
    """The report's method."""

    has_confidence = False
    uses_motion = False

    def look(self, pictures: Sequence[Image], config: Config, palette: Palette | None = None) -> Learned:
        config = self.decide(pictures, config, palette)
        if palette is None:
            small = [geometry.resize(picture, (config.grid, config.grid)) for picture in pictures]
            palette = palettes.fit(all_pixels(small), int(config.clusters), space="rgb", seed=config.seed)
        return Learned(config, Aligner([Source(picture, palette) for picture in pictures]), palette)

    def color(self, target: Target, learned: Learned, alignment: Alignment | None = None) -> Result:
        labelling = learned.ask(target.gray, {})
        picture = geometry.resize(labelling.palette_picture, RESULT_SIZE)
        image = merge.plain_lab(geometry.resize(target.gray, RESULT_SIZE), picture)
        return Result(image, labelling=replace(labelling, palette_picture=picture))
