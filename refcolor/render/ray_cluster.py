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
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, redirect_stdout, suppress
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from refcolor import __version__
from refcolor.config import Config
from refcolor.errors import with_code
from refcolor.imaging.color import Image
from refcolor.methods.colorizer import Colorizer
from refcolor.render.painter import Job, Outcome
from refcolor.render.workers import chunks

TASKS_PER_PROCESSOR = 2  # chunks that are sent off, so that no processor waits for the next
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

# In a process of its own: where nothing answers, Ray tries for minutes and cannot be interrupted.
PROBE = """
import sys, ray
try:
    ray.init(address=sys.argv[1], log_to_driver=False)
except ConnectionError:
    sys.exit(1)
except Exception as error:
    sys.exit(print(*str(error).split()) or 1)
"""


class Cluster:
    """A connection to a running Ray cluster; a context manager that leaves the cluster as it was.

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

    def __init__(self, address: str) -> None:
        os.environ.setdefault("RAY_task_oom_retries", str(MAX_TRIES - 1))  # Ray's default is no limit
        try:
            import ray
        except ImportError:
            raise ImportError(MISSING) from None
        self._ray: Any = ray
        address = _probe(address)
        logging.getLogger("ray").setLevel(logging.CRITICAL)
        handler = signal.getsignal(signal.SIGTERM)
        with ExitStack() as stack:
            stack.enter_context(redirect_stdout(_WithoutRay(sys.stdout)))
            try:
                ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
            except Exception as error:
                raise OSError(_cannot_join(address, str(error))) from error
            finally:  # Ray's own handler prints a traceback
                if threading.current_thread() is threading.main_thread():
                    signal.signal(signal.SIGTERM, handler)
            stack.callback(ray.shutdown)
            self._head = ray.get_runtime_context().gcs_address
            if not self.processors:
                raise OSError(
                    f"the Ray cluster at {address!r} has no processors: let machines join it with ray start "
                    "--address=HOST:PORT"
                )
            self._stack = stack.pop_all()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def processors(self) -> int:
        """Processors of all machines together."""
        return self._total("CPU")

    @property
    def gpus(self) -> int:
        """GPUs of all machines together."""
        return self._total("GPU")

    def _total(self, resource: str) -> int:
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
        work = self._put(pickle.dumps((list(pictures), config)))
        task = self._task("fit", num_cpus=0, num_gpus=1).remote(__version__, work)
        try:
            colorizer: Colorizer = pickle.loads(self._get(self._first_done([task], "GPU")))
        except _LostError as error:
            raise OSError(f"the training was lost each time: {error}") from error
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
        model = self._put(pickle.dumps((job, colorizer)))  # once for all machines
        engine = colorizer.learned.engine.name if colorizer.learned and colorizer.learned.engine else None
        task = self._task("color", num_cpus=1)
        waiting = chunks(indices, self.processors, in_order=in_order)[::-1]
        running: dict[Any, list[int]] = {}

        def start(chunk: list[int]) -> None:
            running[task.remote(__version__, engine, model.hex(), model, chunk)] = chunk

        try:
            while waiting or running:
                while waiting and len(running) < TASKS_PER_PROCESSOR * max(1, self.processors):
                    start(waiting.pop())
                done = self._first_done([min(running, key=running.__getitem__)] if in_order else [*running])
                chunk = running.pop(done)
                try:
                    outcomes = self._get(done)
                except _LostError as error:
                    if len(chunk) == 1:
                        yield Outcome(chunk[0], f"its worker process was lost each time: {error}")
                    else:  # perhaps one of the frames ends every process
                        for index in chunk:
                            start([index])
                    continue
                if len(outcomes) < len(chunk):
                    start(chunk[len(outcomes) :])
                yield from outcomes
        finally:  # not ray.cancel: Ray 2.60 ends this process if it meets a task that is just ending
            if running and self._ray.is_initialized() and _accepts(self._head):
                self._ray.wait([*running], num_returns=len(running), timeout=STOP_SECONDS)

    def _task(self, name: str, **resources: int) -> Any:
        return self._ray.remote(_remote(name)).options(max_retries=MAX_TRIES - 1, **resources)

    def _put(self, data: bytes) -> Any:
        """Bytes for all machines, as an array, which workers read without a copy."""
        try:
            return self._ray.put(np.frombuffer(data, np.uint8))
        except self._ray.exceptions.RayError as error:
            megabytes = len(data) / 1e6
            raise OSError(f"the Ray cluster cannot hold {megabytes:.0f} MB: {_one_line(error)}") from error

    def _first_done(self, tasks: list[Any], resource: str = "CPU") -> Any:
        """The first task that has ended; OSError when no machine can run them."""
        seen = time.monotonic()
        while True:
            done, _ = self._ray.wait(tasks, timeout=POLL_SECONDS)
            if done:
                return done[0]
            if self._total(resource):
                seen = time.monotonic()
            elif time.monotonic() - seen > RESOURCE_SECONDS:
                lost = OSError(f"the Ray cluster has had no {resource} for {RESOURCE_SECONDS:.0f} s")
                raise with_code(lost, "cluster_lost")

    def _get(self, done: Any) -> Any:
        """The result of a task; raises its exception, or _LostError if its process or machine was lost."""
        errors = self._ray.exceptions
        try:
            return self._ray.get(done)
        except errors.RayError as error:
            cause = error.cause if isinstance(error, errors.RayTaskError) else error
            if not isinstance(cause, errors.RayError):
                raise cause from error
            memory = isinstance(cause, errors.OutOfMemoryError)
            raise _LostError(OUT_OF_MEMORY if memory else _one_line(cause)) from error


class _LostError(Exception):
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


def _cannot_join(address: str, message: str) -> str:
    return f"cannot join the Ray cluster at {address!r}: {_one_line(message)}"


def _probe(address: str) -> str:
    """The address, once a cluster has answered; ValueError if it is malformed, OSError if none answers."""
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS") or address  # as Ray does
    if address != "auto" and not re.fullmatch(r"[^/]+:\d+", address):
        raise ValueError(f"{address!r} is no address of a Ray cluster: give HOST:PORT, or auto")
    message = ""
    if address == "auto" or _accepts(address):
        command = [sys.executable, "-P", "-c", PROBE, address]
        with suppress(subprocess.TimeoutExpired):
            probe = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PROBE_SECONDS
            )
            if not probe.returncode:
                return address
            message = probe.stdout.strip()
    raise OSError(
        _cannot_join(address, message) if message else f"no Ray cluster answers at {address!r}: {START}"
    )


def _accepts(address: str) -> bool:
    """Whether a server accepts connections there."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError):
        return False
    return True


def _remote(name: str) -> Callable[..., Any]:
    """A function of :mod:`refcolor.render.ray_worker`, imported on the machine that runs it."""
    here = str(Path.cwd())

    def call(*arguments: Any) -> Any:
        from importlib import import_module

        if here in sys.path[:2]:  # Ray looks there first, but it may be a checkout that is not installed
            sys.path.remove(here)
        try:
            worker = import_module("refcolor.render.ray_worker")
        except ImportError as error:
            host = socket.gethostname()
            raise ImportError(
                f"machine {host} of the Ray cluster cannot load refcolor, install it on all: {error}"
            ) from None
        return getattr(worker, name)(*arguments)

    return call
