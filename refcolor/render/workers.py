"""Several processes on one machine color frames of one job; why the bytes stay the same: shots/shot.py."""

from __future__ import annotations

import math
import multiprocessing
import os
import pickle
import re
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import cv2

from refcolor import kernels, stderr
from refcolor.methods.colorizer import Colorizer
from refcolor.render.painter import Job, Outcome, Painter

Results = SimpleQueue[Outcome | BaseException]

MIN_FRAMES_PER_WORKER = 16  # below this start-up time dominates
BASE_MEMORY, MEMORY_PER_PIXEL = 3 << 29, 500  # bytes of one worker, and of each pixel of its frames
MAX_CHUNK = 64  # frames
PICTURE_CHUNK = 4  # frames, where pictures wait in memory for their turn
CHUNKS_PER_WORKER = 4  # at least, so that all workers end at about the same time
CHUNKS_AHEAD = 2  # chunks per worker that are started before the oldest one is complete
MAX_TRIES = 3  # processes that a frame may end before it fails
MAX_CRASHES = 9  # consecutive crashes per worker, with no frame done between them, before all give up
STOP_SECONDS = 2.0  # time for a process to finish its frame when it is told to stop
KILLED = "its worker process was killed each time, perhaps because memory ran out"
GAVE_UP = "worker processes were killed too often, perhaps because memory ran out"


