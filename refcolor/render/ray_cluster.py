"""Color frames on a Ray cluster; the frames of a machine that is lost are colored again on others."""

from __future__ import annotations

import logging
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor import __version__, kernels
from refcolor.config import Config
from refcolor.errors import with_code
from refcolor.imaging.color import Image
from refcolor.methods.colorizer import Colorizer
from refcolor.render.painter import Job, Outcome, Painter
from refcolor.render.workers import chunks

TASKS_PER_PROCESSOR = 2  # chunks that are sent off, so that no processor waits for the next
TASK_SECONDS = 2.0  # after which a task begins no other frame: the driver may want to stop
MAX_TRIES = 3  # of a chunk, and then of each of its frames, when processes or machines are lost
PROBE_SECONDS = 25.0  # for a cluster to answer
CONNECT_SECONDS = 10.0  # for its head to accept a connection
POLL_SECONDS = 5.0  # between looks at the cluster while nothing comes back
RESOURCE_SECONDS = 120.0  # for a machine to join after the last one was lost
HEAD_SECONDS = 20.0  # for the head of the cluster to come back
STOP_SECONDS = 15.0  # for started tasks to end when nobody waits for them any more

MISSING = "Ray is not installed: pip install 'refcolor[cluster]'"
OUT_OF_MEMORY = "its machine ran out of memory; let it offer fewer processors: ray start --num-cpus"
START = "start one with ray start --head, or let this machine join one with ray start --address=HOST:PORT"


@contextmanager
def join(address: str) -> Iterator[Cluster]:
    """Join a running Ray cluster, and leave it as it was.

    Every machine needs refcolor, and the frames and the output folders under the same paths.

    Parameters
    ----------
    address : str
        HOST:PORT, or "auto" for the cluster that this machine belongs to.

    Raises
    ------
    ImportError, OSError, ValueError
        One line: Ray is not installed, no cluster answers, it has no processors, the address is malformed.
    """
    os.environ.setdefault("RAY_task_oom_retries", str(MAX_TRIES - 1))  # Ray's default is no limit
    try:
        import ray
    except ImportError:
        raise ImportError(MISSING) from None
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS") or address  # as Ray does
    if address != "auto" and not re.fullmatch(r"[^/]+:\d+", address):
        raise ValueError(f"{address!r} is no address of a Ray cluster: give HOST:PORT, or auto")
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    handler = signal.getsignal(signal.SIGTERM)
    with redirect_stdout(_WithoutRay(sys.stdout)):
        try:
            if not _answers(address):
                raise ConnectionError
            ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
        except ConnectionError as error:
            raise OSError(f"no Ray cluster answers at {address!r}: {START}") from error
        except Exception as error:  # as where another version of Ray runs
            raise OSError(f"cannot join the Ray cluster at {address!r}: {_one_line(error)}") from error
        finally:  # Ray's own handler prints a traceback
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, handler)
        try:
            cluster = Cluster(ray)
            if not cluster.total("CPU"):
                remedy = "let machines join it with ray start --address=HOST:PORT"
                raise OSError(f"the Ray cluster at {address!r} has no processors: {remedy}")
            yield cluster
        finally:
            ray.shutdown()


