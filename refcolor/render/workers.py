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
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, suppress
from functools import cache
from itertools import groupby
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import cv2

from refcolor import kernels, stderr
from refcolor.methods.colorizer import Colorizer
from refcolor.render.painter import Job, Outcome, Painter

Results = SimpleQueue[Outcome | Exception]

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


def chunks(indices: Sequence[int], workers: int, *, in_order: bool) -> list[list[int]]:
    """Split ascending frame indices at multiples of a power of two, in a way that keeps all workers busy.

    Static areas take their colors from frames at multiples of powers of two, see
    :mod:`refcolor.shots.frame_pairs`: the frames of such a chunk share most of them.
    """
    size = PICTURE_CHUNK if in_order else MAX_CHUNK
    while size > PICTURE_CHUNK and len(indices) < size * CHUNKS_PER_WORKER * workers:
        size //= 2
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
    results: Results = SimpleQueue()
    started: deque[Iterator[Outcome]] = deque()
    with closing(_Team(pickle.dumps((job, colorizer)), workers)) as team:
        for chunk in chunks(indices, workers, in_order=in_order):
            results = SimpleQueue() if in_order else results
            team.threads.submit(team.color, chunk, results)
            started.append(_take(results, len(chunk)))
            if len(started) > CHUNKS_AHEAD * workers:
                yield from started.popleft()
        while started:
            yield from started.popleft()


def _take(results: Results, count: int) -> Iterator[Outcome]:
    for _ in range(count):
        outcome = results.get()
        if isinstance(outcome, Exception):
            raise outcome
        yield outcome


class _Team:
    """Worker processes; each has a thread here, where Ctrl-C cannot interrupt the start of a process."""

    def __init__(self, task: bytes, workers: int) -> None:
        self.stopped, self.stop = _spawn.Pipe(duplex=False)
        shares = [max(1, (kernels.threads() + worker) // workers) for worker in range(workers)]
        self.settings = [(task, share, self.stopped) for share in shares]
        # Made before _block_interrupts: the first one starts a helper process and unblocks them again.
        self.pools = [self._new_pool(worker) for worker in range(workers)]
        self.threads = ThreadPoolExecutor(workers, initializer=_block_interrupts)
        self.idle: SimpleQueue[int] = SimpleQueue()
        for worker in range(workers):
            self.idle.put(worker)
        self.crashes = 0  # consecutive, of all workers together, without a frame between them

    def _new_pool(self, worker: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, _spawn, _start, self.settings[worker])

    def color(self, chunk: list[int], results: Results) -> None:
        """In a thread: color frames with one idle process."""
        worker = self.idle.get()
        try:
            for index in chunk:
                results.put(self._color(worker, index))
        except Exception as error:
            results.put(error)
        self.idle.put(worker)

    def _color(self, worker: int, index: int) -> Outcome:
        """Color a frame, again if its process is killed."""
        for attempt in range(MAX_TRIES):
            if self.stop.closed or self.crashes >= MAX_CRASHES * len(self.pools):
                return Outcome(index, GAVE_UP, code="killed")
            try:
                with stderr.lock:  # a process that starts now keeps standard error as it is
                    future = self.pools[worker].submit(_color, index, attempt > 0)
                outcome = future.result()
            except (BrokenProcessPool, BrokenPipeError):  # the second while it starts
                self.crashes += 1
                self.pools[worker].shutdown()
                self.pools[worker] = self._new_pool(worker)
            else:
                self.crashes = 0
                return outcome
        return Outcome(index, KILLED, code="killed")

    def close(self) -> None:
        """End all processes, at the latest after STOP_SECONDS."""
        self.stop.close()
        self.threads.shutdown(cancel_futures=True)
        for pool in self.pools:
            pool.shutdown()
        self.stopped.close()


def _block_interrupts() -> None:
    """Keep Ctrl-C from this thread and the processes it starts: it goes to every process of a terminal."""
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])


def _start(task: bytes, threads: int, stopped: Any) -> None:
    """In a worker process: prepare, with so many threads."""
    global _task
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_when, args=(stopped,), daemon=True).start()
    kernels.limit_threads(threads)
    cv2.setNumThreads(threads)
    _task = task


def _exit_when(stopped: Any) -> None:
    """In a worker process: end soon after the parent has closed its side of the pipe, or has ended."""
    with suppress(OSError):
        stopped.poll(None)
    time.sleep(STOP_SECONDS)
    os._exit(1)


@cache
def _painter() -> Painter:
    return Painter(*pickle.loads(_task))


def _color(index: int, again: bool) -> Outcome:
    """In a worker process: color a frame, perhaps over what a killed process has written."""
    return _painter().paint(index, again=again)


_spawn = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
_task: bytes
