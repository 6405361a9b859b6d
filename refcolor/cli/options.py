"""The words of the command line: every argument and option once, with its help."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from refcolor import __version__
from refcolor.config import RANGES, Config, Device, Init, Preset
from refcolor.errors import UsageError, code_of, usage_errors


def _print_version(asked: bool) -> None:
    if asked:
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


MAX_WORKERS = 256
SETTINGS = ("preset", "clusters", "init", "epochs", "seed")  # that a model brings

_trained = [name for name in Preset if name is not Preset.QUICK]
_epochs = ", ".join(f"{name} {Config(name).passes}" for name in _trained)
_epochs += f", from scratch {Config(init=Init.SCRATCH).passes}"

Source = Annotated[
    Path, typer.Argument(help="The colored picture, or a model saved earlier.", show_default=False)
]
Targets = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Gray pictures to color: files, folders, or patterns as shot.####.png, shot.%04d.exr, "
        "shot.[1-48].png; or one video, which is colored as by refcolor shot.",
        show_default=False,
    ),
]
Frames = Annotated[
    str | None,
    typer.Option(help="Only these frames of folders and patterns, as 1-48x2. (default: all)"),
]
InspectSource = Annotated[Path, typer.Argument(help="The colored picture.", show_default=False)]
InspectTarget = Annotated[
    Path | None,
    typer.Argument(help="Gray picture to color; left out: the source's own gray.", show_default=False),
]
Scored = Annotated[Path, typer.Argument(help="The picture to judge.", show_default=False)]
Truth = Annotated[Path, typer.Argument(help="The true colors, at the same size.", show_default=False)]
ScoreSource = Annotated[
    Path, typer.Option("--source", help="The picture the colors came from.", show_default=False)
]
ScoreTarget = Annotated[
    Path | None, typer.Option("--target", help="The gray picture. (default: gray of TRUTH)")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Version = Annotated[
    bool,
    typer.Option("--version", help="Print the version and leave.", is_eager=True, callback=_print_version),
]

_out = "Output"
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="File for one target, folder for many, made if missing. (default: TARGET_color.png beside each "
        "target)",
        rich_help_panel=_out,
    ),
]
Folder = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        help="Folder to write into; made if missing.",
        rich_help_panel=_out,
        show_default=False,
    ),
]
Force = Annotated[bool, typer.Option("--force", "-f", help="Overwrite existing files.", rich_help_panel=_out)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no remarks.", rich_help_panel=_out)]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel=_out)]
Pixels = Annotated[
    int, typer.Option("--max-pixels", help="Refuse pictures of more pixels.", min=1, rich_help_panel=_out)
]

Confidence = Annotated[
    Path | None,
    typer.Option(
        help="Also write a gray picture of how far each pixel is to be trusted, white for fully; a folder "
        "for many targets. (default: none)",
        rich_help_panel=_out,
    ),
]

SaveModel = Annotated[
    Path | None,
    typer.Option(
        "--save-model",
        help="Also keep what was learned in FILE.refcolor, to give as SOURCE, or as a shot's key, later. "
        "(default: none)",
        rich_help_panel=_out,
    ),
]
_keys = "Keys and frames"
ShotTargets = Annotated[
    list[Path] | None,
    typer.Argument(
        help="The gray frames: a folder, files, a pattern as shot.####.png, shot.%04d.exr, shot.[1-48].png, "
        "or a video.",
        show_default=False,
    ),
]
Keys = Annotated[
    list[str] | None,
    typer.Option(
        "--key",
        "-k",
        help="A colored frame; more than one if need be, or a folder or pattern of them. Its frame is the "
        "number in its name, or say it: 24=FILE; =FILE belongs to none. Or one model, of --save-model.",
        metavar="[N=]FILE",
        rich_help_panel=_keys,
        show_default=False,
    ),
]
KeysFrom = Annotated[
    list[str] | None,
    typer.Option(
        "--key-from",
        help="The same out of a colored video: its frame N, counted from 1.",
        metavar="VIDEO@N",
        rich_help_panel=_keys,
        show_default=False,
    ),
]
ShotFrames = Annotated[
    str | None,
    typer.Option(
        "--frames",
        help="Color only these, as 1-48x2; the others are looked at all the same. (default: all)",
        metavar="RANGE",
        rich_help_panel=_keys,
    ),
]
ShotOutput = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Folder, made if missing; a pattern as out.####.png; for a video also FILE.mkv, .mov or .mp4. "
        "Only with --save-model it may be left out.",
        rich_help_panel=_out,
        show_default=False,
    ),
]
ShotConfidence = Annotated[
    Path | None,
    typer.Option(
        "--confidence",
        help="Also write, into this folder, gray pictures of how far each pixel is to be trusted. "
        "(default: none)",
        rich_help_panel=_out,
    ),
]
SkipExisting = Annotated[
    bool, typer.Option("--skip-existing", help="Leave out frames that are there.", rich_help_panel=_out)
]
Codec = Annotated[
    Literal["ffv1", "prores", "h264"] | None,
    typer.Option(
        "--codec",
        help="Of a video. (default: by the name: .mkv ffv1, lossless; .mov prores; .mp4 h264)",
        rich_help_panel=_out,
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        help="Also write FILE.json: of every frame its keys, seconds, confidence, warnings. (default: none)",
        rich_help_panel=_out,
    ),
]
Sheet = Annotated[
    Path | None,
    typer.Option(
        "--contact-sheet",
        help="Also write one picture of some of the frames, evenly spaced. (default: none)",
        rich_help_panel=_out,
    ),
]
Every = Annotated[
    int | None,
    typer.Option(
        "--every",
        help="On the contact sheet every so many frames. (default: as many as make 24 pictures)",
        min=1,
        rich_help_panel=_out,
    ),
]
_machines = "Machines"
Workers = Annotated[
    Any,  # int or "auto"
    typer.Option(
        "--workers",
        help="Processes that color at the same time, each with its share of the cores; auto: as many as the "
        "cores, the memory and the number of frames are good for.",
        metavar="N|auto",
        parser=_count_or_auto(1, MAX_WORKERS),
        rich_help_panel=_machines,
    ),
]
Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        help="Color on the Ray cluster at this address, or auto. (default: on this machine)",
        metavar="ADDRESS",
        rich_help_panel=_machines,
    ),
]
QuickInfo = Annotated[bool, typer.Option("--quick", help="Do not start the network engine.")]

Clusters = Annotated[
    Any,  # int or "auto"
    typer.Option(
        help="Colors in the palette, 2 to 256, or auto: as many as the source needs.",
        metavar="N|auto",
        parser=_count_or_auto(*RANGES["clusters"]),
        rich_help_panel="Color",
    ),
]

_net = "Network"
PresetName = Annotated[
    Preset,
    typer.Option(
        "--preset",
        help="standard: matching, patches and network, gray kept. quick: without the network. "
        "paper: the Auto-Coloring Network report, 224x224.",
        rich_help_panel=_net,
    ),
]
InitName = Annotated[
    Init | None,
    typer.Option(
        "--init",
        help="What the network starts from: the shipped embedding, or nothing, as in the report. "
        f"(default: {', '.join(f'{name} {Config(name).init}' for name in _trained)})",
        rich_help_panel=_net,
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        help=f"Training passes over the source; fewer is quicker. (default: {_epochs})",
        **_range("epochs"),
        rich_help_panel=_net,
    ),
]
DeviceName = Annotated[
    Device,
    typer.Option("--device", help="Where to train; auto takes a GPU if there is one.", rich_help_panel=_net),
]
Seed = Annotated[
    int,
    typer.Option(help="Same seed and machine, same picture.", **_range("seed"), rich_help_panel=_net),
]


def config_of(context: typer.Context, preset: Preset, **settings: Any) -> Config | None:
    """The preset with the settings that were given; None, for a model's own settings, if none was."""
    with usage_errors():
        config = Config(preset, **settings)
    return config if _given(context) else None


@contextmanager
def settings_named(context: typer.Context) -> Iterator[None]:
    """Say which options to leave out where a model refuses settings."""
    try:
        yield
    except UsageError as error:
        if code_of(error) != "model_settings":
            raise
        raise UsageError(f"{error}: leave out {' and '.join(_given(context))}") from error


def _given(context: typer.Context) -> list[str]:
    sources = {name: context.get_parameter_source(name) for name in SETTINGS}
    return [f"--{name}" for name, source in sources.items() if source and source.name == "COMMANDLINE"]
