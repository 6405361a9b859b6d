"""Colorizer and colorize: learn one or several sources once, then color any number of targets.

:func:`colorize` does it for one target. A :class:`Colorizer` keeps what was learned for more. The steps
between, for callers that show them, are :func:`prepare` and :func:`train`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from refcolor.config import Config, Progress
from refcolor.imaging.checks import as_picture
from refcolor.imaging.color import Image
from refcolor.imaging.palette import Palette
from refcolor.matching.alignment import Alignment
from refcolor.methods import METHODS, line_art
from refcolor.methods.base import Learned, Result, Target, Weights
from refcolor.networks import backend


def no_progress(done: int, total: int) -> None:
    """Progress that nobody watches."""


def prepare(
    pictures: Sequence[NDArray[Any]],
    config: Config,
    *,
    palette: Palette | None = None,
    first_target: NDArray[Any] | None = None,
    quiet: bool = False,
) -> tuple[Learned, Alignment | None]:
    """Start the network engine, and meanwhile look at the sources and align a first target, if there is one.

    Pictures are as :meth:`Colorizer.fit` takes them, and their `palette` may be known from a model. With
    `quiet`, what is written to stderr while the engine starts is held back.

    Raises
    ------
    ValueError
        When a picture cannot be used, or the config asks for a GPU and there is none.
    """
    sources = [as_picture(picture, "source", 3) for picture in pictures]
    if not sources:
        raise ValueError("there is no source: give at least one colored picture")
    target = None if first_target is None else Target(as_picture(first_target, "target", 2))
    method = METHODS[config.name]
    if not config.trains:
        return method.look(sources, config, palette), None
    with ThreadPoolExecutor(1) as pool:
        engine = pool.submit(backend.start, config.device, quiet=quiet)
        learned = method.look(sources, config, palette)
        alignment = None if target is None else method.align(target, learned)
        return replace(learned, engine=engine.result()), alignment


def train(learned: Learned, progress: Progress = no_progress, *, weights: Weights | None = None) -> Colorizer:
    """Train the network, if there is one, on the sources, or give it the `weights` of a trained one.

    `progress` is told (steps done, steps in all) after every step; ValueError when the weights do not fit.
    """
    config = learned.config
    if learned.engine is not None:
        from refcolor.networks.labellers import KINDS  # late: it imports Keras

        assert learned.palette is not None
        with backend.on(learned.engine):
            labeller = KINDS[config.name, config.init](learned.sources, learned.palette, config)
            if weights is None:
                labeller.train(progress)
            else:
                for network, its_weights in zip(labeller.networks, weights, strict=True):
                    network.set_weights(its_weights)
        learned = replace(learned, labeller=labeller)
    return Colorizer(config, learned)


class Colorizer:
    """Learns one source or several, then colors any number of targets, from several threads if need be.

    Parameters
    ----------
    config : Config, optional
        Preset and settings; the standard preset if not given.
    learned : Learned, optional
        What is known already, from :func:`train`.

    Attributes
    ----------
    method : Method
        What the preset names.
    """

    def __init__(self, config: Config | None = None, learned: Learned | None = None) -> None:
        self.config = config or Config()
        self.method = METHODS[self.config.name]
        self._learned = learned

    def fit(self, source: NDArray[Any] | Sequence[NDArray[Any]], progress: Progress = no_progress) -> Self:
        """Learn the source: minutes for ``paper``, seconds for ``standard``, no time for ``quick``.

        Parameters
        ----------
        source : (H, W, 3), or a sequence of them
            Colored picture, or several of any sizes: encoded sRGB in RGB order; float in [0, 1], uint8 or
            uint16.
        progress : callable
            Told (steps done, steps in all) after every step of training.

        Raises
        ------
        ValueError
            When the source is smaller than a patch, has no color or too few colors, or when the config asks
            for a GPU and there is none.
        """
        self._learned = None
        pictures = [source] if isinstance(source, np.ndarray) else list(source)
        known, _ = prepare(pictures, self.config)
        self._learned = train(known, progress).learned
        return self

    @property
    def fitted(self) -> bool:
        """Whether :meth:`colorize` can be called."""
        return self._learned is not None

    @property
    def learned(self) -> Learned:
        """What was learned; ValueError before :meth:`fit`."""
        if self._learned is None:
            raise ValueError("there is no source yet: call fit(source) first")
        return self._learned

    def align(self, target: NDArray[Any], weights: Mapping[int, float] | None = None) -> Alignment | None:
        """Match a target (H, W) with the sources of these numbers and weights; None by ``paper``."""
        return self.method.align(Target(as_picture(target, "target", 2)), self.learned, weights)

    def colorize(self, target: NDArray[Any] | Target, alignment: Alignment | None = None) -> Result:
        """Color a gray target.

        Parameters
        ----------
        target : (H, W), or Target
            Gray: float in [0, 1], uint8 or uint16.
        alignment : Alignment, optional
            From :func:`prepare` or :meth:`align`, for the same target.

        Raises
        ------
        ValueError
            For what is no picture or too small a one, or before :meth:`fit`.
        """
        if isinstance(target, Target) and target.drawing is not None:
            return self.paint(target.drawing)
        gray = target.gray if isinstance(target, Target) else target
        return self.method.color(Target(as_picture(gray, "target", 2)), self.learned, alignment)

    def paint(self, drawing: NDArray[Any], weights: Mapping[int, float] | None = None) -> Result:
        """Paint a line drawing (H, W, 3), as :meth:`colorize` takes a gray target.

        `weights` tell how much each source counts, by its number; all alike by default.
        """
        return line_art.color(as_picture(drawing, "drawing", 3), self.learned, weights)

    def __reduce__(self) -> tuple[Any, ...]:
        """A fitted one can be sent to other processes; there it colors on the CPU."""
        known = self.learned
        pictures = [source.rgb for source in known.sources]
        return _revived, (pictures, known.config.on("cpu"), known.palette, known.weights)


def _revived(
    pictures: Sequence[Image], config: Config, palette: Palette | None, weights: Weights
) -> Colorizer:
    learned, _ = prepare(pictures, config, palette=palette, quiet=True)
    return train(learned, weights=weights)


def colorize(source: NDArray[Any], target: NDArray[Any], config: Config | None = None) -> Result:
    """Color the gray picture `target` (H, W) like `source` (H, W, 3)."""
    learned, alignment = prepare([source], config or Config(), first_target=target)
    return train(learned).colorize(target, alignment)
