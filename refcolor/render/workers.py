"""Several processes on one machine, each coloring frames of the same job with its share of the cores."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from refcolor.methods.colorizer import Colorizer
from refcolor.render.painter import Job, Outcome, Painter

Run = list[int]

WORTH = 16  # frames for every worker at least, lest it has hardly started when they are done
HEAP, HEAP_PER_PIXEL = 3 << 29, 500  # bytes that a worker takes, and for each pixel of a frame
SHORT = 4  # frames of a run where whole pictures wait for their turn, and that are worth taking over
AHEAD = 2  # frames that a worker is given at a time: it need not wait for the next
WAITING = 2 * SHORT  # frames for every worker by which pictures may be ahead of their turn
TRIES = 3  # workers that a frame may end
FRUITLESS = 9  # workers that may end for each that there should be, and no frame done meanwhile
PATIENCE = 2.0  # seconds for a worker to end by itself
ENDED = "its worker was ended each time, perhaps for want of memory: use fewer --workers"


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


def runs(indices: Iterable[int], size: int) -> deque[Run]:
    """The frames in runs, each for one worker; `size`, a power of two, is that of the longest.

    Runs end where blocks of still frames do, or their halves, quarters and so on: frames of one have most
    to share.
    """
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

    A frame whose worker ends unasked is colored again by another, and fails alone if it ends them all.

    Parameters
    ----------
    job : Job
    colorizer : Colorizer
        Fitted on the keys.
    indices : sequence of int
        The frames to color, ascending.
    workers : int
        How many processes; 1 is this one.

    Raises
    ------
    OSError
        When the disk is full.
    """
    if workers == 1:
        painter = Painter(job, colorizer)
        yield from map(painter.paint, indices)
        return
    task = pickle.dumps((job, colorizer))
    if job.results is None:
        left = runs(indices, SHORT)
        yield from in_order(_paint(task, left, workers, WAITING * workers), indices)
    else:
        yield from _paint(task, _parts(indices, workers), workers, None)


def _parts(indices: Sequence[int], parts: int) -> deque[Run]:
    """The frames in so many runs of about the same length: the longer, the less two workers do twice."""
    return deque(found.tolist() for found in np.array_split(np.asarray(indices, int), parts) if found.size)


def in_order(found: Iterator[Outcome], indices: Iterable[int]) -> Iterator[Outcome]:
    """Outcomes in the order of their frames; those that come early wait."""
    early: dict[int, Outcome] = {}
    for index in indices:
        while index not in early:
            outcome = next(found)
            early[outcome.index] = outcome
        yield early.pop(index)


def _paint(task: bytes, left: deque[Run], workers: int, window: int | None) -> Iterator[Outcome]:
    """Outcomes as they are ready; none comes `window` frames before one that is not, if that is given."""
    place = {index: at for at, index in enumerate(index for run in left for index in run)}
    tries: Counter[int] = Counter()
    fruitless = 0
    with _team(task, workers) as team:
        while left or any(worker.frames for worker in team):
            for worker in team:
                if not worker.frames:
                    worker.frames += left.popleft() if left else [] if window else _spared(team)
            first = min(place[worker.frames[0]] for worker in team if worker.frames)
            for worker in team:
                worker.give(window and first + window, place)
            given = [worker.given[0] for worker in team if worker.given]
            wait(given, return_when=FIRST_COMPLETED)
            for worker in team:
                if not worker.given or not worker.given[0].done():
                    continue
                index, outcome = worker.take()
                if outcome is None:
                    tries[index], fruitless = tries[index] + 1, fruitless + 1
                    if fruitless >= FRUITLESS * workers:
                        yield from (
                            Outcome(i, ENDED) for run in (*(w.frames for w in team), *left) for i in run
                        )
                        return
                    if tries[index] < TRIES:
                        continue
                    worker.frames.popleft()
                    outcome = Outcome(index, ENDED)
                else:
                    fruitless = 0
                yield outcome


