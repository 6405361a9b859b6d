"""Plan a job: check the request, find frames, keys and outputs, before any work."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from refcolor.config import Config, Device
from refcolor.errors import UsageError, quoted, usage_errors
from refcolor.files import models
from refcolor.files.models import Model
from refcolor.files.plain_files import sweep
from refcolor.methods import METHODS
from refcolor.render import keys as keys_
from refcolor.render import outputs
from refcolor.render.frames import Frames, find_frames
from refcolor.render.keys import Key, Word
from refcolor.render.outputs import Outputs
from refcolor.render.painter import Job
from refcolor.render.pictures import given_model
from refcolor.render.report import is_contact_sheet, read_report
from refcolor.render.request import SILENT, Observer, Request

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """A request that can be met."""

    request: Request
    frames: Frames
    keys: list[Key]
    config: Config
    model: Model | None  #: has learned the keys: nothing is trained
    outputs: Outputs
    new_folders: list[Path]  #: to be created when there is a result for them
    replaceable: set[Path]  #: report and contact sheet of an earlier run
    save_model: Path | None  #: where to save what is learned, unless an earlier run has done so

    @cached_property
    def key_indices(self) -> list[float | None]:
        """Index of each key's frame: see :func:`refcolor.render.keys.index_of`."""
        return [keys_.index_of(key.frame, self.frames.numbers) for key in self.keys]

    @property
    def key_frames(self) -> list[tuple[str, int | None]]:
        """Name of each key, and the number of its frame."""
        return [(key.name, key.frame) for key in self.keys]

    def may_replace(self, path: Path) -> bool:
        """Whether a file may be overwritten if it exists."""
        return self.request.force or path in self.replaceable

    def job(self, *, force: bool) -> Job:
        """The same for painters, which may work in another folder."""
        results, confidences = (
            {index: path.absolute() for index, path in paths.items() if path not in self.outputs.kept}
            for paths in (self.outputs.results, self.outputs.confidences)
        )
        files = None if self.outputs.movie else results
        return Job(self.frames, self.key_indices, files, confidences, force, self.request.target)

    def sweep(self) -> None:
        """Remove what killed processes have left in the folders of the results."""
        others = (self.request.report, self.request.contact_sheet, self.request.save_model)
        for folder in {*self.outputs.folders, *(path.parent for path in others if path)}:
            sweep(folder)


def prepare(request: Request, observer: Observer = SILENT) -> Plan:
    """Check a request, find its frames and read its keys; nothing is learned or written.

    Raises
    ------
    OSError, ValueError
        One line: what is wrong. Of kind UsageError where the request makes no sense.
    """
    words, model = _keys_or_model(request)
    config = model.config if model else request.config or Config()
    config = config.on(Device.CPU if model else request.device or config.device)
    method = METHODS[config.name]
    key_files = [Path(name) for name, _ in words]
    frames = find_frames(request.targets, key_files, request.max_pixels, model.beside if model else ())
    keys = keys_.from_model(words[0], model) if model else keys_.read(words, request.key_from, frames)
    with usage_errors():
        if request.confidence is not None and not method.has_confidence:
            raise UsageError(f"preset {config.name} gives no confidence", "no_confidence")
        files = outputs.shot_outputs(request, frames)
        if files.movie and not method.uses_motion:
            raise UsageError(f"preset {config.name} makes pictures of one size: give a folder, not a video")
        report, sheet, save_model = request.report, request.contact_sheet, request.save_model
        resume = request.skip_existing
        own = {report} if resume and report and read_report(report) is not None else set()
        own |= {sheet} if resume and sheet and is_contact_sheet(sheet) else set()
        model_exists = resume and save_model and models.is_model(save_model)
        save_model = None if model_exists else save_model
        pictures = files.pictures + ([sheet] if sheet else [])
        others = [path for path in (files.movie, report, save_model) if path]
        inputs, force = [*frames.files, *(key.file for key in keys)], request.force
        try:
            new = outputs.check(pictures, files.folders, inputs, others=others, force=force, replace=own)
        except FileExistsError as error:
            resumable = not resume and any(path.exists() for path in files.pictures)
            raise UsageError(str(error), "exists_some" if resumable else "exists") from error
    plan = Plan(request, frames, keys, config, model, files, new, own, save_model)
    plan.sweep()
    if files.todo:
        outputs.check_space(files.folders[0], frames, files.todo)
    with observer.bar("placing keys"):
        keys, remarks = keys_.locate(keys, frames, request.target)
    for remark in remarks:
        log.info(remark)
    plan = replace(plan, keys=keys)
    return replace(plan, model=read_own_model(plan)) if model_exists else plan


def _keys_or_model(request: Request) -> tuple[list[Word], Model | None]:
    """The keys' words, with folders and patterns expanded, and the model if they name one."""
    with usage_errors():
        _check_words(request)
        words = keys_.split(request.keys)
        outputs.refuse_inside(request.targets, request.output, request.confidence, request.contact_sheet)
        found = [Path(name) for name, _ in words if models.is_meant(name)]
        if found and len(words) + len(request.key_from) > 1:
            raise UsageError(f"{quoted(found[0])} is a model, which holds its keys: give no other beside it")
    model = given_model(request, found[0] if found else None)
    if model and request.device == Device.GPU:
        text = f"{quoted(found[0])} is trained already, and frames are colored on the CPU"
        raise UsageError(text, "model_gpu")
    return words, model


def _check_words(request: Request) -> None:
    if request.skip_existing and request.force:
        raise UsageError("existing files are to be both kept and overwritten", "keep_or_force")
    if request.workers != "auto" and request.ray is not None:
        raise UsageError("workers are for this machine, and Ray is for others", "workers_or_ray")
    if request.every and not request.contact_sheet:
        raise UsageError("a step of frames is for a contact sheet, and there is none", "no_sheet")
    if not request.keys and not request.key_from:
        raise UsageError("there is no key", "no_key")
    for_frames = (request.frames, request.codec, request.confidence, request.report, request.contact_sheet)
    only_learn = request.save_model and not any(for_frames) and request.workers == "auto"
    if request.output is None and not only_learn:
        raise UsageError("there is no place for the frames", "no_output")


def read_own_model(plan: Plan) -> Model:
    """Read the model that an earlier run of the same request has saved.

    Raises as :func:`refcolor.files.models.read`, and UsageError where it has other keys or settings.
    """
    path = plan.request.save_model
    assert path is not None
    model = models.read(path, max_pixels=plan.request.max_pixels)
    frames = None if model.keys is None else [frame for _, frame in model.keys]
    pictures = [key.rgb for key in plan.keys]
    if (
        frames != [key.frame for key in plan.keys]
        or set(model.beside) != set(plan.frames.key_names)
        or not all(map(np.array_equal, pictures, model.sources))
        or model.config.on(plan.config.device) != METHODS[plan.config.name].decide(pictures, plan.config)
    ):
        text = f"{quoted(path)} exists, and was learned from other keys or settings"
        raise UsageError(f"{text}: choose another name")
    return model
