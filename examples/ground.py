"""The painted ground of the example scene: sky, hills, trees and meadow in dabs of a flat brush."""

# ruff: noqa: RUF005 (an array plus a pair is a sum here, not a longer list)

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from cel import LIGHT, Cel, curve, place
from numpy.typing import ArrayLike, NDArray

Ramp = dict[float, str]
SKY: Ramp = {0.0: "#5fa9dc", 0.45: "#9fd3ea", 0.75: "#f3e3cf", 1.0: "#f9cfae"}  # from the zenith down
CLOUD: Ramp = {0.0: "#c9bfdc", 0.5: "#f5e3e2", 1.0: "#fffaf0"}
HILL: Ramp = {0.0: "#86aebf", 0.5: "#9dc3b6", 1.0: "#b9d6b0"}
SHRUB: Ramp = {0.0: "#4f8f62", 1.0: "#6fa860"}
LEAF: Ramp = {0.0: "#3f7d62", 0.5: "#5f9f63", 1.0: "#9cc76a"}  # from shadow to light
GRASS: Ramp = {0.0: "#b4cf62", 0.35: "#8fc05a", 1.0: "#4f9a52"}
PETAL: Ramp = {0.0: "#fff4e6", 1.0: "#f6a9b8"}
BLADES = ("#3e8148", "#c6dd76", "#5fa650")
CLOUDS = [(140, 100, 150), (560, 60, 110), (935, 190, 140), (420, 232, 90)]  # x, y, width


def mix(ramp: Ramp, where: float) -> NDArray[np.float64]:
    """The color of a ramp at `where`."""
    rgb = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in ramp.values()], float)
    return np.array([np.interp(where, list(ramp), rgb[:, i]) for i in range(3)])


def hexed(rgb: ArrayLike) -> str:
    r, g, b = np.clip(np.rint(rgb), 0, 255).astype(int)
    return f"#{r:02x}{g:02x}{b:02x}"


class Painter:
    """One sheet of ground, `width` wide; the generator makes every run the same."""

    def __init__(self, rng: np.random.Generator, width: int, height: int) -> None:
        self.cel, self.rng, self.width, self.height = Cel(), rng, width, height

    def dab(
        self, at: ArrayLike, long: float, wide: float, turn: float, rgb: ArrayLike, opacity: float
    ) -> None:
        """One touch of the brush, broader where it starts."""
        t = np.linspace(0, 2 * np.pi, 14, endpoint=False)
        leaf = np.c_[np.cos(t) * long, np.sin(t) * wide * (1 - 0.35 * np.cos(t))]
        self.cel.fill(place(leaf, at, turn), hexed(rgb), opacity)

    def land(self, count: int, ramp: Ramp, top: Callable, bottom: float, size: float, turn: float) -> None:
        """All below the line `top`: flat bands, then dabs downwards, larger where nearer."""
        x = np.arange(-60, self.width + 61, 20.0)
        line = np.c_[x, top(x)]
        edge = [(self.width + 60, self.height + 60), (-60, self.height + 60)]
        for d in np.linspace(0, 1, 25):
            drop = d * (bottom - line[:, 1:]) * (0, 1)
            self.cel.fill(np.vstack([line + drop, edge]), hexed(mix(ramp, d)))
        for d in np.sort(self.rng.uniform(0, 1, count)):
            u = self.rng.uniform(-30, self.width + 30)
            long = size * (0.5 + 0.8 * d) * self.rng.uniform(0.7, 1.3)
            y = top(u) + long * 0.3 + d * (bottom - top(u))
            rgb = mix(ramp, d + self.rng.normal(0, 0.09)) + self.rng.normal(0, 2.2)
            self.dab((u, y), long, long * 0.26, turn + self.rng.normal(0, 7), rgb, 0.85)

    def cloud(self, x: float, y: float, width: float) -> None:
        for d in np.linspace(0, 1, 70):  # lilac below first, the lit tops last
            u, v = self.rng.normal(0, 0.42), self.rng.uniform(0, 1)
            rise = v * width * 0.34 * np.exp(-2.2 * u**2) * (0.4 + 0.6 * d) - 6 * (1 - d)
            rgb = mix(CLOUD, d + self.rng.normal(0, 0.08))
            self.dab((x + u * width, y - rise), width * 0.17, width * 0.085, self.rng.normal(0, 10), rgb, 0.8)

    def tree(self, x: float, y: float, r: float) -> None:
        for d in np.linspace(0, 1, 46):  # a dark heap first, then lighter leaves towards the sun
            a, q = self.rng.uniform(0, 2 * np.pi), r * np.sqrt(self.rng.uniform()) * (0.95 - 0.35 * d)
            at = (x, y) + q * np.array([np.cos(a), 0.75 * np.sin(a)]) + LIGHT * r * 0.42 * d
            long = r * (0.32 - 0.14 * d)
            rgb = mix(LEAF, d + self.rng.normal(0, 0.07))
            self.dab(at, long, long * 0.6, self.rng.uniform(-60, 20), rgb, 1)

    def blade(self) -> None:
        """A blade of grass, sometimes a flower, larger towards the viewer."""
        d = np.sqrt(self.rng.uniform(0.02, 1))
        root = np.array([self.rng.uniform(0, self.width), 432 + 110 * d])
        tip = root + (self.rng.normal(3, 3), -(4 + 15 * d) * self.rng.uniform(0.7, 1.2))
        bent = curve([root, (root + tip) / 2 - (1, 0), tip], False, 4)
        self.cel.stroke(bent, 1 + 2 * d, str(self.rng.choice(BLADES)))
        if self.rng.uniform() < 0.16:
            for a in np.arange(5) * 2 * np.pi / 5:
                at = tip + 2.6 * d * np.array([np.cos(a), np.sin(a)])
                self.dab(at, 2.6 * d, 2 * d, np.degrees(a), mix(PETAL, self.rng.uniform()), 1)


def layers(width: int, height: int, seed: int = 2024) -> list[NDArray[np.float32]]:
    """Four sheets (height, width, 4), back to front: sky, hills, trees, meadow."""
    rng = np.random.default_rng(seed)
    sky, hills, trees, meadow = (Painter(rng, width, height) for _ in range(4))

    sky.land(320, SKY, lambda u: 0 * u - 20, 400, 92, -4)
    for cloud in CLOUDS:
        sky.cloud(*cloud)
    hills.land(200, HILL, lambda u: 318 + 30 * np.sin(u / 120) + 16 * np.sin(u / 53 + 1), 440, 46, -10)

    def slope(u: NDArray[np.float64]) -> NDArray[np.float64]:
        return 398 + 16 * np.sin(u / 150 + 2)

    trees.land(140, SHRUB, slope, 440, 36, 0)
    for x in np.arange(-20, width + 40, 58.0):
        r = rng.uniform(26, 50)
        trees.tree(x + rng.normal(0, 14), slope(x) - r * 0.3, r)
    meadow.land(330, GRASS, lambda u: 424 + 8 * np.sin(u / 170), 560, 52, 3)
    for _ in range(190):
        meadow.blade()
    return [painter.cel.render(width, height) for painter in (sky, hills, trees, meadow)]