class Cluster:
    """A connection to a running Ray cluster, from :func:`join`."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._head = ray.get_runtime_context().gcs_address

    def total(self, resource: str) -> int:
        """Number of processors ("CPU") or GPUs ("GPU") of all machines; OSError if the head is lost."""
        end = time.monotonic() + HEAD_SECONDS
        while not _accepts(self._head):  # Ray itself would wait, and then end this process
            if time.monotonic() > end:
                lost = OSError(f"the head of the Ray cluster, {self._head}, was lost")
                raise with_code(lost, "cluster_lost")
            time.sleep(1)
        return int(self._ray.cluster_resources().get(resource, 0))

    def fit(self, pictures: Sequence[Image], config: Config) -> Colorizer:
        """Train on a machine with a GPU, and on another one if it is lost.

        Raises
        ------
        OSError, ValueError
            As :meth:`refcolor.Colorizer.fit` does, or when no machine has a GPU any more.
        """
        task = self._task(_fit, num_cpus=0, num_gpus=1).remote(self._put((list(pictures), config)))
        colorizer: Colorizer = pickle.loads(self._get(self._first_done([task], "GPU")))
        return colorizer

    def color_frames(
        self, job: Job, colorizer: Colorizer, indices: Sequence[int]
    ) -> Generator[Outcome, None, None]:
        """Color frames; the outcomes come as soon as they are ready, in order if they carry pictures.

        The parameters are those of :func:`refcolor.render.workers.color_frames`. The job must be allowed to
        overwrite files, because a lost frame may be colored twice.

        Raises
        ------
        OSError, ValueError
            When a disk is full, a machine has no refcolor or another version, or no machine is left.
        """
        in_order = job.results is None
        if not (job.force or in_order):
            raise ValueError("the job may not overwrite files: a lost frame is written again")
        model = self._put((job, colorizer))  # once for all machines
        engine = colorizer.learned.engine
        task = self._task(_color, num_cpus=1)
        waiting = chunks(indices, self.total("CPU"), in_order=in_order)[::-1]
        running: dict[Any, list[int]] = {}

        def start(chunk: list[int]) -> None:
            running[task.remote(engine and engine.name, model.hex(), model, chunk)] = chunk

        try:
            while waiting or running:
                while waiting and len(running) < TASKS_PER_PROCESSOR * max(1, self.total("CPU")):
                    start(waiting.pop())
                done = self._first_done([min(running, key=running.__getitem__)] if in_order else [*running])
                chunk = running.pop(done)
                try:
                    outcomes = self._get(done)
                except _LostError as error:
                    if len(chunk) > 1:  # perhaps one of the frames ends every process
                        for index in chunk:
                            start([index])
                        continue
                    outcomes = [Outcome(chunk[0], str(error))]
                if len(outcomes) < len(chunk):
                    start(chunk[len(outcomes) :])
                yield from outcomes
        finally:  # not ray.cancel: Ray 2.60 ends this process if it meets a task that is just ending
            if running and self._ray.is_initialized() and _accepts(self._head):
                self._ray.wait([*running], num_returns=len(running), timeout=STOP_SECONDS)

    def _task(self, function: Callable[..., Any], **resources: int) -> Any:
        return self._ray.remote(_remote(function)).options(max_retries=MAX_TRIES - 1, **resources)

    def _put(self, work: Any) -> Any:
        """Pickle work for all machines, as an array, which workers read without a copy."""
        data = pickle.dumps(work)
        try:
            return self._ray.put(np.frombuffer(data, np.uint8))
        except self._ray.exceptions.RayError as error:
            size = f"{len(data) / 1e6:.0f} MB"
            raise OSError(f"the Ray cluster cannot hold {size}: {_one_line(error)}") from error

    def _first_done(self, tasks: list[Any], resource: str = "CPU") -> Any:
        """The first task that has ended; OSError when no machine can run them."""
        seen = time.monotonic()
        while not (done := self._ray.wait(tasks, timeout=POLL_SECONDS)[0]):
            if self.total(resource):
                seen = time.monotonic()
            elif time.monotonic() - seen > RESOURCE_SECONDS:
                lost = OSError(f"the Ray cluster has had no {resource} for {RESOURCE_SECONDS:.0f} s")
                raise with_code(lost, "cluster_lost")
        return done[0]

    def _get(self, done: Any) -> Any:
        """The result of a task; raises its exception, or _LostError if its process or machine was lost."""
        errors = self._ray.exceptions
        try:
            return self._ray.get(done)
        except errors.RayError as error:
            cause = error.cause if isinstance(error, errors.RayTaskError) else error
            if not isinstance(cause, errors.RayError):
                raise cause from error
            why = OUT_OF_MEMORY if isinstance(cause, errors.OutOfMemoryError) else _one_line(cause)
            raise _LostError(f"its worker process was lost each time: {why}") from error


class _LostError(OSError):
    """The process or machine of a task was lost."""


class _WithoutRay:
    """A stream without the messages of Ray's threads: on stdout the command lists its results."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        ours = not threading.current_thread().name.startswith("ray_")
        return self._stream.write(text) if ours else len(text)


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:300]


def _answers(address: str) -> bool:
    """Whether a cluster answers, if only by an error; else Ray would try for minutes, uninterrupted."""
    if address != "auto" and not _accepts(address):
        return False
    words = [sys.executable, "-P", "-c", "import sys, ray; ray.init(address=sys.argv[1])", address]
    try:
        probe = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=PROBE_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return probe.returncode in (0, 1)  # else Ray has ended it


def _accepts(address: str) -> bool:
    """Whether a server accepts connections there."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError):
        return False
    return True


def _remote(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of this module, imported on the machine that runs it."""
    name, here, version = function.__name__, str(Path.cwd()), __version__

    def call(*arguments: Any) -> Any:
        from importlib import import_module

        machine = f"machine {socket.gethostname()} of the Ray cluster"
        if here in sys.path[:2]:  # Ray looks there first, but it may be a checkout that is not installed
            sys.path.remove(here)
        try:
            there: Any = import_module("refcolor.render.ray_cluster")
        except ImportError as error:
            raise ImportError(f"{machine} cannot load refcolor, install it on all: {error}") from None
        if there.__version__ != version:
            both = f"refcolor {there.__version__}, this one {version}"
            raise ValueError(f"{machine} has {both}: install the same on all")
        return getattr(there, name)(*arguments)

    return call


def _fit(work: NDArray[np.uint8]) -> bytes:
    """On a machine of the cluster: a trained colorizer, pickled, of pickled pictures and config."""
    pictures, config = pickle.loads(work.data)
    return pickle.dumps(Colorizer(config).fit(pictures))


def _color(engine: str | None, name: str, model: NDArray[np.uint8], frames: list[int]) -> list[Outcome]:
    """On a machine: color the first frames, as many as time allows, with a pickled job and colorizer."""
    end = time.monotonic() + TASK_SECONDS
    if name not in _painters:
        cv2.setNumThreads(1)  # Ray runs one task per processor
        kernels.limit_threads(1)
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # only on the CPU is every bit the same everywhere
        if engine:
            os.environ["KERAS_BACKEND"] = engine
        _painters.clear()  # frees memory first
        _painters[name] = Painter(*pickle.loads(model.data))
    outcomes: list[Outcome] = []
    while len(outcomes) < len(frames) and (not outcomes or time.monotonic() < end):
        outcome = _painters[name].paint(frames[len(outcomes)])
        where = f" (on machine {socket.gethostname()})"
        outcomes.append(replace(outcome, error=outcome.error + where) if outcome.error else outcome)
    return outcomes


_painters: dict[str, Painter] = {}  # of the last model, by the model's name
