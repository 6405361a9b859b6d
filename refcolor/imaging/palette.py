"""The palette: k-means colors of the source, and the palette labels of pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from refcolor.errors import with_code
from refcolor.imaging.color import Image, lab_to_rgb, rgb_to_lab

Space = Literal["rgb", "lab"]
Labels = NDArray[np.int32]

MAX_SAMPLE = 20_000  # pixels that k-means looks at; more do not move the centers visibly
CLUSTER_COUNTS = (4, 6, 8, 12, 16, 24, 32, 48)  # what "auto" chooses from
MAX_RMS_DISTANCE = 4.0  # CIELAB units between pixels and their cluster's center that "auto" accepts
MIN_CHANNEL_RANGE = 2.5 / 255  # a picture whose channels nowhere differ by more has no color


@dataclass(frozen=True)
class Palette:
    """Colors of the source, most frequent first, and their shares."""

    rgb: Image  #: (k, 3), centers in encoded sRGB in [0, 1]
    lab: Image  #: (k, 3), the same in CIELAB
    share: NDArray[np.float32]  #: (k,), share of the source's pixels nearest to each center
    space: Space  #: where distances are taken

    def __len__(self) -> int:
        return len(self.rgb)

    def labels(self, rgb: Image) -> Labels:
        """Index of the nearest center of every pixel: (H, W, 3) -> (H, W)."""
        return nearest(rgb, self.rgb) if self.space == "rgb" else nearest(rgb_to_lab(rgb), self.lab)

    def paint(self, labels: Labels) -> Image:
        """Label map (H, W) -> picture (H, W, 3) in the centers' colors."""
        return self.rgb[labels]


def count(rgb: Image, *, seed: int) -> int:
    """The number of clusters that a picture (H, W, 3) needs; ValueError if it has no color, or only one.

    The least of CLUSTER_COUNTS within MAX_RMS_DISTANCE, or the largest; with fewer colors, one for each.
    """
    check(rgb, 2)
    sample = _sample(rgb.reshape(-1, 3), seed)[None]
    lab, distinct = rgb_to_lab(sample), _distinct(sample[0])
    for clusters in CLUSTER_COUNTS:
        if clusters >= distinct:
            return max(2, distinct)
        palette = fit(sample, clusters, space="lab", seed=seed)
        if float(((lab - palette.lab[palette.labels(sample)]) ** 2).sum(-1).mean()) <= MAX_RMS_DISTANCE**2:
            return clusters
    return CLUSTER_COUNTS[-1]


def fit(rgb: Image, clusters: int, *, space: Space, seed: int) -> Palette:
    """Cluster the colors of `rgb` (H, W, 3) by k-means.

    The centers start from pixels of the picture itself (k-means++, Arthur and Vassilvitskii 2007, best of
    four starts) and end as the means of their clusters, as in the report. ValueError as by :func:`check`.
    """
    from sklearn.cluster import KMeans  # late: bad input must fail before this slow import
    from threadpoolctl import threadpool_limits

    check(rgb, clusters)
    pixels = (rgb if space == "rgb" else rgb_to_lab(rgb)).reshape(-1, 3)
    sample = _sample(pixels, seed)
    if len(sample) < len(pixels) and len(np.unique(sample, axis=0)) < clusters:
        sample = np.unique(pixels, axis=0)
    with threadpool_limits(1, "openmp"):  # several threads would add in another order, with other last bits
        kmeans = KMeans(clusters, n_init=4, random_state=seed).fit(sample.astype(np.float64))
    centers = kmeans.cluster_centers_.astype(np.float32)
    counts = np.bincount(nearest(pixels, centers), minlength=clusters)
    order = np.argsort(-counts, kind="stable")
    centers, share = centers[order], np.asarray(counts[order] / len(pixels), np.float32)
    if space == "rgb":
        return Palette(centers, rgb_to_lab(centers[None])[0], share, space)
    return Palette(lab_to_rgb(centers[None])[0], centers, share, space)


def check(rgb: Image, clusters: int) -> None:
    """Raise ValueError unless `rgb` (H, W, 3) can give a palette of `clusters` colors."""
    if float(np.ptp(rgb, axis=-1).max()) <= MIN_CHANNEL_RANGE:
        raise ValueError("the source has no color: give a colored picture as the source")
    pixels = rgb.reshape(-1, 3)
    if _distinct(pixels[:: max(1, len(pixels) // MAX_SAMPLE)]) >= clusters:  # a quick test that most pass
        return
    distinct = _distinct(pixels)
    if distinct == 1:
        raise ValueError("the source has one color only: give a picture of several colors")
    if distinct < clusters:
        message = f"the source has {distinct} distinct colors, fewer than the {clusters} clusters asked for"
        raise with_code(ValueError(message), "few_colors")


def _sample(pixels: Image, seed: int) -> Image:
    """At most MAX_SAMPLE of the pixels (N, 3), drawn without repeats."""
    if len(pixels) <= MAX_SAMPLE:
        return pixels
    return pixels[np.random.default_rng(seed).choice(len(pixels), MAX_SAMPLE, replace=False)]


def _distinct(pixels: Image) -> int:
    """Number of different colors among (N, 3), at 16 bits a channel."""
    levels = np.rint(pixels * 65535).astype(np.uint64)
    return len(np.unique(levels[:, 0] << 32 | levels[:, 1] << 16 | levels[:, 2]))


def nearest(pixels: Image, centers: Image) -> Labels:
    """Index (...) of the center (k, 3) with the least distance to each pixel (..., 3)."""
    from sklearn.metrics import pairwise_distances_argmin

    labels = pairwise_distances_argmin(pixels.reshape(-1, 3), centers)
    return np.asarray(labels, np.int32).reshape(pixels.shape[:-1])
