"""The palette: k-means colors of the source, and the labels they give to pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from refcolor.imaging.color import Image, lab_to_rgb, rgb_to_lab

Space = Literal["rgb", "lab"]
Labels = NDArray[np.int32]

SAMPLE = 20_000  # pixels k-means looks at; more do not move the centers visibly
COUNTS = (4, 6, 8, 12, 16, 24, 32, 48)  # numbers of clusters to choose from
CLOSE_ENOUGH = 4.0  # CIELAB units, root mean square, between a pixel and its cluster
COLORLESS = 2.5 / 255  # a picture whose channels nowhere differ by more has no color to give


@dataclass(frozen=True)
class Palette:
    """Colors of the source and their shares.

    Attributes
    ----------
    rgb, lab : float32 (k, 3)
        Centers in encoded sRGB in [0, 1] and in CIELAB, most frequent first.
    share : float32 (k,)
        Share of the source's pixels nearest to each center.
    space : "rgb" or "lab"
        Where distances are taken.
    """

    rgb: Image
    lab: Image
    share: NDArray[np.float32]
    space: Space

    def __len__(self) -> int:
        return len(self.rgb)

    def labels(self, rgb: Image) -> Labels:
        """Index of the nearest center of every pixel: (H, W, 3) -> (H, W)."""
        pixels = (rgb if self.space == "rgb" else rgb_to_lab(rgb)).reshape(-1, 3)
        return _nearest(pixels, self.rgb if self.space == "rgb" else self.lab).reshape(rgb.shape[:2])

    def paint(self, labels: Labels) -> Image:
        """Label map (H, W) -> picture (H, W, 3) in the centers' colors."""
        return self.rgb[labels]


def count(rgb: Image, *, seed: int) -> int:
    """Number of clusters this picture needs: the least of COUNTS that leaves CLOSE_ENOUGH, else the largest.

    A picture of fewer colors than that has one cluster for each.

    Raises
    ------
    ValueError
        When the picture has no color, or only one.
    """
    check(rgb, 2)
    pixels = _sample(rgb.reshape(-1, 3), seed)
    sample = pixels[None]
    lab, distinct = rgb_to_lab(sample), _distinct(pixels)
    for clusters in COUNTS:
        if clusters >= distinct:
            return max(2, distinct)
        found = fit(sample, clusters, space="lab", seed=seed)
        if float(((lab - found.lab[found.labels(sample)]) ** 2).sum(-1).mean()) <= CLOSE_ENOUGH**2:
            return clusters
    return COUNTS[-1]


def fit(rgb: Image, clusters: int, *, space: Space, seed: int) -> Palette:
    """Cluster the colors of `rgb` (H, W, 3) by k-means.

    The centers start from pixels of the picture itself (k-means++, Arthur and Vassilvitskii 2007, best of
    four starts) and end as the means of their clusters, as in the report.

    Raises
    ------
    ValueError
        When the picture has no color, or fewer distinct colors than `clusters`.
    """
    from sklearn.cluster import KMeans  # late: a run with bad input must not wait for it
    from threadpoolctl import threadpool_limits

    check(rgb, clusters)
    pixels = (rgb if space == "rgb" else rgb_to_lab(rgb)).reshape(-1, 3)
    sample = _sample(pixels, seed)
    if len(sample) < len(pixels) and len(np.unique(sample, axis=0)) < clusters:
        sample = np.unique(pixels, axis=0)
    with threadpool_limits(1, "openmp"):  # sums in another order would end in other last bits
        found = KMeans(clusters, n_init=4, random_state=seed).fit(sample.astype(np.float64))
    centers = found.cluster_centers_.astype(np.float32)
    counts = np.bincount(_nearest(pixels, centers), minlength=clusters)
    order = np.argsort(-counts, kind="stable")
    centers, share = centers[order], np.asarray(counts[order] / len(pixels), np.float32)
    if space == "rgb":
        return Palette(centers, rgb_to_lab(centers[None])[0], share, space)
    return Palette(lab_to_rgb(centers[None])[0], centers, share, space)


def check(rgb: Image, clusters: int) -> None:
    """Raise ValueError unless `rgb` (H, W, 3) can give a palette of `clusters` colors."""
    if float(np.ptp(rgb, axis=-1).max()) <= COLORLESS:
        raise ValueError("the source has no color: give a colored picture as the source")
    pixels = rgb.reshape(-1, 3)
    if _distinct(pixels[:: max(1, len(pixels) // SAMPLE)]) >= clusters:  # nearly every picture
        return
    distinct = _distinct(pixels)
    if distinct < clusters:
        raise ValueError(
            f"the source has {distinct} distinct colors, fewer than the {clusters} clusters asked for: "
            + (f"use --clusters {distinct}" if distinct > 1 else "give a picture of several colors")
        )


def _sample(pixels: Image, seed: int) -> Image:
    """At most SAMPLE of the pixels (N, 3), drawn without repeats."""
    if len(pixels) <= SAMPLE:
        return pixels
    return pixels[np.random.default_rng(seed).choice(len(pixels), SAMPLE, replace=False)]


def _distinct(pixels: Image) -> int:
    """Number of different colors among (N, 3), told apart to 16 bits a channel."""
    levels = np.rint(pixels * 65535).astype(np.uint64)
    return len(np.unique(levels[:, 0] << 32 | levels[:, 1] << 16 | levels[:, 2]))


def _nearest(pixels: Image, centers: Image) -> Labels:
    """Index of the nearest center: (N, 3), (k, 3) -> (N,); |p - c|^2 without the constant |p|^2."""
    half = (centers.astype(np.float64) ** 2).sum(-1) / 2
    out = np.empty(len(pixels), np.int32)
    some = max(1, (1 << 22) // len(centers))  # pixels at once: bounds the memory
    for at in range(0, len(pixels), some):
        part = pixels[at : at + some].astype(np.float64)
        out[at : at + some] = (half - part @ centers.T.astype(np.float64)).argmin(1)
    return out
