"""Frame numbers in file names: folders, patterns such as shot.####.png, and frame ranges.

A word that names a file means that file, whatever characters it holds. Otherwise it may be a folder, or a
pattern with a field for the frame number: ``shot.####.png`` (a # for each digit), ``shot.%04d.exr``,
``shot.@.png`` (any digits) or ``shot.[1-48].png`` (these frames, any digits). fileseq reads and writes the
ranges: ``1-48``, ``1-48x2``, ``-5-10``, ``1-10,20``. It does not read the patterns: it has no ``[1-48]``,
counts a minus as a digit, and sees ranges in plain names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from refcolor.errors import quoted
from refcolor.files.image_storage import EXTENSIONS

FRAME_FIELD = re.compile(r"#+|@+|%0?(\d*)d|\[([-+\d,xy:]+)\]")
NUMBER = re.compile(r"((?:(?<![^\W_])-)?\d+)(?=\D*$)")  # the last in a name; in shot-0001, - is no minus
DIGITS = re.compile(r"\d+")
MAX_RANGE = 1_000_000  # frames
MAX_LIST_LENGTH = 60  # characters of a list of frames in a message


@dataclass(frozen=True)
class Pattern:
    """A numbered name: the text before and after the number, its least digits, and its range or None."""

    folder: Path
    before: str
    after: str
    digits: int
    frames: frozenset[int] | None


def expand(words: Sequence[Path], frames: str | None = None, *, leave_out: Path | None = None) -> list[Path]:
    """The files that the words of a command mean, in the order of the words and of their frames.

    Parameters
    ----------
    words : sequence of Path
        Files, folders and patterns; anything else is returned as it is.
    frames : str, optional
        Range to take from every folder and pattern.
    leave_out : Path, optional
        A file that folders and patterns do not mean: the key among the frames.

    Raises
    ------
    ValueError
        One line: nothing matches, frames are missing, two files have one number, a range makes no sense.
    """
    return [path for path, _ in expand_numbered(words, frames, leave_out=leave_out)]


def expand_numbered(
    words: Sequence[Path], frames: str | None = None, *, leave_out: Path | None = None
) -> list[tuple[Path, int | None]]:
    """As :func:`expand`, with the frame number of every file that matches a pattern."""
    wanted = None if frames is None else _frame_set(frames)
    found: list[tuple[Path, int | None]] = []
    for word in words:
        pattern = None if word.is_file() else _pattern(word)
        files: list[tuple[Path, int | None]]
        if word.is_dir():
            files = [(path, None) for path in _pictures(word, wanted)]
        elif pattern is not None:
            files = list(_matching(word, pattern, wanted).items())
        elif wanted is not None:
            raise ValueError(f"{quoted(word)} is one file: a range goes with a folder or a pattern")
        else:
            found.append((word, None))
            continue
        found += [file for file in files if leave_out is None or not _is_same(file[0], leave_out)]
    if words and not found:
        raise ValueError(f"{quoted(words[0])} holds no frame but the source itself: name the gray pictures")
    return found


def choose(numbers: Sequence[int | None], frames: str | None, name: str) -> list[int]:
    """Indices of the frames of `name`, which have these `numbers`, in a range; all if it is None.

    Raises
    ------
    ValueError
        One line: a range that makes no sense, or frames that are missing.
    """
    if frames is None:
        return list(range(len(numbers)))
    wanted = _frame_set(frames)
    _refuse_missing(wanted, set(numbers), name)
    return [index for index, number in enumerate(numbers) if number in wanted]


def renumbered(pattern: Path, numbers: Sequence[int]) -> list[Path]:
    """The names that a pattern gives to these frames; ValueError without a field, or with a range in it."""
    found = _pattern(pattern)
    if found is None or found.frames is not None:
        raise ValueError(f"{quoted(pattern)} would be one file for all frames: write it as out.####.png")
    texts = [f"{'-' * (number < 0)}{abs(number):0{found.digits}d}" for number in numbers]
    return [found.folder / f"{found.before}{text}{found.after}" for text in texts]


def numbers(paths: Sequence[Path]) -> list[int]:
    """The frame number of every file: the last number in its name, or the one that differs.

    Files whose names hold no number are counted from 1, in this order.

    Raises
    ------
    ValueError
        One line: some have a number and some have not, or two have the same.
    """
    twice = [path for path, count in Counter(paths).items() if count > 1]
    if twice:
        raise ValueError(f"{quoted(twice[0])} is named twice: name it once")
    last = {path: number for path in paths if (number := number_of(path)) is not None}
    if not last:
        return list(range(1, len(paths) + 1))
    without = [path for path in paths if path not in last]
    if without:
        raise ValueError(
            f"{quoted(without[0].name)} has no frame number, and others have: leave it out, with a pattern "
            "as shot.####.png"
        )
    for found in ([last[path] for path in paths], *_earlier_numbers(paths)):
        if len(set(found)) == len(found):
            return found
    raise _same_frame(last)


def number_of(path: Path) -> int | None:
    """The frame number in a file's name: the last number there, if any."""
    found = NUMBER.search(path.stem)
    return int(found[1]) if found else None


