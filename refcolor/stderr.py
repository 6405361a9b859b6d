"""Keep quiet what C and C++ libraries write to standard error on their own."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_lock = threading.RLock()  # the descriptor belongs to the whole process


@contextmanager
def held_back(*, show: bool = False) -> Iterator[None]:
    """Drop what is written to file descriptor 2 in the block; with `show`, repeat it if the block fails."""
    with _lock, tempfile.TemporaryFile() if show else Path(os.devnull).open("r+b") as aside:
        if sys.stderr is not None:
            sys.stderr.flush()
        try:
            terminal = os.dup(2)
        except OSError:  # a process without standard error
            yield
            return
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except Exception:
            os.dup2(terminal, 2)
            if show:
                aside.seek(0)
                sys.stderr.write(aside.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
