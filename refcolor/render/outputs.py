"""Output paths of a job: what exists already (resume), and what must not be overwritten."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from operator import sub
from pathlib import Path
from typing import TYPE_CHECKING

from refcolor.errors import UsageError, quoted
from refcolor.files import images
from refcolor.files.image_storage import EXTENSIONS, extension_of, format_of
from refcolor.files.images import Picture
from refcolor.files.plain_files import check_target
from refcolor.files.sequences import choose, renumbered
from refcolor.render.frames import Frames, VideoFrames
from refcolor.render.request import Request

if TYPE_CHECKING:
    from refcolor.files.video_write import Codec

MAX_TIME_DIFFERENCE = Fraction(1, 1000)  # seconds; Matroska rounds times to these


@dataclass(frozen=True)
class Outputs:
    """The files of a shot's frames, by frame index."""

    frames: Frames
    todo: Sequence[int] = ()  #: frames to color
    done: Sequence[int] = ()  #: frames whose files exist and are kept
    results: Mapping[int, Path] = field(default_factory=dict)
    confidences: Mapping[int, Path] = field(default_factory=dict)
    movie: Path | None = None  #: a video to write instead of `results`
    folders: Sequence[Path] = ()  #: that the files go into
    kept: Collection[Path] = ()  #: files that exist and are left alone
    kept_movie: VideoFrames | None = None  #: a video that exists and is left alone

    @property
    def selected(self) -> list[int]:
        """All frames that were asked for."""
        return sorted([*self.todo, *self.done])

    def of(self, index: int) -> list[Path]:
        """The pictures of a frame that will be written."""
        paths = [files[index] for files in (self.results, self.confidences) if index in files]
        return [path for path in paths if path not in self.kept]

    @property
    def pictures(self) -> list[Path]:
        """All pictures that will be written."""
        return [path for index in self.todo for path in self.of(index)]

    def read(self, index: int) -> Picture:
        """A colored frame that exists; OSError or ValueError if it cannot be read."""
        if self.kept_movie is not None:
            return self.kept_movie.read(self.selected.index(index))
        return images.read(self.results[index], max_pixels=self.frames.max_pixels)


def shot_outputs(request: Request, frames: Frames) -> Outputs:
    """The files of the frames that a request selects; none without an output.

    Raises ValueError, of one line, if they are unfit: of two frames, or files that frames are read from.
    """
    output, confidence = request.output, request.confidence
    if output is None:
        return Outputs(frames)
    selected = choose(frames.numbers, request.frames, str(request.targets[0]))
    movie = _movie(frames, output, request.codec)
    results = {} if movie else frame_files(frames, selected, output)
    confidences: dict[int, Path] = {}
    if confidence:
        if confidence.suffix.lower() not in ("", ".png") and not confidence.is_dir():
            raise UsageError(f"confidence is not written as {confidence.suffix}: give a folder or c.####.png")
        paths = frame_files(frames, selected, confidence)
        confidences = {index: path.with_suffix(".png") for index, path in paths.items()}
    files = [*results.values(), *confidences.values(), *([movie] if movie else [])]
    refuse_clashes(files, frames.files)
    kept = frozenset(path for path in files if request.skip_existing and os.path.lexists(path))
    kept_movie = None
    if movie in kept:
        assert isinstance(frames, VideoFrames)
        kept_movie, movie = _same_video(movie, frames, selected), None
    done = [i for i in selected if kept_movie or results.get(i) in kept]
    done = [i for i in done if i not in confidences or confidences[i] in kept]
    todo = sorted(set(selected) - set(done))
    places = [path for path in (output, confidence) if path]
    folders = [path.parent if path.suffix and not path.is_dir() else path for path in places]
    return Outputs(frames, todo, done, results, confidences, movie, folders, kept, kept_movie)


def _movie(frames: Frames, output: Path, codec: Codec | None) -> Path | None:
    """The output, if it is a video that the frames can become."""
    from refcolor.files.video_write import CODECS, check_video  # late: only shots need FFmpeg

    suffix, is_folder = output.suffix.lower(), output.is_dir()
    if suffix not in CODECS or is_folder:
        if codec:
            raise UsageError("a codec is for a video, and the output is none", "codec")
        if isinstance(frames, VideoFrames) and suffix not in ("", *EXTENSIONS) and not is_folder:
            extension_of(output, CODECS, "videos")  # raises: of no video either
        return None
    if not isinstance(frames, VideoFrames):
        raise UsageError(f"output {quoted(output)} is a video, and the targets are files: give a folder")
    check_video(output, frames.video, codec)
    return output


