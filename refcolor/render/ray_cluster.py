"""A Ray cluster: frames are colored wherever there is a processor, and again where a machine was lost."""

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
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np

from refcolor import __version__
from refcolor.config import Config
from refcolor.imaging.color import Image
from refcolor.methods.colorizer import Colorizer
from refcolor.render.painter import Job, Outcome
from refcolor.render.ray_worker import flag
from refcolor.render.workers import SHORT, Run, in_order, runs

LONG = 64  # frames of a run, at most
EACH = 4  # runs for every processor, at least, so that all end at about the same time
AHEAD = 2  # runs for every processor that have been handed out and not come back
TRIES = 3  # times that a run is given out, and then each of its frames by itself, where all end unasked
ANSWER = 25.0  # seconds in which a cluster must answer
CALL = 10.0  # seconds in which its head must take a call
BEAT = 5.0  # seconds between looks at the cluster while nothing comes back from it
PATIENCE = 120.0  # seconds in which a processor or GPU must come back where the last one was lost
AWAY = 20.0  # seconds in which the head of a cluster must come back
LEAVE = 10.0  # seconds for frames to stop that are colored no more

MISSING = "--ray needs Ray: pip install 'refcolor[cluster]'"
SHORT_OF_MEMORY = "its machine has too little memory, have it offer fewer processors: ray start --num-cpus"
START = "start one with ray start --head, or let this machine join one with ray start --address=HOST:PORT"

# In a process of its own: where nothing answers, Ray tries for minutes and cannot be stopped from Python.
PROBE = """
import sys, ray
try:
    ray.init(address=sys.argv[1], log_to_driver=False)
except ConnectionError:
    sys.exit(1)
except Exception as error:
    print(*str(error).split())
    sys.exit(1)
"""


class Cluster:
    """A connection to a Ray cluster that is there already; a context manager, which leaves it as it was.

    Every machine needs refcolor, and the frames and the folders of the results under the same paths.

    Parameters
    ----------
    address : str
        HOST:PORT, or "auto" for the cluster that this machine belongs to.

    Raises
    ------
    ImportError, OSError, ValueError
        One line: Ray is not installed, no cluster answers, it has no processors, this is no address.
    """

    def __init__(self, address: str) -> None:
        try:
            import ray
        except ImportError:
            raise ImportError(MISSING) from None
        self._ray: Any = ray
        address = _probe(address)
        # what befalls other machines, Ray prints on stdout, and there the results are listed
        self._ray._private.worker._worker_logs_enabled = False
        logging.getLogger("ray").setLevel(logging.CRITICAL)
        ends = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
        except Exception as error:
            raise OSError(_cannot_join(address, str(error))) from error
        finally:  # Ray's own would print where in its libraries it was
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, ends)
        self._head = ray.get_runtime_context().gcs_address
        if not self.processors:
            ray.shutdown()
            raise OSError(
                f"the Ray cluster at {address!r} has no processors: let machines join it with ray start "
                "--address=HOST:PORT"
            )

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self._ray.shutdown()
        self._ray._private.worker._worker_logs_enabled = True

    @property
    def processors(self) -> int:
        """Processors of all machines together."""
        return self._all("CPU")

    @property
    def gpus(self) -> int:
        """GPUs of all machines together."""
        return self._all("GPU")

    def _all(self, resource: str) -> int:
        end = time.monotonic() + AWAY
        while not _open(self._head):  # Ray would wait for it as well, and then end this process
            if time.monotonic() > end:
                raise OSError(
                    f"the head of the Ray cluster, {self._head}, was lost: start again with --skip-existing "
                    "when it is back"
                )
            time.sleep(1)
        return int(self._ray.cluster_resources().get(resource, 0))

    def fit(self, pictures: Sequence[Image], config: Config) -> Colorizer:
        """Train on a machine with a GPU, and on another if that one is lost.

        Raises
        ------
        OSError, ValueError
            As :meth:`refcolor.Colorizer.fit` does, or when there is no such machine any more.
        """
        task = self._ray.remote(_there("fit")).options(num_cpus=0, num_gpus=1, max_retries=0)
        work = self._put(pickle.dumps((list(pictures), config)))
        for _ in range(TRIES):
            given = task.remote(__version__, work)
            try:
                found: Colorizer = pickle.loads(self._get(self._first([given], "GPU")))
            except _LostError as error:
                lost = error
            else:
                return found
        raise OSError(f"the training was ended each time: {lost}")

    def paint(self, job: Job, colorizer: Colorizer, indices: Sequence[int]) -> Generator[Outcome, None, None]:
        """Color frames; outcomes come as they are ready, in order where they hold pictures.

        Whatever a lost machine was working on is colored again on others. When the generator is closed,
        machines stop after the frame that each is at.

        Parameters
        ----------
        job : Job
            That may overwrite files, as frames are perhaps colored twice.

        Raises
        ------
        OSError, ValueError
            When a disk is full, a machine has no refcolor or another version, or none is left.
        """
        if not (job.force or job.results is None):
            raise ValueError("the job may not overwrite: a lost frame is written again, give one with force")
        with closing(self._paint(job, colorizer, indices)) as found:
            yield from in_order(found, indices) if job.results is None else found

    def _paint(
        self, job: Job, colorizer: Colorizer, indices: Sequence[int]
    ) -> Generator[Outcome, None, None]:
        pictures = job.results is None
        model = self._put(pickle.dumps((job, colorizer)))  # once, for all machines
        engine = colorizer.learned.engine.name if colorizer.learned.engine else None
        task = self._ray.remote(_there("run")).options(num_cpus=1, max_retries=0)
        size = SHORT if pictures else LONG
        while size > SHORT and len(indices) < size * EACH * self.processors:
            size //= 2
        left = runs(indices, size)
        given: dict[Any, Run] = {}
        tries: Counter[tuple[int, int]] = Counter()
        try:
            while left or given:
                room = AHEAD * max(1, self.processors)
                while left and len(given) < room:
                    run = left.popleft()
                    given[task.remote(__version__, engine, model.hex(), model, run)] = run
                # pictures wait for their turn in the cluster's store, there is less room in this process
                done = self._first(list(given)[: 1 if pictures else None])
                run = given.pop(done)
                try:
                    yield from self._get(done)
                except _LostError as error:
                    tries[run[0], len(run)] += 1
                    if tries[run[0], len(run)] < TRIES:
                        left.appendleft(run)
                    elif len(run) > 1:  # perhaps it is one of them that ends every worker
                        left.extendleft([index] for index in reversed(run))
                    else:
                        yield Outcome(run[0], f"its worker was ended each time: {error}")
        finally:
            self._stop(model.hex(), list(given))

    def _put(self, data: bytes) -> Any:
        """Bytes for all machines; as an array, which workers read where it lies."""
        try:
            return self._ray.put(np.frombuffer(data, np.uint8))
        except self._ray.exceptions.RayError as error:
            raise OSError(
                f"the Ray cluster cannot hold {len(data) / 1e6:.0f} MB: {_one_line(error)}"
            ) from error

    def _first(self, given: list[Any], resource: str = "CPU") -> Any:
        """The first that is done, or has failed.

        Raises
        ------
        OSError
            When no machine could do any of it.
        """
        seen = time.monotonic()
        while True:
            done, _ = self._ray.wait(given, timeout=BEAT)
            if done:
                return done[0]
            if self._all(resource):
                seen = time.monotonic()
            elif time.monotonic() - seen > PATIENCE:
                raise OSError(
                    f"the Ray cluster has had no {resource} for {PATIENCE:.0f} s: let machines join it, and "
                    "start again with --skip-existing"
                )

    def _get(self, done: Any) -> Any:
        """What a task has returned; what it has raised, or _LostError if it could not end."""
        errors = self._ray.exceptions
        try:
            return self._ray.get(done)
        except errors.RayTaskError as error:
            raise error.cause from error
        except errors.OutOfMemoryError as error:
            raise _LostError(SHORT_OF_MEMORY) from error
        except errors.RayError as error:
            raise _LostError(_one_line(error)) from error

    def _stop(self, name: str, given: list[Any]) -> None:
        """Have workers stop after the frame that each is at, so that nothing half-written is left."""
        if not given or not self._ray.is_initialized() or not _open(self._head):
            return
        # no ray.cancel: where it meets a task that is just ending, Ray ends this process (seen in 2.60)
        flags = self._ray.experimental.internal_kv
        flags._internal_kv_put(flag(name), b"")
        self._ray.wait(given, num_returns=len(given), timeout=LEAVE)
        flags._internal_kv_del(flag(name))


