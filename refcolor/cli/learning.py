"""Learning as the commands do it: from pictures, or from a model that kept what they taught."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import typer

from refcolor.cli.console import Voice
from refcolor.cli.options import refuse_settings
from refcolor.config import Config
from refcolor.errors import UsageError, quoted
from refcolor.files import models
from refcolor.files.models import Model
from refcolor.imaging.color import Image
from refcolor.methods import method_of
from refcolor.methods.colorizer import Colorizer, prepare, train

if TYPE_CHECKING:
    from refcolor.matching.alignment import Alignment


def read_model(context: typer.Context, path: Path, max_pixels: int) -> Model:
    """The model that a command was given, which has settings of its own.

    Raises
    ------
    OSError, ValueError
        As :func:`refcolor.files.models.read`; UsageError when the command has settings, too.
    """
    model = models.read(path, max_pixels=max_pixels)
    refuse_settings(context, path)
    return model


def check_save(save_model: Path, learned: Path | None) -> None:
    """Refuse to save a model under another kind's name, or what was not learned but read.

    Raises
    ------
    UsageError
    """
    if save_model.suffix != models.SUFFIX:
        raise UsageError(f"{save_model.name!r} is no name of a model: write it as NAME{models.SUFFIX}")
    if learned is not None:
        raise UsageError(f"{quoted(learned)} is a model already: leave out --save-model")


def kept(
    path: Path,
    pictures: Sequence[Image],
    frames: Sequence[int | None],
    beside: Sequence[str],
    config: Config,
    max_pixels: int,
) -> Model:
    """The model of a shot that an earlier run of the same words has saved.

    Raises
    ------
    OSError, ValueError
        As :func:`refcolor.files.models.read`; UsageError where it was learned from other keys or settings.
    """
    model = models.read(path, max_pixels=max_pixels)
    known = None if model.keys is None else [frame for _, frame in model.keys]
    if (
        known != list(frames)
        or set(model.beside) != set(beside)
        or not all(map(np.array_equal, pictures, model.sources))
        or model.config.on(config.device) != method_of(config).decide(pictures, config)
    ):
        raise UsageError(
            f"{quoted(path)} is there, and was learned from other keys or settings: choose another name"
        )
    return model


def learn(
    pictures: Sequence[Image],
    config: Config,
    voice: Voice,
    model: Model | None = None,
    target: Image | None = None,
) -> tuple[Colorizer, Alignment | None]:
    """A colorizer that knows the pictures, and what it has found out about a first target meanwhile."""
    palette = model.palette if model else None
    with voice.bar("starting"):
        learned, alignment = prepare(pictures, config, palette=palette, first_target=target, quiet=True)
    if model is not None:
        return model.restore(learned), alignment
    if learned.engine is None:
        return train(learned), alignment
    keys = f", {len(pictures)} keys" if len(pictures) > 1 else ""
    voice.line(f"training on {learned.engine.where}{keys}")
    with voice.bar("training") as progress:
        return train(learned, progress), alignment
