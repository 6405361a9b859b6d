"""One source, any number of targets: the stages in order.

    source --> features, palette --> network, trained once
                                        |
    target --> matching --> features ---+--> label probabilities --.
                  '---------------------------------------------> synthesis --> fusion, merge --> result

``quick`` leaves the network out; ``paper`` is the report's line: labels, palette picture, merge.
:func:`colorize` does it for one target; a :class:`Colorizer` keeps the trained network for more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from . import backend, features, fusion, matching, merge, palette, synthesis, tints, upsampling
from .color import Image, luma, rgb_to_lab
from .config import PATCH, Config, Init, Preset
from .features import Features
from .matching import Matches
from .palette import Labels, Palette
from .synthesis import Views

PAPER_RESULT = 224  # side of the report's result
WEIGHTS = Path(__file__).with_name("data") / "embedding.npz"  # of the pre-trained embedding
RESCALED = 0.15  # logarithm of the scale beyond which the source is brought to the target's
SURE = 100  # aligned sparse matches that make it needless to look for a mirrored figure


@dataclass(frozen=True)
class Labelling:
    """What the network says of a target.

    Attributes
    ----------
    palette_picture : float32 (h', w', 3)
        The labels' colours: on the grid, or up-sampled to 224x224 by ``paper``.
    labels : int32 (h, w)
        Most probable palette colour of every pixel of the grid.
    probabilities : float32 (h, w, k)
        Of every palette colour.
    features : Features
        Of the target.
    palette : Palette
        Of the source.
    likest : float32 (n, m, 2) or None
        Where in the source the embedding sees what is most like each of the target's cells, as shares of its
        width and height.
    """

    palette_picture: Image
    labels: Labels
    probabilities: Image = field(repr=False)
    features: Features = field(repr=False)
    palette: Palette = field(repr=False)
    likest: Image | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Result:
    """A coloured target and what led to it.

    Attributes
    ----------
    image : float32 (H, W, 3)
        The result, encoded sRGB in [0, 1]: at the target's size, or 224x224 for the ``paper`` preset.
    confidence : float32 (H, W) or None
        How far each pixel's colour is to be trusted, in [0, 1]; ``paper`` does not tell.
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
        if name not in Labelling.__dataclass_fields__:
            raise AttributeError(f"a result has no {name!r}")
        if self.labelling is None:
            raise AttributeError(f"preset quick has no network and so no {name!r}")
        return getattr(self.labelling, name)


def _ignore(done: int, total: int) -> None:
    """Progress nobody asked for."""


