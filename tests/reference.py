"""Slow, obvious twins of the compiled kernels."""

from __future__ import annotations

import numpy as np


def reflect_101(i: int, n: int) -> int:
    """Index of the pixel seen at position i of a line of n pixels mirrored at both of its end pixels."""
    if n == 1:
        return 0
    while not 0 <= i < n:
        i = -i if i < 0 else 2 * (n - 1) - i
    return i


def gather(stack, xy, level, angle, size):
    """Patches (N, size, size, P), float64 arithmetic: one bilinear sample after the other."""
    height, width, planes = stack.shape[1:]
    half = size // 2
    out = np.empty((len(xy), size, size, planes))
    for n, ((x, y), s, turn) in enumerate(zip(xy, level, angle, strict=True)):
        cos, sin = np.cos(float(turn)), np.sin(float(turn))
        for i in range(size):
            for j in range(size):
                u = x + cos * (j - half) - sin * (i - half)
                v = y + sin * (j - half) + cos * (i - half)
                left, top = int(np.floor(u)), int(np.floor(v))
                sample = np.zeros(planes)
                for row, wy in ((top, 1 - (v - top)), (top + 1, v - top)):
                    for column, wx in ((left, 1 - (u - left)), (left + 1, u - left)):
                        sample += wy * wx * stack[s, reflect_101(row, height), reflect_101(column, width)]
                out[n, i, j] = sample
    return out


def srgb_curve(linear):
    """Linear -> encoded: odd, and a straight line of slope 1.055 / 2.4 above 1."""
    x = np.abs(linear)
    inside = np.clip(x, 0.0031308, 1)
    y = np.where(x <= 0.0031308, 12.92 * x, 1.055 * inside ** (1 / 2.4) - 0.055)
    return np.copysign(np.where(x > 1, 1 + 1.055 / 2.4 * (x - 1), y), linear)


def lab_to_encoded(fy, ab):
    """Encoded RGB, not clipped, of fy = (L + 16) / 116 and ab (..., 2)."""
    f = np.stack([fy + ab[..., 0] / 500, fy, fy - ab[..., 1] / 200], -1)
    xyz = np.where(f > 0.206893, f**3, (f - 16 / 116) / 7.787) * [0.950456, 1, 1.088754]
    matrix = np.array(
        [[3.240479, -1.53715, -0.498535], [-0.969256, 1.875991, 0.041556], [0.055648, -0.204043, 1.057311]]
    )
    return srgb_curve(xyz @ matrix.T)


def luma_solved(luma, ab):
    """Encoded RGB, not clipped, with this luma and these a, b: sixty halvings of L."""
    dark, bright = np.full(luma.shape, -1.0), np.full(luma.shape, 3.0)
    for _ in range(60):
        middle = (dark + bright) / 2
        below = lab_to_encoded(middle, ab) @ [0.299, 0.587, 0.114] < luma
        dark, bright = np.where(below, middle, dark), np.where(below, bright, middle)
    return lab_to_encoded((dark + bright) / 2, ab)


def towards_gray(rgb, luma):
    """The share of rgb - luma that keeps every channel in [0, 1], added to gray."""
    away = rgb - luma[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(away > 0, (1 - luma[..., None]) / away, -luma[..., None] / away)
    share = np.where(away == 0, 1, np.minimum(room, 1)).min(-1, keepdims=True)
    return luma[..., None] + share * away


def luma_exact(luma, ab):
    """Encoded RGB (H, W, 3) in [0, 1], float64."""
    luma, ab = luma.astype(np.float64), ab.astype(np.float64)
    return towards_gray(luma_solved(luma, ab), luma)
