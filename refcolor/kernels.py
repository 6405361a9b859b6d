"""The gate to the C++ kernels: all other modules import refcolor._core from here."""

from __future__ import annotations

import os

try:
    from refcolor import _core as core
except ImportError as error:
    error.add_note("The C++ extension refcolor._core is missing: did you forget to compile? pip install .")
    raise

__all__ = ["core", "limit_threads", "threads"]

_limit: int | None = None


def threads() -> int:
    """Number of cores this process may use, 1 at least: by its CPU affinity, and by :func:`limit_threads`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if _limit is None else min(cores, _limit)


def limit_threads(limit: int | None) -> None:
    """Let this process use `limit` threads at most, as a worker that shares the machine does.

    None removes the limit; ValueError if it is not positive.
    """
    global _limit
    if limit is not None and limit < 1:
        raise ValueError(f"the limit of threads must be positive, not {limit}")
    _limit = limit
