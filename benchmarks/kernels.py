"""Times the compiled kernels against the best NumPy and OpenCV ways to do the same work, in one run.

    python benchmarks/kernels.py

Each row is checked for the same answer before it is timed. Ratios are baseline time over kernel time: above 1
the kernel is faster. Trust the ratios more than the seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np

from refcolor.color import lab_to_rgb, luma, rgb_to_lab
from refcolor.merge import luma_exact
from refcolor.patches import blur_stack, gather

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


def rows():
    """Yields (name of the baseline, baseline, kernel by number of threads)."""
    rng = np.random.default_rng(0)
    planes = cv2.GaussianBlur(rng.random((112, 112, 3), np.float32), (0, 0), 2)
    stack = blur_stack(planes, (0, 1, 2))
    padded = np.pad(stack, ((0, 0), (HALF, HALF), (HALF, HALF), (0, 0)), mode="reflect")
    for count in (128, 4096):
        xy = rng.integers(0, 112, (count, 2)).astype(np.int32)
        level = rng.integers(0, 3, count).astype(np.int32)
        angle = rng.uniform(-np.pi, np.pi, count).astype(np.float32)
        ours, theirs = np.empty((2, count, SIZE, SIZE, 3), np.float32)

        def kernel(threads, turn=angle, out=ours, xy=xy, level=level):
            return gather(stack, xy, level=level, angle=turn, size=SIZE, out=out, threads=threads)

        np.testing.assert_array_equal(kernel(1, None), windows(padded, xy, level, theirs))
        yield (
            f"{count} upright patches, sliding_window_view",
            lambda xy=xy, level=level, out=theirs: windows(padded, xy, level, out),
            lambda threads, kernel=kernel: kernel(threads, None),
        )
        for name, method in (("warpAffine", warp_affine), ("remap", remap)):
            # OpenCV may round positions to 1/32 pixel
            np.testing.assert_allclose(kernel(1), method(stack, xy, level, angle, theirs), atol=5e-3)
            yield (
                f"{count} turned patches, cv2.{name}",
                lambda m=method, xy=xy, level=level, angle=angle, out=theirs: m(stack, xy, level, angle, out),
                kernel,
            )

    colour = np.clip(cv2.GaussianBlur(rng.random((720, 1280, 3), np.float32), (0, 0), 4) * 6 - 2.5, 0, 1)
    gray, ab = luma(colour).clip(0, 1), rgb_to_lab(colour)[..., 1:].copy()
    assert np.abs(luma(luma_exact(gray, ab)) - gray).max() < 1e-6
    assert np.abs(luma_exact(gray, ab) - fixed_point(gray, ab)).mean() < 5e-3
    yield (
        "merge of 1280x720, six OpenCV steps on L",
        lambda: fixed_point(gray, ab),
        lambda threads: luma_exact(gray, ab, threads=threads),
    )


def main() -> None:
    print(f"{'work and baseline':48} {'baseline ms':>12} {'1 thread ms':>12} {'ratio':>7} {'2 threads':>10}")
    for name, baseline, kernel in rows():
        slow = {}
        for threads in (1, 2):
            cv2.setNumThreads(threads)
            slow[threads] = seconds(baseline)
        fast = {threads: seconds(lambda t=threads, k=kernel: k(t)) for threads in (1, 2)}
        ratio = {threads: slow[threads] / fast[threads] for threads in (1, 2)}
        print(f"{name:48} {1e3 * slow[1]:12.2f} {1e3 * fast[1]:12.2f} {ratio[1]:7.1f} {ratio[2]:10.1f}")


if __name__ == "__main__":
    main()
