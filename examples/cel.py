"""Pen and paint for ``draw_scene.py``: curves, cel-shaded shapes with ink lines.

Everything becomes SVG text drawn by resvg, a software renderer: no window, no graphics card.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]
INK = "#2b1a2e"
OVERSAMPLE = 3  # drawn three times as large and averaged: lines as soft as a scanned cel's
LIGHT = np.array([0.66, -0.75])  # towards the sun: upper right


class Paint(NamedTuple):
    """A cel paint and the paint of its shadow."""

    base: str
    shade: str


def curve(points: ArrayLike, closed: bool = True, steps: int = 9) -> Points:
    """Catmull-Rom spline through the points; a point given twice is a corner."""
    p = np.asarray(points, float)
    n = len(p)
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    out = []
    for i in range(n if closed else n - 1):
        j = np.arange(i - 1, i + 3)
        a, b, c, d = p[j % n] if closed else p[np.clip(j, 0, n - 1)]
        if np.array_equal(b, c):  # the corner itself: no span to draw
            continue
        m, k = (c - a) / 2, (d - b) / 2
        out.append(b + m * t + (3 * (c - b) - 2 * m - k) * t**2 + (2 * (b - c) + m + k) * t**3)
    return np.vstack(out if closed else [*out, p[-1:]])


def trace(text: str, closed: bool = True) -> Points:
    """The curve through ``"x y, x y, ..."``; a star after a point makes it a corner."""
    points = [point.split() for point in text.split(",")]
    return curve(
        [(float(x), float(y.rstrip("*"))) for x, y in points for _ in range(1 + y.endswith("*"))], closed
    )


def place(points: ArrayLike, at: ArrayLike = (0, 0), turn: float = 0.0, scale: float = 1.0) -> Points:
    """Rotate by `turn` degrees (clockwise on screen), scale, then move to `at`."""
    c, s = np.cos(np.radians(turn)) * scale, np.sin(np.radians(turn)) * scale
    return np.asarray(points, float) @ np.array([[c, s], [-s, c]]) + np.asarray(at, float)


def oval(at: ArrayLike, rx: float, ry: float) -> Points:
    t = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    return np.c_[np.cos(t) * rx, np.sin(t) * ry] + np.asarray(at, float)


def ribbon(spine: Points, widths: ArrayLike) -> tuple[Points, Points]:
    """The two edges of a band of varying width along a line."""
    along = np.gradient(spine, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    w = np.interp(np.linspace(0, 1, len(spine)), np.linspace(0, 1, np.size(widths)), np.ravel(widths))
    side = along[:, ::-1] * (-1, 1) * w[:, None] / 2
    return spine + side, spine - side


def tube(spine: ArrayLike, widths: ArrayLike, steps: int = 9, caps: str = "both") -> Points:
    """A closed limb around a smooth line, with round ends where `caps` ("both", "first", "none") says so."""
    left, right = ribbon(curve(spine, closed=False, steps=steps), widths)
    a = np.linspace(0, np.pi, 9)[1:-1, None]

    def cap(p: Points, q: Points) -> Points:
        r = (p - q) / 2
        return (p + q) / 2 + r * np.cos(a) + r[::-1] * (1, -1) * np.sin(a)

    first = [] if caps == "none" else [cap(right[0], left[0])]
    last = [cap(left[-1], right[-1])] if caps == "both" else []
    return np.vstack([left, *last, right[::-1], *first])


def knee(a: Points, b: Points, upper: float, lower: float, bend: float) -> Points:
    """The middle joint of a two-bone limb from a to b (law of cosines); `bend` is +1 or -1."""
    d = min(float(np.linalg.norm(b - a)), upper + lower - 0.01)
    cos = (upper**2 + d**2 - lower**2) / (2 * upper * d)
    turn = np.arctan2(*(b - a)[::-1]) + bend * np.arccos(np.clip(cos, -1, 1))
    return place([[upper, 0]], a, np.degrees(turn))[0]


def path(*shapes: Points, closed: bool = True) -> str:
    """SVG path data."""
    return "".join("M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in s) + "Z" * closed for s in shapes)


class Cel:
    """One transparent sheet, painted from the back to the front."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.clips = 0

    def fill(self, shape: Points, color: str, opacity: float = 1.0) -> None:
        self.parts.append(f'<path d="{path(shape)}" fill="{color}" fill-opacity="{opacity:.3f}"/>')

    def stroke(self, points: Points, width: float, color: str = INK) -> None:
        """A pen stroke that swells and tapers to both ends."""
        t = np.linspace(0, 1, len(points))
        left, right = ribbon(points, width * (0.12 + 0.88 * np.sin(np.pi * t) ** 0.7))
        self.fill(np.vstack([left, right[::-1]]), color)

    def outline(self, shape: Points, width: float, closed: bool = True, color: str = INK) -> None:
        self.parts.append(
            f'<path d="{path(shape, closed=closed)}" fill="none" stroke="{color}" stroke-width="{width:.2f}"'
            ' stroke-linejoin="round" stroke-linecap="round"/>'
        )

    def clip(self, *shapes: Points) -> None:
        """Keep what follows, up to ``end``, inside the union of the shapes."""
        self.clips += 1
        name = f"c{self.clips}"
        self.parts.append(f'<clipPath id="{name}"><path d="{path(*shapes)}"/></clipPath>')
        self.parts.append(f'<g clip-path="url(#{name})">')

    def shape(
        self,
        shape: Points,
        paint: Paint,
        depth: float = 6.0,
        shadows: Iterable[Points] = (),
        pattern: Callable[[int], None] | None = None,
        line: float = 2.2,
    ) -> None:
        """A part with a hard-edged shadow away from the light, and an ink line heavier on that side.

        What the shape, moved towards the light by `depth`, does not cover is in shadow, and so are `shadows`.
        ``pattern(tone)`` paints the cloth in its base (0) or shadow (1) paints.
        """
        self.outline(shape - LIGHT * 0.9, line)

        def coat(tone: int) -> None:
            self.fill(shape, paint[tone])
            if pattern:
                pattern(tone)

        self.clip(shape)
        coat(1)
        self.clip(shape + LIGHT * depth)
        coat(0)
        self.end()
        if cast := list(shadows):
            self.clip(*cast)
            coat(1)
            self.end()
        self.end()
        self.outline(shape, line)

    def group(self, transform: str) -> None:
        self.parts.append(f'<g transform="{transform}">')

    def end(self, groups: int = 1) -> None:
        """Close groups or clips."""
        self.parts.append("</g>" * groups)

    def render(self, width: int, height: int) -> NDArray[np.float32]:
        """The sheet as (height, width, 4) float32, 0 to 255, color premultiplied by alpha."""
        import resvg_py

        size = f'width="{width * OVERSAMPLE}" height="{height * OVERSAMPLE}" viewBox="0 0 {width} {height}"'
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(self.parts)}</svg>'
        png = np.frombuffer(resvg_py.svg_to_bytes(svg_string=svg, skip_system_fonts=True), np.uint8)
        rgba = cv2.imdecode(png, cv2.IMREAD_UNCHANGED)[..., [2, 1, 0, 3]].astype(np.float32)
        rgba[..., :3] *= rgba[..., 3:] / 255
        return cv2.resize(rgba, (width, height), interpolation=cv2.INTER_AREA)
