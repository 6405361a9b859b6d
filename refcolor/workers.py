"""Several processes on one machine, each coloring frames of the same job with its share of the cores."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from .pipeline import Colorizer
from .rendering import Job, Outcome, Painter

Run = list[int]

WORTH = 16  # frames for every worker at least, lest it has hardly started when they are done
HEAP, HEAP_PER_PIXEL = 1 << 30, 500  # bytes that a worker takes, and for each pixel of a frame
LONG = 64  # frames of a run, at most
EACH = 4  # runs for every worker, at least, so that all end at about the same time
SHORT = 4  # frames of a run, at least; as few where whole pictures wait for their turn
AHEAD = 2  # runs for every worker that have been handed out and not come back
TRIES = 3  # pools in a row that color nothing, as their workers end unasked
PATIENCE = 2.0  # seconds for a worker to end by itself


def suitable_workers(frames: int, pixels: int) -> int:
    """How many workers are worth it for so many frames of so many pixels, on the machine as it is now."""
    cores = len(os.sched_getaffinity(0))
    fit = _memory() // (HEAP + HEAP_PER_PIXEL * pixels)
    return max(1, min(cores, frames // WORTH, fit))


def _memory() -> int:
    """Bytes that are available: of the machine, or of this process's control group, if it allows less."""
    left = _table("/proc/meminfo")["MemAvailable"] << 10
    group = Path("/sys/fs/cgroup")
    with suppress(OSError, ValueError):  # there is none, or it has no limit
        limit, used = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
        left = min(left, limit - used + _table(group / "memory.stat")["inactive_file"])
    return left


def _table(path: str | Path) -> dict[str, int]:
    """The numbers of a file of the kernel, a name and a number on each line."""
    lines = (line.split() for line in Path(path).read_text().splitlines())
    return {name.rstrip(":"): int(number) for name, number, *_ in lines}


def runs(indices: Iterable[int], parts: int, *, pictures: bool = False) -> deque[Run]:
    """The frames in runs, each for one worker and at least so many `parts` of them.

    Runs end where blocks of still frames do, or their halves, quarters and so on: frames of one have most
    to share.
    """
    indices = list(indices)
    size = LONG
    while size > SHORT and (pictures or len(indices) < size * parts):
        size //= 2
    found: deque[Run] = deque()
    for index in indices:
        if not found or found[-1][0] // size != index // size:
            found.append([])
        found[-1].append(index)
    return found


def paint(
    job: Job, colorizer: Colorizer, indices: Sequence[int], workers: int
) -> Generator[Outcome, None, None]:
    """Color frames by several processes; outcomes come as they are ready, in order where they hold pictures.

    The frames of a worker that ends unasked are coloured again.

    Raises
    ------
    OSError
        When the disk is full.
    """
    if workers == 1:
        painter = Painter(job, colorizer)
        yield from map(painter.paint, indices)
        return
    found = _paint(
        pickle.dumps((job, colorizer)), runs(indices, workers * EACH, pictures=job.results is None), workers
    )
    yield from in_order(found, indices) if job.results is None else found


def in_order(found: Iterator[Outcome], indices: Iterable[int]) -> Iterator[Outcome]:
    """Outcomes in the order of their frames; those that come early wait."""
    early: dict[int, Outcome] = {}
    for index in indices:
        while index not in early:
            outcome = next(found)
            early[outcome.index] = outcome
        yield early.pop(index)


def _paint(task: bytes, left: deque[Run], workers: int) -> Iterator[Outcome]:
    tries = 0
    while tries < TRIES:
        tries += 1
        try:
            for outcome in _by_one_pool(task, left, workers):
                tries = 0
                yield outcome
        except BrokenProcessPool:
            continue
        return
    for index in (index for run in left for index in run):
        yield Outcome(
            index, "its worker was ended each time, perhaps for want of memory: use fewer --workers"
        )


def _by_one_pool(task: bytes, left: deque[Run], workers: int) -> Iterator[Outcome]:
    """Color the runs that are left; those that a broken pool has not done are left again."""
    spawn = multiprocessing.get_context("spawn")  # TensorFlow does not outlive a fork
    mine, theirs = spawn.Pipe()  # closed when they are to stop, or when this process has ended
    shares = spawn.Queue()
    for cores in _shares(workers):
        shares.put(cores)
    pool = ProcessPoolExecutor(workers, spawn, _begin, (task, shares, theirs))
    # Ctrl-C is not for the workers, nor may it come between while one is started: a thread does that
    starter = ThreadPoolExecutor(1, "starter", signal.pthread_sigmask, (signal.SIG_BLOCK, [signal.SIGINT]))
    given: dict[Future[list[Outcome]], Run] = {}
    try:
        while left or given:
            while left and len(given) < AHEAD * workers:
                given[starter.submit(pool.submit, _run, left[0]).result()] = left[0]
                left.popleft()
            for done in wait(given, return_when=FIRST_COMPLETED).done:
                outcomes = done.result()
                del given[done]
                yield from outcomes
    finally:
        left.extendleft(sorted(given.values(), reverse=True))
        mine.close()
        starter.shutdown()
        pool.shutdown(cancel_futures=True)


def _shares(workers: int) -> list[set[int]]:
    """The cores of every worker; some share one where there are not enough."""
    cores = sorted(os.sched_getaffinity(0))
    each = max(1, len(cores) // workers)
    return [{cores[(worker * each + i) % len(cores)] for i in range(each)} for worker in range(workers)]


def _begin(task: bytes, shares: Any, told: Connection) -> None:
    """In a worker: take a share of the cores, and get ready."""
    global _painter
    threading.Thread(target=_wait, args=(told,), daemon=True).start()
    os.sched_setaffinity(0, shares.get())
    _painter = Painter(*pickle.loads(task))


def _wait(told: Connection) -> None:
    """In a worker: end with the process that handed out the work, or soon after it says so."""
    told.poll(None)
    _stop.set()
    time.sleep(PATIENCE)
    os._exit(1)


def _run(run: Run) -> list[Outcome]:
    """In a worker: color a run, or as much of it as there is time for."""
    return [_painter.paint(index) for index in run if not _stop.is_set()]


_painter: Painter
_stop = threading.Event()
