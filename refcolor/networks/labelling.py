"""Label probabilities of a target: how likely each palette color is at each pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from refcolor.config import Config
from refcolor.imaging import features
from refcolor.imaging.color import Image
from refcolor.imaging.features import Features
from refcolor.imaging.palette import Labels, Palette

KeyWeights = Mapping[int, float]  # numbers of the sources to use, and how much each counts


@dataclass(frozen=True, eq=False)
class Labelling:
    """What the network says of a target.

    Attributes
    ----------
    palette_picture : float32 (h', w', 3)
        The labels' colors: on the grid, or enlarged to 224x224 by ``paper``.
    labels : int32 (h, w)
        Most probable palette color of every pixel of the grid.
    probabilities : float32 (h, w, k)
        Of every palette color.
    palette : Palette
        Of the sources.
    gray : float32 (H, W)
        The target as the network saw it, in [0, 1].
    config : Config
        Of the run.
    nearest : float32 (h, w, 2) or None
        Nearest source cell of every pixel of the grid by the embedding: x / width, and index of the source
        among those used + y / height.
    """

    palette_picture: Image
    labels: Labels
    probabilities: Image = field(repr=False)
    palette: Palette = field(repr=False)
    gray: Image = field(repr=False)
    config: Config = field(repr=False)
    nearest: Image | None = field(default=None, repr=False)

    @cached_property
    def features(self) -> Features:
        """Gray, edges and corners of the target."""
        return features.extract(self.gray, self.labels.shape[::-1], self.config)

    def enlarged(self, palette_picture: Image) -> Labelling:
        """The same with the palette's picture at another size."""
        return replace(self, palette_picture=palette_picture)
