"""One source, any number of targets: the stages in order.

    source --> palette, labels --> network, trained once
                                        |
    target --> alignment ---------------+--> label probabilities --.
                  '-------------------------------------------------> synthesis --> fusion, merge --> result

``quick`` leaves the network out; ``paper`` is the report's line: labels, palette picture, merge.
:func:`colorize` does it for one target; a :class:`Colorizer` keeps the trained network for more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from refcolor.config import PATCH, Config, Preset, Progress
from refcolor.imaging import features, flat_colors, merge, upsampling
from refcolor.imaging.chroma_lines import Tints
from refcolor.imaging.color import Image
from refcolor.imaging.palette import Palette
from refcolor.matching import alignment
from refcolor.matching.alignment import Alignment
from refcolor.matching.optical_flow import Matches
from refcolor.matching.source import Source, Sources
from refcolor.networks import backend, labels
from refcolor.networks.labels import Among, Labeller, Labelling
from refcolor.synthesis import fusion, search

PAPER_RESULT = 224  # side of the report's result
GUESS = 1 << 15  # pixels of the picture that the network's own chroma is worked out for


@dataclass(frozen=True)
class Result:
    """A colored target and what led to it.

    Attributes
    ----------
    image : float32 (H, W, 3)
        The result, encoded sRGB in [0, 1]: at the target's size, or 224x224 for the ``paper`` preset.
    confidence : float32 (H, W) or None
        How far each pixel's color is to be trusted, in [0, 1]; ``paper`` does not tell.
    matches : Matches or None
        Optical flow and what it says about the light; ``paper`` has none.
    labelling : Labelling or None
        The network's part, its attributes also found on the result; ``quick`` has none.
    """

    image: Image
    confidence: Image | None = field(default=None, repr=False)
    matches: Matches | None = field(default=None, repr=False)
    labelling: Labelling | None = field(default=None, repr=False)

    def __getattr__(self, name: str) -> Any:
        if name != "features" and name not in Labelling.__dataclass_fields__:
            raise AttributeError(f"a result has no {name!r}")
        if self.labelling is None:
            raise AttributeError(f"preset quick has no network and so no {name!r}")
        return getattr(self.labelling, name)


def _guess(expected: Image, tints: Tints, gray: Image) -> Image:
    """Chroma (H, W, 2) as the network alone would have it; from a reduced picture, to compare with only."""
    h, w = gray.shape
    scale = min(1.0, math.sqrt(GUESS / gray.size))
    small = features.resize(gray, (max(1, round(w * scale)), max(1, round(h * scale))))
    return features.resize(upsampling.chroma(expected, tints, small), (w, h))


def _ignore(done: int, total: int) -> None:
    """Progress nobody asked for."""


class Colorizer:
    """Learns one source or several, then colors any number of targets, from several threads if need be.

    Parameters
    ----------
    config : Config
        Preset and settings.

    Attributes
    ----------
    sources : Sources
        The sources and what follows from them, once :meth:`fit` or :meth:`prepare` has seen them.
    engine : Engine or None
        Engine and device the network runs on; ``quick`` has none.
    labeller : Labeller or None
        The network; ``quick`` has none.
    """

    sources: Sources

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()
        self.engine: backend.Engine | None = None
        self.labeller: Labeller | None = None

    def fit(self, source: Image | Sequence[Image], progress: Progress = _ignore) -> Self:
        """Learn the source: minutes for ``paper``, seconds for ``standard``, no time for ``quick``.

        Parameters
        ----------
        source : float32 (H, W, 3), or a sequence of them
            Colored picture, or several of any sizes, encoded sRGB in [0, 1].
        progress : callable
            Told (steps done, steps in all) after every step of training.

        Raises
        ------
        ValueError
            When the source is smaller than a patch, has no color or too few colors, or when the config asks
            for a GPU and there is none.
        """
        self.prepare(source)
        self.train(progress)
        return self

    def prepare(
        self,
        source: Image | Sequence[Image],
        target: Image | None = None,
        known: Palette | None = None,
        *,
        quiet: bool = False,
    ) -> Alignment | None:
        """Start the engine, and meanwhile look at the source and perhaps align a first target.

        :meth:`train` comes next, and together they are :meth:`fit`; or :meth:`restore`, for a source whose
        palette is `known`. With `quiet`, what the engine prints to stderr as it starts is held back, and so
        is all else that is written there meanwhile.
        """
        pictures = [source] if isinstance(source, np.ndarray) else list(source)
        if not pictures:
            raise ValueError("there is no source: give at least one colored picture")
        for picture in pictures:
            check(picture, "source", 3)
        self.engine = self.labeller = None
        self.sources = Sources(pictures, self.config, known)
        if target is not None:
            check(target, "target", 2)
        if not self.config.trains:
            return None
        with ThreadPoolExecutor(1) as aside, backend.repeatable_sums():
            started = aside.submit(backend.start, self.config.device, quiet=quiet)
            align = target is not None and self.config.name is not Preset.PAPER
            first = self.align(target) if align and target is not None else None
            if self.config.name is not Preset.PAPER:
                _ = self.sources.tints, self.sources.paints  # worked out now, while there is time
            self.engine = started.result()
        return first

    def train(self, progress: Progress = _ignore) -> None:
        """Build and train the network on the source that :meth:`prepare` has seen."""
        if self.engine is None:
            return
        with backend.on(self.engine), backend.repeatable_sums():
            labeller = labels.labeller(self.sources)
            labeller.train(progress)
        self.labeller = labeller

    def restore(self, weights: list[list[NDArray[np.float32]]]) -> None:
        """Instead of :meth:`train`: take the :attr:`weights` of one that has been trained.

        Raises
        ------
        ValueError
            When they do not fit.
        """
        if self.engine is None:
            return
        with backend.on(self.engine):
            labeller = labels.labeller(self.sources)
            for network, mine in zip(labeller.networks, weights, strict=True):
                network.set_weights(mine)
        self.labeller = labeller

    @property
    def weights(self) -> list[list[NDArray[np.float32]]]:
        """Weights of every network that was trained; none in ``quick``."""
        return [] if self.labeller is None else [n.get_weights() for n in self.labeller.networks]

    def __reduce__(self) -> tuple[Any, ...]:
        """A fitted one can be sent to other processes; there it colors on the CPU."""
        if not self.fitted:
            raise ValueError("there is nothing to send yet: call fit(source) first")
        palette = self.sources.palette if self.config.trains else None
        return _revived, (self.sources.pictures, self.sources.config.on("cpu"), palette, self.weights)

    @property
    def source(self) -> Source:
        """The source, or the first of several."""
        return self.sources.each[0]

    @property
    def fitted(self) -> bool:
        """Whether :meth:`colorize` can be called."""
        return hasattr(self, "sources") and (self.labeller is not None or not self.config.trains)

    def align(self, target: Image, among: Among | None = None) -> Alignment:
        """Match a target (H, W) with the sources, or with those of these numbers, which count so much."""
        if among is None:
            among = dict.fromkeys(range(len(self.sources)), 1.0)
        return alignment.align_all(target, self.sources, among)

    def colorize(self, target: Image, aligned: Alignment | None = None) -> Result:
        """Color a gray target.

        Parameters
        ----------
        target : float32 (H, W)
            In [0, 1].
        aligned : Alignment, optional
            From :meth:`prepare` or :meth:`align`, for the same target.

        Raises
        ------
        ValueError
            For what is no picture or too small a one, or before :meth:`fit`.
        """
        check(target, "target", 2)
        if not self.fitted:
            raise ValueError("there is no source yet: call fit(source) first")
        with backend.repeatable_sums():
            if self.config.name is Preset.PAPER:
                return self._color_as_the_report(target)
            return self._color(target, aligned or self.align(target))

    def _color_as_the_report(self, gray: Image) -> Result:
        probabilities, _ = self._ask(gray, {})
        labels = np.asarray(probabilities.argmax(-1), np.int32)
        size, palette = (PAPER_RESULT, PAPER_RESULT), self.sources.palette
        picture = features.resize(palette.paint(labels), size)
        image = merge.plain_lab(features.resize(gray, size), picture)
        return Result(
            image, labelling=Labelling(picture, labels, probabilities, palette, gray, self.sources.config)
        )

    def _color(self, gray: Image, aligned: Alignment) -> Result:
        views, candidates, matches = aligned.views, aligned.candidates, aligned.matches
        relit = np.clip(matches.relit / 255, 0, 1).astype(np.float32)
        said = self.label(relit, aligned.among) if self.config.trains else None
        expected = None if said is None else said.probabilities
        if said is not None and said.likest is not None:
            candidates = [*candidates, aligned.motion(said.likest)]
        made = search.synthesize(
            matches.relit,
            views,
            candidates,
            matches.best,
            matches.error,
            expected,
            seed=self.config.seed,
        )
        tints = None if said is None else self.sources.tints
        guess = None if expected is None or tints is None else _guess(expected, tints, relit)
        confidence = fusion.trust(made, matches.error, guess)
        ab = fusion.settle(made.ab, matches.relit, expected, tints)
        image = merge.luma_exact(gray, ab * np.float32(matches.dimming))
        image, painted = flat_colors.lay(
            image, gray, self.sources.paints, expected, said.palette if said else None
        )
        confidence[painted] = np.maximum(confidence[painted], flat_colors.PAINTED)
        return Result(image, confidence, matches, said)

    def label(self, relit: Image, among: Among) -> Labelling:
        """What the network says of a target (H, W) in the source's light, asked about these sources."""
        probabilities, likest = self._ask(relit, among)
        labels = np.asarray(probabilities.argmax(-1), np.int32)
        palette = self.sources.palette
        return Labelling(
            palette.paint(labels), labels, probabilities, palette, relit, self.sources.config, likest
        )

    def _ask(self, gray: Image, among: Among) -> tuple[Image, Image | None]:
        assert self.engine is not None
        assert self.labeller is not None
        with backend.on(self.engine):
            return self.labeller.ask(gray, among)


