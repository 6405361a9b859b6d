"""Run a job: color a shot from a request to its files (prepare, learn, run).

Example::

    plan = job.prepare(Request(targets=[Path("shot")], keys=["key.0001.png"], output=Path("out")))
    for outcome in job.run(plan):
        print(outcome.index, outcome.error)
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress

from refcolor.config import Device
from refcolor.errors import quoted
from refcolor.files import models
from refcolor.methods.colorizer import Colorizer
from refcolor.render import pictures
from refcolor.render.frames import VideoFrames
from refcolor.render.painter import Outcome
from refcolor.render.plan import Plan, prepare, read_own_model
from refcolor.render.ray_cluster import Cluster, join
from refcolor.render.report import Report
from refcolor.render.request import SILENT, Observer, Request
from refcolor.render.workers import color_frames, suitable_workers

__all__ = ["Plan", "Request", "learn", "prepare", "run"]

log = logging.getLogger(__name__)


def run(
    plan: Plan, observer: Observer = SILENT, report: Report | None = None
) -> Generator[Outcome, None, None]:
    """Learn the keys, color the frames and write all files of a plan; outcomes come as frames are done.

    The `report` collects the outcomes, and is written to the files that the request names.

    Raises
    ------
    OSError, ValueError
        When a key cannot be learned, the disk is full, or a file cannot be written. A frame that cannot be
        read or written is an outcome with an error.
    """
    report, ray = report or Report(plan), plan.request.ray
    if plan.model is not None and plan.save_model is None and plan.request.save_model is not None:
        log.info("the model of these keys exists already")
    if plan.outputs.done and not plan.outputs.todo:
        log.info("all frames exist already")
    with _reported(plan, report, observer):
        if plan.outputs.todo or plan.save_model:
            with join(ray) if ray is not None else nullcontext() as cluster:
                colorizer = learn(plan, observer, cluster)
                report.config = colorizer.learned.config
                if plan.outputs.todo:
                    yield from _color(plan, colorizer, cluster, observer, report)
    sheet = plan.request.contact_sheet
    if sheet and report.write_contact_sheet(sheet, force=plan.may_replace(sheet)):
        observer.wrote(sheet)


def learn(plan: Plan, observer: Observer = SILENT, cluster: Cluster | None = None) -> Colorizer:
    """Learn the keys of a plan or read them from its model, make the new folders, and save the model."""
    sources = [key.rgb for key in plan.keys]
    config = plan.model.config.on(Device.CPU) if plan.model else plan.config
    if not plan.model and config.trains and cluster and cluster.total("GPU") and config.device != Device.CPU:
        log.info("training on a GPU of the cluster")
        colorizer = cluster.fit(sources, config)
    else:
        colorizer, _ = pictures.learn(sources, config, observer, plan.model)
    for folder in plan.new_folders:
        folder.mkdir(exist_ok=True)
    path, names = plan.save_model, plan.frames.key_names
    if path is not None:
        try:
            models.save(colorizer, path, keys=plan.key_frames, beside=names, force=plan.may_replace(path))
        except FileExistsError:
            if not plan.request.skip_existing:
                raise
            model = read_own_model(plan)  # another run of the same request was faster
            colorizer, _ = pictures.learn(sources, model.config.on(Device.CPU), observer, model)
        else:
            observer.wrote(path)
    engine = colorizer.learned.engine
    if engine is not None and engine.device.startswith("gpu"):
        colorizer = pickle.loads(pickle.dumps(colorizer))  # on the CPU every machine gives the same bits
    return colorizer


@contextmanager
def _reported(plan: Plan, report: Report, observer: Observer) -> Iterator[None]:
    """Clean the folders and write the report, also when the block fails after some frames."""

    def write() -> None:
        if path := plan.request.report:
            report.write(path, force=plan.may_replace(path))
            observer.wrote(path)

    try:
        yield
    except BaseException:
        plan.sweep()  # a killed worker may have left something
        if report.outcomes:
            with suppress(OSError):  # one error is enough
                write()
        raise
    plan.sweep()
    write()


def _color(
    plan: Plan, colorizer: Colorizer, cluster: Cluster | None, observer: Observer, report: Report
) -> Iterator[Outcome]:
    """Color the frames, with a word on each."""
    outputs = plan.outputs
    with observer.bar("coloring") as progress, closing(_outcomes(plan, colorizer, cluster)) as outcomes:
        for outcome in outcomes:
            report.add(outcome)
            if outcome.error:
                name = quoted(plan.frames.name(outcome.index))
                log.warning("%s failed: %s", name, outcome.error, extra={"code": outcome.code})
            for path in () if outcome.error else outputs.of(outcome.index):
                observer.wrote(path)
            progress(len(report.outcomes), len(outputs.todo))
            yield outcome
    if outputs.movie:
        observer.wrote(outputs.movie)


def _outcomes(plan: Plan, colorizer: Colorizer, cluster: Cluster | None) -> Generator[Outcome, None, None]:
    """Outcomes of all frames, by workers or a cluster; those of a video are written to it."""
    request, frames, movie = plan.request, plan.frames, plan.outputs.movie
    job = plan.job(force=request.force or request.skip_existing or cluster is not None)
    if cluster is not None:
        outcomes = cluster.color_frames(job, colorizer, plan.outputs.todo)
    else:
        workers = _suitable_workers(plan) if request.workers == "auto" else request.workers
        outcomes = color_frames(job, colorizer, plan.outputs.todo, workers)
    if movie is None:
        yield from outcomes
        return
    from refcolor.files.video_write import write_video

    assert isinstance(frames, VideoFrames)
    force = plan.may_replace(movie)
    with closing(outcomes), write_video(movie, frames.video, request.codec, force=force) as writer:
        for outcome in outcomes:
            if outcome.image is not None:
                writer.add(outcome.image, outcome.index, outcome.alpha)
            yield outcome


def _suitable_workers(plan: Plan) -> int:
    todo = plan.outputs.todo
    try:
        pixels = plan.frames.read(todo[0]).rgb.size // 3
    except (OSError, ValueError):
        pixels = max(key.rgb.size for key in plan.keys) // 3
    return suitable_workers(len(todo), pixels)
