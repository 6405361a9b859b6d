"""Where the results of a command go, and what must not be written over."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from . import image_io
from .safe_write import check_target
from .voice import WrongUse


def of(targets: list[Path], output: Path | None, what: str = "color") -> list[Path]:
    """Where what is made of each target goes."""
    names = [f"{target.stem}_{what}.png" for target in targets]
    if output is None:
        paths = [target.with_name(name) for target, name in zip(targets, names, strict=True)]
    elif output.is_dir() or (len(targets) > 1 and not output.suffix and not os.path.lexists(output)):
        paths = [output / name for name in names]
    elif len(targets) == 1:
        paths = [output]
    else:
        raise WrongUse(f"output {str(output)!r} is no folder, and {len(targets)} targets need one: give one")
    return apart(paths)


def apart(paths: list[Path]) -> list[Path]:
    """The paths, if they are all different files."""
    seen: set[str] = set()
    for path in paths:
        place = os.path.realpath(path)
        if place in seen:
            raise WrongUse(
                f"two pictures would both become {str(path)!r}: give them different names, with -o"
            )
        seen.add(place)
    return paths


def refuse_own_folder(targets: list[Path], output: Path | None) -> None:
    """Results among the frames of a folder would be its frames next time."""
    for folder in (target for target in targets if target.is_dir()):
        if output is None or (output.is_dir() and output.samefile(folder)):
            raise WrongUse(f"{str(folder)!r} is a folder: its results need one of their own, give -o FOLDER")


def check(
    paths: list[Path], folders: Sequence[Path | None], inputs: Sequence[Path], *, force: bool
) -> list[Path]:
    """Refuse, before any work, results that could not or should not be written.

    Returns those of the `folders` that are not there yet: to be made when there is something for them.

    Raises
    ------
    WrongUse, OSError, ValueError
        One line: what is wrong and what to do.
    """
    meant = {path.parent for path in paths}
    new = [folder for folder in folders if folder in meant and not folder.exists()]
    for folder in new:
        check_target(folder)
    for path in apart(paths):
        if path.parent not in new:
            image_io.check_output(path, inputs=inputs, force=force)
    return new