def listed(numbers: list[int]) -> str:
    """Frame numbers as a short range: 1-8,12."""
    import fileseq

    text = str(fileseq.framesToFrameRange(numbers))
    return text if len(text) <= MAX_LIST_LENGTH else text[:MAX_LIST_LENGTH].rsplit(",", 1)[0] + ", ..."


def _earlier_numbers(paths: Sequence[Path]) -> Iterator[list[int]]:
    """The other numbers in names that differ in their numbers only, from the last field to the first."""
    if len({DIGITS.sub("#", path.stem) for path in paths}) == 1:
        fields = list(zip(*(map(int, DIGITS.findall(path.stem)) for path in paths), strict=True))
        yield from map(list, reversed(fields[:-1]))


def _pattern(word: Path) -> Pattern | None:
    fields = list(FRAME_FIELD.finditer(word.name))
    if not fields:
        return None
    if len(fields) > 1:
        raise ValueError(f"{quoted(word)} has more than one place for the frame number: leave one")
    (field,) = fields
    digits = {"%": int(field[1] or 1), "[": 1}.get(field[0][0], len(field[0]))
    before, after = word.name[: field.start()], word.name[field.end() :]
    return Pattern(word.parent, before, after, digits, _frame_set(field[2]) if field[2] else None)


def _matching(word: Path, pattern: Pattern, wanted: frozenset[int] | None) -> dict[Path, int]:
    """Files of a pattern and their frames, in order."""
    if not pattern.folder.is_dir():
        raise ValueError(f"there is no folder {quoted(pattern.folder)} for {quoted(word)}: check the name")
    name = re.compile(re.escape(pattern.before) + r"(-?\d+)" + re.escape(pattern.after))
    texts = {p: m[1] for p in pattern.folder.iterdir() if (m := name.fullmatch(p.name)) and p.is_file()}
    files = {path: int(text) for path, text in texts.items() if _has_digits(text, pattern.digits)}
    if not files:
        other = f"; {quoted(min(texts).name)} has other digits" if texts else ""
        raise ValueError(f"no files match {quoted(word)}{other}: check the pattern")
    for frames in (pattern.frames, wanted):
        if frames is not None:
            files = _selected(files, frames, word)
    return _in_order(files)


def _has_digits(text: str, digits: int) -> bool:
    """Whether a number is padded with zeros to that many digits, or is longer by itself."""
    bare = text.removeprefix("-")
    return digits in (1, len(text), len(bare)) or (len(bare) > digits and bare[0] != "0")


def _pictures(folder: Path, wanted: frozenset[int] | None) -> list[Path]:
    """Pictures of a folder by name and number, those without a number by name alone."""
    paths = [p for p in folder.iterdir() if p.suffix.lower() in EXTENSIONS and not p.name.startswith(".")]
    paths = [path for path in paths if path.is_file()]
    if not paths:
        extensions = " ".join(EXTENSIONS)
        raise ValueError(f"the folder {quoted(folder)} holds no pictures ({extensions}): check the name")
    known = {path: number for path in paths if (number := number_of(path)) is not None}
    if wanted is not None:
        return list(_in_order(_selected(known, wanted, folder)))
    return sorted(paths, key=lambda path: (NUMBER.sub("", path.stem), known.get(path, 0), path.name))


def _selected(files: dict[Path, int], wanted: frozenset[int], word: Path) -> dict[Path, int]:
    """The files of the wanted frames; ValueError if one is missing."""
    _refuse_missing(wanted, set(files.values()), word)
    return {path: number for path, number in files.items() if number in wanted}


def _refuse_missing(wanted: frozenset[int], known: set[int] | set[int | None], name: str | Path) -> None:
    missing = sorted(wanted - known)
    if missing:
        raise ValueError(f"{quoted(name)} has no frame {listed(missing)}: leave them out of the range")


def _in_order(files: Mapping[Path, int]) -> dict[Path, int]:
    """Files by frame; ValueError if two are the same frame."""
    if len(set(files.values())) < len(files):
        raise _same_frame(files)
    return dict(sorted(files.items(), key=lambda file: file[1]))


def _same_frame(files: Mapping[Path, int]) -> ValueError:
    """The error that names the first two files of one frame."""
    ordered = sorted(files, key=lambda path: (files[path], path))
    one, other = next(pair for pair in pairwise(ordered) if files[pair[0]] == files[pair[1]])
    names = (one, other) if one.name == other.name else (one.name, other.name)
    return ValueError(
        f"{quoted(names[0])} and {quoted(names[1])} are both frame {files[one]}: "
        "give a pattern that means one of them, as ####"
    )


def _frame_set(text: str) -> frozenset[int]:
    from fileseq.frameset import FrameSet

    if any(abs(int(last) - int(first)) > MAX_RANGE for first, last in re.findall(r"(-?\d+)-(-?\d+)", text)):
        raise ValueError(f"{text!r} is no range of frames: it has more than {MAX_RANGE:,}")
    try:
        numbers = list(FrameSet(text))
    except ValueError:  # fileseq's errors are ValueErrors
        numbers = []
    frames = frozenset(number for number in numbers if isinstance(number, int))
    if not numbers or len(frames) < len(numbers):
        raise ValueError(f"{text!r} is no range of frames: write it as 1-48, 1-48x2 or 1,5,9")
    return frames


def _is_same(one: Path, other: Path) -> bool:
    return other.exists() and one.samefile(other)