class Colorizer:
    """What was learnt from one source; colours any number of targets.

    Parameters
    ----------
    source : float32 (H, W, 3)
        Coloured picture, encoded sRGB in [0, 1].
    config : Config
        Preset and settings.

    Attributes
    ----------
    engine : Engine or None
        Engine and device the network runs on, once it is trained.

    Raises
    ------
    ValueError
        When the source is smaller than a patch, has no colour or too few colours.
    """

    def __init__(self, source: Image, config: Config | None = None) -> None:
        self.config = config or Config()
        _check_values(source, "source", 3)
        check_size(source, "source")
        if self.config.clusters == "auto":
            clusters = palette.count(source, seed=self.config.seed) if self.trains else 2
            self.config = replace(self.config, clusters=clusters)
        palette.check(source, self.clusters)
        self.source = source
        self.network: Any = None
        self.embedding: Any = None
        self.described: Any = None  # the source's cells, as the embedding sees them
        self.engine: backend.Engine | None = None

    @property
    def clusters(self) -> int:
        """Number of the palette's colours; ``quick`` needs no palette, only a source that has colours."""
        assert self.config.clusters != "auto"  # decided on when the source was seen
        return self.config.clusters if self.trains else 2

    @cached_property
    def size(self) -> tuple[int, int]:
        """(w, h) of the network's grid."""
        return grid_size(self.source.shape[:2], self.config)

    @cached_property
    def features(self) -> Features:
        """Of the source."""
        return features.extract(luma(self.source), self.size, self.config)

    @cached_property
    def small(self) -> Image:
        """The source on the network's grid, (h, w, 3)."""
        return features.resize(self.source, self.size)

    @cached_property
    def palette(self) -> Palette:
        """Of the source."""
        if self.config.name is Preset.PAPER:
            return palette.fit(self.small, self.clusters, space="rgb", seed=self.config.seed)
        return palette.fit(self.source, self.clusters, space="lab", seed=self.config.seed)

    @cached_property
    def labels(self) -> Labels:
        """Palette label of every pixel of the grid, (h, w)."""
        return self.palette.labels(self.small)

    @cached_property
    def tints(self) -> tints.Tints:
        """Of the source at full size."""
        return tints.fit(self.source, self.palette)

    @cached_property
    def paints(self) -> fusion.Paints:
        """Of the source, where it is flat art."""
        return fusion.paints(self.source)

    @property
    def trains(self) -> bool:
        """Whether there is a network to train."""
        return self.config.name is not Preset.QUICK

    def train(self, progress: Callable[[int, int], None] = _ignore) -> None:
        """Build and train the network: minutes for ``paper``, seconds for ``standard``, none for ``quick``.

        Parameters
        ----------
        progress : callable
            Told (steps done, steps in all) after every step.

        Raises
        ------
        ValueError
            When the config asks for a GPU and there is none.
        """
        if not self.trains:
            return
        self.engine = backend.start(self.config.device)
        with threadpool_limits(1, "blas"):  # sums in another order would end in other last bits
            self._train(progress)

    def _train(self, progress: Callable[[int, int], None]) -> None:
        assert self.engine is not None
        from . import embedding, network, training  # late, as elsewhere here: they import Keras

        config = self.config
        with backend.on(self.engine):
            if config.name is Preset.PAPER:
                model = network.patch_network(self.clusters, config.seed)
                training.train_patches(model, self.features.planes, self.labels, config, progress)
            else:
                context = None
                if config.init is Init.PRETRAINED:
                    self.embedding = network.embedding_network(WEIGHTS)
                    context = embedding.moved(self.embedding, luma(self.source), config.seed)
                    self.described = context[0]
                model = network.dense_network(self.clusters, config.seed, context=context is not None)
                training.train_dense(model, self.features.planes, self.labels, config, progress, context)
        self.network = model

    def color(self, gray: Image) -> Result:
        """Color a gray target (H, W) in [0, 1]; trains first if that has not been done."""
        _check_values(gray, "target", 2)
        check_size(gray, "target")
        if self.trains and self.network is None:
            self.train()
        with threadpool_limits(1, "blas"):
            return self._color_as_the_report(gray) if self.config.name is Preset.PAPER else self._color(gray)

    def _color_as_the_report(self, gray: Image) -> Result:
        assert self.engine is not None
        from . import training

        seen = features.extract(gray, grid_size(gray.shape, self.config), self.config)
        with backend.on(self.engine):
            probabilities = training.predict_patches(self.network, seen.planes)
        labels = np.asarray(probabilities.argmax(-1), np.int32)
        size = (PAPER_RESULT, PAPER_RESULT)
        picture = features.resize(self.palette.paint(labels), size)
        image = merge.plain_lab(features.resize(gray, size), picture)
        return Result(image, labelling=Labelling(picture, labels, probabilities, seen, self.palette))

    def _color(self, gray: Image) -> Result:
        views, matches = self._match(gray)
        relit = np.clip(matches.relit / 255, 0, 1).astype(np.float32)
        said = self._label(relit) if self.trains else None
        expected = None if said is None else said.probabilities
        candidates = matches.candidates
        if said is not None and said.likest is not None:
            from . import embedding

            far = embedding.motion(said.likest, gray.shape, views.gray.shape[1:])
            candidates = np.concatenate([candidates, far[None]])
        made = synthesis.synthesize(
            matches.relit,
            views,
            candidates,
            matches.best,
            matches.error,
            expected,
            seed=self.config.seed,
        )
        guess = None if expected is None else upsampling.chroma(expected, self.tints, relit)
        confidence = fusion.trust(made, matches.error, guess)
        ab = fusion.settle(made.ab, matches.relit, expected, None if said is None else self.tints)
        image = merge.luma_exact(gray, ab)
        image, painted = fusion.paint(image, gray, self.paints, expected, said.palette if said else None)
        confidence[painted] = np.maximum(confidence[painted], fusion.PAINTED)
        return Result(image, confidence, matches, said)

    def _label(self, relit: Image) -> Labelling:
        """What the network says of a target in the source's light."""
        assert self.engine is not None
        from . import embedding, training

        seen = features.extract(relit, grid_size(relit.shape, self.config), self.config)
        likest = None
        with backend.on(self.engine):
            context = None if self.embedding is None else embedding.describe(self.embedding, relit)
            probabilities = training.predict_dense(self.network, seen.planes, context)
            if context is not None:
                recalled, likest = embedding.recall(context, self.described, self.labels, self.clusters)
                recalled = embedding.enlarge(recalled, probabilities.shape[:2])
                probabilities = fusion.agree(recalled, probabilities)
        labels = np.asarray(probabilities.argmax(-1), np.int32)
        return Labelling(self.palette.paint(labels), labels, probabilities, seen, self.palette, likest)

    def _match(self, gray: Image) -> tuple[Views, Matches]:
        """The source as the target sees it, scaled and perhaps mirrored, and the matches between them."""
        target, source = gray * 255, luma(self.source) * 255
        sparse = matching.sparse_matches(target, source)
        scale = 1.0 if gray.shape == source.shape else math.sqrt(gray.size / source.size)
        if sparse.affine is not None:
            aligned = 1 / math.sqrt(abs(float(np.linalg.det(sparse.affine[:, :2]))))
            if abs(math.log(aligned / scale)) > RESCALED:
                scale = aligned
        rgb = self.source
        if scale != 1:
            h, w = (max(PATCH, round(side * scale)) for side in source.shape)
            rgb = features.resize(self.source, (w, h))
            source = luma(rgb) * 255
            sparse = matching.sparse_matches(target, source)
        matches = matching.match(target, source, sparse)
        labels = self.palette.labels(rgb).astype(np.uint8) if self.trains else None
        ab = np.ascontiguousarray(rgb_to_lab(rgb)[..., 1:])
        parts: list[tuple[Image, Image, NDArray[np.uint8] | None]] = [(source, ab, labels)]
        if sparse.inliers < SURE:
            flipped = np.ascontiguousarray(source[:, ::-1])
            other = matching.sparse_matches(target, flipped)
            if other.affine is not None and other.inliers > sparse.inliers:
                matches = matching.both(matches, matching.match(target, flipped, other), source.shape[0])
                parts.append((flipped, ab[:, ::-1], None if labels is None else labels[:, ::-1]))
        views = Views(
            np.stack([p[0] for p in parts]),
            np.stack([p[1] for p in parts]),
            None if labels is None else np.stack([np.asarray(p[2]) for p in parts]),
        )
        return views, matches


