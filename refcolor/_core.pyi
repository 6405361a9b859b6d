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
