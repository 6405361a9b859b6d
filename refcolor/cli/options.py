"""Every argument and option of the command line once, with its help.

An option without a name here is called like the parameter that has it: `save_model` is ``--save-model``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import Signature, signature
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from refcolor import __version__
from refcolor.cli.console import session
from refcolor.config import MAX_PIXELS, RANGES, Config, Device, Init, Preset, TargetKind
from refcolor.errors import UsageError, code_of, usage_errors

MAX_WORKERS = 256
SETTINGS = ("preset", "clusters", "init", "epochs", "seed")  # that a model brings


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"refcolor {__version__}")
        raise typer.Exit


def _range(setting: str) -> Any:
    low, high = RANGES[setting]
    return {"min": int(low), "max": int(high)}


def _count_or_auto(low: float, high: float) -> Callable[[str], int | Literal["auto"]]:
    def parsed(text: str) -> int | Literal["auto"]:
        if text == "auto":
            return "auto"
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise typer.BadParameter(f"{text!r} is neither auto nor a number from {low:.0f} to {high:.0f}.")
        return int(text)

    return parsed


_trained = [name for name in Preset if Config(name).trains]
_inits = ", ".join(f"{name} {Config(name).init}" for name in _trained)
_epochs = ", ".join(f"{name} {Config(name).passes}" for name in _trained)
_epochs += f", from scratch {Config(init=Init.SCRATCH).passes}"

_argument = partial(typer.Argument, show_default=False)
_output = partial(typer.Option, rich_help_panel="Output")
_key = partial(typer.Option, rich_help_panel="Keys and frames")
_machine = partial(typer.Option, rich_help_panel="Machines")
_network = partial(typer.Option, rich_help_panel="Network")

# fmt: off
# The bare command
Source = Annotated[Path, _argument(help="The colored picture, or a model saved earlier.")]
Targets = Annotated[list[Path] | None, _argument(
    help="Gray pictures to color: files, folders, or patterns as shot.####.png, shot.%04d.exr, "
    "shot.[1-48].png; or one video, which is colored as by refcolor shot.")]
Frames = Annotated[str | None, typer.Option(
    help="Only these frames of folders and patterns, as 1-48x2. (default: all)")]
Output = Annotated[Path | None, _output("--output", "-o",
    help="File for one target, folder for many, created if missing. (default: TARGET_color.png beside each "
    "target)")]
Confidence = Annotated[Path | None, _output(
    help="Also write a gray picture of how far each pixel can be trusted, white for fully; a folder for many "
    "targets. (default: none)")]
SaveModel = Annotated[Path | None, _output(
    help="Also save what was learned in FILE.refcolor, to be given as SOURCE, or as a shot's key, later. "
    "(default: none)")]
Version = Annotated[bool, typer.Option(
    "--version", help="Print the version and leave.", is_eager=True, callback=_print_version)]

# Common to several commands
Force = Annotated[bool, _output("--force", "-f", help="Overwrite existing files.")]
Quiet = Annotated[bool, _output("--quiet", "-q", help="No progress, no remarks.")]
Debug = Annotated[bool, _output("--debug", help="Show the traceback of an error.")]
Pixels = Annotated[int, _output(help="Refuse pictures of more pixels.", min=1)]
Target = Annotated[TargetKind, typer.Option(
    help="What targets are: gray pictures, or line art, bare lines on paper. auto: told from each picture.",
    rich_help_panel="Color")]
Clusters = Annotated[Any, typer.Option(  # int or "auto"
    help="Colors in the palette, 2 to 256, or auto: as many as the source needs.",
    metavar="N|auto", parser=_count_or_auto(*RANGES["clusters"]), rich_help_panel="Color")]
PresetName = Annotated[Preset, _network(
    help="standard: matching, patches and network, gray kept. quick: without the network. "
    "paper: the Auto-Coloring Network report, 224x224.")]
InitName = Annotated[Init | None, _network(
    help="What the network starts from: the shipped embedding, or nothing, as in the report. "
    f"(default: {_inits})")]
Epochs = Annotated[int | None, _network(
    help=f"Training passes over the source; fewer is quicker. (default: {_epochs})", **_range("epochs"))]
DeviceName = Annotated[Device, _network(help="Where to train; auto takes a GPU if there is one.")]
Seed = Annotated[int, _network(help="Same seed and machine, same picture.", **_range("seed"))]

# refcolor shot
ShotTargets = Annotated[list[Path] | None, _argument(
    help="The gray frames: a folder, files, a pattern as shot.####.png, shot.%04d.exr, shot.[1-48].png, or a "
    "video.")]
Keys = Annotated[list[str] | None, _key("--key", "-k", metavar="[N=]FILE", show_default=False,
    help="A colored frame, or several, or a folder or pattern of them. Its frame is the number in its name, "
    "or give it: 24=FILE; =FILE belongs to none. Or one model, from --save-model.")]
KeysFrom = Annotated[list[str] | None, _key(metavar="VIDEO@N", show_default=False,
    help="The same from a colored video: its frame N, counted from 1.")]
ShotFrames = Annotated[str | None, _key(metavar="RANGE",
    help="Color only these, as 1-48x2; the others still help their neighbors. (default: all)")]
ShotOutput = Annotated[Path | None, _output("--output", "-o", show_default=False,
    help="Folder, created if missing; a pattern as out.####.png; for a video also FILE.mkv, .mov or .mp4. "
    "May be left out only with --save-model.")]
ShotConfidence = Annotated[Path | None, _output(
    help="Also write, into this folder, gray pictures of how far each pixel can be trusted. (default: none)")]
SkipExisting = Annotated[bool, _output("--skip-existing", help="Leave out frames that exist already.")]
Codec = Annotated[Literal["ffv1", "prores", "h264"] | None, _output(
    help="Of a video. (default: by the name: .mkv ffv1, lossless; .mov prores; .mp4 h264)")]
Report = Annotated[Path | None, _output(
    help="Also write FILE.json: of every frame its keys, seconds, confidence, warnings. (default: none)")]
Sheet = Annotated[Path | None, _output(
    help="Also write one picture of some of the frames, evenly spaced. (default: none)")]
Every = Annotated[int | None, _output(min=1,
    help="Step of the frames on the contact sheet. (default: one that makes 24 pictures)")]
Workers = Annotated[Any, _machine(metavar="N|auto", parser=_count_or_auto(1, MAX_WORKERS),  # int or "auto"
    help="Processes that color at the same time, each with its share of the cores; auto: as many as suit the "
    "cores, the memory and the number of frames.")]
Ray = Annotated[str | None, _machine(metavar="ADDRESS",
    help="Color on the Ray cluster at this address, or auto. (default: on this machine)")]

# refcolor inspect, score, info
InspectSource = Annotated[Path, _argument(help="The colored picture.")]
InspectTarget = Annotated[Path | None, _argument(
    help="Gray picture to color; left out: the source's own gray.")]
Folder = Annotated[Path, _output("--output", "-o", show_default=False,
    help="Folder to write into; created if missing.")]
Scored = Annotated[Path, _argument(help="The picture to judge.")]
Truth = Annotated[Path, _argument(help="The true colors, at the same size.")]
ScoreSource = Annotated[Path, typer.Option(help="The picture the colors came from.", show_default=False)]
ScoreTarget = Annotated[Path | None, typer.Option(help="The gray picture. (default: gray of TRUTH)")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
QuickInfo = Annotated[bool, typer.Option("--quick", help="Do not start the network engine.")]
# fmt: on


_DEFAULT = Config()


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of all that learn colors, after its own.

    It is called with a terminal, what those options say as fields of a request, and its own options. The
    config is None, for a model's own settings, if no setting is given.
    """

    def run(
        context: typer.Context,
        force: Force = False,
        max_pixels: Pixels = MAX_PIXELS,
        quiet: Quiet = False,
        debug: Debug = False,
        clusters: Clusters = str(_DEFAULT.clusters),
        preset: PresetName = _DEFAULT.name,
        init: InitName = None,
        epochs: Epochs = None,
        device: DeviceName = _DEFAULT.device,
        seed: Seed = _DEFAULT.seed,
        **own: Any,
    ) -> None:
        sources = {name: context.get_parameter_source(name) for name in SETTINGS}
        given = [f"--{name}" for name, source in sources.items() if source and source.name == "COMMANDLINE"]
        with session(debug=debug, quiet=quiet) as console:
            with usage_errors():
                config = Config(preset, clusters=clusters, init=init, epochs=epochs, seed=seed)
                if not config.trains and init is not None:
                    raise ValueError(f"preset {preset} has no network: leave out --init and --epochs")
            settings = {"force": force, "max_pixels": max_pixels, "device": device}
            settings["config"] = config if given else None
            try:
                command(console, settings, **own)
            except UsageError as error:
                if code_of(error) != "model_settings":
                    raise
                raise UsageError(f"{error}: leave out {' and '.join(given)}") from error

    own, (context, *shared, _) = ([*signature(f, eval_str=True).parameters.values()] for f in (command, run))
    run.__signature__ = Signature([context, *own[2:], *shared])  # type: ignore[attr-defined]
    run.__doc__ = command.__doc__
    return run
