"""Start Keras and its engine quietly, on the chosen device, with a fixed number of threads (same bytes).

The only module that knows TensorFlow by name. Everything here is slow (seconds), so callers check their
input first.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

from threadpoolctl import OpenBLASController, threadpool_limits

from refcolor.config import Device
from refcolor.errors import with_code
from refcolor.stderr import held_back

# The last bits of sums depend on the number of threads that share the work: a fixed number gives the same
# picture on one core and on many.
ENGINE_THREADS = 4


@dataclass(frozen=True)
class Engine:
    """The engine that runs the network, the GPUs that it sees, and the device in use: "cpu:0" or "gpu:0"."""

    name: str
    version: str
    gpus: tuple[str, ...]
    device: str

    @property
    def where(self) -> str:
        """The device in words: "the CPU" or the GPU's name."""
        return self.gpus[0] if self.device.startswith("gpu") else "the CPU"


def start(device: Device, *, quiet: bool = False) -> Engine:
    """Import Keras with its engine and choose the device; ValueError for a GPU that is not there.

    With `quiet`, what the engine's libraries print on start is held back, and shown when the start fails.
    """
    with held_back() if quiet else nullcontext():
        import keras

        name = keras.backend.backend()
        if name not in _ENGINES:
            raise ValueError(f"KERAS_BACKEND is {name!r}: refcolor runs on {' or '.join(_ENGINES)}")
        version, gpus = _ENGINES[name]()
    if device is Device.GPU and not gpus:
        remedy = "install the CUDA libraries with pip install 'tensorflow[and-cuda]'"
        raise with_code(ValueError(f"no GPU that {name} {version} can use: {remedy}"), "no_gpu")
    on_gpu = bool(gpus) and device is not Device.CPU
    return Engine(name, version, gpus, "gpu:0" if on_gpu else "cpu:0")


def on(engine: Engine) -> Any:
    """Context in which Keras puts weights and work on the engine's device."""
    import keras

    return keras.device(engine.device)


_single_thread = threading.Lock()


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Run the matrix products of the block on one BLAS thread: with more, their last bits would differ.

    OpenBLAS has one limit for the whole process. So only one thread at a time is in here, and it does not
    stay long: one thread's end cannot lift the limit while another still needs it.
    """
    with _single_thread:
        OpenBLASController.clear_controlling_thread(force=True)  # a limit of the caller would disable ours
        with threadpool_limits(1, "blas"):
            yield


def _tensorflow() -> tuple[str, tuple[str, ...]]:
    import tensorflow as tf

    with suppress(RuntimeError):  # the caller's own TensorFlow already runs, with the threads it chose
        tf.config.threading.set_intra_op_parallelism_threads(ENGINE_THREADS)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.get_logger().setLevel("ERROR")  # it warns of every new picture size
    return tf.__version__, tuple(
        str(tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name))
        for gpu in tf.config.list_physical_devices("GPU")
    )


def _jax() -> tuple[str, tuple[str, ...]]:
    import jax

    return jax.__version__, tuple(d.device_kind for d in jax.devices() if d.platform == "gpu")


_ENGINES: dict[str, Any] = {"tensorflow": _tensorflow, "jax": _jax}


if __name__ == "__main__":  # `refcolor info` asks in a process of its own, to stay quick and clean itself
    found = start(Device.AUTO, quiet=True)
    about = {found.name: found.version, "GPUs": ", ".join(found.gpus) or "none", "trains on": found.where}
    print(json.dumps(about))