def suitable_workers(frames: int, pixels: int) -> int:
    """Number of workers that pays off for so many frames of so many pixels, with the memory free now."""
    fit = _free_memory() / (BASE_MEMORY + MEMORY_PER_PIXEL * pixels)
    return max(1, int(min(kernels.threads(), frames // MIN_FRAMES_PER_WORKER, fit)))


def _free_memory() -> float:
    """Bytes that new processes may take: of the machine, and of the control group; infinite if unknown."""
    free = math.inf
    if sys.platform != "win32":
        with suppress(OSError, ValueError):
            free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2
    with suppress(OSError):  # Linux knows better
        free = 1024.0 * _number("MemAvailable", Path("/proc/meminfo"))
    group = Path("/sys/fs/cgroup")
    with suppress(OSError, ValueError):  # no control group, or no limit
        limit, used = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
        free = min(free, limit - used + _number("inactive_file", group / "memory.stat"))
    return free


def _number(name: str, path: Path) -> int:
    found = re.search(rf"^{name}\W+(\d+)", path.read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


def chunk_size(frames: int, workers: int) -> int:
    """Frames of a chunk, a power of two: large chunks share more work, small ones balance the workers."""
    size = MAX_CHUNK
    while size > PICTURE_CHUNK and frames < size * CHUNKS_PER_WORKER * workers:
        size //= 2
    return size


def chunks(indices: Iterable[int], size: int) -> list[list[int]]:
    """Split ascending frame indices at multiples of `size`, a power of two.

    Static areas take their colors from frames at multiples of powers of two, see
    :mod:`refcolor.shots.frame_pairs`: the frames of such a chunk share most of them.
    """
    return [list(chunk) for _, chunk in groupby(indices, lambda index: index // size)]


def color_frames(
    job: Job, colorizer: Colorizer, indices: Sequence[int], workers: int
) -> Generator[Outcome, None, None]:
    """Color frames with several processes; the results do not depend on their number.

    A frame whose process is killed is colored again, and fails alone if that happens each time.

    Parameters
    ----------
    job : Job
    colorizer : Colorizer
        Fitted on the keys.
    indices : sequence of int
        The frames to color, ascending.
    workers : int
        Number of processes; 1 is this process.

    Yields
    ------
    Outcome
        As soon as a frame is ready; in order if the outcomes carry pictures.

    Raises
    ------
    OSError
        When the disk is full.
    """
    if workers == 1:
        yield from map(Painter(job, colorizer).paint, indices)
        return
    in_order = job.results is None
    size = PICTURE_CHUNK if in_order else chunk_size(len(indices), workers)
    results: Results = SimpleQueue()
    started: deque[Iterator[Outcome]] = deque()
    with _team(pickle.dumps((job, colorizer)), workers) as color_chunk:
        for chunk in chunks(indices, size):
            results = SimpleQueue() if in_order else results
            color_chunk(chunk, results)
            started.append(_take(results, len(chunk)))
            if len(started) > CHUNKS_AHEAD * workers:
                yield from started.popleft()
        while started:
            yield from started.popleft()


def _take(results: Results, count: int) -> Iterator[Outcome]:
    for _ in range(count):
        outcome = results.get()
        if isinstance(outcome, BaseException):
            raise outcome
        yield outcome


@contextmanager
def _team(task: bytes, workers: int) -> Iterator[Callable[[list[int], Results], None]]:
    """Worker processes; gives a function that starts a chunk and puts its outcomes into a queue.

    Each process has a thread here, where Ctrl-C cannot interrupt the start of a process.
    """
    stopped, stop = _spawn.Pipe(duplex=False)
    shares = [max(1, (kernels.threads() + worker) // workers) for worker in range(workers)]
    crashes = _Crashes(MAX_CRASHES * workers)
    team = [_Worker(crashes, stop, task, share, stopped) for share in shares]
    idle: SimpleQueue[_Worker] = SimpleQueue()
    for worker in team:
        idle.put(worker)

    def color(chunk: list[int], results: Results) -> None:
        worker = idle.get()
        try:
            for index in chunk:
                results.put(worker.color(index))
        finally:
            idle.put(worker)

    def submit(chunk: list[int], results: Results) -> None:
        def pass_error(done: Future[None]) -> None:
            error = None if done.cancelled() else done.exception()
            if error is not None:
                results.put(error)

        threads.submit(color, chunk, results).add_done_callback(pass_error)

    threads = ThreadPoolExecutor(workers, initializer=_block_interrupts)
    try:
        yield submit
    finally:
        stop.close()
        threads.shutdown(cancel_futures=True)
        for worker in team:
            worker.pool.shutdown()
        stopped.close()


@dataclass
class _Crashes:
    """Consecutive crashes of all workers together, without a frame between them."""

    limit: int
    count: int = 0


class _Worker:
    """A process that is started for its first frame, and again when it was killed, until `stop` is closed."""

    def __init__(self, crashes: _Crashes, stop: Any, *settings: Any) -> None:
        self.crashes, self.stop, self.settings = crashes, stop, settings
        # Made before _block_interrupts: the first one starts a helper process and unblocks them again.
        self.pool = self._new_pool()

    def _new_pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, _spawn, _start, self.settings)

    def color(self, index: int) -> Outcome:
        """Color a frame, again if its process is killed."""
        for attempt in range(MAX_TRIES):
            if self.stop.closed or self.crashes.count >= self.crashes.limit:
                return Outcome(index, GAVE_UP, code="killed")
            try:
                with stderr.lock:  # a process that starts now keeps standard error as it is
                    future = self.pool.submit(_color, index, attempt > 0)
                outcome = future.result()
            except (BrokenProcessPool, BrokenPipeError):  # the second while it starts
                self.crashes.count += 1
                self.pool.shutdown()
                self.pool = self._new_pool()
            else:
                self.crashes.count = 0
                return outcome
        return Outcome(index, KILLED, code="killed")


def _block_interrupts() -> None:
    """Keep Ctrl-C from this thread and the processes it starts: it goes to every process of a terminal."""
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])


def _start(task: bytes, threads: int, stopped: Any) -> None:
    """In a worker process: prepare, with so many threads."""
    global _painter
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_when, args=(stopped,), daemon=True).start()
    kernels.limit_threads(threads)
    cv2.setNumThreads(threads)
    try:
        _painter = Painter(*pickle.loads(task))
    except (ValueError, OSError, ImportError) as error:  # raised later: a pool would print a traceback
        _painter = error


def _exit_when(stopped: Any) -> None:
    """In a worker process: end soon after the parent has closed its side of the pipe, or has ended."""
    with suppress(OSError):
        stopped.poll(None)
    time.sleep(STOP_SECONDS)
    os._exit(1)


def _color(index: int, again: bool) -> Outcome:
    """In a worker process: color a frame, perhaps over what a killed process has written."""
    if isinstance(_painter, Exception):
        raise _painter
    return _painter.paint(index, again=again)


_spawn = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
_painter: Painter | Exception