class _LostError(Exception):
    """A task's process or machine has ended."""


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]


def _probe(address: str) -> str:
    """The address, once a cluster has answered there; ValueError if it is none, OSError if none answers."""
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS") or address  # as Ray does
    if address != "auto" and not re.fullmatch(r"[^/]+:\d+", address):
        raise ValueError(f"{address!r} is no address of a Ray cluster: give HOST:PORT, or auto")
    said = ""
    if address == "auto" or _open(address):
        words = [sys.executable, "-P", "-c", PROBE, address]
        with suppress(subprocess.TimeoutExpired):
            found = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                timeout=ANSWER,
            )
            if not found.returncode:
                return address
            said = found.stdout
    raise OSError(
        _cannot_join(address, said) if said.strip() else f"no Ray cluster answers at {address!r}: {START}"
    )


def _open(address: str) -> bool:
    """Whether anybody listens there."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CALL).close()
    except (OSError, OverflowError):
        return False
    return True


def _cannot_join(address: str, said: str) -> str:
    return f"cannot join the Ray cluster at {address!r}: {' '.join(said.split())[:300]}"


def _there(name: str) -> Callable[..., Any]:
    """A function of `cluster_worker`, to be found on the machine where it is called; not all may have it."""
    here = str(Path.cwd())

    def call(*words: Any) -> Any:
        from importlib import import_module

        # Ray looks there first, but a checkout of refcolor is not the one that is installed
        if here in sys.path[:2]:
            sys.path.remove(here)
        try:
            module = import_module("refcolor.cluster_worker")
        except ImportError as error:
            raise ImportError(
                f"machine {socket.gethostname()} of the Ray cluster cannot load refcolor, install it on all: "
                f"{error}"
            ) from None
        return getattr(module, name)(*words)

    return call
