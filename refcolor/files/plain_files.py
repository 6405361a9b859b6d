"""Plain files of the user: opened only if they are plain, written whole or not at all, never over others.

OpenImageIO reads a meaning into names (``a.%04d.png``, ``a.png?x=1``, the extension), and a user's file may
have any name. So it is given a path of ours that leads to the open file.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import secrets
import shutil
import stat
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from refcolor.errors import StrPath, quoted, with_code

if sys.platform != "win32":
    import fcntl

ABANDONED_AFTER = 24 * 3600  # seconds; temporary files untouched for this long are abandoned
DESCRIPTORS = Path("/proc/self/fd")  # paths to open files, on Linux


def open_plain(path: StrPath) -> BinaryIO:
    """Open a plain, non-empty file, unbuffered; a named pipe or device is refused without waiting for it.

    Raises OSError, of the kind that fits, or ValueError; one line says what is wrong with the file.
    """
    name = quoted(path)
    try:
        if Path(path).is_dir():  # Windows calls it a lack of permission
            raise IsADirectoryError
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        file = os.fdopen(os.open(path, flags), "rb", buffering=0)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {name}; check the name") from None
    except PermissionError:
        raise PermissionError(f"{name} may not be read; check its permissions") from None
    except IsADirectoryError:
        raise IsADirectoryError(f"{name} is a folder; give a file") from None
    except OSError as error:
        raise type(error)(f"{name} cannot be opened: {error.strerror}") from None
    status = os.fstat(file.fileno())
    is_plain = stat.S_ISREG(status.st_mode)
    if is_plain and status.st_size:
        return file
    file.close()
    fault = "empty (0 bytes); write it again" if is_plain else "a pipe or a device; give a plain file"
    raise ValueError(f"{name} is {fault}")


@contextmanager
def path_of(file: BinaryIO) -> Iterator[str]:
    """A path to an open file, for the block: its descriptor on Linux, elsewhere a temporary copy."""
    if DESCRIPTORS.exists():
        yield str(DESCRIPTORS / str(file.fileno()))
        return
    file.seek(0)
    with TemporaryDirectory(prefix="refcolor-") as folder:
        copy = Path(folder, "picture")
        with copy.open("wb") as target:
            shutil.copyfileobj(file, target, 1 << 20)
        yield str(copy)


@contextmanager
def scratch_path(size: int) -> Iterator[str]:
    """A path to write a file of at most `size` bytes to, for the block.

    It is in memory on Linux, elsewhere in the temporary folder; OSError if that has too little space.
    """
    create = getattr(os, "memfd_create", None)
    if create and DESCRIPTORS.exists():
        with os.fdopen(create("refcolor"), "wb") as file, path_of(file) as path:
            yield path
        return
    with TemporaryDirectory(prefix="refcolor-") as folder:
        if shutil.disk_usage(folder).free < size:
            raise OSError(errno.ENOSPC, "no space left in the temporary folder")
        yield str(Path(folder, "picture"))


def check_target(path: StrPath, *, force: bool = False) -> None:
    """Refuse an output path that cannot, or should not, be written; call it before long work.

    Raises OSError, of the kind that fits, or ValueError; one line says what is wrong and what to do. The name
    may still be taken later; :func:`atomic` notices that.
    """
    path = Path(path)
    folder = path.parent
    if path.is_dir():
        raise IsADirectoryError(f"output {quoted(path)} is a folder; give a file name in it")
    if not folder.exists():
        raise FileNotFoundError(f"output folder {quoted(folder)} does not exist; create it first")
    if not folder.is_dir():
        raise NotADirectoryError(f"{quoted(folder)} is not a folder; the output cannot go there")
    if path.exists() and not path.is_file():
        raise ValueError(f"output {quoted(path)} is a pipe or a device; give the name of a plain file")
    # lexists: a broken symbolic link belongs to the user, too
    if os.path.lexists(path) and not force:
        raise _exists(path)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"output folder {quoted(folder)} is not writable; choose another folder")


@contextmanager
def atomic(path: StrPath, *, force: bool = False) -> Iterator[BinaryIO]:
    """Open a new binary file that gets its name only when the block ends without an error.

    The bytes go to a hidden file in the same folder, are synced to disk and then renamed. If anything
    fails, Ctrl-C included, that file is removed and what was at `path` stays. Permissions follow the umask.
    With `force` a symbolic link at `path` is replaced itself, not the file it points to.

    Raises FileExistsError if `path` exists without `force`, even if it appeared a moment ago, and OSError, of
    one line, if the disk is full, the folder not writable, and so on.
    """
    path, temporary = Path(path), None
    try:
        temporary, file = _create(path.parent)
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if sys.platform == "win32":
                file.close()  # an open file cannot be renamed there; elsewhere it stays locked until then
            publish(temporary, path, force=force)
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        raise type(error)(f"cannot write {quoted(path)}: {error.strerror or error}") from error
    finally:
        if temporary:
            temporary.unlink(missing_ok=True)


def publish(temporary: Path, path: Path, *, force: bool = False) -> None:
    """Give a finished file of the same file system its name; FileExistsError if taken and not `force`.

    On file systems without hard links, another process can take the name between the check and the rename,
    and its file is then replaced.
    """
    if not force:
        try:
            os.link(temporary, path)  # unlike a rename, it refuses to overwrite
            return
        except OSError:  # the name is taken, or no hard links here: FAT, some network folders
            if os.path.lexists(path):
                raise FileExistsError from None
    temporary.replace(path)


def sweep(folder: StrPath) -> None:
    """Remove temporary files of killed processes from a folder, never those of running ones.

    A process locks its file while it runs, and the file's name tells the machine. Where the lock cannot be
    seen, as on Windows or from another machine, a file counts as abandoned after a day without a change.
    """
    for path in Path(folder).glob(".refcolor-*.part"):
        with suppress(OSError):  # locked by a running process, or removed by another sweep
            abandoned = time.time() - path.lstat().st_mtime > ABANDONED_AFTER
            with path.open("r+b") as file:
                if _lock(file) and path.name.startswith(f".refcolor-{_machine()}-"):
                    path.unlink()
            if abandoned:
                path.unlink()


def _create(folder: Path) -> tuple[Path, BinaryIO]:
    """A new temporary file in a folder, open and locked."""
    while True:
        path = folder / f".refcolor-{_machine()}-{os.getpid()}-{secrets.token_hex(4)}.part"
        file = path.open("xb")
        with suppress(BlockingIOError):
            _lock(file)
            if path.exists():  # no sweep was between the opening and the lock
                return path, file
        file.close()


def _lock(file: BinaryIO) -> bool:
    """Lock a file while it is open; False where files cannot be locked, BlockingIOError if another has it."""
    if sys.platform != "win32":
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            raise
        except OSError:
            pass
    return False


@cache
def _machine() -> str:
    """A word for this machine; some network folders do not show one machine's locks to another."""
    address = uuid.getnode()
    if address >> 40 & 1:  # without a network card: a random number, another one in every process
        address = 0
    return hashlib.blake2s(f"{platform.node()} {address}".encode(), digest_size=4).hexdigest()


def _exists(path: Path) -> Exception:
    return with_code(FileExistsError(f"output {quoted(path)} already exists"), "exists")
