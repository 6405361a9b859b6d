"""Merge color with a gray picture: luma-exact, or plain CIELAB as in the report."""

from __future__ import annotations

import numpy as np

from refcolor import kernels
from refcolor.imaging.color import Image, lab_to_rgb, rgb_to_lab

__all__ = ["luma_exact", "plain_lab"]


def luma_exact(luma: Image, ab: Image, *, threads: int | None = None) -> Image:
    """The color picture that turns back into ``luma`` when it is desaturated.

    For every pixel L is solved for with a, b held fixed, so that 0.299 R + 0.587 G + 0.114 B of the encoded
    color is ``luma``. Where that color lies outside sRGB it moves towards gray on the straight line in
    encoded RGB, on which luma is constant: chroma gives way, luma never.

    Parameters
    ----------
    luma : float32 (H, W)
        BT.601 luma in [0, 1].
    ab : float32 (H, W, 2)
        CIELAB a, b (D65). Beyond 200 they are scaled down together.
    threads : int, optional
        :func:`refcolor.kernels.threads` if not given. The result does not depend on it.

    Returns
    -------
    float32 (H, W, 3)
        Encoded sRGB in [0, 1], its luma within 1e-5 of ``luma``.

    Raises
    ------
    ValueError
        If a shape or dtype differs from the above, a value is NaN or infinite, ``luma`` leaves [0, 1] or
        ``threads`` is not positive.
    """
    _check("luma", luma, 2)
    _check("ab", ab, 3)
    if ab.shape != (*luma.shape, 2):
        raise ValueError(f"ab must be {(*luma.shape, 2)}, as luma is, not {ab.shape}")
    if luma.size and not (luma.min() >= 0 and luma.max() <= 1):
        raise ValueError(f"luma must be in [0, 1], not {luma.min()} to {luma.max()}")
    if threads is None:
        threads = kernels.threads()
    rgb = np.empty((*luma.shape, 3), np.float32)
    kernels.core.luma_exact(np.ascontiguousarray(luma), np.ascontiguousarray(ab), rgb, threads)
    return rgb


def plain_lab(luma: Image, palette_rgb: Image) -> Image:
    """The report's merge: L of the gray picture, a and b of the palette picture, clipped to sRGB.

    Luma changes where the color is saturated; :func:`luma_exact` keeps it.

    Parameters
    ----------
    luma : float32 (H, W)
        Gray picture in [0, 1].
    palette_rgb : float32 (H, W, 3)
        Encoded sRGB in [0, 1] that lends its a, b.

    Returns
    -------
    float32 (H, W, 3)
        Encoded sRGB in [0, 1].

    Raises
    ------
    ValueError
        If a shape or dtype differs from the above or a value is NaN or infinite.
    """
    _check("luma", luma, 2)
    _check("palette_rgb", palette_rgb, 3)
    if palette_rgb.shape != (*luma.shape, 3):
        raise ValueError(f"palette_rgb must be {(*luma.shape, 3)}, as luma is, not {palette_rgb.shape}")
    lab = rgb_to_lab(palette_rgb)
    lab[..., 0] = rgb_to_lab(np.repeat(luma[..., None], 3, axis=-1))[..., 0]
    return lab_to_rgb(lab)


def _check(name: str, image: object, ndim: int) -> None:
    if not (
        isinstance(image, np.ndarray) and image.dtype == np.float32 and image.ndim == ndim and image.size
    ):
        kind = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"{name} must be a non-empty float32 array of {ndim} dimensions, not {kind}")
    if not np.isfinite(image).all():
        raise ValueError(f"{name} has NaN or infinite values")
