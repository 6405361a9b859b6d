"""What goes wrong in words: one line that says what is wrong, what was seen, and what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

StrPath = str | os.PathLike[str]


class UsageError(ValueError):
    """The request does not make sense as a whole: two options exclude each other, a name is missing."""


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn every ValueError and OSError of the block into a :class:`UsageError` with the same message."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise UsageError(str(error)) from error


def quoted(path: StrPath) -> str:
    """File name for a message: quoted and on one line, whatever characters it holds."""
    return repr(os.fspath(path))