def _revived(
    pictures: tuple[Image, ...],
    config: Config,
    palette: Palette | None,
    weights: list[list[NDArray[np.float32]]],
) -> Colorizer:
    """A fitted colorizer, in another process or on another device."""
    colorizer = Colorizer(config)
    colorizer.prepare(pictures, known=palette, quiet=True)
    colorizer.restore(weights)
    return colorizer


def colorize(source: Image, target: Image, config: Config | None = None) -> Result:
    """Color the gray picture `target` (H, W) like `source` (H, W, 3), both in [0, 1]."""
    colorizer = Colorizer(config)
    aligned = colorizer.prepare(source, target)
    colorizer.train()
    return colorizer.colorize(target, aligned)


def check(image: Image, name: str, ndim: int) -> None:
    """Raise ValueError unless `image` is what this package calls a picture, and large enough."""
    wanted = "(H, W, 3)" if ndim == 3 else "(H, W)"
    if not isinstance(image, np.ndarray) or image.dtype != np.float32:
        raise ValueError(
            f"the {name} is {getattr(image, 'dtype', type(image).__name__)}: give float32 in [0, 1]"
        )
    if image.ndim != ndim or (ndim == 3 and image.shape[2] != 3):
        raise ValueError(f"the {name} has shape {image.shape}: give {wanted}")
    if not image.size or not (image.min() >= 0 and image.max() <= 1):  # NaN fails as well
        raise ValueError(f"the {name} has values outside [0, 1], or none: scale it first")
    check_size(image, name)


def check_size(image: Image, name: str) -> None:
    """Raise ValueError when a picture is smaller than a patch."""
    h, w = image.shape[:2]
    if min(h, w) < PATCH:
        raise ValueError(f"the {name} is {w}x{h} pixels: both sides must be at least {PATCH}")
