"""The base class of methods, and what they share: result, what was learned."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from refcolor.config import Config
from refcolor.imaging import chroma_lines, features
from refcolor.imaging import palette as palettes
from refcolor.imaging.chroma_lines import ChromaLines
from refcolor.imaging.color import Image, rgb_to_lab
from refcolor.imaging.features import Features
from refcolor.imaging.flat_colors import FlatColors
from refcolor.imaging.palette import Labels, Palette
from refcolor.matching.alignment import Aligner, Alignment, Source
from refcolor.matching.optical_flow import Matches
from refcolor.networks import backend
from refcolor.synthesis.confidence import REASONS, WEIGHTS

if TYPE_CHECKING:
    from refcolor.networks.labeller import Labeller
    from refcolor.regions.decision import Decisions

MIN_COLORS = 2  # of a source, where no palette is made
MAX_PALETTE_PIXELS = 1 << 23  # that the palette of several sources is taken from

Weights = list[list[NDArray[np.float32]]]  # of each network, in the order of its layers


@dataclass(frozen=True, eq=False)
class Labelling:
    """What the network says of a target."""

    palette_picture: Image  #: (h', w', 3): the labels' colors, on the grid, or at 224x224 by ``paper``
    labels: Labels  #: (h, w): most probable palette color of every pixel of the grid
    probabilities: Image = field(repr=False)  #: (h, w, k): of every palette color
    palette: Palette = field(repr=False)  #: of the sources
    gray: Image = field(repr=False)  #: (H, W): the target as the network saw it, in [0, 1]
    config: Config = field(repr=False)  #: of the run
    #: (h, w, 2): nearest source cell by the embedding: x / width, and index of the source among those used
    #: + y / height
    nearest: Image | None = field(default=None, repr=False)

    @cached_property
    def features(self) -> Features:
        """Gray, edges and corners of the target."""
        return features.extract(self.gray, self.labels.shape[::-1], self.config)


@dataclass(frozen=True, eq=False)
class Target:
    """A picture to color."""

    gray: Image  #: (H, W): BT.601 luma in [0, 1]
    #: (H, W, 3): the drawing, if it is line art: bare lines on paper, without the luma of paints
    drawing: Image | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What was proposed for a target, and what spoke for it."""

    gray255: Image  #: (H, W): the target in the source's light, in 8-bit levels
    border: NDArray[np.bool_]  #: (H, W): color borders that matches carry over
    proposals: tuple[Image, ...]  #: (H, W, 2) each: CIELAB a, b of the votes and of the source at the matches
    reasons: NDArray[np.float16]  #: (H, W, k): see :data:`refcolor.synthesis.confidence.REASONS`
    lines: ChromaLines | None = None  #: of the palette colors, where there is a network


@dataclass(frozen=True, eq=False)
class LineParts:
    """The parts of painted line art."""

    fill: Image  #: (H, W, 3): the paint of every pixel, also under ink and trace lines
    ink: Image  #: (H, W): how far ink covers it, in [0, 1]
    trace: NDArray[np.bool_]  #: (H, W): pixels of trace lines, which are painted over
    background: NDArray[np.bool_]  #: (H, W): pixels around the figure


@dataclass(frozen=True, eq=False)
class Result:
    """A colored target and what led to it."""

    image: Image  #: float32 (H, W, 3), encoded sRGB in [0, 1]: at the target's size, or 224x224 by ``paper``
    #: float32 (H, W): how far each pixel's color is to be trusted, in [0, 1]; None by ``paper``
    confidence: Image | None = field(default=None, repr=False)
    #: optical flow and what it says about the light; None by ``paper``
    matches: Matches | None = field(default=None, repr=False)
    #: the network's part; None by ``quick``
    labelling: Labelling | None = field(default=None, repr=False)
    #: what was proposed, and what spoke for it; None by ``paper``
    evidence: Evidence | None = field(default=None, repr=False)
    #: what was decided for each region, where regions decide: for line art
    decided: Decisions | None = field(default=None, repr=False)
    #: paint and lines of painted line art; None for gray pictures
    parts: LineParts | None = field(default=None, repr=False)

    @cached_property
    def regions(self) -> Decisions | None:
        """Each region of the target: its color, the runner-up, confidence and reason; None by ``paper``.

        Computed on first use, in a fraction of a second a megapixel.
        """
        from refcolor.regions import decision, segmentation  # late: SciPy takes its time to import

        if self.decided is not None:
            return self.decided
        if self.evidence is None or self.matches is None or self.confidence is None:
            return None
        known, proposals, network = self.evidence, list(self.evidence.proposals), self.labelling is not None
        if self.labelling is not None and known.lines is not None:
            relit = np.clip(known.gray255 / 255, 0, 1).astype(np.float32)
            proposals.append(chroma_lines.preview(self.labelling.probabilities, known.lines, relit))
        return decision.explain(
            segmentation.segment(known.gray255, known.border),
            rgb_to_lab(self.image)[..., 1:],
            [proposal * np.float32(self.matches.dimming) for proposal in proposals],
            self.confidence,
            known.reasons,
            REASONS,
            WEIGHTS[network][1:],
        )


@dataclass(frozen=True, eq=False)
class Learned:
    """What a method knows of its sources: all that coloring needs."""

    config: Config  #: settings of the run, with the number of clusters decided
    aligner: Aligner  #: the sources, and how targets are matched with them
    palette: Palette | None = None  #: colors of the sources; None by ``quick``
    chroma_lines: ChromaLines | None = None  #: chroma of every palette color at each luma; by ``standard``
    flat_colors: FlatColors | None = None  #: exact colors of flat art; None by ``paper``
    engine: backend.Engine | None = None  #: engine and device the network runs on, once it is started
    labeller: Labeller | None = None  #: the network, once it is trained

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources, in the order they were given."""
        return self.aligner.sources

    @property
    def weights(self) -> Weights:
        """Weights of every network that was trained; none by ``quick``."""
        return [] if self.labeller is None else [n.get_weights() for n in self.labeller.networks]

    def ask(self, gray: Image, weights: Mapping[int, float]) -> Labelling:
        """What the network says of a target (H, W) in [0, 1], given the sources of these weights."""
        assert self.engine is not None
        assert self.labeller is not None
        palette = self.labeller.palette
        with backend.on(self.engine):
            probabilities, nearest = self.labeller.probabilities(gray, weights)
        labels = np.asarray(probabilities.argmax(-1), np.int32)
        return Labelling(palette.paint(labels), labels, probabilities, palette, gray, self.config, nearest)


class Method(ABC):
    """One way to color pictures: look at sources and, once their network is trained, color targets.

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
        """What the sources, float32 (H, W, 3) of any sizes, show without a network; raises as :meth:`decide`.

        The `palette` is given where it is known already.
        """

    def align(
        self, target: Target, learned: Learned, weights: Mapping[int, float] | None = None
    ) -> Alignment | None:
        """Match a target with the sources of these weights, all if none are given."""
        return learned.aligner.align(target.gray, weights) if self.uses_motion else None

    @abstractmethod
    def color(self, target: Target, learned: Learned, alignment: Alignment | None = None) -> Result:
        """Color a target; `alignment` from :meth:`align` for it, if it is known already."""


def all_pixels(pictures: Sequence[Image]) -> Image:
    """One picture as it is; the pixels of several, thinned out, as a column (N, 1, 3)."""
    if len(pictures) == 1:
        return pictures[0]
    thin = math.ceil(sum(picture.size // 3 for picture in pictures) / MAX_PALETTE_PIXELS)
    return np.concatenate([picture.reshape(-1, 1, 3)[::thin] for picture in pictures])
