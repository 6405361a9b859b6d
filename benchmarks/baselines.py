"""What simpler methods make of the same pair: the figures a preset has to beat.

Every baseline takes the source (h, w, 3) float32 RGB and the target (H, W) float32 gray, both in [0, 1], and
returns the target's CIELAB a, b as (H, W, 2) float32, or None where it has no answer. The caller puts them on
the target by the luma-exact merge, the same for all.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging.color import Image, rgb_to_lab
from refcolor.imaging.metrics import gray_8bit, to_8bit

WELSH_SAMPLE = 20_000
WELSH_WINDOW = (5, 5)


def copy(source: Image, target: Image) -> Image | None:
    """The source's chroma at the same place; None where the sizes differ."""
    return _chroma(source) if source.shape[:2] == target.shape else None


def lookup(source: Image, target: Image) -> Image:
    """The mean chroma of the source's pixels of the same 8-bit luma, interpolated where there are none."""
    gray, chroma = gray_8bit(source).ravel(), _chroma(source).reshape(-1, 2)
    count = np.bincount(gray, minlength=256)
    seen = np.flatnonzero(count)
    table = np.empty((256, 2), np.float32)
    for channel in range(2):
        mean = np.bincount(gray, chroma[:, channel], minlength=256)[seen] / count[seen]
        table[:, channel] = np.interp(np.arange(256), seen, mean)
    return table[to_8bit(target)]


def welsh(source: Image, target: Image) -> Image:
    """The chroma of the sampled source pixel that is nearest in luma and in its 5x5 standard deviation.

    T. Welsh, M. Ashikhmin, K. Mueller, "Transferring color to grayscale images", SIGGRAPH 2002; without their
    matching of the two luma histograms, because frames of one scene share their light.
    """
    # SciPy comes with scikit-learn.
    from scipy.spatial import KDTree

    look, chroma = _luma_and_deviation(gray_8bit(source)), _chroma(source).reshape(-1, 2)
    drawn = np.random.default_rng(0).choice(len(look), min(len(look), WELSH_SAMPLE), replace=False)
    # Flat art has few distinct looks: asking for each once saves most of the time.
    distinct, back = _distinct(_luma_and_deviation(to_8bit(target)))
    nearest = KDTree(look[drawn]).query(distinct)[1]
    return chroma[drawn][nearest][back].reshape(*target.shape, 2)


def flow(source: Image, target: Image) -> Image:
    """The source's chroma moved along DIS optical flow from target to source (medium preset).

    T. Kroeger, R. Timofte, D. Dai, L. Van Gool, "Fast optical flow using dense inverse search", ECCV 2016.
    A source of another size is first brought to the target's.
    """
    height, width = target.shape
    if source.shape[:2] != target.shape:
        # In 8 bits, as from a picture file: DIS is sensitive enough to tell.
        source8 = cv2.resize(to_8bit(source), (width, height), interpolation=cv2.INTER_AREA)
        source = source8.astype(np.float32) / np.float32(255)
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    motion = search.calc(to_8bit(target), gray_8bit(source), None)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    at = (x + motion[..., 0], y + motion[..., 1])
    return cv2.remap(_chroma(source), *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


Baseline = Callable[[Image, Image], Image | None]
BASELINES: dict[str, Baseline] = {"copy": copy, "lookup": lookup, "welsh": welsh, "flow": flow}


def _chroma(rgb: Image) -> Image:
    return np.ascontiguousarray(rgb_to_lab(rgb)[..., 1:])


def _luma_and_deviation(gray: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(H, W) 8-bit -> (H * W, 2) luma and standard deviation of the 5x5 window, both in 8-bit steps."""
    luma = gray.astype(np.float32)
    mean = cv2.blur(luma, WELSH_WINDOW)
    variance = cv2.blur(luma * luma, WELSH_WINDOW) - mean * mean
    return np.stack([luma.ravel(), np.sqrt(np.maximum(variance, 0)).ravel()], axis=1).astype(np.float64)


def _distinct(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Distinct rows of (N, 2), and for every row the index of its like among them."""
    # One complex number a row sorts much faster than np.unique(axis=0).
    numbers, back = np.unique(points.view(np.complex128).ravel(), return_inverse=True)
    return numbers.view(np.float64).reshape(-1, 2), back
