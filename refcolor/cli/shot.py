"""``refcolor shot``: many frames like one key or several."""

from __future__ import annotations

import pickle
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from refcolor.cli import options
from refcolor.cli.console import Voice, friendly
from refcolor.config import MAX_PIXELS, Config, Device, Preset
from refcolor.errors import UsageError, quoted, usage_errors

if TYPE_CHECKING:
    from refcolor.files.models import Model
    from refcolor.methods.colorizer import Colorizer
    from refcolor.render.keys import Key
    from refcolor.render.painter import Job, Outcome
    from refcolor.render.plan import Plan
    from refcolor.render.ray_cluster import Cluster
    from refcolor.render.report import Summary

_DEFAULT = Config()


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
    with friendly(debug), ExitStack() as stack:
        from refcolor.cli import learning
        from refcolor.files import models
        from refcolor.render import keys as keys_
        from refcolor.render import outputs
        from refcolor.render.plan import footage_of, plan
        from refcolor.render.report import PICTURES, Summary, is_sheet, read_report

        config = options.chosen(preset, clusters=clusters, init=init, epochs=epochs, device=device, seed=seed)
        with usage_errors():
            if skip_existing and force:
                raise UsageError("--skip-existing keeps what --force overwrites: leave out one of them")
            if workers != "auto" and ray is not None:
                raise UsageError("--workers is for this machine and --ray for others: leave out one of them")
            if every and not contact_sheet:
                raise UsageError("--every is for a contact sheet: give --contact-sheet FILE")
            if not key and not key_from:
                raise UsageError("there is no key: name a colored frame with --key FILE")
            about_frames = frames, codec, confidence, report, contact_sheet, workers != "auto"
            if output is None and (save_model is None or any(about_frames)):
                raise UsageError(
                    "there is no place for the frames: give -o FOLDER, or -o FILE.mkv for a video"
                )
            targets, key, key_from = targets or [], keys_.expanded(key or []), key_from or []
            for path in (output, confidence, contact_sheet):
                if path is not None:
                    outputs.refuse_inside(targets, path)
            learned = keys_.model_of(key, key_from)
            if save_model is not None:
                learning.check_save(save_model, learned)
        model = None
        if learned is not None:
            model = learning.read_model(context, learned, max_pixels)
            if device == Device.GPU:
                raise UsageError(
                    f"{quoted(learned)} is trained, and frames take the CPU: leave out --device gpu"
                )
            config = model.config.on(Device.CPU)
        footage = footage_of(targets, keys_.files(key), max_pixels, model.beside if model else ())
        if model is None:
            known = keys_.read(key, key_from, footage.numbers, max_pixels)
        else:
            known = keys_.of_model(key[0], model, footage.numbers)
        with usage_errors():
            if confidence is not None and config.name is Preset.PAPER:
                raise UsageError("preset paper knows no confidence: leave out --confidence")
            work = plan(footage, targets, output, confidence, frames, codec, skip_existing)
            if work.movie and config.name is Preset.PAPER:
                raise UsageError("preset paper makes pictures of 224x224: give a folder, not a video")
            earlier = read_report(report) if report and skip_existing else None
            ours = [report] if report and earlier is not None else []
            ours += [contact_sheet] if contact_sheet and skip_existing and is_sheet(contact_sheet) else []
            kept = save_model is not None and skip_existing and models.is_model(save_model)
            beside = [path for path in (report, contact_sheet, save_model) if path]
            try:
                new = outputs.check(
                    work.frames + ([contact_sheet] if contact_sheet else []),
                    work.folders,
                    [*footage.files, *keys_.files(key, key_from)],
                    others=[path for path in (work.movie, report, None if kept else save_model) if path],
                    force=force,
                    again=ours,
                )
            except FileExistsError as error:
                rest = not skip_existing and any(path.exists() for path in work.frames)
                hint = "; go on with the rest by refcolor shot --skip-existing" if rest else ""
                raise UsageError(f"{error}{hint}") from error
        work.sweep(*beside)
        voice = Voice(quiet)
        if work.left:
            outputs.check_space(work.folders[0], footage, work.left)
        with voice.bar("placing keys"):
            places, remarks = keys_.places(known, footage)
        for remark in remarks:
            voice.line(remark)
        step = every or -(-len(work.asked) // PICTURES)
        shown_frames = frozenset(work.asked[::step] if contact_sheet else ())
        summary = Summary(work, known, places, config, shown_frames, earlier or {})
        if kept and save_model:
            model, save_model = _kept(save_model, summary, max_pixels), None
            voice.line("what the keys teach is there already")
        if work.done and not work.left:
            voice.line("all frames are there already")
        with _reported(summary, report, force=force or report in ours):
            if work.left or save_model:
                cluster = _cluster(ray, stack) if ray is not None else None
                colorizer = _trained(summary, voice, cluster, model)
                for folder in new:
                    folder.mkdir(exist_ok=True)
                if save_model is not None:
                    over = force or save_model in ours
                    if not _saved(save_model, colorizer, summary, force=over, skip_existing=skip_existing):
                        colorizer = _trained(summary, voice, None, _kept(save_model, summary, max_pixels))
                summary.config = colorizer.learned.config
            if work.left:
                if workers == "auto":
                    workers = 1 if cluster else _suitable(work, known)
                job = work.job(places, force=force or skip_existing or cluster is not None)
                _color(_painted(job, colorizer, work, workers, cluster, force=force), work, summary, voice)
        if contact_sheet and summary.write_sheet(contact_sheet, force=force or contact_sheet in ours):
            print(contact_sheet)
        for line in summary.table() if work.left else ():
            voice.line(line)
        summary.raise_if_failed(len(work.left))


def _kept(path: Path, summary: Summary, max_pixels: int) -> Model:
    """The model that is there; UsageError if it is not one of these keys."""
    from refcolor.cli.learning import kept

    pictures = [key.rgb for key in summary.keys]
    frames = [frame for _, frame in summary.key_frames]
    return kept(path, pictures, frames, summary.work.footage.beside, summary.config, max_pixels)


def _saved(path: Path, colorizer: Colorizer, summary: Summary, *, force: bool, skip_existing: bool) -> bool:
    """Save what was learned; False if another run of the same words was quicker."""
    from refcolor.files import models

    try:
        keys, beside = summary.key_frames, summary.work.footage.beside
        models.save(colorizer, path, keys=keys, beside=beside, force=force)
    except FileExistsError:
        if skip_existing:
            return False
        raise
    print(path, flush=True)
    return True


@contextmanager
def _reported(summary: Summary, report: Path | None, *, force: bool) -> Iterator[None]:
    """Leave the folders clean and write the report, whatever happens in the block."""
    try:
        yield
    except BaseException:
        summary.work.sweep()  # what a worker has left that was ended
        with suppress(OSError):  # one error is enough
            if report and summary.outcomes:
                summary.write_report(report, force=force)
                print(report)
        raise
    summary.work.sweep()
    if report:
        summary.write_report(report, force=force)
        print(report)


def _color(painted: Generator[Outcome, None, None], work: Plan, summary: Summary, voice: Voice) -> None:
    """Take all outcomes, and say how it goes."""
    with voice.bar("coloring") as progress, closing(painted):
        for outcome in painted:
            summary.add(outcome)
            if outcome.error:
                voice.line(f"{quoted(work.footage.name(outcome.index))} failed: {outcome.error}")
            for path in work.files(outcome):
                print(path, flush=True)
            progress(len(summary.outcomes), len(work.left))
    if work.movie:
        print(work.movie, flush=True)


def _suitable(work: Plan, keys: list[Key]) -> int:
    """How many workers the frames that are left are worth."""
    from refcolor.render.workers import suitable_workers

    try:
        pixels = work.footage.read(work.left[0]).rgb.size // 3
    except (OSError, ValueError):
        pixels = max(key.rgb.size for key in keys) // 3
    return suitable_workers(len(work.left), pixels)


def _cluster(address: str, stack: ExitStack) -> Cluster:
    from refcolor.render.ray_cluster import Cluster

    return stack.enter_context(Cluster(address))


def _trained(summary: Summary, voice: Voice, cluster: Cluster | None, model: Model | None) -> Colorizer:
    """A colorizer that knows the keys: of what they teach, or of what a model has kept of that."""
    from refcolor.cli.learning import learn

    pictures = [key.rgb for key in summary.keys]
    config = summary.config if model is None else model.config.on(Device.CPU)
    if cluster is not None and model is None and config.trains and config.device != "cpu" and cluster.gpus:
        voice.line("training on a GPU of the cluster")
        return cluster.fit(pictures, config)
    colorizer, _ = learn(pictures, config, voice, model)
    # frames are colored on the CPU, the same bits everywhere
    engine = colorizer.learned.engine
    if engine is not None and engine.device.startswith("gpu"):
        sent: Colorizer = pickle.loads(pickle.dumps(colorizer))
        return sent
    return colorizer


def _painted(
    job: Job, colorizer: Colorizer, work: Plan, workers: int, cluster: Cluster | None, *, force: bool
) -> Generator[Outcome, None, None]:
    """Outcomes of all frames; those of a video have been written to it."""
    from refcolor.render.workers import paint

    if cluster is not None:
        outcomes = cluster.paint(job, colorizer, work.left)
    else:
        outcomes = paint(job, colorizer, work.left, workers)
    if work.movie is None:
        yield from outcomes
        return
    from refcolor.files.video_write import write_video
    from refcolor.render.frames import Film

    assert isinstance(work.footage, Film)
    with closing(outcomes), write_video(work.movie, work.footage.video, work.codec, force=force) as movie:
        for outcome in outcomes:
            if outcome.image is not None:
                movie.add(outcome.image, outcome.index, outcome.alpha)
            yield outcome
