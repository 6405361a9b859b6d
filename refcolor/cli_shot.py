"""``refcolor shot``: many frames like one key or several."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import options
from .config import MAX_PIXELS, Config, Preset
from .safe_write import check_target, shown
from .voice import Voice, WrongUse, about_words, friendly

if TYPE_CHECKING:
    from .cluster import Cluster
    from .footage import Footage
    from .keys import Key
    from .pipeline import Colorizer
    from .rendering import Job, Outcome
    from .video_write import Codec

_DEFAULT = Config()
MOVIES = (".mkv", ".mov", ".mp4")


def shot(
    output: options.ShotOutput,
    targets: options.ShotTargets = None,
    key: options.Keys = None,
    key_from: options.KeysFrom = None,
    frames: options.ShotFrames = None,
    skip_existing: options.SkipExisting = False,
    codec: options.Codec = None,
    confidence: options.ShotConfidence = None,
    report: options.Report = None,
    contact_sheet: options.Sheet = None,
    every: options.Every = None,
    workers: options.Workers = 1,
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

    Exit codes: 0 all done; 1 some frames failed, the others are done; 2 wrong use, nothing was done.
    """
    with friendly(debug), ExitStack() as stack:
        from . import destinations
        from . import keys as keys_
        from .summary import PICTURES, Summary

        config = options.chosen(preset, clusters=clusters, init=init, epochs=epochs, device=device, seed=seed)
        with about_words():
            if skip_existing and force:
                raise WrongUse("--skip-existing keeps what --force overwrites: leave out one of them")
            if workers > 1 and ray is not None:
                raise WrongUse("--workers is for this machine and --ray for others: leave out one of them")
            if confidence is not None and config.name is Preset.PAPER:
                raise WrongUse("preset paper knows no confidence: leave out --confidence")
            if not key and not key_from:
                raise WrongUse("there is no key: name a coloured frame with --key FILE")
            footage = _footage(targets or [], key or [], output, max_pixels)
        known = keys_.read(key or [], key_from or [], footage.numbers, max_pixels)
        extra = [path for path in (report, contact_sheet) if path]
        with about_words():
            work = _work(footage, targets or [], output, confidence, frames, codec, skip_existing)
            inputs = [*(targets or []), *(Path(one.name) for one in known)]
            for path in extra:
                check_target(path, inputs=inputs, force=force or skip_existing)
            new = destinations.check(work.written, work.folders, inputs, force=force)
        destinations.check_space(work.folders[0], footage, work.left)
        voice = Voice(quiet)
        if not work.left:
            voice.line("all frames are there already")
            return
        with voice.bar("placing keys"):
            places = keys_.places(known, footage)
        _remark_on_places(known, places, footage, voice)
        cluster = _cluster(ray, stack) if ray else None
        colorizer = _trained(known, config, voice, cluster)
        for folder in new:
            folder.mkdir(exist_ok=True)
        step = every or -(-len(work.left) // PICTURES)
        summary = Summary(
            footage, known, places, colorizer.sources.config, work.results, work.done,
            frozenset(work.left[::step] if contact_sheet else ()),
        )  # fmt: skip
        job = work.job(places, force=force or workers > 1 or ray is not None)
        try:
            with voice.bar("coloring") as progress:
                for outcome in _painted(job, colorizer, work, workers, cluster, force=force):
                    summary.add(outcome)
                    if outcome.error:
                        voice.line(f"{shown(footage.name(outcome.index))} failed: {outcome.error}")
                    for path in work.files(outcome):
                        print(path, flush=True)
                    progress(len(summary.outcomes), len(work.left))
            if work.movie:
                print(work.movie, flush=True)
        finally:
            if report and summary.outcomes:
                summary.write_report(report, force=force or skip_existing)
        if contact_sheet and summary.pictures:
            summary.write_sheet(contact_sheet, force=force or skip_existing)
        for path in extra:
            print(path)
        for line in summary.table():
            voice.line(line)
        if summary.failed:
            names = ", ".join(str(footage.numbers[index]) for index in summary.failed[:10])
            more = " and more" if len(summary.failed) > 10 else ""
            reason = summary.outcomes[summary.failed[0]].error
            raise ValueError(
                f"{len(summary.failed)} of {len(work.left)} frames failed, the others are done: frame {names}"
                f"{more}: {reason}"
            )


@dataclass(frozen=True)
class _Work:
    """What is to be done: frames by index, and the files that they go to."""

    footage: Footage
    left: list[int]
    done: list[int]
    results: dict[int, Path]
    trusts: dict[int, Path]
    movie: Path | None
    codec: Codec | None
    folders: list[Path]

    @property
    def written(self) -> list[Path]:
        """Every file that will be written."""
        frames = [each[i] for each in (self.results, self.trusts) for i in self.left if i in each]
        return [*frames, *([self.movie] if self.movie else [])]

    def job(self, places: Sequence[float | None], *, force: bool) -> Job:
        """The same for the painters, who may work in another folder."""
        from .rendering import Job

        results, trusts = (
            {index: path.absolute() for index, path in paths.items()} for paths in (self.results, self.trusts)
        )
        return Job(self.footage, places, None if self.movie else results, trusts, force)

    def files(self, outcome: Outcome) -> list[Path]:
        """The files that a frame went to."""
        if outcome.error:
            return []
        return [each[outcome.index] for each in (self.results, self.trusts) if outcome.index in each]


def _footage(targets: list[Path], keys: list[str], output: Path, max_pixels: int) -> Footage:
    from . import destinations, sequence
    from .footage import Files, Film
    from .video import is_video

    if not targets:
        raise WrongUse("there are no targets: name a folder, files, a pattern or a video")
    if len(targets) == 1 and targets[0].is_file() and is_video(targets[0]):
        return Film(targets[0], max_pixels)
    movies = [path for path in targets if path.is_file() and path.suffix in MOVIES]
    if movies:
        if len(targets) > 1:
            raise WrongUse(f"{shown(movies[0])} is a video: color one at a time, and no other files with it")
        return Film(movies[0], max_pixels)  # says what is wrong with it
    destinations.refuse_inside(targets, output)
    paths = sequence.expand(targets)
    # a key beside the frames is one of them only if it has a number, as they do
    beside = [Path(word) for word in keys if sequence.number_of(Path(word)) is None and Path(word).is_file()]
    paths = [path for path in paths if not any(path.exists() and path.samefile(other) for other in beside)]
    if not paths:
        raise WrongUse(f"{shown(targets[0])} holds no frame but the key itself: name the gray pictures")
    return Files(paths, max_pixels)


def _work(
    footage: Footage,
    targets: list[Path],
    output: Path,
    confidence: Path | None,
    frames: str | None,
    codec: Codec | None,
    skip_existing: bool,
) -> _Work:
    from . import destinations, sequence
    from .footage import Film

    indices = sequence.choose(footage.numbers, frames, str(targets[0]))
    movie = output if output.suffix in MOVIES and not output.is_dir() else None
    if codec and not movie:
        raise WrongUse("--codec is for a video: give -o FILE.mkv, .mov or .mp4")
    if movie:
        from .video_write import check_video

        if not isinstance(footage, Film):
            raise WrongUse(f"output {shown(output)} is a video, and the targets are files: give a folder")
        check_video(movie, footage.video, codec)
    results = {} if movie else destinations.of_frames(footage, indices, output)
    trusts = destinations.of_frames(footage, indices, confidence) if confidence else {}
    trusts = {index: path.with_suffix(".png") for index, path in trusts.items()}
    done = [i for i in indices if skip_existing and os.path.lexists(results[i] if results else output)]
    left = [i for i in indices if i not in set(done)]
    folders = [output.parent if output.suffix and not output.is_dir() else output]
    return _Work(
        footage, left, done, results, trusts, movie if left else None, codec,
        [*folders, *([confidence] if confidence else [])],
    )  # fmt: skip


def _remark_on_places(keys: list[Key], places: list[float | None], footage: Footage, voice: Voice) -> None:
    for key, place in zip(keys, places, strict=True):
        if key.frame is not None:
            continue
        if place is None:
            voice.line(f"{shown(key.name)} belongs to no frame; if it does, say which: --key 24={key.name}")
        else:
            voice.line(f"{shown(key.name)} is frame {footage.numbers[int(place)]}")


def _cluster(address: str, stack: ExitStack) -> Cluster:
    from .cluster import Cluster

    return stack.enter_context(Cluster(address))


def _trained(keys: list[Key], config: Config, voice: Voice, cluster: Cluster | None) -> Colorizer:
    from .pipeline import Colorizer

    pictures = [key.rgb for key in keys]
    if cluster is not None and cluster.gpus and config.trains:
        voice.line("training on a GPU of the cluster")
        return cluster.fit(pictures, config)
    colorizer = Colorizer(config)
    with voice.bar("starting"):
        colorizer.prepare(pictures, quiet=True)
    if colorizer.engine is None:
        return colorizer
    voice.line(f"training on {colorizer.engine.where}, {len(keys)} key{'s' * (len(keys) > 1)}")
    with voice.bar("training") as progress:
        colorizer.train(progress)
    if colorizer.engine.device.startswith("gpu"):  # frames are coloured on the CPU, the same bits everywhere
        sent: Colorizer = pickle.loads(pickle.dumps(colorizer))
        return sent
    return colorizer


def _painted(
    job: Job, colorizer: Colorizer, work: _Work, workers: int, cluster: Cluster | None, *, force: bool
) -> Iterator[Outcome]:
    """Outcomes of all frames; those of a video have been written to it."""
    from .workers import paint

    if cluster is not None:
        outcomes = cluster.paint(job, colorizer, work.left)
    else:
        outcomes = paint(job, colorizer, work.left, workers)
    if work.movie is None:
        yield from outcomes
        return
    from .footage import Film
    from .video_write import write_video

    assert isinstance(work.footage, Film)
    with write_video(work.movie, work.footage.video, work.codec, force=force) as movie:
        for outcome in outcomes:
            if outcome.image is not None:
                movie.add(outcome.image, outcome.index, outcome.alpha)
            yield outcome
