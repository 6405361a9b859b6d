"""Frame sequences: folders, patterns such as shot.####.png, and frame ranges.

A word that names a file means that file, whatever characters it holds. Otherwise it may be a folder, or a
pattern with the place of the frame number: ``shot.####.png`` (a # for each digit), ``shot.%04d.exr``,
``shot.@.png`` (any digits) or ``shot.[1-48].png`` (these frames, any digits). Ranges are written as in film,
and read by fileseq: ``1-48``, ``1-48x2``, ``-5-10``, ``1-10,20``.
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

PLACE = re.compile(r"#+|@+|%0?(\d*)d|\[([-+\d,xy:]+)\]")  # where a pattern has the frame number
NUMBER = re.compile(r"((?:(?<![^\W_])-)?\d+)(?=\D*$)")  # the last in a name; in shot-0001, - is no minus
DIGITS = re.compile(r"\d+")
MOST = 1_000_000  # frames of a range
LISTED = 60  # characters of a list of frames in a message


@dataclass(frozen=True)
class Pattern:
    """A numbered name: what stands before and after the number, its least digits, the frames asked for."""

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
        Files, folders and patterns; what is none of them is passed on as it is.
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
    """As :func:`expand`, with the frame number of every file that a pattern tells."""
    asked = None if frames is None else _frame_set(frames)
    found: list[tuple[Path, int | None]] = []
    for word in words:
        pattern = None if word.is_file() else _pattern(word)
        files: list[tuple[Path, int | None]]
        if word.is_dir():
            files = [(path, None) for path in _numbered(word, _pictures(word), asked)]
        elif pattern is not None:
            files = list(_matching(word, pattern, asked).items())
        elif asked is not None:
            raise ValueError(f"{quoted(word)} is one file: --frames goes with a folder or a pattern")
        else:
            found.append((word, None))
            continue
        found += [one for one in files if leave_out is None or not _same(one[0], leave_out)]
    if words and not found:
        raise ValueError(f"{quoted(words[0])} holds no frame but the source itself: name the gray pictures")
    return found


def choose(numbers: Sequence[int | None], frames: str | None, name: str) -> list[int]:
    """Indices of the frames of `name` that have these `numbers` and are asked for, all if nothing is.

    Raises
    ------
    ValueError
        One line: a range that makes no sense, or frames that are not there.
    """
    if frames is None:
        return list(range(len(numbers)))
    asked = _frame_set(frames)
    missing = sorted(asked - set(numbers))
    if missing:
        raise ValueError(f"{quoted(name)} has no frame {listed(missing)}: leave them out of the range")
    return [index for index, number in enumerate(numbers) if number in asked]


def renumbered(pattern: Path, numbers: Sequence[int]) -> list[Path]:
    """The names that a pattern gives to these frames.

    Raises
    ------
    ValueError
        When it has no place for a frame number, or one of its own range.
    """
    found = _pattern(pattern)
    if found is None or found.frames is not None:
        raise ValueError(f"{quoted(pattern)} would be one file for all frames: write it as out.####.png")
    return [
        found.folder / f"{found.before}{'-' * (n < 0)}{abs(n):0{found.digits}d}{found.after}" for n in numbers
    ]


def numbers(paths: Sequence[Path]) -> list[int]:
    """The frame number of every file: the last number in its name, or the one that tells the names apart.

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
    if not without:
        for found in ([last[path] for path in paths], *_elsewhere(paths)):
            if len(set(found)) == len(found):
                return found
        _in_order(last)  # says which
    raise ValueError(
        f"{quoted(without[0].name)} has no frame number, and others have: leave it out, with a pattern as "
        "shot.####.png"
    )


def _elsewhere(paths: Sequence[Path]) -> Iterator[list[int]]:
    """Other numbers of names that are alike but for their numbers, the last place first."""
    groups = [DIGITS.findall(path.stem) for path in paths]
    if len({DIGITS.sub("#", path.stem) for path in paths}) == 1:
        for place in reversed(range(len(groups[0]) - 1)):
            yield [int(group[place]) for group in groups]


def number_of(path: Path) -> int | None:
    """The frame number in a file's name: the last number there, if any."""
    found = NUMBER.search(path.stem)
    return int(found[1]) if found else None