def colorize(source: Image, target: Image, config: Config | None = None) -> Result:
    """Color the gray picture `target` (H, W) like `source` (H, W, 3), both in [0, 1]."""
    return Colorizer(source, config).color(target)


def grid_size(shape: tuple[int, ...], config: Config) -> tuple[int, int]:
    """(w, h) of the network's grid for a picture of `shape` (h, w, ...).

    The report squeezes every picture to a square. ``standard`` keeps the aspect and the number of pixels, but
    never enlarges, and leaves the shorter side a patch at least; a very long picture so has more.
    """
    if config.name is Preset.PAPER:
        return config.grid, config.grid
    h, w = shape[:2]
    scale = min(1.0, max(config.grid / math.sqrt(h * w), PATCH / min(h, w)))
    return max(PATCH, round(w * scale)), max(PATCH, round(h * scale))


def _check_values(image: Image, name: str, ndim: int) -> None:
    """Raise ValueError unless `image` is what this package calls a picture."""
    wanted = "(H, W, 3)" if ndim == 3 else "(H, W)"
    if not isinstance(image, np.ndarray) or image.dtype != np.float32:
        raise ValueError(
            f"the {name} is {getattr(image, 'dtype', type(image).__name__)}: give float32 in [0, 1]"
        )
    if image.ndim != ndim or (ndim == 3 and image.shape[2] != 3):
        raise ValueError(f"the {name} has shape {image.shape}: give {wanted}")
    if not image.size or not (image.min() >= 0 and image.max() <= 1):  # NaN fails as well
        raise ValueError(f"the {name} has values outside [0, 1], or none: scale it first")


def check_size(image: Image, name: str) -> None:
    """Raise ValueError when a picture is smaller than a patch."""
    h, w = image.shape[:2]
    if min(h, w) < PATCH:
        raise ValueError(f"the {name} is {w}x{h} pixels: both sides must be at least {PATCH}")
