"""Slow, obvious twins of the compiled kernels."""

from __future__ import annotations

from functools import cache

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


def mixed(a, b, c):
    """The 32-bit random number of (pixel, seed + round, try)."""
    h = (a * 0x9E3779B1 ^ b * 0x85EBCA77 ^ c * 0xC2B2AE3D) % 2**32
    h = (h ^ h >> 15) * 0x2C1B3C6D % 2**32
    h = (h ^ h >> 12) * 0x297A2D39 % 2**32
    return h ^ h >> 15


def clamped(i, first, last):
    return min(max(int(i), first), last)


def in_the_view_of(match, x, y, rows, columns):
    """(x, y) moved into the view, of rows x columns pixels, in which `match` lies."""
    top = match[1] // rows * rows
    return clamped(x, 0, columns - 1), clamped(y, top, top + rows - 1)


def search(
    *,
    source,
    target,
    radius,
    cap,
    source_means,
    target_means,
    mean_cap,
    candidates,
    prior,
    flow_weight,
    max_flow_distance,
    labels,
    unary,
    jumps,
    reach,
    rounds,
    seed,
    field,
):
    """Field (H, W, 2) after the search, and the cost (H, W) of its matches."""
    views, rows, columns = np.subtract(source.shape[:3], (0, 2 * radius, 2 * radius)).tolist()
    height, width = field.shape[:2]
    side = 2 * radius + 1
    pixels = [(x, y) for y in range(height) for x in range(width)]

    @cache
    def price(x, y, match):
        known = 0
        if prior is not None and prior[y, x, 0] >= 0:
            near, far = sorted(abs(here - int(there)) for here, there in zip(match, prior[y, x], strict=True))
            known += flow_weight * min(far + near // 2, max_flow_distance)
        view, row = divmod(match[1], rows)
        if unary is not None:
            known += int(unary[y, x, labels[view, row, match[0]]])
        apart = side**2 * (int(target_means[y, x]) - int(source_means[view, row, match[0]])) ** 2
        known += apart * mean_cap // (apart + mean_cap)
        there = source[view, row : row + side, match[0] : match[0] + side].astype(int)
        total = int(((there - target[y : y + side, x : x + side]) ** 2).sum())
        return known + total * cap // (total + cap)

    def cheaper(x, y, old, new):
        return new if price(x, y, new) < price(x, y, old) else old

    def anywhere(match):
        return clamped(match[0], 0, columns - 1), clamped(match[1], 0, views * rows - 1)

    best = {}
    for x, y in pixels:
        best[x, y] = anywhere(field[y, x])
        for candidate in candidates:
            best[x, y] = cheaper(x, y, best[x, y], anywhere(candidate[y, x]))

    for turn in range(rounds):
        before = best.copy()
        for x, y in pixels:
            for jump in jumps.tolist():
                for dx, dy in ((-jump, 0), (jump, 0), (0, -jump), (0, jump)):
                    if (x + dx, y + dy) in before:
                        u, v = before[x + dx, y + dy]
                        new = in_the_view_of((u, v), u - dx, v - dy, rows, columns)
                        best[x, y] = cheaper(x, y, best[x, y], new)
            radii = [reach >> i for i in range(reach.bit_length())]
            for count, most in enumerate(radii, 1):
                random = mixed(y * width + x, seed + turn, count)
                u, v = best[x, y]
                # Either half of the number, over 2^16, picks one of the 2 most + 1 steps from -most to most.
                u += random % 2**16 * (2 * most + 1) // 2**16 - most
                v += random // 2**16 * (2 * most + 1) // 2**16 - most
                best[x, y] = cheaper(x, y, best[x, y], in_the_view_of(best[x, y], u, v, rows, columns))

    found = np.array([best[pixel] for pixel in pixels]).reshape(height, width, 2)
    costs = np.array([price(x, y, best[x, y]) for x, y in pixels]).reshape(height, width)
    return found, costs


def vote(*, source_gray, source_ab, target_gray, field, cost, radius, temperature, luma_spread, bandwidth):
    """Chroma (H, W, 2) of the strongest mode of the votes and its share (H, W) of them, float64."""
    rows, columns = source_gray.shape[1:]
    height, width = target_gray.shape
    ab, share = np.empty((height, width, 2)), np.empty((height, width))
    for y in range(height):
        for x in range(width):
            colors, off, costs = [], [], []
            for j in range(max(y - radius, 0), min(y + radius + 1, height)):
                for i in range(max(x - radius, 0), min(x + radius + 1, width)):
                    u, v = field[j, i]
                    u, v = in_the_view_of((u, v), u + x - i, v + y - j, rows, columns)
                    colors.append(source_ab[v // rows, v % rows, u])
                    off.append(source_gray[v // rows, v % rows, u] - target_gray[y, x])
                    costs.append(cost[j, i])
            colors, off, costs = (np.array(each, np.float64) for each in (colors, off, costs))
            weight = np.exp(-0.5 * (off / luma_spread) ** 2 - (costs - costs.min()) / temperature) + 1e-6
            apart = ((colors[:, None] - colors) ** 2).sum(-1)
            kinship = np.maximum(0, 1 - apart / bandwidth**2) * weight
            followers = kinship[kinship.sum(1).argmax()]
            ab[y, x] = followers @ colors / followers.sum()
            share[y, x] = followers.sum() / weight.sum()
    return ab, share