def _pattern(word: Path) -> Pattern | None:
    places = list(PLACE.finditer(word.name))
    if not places:
        return None
    if len(places) > 1:
        raise ValueError(f"{quoted(word)} has more than one place for the frame number: leave one")
    place = places[0]
    mark, width, asked = place.group(), place.group(1), place.group(2)
    digits = {"%": int(width or 1), "[": 1}.get(mark[0], len(mark))
    name = word.name
    return Pattern(
        word.parent, name[: place.start()], name[place.end() :], digits, _frame_set(asked) if asked else None
    )


def _matching(word: Path, pattern: Pattern, asked: frozenset[int] | None) -> dict[Path, int]:
    """Files of a pattern and their frames, in order."""
    if not pattern.folder.is_dir():
        raise ValueError(f"there is no folder {quoted(pattern.folder)} for {quoted(word)}: check the name")
    name = re.compile(re.escape(pattern.before) + r"(-?\d+)" + re.escape(pattern.after))
    all_digits = {p: m[1] for p in pattern.folder.iterdir() if (m := name.fullmatch(p.name)) and p.is_file()}
    fits = {path: int(text) for path, text in all_digits.items() if _fits(text, pattern.digits)}
    if not fits:
        other = f"; {quoted(min(all_digits).name)} has other digits" if all_digits else ""
        raise ValueError(f"no file is called like {quoted(word)}{other}: check the pattern")
    for range_ in (pattern.frames, asked):
        if range_ is not None:
            fits = _only(fits, range_, word)
    return {path: fits[path] for path in _in_order(fits)}


def _fits(text: str, digits: int) -> bool:
    """Whether a number is written with that many digits, zeros before it, or is longer by itself."""
    bare = text.removeprefix("-")
    return (
        digits == 1 or len(text) == digits or len(bare) == digits or (len(bare) > digits and bare[0] != "0")
    )


def _pictures(folder: Path) -> list[Path]:
    files = [p for p in folder.iterdir() if p.suffix.lower() in EXTENSIONS and not p.name.startswith(".")]
    files = [p for p in files if p.is_file()]
    if not files:
        raise ValueError(
            f"the folder {quoted(folder)} holds no pictures ({' '.join(EXTENSIONS)}): check the name"
        )
    return files


def _numbered(folder: Path, files: list[Path], asked: frozenset[int] | None) -> list[Path]:
    """Pictures of a folder by name and number, those without a number by name alone."""
    known = {path: number for path in files if (number := number_of(path)) is not None}
    if asked is not None:
        return _in_order(_only(known, asked, folder))
    return sorted(files, key=lambda path: (NUMBER.sub("", path.stem), known.get(path, 0), path.name))


def _only(numbers: dict[Path, int], asked: frozenset[int], word: Path) -> dict[Path, int]:
    """Files of the asked frames, all of which must be there."""
    missing = sorted(asked - set(numbers.values()))
    if missing:
        raise ValueError(f"{quoted(word)} has no frame {listed(missing)}: leave them out of the range")
    return {path: number for path, number in numbers.items() if number in asked}


def _in_order(numbers: Mapping[Path, int]) -> list[Path]:
    ordered = sorted(numbers, key=lambda path: (numbers[path], path))
    for one, other in pairwise(ordered):
        if numbers[one] == numbers[other]:
            names = (one, other) if one.name == other.name else (one.name, other.name)
            raise ValueError(
                f"{quoted(names[0])} and {quoted(names[1])} are both frame {numbers[one]}: "
                "give a pattern that means one of them, as ####"
            )
    return ordered


def _frame_set(text: str) -> frozenset[int]:
    from fileseq.frameset import FrameSet

    if any(abs(int(last) - int(first)) > MOST for first, last in re.findall(r"(-?\d+)-(-?\d+)", text)):
        raise ValueError(f"{text!r} is no range of frames: it has more than {MOST:,}")
    try:
        numbers = list(FrameSet(text))
    except ValueError:  # what fileseq raises are kinds of it
        numbers = []
    whole = frozenset(number for number in numbers if isinstance(number, int))
    if not numbers or len(whole) < len(numbers):
        raise ValueError(f"{text!r} is no range of frames: write it as 1-48, 1-48x2 or 1,5,9")
    return whole


def listed(numbers: list[int]) -> str:
    """Frame numbers in few words: 1-8,12."""
    import fileseq

    text = str(fileseq.framesToFrameRange(numbers))
    return text if len(text) <= LISTED else text[:LISTED].rsplit(",", 1)[0] + ", ..."


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.samefile(other)
