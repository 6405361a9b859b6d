import numpy as np
from numpy.typing import NDArray

def gather_patches(
    stack: NDArray[np.float32],
    x: NDArray[np.int32],
    y: NDArray[np.int32],
    level: NDArray[np.int32],
    angle: NDArray[np.float32],
    size: int,
    out: NDArray[np.float32],
    threads: int,
) -> None: ...
def luma_exact(
    luma: NDArray[np.float32],
    ab: NDArray[np.float32],
    rgb: NDArray[np.float32],
    threads: int,
) -> None: ...
def search(
    source: NDArray[np.int16],
    target: NDArray[np.int16],
    radius: int,
    cap: int,
    source_means: NDArray[np.int16],
    target_means: NDArray[np.int16],
    mean_cap: int,
    candidates: NDArray[np.int32],
    prior: NDArray[np.int32] | None,
    flow_weight: int,
    max_flow_distance: int,
    labels: NDArray[np.uint8] | None,
    unary: NDArray[np.uint16] | None,
    jumps: NDArray[np.int32],
    reach: int,
    rounds: int,
    seed: int,
    field: NDArray[np.int32],
    cost: NDArray[np.int32],
    threads: int,
) -> None: ...
def vote(
    source_gray: NDArray[np.float32],
    source_ab: NDArray[np.float32],
    target_gray: NDArray[np.float32],
    field: NDArray[np.int32],
    cost: NDArray[np.int32],
    radius: int,
    temperature: float,
    luma_spread: float,
    bandwidth: float,
    ab: NDArray[np.float32],
    share: NDArray[np.float32],
    threads: int,
) -> None: ...
