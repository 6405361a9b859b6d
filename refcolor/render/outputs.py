"""Where the results of a command go, and what must not be written over."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from refcolor.errors import UsageError
from refcolor.files.atomic_write import check_target
from refcolor.files.image_storage import format_of
from refcolor.files.sequences import renumbered
from refcolor.render.frames import Files, Film, Footage


def of(targets: list[Path], output: Path | None, what: str = "color", *, single: bool) -> list[Path]:
    """Where what is made of each target goes: of a `single` one it may be named, of one in a folder not."""
    names = [f"{target.stem}_{what}.png" for target in targets]
    if output is None:
        paths = [target.with_name(name) for target, name in zip(targets, names, strict=True)]
    elif output.is_dir() or (not single and not output.suffix and not os.path.lexists(output)):
        paths = [output / name for name in names]
    elif len(targets) == 1:
        paths = [output]
    else:
        raise UsageError(
            f"output {str(output)!r} is no folder, and {len(targets)} targets need one: give one"
        )
    return apart(paths)


def of_frames(footage: Footage, indices: Sequence[int], output: Path) -> dict[int, Path]:
    """Where the frames of a shot go: under their own names in a folder, or as a pattern says.

    Raises
    ------
    UsageError
        When two frames would become one file.
    """
    numbers = [footage.numbers[i] for i in indices]
    if output.suffix and not output.is_dir():
        paths = renumbered(output, numbers)
    elif isinstance(footage, Files):
        paths = [output / footage.paths[i].name for i in indices]
    else:
        assert isinstance(footage, Film)
        paths = [output / f"{footage.path.stem}.{number:04d}.png" for number in numbers]
    return dict(zip(indices, apart(paths), strict=True))


def apart(paths: list[Path]) -> list[Path]:
    """The paths, if they are all different files."""
    seen: set[str] = set()
    for path in paths:
        place = os.path.realpath(path)
        if place in seen:
            raise UsageError(
                f"two pictures would both become {str(path)!r}: give them different names, with -o"
            )
        seen.add(place)
    return paths


def refuse_inside(targets: Sequence[Path], output: Path | None) -> None:
    """Results of a folder must not lie in it, where they could be taken for its frames, now or later."""
    for folder in (target for target in targets if target.is_dir()):
        if output is None:
            raise UsageError(
                f"{str(folder)!r} is a folder: its results need one of their own, give -o FOLDER"
            )
        place = Path(os.path.realpath(output))
        if Path(os.path.realpath(folder)) in (place, *place.parents):
            raise UsageError(
                f"output {str(output)!r} lies inside the input folder {str(folder)!r}: choose one beside it"
            )


def refuse_inputs(paths: Sequence[Path], inputs: Sequence[Path]) -> None:
    """No result may take the place of what it is made from, not even one that is there already.

    Raises
    ------
    UsageError
    """
    known = {place: path for path in inputs if (place := _place(path)) is not None}
    for path in paths:
        if (place := _place(path)) in known:
            raise UsageError(f"output {str(path)!r} is the input {str(known[place])!r}; choose another name")


def check_space(folder: Path, footage: Footage, indices: Sequence[int]) -> None:
    """Refuse a disk that could not hold even as much as the gray frames take.

    Raises
    ------
    OSError
    """
    paths = [footage.paths[i] for i in indices] if isinstance(footage, Files) else footage.files
    needed = sum(path.stat().st_size for path in paths if path.exists())
    needed = needed if isinstance(footage, Files) else needed * len(indices) // len(footage)
    free = shutil.disk_usage(folder if folder.exists() else folder.parent).free
    if free < needed:
        raise OSError(
            f"{len(indices)} frames need at least {needed / 1e6:.0f} MB and {str(folder)!r} has "
            f"{free / 1e6:.0f}: make room, or choose another folder"
        )


def check(
    pictures: list[Path],
    folders: Sequence[Path | None],
    inputs: Sequence[Path],
    *,
    others: Sequence[Path] = (),
    force: bool,
    again: Sequence[Path] = (),
) -> list[Path]:
    """Refuse, before any work, results that could not or should not be written: `pictures` and `others`.

    Nothing is overwritten but what is written `again`, unless by `force`.

    Returns those of the `folders` that are not there yet: to be made, in this order, when there is something
    for them.

    Raises
    ------
    UsageError, OSError, ValueError
        One line: what is wrong and what to do.
    """
    paths = [*pictures, *others]
    meant = {path.parent for path in paths}
    new = [folder for folder in folders if folder in meant and not folder.exists()]
    new.sort(key=lambda folder: len(folder.parts))
    for folder in new:
        if folder.parent not in new:
            check_target(folder)
    for path in pictures:
        format_of(path)
    refuse_inputs(apart(paths), inputs)
    for path in paths:
        if path.parent not in new:
            check_target(path, force=force or path in again)
    return new


def _place(path: Path) -> tuple[int, int] | None:
    """The same for all names of one file: spellings, symbolic and hard links."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
