"""On a machine of a Ray cluster: train, or color frames, for a driver elsewhere."""

from __future__ import annotations

import os
import pickle
import socket
import time
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor import __version__, kernels
from refcolor.methods.colorizer import Colorizer
from refcolor.render.painter import Outcome, Painter

TASK_SECONDS = 2.0  # after which a task begins no other frame: the driver may want to stop


def fit(version: str, work: NDArray[np.uint8]) -> bytes:
    """A trained colorizer, pickled, of pickled pictures and config."""
    _check(version)
    pictures, config = pickle.loads(work.data)
    return pickle.dumps(Colorizer(config).fit(pictures))


def color(
    version: str, engine: str | None, name: str, model: NDArray[np.uint8], frames: list[int]
) -> list[Outcome]:
    """Color the first of these frames, as many as time allows, with a pickled job and colorizer."""
    global _painter
    end = time.monotonic() + TASK_SECONDS
    if _painter is None or _painter[0] != name:
        _check(version)
        cv2.setNumThreads(1)  # Ray runs one task per processor
        kernels.limit_threads(1)
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # only on the CPU is every bit the same everywhere
        if engine:
            os.environ["KERAS_BACKEND"] = engine
        _painter = None  # frees its memory first
        _painter = name, Painter(*pickle.loads(model.data))
    outcomes: list[Outcome] = []
    while len(outcomes) < len(frames) and (not outcomes or time.monotonic() < end):
        outcome = _painter[1].paint(frames[len(outcomes)])
        where = f" (on machine {socket.gethostname()})"
        outcomes.append(replace(outcome, error=outcome.error + where) if outcome.error else outcome)
    return outcomes


def _check(version: str) -> None:
    if version != __version__:
        raise ValueError(
            f"machine {socket.gethostname()} of the Ray cluster has refcolor {__version__}, this one "
            f"{version}: install the same on all"
        )


_painter: tuple[str, Painter] | None = None  # of the last model, by the model's name
