"""A Ray cluster: frames are coloured wherever there is a processor, and again where a machine was lost."""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Iterator, Sequence
from typing import Any

from .color import Image
from .config import Config
from .pipeline import Colorizer
from .rendering import Job, Outcome, Painter
from .workers import in_order, runs

AHEAD = 2  # runs for every processor that have been handed out and not come back
MISSING = "--ray needs Ray: pip install 'refcolor[cluster]'"


class Cluster:
    """A connection to a Ray cluster; a context manager.

    Every machine needs refcolor and the same paths to the frames and to the results.

    Raises
    ------
    ImportError, OSError
        One line: Ray is not installed, or no cluster answers at `address`.
    """

    def __init__(self, address: str) -> None:
        try:
            import ray
        except ImportError:
            raise ImportError(MISSING) from None
        self.ray: Any = ray
        try:
            ray.init(
                address=address, log_to_driver=False, logging_level=logging.ERROR, configure_logging=False
            )
        except (ConnectionError, ValueError, RuntimeError, OSError) as error:
            said = " ".join(str(error).split())[:200]
            raise OSError(
                f"no Ray cluster answers at {address!r}: {said}; start one with ray start --head"
            ) from None

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.ray.shutdown()

    @property
    def processors(self) -> int:
        """Processors of all machines together."""
        return int(self.ray.cluster_resources().get("CPU", 1))

    @property
    def gpus(self) -> int:
        """GPUs of all machines together."""
        return int(self.ray.cluster_resources().get("GPU", 0))

    def fit(self, pictures: Sequence[Image], config: Config) -> Colorizer:
        """Train on a machine with a GPU."""
        task = self.ray.remote(_fit).options(num_gpus=1, max_retries=-1)
        found: Colorizer = pickle.loads(self.ray.get(task.remote(self.ray.put(list(pictures)), config)))
        return found

    def paint(self, job: Job, colorizer: Colorizer, indices: Sequence[int]) -> Iterator[Outcome]:
        """Color frames; outcomes come as they are ready, in order where they hold pictures."""
        found = self._paint(job, colorizer, indices)
        yield from in_order(found, indices) if job.results is None else found

    def _paint(self, job: Job, colorizer: Colorizer, indices: Sequence[int]) -> Iterator[Outcome]:
        model = self.ray.put(pickle.dumps((job, colorizer)))  # once, for all machines
        task = self.ray.remote(_run).options(num_cpus=1, max_retries=-1)  # again wherever a machine is lost
        left = runs(indices, AHEAD * self.processors, pictures=job.results is None)
        given: list[Any] = []
        while left or given:
            while left and len(given) < AHEAD * self.processors:
                given.append(task.remote(model, left.popleft()))
            done, given = self.ray.wait(given)
            for outcomes in self.ray.get(done):
                yield from outcomes


def _fit(pictures: list[Image], config: Config) -> bytes:
    """On a machine of the cluster: a trained colorizer."""
    return pickle.dumps(Colorizer(config).fit(pictures))


def _run(model: bytes, run: list[int]) -> list[Outcome]:
    """On a machine of the cluster: color a run."""
    global _painter
    if _painter is None or _painter[0] != hash(model):
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)
        _painter = hash(model), Painter(*pickle.loads(model))
    return [_painter[1].paint(index) for index in run]


_painter: tuple[int, Painter] | None = None
