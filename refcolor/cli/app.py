"""The command line: words to a Config, pictures in, pictures out.

Exit codes: 0 done; 1 the job failed, as with a picture that cannot be used or a full disk; 2 wrong use, as
with an unknown option, a missing file or an output that must not be written; 130 interrupted.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from refcolor import __version__
from refcolor.cli import options
from refcolor.cli.console import Voice, friendly
from refcolor.cli.shot import shot
from refcolor.config import MAX_PIXELS, Config, Preset
from refcolor.errors import UsageError, usage_errors

if TYPE_CHECKING:
    from refcolor.files.images import Picture
    from refcolor.imaging.color import Image

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
    with friendly(debug):
        from refcolor.cli import learning
        from refcolor.files import images, models, sequences
        from refcolor.render import outputs

        if targets and len(targets) == 1 and _is_clip(targets[0]):
            movie = targets[0].with_name(f"{targets[0].stem}_color.mkv")
            shot(
                context, targets, output or movie, [str(source)], frames=frames, confidence=confidence,
                save_model=save_model, force=force, max_pixels=max_pixels, quiet=quiet, debug=debug,
                clusters=clusters, preset=preset, init=init, epochs=epochs, device=device, seed=seed,
            )  # fmt: skip
            return
        single = targets is not None and len(targets) == 1 and targets[0].is_file()
        with usage_errors():
            if source.is_dir():
                raise UsageError(f"the source {str(source)!r} is a folder: give the colored picture first")
            outputs.refuse_inside(targets or [], output)
            if confidence is not None:
                outputs.refuse_inside(targets or [], confidence)
            targets = sequences.expand(targets or [], frames, leave_out=source)
        learned = models.is_meant(source)
        config = options.chosen(preset, clusters=clusters, init=init, epochs=epochs, device=device, seed=seed)
        if not targets and (learned or save_model is None or output or confidence):
            hint = "" if learned else ", or give --save-model FILE alone"
            raise UsageError(f"there is no target: name gray pictures to color{hint}")
        results = outputs.of(targets, output, single=single)
        trusts = outputs.of(targets, confidence, "confidence", single=single) if confidence else []
        if save_model is not None:
            learning.check_save(save_model, source if learned else None)
        model = learning.read_model(context, source, max_pixels) if learned else None
        if model is not None:
            config = model.config.on(device)
        with usage_errors():
            if trusts and config.name is Preset.PAPER:
                raise UsageError("preset paper knows no confidence: leave out --confidence")
            new = outputs.check(
                results + trusts,
                [output, confidence],
                [source, *targets],
                others=[save_model] if save_model else [],
                force=force,
            )
        pictures = model.sources if model is not None else (_read_source(source, max_pixels, config),)
        first = _read_targets(targets, max_pixels)
        voice = Voice(quiet)
        gray = first.gray_on_paper if first else None
        colorizer, aligned = learning.learn(pictures, config, voice, model, gray)
        for folder in new:
            folder.mkdir(exist_ok=True)
        if save_model is not None:
            models.save(colorizer, save_model, force=force)
            print(save_model, flush=True)
        with voice.bar("coloring") as progress:
            for i, (target, path) in enumerate(zip(targets, results, strict=True)):
                picture = first if not i and first else images.read(target, max_pixels=max_pixels)
                gray = first = None  # a batch holds one picture at a time
                _remark_on_color(picture, target, voice)
                result = colorizer.colorize(picture.gray_on_paper, aligned)
                aligned = None
                like = picture.resized(result.image.shape[1], result.image.shape[0])
                images.write(path, like.over_hidden(result.image), like=like, force=force)
                print(path, flush=True)
                if trusts and result.confidence is not None:
                    images.write_picture(trusts[i], result.confidence, force=force)
                    print(trusts[i], flush=True)
                progress(i + 1, len(targets))


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
    with friendly(debug):
        from refcolor.cli import learning
        from refcolor.files import images, models
        from refcolor.imaging.checks import check_size
        from refcolor.render import inspection

        if models.is_model(source):
            raise UsageError(f"{str(source)!r} is a model: inspect needs the colored picture itself")

        config = options.chosen(preset, clusters=clusters, init=init, epochs=epochs, device=device, seed=seed)
        if config.name is Preset.QUICK:
            raise UsageError("preset quick has no network to inspect: use standard or paper")
        inputs = [source, *([target] if target else [])]
        with usage_errors():
            inspection.check_folder(output, inputs=inputs, force=force)
        picture = _read_source(source, max_pixels, config)
        gray = images.read(inputs[-1], max_pixels=max_pixels)
        check_size(gray.rgb, f"target {str(inputs[-1])!r}")
        voice = Voice(quiet)
        if target:
            _remark_on_color(gray, target, voice)
        colorizer, aligned = learning.learn([picture], config, voice, target=gray.gray_on_paper)
        result = colorizer.colorize(gray.gray_on_paper, aligned)
        for path in inspection.write(output, colorizer, gray.gray_on_paper, result, force=force):
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
    """Compare RESULT with the TRUTH: shares of right colors, CIEDE2000, PSNR, luma kept."""
    with friendly(debug):
        from refcolor.files import images
        from refcolor.imaging import metrics

        def rgb(path: Path) -> Image:
            return images.read(path, max_pixels=max_pixels).rgb

        gray = images.read(target, max_pixels=max_pixels).gray if target else None
        figures = metrics.score(rgb(result), rgb(truth), rgb(source), target=gray)
        print(json.dumps(figures, indent=1) if as_json else metrics.table(figures))


def info(quick: options.QuickInfo = False, debug: options.Debug = False) -> None:
    """Print versions, the GPUs the network engine sees, threads and the extension."""
    with friendly(debug):
        from importlib import metadata

        import cv2

        from refcolor import kernels

        rows = {"refcolor": __version__, "python": sys.version.split()[0], "extension": kernels.core.__file__}
        rows["opencv"] = cv2.__version__
        for name in ("numpy", "scikit-learn", "openimageio", "pandas", "keras"):
            rows[name] = metadata.version(name)
        rows["threads"] = str(kernels.threads())
        if not quick:
            rows |= _engine()
        for name, value in rows.items():
            print(f"{name:22} {value}")


def _engine() -> dict[str, str]:
    """What the network engine says of itself, asked in a process of its own, to stay clean of it here."""
    ask = [sys.executable, "-P", "-m", "refcolor.networks.backend"]
    engine = subprocess.run(ask, capture_output=True, text=True, check=False)
    if engine.returncode:
        raise ValueError(f"the network engine does not start: {engine.stderr.strip().splitlines()[-1]}")
    return dict(json.loads(engine.stdout.splitlines()[-1]))


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
    with friendly(debug=False):
        app(words, prog_name=f"refcolor {name}".strip())


def _is_clip(path: Path) -> bool:
    """Whether a target is a video, or an animated picture."""
    from refcolor.files.image_storage import EXTENSIONS

    if path.suffix.lower() in EXTENSIONS or not path.is_file():
        return False
    from refcolor.files.video import is_video  # late: FFmpeg is needed for videos only

    return is_video(path)


def _read_source(source: Path, max_pixels: int, config: Config) -> Image:
    """Read and check the source before the engine is started."""
    from refcolor.files import images
    from refcolor.imaging import palette
    from refcolor.imaging.checks import check_size

    picture = images.read(source, max_pixels=max_pixels).on_paper
    check_size(picture, f"source {str(source)!r}")
    free = config.clusters == "auto" or not config.trains
    palette.check(picture, 2 if free else int(config.clusters))
    return picture


def _read_targets(targets: list[Path], max_pixels: int) -> Picture | None:
    """Read and check every target before the engine is started; keeps the first."""
    from refcolor.files import images
    from refcolor.imaging.checks import check_size

    first = None
    for target in targets:
        picture = images.read(target, max_pixels=max_pixels)
        check_size(picture.rgb, f"target {str(target)!r}")
        first = first or picture
    return first


def _remark_on_color(picture: Picture, path: Path, voice: Voice) -> None:
    if not picture.is_gray:
        voice.line(f"{str(path)!r} is colored: only its gray is used")
