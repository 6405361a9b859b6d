"""The gate to the C++ kernels: all other modules import refcolor._core from here."""

from __future__ import annotations

import os
import sys

try:
    from refcolor import _core as core
except ImportError as error:
    error.add_note("The C++ extension refcolor._core is missing: did you forget to compile? pip install .")
    raise

__all__ = ["core", "limit_threads", "threads"]

_limit: int | None = None


def threads() -> int:
    """Number of cores this process may use: its CPU affinity where the system has one, else all of them.

    Returns
    -------
    int
        At least 1, and at most what :func:`limit_threads` allows.
    """
    cores: int | None
    if sys.version_info >= (3, 13):
        cores = os.process_cpu_count()
    elif hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count()
    cores = cores or 1
    return cores if _limit is None else min(cores, _limit)


def limit_threads(limit: int | None) -> None:
    """Let this process use `limit` threads at most, as a worker that shares the machine does.

    Parameters
    ----------
    limit : int or None
        Positive; None removes the limit.

    Raises
    ------
    ValueError
        If `limit` is not positive.
    """
    global _limit
    if limit is not None and limit < 1:
        raise ValueError(f"the limit of threads must be positive, not {limit}")
    _limit = limit
