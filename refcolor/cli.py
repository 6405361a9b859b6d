"""The command line: words to a Config, pictures in, pictures out.

Exit codes: 0 done; 1 the job failed, as with a picture that cannot be used or a full disk; 2 wrong use, as
with an unknown option, a missing file or an output that must not be written; 130 interrupted.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from . import __version__, options
from .config import MAX_PIXELS, Config, Init, Preset
from .voice import Voice, WrongUse, about_words, friendly

if TYPE_CHECKING:
    from .color import Image
    from .image_io import Picture
    from .pipeline import Colorizer

_DEFAULT = Config()


def color(
    source: options.Source,
    targets: options.Targets,
    output: options.Output = None,
    confidence: options.Confidence = None,
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
    """Color gray TARGETS like the coloured SOURCE. The written files are listed on stdout."""
    with friendly(debug):
        from . import image_io

        config = _config(preset, clusters=clusters, init=init, epochs=epochs, device=device, seed=seed)
        results = _outputs(targets, output)
        trusts = _outputs(targets, confidence, "confidence") if confidence else []
        with about_words():
            if trusts and config.name is Preset.PAPER:
                raise WrongUse("preset paper knows no confidence: leave out --confidence")
            for path in _apart(results + trusts):
                image_io.check_output(path, inputs=[source, *targets], force=force)
        picture, first = _read_all(source, targets, max_pixels, config)
        voice = Voice(quiet)
        colorizer = _trained(picture, config, voice)
        with voice.bar("coloring") as progress:
            for i, (target, path) in enumerate(zip(targets, results, strict=True)):
                gray = image_io.read(target, max_pixels=max_pixels) if i else first
                _remark_on_color(gray, target, voice)
                result = colorizer.color(gray.gray)
                like = gray.resized(result.image.shape[1], result.image.shape[0])
                image_io.write(path, result.image, like=like, force=force)
                print(path, flush=True)
                if trusts and result.confidence is not None:
                    image_io.write_picture(trusts[i], result.confidence, force=force)
                    print(trusts[i], flush=True)
                progress(i + 1, len(targets))


def inspect(
    source: options.Source,
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
    with friendly(debug):
        from . import inspection

        config = _config(preset, clusters=clusters, init=init, epochs=epochs, device=device, seed=seed)
        if config.name is Preset.QUICK:
            raise WrongUse("preset quick has no network to inspect: use standard or paper")
        inputs = [source, *([target] if target else [])]
        with about_words():
            inspection.check_folder(output, inputs=inputs, force=force)
        picture, gray = _read_all(source, [inputs[-1]], max_pixels, config)
        voice = Voice(quiet)
        if target:
            _remark_on_color(gray, target, voice)
        colorizer = _trained(picture, config, voice)
        result = colorizer.color(gray.gray)
        for path in inspection.write(output, colorizer, gray.gray, result, force=force):
            print(path)


def score(
    result: options.Scored,
    truth: options.Truth,
    source: options.ScoreSource,
    target: options.ScoreTarget = None,
    as_json: options.AsJson = False,
    max_pixels: options.Pixels = MAX_PIXELS,
    debug: options.Debug = False,
) -> None:
    """Compare RESULT with the TRUTH: shares of right colours, CIEDE2000, PSNR, luma kept."""
    with friendly(debug):
        from . import image_io, metrics

        def rgb(path: Path) -> Image:
            return image_io.read(path, max_pixels=max_pixels).rgb

        gray = image_io.read(target, max_pixels=max_pixels).gray if target else None
        figures = metrics.score(rgb(result), rgb(truth), rgb(source), target=gray)
        print(json.dumps(figures, indent=1) if as_json else metrics.table(figures))


def info(debug: options.Debug = False) -> None:
    """Print versions, the GPUs the network engine sees, threads and the extension."""
    with friendly(debug):
        from importlib import metadata

        import cv2

        from .patches import _core

        rows = {"refcolor": __version__, "python": sys.version.split()[0], "extension": _core.__file__}
        rows["opencv"] = cv2.__version__
        for name in ("numpy", "scikit-learn", "openimageio", "pandas", "keras"):
            rows[name] = metadata.version(name)
        rows["threads"] = str(len(os.sched_getaffinity(0)))
        ask = [sys.executable, "-P", "-m", "refcolor.backend"]
        engine = subprocess.run(ask, capture_output=True, text=True, check=False)
        if engine.returncode:
            raise ValueError(f"the network engine does not start: {engine.stderr.strip().splitlines()[-1]}")
        rows |= json.loads(engine.stdout.splitlines()[-1])
        for name, value in rows.items():
            print(f"{name:22} {value}")


_COMMANDS: dict[str, Callable[..., None]] = {"inspect": inspect, "score": score, "info": info}
_EPILOG = (
    "More: refcolor inspect, refcolor score, refcolor info; each has its own --help. "
    "A file with such a name is reached as ./inspect."
)


def main(words: Sequence[str] | None = None) -> None:
    """Run the command line; ends by SystemExit with the exit code."""
    words = list(sys.argv[1:] if words is None else words)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # file names come out as the bytes they are
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    name = words.pop(0) if words and words[0] in _COMMANDS else ""
    app.command(epilog=None if name else _EPILOG, no_args_is_help=name != "info")(_COMMANDS.get(name, color))
    with friendly(debug=False):
        app(words, prog_name=f"refcolor {name}".strip())


def _config(preset: Preset, **settings: object) -> Config:
    """The preset with the settings that were given, none of which it may ignore."""
    if preset is Preset.QUICK and (settings["init"] or settings["epochs"]):
        raise WrongUse("preset quick has no network: leave out --init and --epochs")
    if preset is Preset.PAPER and settings["init"] is Init.PRETRAINED:
        raise WrongUse("preset paper starts from scratch, as the report did: leave out --init")
    return Config.preset(preset, **settings)


def _outputs(targets: list[Path], output: Path | None, what: str = "color") -> list[Path]:
    """Where what is made of each target goes."""
    names = [f"{target.stem}_{what}.png" for target in targets]
    if output is None:
        paths = [target.with_name(name) for target, name in zip(targets, names, strict=True)]
    elif output.is_dir():
        paths = [output / name for name in names]
    elif len(targets) == 1:
        paths = [output]
    else:
        raise WrongUse(
            f"output {str(output)!r} is not an existing folder, and {len(targets)} targets need one: "
            "create it first"
        )
    return _apart(paths)


def _apart(paths: list[Path]) -> list[Path]:
    """The paths, if they are all different files."""
    places = [os.path.realpath(path) for path in paths]
    for i, path in enumerate(paths):
        if places[i] in places[:i]:
            raise WrongUse(
                f"two pictures would both become {str(path)!r}: give them different names, with -o"
            )
    return paths


def _read_all(source: Path, targets: list[Path], max_pixels: int, config: Config) -> tuple[Picture, Picture]:
    """Read and check every picture before the engine is started; keeps the source and the first target."""
    from . import image_io, palette, pipeline

    def checked(path: Path, role: str) -> Picture:
        picture = image_io.read(path, max_pixels=max_pixels)
        pipeline.check_size(picture.rgb, f"{role} {str(path)!r}")
        return picture

    picture = checked(source, "source")
    free = config.clusters == "auto" or config.name is Preset.QUICK
    palette.check(picture.rgb, 2 if free else int(config.clusters))
    first = checked(targets[0], "target")
    for target in targets[1:]:
        checked(target, "target")
    return picture, first


def _remark_on_color(picture: Picture, path: Path, voice: Voice) -> None:
    if not picture.is_gray:
        voice.line(f"{str(path)!r} is coloured: only its gray is used")


def _trained(source: Picture, config: Config, voice: Voice) -> Colorizer:
    from . import backend
    from .pipeline import Colorizer

    with voice.bar("starting"):
        colorizer = Colorizer(source.rgb, config)
        if not colorizer.trains:
            return colorizer
        engine = backend.start(config.device, quiet=True)
    voice.line(f"training on {engine.where}")
    with voice.bar("training") as progress:
        colorizer.train(progress)
    return colorizer
