"""What is known of the sources before any target is seen: palette, labels, paints, luma and color."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from refcolor.config import PATCH, Config, Init, Preset
from refcolor.imaging import chroma_lines, features, flat_colors, palette
from refcolor.imaging.color import Image, luma, rgb_to_lab
from refcolor.imaging.features import Features
from refcolor.imaging.palette import Labels, Palette
from refcolor.matching import optical_flow
from refcolor.matching.light import Shift
from refcolor.matching.optical_flow import Points
from refcolor.networks.embedding import cells

MOST = 1 << 23  # pixels that the palette of several sources is taken from


class Source:
    """The colored picture and what follows from it, each worked out on first use.

    Parameters
    ----------
    rgb : float32 (H, W, 3)
        Encoded sRGB in [0, 1].
    config : Config
        Settings; ``clusters="auto"`` is decided on here.
    known : Palette, optional
        The palette, where it is known already.

    Raises
    ------
    ValueError
        When the picture has no color or too few colors.
    """

    def __init__(self, rgb: Image, config: Config, known: Palette | None = None) -> None:
        if config.clusters == "auto":
            clusters = palette.count(rgb, seed=config.seed) if config.trains else 2
            config = replace(config, clusters=clusters)
        self.rgb, self.config = rgb, config
        if known is not None:
            self.palette = known
        else:
            palette.check(rgb, self.clusters)

    @property
    def clusters(self) -> int:
        """Number of the palette's colors; ``quick`` needs no palette, only a source that has colors."""
        assert self.config.clusters != "auto"  # decided on when the source was seen
        return self.config.clusters if self.config.trains else 2

    @cached_property
    def gray(self) -> Image:
        """Its luma, (H, W)."""
        return luma(self.rgb)

    @cached_property
    def ab(self) -> Image:
        """Its CIELAB a, b, (H, W, 2)."""
        return np.ascontiguousarray(rgb_to_lab(self.rgb)[..., 1:])

    @cached_property
    def points(self) -> Points:
        """Its sparse features."""
        return optical_flow.points(self.gray * 255)

    @cached_property
    def size(self) -> tuple[int, int]:
        """(w, h) of the network's grid."""
        return grid_size(self.rgb.shape[:2], self.config)

    @cached_property
    def features(self) -> Features:
        """Gray, edges and corners."""
        return features.extract(self.gray, self.size, self.config)

    @cached_property
    def small(self) -> Image:
        """The picture on the network's grid, (h, w, 3)."""
        return features.resize(self.rgb, self.size)

    @cached_property
    def palette(self) -> Palette:
        """Its k-means colors."""
        space, rgb = ("rgb", self.small) if self.config.name is Preset.PAPER else ("lab", self.rgb)
        return palette.fit(rgb, self.clusters, space=space, seed=self.config.seed)  # type: ignore[arg-type]

    @cached_property
    def labels(self) -> Labels:
        """Palette label of every pixel, (H, W)."""
        return self.palette.labels(self.rgb)

    @cached_property
    def small_labels(self) -> Labels:
        """Palette label of every pixel of the grid, (h, w)."""
        return self.palette.labels(self.small)

    @cached_property
    def tints(self) -> chroma_lines.Tints:
        """Chroma and odds of every palette color at each luma."""
        return chroma_lines.fit(self.rgb, self.labels, len(self.palette))

    @cached_property
    def paints(self) -> flat_colors.Paints:
        """Its paints, where it is flat art."""
        return flat_colors.find(self.rgb)


class Sources:
    """One source, or several that share a palette: the keys of a shot.

    Parameters
    ----------
    pictures : sequence of float32 (H, W, 3)
        Encoded sRGB in [0, 1], of any sizes.
    config, known
        As of :class:`Source`.

    Raises
    ------
    ValueError
        When one has no color, or all together too few colors.
    """

    def __init__(self, pictures: Sequence[Image], config: Config, known: Palette | None = None) -> None:
        self.pictures = tuple(pictures)
        self.common = Source(_pixels(self.pictures), config, known)  # what they share
        self.config, self.clusters = self.common.config, self.common.clusters
        if known is not None:
            self.palette = known
        self.shifts: dict[tuple[int, int], Shift | None] = {}  # of light, between two: filled when asked for
        if len(pictures) > 1:
            for picture in pictures:
                palette.check(picture, 2)

    def __len__(self) -> int:
        return len(self.pictures)

    @cached_property
    def each(self) -> tuple[Source, ...]:
        """The sources one by one."""
        if len(self) == 1:
            return (self.common,)
        known = self.palette if self.config.trains else None
        return tuple(Source(picture, self.config, known) for picture in self.pictures)

    @cached_property
    def palette(self) -> Palette:
        """The k-means colors of them all."""
        if len(self) == 1 or self.config.name is not Preset.PAPER:
            return self.common.palette
        small = [features.resize(picture, grid_size(picture.shape, self.config)) for picture in self.pictures]
        return palette.fit(_pixels(small), self.clusters, space="rgb", seed=self.config.seed)

    @property
    def tints(self) -> chroma_lines.Tints:
        """Chroma and odds of every palette color at each luma."""
        return self.common.tints

    @cached_property
    def paints(self) -> flat_colors.Paints:
        """The paints of those that are flat art."""
        return flat_colors.join([source.paints for source in self.each])


def _pixels(pictures: Sequence[Image]) -> Image:
    """One picture as it is; the pixels of several, thinned out to some MOST, as a column (N, 1, 3)."""
    if len(pictures) == 1:
        return pictures[0]
    thin = math.ceil(sum(picture.size // 3 for picture in pictures) / MOST)
    return np.concatenate([picture.reshape(-1, 1, 3)[::thin] for picture in pictures])


def grid_size(shape: tuple[int, ...], config: Config) -> tuple[int, int]:
    """(w, h) of the network's grid for a picture of `shape` (h, w, ...).

    The report squeezes every picture to a square. The embedding has cells of its own. From scratch, the grid
    keeps the aspect and the number of pixels, but never enlarges, and leaves the shorter side a patch at
    least; a very long picture so has more.
    """
    if config.name is Preset.PAPER:
        return config.grid, config.grid
    h, w = shape[:2]
    if config.init is Init.PRETRAINED:
        return cells((h, w))
    scale = min(1.0, max(config.grid / math.sqrt(h * w), PATCH / min(h, w)))
    return max(PATCH, round(w * scale)), max(PATCH, round(h * scale))
