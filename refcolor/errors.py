"""Errors: one line that says what is wrong and what was seen; a code tells a caller which remedy to offer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

StrPath = str | os.PathLike[str]


class UsageError(ValueError):
    """The request makes no sense: two options exclude each other, a name is missing. It may have a code."""

    def __init__(self, text: str, code: str | None = None) -> None:
        super().__init__(text)
        self.code = code


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn every ValueError and OSError of the block into a :class:`UsageError` with the same message."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise UsageError(str(error)) from error


def with_code(error: Exception, code: str | None) -> Exception:
    """Mark an error with a code that a program can look up; returns the error."""
    error.code = code  # type: ignore[attr-defined]
    return error


def code_of(error: BaseException | None) -> str | None:
    """The code of an error, or of the nearest of its causes that has one."""
    while error is not None and getattr(error, "code", None) is None:
        error = error.__cause__
    return getattr(error, "code", None)


def quoted(path: StrPath) -> str:
    """File name for a message: quoted and on one line, whatever characters it holds."""
    return repr(os.fspath(path))
