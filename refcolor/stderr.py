"""Hold back what C and C++ libraries write to standard error on their own."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

lock = threading.RLock()  # the descriptor belongs to the whole process; hold it to start a child, too


@contextmanager
def held_back(*, prefix: bytes | None = None) -> Iterator[None]:
    """Hold back what is written to file descriptor 2 in the block; all of it is dropped, unless that fails.

    With a prefix only lines that begin with it are dropped, and always: the others are another thread's.
    """
    with lock, _storage() as storage:
        if sys.stderr is not None:
            sys.stderr.flush()
        try:
            terminal = os.dup(2)
        except OSError:  # a process without standard error
            yield
            return
        os.dup2(storage.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
            storage.seek(0)
            lines = storage.read().splitlines(keepends=True)
            shown = [line for line in lines if (failed if prefix is None else not line.startswith(prefix))]
            with suppress(OSError):
                os.write(2, b"".join(shown))


def _storage() -> Any:
    """A temporary file; on a full disk the null device, as reading a picture needs no disk."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return Path(os.devnull).open("r+b", buffering=0)
