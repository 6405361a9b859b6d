"""Merge color with a gray picture: luma-exact, or plain CIELAB as in the report."""

from __future__ import annotations

import numpy as np

from refcolor import kernels
from refcolor.imaging.checks import check_array, check_finite
from refcolor.imaging.color import Image, lab_to_rgb, rgb_to_lab


def luma_exact(luma: Image, ab: Image, *, threads: int | None = None) -> Image:
    """The color picture, float32 (H, W, 3) in [0, 1], that turns back into ``luma`` when it is desaturated.

    For every pixel L is solved for with a, b held fixed, so that 0.299 R + 0.587 G + 0.114 B of the encoded
    color is ``luma``. Where that color lies outside sRGB it moves towards gray on the straight line in
    encoded RGB, on which luma is constant: chroma gives way, luma never (within 1e-5).

    Parameters
    ----------
    luma : float32 (H, W)
        BT.601 luma in [0, 1].
    ab : float32 (H, W, 2)
        CIELAB a, b (D65). Beyond 200 they are scaled down together.
    threads : int, optional
        :func:`refcolor.kernels.threads` if not given. The result does not depend on it.

    Raises
    ------
    ValueError
        If a shape or dtype differs from the above, a value is NaN or infinite, ``luma`` leaves [0, 1] or
        ``threads`` is not positive.
    """
    _check(luma, "ab", ab, 2)
    if not (luma.min() >= 0 and luma.max() <= 1):
        raise ValueError(f"luma must be in [0, 1], not {luma.min()} to {luma.max()}")
    rgb = np.empty((*luma.shape, 3), np.float32)
    threads = kernels.threads() if threads is None else threads
    kernels.core.luma_exact(np.ascontiguousarray(luma), np.ascontiguousarray(ab), rgb, threads)
    return rgb


def plain_lab(luma: Image, palette_rgb: Image) -> Image:
    """The report's merge: L of the gray picture (H, W), and a, b of the palette picture (H, W, 3).

    Pictures are float32 in [0, 1], the result is clipped to that. Luma changes where the color is saturated;
    :func:`luma_exact` keeps it. ValueError for another shape or dtype, or a value that is not finite.
    """
    _check(luma, "palette_rgb", palette_rgb, 3)
    lab = rgb_to_lab(palette_rgb)
    lab[..., 0] = rgb_to_lab(np.repeat(luma[..., None], 3, axis=-1))[..., 0]
    return lab_to_rgb(lab)


def _check(luma: Image, name: str, color: Image, planes: int) -> None:
    check_array(luma, "luma", np.float32, "H", "W")
    check_array(color, name, np.float32, *luma.shape, planes)
    check_finite(luma, "luma")
    check_finite(color, name)
