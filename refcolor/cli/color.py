"""The command ``refcolor SOURCE TARGETS``: color single gray pictures, or a video, like one source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import typer

from refcolor.cli import options
from refcolor.cli.console import session
from refcolor.cli.shot import color_shot
from refcolor.config import MAX_PIXELS, Config

_DEFAULT = Config()


def color(
    context: typer.Context,
    source: options.Source,
    targets: options.Targets = None,
    output: options.Output = None,
    confidence: options.Confidence = None,
    save_model: options.SaveModel = None,
    frames: options.Frames = None,
    force: options.Force = False,
    max_pixels: options.Pixels = MAX_PIXELS,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    clusters: options.Clusters = str(_DEFAULT.clusters),
    preset: options.PresetName = _DEFAULT.name,
    init: options.InitName = None,
    epochs: options.Epochs = None,
    device: options.DeviceName = _DEFAULT.device,
    seed: options.Seed = _DEFAULT.seed,
    version: options.Version = False,
) -> None:
    """Color gray TARGETS like the colored SOURCE. The written files are listed on stdout.

    SOURCE may be a model that --save-model has written: then nothing is trained.
    """
    with session(debug=debug, quiet=quiet) as console, options.settings_named(context):
        from refcolor.render import pictures
        from refcolor.render.request import Request

        config = options.config_of(context, preset, clusters=clusters, init=init, epochs=epochs, seed=seed)
        request = Request(
            targets=targets or [], keys=[str(source)], output=output, frames=frames, confidence=confidence,
            save_model=save_model, force=force, config=config, device=device, max_pixels=max_pixels,
        )  # fmt: skip
        if len(request.targets) == 1 and _is_video(request.targets[0]):
            video = request.targets[0].with_name(f"{request.targets[0].stem}_color.mkv")
            color_shot(replace(request, output=output or video), console)
        else:
            pictures.color(request, console)


def _is_video(path: Path) -> bool:
    """Whether a target is a video, or an animated picture."""
    from refcolor.files.image_storage import EXTENSIONS

    if path.suffix.lower() in EXTENSIONS or not path.is_file():
        return False
    from refcolor.files.video import is_video  # late: only videos need FFmpeg

    return is_video(path)
