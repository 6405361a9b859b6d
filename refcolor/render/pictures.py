"""Learn pictures, or restore what a model has learned; color single pictures, without a shot around them."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from refcolor.config import Config, TargetKind
from refcolor.errors import UsageError, quoted, usage_errors
from refcolor.files import images, models, sequences
from refcolor.files.images import Picture
from refcolor.files.models import Model
from refcolor.imaging import palette
from refcolor.imaging.checks import check_size
from refcolor.imaging.color import Image
from refcolor.matching.alignment import Alignment
from refcolor.methods import METHODS, colorizer
from refcolor.methods.colorizer import Colorizer
from refcolor.render import outputs
from refcolor.render.request import SILENT, Observer, Request
from refcolor.render.targets import line_art_remark, target_of, to_write

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
        learned, aligned = colorizer.prepare(
            pictures, config, palette=model.palette if model else None, first_target=first, quiet=True
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


def color(request: Request, observer: Observer = SILENT) -> None:
    """Color the targets of a request like its single key, a picture or a model; each is written at once.

    Used of the request are targets, keys, output, frames, confidence, save_model, force, config, device and
    max_pixels. Without an output, results go beside their targets as TARGET_color.png.

    Raises
    ------
    OSError, ValueError
        One line: what is wrong. Nothing is learned or written before all input and output is checked.
    """
    source = Path(request.keys[0])
    targets, results, confidences = _find_files(request, source)
    model = given_model(request, source if models.is_meant(source) else None)
    config = model.config if model else request.config or Config()
    config = config.on(request.device or config.device)
    with usage_errors():
        if confidences and not METHODS[config.name].has_confidence:
            raise UsageError(f"preset {config.name} gives no confidence", "no_confidence")
        folders, inputs = [request.output, request.confidence], [source, *targets]
        others = [request.save_model] if request.save_model else []
        new = outputs.check(results + confidences, folders, inputs, others=others, force=request.force)
    sources = model.sources if model else (read_source(source, config, request.max_pixels),)
    first = check_targets(targets, request.max_pixels)
    ready = None if first is None else target_of(first, request.target)
    gray = None if ready is None or ready.drawing is not None else ready.gray
    learned, aligned = learn(sources, config, observer, model, gray)
    for folder in new:
        folder.mkdir(exist_ok=True)
    if request.save_model is not None:
        models.save(learned, request.save_model, force=request.force)
        observer.wrote(request.save_model)
    with observer.bar("coloring") as progress:
        for i, (target, path) in enumerate(zip(targets, results, strict=True)):
            picture = first or images.read(target, max_pixels=request.max_pixels)
            seen = ready or target_of(picture, request.target)
            first = ready = gray = None  # only one picture is in memory
            if seen.drawing is None:
                remark_on_color(picture, target)
            elif request.target is TargetKind.AUTO:
                log.info(line_art_remark(target), extra={"code": "line_art"})
            result = learned.colorize(seen, aligned)
            aligned = None
            like, image = to_write(picture, result)
            images.write(path, image, like=like, force=request.force)
            observer.wrote(path)
            if confidences and result.confidence is not None:
                images.write_picture(confidences[i], result.confidence, force=request.force)
                observer.wrote(confidences[i])
            progress(i + 1, len(targets))


def _find_files(request: Request, source: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """The targets, and the files of their results and confidences."""
    output, confidence = request.output, request.confidence
    with usage_errors():
        if source.is_dir():
            raise UsageError(f"the source {quoted(source)} is a folder: give the colored picture first")
        folders = [target for target in request.targets if target.is_dir()]
        if folders and output is None:
            text = f"{quoted(folders[0])} is a folder: its results need one of their own"
            raise UsageError(text, "needs_folder")
        outputs.refuse_inside(folders, output, confidence)
        words = sequences.expand(request.targets, request.frames, leave_out=source)
        targets = [path for path, _ in words]
        from_model = models.is_meant(source)
        if not targets and (not request.save_model or from_model or output or confidence):
            code = None if from_model else "no_target"
            raise UsageError("there is no target: name gray pictures to color", code)
        single = len(request.targets) == 1 and request.targets[0].is_file()
        results = result_files(targets, output, "color", single=single)
        trust = result_files(targets, confidence, "confidence", single=single) if confidence else []
    return targets, results, trust


def result_files(targets: Sequence[Path], output: Path | None, suffix: str, *, single: bool) -> list[Path]:
    """Files of the results, such as TARGET_color.png, beside each target or in a folder.

    `single`: the one target is a file by name, so that `output` may be the name of the result.
    """
    names = [f"{target.stem}_{suffix}.png" for target in targets]
    if output is None:
        return [target.with_name(name) for target, name in zip(targets, names, strict=True)]
    if output.is_dir() or (not single and not output.suffix and not os.path.lexists(output)):
        return [output / name for name in names]
    if len(targets) > 1:
        raise UsageError(f"output {quoted(output)} is no folder, and {len(targets)} targets need one")
    return [output]


def read_source(path: Path, config: Config, max_pixels: int) -> Image:
    """Read and check a source before the network engine is started."""
    picture = images.read(path, max_pixels=max_pixels).on_paper
    check_size(picture, f"source {quoted(path)}")
    any_number = config.clusters == "auto" or not config.trains
    palette.check(picture, 2 if any_number else int(config.clusters))
    return picture


def check_targets(paths: Sequence[Path], max_pixels: int) -> Picture | None:
    """Read and check all targets before the network engine is started; returns the first."""
    first = None
    for path in paths:
        picture = images.read(path, max_pixels=max_pixels)
        check_size(picture.rgb, f"target {quoted(path)}")
        first = first or picture
    return first


def remark_on_color(picture: Picture, path: Path) -> None:
    """Say that a target has colors, which are not used."""
    if not picture.is_gray:
        log.info("%s is colored: only its gray is used", quoted(path))