def _spared(team: Sequence[_Worker]) -> Run:
    """The last half of what the busiest worker has not been given yet, if it is worth it."""
    frames = max((worker.frames for worker in team), key=len)
    count = (len(frames) - AHEAD) // 2
    return [frames.pop() for _ in range(count)][::-1] if count >= SHORT else []


class _Worker:
    """A process with its share of the cores; started when it is given a frame, and again if it has ended.

    Attributes
    ----------
    frames : deque of int
        What it is to color; the first of them, as many as are `given`, it has been given.
    """

    def __init__(self, words: tuple[bytes, set[int], Connection], starter: ThreadPoolExecutor) -> None:
        self.frames: deque[int] = deque()
        self.given: deque[Future[Outcome]] = deque()
        self._again: set[int] = set()  # what one that has ended may have written
        self._words, self._starter = words, starter
        self._pool: ProcessPoolExecutor | None = None

    def give(self, end: int | None, place: Mapping[int, int]) -> None:
        """Give it a few frames, none whose place is `end` or later."""
        for index in list(self.frames)[len(self.given) : AHEAD]:
            if end is not None and place[index] >= end:
                return
            if self._pool is None:
                self._pool = ProcessPoolExecutor(1, _spawn, _begin, self._words)
            try:
                future = self._starter.submit(self._pool.submit, _color, index, index in self._again).result()
            except BrokenProcessPool as error:
                future = Future()
                future.set_exception(error)
            self.given.append(future)

    def take(self) -> tuple[int, Outcome | None]:
        """How the first of its frames went; None if it has ended over it, then all are still to be done."""
        index = self.frames[0]
        try:
            outcome = self.given[0].result()
        except BrokenProcessPool:
            self._again.update(list(self.frames)[: len(self.given)])
            self.given.clear()
            self.close()
            return index, None
        self.given.popleft()
        self.frames.popleft()
        return index, outcome

    def close(self) -> None:
        """Wait for its end."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._pool = None


@contextmanager
def _team(task: bytes, workers: int) -> Iterator[list[_Worker]]:
    """Workers for a pickled job and colorizer; they end when the context does, or this process."""
    mine, theirs = _spawn.Pipe()  # closed when they are to stop, or when this process has ended
    # Ctrl-C is not for the workers, nor may it come between while one is started: a thread does that
    starter = ThreadPoolExecutor(1, "starter", signal.pthread_sigmask, (signal.SIG_BLOCK, [signal.SIGINT]))
    team = [_Worker((task, cores, theirs), starter) for cores in _shares(workers)]
    try:
        yield team
    finally:
        mine.close()
        starter.shutdown()
        for worker in team:
            worker.close()


def _shares(workers: int) -> list[set[int]]:
    """The cores of every worker; some share one where there are not enough."""
    cores = sorted(os.sched_getaffinity(0))
    return [set(cores[worker::workers] or [cores[worker % len(cores)]]) for worker in range(workers)]


def _begin(task: bytes, cores: set[int], told: Connection) -> None:
    """In a worker: take its share of the cores, and get ready."""
    global _painter
    threading.Thread(target=_wait, args=(told,), daemon=True).start()
    os.sched_setaffinity(0, cores)
    _painter = Painter(*pickle.loads(task))


def _wait(told: Connection) -> None:
    """In a worker: end with the process that handed out the work, or soon after it says so."""
    told.poll(None)
    _stop.set()
    time.sleep(PATIENCE)
    os._exit(1)


def _color(index: int, again: bool) -> Outcome:
    """In a worker: color a frame, perhaps over what one before it has written, if there is time left."""
    if _stop.is_set():
        return Outcome(index, "stopped")
    return _painter.paint(index, again=again)


_spawn = multiprocessing.get_context("spawn")  # TensorFlow does not outlive a fork
_painter: Painter
_stop = threading.Event()
