"""Line drawings: paper, ink and color-trace lines, told apart by the drawing's own strokes.

Ink stays in the painted picture. Trace lines, thin strokes of pure red, green or blue, only part two paints:
production replaces them by the paint beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging.color import Image, commonest, to_8bit
from refcolor.imaging.neighborhoods import WINDOW

Mask = NDArray[np.bool_]

PAPER_BITS = 5  # of each channel, by which colors are counted
MIN_PAPER_VALUE = 0.5  # of the largest channel of paper
NOISE_SIGMAS = 4.0  # standard deviations of the paper's density that are no stroke yet
MIN_DENSITY = 0.04  # of a stroke, on whatever paper
OPAQUE = 0.74  # density from which ink is opaque in every drawing: 66 of 255 levels of gray
FULL_QUANTILE = 0.9  # of the densities in the middle of strokes: what full ink has
STROKE_SHARE = 0.15  # of the density of the middle of strokes that still belongs to one
MIN_TRACE_SATURATION = 0.35  # of the middle of a trace line
MIN_CORE = 0.7  # of the largest saturation beside it that the middle of a colored stroke has
MAX_HUE_DISTANCE = 20.0  # degrees between a trace line and pure red, green or blue
MIN_PURE_SHARE = 0.6  # of the middle of a trace line that has such a hue
MIN_WIDTH, WIDTH = 6.0, 0.012  # pixels, and share of the diagonal: colored areas that are wider are no line
MAX_TRACE_SHARE = 0.7  # of all strokes: more, and it is a drawing in colored pencil
MIN_BARE_SHARE = 0.5  # of a line drawing that is paper
MIN_THIN_SHARE = 0.8  # of the other pixels of a line drawing that lie in thin strokes or in solid black
SOLID_DARK = 0.9  # density of a solid black
MAX_THRESHOLD = 0.25  # of density: paper that is less even is none
MIN_STROKES = 1e-4  # share of a drawing that is drawn


@dataclass(frozen=True, eq=False)
class Drawing:
    """A line drawing and its parts."""

    rgb: Image  #: (H, W, 3): the drawing, encoded sRGB in [0, 1]
    paper: Image  #: (3,): color of the paper
    cover: Image  #: (H, W): how far ink covers the paper, in [0, 1]
    trace: Mask  #: (H, W): pixels of trace lines
    stroke: Mask  #: (H, W): pixels of ink and of trace lines: what parts regions

    @property
    def has_solid(self) -> bool:
        """Whether ink fills areas, spot blacks, that are wider than lines."""
        side = int(np.ceil(1.5 * line_width(self.cover.shape))) + 1
        solid = (self.cover == 1).astype(np.uint8)
        return bool(cv2.erode(solid, np.ones((side, side), np.uint8), borderValue=0).any())

    def over(self, paint: Image) -> Image:
        """Ink over a paint (H, W, 3): the drawing itself where it covers, the paint itself where it is bare.

        Between, the paper that shines through is exchanged for the paint. Nothing is left of trace lines.
        """
        trace = self.trace[..., None]
        drawn = np.where(trace, self.rgb.max(-1, keepdims=True), self.rgb)
        paper = np.where(trace, self.paper.max(), self.paper)
        bare = (1 - self.cover)[..., None]
        mixed = np.clip(drawn - bare * (paper - paint), 0, 1)
        return np.select([bare == 1, bare == 0], [paint, drawn], mixed).astype(np.float32)


def find(rgb: Image) -> Drawing:
    """Tell paper, ink and trace lines of a drawing (H, W, 3) in [0, 1] apart."""
    paper, strong, threshold = _on_paper(rgb)
    bare = np.clip(rgb / paper, 0, 1).astype(np.float32)
    trace, value = _trace_lines(bare, threshold)
    density = np.where(trace, np.clip(1 - bare.max(-1) / value, 0, 1), strong).astype(np.float32)
    middle, full = _densities(density, threshold)
    cover = np.where(density > threshold / 2, np.clip(density / full, 0, 1), 0).astype(np.float32)
    cover[density >= OPAQUE] = 1
    stroke = (density > max(threshold, STROKE_SHARE * middle)) | trace
    return Drawing(rgb, paper, cover, trace, stroke)


def is_drawn(rgb: Image) -> bool:
    """Whether a picture (H, W, 3) in [0, 1] is a line drawing: thin strokes and solid black on paper."""
    _, strong, threshold = _on_paper(rgb)
    stroke = strong > threshold
    drawn = int(stroke.sum())
    if (
        threshold > MAX_THRESHOLD
        or drawn < MIN_STROKES * stroke.size
        or drawn > (1 - MIN_BARE_SHARE) * stroke.size
    ):
        return False
    side = int(np.ceil(line_width(stroke.shape))) + 1
    wide = cv2.morphologyEx(stroke.astype(np.uint8), cv2.MORPH_OPEN, np.ones((side, side), np.uint8)) > 0
    return bool((stroke & (~wide | (strong >= SOLID_DARK))).sum() >= MIN_THIN_SHARE * drawn)


def line_width(shape: tuple[int, ...], share: float = WIDTH) -> float:
    """Largest width of a line, in pixels, in a picture (H, W, ...): a share of its diagonal, or MIN_WIDTH."""
    return max(MIN_WIDTH, share * float(np.hypot(shape[0], shape[1])))


def _on_paper(rgb: Image) -> tuple[Image, Image, float]:
    """Color of the paper (3,), the density (H, W) of what is on it, and the density from which that is drawn.

    Most pixels are paper, and their median tells its noise.
    """
    levels = to_8bit(rgb)
    light = np.flatnonzero(np.maximum.reduce([levels[..., i] for i in range(3)]) >= MIN_PAPER_VALUE * 255)
    paper = np.ones(3, np.float32)
    if len(light):
        paper = np.asarray(commonest(np.take(levels.reshape(-1, 3), light, 0), PAPER_BITS) / 255, np.float32)
    density = 1 - np.clip(np.minimum.reduce([rgb[..., i] / paper[i] for i in range(3)]), 0, 1)
    threshold = max(MIN_DENSITY, NOISE_SIGMAS * 1.48 * float(np.median(density)))
    return paper, np.asarray(density, np.float32), threshold


def _densities(density: Image, threshold: float) -> tuple[float, float]:
    """Density of the middle of most strokes, and of strokes at their fullest."""
    ridge = density[(density > threshold) & (density >= cv2.dilate(density, WINDOW))]
    return tuple(np.quantile(ridge, [0.5, FULL_QUANTILE]).tolist()) if len(ridge) else (1.0, 1.0)


def _trace_lines(bare: Image, threshold: float) -> tuple[Mask, Image]:
    """Pixels (H, W) of thin strokes of a pure hue in a drawing on paper of 1, and their largest channel.

    A pixel that is darker than that is crossed by ink.
    """
    low, high = bare.min(-1), bare.max(-1)
    saturation = high - low
    colored = (saturation > threshold).astype(np.uint8)
    nothing = np.zeros(low.shape, bool), np.ones(low.shape, np.float32)
    if not colored.any():
        return nothing
    hue = cv2.cvtColor(bare, cv2.COLOR_RGB2HSV)[..., 0]
    core = (saturation >= MIN_TRACE_SATURATION) & (saturation >= MIN_CORE * cv2.dilate(saturation, WINDOW))
    pure = core & (np.abs((hue + 60) % 120 - 60) <= MAX_HUE_DISTANCE)
    count, owner = cv2.connectedComponents(colored, connectivity=8, ltype=cv2.CV_32S)
    cores, pures = (np.bincount(owner[mask], minlength=count) for mask in (core, pure))
    width = np.zeros(count)
    np.maximum.at(width, owner.ravel(), 2 * cv2.distanceTransform(colored, cv2.DIST_L2, 3).ravel())
    is_trace = (width <= line_width(low.shape)) & (pures > 0) & (pures >= MIN_PURE_SHARE * cores)
    is_trace[0] = False
    value = (np.bincount(owner[core], high[core], count) / np.maximum(cores, 1)).astype(np.float32)
    value[~is_trace] = 1
    trace = is_trace[owner] & (1 - high / value[owner] < OPAQUE)  # where ink covers it, there is ink
    return (trace, value[owner]) if trace.sum() <= MAX_TRACE_SHARE * (1 - low > threshold).sum() else nothing
