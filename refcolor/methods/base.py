"""The base class of methods, and what they share: target, result, what was learned."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from refcolor.config import Config, Progress
from refcolor.imaging import palette as palettes
from refcolor.imaging.chroma_lines import ChromaLines
from refcolor.imaging.color import Image
from refcolor.imaging.flat_colors import FlatColors
from refcolor.imaging.palette import Palette
from refcolor.matching.alignment import Aligner, Alignment, Source
from refcolor.matching.optical_flow import Matches
from refcolor.networks import backend
from refcolor.networks.labelling import KeyWeights, Labelling

if TYPE_CHECKING:
    from refcolor.networks.labellers import Labeller

MIN_COLORS = 2  # of a source, where no palette is made
MAX_PALETTE_PIXELS = 1 << 23  # that the palette of several sources is taken from

Weights = list[list[NDArray[np.float32]]]  # of each network, in the order of its layers


@dataclass(frozen=True, eq=False)
class Target:
    """A picture to color.

    Attributes
    ----------
    gray : float32 (H, W)
        BT.601 luma in [0, 1].
    """

    gray: Image


@dataclass(frozen=True, eq=False)
class Result:
    """A colored target and what led to it.

    Attributes
    ----------
    image : float32 (H, W, 3)
        Encoded sRGB in [0, 1]: at the target's size, or 224x224 by ``paper``.
    confidence : float32 (H, W) or None
        How far each pixel's color is to be trusted, in [0, 1]; None by ``paper``.
    matches : Matches or None
        Optical flow and what it says about the light; None by ``paper``.
    labelling : Labelling or None
        The network's part; None by ``quick``.
    """

    image: Image
    confidence: Image | None = field(default=None, repr=False)
    matches: Matches | None = field(default=None, repr=False)
    labelling: Labelling | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Learned:
    """What a method knows of its sources: all that coloring needs.

    Attributes
    ----------
    config : Config
        Settings of the run, with the number of clusters decided.
    aligner : Aligner
        The sources, and how targets are matched with them.
    palette : Palette or None
        Colors of the sources; None by ``quick``.
    chroma_lines : ChromaLines or None
        Chroma of every palette color at each luma; only by ``standard``.
    flat_colors : FlatColors or None
        Exact colors of flat art; None by ``paper``.
    engine : Engine or None
        Engine and device the network runs on, once it is started.
    labeller : Labeller or None
        The network, once it is trained.
    """

    config: Config
    aligner: Aligner
    palette: Palette | None = None
    chroma_lines: ChromaLines | None = None
    flat_colors: FlatColors | None = None
    engine: backend.Engine | None = None
    labeller: Labeller | None = None

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources, in the order they were given."""
        return self.aligner.sources

    @property
    def weights(self) -> Weights:
        """Weights of every network that was trained; none by ``quick``."""
        return [] if self.labeller is None else [n.get_weights() for n in self.labeller.networks]


class Method(ABC):
    """One way to color pictures: look at sources, learn from them, color targets.

    Attributes
    ----------
    has_confidence : bool
        Whether results tell how far they are to be trusted.
    uses_motion : bool
        Whether targets are matched with the sources, and neighboring frames help.
    """

    has_confidence: ClassVar[bool] = True
    uses_motion: ClassVar[bool] = True

    def decide(self, pictures: Sequence[Image], config: Config, palette: Palette | None = None) -> Config:
        """The settings with a number of clusters that the sources can give.

        Raises
        ------
        ValueError
            When a picture has no color, or all together have fewer distinct colors than clusters.
        """
        pixels = all_pixels(pictures)
        if config.clusters == "auto":
            clusters = palettes.count(pixels, seed=config.seed) if config.trains else MIN_COLORS
            config = replace(config, clusters=clusters)
        if palette is None:
            palettes.check(pixels, int(config.clusters) if config.trains else MIN_COLORS)
        if len(pictures) > 1:
            for picture in pictures:
                palettes.check(picture, MIN_COLORS)
        return config

    @abstractmethod
    def look(self, pictures: Sequence[Image], config: Config, palette: Palette | None = None) -> Learned:
        """What the sources show without a network.

        Parameters
        ----------
        pictures : sequence of float32 (H, W, 3)
            Colored pictures of any sizes, encoded sRGB in [0, 1].
        config : Config
            Settings of the run.
        palette : Palette, optional
            The palette, where it is known already.

        Raises
        ------
        ValueError
            As :meth:`decide`.
        """

    def new_labeller(self, learned: Learned) -> Labeller | None:
        """The untrained network of this method; None if it has none. Keras must have been started."""
        return None

    def learn(self, learned: Learned, progress: Progress) -> Learned:
        """Train the network, if there is one, on the sources that :meth:`look` has seen."""
        if learned.engine is None:
            return learned
        with backend.on(learned.engine):
            labeller = self.new_labeller(learned)
            if labeller is not None:
                labeller.train(progress)
        return replace(learned, labeller=labeller)

    def restore(self, learned: Learned, weights: Weights) -> Learned:
        """Take the weights of a trained network instead of training one.

        Raises
        ------
        ValueError
            When they do not fit.
        """
        if learned.engine is None:
            return learned
        with backend.on(learned.engine):
            labeller = self.new_labeller(learned)
            if labeller is not None:
                for network, mine in zip(labeller.networks, weights, strict=True):
                    network.set_weights(mine)
        return replace(learned, labeller=labeller)

    def align(self, target: Target, learned: Learned, weights: KeyWeights | None = None) -> Alignment | None:
        """Match a target with the sources of these weights, all if none are given."""
        return learned.aligner.align(target.gray, weights) if self.uses_motion else None

    @abstractmethod
    def color(self, target: Target, learned: Learned, alignment: Alignment | None = None) -> Result:
        """Color a target; `alignment` from :meth:`align` for the same target, if it is known already."""


def all_pixels(pictures: Sequence[Image]) -> Image:
    """One picture as it is; the pixels of several, thinned out, as a column (N, 1, 3)."""
    if len(pictures) == 1:
        return pictures[0]
    thin = math.ceil(sum(picture.size // 3 for picture in pictures) / MAX_PALETTE_PIXELS)
    return np.concatenate([picture.reshape(-1, 1, 3)[::thin] for picture in pictures])
