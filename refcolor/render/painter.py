"""Color the frames of a job in one process, and report the outcome of each."""

from __future__ import annotations

import errno
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from refcolor.config import TargetKind
from refcolor.errors import code_of
from refcolor.files import images
from refcolor.imaging.color import Image
from refcolor.methods.colorizer import Colorizer
from refcolor.render.frames import Frames, GrayFrames
from refcolor.render.targets import is_line_art, to_write
from refcolor.shots.shot import Shot

LOW_CONFIDENCE = 0.5  # a pixel below is doubtful


@dataclass(frozen=True)
class Job:
    """What to color and where the results go; can be sent to another process."""

    frames: Frames
    key_indices: Sequence[float | None]  #: index of each key's frame: see :func:`refcolor.render.keys.locate`
    results: Mapping[int, Path] | None  #: files by frame index; None: outcomes hold the pictures
    confidences: Mapping[int, Path]  #: the same, for pictures of the confidence
    force: bool = False  #: overwrite existing files
    target: TargetKind = TargetKind.AUTO  #: what the frames are


@dataclass(frozen=True)
class Outcome:
    """How a frame went."""

    index: int
    error: str | None = None  #: why there is no result, in one line
    seconds: float = 0.0
    keys: tuple[int, ...] = ()  #: numbers of the keys it was colored from, the nearest first
    confidence: float | None = None  #: mean over the pixels, in [0, 1]
    doubtful: float | None = None  #: share of the pixels below LOW_CONFIDENCE
    hold: bool = False  #: repeats the frame before
    cut: bool = False  #: begins another scene
    resized: bool = False  #: has another size than the frame before
    keyless: bool = False  #: belongs to a scene that no key shows
    colored: bool = False  #: the target had colors
    image: Image | None = field(default=None, repr=False)  #: float32 (H, W, 3) in [0, 1], if it is in no file
    alpha: Image | None = field(default=None, repr=False)  #: float32 (H, W) in [0, 1], the same
    code: str | None = None  #: of the error: see :func:`refcolor.errors.with_code`


class Painter:
    """Colors the frames of one job, in any order."""

    def __init__(self, job: Job, colorizer: Colorizer) -> None:
        self.job = job
        self.grays = GrayFrames(job.frames)
        self.shot = Shot(colorizer, self.grays, job.key_indices)

    def paint(self, index: int, *, again: bool = False) -> Outcome:
        """Color one frame; `again` overwrites what an interrupted attempt has written.

        A full disk is an OSError; any other frame that cannot be read or written is an outcome with an error.
        """
        start = time.perf_counter()
        try:
            outcome = self._paint(index, force=self.job.force or again)
        except (OSError, ValueError) as error:
            if _disk_full(error):
                raise
            outcome = Outcome(index, " ".join(str(error).split()), code=code_of(error))
        return replace(outcome, seconds=time.perf_counter() - start)

    def _paint(self, index: int, *, force: bool) -> Outcome:
        job = self.job
        picture = job.frames.read(index)
        self.grays.keep(index, picture)
        drawn = is_line_art(picture, job.target)
        frame = self.shot.paint(index, picture.on_white) if drawn else self.shot[index]
        like, image = to_write(picture, frame)
        if job.results is not None and index in job.results:
            images.write(job.results[index], image, like=like, force=force)
        mean = doubtful = None
        if frame.confidence is not None:
            visible = frame.confidence if picture.hidden is None else frame.confidence[~picture.hidden]
            mean = float(visible.mean()) if visible.size else 1.0
            doubtful = float((visible < LOW_CONFIDENCE).mean()) if visible.size else 0.0
            if index in job.confidences:
                images.write_picture(job.confidences[index], frame.confidence, force=force)
        in_memory = job.results is None
        return Outcome(
            index, keys=frame.keys, confidence=mean, doubtful=doubtful, hold=frame.hold, cut=frame.cut,
            resized=frame.resized, keyless=frame.keyless, colored=not drawn and not picture.is_gray,
            image=image if in_memory else None, alpha=like.alpha if in_memory else None,
        )  # fmt: skip


def _disk_full(error: BaseException | None) -> bool:
    """Whether a full disk is the cause of an error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__
    return False