def _same_video(path: Path, frames: VideoFrames, selected: list[int]) -> VideoFrames:
    """A video that exists, if it shows these frames at their times; UsageError if not."""
    with suppress(OSError, ValueError):
        existing = VideoFrames(path, frames.max_pixels)
        result, source = existing.video, frames.video
        if result.size == source.size and len(result) == len(selected):
            times = (time * result.time_base for time in result.times)
            expected = (source.times[index] * source.time_base for index in selected)
            if max(map(abs, map(sub, times, expected))) <= MAX_TIME_DIFFERENCE:
                return existing
    text = f"{quoted(path)} exists, and has other frames than these: choose another name"
    raise UsageError(text, "other_video")


def frame_files(frames: Frames, indices: Sequence[int], output: Path) -> dict[int, Path]:
    """Files of frames: in a folder under their own names, or numbered by a pattern."""
    numbers = [frames.numbers[i] for i in indices]
    if output.suffix and not output.is_dir():
        paths = renumbered(output, numbers)
    elif isinstance(frames, VideoFrames):
        paths = [output / f"{frames.path.stem}.{number:04d}.png" for number in numbers]
    else:
        paths = [output / frames.files[i].name for i in indices]
    return dict(zip(indices, paths, strict=True))


def refuse_inside(targets: Sequence[Path], *results: Path | None) -> None:
    """Refuse results inside an input folder: later runs could take them for its frames."""
    for path, folder in product(filter(None, results), filter(Path.is_dir, targets)):
        real = Path(os.path.realpath(path))
        if Path(os.path.realpath(folder)) in (real, *real.parents):
            text = f"output {quoted(path)} lies inside the input folder {quoted(folder)}"
            raise UsageError(f"{text}: choose one beside it")


def refuse_clashes(paths: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Refuse, with a UsageError, two results of one file, and results that would replace an input."""
    known = {_identity(path): path for path in inputs}
    seen: set[str] = set()
    for path in paths:
        real, identity = os.path.realpath(path), _identity(path)
        if real in seen:
            raise UsageError(f"two pictures would both become {quoted(path)}: give them different names")
        seen.add(real)
        if identity and identity in known:
            source = quoted(known[identity])
            raise UsageError(f"output {quoted(path)} is the input {source}; choose another name")


def check_space(folder: Path, frames: Frames, indices: Sequence[int]) -> None:
    """Raise OSError if a disk has less room than so many gray frames take."""
    needed = sum(path.stat().st_size for path in frames.files if path.exists()) * len(indices) // len(frames)
    free = shutil.disk_usage(folder if folder.exists() else folder.parent).free
    if free < needed:
        raise OSError(
            f"{len(indices)} frames need at least {needed / 1e6:.0f} MB and {quoted(folder)} has "
            f"{free / 1e6:.0f}: make room, or choose another folder"
        )


def check(
    pictures: Sequence[Path], folders: Sequence[Path | None], inputs: Sequence[Path], *,
    others: Sequence[Path] = (), force: bool, replace: Collection[Path] = (),
) -> list[Path]:  # fmt: skip
    """Refuse, before any work, results that cannot or should not be written: `pictures` and `others`.

    Existing files are refused, unless by `force` or where they are to `replace`. Returned are those of the
    `folders` that are still to be created, in this order. Raises OSError or ValueError, of one line.
    """
    paths = [*pictures, *others]
    missing = {path.parent for path in paths if not path.parent.exists()}
    new = sorted((folder for folder in folders if folder in missing), key=lambda folder: len(folder.parts))
    for folder in new:
        if folder.parent not in new:
            check_target(folder)
    for path in pictures:
        format_of(path)
    refuse_clashes(paths, inputs)
    for path in paths:
        if path.parent not in new:
            check_target(path, force=force or path in replace)
    return new


def _identity(path: Path) -> tuple[int, int] | None:
    """The same for all names of one file: spellings, symbolic and hard links."""
    with suppress(OSError):
        status = path.stat()
        return status.st_dev, status.st_ino
    return None
