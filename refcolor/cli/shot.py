"""The command ``refcolor shot``: color the frames of a shot like its keys."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING

import typer

from refcolor.cli import options
from refcolor.cli.console import Terminal, session
from refcolor.config import MAX_PIXELS, Config

if TYPE_CHECKING:
    from refcolor.render.request import Request

_DEFAULT = Config()

log = logging.getLogger(__name__)


def shot(
    context: typer.Context,
    targets: options.ShotTargets = None,
    output: options.ShotOutput = None,
    key: options.Keys = None,
    key_from: options.KeysFrom = None,
    frames: options.ShotFrames = None,
    skip_existing: options.SkipExisting = False,
    codec: options.Codec = None,
    confidence: options.ShotConfidence = None,
    save_model: options.SaveModel = None,
    report: options.Report = None,
    contact_sheet: options.Sheet = None,
    every: options.Every = None,
    workers: options.Workers = "auto",
    ray: options.Ray = None,
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
    """Color the gray frames of a shot like its keys. The written files are listed on stdout.

    Exit codes: 0 done; 1 some frames failed, the others are done; 2 wrong use; 130 interrupted.
    """
    with session(debug=debug, quiet=quiet) as console, options.settings_named(context):
        from refcolor.render.request import Request

        config = options.config_of(context, preset, clusters=clusters, init=init, epochs=epochs, seed=seed)
        request = Request(
            targets=targets or [], keys=key or [], key_from=key_from or [], output=output, frames=frames,
            codec=codec, confidence=confidence, save_model=save_model, report=report,
            contact_sheet=contact_sheet, every=every, skip_existing=skip_existing, force=force,
            config=config, device=device, workers=workers, ray=ray, max_pixels=max_pixels,
        )  # fmt: skip
        color_shot(request, console)


def color_shot(request: Request, console: Terminal) -> None:
    """Run a request, and say how it went; ValueError if frames failed."""
    from refcolor.render import job
    from refcolor.render.report import Report

    plan = job.prepare(request, console)
    report = Report(plan)
    with closing(job.run(plan, console, report)) as outcomes:
        for _ in outcomes:
            pass
    for line in report.summary() if plan.outputs.todo else ():
        log.info(line)
    report.raise_if_failed()
