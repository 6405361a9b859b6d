"""Open plain files only, and give OpenImageIO paths without special characters.

OpenImageIO reads a meaning into names (``a.%04d.png``, ``a.png?x=1``, the extension), and a user's file may
have any name. So it is given a path of ours that leads to the open file.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from refcolor.errors import StrPath, quoted

DESCRIPTORS = Path("/proc/self/fd")  # paths to open files, on Linux


def open_plain(path: StrPath) -> BinaryIO:
    """Open a plain, non-empty file, unbuffered; a named pipe or device is refused without waiting for it.

    Raises
    ------
    FileNotFoundError, PermissionError, IsADirectoryError, OSError, ValueError
        One line: what is wrong with the file.
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
    if stat.S_ISREG(status.st_mode) and status.st_size:
        return file
    file.close()
    if stat.S_ISREG(status.st_mode):
        raise ValueError(f"{name} is empty (0 bytes); write it again")
    raise ValueError(f"{name} is a pipe or a device; give a plain file")


@contextmanager
def path_of(file: BinaryIO) -> Iterator[str]:
    """A path to an open file, for the block: its descriptor on Linux, elsewhere a temporary copy."""
    if DESCRIPTORS.exists():
        yield str(DESCRIPTORS / str(file.fileno()))
        return
    with TemporaryDirectory(prefix="refcolor-") as folder:
        copy = Path(folder, "picture")
        file.seek(0)
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
        with os.fdopen(create("refcolor"), "wb") as file:
            yield str(DESCRIPTORS / str(file.fileno()))
        return
    with TemporaryDirectory(prefix="refcolor-") as folder:
        if shutil.disk_usage(folder).free < size:
            raise OSError(errno.ENOSPC, "no space left in the temporary folder")
        yield str(Path(folder, "picture"))
