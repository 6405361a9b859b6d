"""Metrics against the true colors: CIEDE2000, shares of right colors, PSNR, luma kept.

All figures come from 8-bit pixels, because that is what a viewer gets: float pictures in [0, 1] are rounded
first. Shares are in [0, 1], CIEDE2000 and PSNR (dB) have their usual units.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging.checks import check_array
from refcolor.imaging.color import Image, rgb_to_lab, to_8bit
from refcolor.imaging.palette import nearest

Figures = dict[str, float | int | None]

SAME, RIGHT = 2, 5  # CIEDE2000 units within which a color is the same to the eye, and right
CENTERS = 24  # main colors of the source among which `acc24` decides
MAX_SAMPLE = 20_000  # pixels that these colors are found from
MIN_MOVED_STEPS = 8  # a pixel has moved where source and truth differ by more 8-bit steps in any channel
STRIP_ROWS = 64  # rows compared at once: CIEDE2000 holds some twenty planes of what it is given
MIN_SQUARED_ERROR = 1e-6  # caps the PSNR of equal pictures at 108.1 dB instead of infinity
MEANINGS = {
    "acc24": "share of pixels nearest to the right one of the source's 24 colors",
    "ok2": "share within CIEDE2000 2: the same color to the eye",
    "ok5": "share within CIEDE2000 5: the right color",
    "de00": "mean CIEDE2000",
    "psnr": "RGB peak signal-to-noise ratio, dB",
    "moved": "share of pixels that differ between source and truth",
    "luma_max": "largest difference of gray from the target, 8-bit levels",
    "luma_mean": "mean difference of gray from the target, 8-bit levels",
}


def ciede2000(lab1: NDArray[Any], lab2: NDArray[Any]) -> NDArray[np.float64]:
    """CIEDE2000 color difference of two CIELAB arrays (..., 3) that may broadcast, kL = kC = kH = 1.

    About 1 is just visible side by side. ValueError if the last axis of either is not three long.

    References
    ----------
    G. Sharma, W. Wu, E. N. Dalal, "The CIEDE2000 color-difference formula: implementation notes,
    supplementary test data, and mathematical observations", Color Research & Application 30(1), 2005.
    """
    from skimage.color import deltaE_ciede2000  # late: importing refcolor must stay quick

    if not lab1.shape[-1:] == lab2.shape[-1:] == (3,):
        raise ValueError(f"CIELAB arrays are (..., 3), not {lab1.shape} and {lab2.shape}")
    return np.asarray(deltaE_ciede2000(lab1.astype(np.float64), lab2.astype(np.float64)), np.float64)


def difference(result: Image, truth: Image) -> NDArray[np.float64]:
    """CIEDE2000 color difference (H, W) of the 8-bit pixels of two pictures (H, W, 3) in [0, 1]."""
    return _difference(_lab(to_8bit(result)), _lab(to_8bit(truth)))


def _difference(lab1: Image, lab2: Image) -> NDArray[np.float64]:
    strips = [slice(top, top + STRIP_ROWS) for top in range(0, len(lab1), STRIP_ROWS)]
    return np.concatenate([ciede2000(lab1[rows], lab2[rows]) for rows in strips])


def gray_8bit(rgb: Image) -> NDArray[np.uint8]:
    """BT.601 gray of a picture (H, W, 3) in [0, 1], taken from its 8-bit pixels and rounded to 8 bits."""
    return np.asarray(cv2.cvtColor(to_8bit(rgb), cv2.COLOR_RGB2GRAY), np.uint8)


def source_centers(source: Image) -> NDArray[np.float32]:
    """The main colors of a source (H, W, 3) in [0, 1], among which ``acc24`` decides: CIELAB (k, 3).

    They are the k-means centers of at most 20,000 pixels drawn with seed 0: 24, or as many as these pixels
    have distinct colors.
    """
    from sklearn.cluster import KMeans

    pixels = _lab(to_8bit(source)).reshape(-1, 3)
    drawn = np.random.default_rng(0).choice(len(pixels), min(len(pixels), MAX_SAMPLE), replace=False)
    sample = pixels[drawn]
    count = min(CENTERS, len(np.unique(sample, axis=0)))
    return np.asarray(KMeans(count, n_init=2, random_state=0).fit(sample).cluster_centers_, np.float32)


def score(
    result: Image,
    truth: Image,
    source: Image,
    target: Image | None = None,
    centers: NDArray[np.float32] | None = None,
) -> Figures:
    """Every figure of one colored picture.

    Parameters
    ----------
    result, truth : (H, W, 3) float32 RGB in [0, 1]
    source : (h, w, 3) float32 RGB in [0, 1]
        The colored picture the colors came from; of any size.
    target : (H, W) float32 in [0, 1], optional
        The gray picture that was colored; the BT.601 gray of ``truth`` when absent.
    centers : (k, 3) float32 CIELAB, optional
        ``source_centers(source)``, where many results share a source.

    Returns
    -------
    dict
        The figures that ``MEANINGS`` explains, ``psnr`` at most 108.1; all but ``moved`` and luma also with
        ``_moved`` over the pixels that differ between source and truth by more than 8 of 255 steps in any
        channel (None where there are none, or where the sizes differ).

    Raises
    ------
    ValueError
        If the sizes do not agree or a picture is not floating.
    """
    for name, picture in (("result", result), ("truth", truth), ("source", source)):
        check_array(picture, f"the {name}", np.floating, "H", "W", 3)
    if result.shape != truth.shape:
        sizes = [f"{picture.shape[1]}x{picture.shape[0]}" for picture in (result, truth)]
        raise ValueError(f"the result is {sizes[0]}, the truth {sizes[1]}: they must be equal")
    if target is not None:
        check_array(target, "the target", np.floating, *truth.shape[:2])
    result8, truth8, source8 = to_8bit(result), to_8bit(truth), to_8bit(source)
    target8 = gray_8bit(truth) if target is None else to_8bit(target)
    centers = source_centers(source) if centers is None else centers

    result_lab, truth_lab = _lab(result8), _lab(truth8)
    same = nearest(result_lab, centers) == nearest(truth_lab, centers)
    off = _difference(result_lab, truth_lab)
    squared_error = np.square(result8.astype(np.float64) - truth8).mean(-1)
    moved = np.zeros(same.shape, np.bool_)
    if source8.shape == truth8.shape:
        moved = cv2.absdiff(source8, truth8).max(-1) > MIN_MOVED_STEPS

    pixels = {"acc24": same, "ok2": off <= SAME, "ok5": off <= RIGHT, "de00": off}
    pixels["psnr"] = squared_error
    over_moved = {f"{name}_moved": mean for name, mean in _means(pixels, moved).items()}
    error = cv2.absdiff(gray_8bit(result), target8)
    luma = {"luma_max": int(error.max()), "luma_mean": float(error.mean())}
    return _means(pixels, np.ones_like(moved)) | over_moved | {"moved": float(moved.mean())} | luma


def _means(pixels: dict[str, NDArray[Any]], where: NDArray[np.bool_]) -> Figures:
    """The mean of each figure over some pixels, None if there are none; PSNR from its squared errors."""
    if not where.any():
        return dict.fromkeys(pixels)
    means = {name: float(values[where].mean()) for name, values in pixels.items()}
    psnr = 10 * np.log10(255.0**2 / max(means["psnr"], MIN_SQUARED_ERROR))
    return {**means, "psnr": float(psnr)}


def _lab(rgb8: NDArray[np.uint8]) -> Image:
    return rgb_to_lab(rgb8.astype(np.float32) / np.float32(255))


def table(figures: Figures) -> str:
    """The figures of :func:`score` as lines of name, value and meaning."""
    rows = []
    for name, value in figures.items():
        shown = "-" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
        base, moved, _ = name.partition("_moved")
        rows.append(f"{name:12} {shown:>9}  {MEANINGS[base]}{', where it moved' if moved else ''}")
    return "\n".join(rows)
