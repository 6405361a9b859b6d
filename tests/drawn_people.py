"""People, clouds and gradients for the drawn pairs, by the pen of the example scene."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

from cel import INK, Cel, Paint, Points, curve, oval, trace, tube
from draw_scene import eye
from ground import hexed

Picture = NDArray[np.uint8]

WIDTH, HEIGHT = 480, 270
FRAME = np.array([(-9, -9), (WIDTH + 9, -9), (WIDTH + 9, HEIGHT + 9), (-9, HEIGHT + 9)], float)
BT601 = np.array([0.299, 0.587, 0.114])


class Figure(NamedTuple):
    """Paints of a person; the paint of the face may be a gradient."""

    hair: Paint
    face: Paint
    coat: Paint
    blouse: Paint
    has_fringe_line: bool = True


def luma_of(color: str) -> float:
    """BT.601 gray of ``"#rrggbb"`` in 8-bit levels."""
    return float(BT601 @ [int(color[i : i + 2], 16) for i in (1, 3, 5)])


def at_gray(color: str, level: float) -> str:
    """The color made lighter or darker until its gray is `level`, within half a level."""
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)], float)
    return str(hexed(rgb + level - BT601 @ rgb))


def linear(cel: Cel, start: Sequence[float], end: Sequence[float], *colors: str) -> str:
    """A gradient from start (x, y) to end through evenly spaced colors, to be used as a color."""
    (x1, y1), (x2, y2) = start, end
    where = f'gradientUnits="userSpaceOnUse" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"'
    return _gradient(cel, "linearGradient", where, colors, [1.0] * len(colors))


def radial(cel: Cel, at: Sequence[float], radius: float, color: str, opacities: Sequence[float]) -> str:
    """One color whose opacity changes from a center (x, y) outward, to be used as a color."""
    where = f'gradientUnits="userSpaceOnUse" cx="{at[0]}" cy="{at[1]}" r="{radius}"'
    return _gradient(cel, "radialGradient", where, [color] * len(opacities), opacities)


def _gradient(cel: Cel, kind: str, where: str, colors: Sequence[str], opacities: Sequence[float]) -> str:
    name = f"g{len(cel.parts)}"
    stops = "".join(
        f'<stop offset="{offset:.4f}" stop-color="{color}" stop-opacity="{opacity:.3f}"/>'
        for offset, color, opacity in zip(np.linspace(0, 1, len(colors)), colors, opacities, strict=True)
    )
    cel.parts.append(f'<{kind} id="{name}" {where}>{stops}</{kind}>')
    return f"url(#{name})"


def rendered(cel: Cel) -> Picture:
    """The sheet as an opaque picture (270, 480, 3) uint8 RGB."""
    return np.asarray(np.rint(cel.render(WIDTH, HEIGHT)[..., :3]), np.uint8)


def below(line: str) -> Points:
    """All of the picture below the curve through ``"x y, x y, ..."``."""
    return np.vstack([trace(line, closed=False), [(WIDTH + 40, HEIGHT + 40), (-40, HEIGHT + 40)]])


def cloud(cel: Cel, x: float, y: float, paint: Paint) -> None:
    """A cumulus without a line."""
    puffs = [(-34, 0, 22), (-12, -10, 26), (16, -6, 24), (38, 2, 18)]
    for tone, drop in ((1, 4.0), (0, -1.0)):
        for u, v, r in puffs:
            cel.fill(oval((x + u, y + v + drop), r * 1.2, r * 0.62), paint[tone])


def coat(cel: Cel, figure: Figure, is_plain: bool = False) -> None:
    """Shoulders, blouse and open coat of a person whose head is at (0, 0).

    A plain coat has folds, no shadows and neither lapels nor buttons to know it by.
    """
    blouse = trace("-24 58*, -34 76, -40 140, -42 240*, 42 240*, 40 140, 34 76, 24 58*")
    cel.shape(blouse, figure.blouse, 0)
    folds = ("-42 118, -14 126, 12 122, 42 130", "-42 176, -8 168, 20 174, 42 166")
    for fold in folds if is_plain else ():
        cel.outline(trace(fold, closed=False), 1.5, closed=False)
    for y in () if is_plain else (82, 108, 150, 196):
        cel.fill(oval((0, y), 2.0, 2.0), INK)
    for side in (-1, 1):
        half = trace("24 60*, 52 72, 84 90, 100 150, 106 240*, 40 240*, 36 170, 30 110")
        cel.shape(half * (side, 1), figure.coat, 0 if is_plain else 5)
        cel.outline(trace("78 128, 74 170, 76 240", closed=False) * (side, 1), 1.6, closed=False)
        if is_plain:
            cel.outline(trace("52 150, 74 158", closed=False) * (side, 1), 1.6, closed=False)
        else:
            lapel = trace("24 60*, 52 76, 42 112, 32 122*, 28 90")
            cel.shape(lapel * (side, 1), figure.coat, 2, line=1.6)


def head(cel: Cel, figure: Figure) -> None:
    """Hair, neck and face at (0, 0), some 130 pixels wide and 150 high."""
    back = trace("0 -72, -46 -60, -66 -14, -66 40, -74 76*, 0 66, 74 76*, 66 40, 66 -14, 46 -60")
    cel.shape(back, Paint(figure.hair.shade, figure.hair.shade))
    cel.shape(tube([(0, 40), (0, 74)], [34, 38]), Paint(figure.face.shade, figure.face.shade), line=1.6)
    face = trace("-46 -34, 0 -58, 46 -34, 49 4, 40 34, 14 57, 0 61, -14 57, -40 34, -49 4")
    cel.shape(face, figure.face, 0, line=1.8)
    for x in (-21, 21):
        eye(cel, np.array([x, 10.0]), 10)
    cel.outline(trace("1 26, 4 30, 0 32", closed=False), 1.3, closed=False)
    cel.stroke(trace("-9 42, 0 45, 10 41", closed=False), 2.2)
    tips = [(58, 30), (52, 4), (44, -22), (30, 0), (22, -20), (6, 2), (-4, -20), (-22, 3), (-30, -20)]
    tips += [(-46, 6), (-54, 8), (-58, 34)]
    crown = [(-68, 44), (-68, -6), (-54, -54), (-10, -74), (34, -68), (62, -36), (68, 8), (66, 44)]
    fringe = curve([point for point in [*crown, *tips] for _ in range(1 + (point in tips))])
    cel.shape(fringe, figure.hair, 4, line=1.8 if figure.has_fringe_line else 0)
    if not figure.has_fringe_line:  # the line runs out before it meets the face
        cel.outline(curve(crown, closed=False), 1.8, closed=False)
        cel.stroke(np.array([(30, 0), (26, -10), (22, -20)], float), 2.4)
        cel.stroke(np.array([(-22, 3), (-27, -10), (-30, -20)], float), 2.4)
    for strand in ("6 -68, -2 -50, -4 -30", "20 -66, 24 -48, 22 -30"):
        cel.stroke(trace(strand, closed=False), 1.8)


def person(
    cel: Cel,
    figure: Figure,
    at: Sequence[float],
    turn: float = 0,
    scale: float = 1,
    is_plain: bool = False,
) -> None:
    """A person to the hips, head at (x, y), turned by degrees."""
    cel.group(f"translate({at[0]:.2f} {at[1]:.2f}) rotate({turn:.2f}) scale({scale})")
    coat(cel, figure, is_plain)
    head(cel, figure)
    cel.end()
