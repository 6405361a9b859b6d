"""What ``refcolor shot`` is to do: which frames there are, which are left, where everything goes."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from refcolor.errors import UsageError, quoted, usage_errors
from refcolor.files import images, sequences
from refcolor.files.atomic_write import sweep
from refcolor.files.image_storage import EXTENSIONS
from refcolor.files.images import Picture
from refcolor.files.video import is_video
from refcolor.files.video_write import HOLDS, Codec, check_video, default_codec
from refcolor.render import outputs
from refcolor.render.frames import Files, Film, Footage
from refcolor.render.painter import Job, Outcome

ROUNDED = Fraction(1, 1000)  # seconds that times may differ by, as Matroska rounds them


@dataclass(frozen=True)
class Plan:
    """What is to be done: frames by index, and the files that they go to; a video that is there already."""

    footage: Footage
    left: list[int]
    done: list[int]
    results: dict[int, Path]
    trusts: dict[int, Path]
    movie: Path | None
    codec: Codec | None
    folders: list[Path]
    kept: frozenset[Path]
    finished: Film | None = None

    @property
    def asked(self) -> list[int]:
        """All frames that were asked for."""
        return sorted(self.left + self.done)

    @property
    def frames(self) -> list[Path]:
        """Every picture that will be written."""
        return [path for i in self.left for path in self.of(i)]

    def of(self, index: int) -> list[Path]:
        """The pictures of a frame that will be written."""
        paths = [each[index] for each in (self.results, self.trusts) if index in each]
        return [path for path in paths if path not in self.kept]

    def read(self, index: int) -> Picture:
        """A colored frame that is there; OSError or ValueError if it cannot be read."""
        if self.finished is not None:
            return self.finished.read(self.asked.index(index))
        return images.read(self.results[index], max_pixels=self.footage.max_pixels)

    def sweep(self, *beside: Path) -> None:
        """Remove what killed processes have left in the folders, and where files `beside` the frames go."""
        for folder in {*self.folders, *(path.parent for path in beside)}:
            sweep(folder)

    def job(self, places: Sequence[float | None], *, force: bool) -> Job:
        """The same for the painters, who may work in another folder."""
        results, trusts = (
            {index: path.absolute() for index, path in paths.items() if path not in self.kept}
            for paths in (self.results, self.trusts)
        )
        return Job(self.footage, places, None if self.movie else results, trusts, force)

    def files(self, outcome: Outcome) -> list[Path]:
        """The files that a frame went to."""
        return [] if outcome.error else self.of(outcome.index)


def plan(
    footage: Footage,
    targets: list[Path],
    output: Path | None,
    confidence: Path | None,
    frames: str | None,
    codec: Codec | None,
    skip_existing: bool,
) -> Plan:
    """What is to be done; the parameters are those of the command. Without an `output`, that is nothing.

    Raises
    ------
    ValueError
        One line: words that do not go together, two frames for one file, a file that a frame was read from.
    """
    if output is None:
        return Plan(footage, [], [], {}, {}, None, None, [], frozenset())
    indices = sequences.choose(footage.numbers, frames, str(targets[0]))
    movie = output if output.suffix.lower() in HOLDS and not output.is_dir() else None
    if codec and not movie:
        raise UsageError("--codec is for a video: give -o FILE.mkv, .mov or .mp4")
    if isinstance(footage, Film) and output.suffix.lower() not in ("", *EXTENSIONS) and not output.is_dir():
        default_codec(output)  # says what a video may be
    if movie:
        if not isinstance(footage, Film):
            raise UsageError(f"output {quoted(output)} is a video, and the targets are files: give a folder")
        check_video(movie, footage.video, codec)
    results = {} if movie else outputs.of_frames(footage, indices, output)
    if confidence and confidence.suffix.lower() not in ("", ".png") and not confidence.is_dir():
        raise UsageError(f"confidence is not written as {confidence.suffix}: give a folder, or conf.####.png")
    trusts = outputs.of_frames(footage, indices, confidence) if confidence else {}
    trusts = {index: path.with_suffix(".png") for index, path in trusts.items()}
    paths = [*results.values(), *trusts.values(), *([movie] if movie else [])]
    outputs.refuse_inputs(paths, footage.files)
    kept = {path for path in paths if skip_existing and os.path.lexists(path)}
    finished = None
    if movie in kept:
        assert isinstance(footage, Film)
        finished = _finished(movie, footage, indices)
    done = [i for i in indices if (movie or results[i]) in kept and (i not in trusts or trusts[i] in kept)]
    left = sorted(set(indices) - set(done))
    places = [path for path in (output, confidence) if path]
    folders = [path.parent if path.suffix and not path.is_dir() else path for path in places]
    movie = None if movie in kept else movie
    return Plan(footage, left, done, results, trusts, movie, codec, folders, frozenset(kept), finished)


def _finished(path: Path, footage: Film, indices: list[int]) -> Film:
    """A video that is there already, if it shows these frames at their times."""
    with suppress(OSError, ValueError):
        film = Film(path, footage.max_pixels)
        made, like = film.video, footage.video
        there = [time * made.time_base for time in made.times]
        wanted = [like.times[index] * like.time_base for index in indices]
        if made.size == like.size and len(there) == len(wanted):
            off = [one - other for one, other in zip(there, wanted, strict=True)]
            if max(map(abs, off)) <= ROUNDED:
                return film
    raise UsageError(
        f"{quoted(path)} is there, and has other frames than these: choose another name, or say --force "
        "in the place of --skip-existing"
    )


def footage_of(
    targets: list[Path], keys: list[Path], max_pixels: int, beside: Collection[str] = ()
) -> Footage:
    """The frames that the words of a command mean: a video, or files.

    Among the files `keys`, or those whose names are known to be `beside` the frames, are left out.

    Raises
    ------
    OSError, ValueError
        One line: nothing there, no video, frames that cannot be told apart.
    """
    if not targets:
        raise UsageError("there are no targets: name a folder, files, a pattern or a video")
    if len(targets) == 1 and targets[0].is_file() and is_video(targets[0]):
        return Film(targets[0], max_pixels)
    others = [path for path in targets if path.is_file() and path.suffix.lower() not in EXTENSIONS]
    if others and len(targets) > 1:
        raise UsageError(f"{quoted(others[0])} is no picture: color a video alone, with no other files")
    if others:
        return Film(others[0], max_pixels)  # says what is wrong with it
    with usage_errors():
        found = sequences.expand_numbered(targets)
        for path, _ in found:
            if not path.exists():
                raise FileNotFoundError(f"there is no file {quoted(path)}; check the name")
        return _files(found, keys, max_pixels, beside)


def _files(
    found: list[tuple[Path, int | None]], keys: list[Path], max_pixels: int, beside: Collection[str]
) -> Files:
    """The frames of a shot, and a key beside them if its name has a number that none of them has."""
    own = [
        path.name in beside or any(key.exists() and path.samefile(key) for key in keys) for path, _ in found
    ]
    frames = [one for one, is_key in zip(found, own, strict=True) if not is_key]
    if not frames:
        raise UsageError(
            f"{quoted(found[0][0])} is a key, and there is no other frame: name the gray pictures"
        )
    for one, is_key in zip(found, own, strict=True):
        if is_key and sequences.number_of(one[0]) is not None:
            with suppress(ValueError):
                _numbered([*frames, one])
                frames.append(one)
    files = Files([path for path, _ in frames], max_pixels, _numbered(frames))
    files.beside = tuple(path.name for (path, _), is_key in zip(found, own, strict=True) if is_key)
    return files


def _numbered(found: list[tuple[Path, int | None]]) -> list[int]:
    """The frame numbers: those that a pattern told, if one told them all."""
    told = [number for _, number in found if number is not None]
    if len(told) < len(found):
        return sequences.numbers([path for path, _ in found])
    if len(set(told)) < len(told):
        raise ValueError("two patterns have frames of the same number: color them one at a time")
    return told
