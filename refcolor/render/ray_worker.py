"""On a machine of a Ray cluster: train, or color frames, for whoever asked."""

from __future__ import annotations

import os
import pickle
import socket
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor import __version__
from refcolor.methods.colorizer import Colorizer
from refcolor.render.painter import Outcome, Painter


def fit(version: str, work: NDArray[np.uint8]) -> bytes:
    """A trained colorizer, pickled, of pickled pictures and config."""
    _check(version)
    pictures, config = pickle.loads(work.data)
    return pickle.dumps(Colorizer(config).fit(pictures))


def run(
    version: str, engine: str | None, name: str, model: NDArray[np.uint8], frames: list[int]
) -> list[Outcome]:
    """Color frames with the model of this name, a pickled job and colorizer."""
    global _painter
    if _stopped(name):
        return []
    if _painter is None or _painter[0] != name:
        _check(version)
        cv2.setNumThreads(1)  # as many workers as processors, each with one
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # frames are colored on the CPU, the same bits everywhere
        if engine:
            os.environ["KERAS_BACKEND"] = engine
        _painter = None
        _painter = name, Painter(*pickle.loads(model.data))
    outcomes = [_painter[1].paint(index) for index in frames if not _stopped(name)]
    where = f" (on machine {socket.gethostname()})"
    return [replace(each, error=each.error + where) if each.error else each for each in outcomes]


def flag(name: str) -> bytes:
    """Name of the cluster's value that stops all who color with this model."""
    return f"refcolor stop {name}".encode()


def _stopped(name: str) -> bool:
    """Whether nobody waits for its frames any more."""
    from ray.experimental.internal_kv import _internal_kv_exists

    return bool(_internal_kv_exists(flag(name)))


def _check(version: str) -> None:
    if version != __version__:
        raise ValueError(
            f"machine {socket.gethostname()} of the Ray cluster has refcolor {__version__}, this one "
            f"{version}: install the same on all"
        )


_painter: tuple[str, Painter] | None = None
