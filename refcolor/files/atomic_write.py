"""Files appear whole or not at all, and never over something the user did not offer."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

from refcolor.errors import StrPath, quoted

DAY = 24 * 3600  # seconds; what nothing was written to for so long is nobody's any more


def check_target(path: StrPath, *, inputs: Iterable[StrPath] = (), force: bool = False) -> None:
    """Refuse an output path that could not, or should not, be written.

    Meant to be called before long work. The name may still be taken later; :func:`atomic` notices that.

    Raises
    ------
    IsADirectoryError, FileNotFoundError, NotADirectoryError, FileExistsError, PermissionError, ValueError
        One line: what is wrong and what to do.
    """
    path = Path(path)
    folder = path.parent
    if path.is_dir():
        raise IsADirectoryError(f"output {quoted(path)} is a folder; give a file name in it")
    if not folder.exists():
        raise FileNotFoundError(f"output folder {quoted(folder)} does not exist; create it first")
    if not folder.is_dir():
        raise NotADirectoryError(f"{quoted(folder)} is not a folder; the output cannot go there")
    for source in inputs:
        # samefile sees through symbolic and hard links and other spellings of the same path
        if path.exists() and Path(source).exists() and path.samefile(source):
            raise ValueError(f"output {quoted(path)} is the input {quoted(source)}; choose another name")
    if path.exists() and not path.is_file():
        raise ValueError(f"output {quoted(path)} is a pipe or a device; give the name of a plain file")
    # lexists: a broken symbolic link is something of the user's, too
    if os.path.lexists(path) and not force:
        raise FileExistsError(_taken(path))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"output folder {quoted(folder)} is not writable; choose another folder")


@contextmanager
def atomic(path: StrPath, *, force: bool = False) -> Iterator[BinaryIO]:
    """Open a new binary file that gets its name only when the block ends well.

    The bytes go to a hidden file in the same folder, are synced to disk and then renamed. If anything
    fails, Ctrl-C included, that file is removed and what was at `path` stays. Permissions follow the umask.
    With `force` a symbolic link at `path` is replaced itself, not the file it points to.

    Raises
    ------
    FileExistsError
        `path` exists and `force` is False, even if it appeared a moment ago.
    OSError
        The disk is full, the folder not writable, and so on; one line.
    """
    path = Path(path)
    temporary = path.with_name(f".refcolor-{_system()}-{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        publish(temporary, path, force=force)
    except FileExistsError:
        raise FileExistsError(_taken(path)) from None
    except OSError as error:
        raise type(error)(f"cannot write {quoted(path)}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def publish(temporary: Path, path: Path, *, force: bool = False) -> None:
    """Give a finished file of the same file system its name; FileExistsError if taken and not `force`."""
    if force:
        temporary.replace(path)
        return
    try:
        os.link(temporary, path)  # unlike a rename, it refuses to overwrite
    except FileExistsError:
        raise
    except OSError:  # no hard links here: FAT, some network folders
        path.open("xb").close()  # claim the name first; fails if it is taken
        try:
            temporary.replace(path)
        except BaseException:
            path.unlink()
            raise


def left_empty(path: StrPath) -> bool:
    """Whether a file is empty, as a kill may leave it where there are no hard links: see :func:`publish`."""
    path = Path(path)
    return path.is_file() and not path.stat().st_size


def sweep(folder: StrPath) -> None:
    """Remove what killed processes have left half-written in a folder, never what may still be written.

    The name of such a file says whose it is. Of processes that cannot be seen from here, as those of another
    machine on a network folder, only what has not changed for a day is removed.
    """
    for path in Path(folder).glob(".refcolor-*.part"):
        with suppress(OSError):
            system, pid, *_ = [*path.name.split("-")[1:], "", ""]
            if system == _system() and pid.isdecimal():
                left = not _alive(int(pid))
            else:
                left = time.time() - path.lstat().st_mtime > DAY
            if left:
                path.unlink()


@cache
def _system() -> str:
    """A word for where numbers of processes mean the same: this machine since its start, or a container."""
    try:
        since = Path("/proc/sys/kernel/random/boot_id").read_text()
        words = [os.uname().nodename, since, str(Path("/proc/self/ns/pid").readlink())]
    except OSError:
        words = [secrets.token_hex(8)]  # of no other process
    return hashlib.blake2s(" ".join(words).encode(), digest_size=4).hexdigest()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return state not in "ZX"  # ended, and nobody has asked how


def _taken(path: Path) -> str:
    return f"output {quoted(path)} already exists; choose another name or use --force"
