"""Learn sources, or load a model that has learned them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from refcolor.config import Config
from refcolor.errors import UsageError, quoted
from refcolor.files import models
from refcolor.files.models import Model
from refcolor.imaging.color import Image
from refcolor.matching.alignment import Alignment
from refcolor.methods import colorizer
from refcolor.methods.colorizer import Colorizer
from refcolor.render.request import Observer, Request

log = logging.getLogger(__name__)


def learn(
    pictures: Sequence[Image],
    config: Config,
    observer: Observer,
    model: Model | None = None,
    first: Image | None = None,
) -> tuple[Colorizer, Alignment | None]:
    """Learn the colors of pictures, or restore what a `model` has learned of them.

    Parameters
    ----------
    pictures : sequence of float32 (H, W, 3)
        In [0, 1].
    first : float32 (H, W), optional
        A gray picture to color next; where there is time while the network engine starts, it is aligned, and
        the alignment is returned, too.
    """
    with observer.bar("starting"):
        palette = model.palette if model else None
        learned, aligned = colorizer.prepare(
            pictures, config, palette=palette, first_target=first, quiet=True
        )
    if model is not None:
        return model.restore(learned), aligned
    if learned.engine is None:
        return colorizer.train(learned), aligned
    count = f", {len(pictures)} keys" if len(pictures) > 1 else ""
    log.info("training on %s%s", learned.engine.where, count)
    with observer.bar("training") as progress:
        return colorizer.train(learned, progress), aligned


def given_model(request: Request, path: Path | None) -> Model | None:
    """The model at `path`, if a request has one in place of pictures.

    Raises
    ------
    OSError, ValueError
        As :func:`refcolor.files.models.read`; UsageError for settings besides the model's own, for saving it
        again, or for saving under another kind of name.
    """
    if request.save_model is not None and request.save_model.suffix != models.SUFFIX:
        name = repr(request.save_model.name)
        raise UsageError(f"{name} is no name of a model: write it as NAME{models.SUFFIX}")
    if path is None:
        return None
    if request.save_model is not None:
        raise UsageError(f"{quoted(path)} is a model already", "model_again")
    model = models.read(path, max_pixels=request.max_pixels)
    if request.config is not None:
        raise UsageError(f"{quoted(path)} is a model with settings of its own", "model_settings")
    return model
