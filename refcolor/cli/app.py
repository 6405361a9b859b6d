"""The five commands, and the main function that picks one.

Exit codes: 0 done; 1 the job failed, as with a picture that cannot be used or a full disk; 2 wrong use, as
with an unknown option, a missing file or an output that must not be written; 130 interrupted.
"""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import typer

from refcolor import __version__
from refcolor.cli import options
from refcolor.cli.console import Terminal, session
from refcolor.config import MAX_PIXELS, Config, TargetKind
from refcolor.errors import UsageError, quoted, usage_errors
from refcolor.render.request import Request

log = logging.getLogger(__name__)

# Imports inside of functions: help and wrong use should not wait for the libraries.


@options.with_settings
def color(
    console: Terminal,
    settings: dict[str, Any],
    source: options.Source,
    targets: options.Targets = None,
    output: options.Output = None,
    confidence: options.Confidence = None,
    save_model: options.SaveModel = None,
    frames: options.Frames = None,
    target: options.Target = TargetKind.AUTO,
    version: options.Version = False,
) -> None:
    """Color gray TARGETS, or paint line art, like the colored SOURCE. The written files are listed on stdout.

    SOURCE may be a model that --save-model has written: then nothing is trained.
    """
    from refcolor.render import pictures

    request = Request(
        targets=targets or [], keys=[str(source)], output=output, frames=frames, confidence=confidence,
        save_model=save_model, target=target, **settings,
    )  # fmt: skip
    if len(request.targets) == 1 and _is_video(request.targets[0]):
        video = request.targets[0].with_name(f"{request.targets[0].stem}_color.mkv")
        _color_shot(replace(request, output=output or video), console)
    else:
        pictures.color(request, console)


def _is_video(path: Path) -> bool:
    """Whether a target is a video, or an animated picture."""
    from refcolor.files.image_storage import EXTENSIONS

    if path.suffix.lower() in EXTENSIONS or not path.is_file():
        return False
    from refcolor.files.video import is_video  # only videos need FFmpeg

    return is_video(path)


@options.with_settings
def shot(
    console: Terminal,
    settings: dict[str, Any],
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
    target: options.Target = TargetKind.AUTO,
) -> None:
    """Color the frames of a shot, gray or line art, like its keys. The written files are listed on stdout.

    Exit codes: 0 done; 1 some frames failed, the others are done; 2 wrong use; 130 interrupted.
    """
    request = Request(
        targets=targets or [], keys=key or [], key_from=key_from or [], output=output, frames=frames,
        codec=codec, confidence=confidence, save_model=save_model, report=report, contact_sheet=contact_sheet,
        every=every, skip_existing=skip_existing, workers=workers, ray=ray, target=target, **settings,
    )  # fmt: skip
    _color_shot(request, console)


def _color_shot(request: Request, console: Terminal) -> None:
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


@options.with_settings
def inspect(
    console: Terminal,
    settings: dict[str, Any],
    source: options.InspectSource,
    output: options.Folder,
    target: options.InspectTarget = None,
) -> None:
    """Write every stage as pictures and tables: edges, corners, clusters, labels, probabilities, result."""
    from refcolor.files import models
    from refcolor.render import inspection, pictures

    force, max_pixels = settings["force"], settings["max_pixels"]
    config = (settings["config"] or Config()).on(settings["device"])
    if models.is_model(source):
        raise UsageError(f"{quoted(source)} is a model: inspect needs the colored picture itself")
    if not config.trains:
        raise UsageError(f"preset {config.name} has no network to inspect: use standard or paper")
    with usage_errors():
        inspection.check_folder(output, inputs=[source, *([target] if target else [])], force=force)
    picture = pictures.read_source(source, config, max_pixels)
    gray = pictures.check_targets([target or source], max_pixels)
    assert gray is not None
    if target:
        pictures.remark_on_color(gray, target)
    colorizer, aligned = pictures.learn([picture], config, console, first=gray.gray_on_paper)
    result = colorizer.colorize(gray.gray_on_paper, aligned)
    for path in inspection.write(output, colorizer, gray.gray_on_paper, result, force=force):
        console.wrote(path)


def score(
    result: options.Scored,
    truth: options.Truth,
    source: options.ScoreSource,
    target: options.ScoreTarget = None,
    as_json: options.AsJson = False,
    max_pixels: options.Pixels = MAX_PIXELS,
    debug: options.Debug = False,
) -> None:
    """Compare RESULT with the TRUTH: shares of right colors, CIEDE2000, PSNR, luma kept."""
    with session(debug=debug):
        from refcolor.files import images
        from refcolor.imaging import metrics

        read = partial(images.read, max_pixels=max_pixels)
        gray = read(target).gray if target else None
        figures = metrics.score(read(result).rgb, read(truth).rgb, read(source).rgb, gray)
        print(json.dumps(figures, indent=1) if as_json else metrics.table(figures))


def info(quick: options.QuickInfo = False, debug: options.Debug = False) -> None:
    """Print versions, the GPUs the network engine sees, threads and the extension."""
    with session(debug=debug):
        from importlib import metadata

        import cv2

        from refcolor import kernels

        rows = {"refcolor": __version__, "python": sys.version.split()[0], "extension": kernels.core.__file__}
        rows["opencv"] = cv2.__version__
        for name in ("numpy", "scikit-learn", "openimageio", "pandas", "keras"):
            rows[name] = metadata.version(name)
        rows["threads"] = str(kernels.threads())
        if not quick:
            words = [sys.executable, "-P", "-m", "refcolor.networks.backend"]  # this process needs no engine
            engine = subprocess.run(words, capture_output=True, text=True, check=False)
            if engine.returncode:
                reason = (engine.stderr.strip() or "no reason given").splitlines()[-1]
                raise ValueError(f"the network engine does not start: {reason}")
            rows |= json.loads(engine.stdout.splitlines()[-1])
        for name, value in rows.items():
            print(f"{name:22} {value}")


_COMMANDS: dict[str, Callable[..., None]] = {"shot": shot, "inspect": inspect, "score": score, "info": info}
_EPILOG = (
    "More: refcolor shot, refcolor inspect, refcolor score, refcolor info; each has its own --help. "
    "A file with such a name is reached as ./inspect."
)


def main(words: Sequence[str] | None = None) -> None:
    """Run the command line; ends by SystemExit with the exit code."""
    words = list(sys.argv[1:] if words is None else words)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # file names come out as the bytes they are
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    name = words.pop(0) if words and words[0] in _COMMANDS else ""
    app.command(epilog=None if name else _EPILOG, no_args_is_help=name != "info")(_COMMANDS.get(name, color))
    with session(debug=False):
        app(words, prog_name=f"refcolor {name}".strip())
