"""Times the compiled kernels against the best NumPy and OpenCV ways to do the same work, in one run.

    python benchmarks/kernels.py

Each row is checked for the same answer before it is timed. Ratios are baseline time over kernel time: above 1
the kernel is faster. "of limit" is the kernel's time on one thread over the least it could take: its bytes at
the speed of a copy, or its arithmetic at two SSE2 operations a cycle, whichever is longer. "scales" is one
thread's time over two threads'. Trust the ratios more than the seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from refcolor import kernels
from refcolor.imaging.color import lab_to_rgb, luma, rgb_to_lab
from refcolor.imaging.merge import luma_exact
from refcolor.imaging.patches import blur_stack
from refcolor.matching.views import Views
from refcolor.synthesis.votes import BANDWIDTHS, LUMA_SPREAD, TEMPERATURE, vote

SIZE, HALF = 29, 14


def seconds(work: Callable[[], object], least: float = 0.3) -> float:
    """Shortest of the runs that fit into `least` seconds, three at the least."""
    runs: list[float] = []
    while len(runs) < 3 or sum(runs) < least:
        start = time.perf_counter()
        work()
        runs.append(time.perf_counter() - start)
    return min(runs)


def windows(padded, xy, level, out):
    """Upright patches by fancy indexing of a sliding window view; the planes are padded beforehand."""
    view = np.lib.stride_tricks.sliding_window_view(padded, (SIZE, SIZE), axis=(1, 2))
    out[...] = view[level, xy[:, 1], xy[:, 0]].transpose(0, 2, 3, 1)
    return out


def warp_affine(stack, xy, level, angle, out):
    """Turned patches by one cv2.warpAffine each."""
    for patch, (x, y), s, a in zip(out, xy, level, angle, strict=True):
        c, d = np.cos(a), np.sin(a)
        matrix = np.array([[c, -d, x + HALF * (d - c)], [d, c, y - HALF * (d + c)]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cv2.warpAffine(stack[s], matrix, (SIZE, SIZE), patch, flags, cv2.BORDER_REFLECT_101)
    return out


def remap(stack, xy, level, angle, out):
    """Turned patches by one cv2.remap for each blur level, its maps made by NumPy."""
    dy, dx = np.mgrid[-HALF : HALF + 1, -HALF : HALF + 1].reshape(2, 1, -1).astype(np.float32)
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x, y = xy[:, :1].astype(np.float32), xy[:, 1:].astype(np.float32)
    u, v = x + c * dx - s * dy, y + s * dx + c * dy
    for index, planes in enumerate(stack):
        at = level == index
        part = cv2.remap(planes, u[at], v[at], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        out[at] = part.reshape(-1, SIZE, SIZE, stack.shape[-1])
    return out


def fixed_point(gray, ab):
    """Six fixed-point steps on L by OpenCV, each clipped to the gamut: luma stays wrong where it clips."""
    lab = np.dstack([100 * gray, ab])
    for _ in range(6):
        lab[..., 0] += 100 * (gray - luma(lab_to_rgb(lab)))
    return lab_to_rgb(lab)


def costs_by_remap(source, target, field, radius=2):
    """Cost of one match a pixel: OpenCV fetches every offset of the patch, NumPy sums the squares."""
    h, w, _ = field.shape
    x, y = (np.ascontiguousarray(field[..., axis]).astype(np.float32) for axis in (0, 1))
    total = np.zeros((h, w), np.int32)
    for j in range(2 * radius + 1):
        for i in range(2 * radius + 1):
            there = cv2.remap(source, x + i, y + j, cv2.INTER_NEAREST)
            apart = there - target[j : j + h, i : i + w]
            total += (apart.astype(np.int32) ** 2).sum(-1)
    return total


def vote_by_remap(gray, ab, seen, field, cost, radius=2):
    """The votes of a patch's offsets, each fetched by OpenCV, and their strongest mode by NumPy."""
    h, w = seen.shape
    y, x = np.mgrid[:h, :w].astype(np.float32)
    votes, weights = [], []
    wide = [
        np.pad(v, ((radius, radius), (radius, radius)), mode="edge")
        for v in (*np.moveaxis(field, -1, 0), cost)
    ]
    for j in range(2 * radius + 1):
        for i in range(2 * radius + 1):
            part = (slice(j, j + h), slice(i, i + w))
            u, v, c = (plane[part].astype(np.float32) for plane in wide)
            at = np.clip(u + radius - i, 0, gray.shape[1] - 1), np.clip(v + radius - j, 0, gray.shape[0] - 1)
            off = cv2.remap(gray, *at, cv2.INTER_NEAREST) - seen
            inside = (x + i >= radius) & (x + i < w + radius) & (y + j >= radius) & (y + j < h + radius)
            votes.append(cv2.remap(ab, *at, cv2.INTER_NEAREST))
            weights.append((c, off, inside))
    least = np.minimum.reduce([np.where(inside, c, np.inf) for c, _, inside in weights])
    weight = [
        np.where(
            inside,
            np.exp(-0.5 * (off / LUMA_SPREAD) ** 2 - (c - least) / TEMPERATURE) + 1e-6,
            0,
        )
        for c, off, inside in weights
    ]
    support = [
        sum(
            w * np.maximum(0, 1 - ((a - b) ** 2).sum(-1) / BANDWIDTHS[1] ** 2)
            for b, w in zip(votes, weight, strict=True)
        )
        for a in votes
    ]
    winner = np.argmax(support, axis=0)[None, ..., None]
    mode = np.take_along_axis(np.stack(votes), winner, axis=0)[0]
    kin = [
        w * np.maximum(0, 1 - ((mode - b) ** 2).sum(-1) / BANDWIDTHS[1] ** 2)
        for b, w in zip(votes, weight, strict=True)
    ]
    return sum(w[..., None] * b for b, w in zip(votes, kin, strict=True)) / sum(kin)[..., None]


