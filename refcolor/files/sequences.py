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
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from refcolor.errors import quoted
from refcolor.files.image_storage import EXTENSIONS

FRAME_FIELD = re.compile(r"#+|@+|%0?(\d*)d|\[([-+\d,xy:]+)\]")
NUMBER = re.compile(r"((?:(?<![^\W_])-)?\d+)(?=\D*$)")  # the last in a name; in shot-0001, - is no minus
DIGITS = re.compile(r"\d+")
MAX_RANGE = 1_000_000  # frames
MAX_LIST_LENGTH = 60  # characters of a list of frames in a message

Range = frozenset[int] | None  # the frames of a range; None is no range, and means all of them


def expand(
    words: Sequence[Path], frames: str | None = None, *, leave_out: Path | None = None
) -> list[tuple[Path, int | None]]:
    """The files that words mean, in the order of the words and of their frames; numbers where patterns match.

    Words are files, folders and patterns; anything else is returned as it is. `frames` is a range to take
    from every folder and pattern, and `leave_out` a file that these do not mean: the key among the frames.

    Raises ValueError, of one line, if nothing matches, frames are missing, two files have one number, or a
    range makes no sense.
    """
    wanted = _range(frames)
    others = [leave_out] if leave_out and leave_out.exists() else []
    found: list[tuple[Path, int | None]] = []
    for word in words:
        pattern = None if word.is_file() else _pattern(word)
        if word.is_dir():
            files: Mapping[Path, int | None] = dict.fromkeys(_pictures(word, wanted))
        elif pattern:
            files = _matching(word, pattern, wanted)
        elif wanted is not None:
            raise ValueError(f"{quoted(word)} is one file: a range goes with a folder or a pattern")
        else:
            found.append((word, None))
            continue
        found += [file for file in files.items() if not any(file[0].samefile(other) for other in others)]
    if words and not found:
        raise ValueError(f"{quoted(words[0])} holds no frame but the source itself: name the gray pictures")
    return found


def choose(numbers: Sequence[int], frames: str | None, name: str) -> list[int]:
    """Indices of the frames of `name`, which have these `numbers`, in a range; all if it is None.

    Raises ValueError, of one line, for a range that makes no sense, or frames that are missing.
    """
    return list(_selected(dict(enumerate(numbers)), name, _range(frames)))


def renumbered(pattern: Path, numbers: Sequence[int]) -> list[Path]:
    """The names that a pattern gives to these frames; ValueError without a field, or with a range in it."""
    found = _pattern(pattern)
    if found is None or found[-1] is not None:
        raise ValueError(f"{quoted(pattern)} would be one file for all frames: write it as out.####.png")
    before, after, digits, _ = found
    return [pattern.with_name(f"{before}{n:0{digits + (n < 0)}d}{after}") for n in numbers]


def by_number(files: Sequence[tuple[Path, int | None]]) -> dict[int, Path]:
    """Files by frame number: by those from patterns if all have one, else the last in their names.

    Where that is the same in all names, it is the number that differs. Files whose names hold no number are
    counted from 1, in this order. Raises ValueError, of one line, if some have a number and some have not, or
    two have the same.
    """
    paths = [path for path, _ in files]
    twice = [path for path, count in Counter(paths).items() if count > 1]
    if twice:
        raise ValueError(f"{quoted(twice[0])} is named twice: name it once")
    last = {path: number for path, number in files if number is not None}
    from_patterns = len(last) == len(paths)
    if not from_patterns:
        last = {path: number for path in paths if (number := number_of(path)) is not None}
    if not last:
        return dict(enumerate(paths, 1))
    without = [path for path in paths if path not in last]
    if without:
        raise ValueError(
            f"{quoted(without[0].name)} has no frame number, and others have: leave it out, with a pattern "
            "as shot.####.png"
        )
    found = [list(last.values())]
    # names that differ in their numbers only
    if not from_patterns and len({DIGITS.sub("#", path.stem) for path in paths}) == 1:
        fields = zip(*(map(int, DIGITS.findall(path.stem)) for path in paths), strict=True)
        found += [list(field) for field in fields][-2::-1]
    for candidate in found:
        if len(set(candidate)) == len(candidate):
            return dict(zip(candidate, paths, strict=True))
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


def _pattern(word: Path) -> tuple[str, str, int, Range] | None:
    """The text before and after a frame number, its least digits, and its range; None without a field."""
    fields = list(FRAME_FIELD.finditer(word.name))
    if not fields:
        return None
    if len(fields) > 1:
        raise ValueError(f"{quoted(word)} has more than one place for the frame number: leave one")
    (field,) = fields
    digits = {"%": int(field[1] or 1), "[": 1}.get(field[0][0], len(field[0]))
    return word.name[: field.start()], word.name[field.end() :], digits, _range(field[2])


def _matching(word: Path, pattern: tuple[str, str, int, Range], wanted: Range) -> dict[Path, int]:
    """Files of a pattern and their frames, in order."""
    folder, (before, after, digits, frames) = word.parent, pattern
    if not folder.is_dir():
        raise ValueError(f"there is no folder {quoted(folder)} for {quoted(word)}: check the name")
    name = re.compile(re.escape(before) + r"(-?\d+)" + re.escape(after))
    texts = {p: m[1] for p in folder.iterdir() if (m := name.fullmatch(p.name)) and p.is_file()}
    files = {path: int(text) for path, text in texts.items() if _has_digits(text, digits)}
    if not files:
        other = f"; {quoted(min(texts).name)} has other digits" if texts else ""
        raise ValueError(f"no files match {quoted(word)}{other}: check the pattern")
    return _selected(files, word, frames, wanted)


def _has_digits(text: str, digits: int) -> bool:
    """Whether a number is padded with zeros to that many digits, or is longer by itself."""
    bare = text.removeprefix("-")
    return digits in (1, len(text), len(bare)) or (len(bare) > digits and bare[0] != "0")


def _pictures(folder: Path, wanted: Range) -> Iterable[Path]:
    """Pictures of a folder by name and number, those without a number by name alone."""
    paths = [p for p in folder.iterdir() if p.suffix.lower() in EXTENSIONS and not p.name.startswith(".")]
    paths = [path for path in paths if path.is_file()]
    if not paths:
        extensions = " ".join(EXTENSIONS)
        raise ValueError(f"the folder {quoted(folder)} holds no pictures ({extensions}): check the name")
    known = {path: number for path in paths if (number := number_of(path)) is not None}
    if wanted is not None:
        return _selected(known, folder, wanted)
    return sorted(paths, key=lambda path: (NUMBER.sub("", path.stem), known.get(path, 0), path.name))


def _selected(files: dict[Any, int], name: str | Path, *ranges: Range) -> dict[Any, int]:
    """The files in all ranges, by frame; ValueError if one is missing, or two are the same frame."""
    for wanted in ranges:
        missing = sorted((wanted or frozenset()).difference(files.values()))
        if missing:
            raise ValueError(f"{quoted(name)} has no frame {listed(missing)}: leave them out of the range")
        files = {path: number for path, number in files.items() if wanted is None or number in wanted}
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


def _range(text: str | None) -> Range:
    if text is None:
        return None
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
