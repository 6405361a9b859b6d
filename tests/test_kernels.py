"""Kernels use as many threads as the process may, and no more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from refcolor import kernels

TASKS = Path("/proc/self/task")  # a folder for each thread of this process, on Linux
COUNT = """
import os, sys
from pathlib import Path
from threading import Thread
import numpy as np
from refcolor.imaging.merge import luma_exact

if sys.argv[1] == "pinned":
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
threads = None if sys.argv[1] == "pinned" else int(sys.argv[1])
gray, ab = np.full((2000, 2000), 0.5, np.float32), np.full((2000, 2000, 2), 20, np.float32)
work = Thread(target=luma_exact, args=(gray, ab), kwargs={"threads": threads})
before, most = len(list(Path("/proc/self/task").iterdir())), 0
work.start()
while work.is_alive():
    most = max(most, len(list(Path("/proc/self/task").iterdir())))
print(most - before - 1)
"""


@pytest.mark.skipif(not TASKS.is_dir(), reason="threads are counted in /proc")
@pytest.mark.parametrize(("threads", "helpers"), [("pinned", 0), ("1", 0), ("4", 3)])
def test_a_kernel_starts_no_more_threads_than_it_may(threads, helpers):
    child = subprocess.run(
        [sys.executable, "-P", "-c", COUNT, threads], capture_output=True, text=True, check=True
    )
    assert int(child.stdout) == helpers


def test_the_number_of_threads_is_that_of_usable_cores():
    assert 1 <= kernels.threads() <= (os.cpu_count() or 1)
    if hasattr(os, "sched_getaffinity"):
        assert kernels.threads() == len(os.sched_getaffinity(0))


def test_a_process_may_limit_itself():
    usable = kernels.threads()
    try:
        kernels.limit_threads(1)
        assert kernels.threads() == 1
        kernels.limit_threads(1000)
        assert kernels.threads() == usable
    finally:
        kernels.limit_threads(None)
    assert kernels.threads() == usable
    with pytest.raises(ValueError, match="must be positive"):
        kernels.limit_threads(0)


def test_a_system_without_affinity_uses_all_cores(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert kernels.threads() == (os.cpu_count() or 1)
