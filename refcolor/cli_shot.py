"""``refcolor shot``: many frames like one key or several."""

from __future__ import annotations

import os
import pickle
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import options
from .config import MAX_PIXELS, Config, Preset
from .safe_write import shown, sweep
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

    Exit codes: 0 all done; 1 some frames failed, the others are done; 2 wrong use, nothing was done.
    """
    with friendly(debug), ExitStack() as stack:
        from . import destinations
        from . import keys as keys_
        from .summary import PICTURES, Summary
        from .workers import suitable_workers

        config = options.chosen(preset, clusters=clusters, init=init, epochs=epochs, device=device, seed=seed)
        with about_words():
            if skip_existing and force:
                raise WrongUse("--skip-existing keeps what --force overwrites: leave out one of them")
            if workers != "auto" and ray is not None:
                raise WrongUse("--workers is for this machine and --ray for others: leave out one of them")
            if confidence is not None and config.name is Preset.PAPER:
                raise WrongUse("preset paper knows no confidence: leave out --confidence")
            if not key and not key_from:
                raise WrongUse("there is no key: name a coloured frame with --key FILE")
            for path in (output, confidence, contact_sheet):
                if path is not None:
                    destinations.refuse_inside(targets or [], path)
        footage = _footage(targets or [], keys_.files(key or []), max_pixels)
        known = keys_.read(key or [], key_from or [], footage.numbers, max_pixels)
        with about_words():
            work = _work(footage, targets or [], output, confidence, frames, codec, skip_existing)
            if work.movie and config.name is Preset.PAPER:
                raise WrongUse("preset paper makes pictures of 224x224: give a folder, not a video")
            new = destinations.check(
                work.frames + ([contact_sheet] if contact_sheet else []),
                work.folders,
                [*footage.files, *keys_.files(key or [], key_from or [])],
                others=[path for path in (work.movie, report) if path],
                force=force or skip_existing,
            )
        work.sweep()
        destinations.check_space(work.folders[0], footage, work.left)
        voice = Voice(quiet)
        if not work.left:
            voice.line("all frames are there already")
            return
        with voice.bar("placing keys"):
            places = keys_.places(known, footage)
        _remark_on_places(known, places, footage, voice)
        cluster = _cluster(ray, stack) if ray is not None else None
        colorizer = _trained(known, config, voice, cluster)
        for folder in new:
            folder.mkdir(exist_ok=True)
        chosen = sorted(work.left + work.done)
        step = every or -(-len(chosen) // PICTURES)
        summary = Summary(
            footage, known, places, colorizer.sources.config, work.results, work.done,
            frozenset(chosen[::step] if contact_sheet else ()),
        )  # fmt: skip
        if workers == "auto":
            pixels = _pixels(footage, work.left[0], known)
            workers = 1 if cluster else suitable_workers(len(work.left), pixels)
        job = work.job(places, force=force or skip_existing or ray is not None)
        try:
            painted = _painted(job, colorizer, work, workers, cluster, force=force)
            with voice.bar("coloring") as progress, closing(painted):
                for outcome in painted:
                    summary.add(outcome)
                    if outcome.error:
                        voice.line(f"{shown(footage.name(outcome.index))} failed: {outcome.error}")
                    for path in work.files(outcome):
                        print(path, flush=True)
                    progress(len(summary.outcomes), len(work.left))
            if work.movie:
                print(work.movie, flush=True)
        finally:
            work.sweep()  # what a worker has left that was ended
            if report and summary.outcomes:
                summary.write_report(report, force=force or skip_existing)
                print(report)
        if contact_sheet and summary.pictures:
            summary.write_sheet(contact_sheet, force=force or skip_existing)
            print(contact_sheet)
        for line in summary.table():
            voice.line(line)
        if summary.failed:
            names = ", ".join(str(footage.numbers[index]) for index in summary.failed[:10])
            more = " and more" if len(summary.failed) > 10 else ""
            done = ", the others are done" if len(summary.failed) < len(work.left) else ""
            why = summary.outcomes[summary.failed[0]].error
            raise ValueError(
                f"{len(summary.failed)} of {len(work.left)} frames failed{done}: frame {names}{more}: {why}"
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
    kept: frozenset[Path]

    @property
    def frames(self) -> list[Path]:
        """Every picture that will be written."""
        return [path for i in self.left for path in self.of(i)]

    def of(self, index: int) -> list[Path]:
        """The pictures of a frame that will be written."""
        paths = [each[index] for each in (self.results, self.trusts) if index in each]
        return [path for path in paths if path not in self.kept]

    def sweep(self) -> None:
        """Remove what killed processes have left in the folders."""
        for folder in self.folders:
            sweep(folder)

    def job(self, places: Sequence[float | None], *, force: bool) -> Job:
        """The same for the painters, who may work in another folder."""
        from .rendering import Job

        results, trusts = (
            {index: path.absolute() for index, path in paths.items() if path not in self.kept}
            for paths in (self.results, self.trusts)
        )
        return Job(self.footage, places, None if self.movie else results, trusts, force)

    def files(self, outcome: Outcome) -> list[Path]:
        """The files that a frame went to."""
        return [] if outcome.error else self.of(outcome.index)


def _footage(targets: list[Path], keys: list[Path], max_pixels: int) -> Footage:
    from . import sequence
    from .footage import Files, Film
    from .video import is_video

    if not targets:
        raise WrongUse("there are no targets: name a folder, files, a pattern or a video")
    if len(targets) == 1 and targets[0].is_file() and is_video(targets[0]):
        return Film(targets[0], max_pixels)
    movies = [path for path in targets if path.is_file() and path.suffix.lower() in MOVIES]
    if movies:
        if len(targets) > 1:
            raise WrongUse(f"{shown(movies[0])} is a video: color one at a time, and no other files with it")
        return Film(movies[0], max_pixels)  # says what is wrong with it
    with about_words():
        paths = sequence.expand(targets)
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"there is no file {shown(path)}; check the name")
    paths = _without_keys(paths, keys)
    if not paths:
        raise WrongUse(f"{shown(targets[0])} holds no frame but the key itself: name the gray pictures")
    return Files(paths, max_pixels)


def _without_keys(paths: list[Path], keys: list[Path]) -> list[Path]:
    """A key beside the frames is one of them only if it has a number, as they do, and no other has it."""
    from .sequence import number_of

    beside = [path for path in paths if any(key.exists() and path.samefile(key) for key in keys)]
    paths = [path for path in paths if path not in beside or number_of(path) is not None]
    theirs = {number_of(path) for path in paths if path not in beside}
    others = [path for path in paths if path not in beside or number_of(path) not in theirs]
    twice = Counter(number_of(path) for path in others)
    return others if max(twice.values(), default=0) == 1 else paths


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
    movie = output if output.suffix.lower() in MOVIES and not output.is_dir() else None
    if codec and not movie:
        raise WrongUse("--codec is for a video: give -o FILE.mkv, .mov or .mp4")
    if isinstance(footage, Film) and output.suffix and not output.is_dir():
        from .image_storage import EXTENSIONS
        from .video_write import default_codec

        if output.suffix.lower() not in EXTENSIONS:
            default_codec(output)  # says what a video may be
    if movie:
        from .video_write import check_video

        if not isinstance(footage, Film):
            raise WrongUse(f"output {shown(output)} is a video, and the targets are files: give a folder")
        check_video(movie, footage.video, codec)
    results = {} if movie else destinations.of_frames(footage, indices, output)
    trusts = destinations.of_frames(footage, indices, confidence) if confidence else {}
    trusts = {index: path.with_suffix(".png") for index, path in trusts.items()}
    paths = [*results.values(), *trusts.values()] if skip_existing else []
    kept = {path for path in paths if _is_there(path)}
    if movie:
        done = indices if skip_existing and _is_there(movie) else []
    else:
        done = [i for i in indices if results[i] in kept and (not trusts or trusts[i] in kept)]
    left = sorted(set(indices) - set(done))
    places = [path for path in (output, confidence) if path]
    folders = [path.parent if path.suffix and not path.is_dir() else path for path in places]
    return _Work(
        footage, left, done, results, trusts, movie if left else None, codec, folders, frozenset(kept)
    )


def _is_there(path: Path) -> bool:
    """Whether something is there, other than the empty file that a process may leave where it was killed."""
    return os.path.lexists(path) and not (path.is_file() and path.stat().st_size == 0)


def _remark_on_places(keys: list[Key], places: list[float | None], footage: Footage, voice: Voice) -> None:
    for key, place in zip(keys, places, strict=True):
        if key.frame is not None or key.loose:
            continue
        if place is None:
            voice.line(f"{shown(key.name)} belongs to no frame; if it does, say which: --key 24={key.name}")
        else:
            voice.line(f"{shown(key.name)} is frame {footage.numbers[int(place)]}")


def _pixels(footage: Footage, index: int, keys: list[Key]) -> int:
    """Pixels of a frame, or of the largest key where it cannot be read."""
    try:
        return footage.read(index).rgb.size // 3
    except (OSError, ValueError):
        return max(key.rgb.size for key in keys) // 3


def _cluster(address: str, stack: ExitStack) -> Cluster:
    from .cluster import Cluster

    return stack.enter_context(Cluster(address))


def _trained(keys: list[Key], config: Config, voice: Voice, cluster: Cluster | None) -> Colorizer:
    from .pipeline import Colorizer

    pictures = [key.rgb for key in keys]
    if cluster is not None and config.trains and config.device != "cpu" and cluster.gpus:
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
) -> Generator[Outcome, None, None]:
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
    with closing(outcomes), write_video(work.movie, work.footage.video, work.codec, force=force) as movie:
        for outcome in outcomes:
            if outcome.image is not None:
                movie.add(outcome.image, outcome.index, outcome.alpha)
            yield outcome
