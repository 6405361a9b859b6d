"""Check and convert arrays: type, shape, range, size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refcolor.config import PATCH

WHITE = {"float32": 1, "float64": 1, "uint8": 255, "uint16": 65535}  # by the type of the samples


def as_picture(image: NDArray[Any], name: str, ndim: int) -> NDArray[np.float32]:
    """A working picture, float32 in [0, 1], from float32 or float64 in [0, 1], uint8, or uint16.

    It is (H, W, 3) if `ndim` is 3, or (H, W) if 2. ValueError, which calls the picture `name`, for another
    type or shape, values outside [0, 1], or a side shorter than a patch.
    """
    kind = str(getattr(image, "dtype", type(image).__name__))
    if not isinstance(image, np.ndarray) or kind not in WHITE:
        raise ValueError(f"the {name} is {kind}: give float32 or float64 in [0, 1], uint8, or uint16")
    if image.ndim != ndim or (ndim == 3 and image.shape[2] != 3):
        raise ValueError(f"the {name} has shape {image.shape}: give {'(H, W, 3)' if ndim == 3 else '(H, W)'}")
    picture = image.astype(np.float32, copy=False)
    if WHITE[kind] != 1:
        picture = picture / np.float32(WHITE[kind])
    if not picture.size or not (picture.min() >= 0 and picture.max() <= 1):  # NaN fails as well
        raise ValueError(f"the {name} has values outside [0, 1], or none: scale it first")
    check_size(picture, name)
    return picture


def check_size(image: NDArray[np.float32], name: str) -> None:
    """Raise ValueError when a picture is smaller than a patch."""
    h, w = image.shape[:2]
    if min(h, w) < PATCH:
        raise ValueError(f"the {name} is {w}x{h} pixels: both sides must be at least {PATCH}")


def check_array(array: Any, name: str, dtype: type[np.generic], *shape: int | str) -> None:
    """Raise ValueError unless `array` has this type and shape, in which a letter stands for any length."""
    seen = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
    alike = isinstance(array, np.ndarray) and np.issubdtype(array.dtype, dtype) and array.ndim == len(shape)
    if not alike or any(isinstance(n, int) and n != m for n, m in zip(shape, array.shape, strict=True)):
        raise ValueError(f"{name} must be {dtype.__name__} ({', '.join(map(str, shape))}), not {seen}")


def check_finite(array: NDArray[Any], name: str) -> None:
    """Raise ValueError for values that are not finite, or no values at all."""
    if not (array.size and np.isfinite(array).all()):
        raise ValueError(f"{name} has values that are not finite, or none")