def copied(count: int) -> float:
    """Seconds that copying so many bytes takes."""
    block = np.ones(1 << 25, np.uint8)
    there = np.empty_like(block)
    return seconds(lambda: np.copyto(there, block)) * count / block.nbytes


def computed(operations: float, lanes: int) -> float:
    """Seconds for so many arithmetic operations, two SSE2 instructions of so many lanes a cycle."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    clock = [float(line.split(":")[1]) for line in lines if line.startswith("cpu MHz")]
    return operations / (2 * lanes * 1e6 * max(clock))


def rows():
    """Yields (name of the baseline, baseline, kernel by number of threads, least seconds it could take)."""
    rng = np.random.default_rng(0)
    planes = cv2.GaussianBlur(rng.random((112, 112, 3), np.float32), (0, 0), 2)
    stack = blur_stack(planes, (0, 1, 2))
    padded = np.pad(stack, ((0, 0), (HALF, HALF), (HALF, HALF), (0, 0)), mode="reflect")
    for count in (128, 4096):
        xy = rng.integers(0, 112, (count, 2)).astype(np.int32)
        level = rng.integers(0, 3, count).astype(np.int32)
        angle = rng.uniform(-np.pi, np.pi, count).astype(np.float32)
        ours, theirs = np.empty((2, count, SIZE, SIZE, 3), np.float32)

        x, y = np.ascontiguousarray(xy.T)

        def kernel(threads, turn=angle, out=ours, x=x, y=y, level=level):
            kernels.core.gather_patches(stack, x, y, level, turn, SIZE, out, threads)
            return out

        upright = np.zeros_like(angle)
        np.testing.assert_array_equal(kernel(1, upright), windows(padded, xy, level, theirs))
        yield (
            f"{count} upright patches, sliding_window_view",
            lambda xy=xy, level=level, out=theirs: windows(padded, xy, level, out),
            lambda threads, kernel=kernel, upright=upright: kernel(threads, upright),
            copied(ours.nbytes),
        )
        for name, method in (("warpAffine", warp_affine), ("remap", remap)):
            # OpenCV may round positions to 1/32 pixel
            np.testing.assert_allclose(kernel(1), method(stack, xy, level, angle, theirs), atol=5e-3)
            yield (
                f"{count} turned patches, cv2.{name}",
                lambda m=method, xy=xy, level=level, angle=angle, out=theirs: m(stack, xy, level, angle, out),
                kernel,
                # a sample: 8 operations for its place, and three times three for each plane
                max(copied(ours.nbytes), computed(35 * count * SIZE**2, 4)),
            )

    color = np.clip(cv2.GaussianBlur(rng.random((720, 1280, 3), np.float32), (0, 0), 4) * 6 - 2.5, 0, 1)
    gray, ab = luma(color).clip(0, 1), rgb_to_lab(color)[..., 1:].copy()
    assert np.abs(luma(luma_exact(gray, ab)) - gray).max() < 1e-6
    assert np.abs(luma_exact(gray, ab) - fixed_point(gray, ab)).mean() < 5e-3
    yield (
        "merge of 1280x720, six OpenCV steps on L",
        lambda: fixed_point(gray, ab),
        lambda threads: luma_exact(gray, ab, threads=threads),
        # about four steps of Newton, of some 75 operations each
        max(copied(gray.nbytes + ab.nbytes + color.nbytes), computed(4 * 75 * gray.size, 4)),
    )

    source, target = (rng.integers(-400, 400, (364, 644, 3)).astype(np.int16) for _ in range(2))
    y, x = np.mgrid[:360, :640].astype(np.int32)
    near = np.stack([x, y], -1) + cv2.resize(rng.normal(0, 9, (9, 16, 2)), (640, 360)).astype(np.int32)
    field = np.ascontiguousarray(np.clip(near, 0, [639, 359]).astype(np.int32))
    cost = np.empty(field.shape[:2], np.int32)
    flat = np.zeros(field.shape[:2], np.int16)
    nothing = np.empty((0, *field.shape), np.int32)

    def search(threads):
        kernels.core.search(
            source[None], target, 2, 1 << 24, flat[None], flat, 1 << 24, nothing, None, 0, 0, None, None,
            np.empty(0, np.int32), 0, 0, 0, field, cost, threads,
        )  # fmt: skip
        return cost

    exact = costs_by_remap(source, target, field).astype(np.int64)
    np.testing.assert_array_equal(search(1), exact * (1 << 24) // (exact + (1 << 24)))
    yield (
        "one match a pixel of 640x360, cv2.remap",
        lambda: costs_by_remap(source, target, field),
        search,
        max(copied(source.nbytes + target.nbytes), computed(3 * 75 * cost.size, 8)),
    )

    small = np.clip(field[:180, :320], 0, [319, 179]).astype(np.int32)
    price = rng.integers(0, 40_000, small.shape[:2]).astype(np.int32)
    ab = cv2.GaussianBlur(rng.normal(0, 300, (180, 320, 2)).astype(np.float32), (0, 0), 8)
    gray, seen = (np.round(rng.random((180, 320), np.float32) * 255) for _ in range(2))
    views = Views(gray[None], ab[None])
    made = vote(views, seen, small, price)[0]
    assert np.abs(made - vote_by_remap(gray, ab, seen, small, price)).max() < 0.1
    yield (
        "votes for 320x180, cv2.remap",
        lambda: vote_by_remap(gray, ab, seen, small, price),
        lambda threads: vote(views, seen, small, price, threads=threads),
        # 25 votes of 12 operations, about 12 of them different: 12 times 12 pairs of 8
        computed((25 * 12 + 144 * 8) * price.size, 4),
    )


def main() -> None:
    print(
        f"{'work and baseline':44} {'baseline ms':>12} {'1 thread ms':>12} {'ratio':>7} {'2 threads':>10}"
        f" {'scales':>7} {'of limit':>9}"
    )
    for name, baseline, kernel, least in rows():
        slow = {}
        for threads in (1, 2):
            cv2.setNumThreads(threads)
            slow[threads] = seconds(baseline)
        fast = {threads: seconds(lambda t=threads, k=kernel: k(t)) for threads in (1, 2)}
        ratio = {threads: slow[threads] / fast[threads] for threads in (1, 2)}
        print(
            f"{name:44} {1e3 * slow[1]:12.2f} {1e3 * fast[1]:12.2f} {ratio[1]:7.1f} {ratio[2]:10.1f}"
            f" {fast[1] / fast[2]:7.2f} {fast[1] / least:9.1f}"
        )


if __name__ == "__main__":
    main()
