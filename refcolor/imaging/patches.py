"""Cut square patches around points from feature planes into a batch, for the report's CNN.

One patch of P planes has (size, size, P) numbers; copies at other blur levels and angles are sampled when a
batch asks for them, and never stored.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from refcolor import kernels
from refcolor.config import PATCH
from refcolor.imaging.checks import check_array, check_finite
from refcolor.imaging.color import Image


def blur_stack(planes: Image, sigmas: Sequence[float]) -> Image:
    """Feature planes at several levels of Gaussian blur, mirrored at the border: (H, W, P) -> (S, H, W, P).

    `sigmas` are standard deviations in pixels; 0 leaves the planes as they are. ValueError for planes that
    are not float32, finite and of this shape, and for no levels or negative ones.
    """
    check_array(planes, "planes", np.float32, "H", "W", "P")
    check_finite(planes, "planes")
    if len(sigmas) == 0 or not all(np.isfinite(s) and s >= 0 for s in sigmas):
        raise ValueError(f"sigmas must be one or more numbers >= 0, not {tuple(sigmas)}")
    stack = np.stack([planes] * len(sigmas))
    for level, sigma in zip(stack, sigmas, strict=True):
        for p in range(planes.shape[2] if sigma else 0):
            level[..., p] = cv2.GaussianBlur(planes[..., p], (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    return stack


def gather(
    stack: Image,
    xy: NDArray[np.int32],
    *,
    level: ArrayLike = 0,
    angle: ArrayLike = 0.0,
    size: int = PATCH,
    threads: int | None = None,
) -> Image:
    """Cut one patch around every point: float32 (N, size, size, P).

    Item ``[n, i, j]`` is level ``level[n]`` sampled at ``xy[n] + R(angle[n]) (j - size // 2, i - size // 2)``
    with ``R(t) = [[cos t, -sin t], [sin t, cos t]]``: bilinear between pixel centers, mirrored at the border
    (reflect_101). At angle 0 the values are those of the planes, bit for bit.

    Parameters
    ----------
    stack : float32 (S, H, W, P)
        Feature planes at S levels, from :func:`blur_stack`. Its values are not checked.
    xy : int32 (N, 2)
        Patch centers (x, y), inside the image.
    level : integers (N,), or one for all
        Index into ``stack``.
    angle : floating (N,), or one for all
        Radians, from the x axis towards the y axis.
    size : int
        Side of a patch, odd.
    threads : int, optional
        :func:`refcolor.kernels.threads` if not given. The result does not depend on it.

    Raises
    ------
    ValueError, TypeError
        For another shape or dtype, a value out of range, or an image smaller than a patch.
    """
    check_array(stack, "stack", np.float32, "S", "H", "W", "P")
    check_array(xy, "xy", np.int32, "N", 2)
    _, height, width, planes = stack.shape
    if min(height, width) < size:
        raise ValueError(f"the image is {width}x{height} pixels: both sides must be at least {size}")
    x, y = np.ascontiguousarray(xy.T)
    levels = np.broadcast_to(level, len(xy)).astype(np.int32, casting="same_kind")
    angles = np.broadcast_to(angle, len(xy)).astype(np.float32, casting="same_kind")
    patches = np.empty((len(xy), size, size, planes), np.float32)
    threads = kernels.threads() if threads is None else threads
    stack = np.ascontiguousarray(stack)
    kernels.core.gather_patches(stack, x, y, levels, angles, size, patches, threads)  # checks the ranges
    return patches
