"""Coloring the frames of a shot where they lie, and saying how each went; in one process."""

from __future__ import annotations

import errno
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from refcolor.files import images
from refcolor.imaging.color import Image
from refcolor.methods.colorizer import Colorizer
from refcolor.render.frames import Footage, Grays
from refcolor.shots.shot import Shot

DOUBTED = 0.5  # confidence below which a pixel is called doubtful
FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Job:
    """What is to be colored and where it goes; can be sent to another process.

    Attributes
    ----------
    footage : Footage
    places : sequence of float or None
        Index of each key's frame.
    results, confidences : mapping
        The files of the frames, by index, those that are to be written; where `results` is None, the pictures
        are handed back.
    force : bool
        Overwrite existing files.
    """

    footage: Footage
    places: Sequence[float | None]
    results: Mapping[int, Path] | None
    confidences: Mapping[int, Path]
    force: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a frame went.

    Attributes
    ----------
    index : int
    error : str or None
        Why there is no result, in one line.
    seconds : float
    keys : tuple of int
        Numbers of the keys that it was colored from, the nearest first.
    confidence, doubtful : float or None
        Mean confidence; share of the pixels whose confidence is low.
    hold, cut, resized, keyless, colored : bool
        Whether it is the frame before again, begins a scene, has another size than the frame before, shows a
        scene that no key shows, had color.
    image, alpha : float32 (H, W, 3), (H, W), or None
        The picture, where it is not written to a file.
    """

    index: int
    error: str | None = None
    seconds: float = 0.0
    keys: tuple[int, ...] = ()
    confidence: float | None = None
    doubtful: float | None = None
    hold: bool = False
    cut: bool = False
    resized: bool = False
    keyless: bool = False
    colored: bool = False
    image: Image | None = field(default=None, repr=False)
    alpha: Image | None = field(default=None, repr=False)


class Painter:
    """Colors the frames of one job, in any order."""

    def __init__(self, job: Job, colorizer: Colorizer) -> None:
        self.job = job
        self.grays = Grays(job.footage)
        self.shot = Shot(colorizer, self.grays, job.places)

    def paint(self, index: int, *, again: bool = False) -> Outcome:
        """Color one frame, perhaps `again`: over what was written of it. A full disk is an OSError; a frame
        that cannot be read or written fails alone.
        """
        start = time.perf_counter()
        try:
            outcome = self._paint(index, start, force=self.job.force or again)
        except (OSError, ValueError) as error:
            if disk_full(error):
                raise
            return Outcome(index, " ".join(str(error).split()), time.perf_counter() - start)
        return outcome

    def _paint(self, index: int, start: float, *, force: bool) -> Outcome:
        job = self.job
        picture = job.footage.read(index)
        self.grays.keep(index, picture)
        frame = self.shot[index]
        like = picture.resized(frame.image.shape[1], frame.image.shape[0])
        made = like.over_hidden(frame.image)
        image = alpha = None
        if job.results is None:
            image, alpha = made, like.alpha
        elif index in job.results:
            images.write(job.results[index], made, like=like, force=force)
        mean = doubtful = None
        if frame.confidence is not None:
            seen = frame.confidence if picture.hidden is None else frame.confidence[~picture.hidden]
            mean, doubtful = (float(seen.mean()), float((seen < DOUBTED).mean())) if seen.size else (1.0, 0.0)
            if index in job.confidences:
                images.write_picture(job.confidences[index], frame.confidence, force=force)
        return Outcome(
            index,
            seconds=time.perf_counter() - start,
            keys=frame.keys,
            confidence=mean,
            doubtful=doubtful,
            hold=frame.hold,
            cut=frame.cut,
            resized=frame.resized,
            keyless=frame.keyless,
            colored=not picture.is_gray,
            image=image,
            alpha=alpha,
        )


def disk_full(error: BaseException | None) -> bool:
    """Whether an error comes of a disk that is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        error = error.__cause__
    return False
