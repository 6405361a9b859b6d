"""The command ``refcolor inspect``: write every stage of one run as pictures and tables."""

from __future__ import annotations

from refcolor.cli import options
from refcolor.cli.console import session
from refcolor.config import MAX_PIXELS, Config
from refcolor.errors import UsageError, quoted, usage_errors

_DEFAULT = Config()


def inspect(
    source: options.InspectSource,
    output: options.Folder,
    target: options.InspectTarget = None,
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
) -> None:
    """Write every stage as pictures and tables: edges, corners, clusters, labels, probabilities, result."""
    with session(debug=debug, quiet=quiet) as console:
        from refcolor.files import models
        from refcolor.render import inspection, learning, pictures

        if models.is_model(source):
            raise UsageError(f"{quoted(source)} is a model: inspect needs the colored picture itself")
        with usage_errors():
            config = Config(preset, clusters=clusters, init=init, epochs=epochs, device=device, seed=seed)
            if not config.trains:
                raise UsageError(f"preset {preset} has no network to inspect: use standard or paper")
            inspection.check_folder(output, inputs=[source, *([target] if target else [])], force=force)
        picture = pictures.read_source(source, config, max_pixels)
        gray = pictures.check_targets([target or source], max_pixels)
        assert gray is not None
        if target:
            pictures.remark_on_color(gray, target)
        colorizer, aligned = learning.learn([picture], config, console, first=gray.gray_on_paper)
        result = colorizer.colorize(gray.gray_on_paper, aligned)
        for path in inspection.write(output, colorizer, gray.gray_on_paper, result, force=force):
            console.wrote(path)
