"""Cut square patches around points from feature planes into a batch, for the report's CNN.

One patch of P planes has (size, size, P) numbers; copies at other blur levels and angles are sampled when a
batch asks for them, and never stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from refcolor import kernels
from refcolor.imaging.color import Image

__all__ = ["blur_stack", "gather"]

REFLECT_101 = cv2.BORDER_REFLECT_101


def blur_stack(planes: Image, sigmas: Sequence[float]) -> Image:
    """Feature planes at several levels of Gaussian blur.

    Parameters
    ----------
    planes : float32 (H, W, P)
        Feature planes, finite.
    sigmas : sequence of float
        Standard deviations in pixels, one per level; 0 leaves the planes as they are.

    Returns
    -------
    float32 (S, H, W, P)
        Level ``s`` is ``planes`` blurred by ``sigmas[s]``, mirrored at the border (reflect_101).

    Raises
    ------
    ValueError
        If ``planes`` is not float32 (H, W, P), is empty or has NaN or infinite values, or if ``sigmas`` is
        empty or has a negative or non-finite entry.
    """
    planes = np.asarray(planes)
    if planes.dtype != np.float32 or planes.ndim != 3 or planes.size == 0:
        raise ValueError(f"planes must be non-empty float32 (H, W, P), not {planes.dtype} {planes.shape}")
    if not np.isfinite(planes).all():
        raise ValueError("planes has NaN or infinite values")
    if len(sigmas) == 0 or not all(np.isfinite(s) and s >= 0 for s in sigmas):
        raise ValueError(f"sigmas must be one or more numbers >= 0, not {tuple(sigmas)}")
    stack = np.empty((len(sigmas), *planes.shape), np.float32)
    for level, sigma in zip(stack, sigmas, strict=True):
        for p in range(planes.shape[2]):
            plane = planes[..., p]
            level[..., p] = cv2.GaussianBlur(plane, (0, 0), sigma, borderType=REFLECT_101) if sigma else plane
    return stack


def gather(
    stack: Image,
    xy: NDArray[np.int32],
    *,
    level: ArrayLike | None = None,
    angle: ArrayLike | None = None,
    size: int = 29,
    out: Image | None = None,
    threads: int | None = None,
) -> Image:
    """Cut one patch around every point.

    ``out[n, i, j]`` is level ``level[n]`` sampled at ``xy[n] + R(angle[n]) (j - size // 2, i - size // 2)``,
    with ``R(t) = [[cos t, -sin t], [sin t, cos t]]``: bilinear between pixel centers, mirrored at the border
    (reflect_101). At angle 0 the values are those of the planes, bit for bit.

    Parameters
    ----------
    stack : float32 (S, H, W, P), C-contiguous
        Feature planes at S levels, from :func:`blur_stack`. Its values are not checked.
    xy : int32 (N, 2)
        Patch centers (x, y), inside the image.
    level : int32 (N,), or one for all; optional
        Index into ``stack``; 0 if not given.
    angle : float32 (N,), or one for all; optional
        Radians, from the x axis towards the y axis; 0 if not given.
    size : int
        Side of a patch, odd.
    out : float32 (N, size, size, P), C-contiguous, optional
        Where to put the patches, for a batch that is filled again and again.
    threads : int, optional
        :func:`refcolor.kernels.threads` if not given. The result does not depend on it.

    Returns
    -------
    float32 (N, size, size, P)
        ``out``, or a new array.

    Raises
    ------
    ValueError
        For another shape, dtype or layout, a value out of range, or an image smaller than a patch.
    """
    _check_stack(stack, size)
    levels, height, width, planes = stack.shape
    x, y = _split_centers(xy, width, height)
    index = _per_patch("level", level, len(xy), np.int32)
    turn = _per_patch("angle", angle, len(xy), np.float32)
    _in_range("level", index, levels)
    if not np.isfinite(turn).all():
        raise ValueError("angle has NaN or infinite values")
    shape = (len(xy), size, size, planes)
    if out is None:
        out = np.empty(shape, np.float32)
    elif out.dtype != np.float32 or out.shape != shape or not out.flags.c_contiguous:
        raise ValueError(f"out must be C-contiguous float32 {shape}, not {_kind(out)}")
    kernels.core.gather_patches(
        stack, x, y, index, turn, size, out, kernels.threads() if threads is None else threads
    )
    return out


def _check_stack(stack: Image, size: int) -> None:
    if not (isinstance(stack, np.ndarray) and stack.dtype == np.float32 and stack.ndim == 4 and stack.size):
        raise ValueError(f"stack must be non-empty float32 (S, H, W, P), not {_kind(stack)}")
    if not stack.flags.c_contiguous:
        raise ValueError("stack must be C-contiguous; pass np.ascontiguousarray(stack)")
    if size < 1 or size % 2 == 0:
        raise ValueError(f"size must be odd and positive, not {size}")
    _, height, width, _ = stack.shape
    if min(height, width) < size:
        raise ValueError(
            f"the image is smaller than a patch: {width}x{height} pixels against {size}x{size}; "
            "use a larger image or a smaller patch"
        )


def _kind(value: object) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__


def _per_patch(name: str, value: ArrayLike | None, count: int, dtype: type[np.generic]) -> NDArray[Any]:
    """One value per patch as a contiguous array; a Python number or a scalar stands for all."""
    array = np.asarray(0 if value is None else value)
    if array.ndim == 0:
        return np.full(count, array, dtype)
    if array.dtype != dtype or array.shape != (count,):
        raise ValueError(f"{name} must be {np.dtype(dtype).name} ({count},), not {_kind(array)}")
    return np.ascontiguousarray(array)


def _split_centers(xy: object, width: int, height: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """x and y of points (N, 2) that lie inside the image."""
    if not (isinstance(xy, np.ndarray) and xy.dtype == np.int32 and xy.ndim == 2 and xy.shape[1] == 2):
        raise ValueError(f"xy must be int32 (N, 2), not {_kind(xy)}")
    x, y = np.ascontiguousarray(xy[:, 0]), np.ascontiguousarray(xy[:, 1])
    _in_range("x", x, width)
    _in_range("y", y, height)
    return x, y


def _in_range(name: str, values: NDArray[np.int32], end: int) -> None:
    if len(values) and not (values.min() >= 0 and values.max() < end):
        raise ValueError(f"{name} must be in [0, {end - 1}], not {values.min()} to {values.max()}")
