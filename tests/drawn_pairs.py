"""Pairs of drawings in which paints share a gray, and measures of what a colorizer makes of them.

Each function draws a key and the right colors of another frame of the same shot. Everything is SVG drawn by
resvg with the pen of the example scene; drawing needs ``pip install "refcolor[examples]"``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging.color import rgb_to_lab
from refcolor.imaging.metrics import ciede2000

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

from cel import Cel, Paint, oval, trace
from drawn_people import (
    FRAME,
    HEIGHT,
    Figure,
    Picture,
    at_gray,
    below,
    cloud,
    linear,
    luma_of,
    person,
    radial,
    rendered,
)

CHROMA_JUMP = 10.0  # CIELAB units between direct neighbors: a color border of a result
TRUE_JUMP = 5.0  # the same of the truth, where a weaker one is a border, too
GRAY_STEP = 3  # 8-bit levels between direct neighbors: a gray edge
REACH = 2  # pixels within which a border follows an edge


class Pair(NamedTuple):
    """A key and the right colors of another frame, (270, 480, 3) uint8 RGB."""

    name: str
    key: Picture
    truth: Picture

    @property
    def gray(self) -> Picture:
        """The target: BT.601 gray of the truth (270, 480) uint8."""
        return gray_of(self.truth)


def gray_of(picture: Picture) -> Picture:
    """BT.601 gray (H, W) uint8 of a picture (H, W, 3) uint8 RGB."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


TEAL, PLUM = Paint("#2f7f86", "#255f6c"), Paint("#6a4a78", "#4d365c")
SKIN = Paint("#f3cfb4", "#d39c84")
BROWN, WHITE = Paint("#7a4a34", "#593427"), Paint("#f6f1e8", "#cfc8d6")


def ramp_face() -> Pair:
    """A face shaded softly through the grays of a pale sky behind it."""

    def draw(x: float, y: float, turn: float, lit: float) -> Picture:
        cel = Cel()
        cel.fill(FRAME, linear(cel, (0, 0), (0, HEIGHT), "#bfd0dc", "#d3dde3", "#e3e6e4"))
        for u, v in ((70, 60), (400, 90)):
            cloud(cel, u, v, Paint("#dfe6ea", "#d2dce3"))
        cel.fill(below("-20 236, 90 222, 210 238, 330 220, 500 234"), "#8fae9c")
        skin = linear(cel, (-60 + lit, -50), (54 + lit, 62), "#f7e8dc", "#e6d6cd", "#c9b9b6")
        person(cel, Figure(BROWN, Paint(skin, "#b9a4a2"), TEAL, WHITE), (x, y), turn, 1.35)
        return rendered(cel)

    return Pair("ramp_face", draw(236, 112, 0, 0), draw(244, 116, 3, 5))


def hair_and_skin() -> Pair:
    """Yellow hair and pale skin of one gray, with a line between them only here and there."""
    skin = Paint("#f5d9cb", "#d9b0a4")
    hair = Paint(at_gray("#f5dc7a", luma_of(skin.base)), at_gray("#d4b352", luma_of(skin.shade)))

    def draw(x: float, y: float, turn: float) -> Picture:
        cel = Cel()
        cel.fill(FRAME, linear(cel, (0, 0), (0, HEIGHT), "#4f8fc4", "#86bbdc"))
        cloud(cel, 84, 70, WHITE)
        cel.fill(below("-20 210, 100 190, 240 214, 360 186, 500 206"), "#5f9a58")
        person(cel, Figure(hair, skin, TEAL, WHITE, False), (x, y), turn, 1.2)
        return rendered(cel)

    return Pair("hair_and_skin", draw(240, 104, 0), draw(242, 105, 1))


def ground_and_sky() -> Pair:
    """Pink ground under a blue sky of one gray, no line between them, and a person who walks past."""
    sky = "#9cc3dc"
    ground = at_gray("#e3a9b4", luma_of(sky))

    def draw(x: float) -> Picture:
        cel = Cel()
        cel.fill(FRAME, sky)
        cloud(cel, 360, 44, Paint("#f4f1ee", "#d9dfe8"))
        cel.fill(below("-20 168, 120 160, 260 172, 380 158, 500 166"), ground)
        for u, v in ((40, 214), (190, 236), (330, 206), (430, 240)):
            cel.stroke(trace(f"{u} {v}, {u + 9} {v - 8}, {u + 20} {v + 1}", closed=False), 2.0, "#a86f7e")
        person(cel, Figure(BROWN, SKIN, PLUM, WHITE), (x, 96), 0, 0.8)
        return rendered(cel)

    return Pair("ground_and_sky", draw(150), draw(196))


def bent_blouse() -> Pair:
    """A red blouse and a gray coat of one gray, lit from above, on a person who tumbles by half a turn."""
    red, stone = ("#c4494f", "#9a3340"), ("#7a7468", "#6a7468")

    def draw(x: float, y: float, turn: float) -> Picture:
        cel = Cel()
        cel.fill(FRAME, linear(cel, (0, 0), (0, HEIGHT), "#6fa5cf", "#a9cde0", "#cfe0e2"))
        cloud(cel, 400, 60, WHITE)
        cel.fill(below("-20 246, 100 238, 240 250, 360 236, 500 246"), "#6b7b41")
        right, down = 95 * np.sin(np.radians(turn)), 95 * np.cos(np.radians(turn))
        level = luma_of(red[0])

        def lit(light: str, dark: str) -> Paint:
            colors = at_gray(light, level), at_gray(dark, level - 30)
            return Paint(*[linear(cel, (-right, 150 - down), (right, 150 + down), *colors)] * 2)

        person(cel, Figure(BROWN, SKIN, lit(*stone), lit(*red)), (x, y), turn, 0.9, True)
        return rendered(cel)

    return Pair("bent_blouse", draw(220, 76, 0), draw(250, 200, 160))


def _still(mouth: bool) -> Picture:
    """A quiet shot: hazy sky, cream wall, a person with an open or a closed mouth."""
    cel = Cel()
    cel.fill(FRAME, linear(cel, (0, 0), (0, HEIGHT), "#cfdce6", "#dfe6ea", "#e9ebe9"))
    cel.fill(below("-20 226, 120 214, 260 230, 380 212, 500 226"), "#7f9f86")
    wall = np.array([(340, 60), (500, 48), (500, 290), (340, 290)], float)
    cel.shape(wall, Paint("#ece3d3", "#d3c6b2"), 4)
    for x, y in ((372, 96), (430, 92), (372, 160), (430, 158)):
        cel.shape(np.array([(x, y), (x + 26, y), (x + 26, y + 34), (x, y + 34)], float), PLUM, 3, line=1.6)
    person(cel, Figure(BROWN, Paint("#f5d9c4", "#d3a792"), TEAL, WHITE), (190, 108), 0, 1.2)
    if mouth:
        cel.fill(oval((190, 162), 7, 5), "#7d2438")
    return rendered(cel)


def _compressed(picture: Picture, quality: int) -> Picture:
    """The picture after JPEG that spoils its gray and spares its chroma: the colors are still right."""
    options = {
        cv2.IMWRITE_JPEG_LUMA_QUALITY: quality,
        cv2.IMWRITE_JPEG_CHROMA_QUALITY: 100,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    }
    words = [word for option in options.items() for word in option]
    data = cv2.imencode(".jpg", picture[..., ::-1], words)[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]


def _noisy_gray(picture: Picture, quality: int) -> Picture:
    """The picture's colors with the gray that JPEG makes of it."""
    step = gray_of(_compressed(picture, quality)).astype(int) - gray_of(picture)
    return np.asarray(np.clip(picture + step[..., None], 0, 255), np.uint8)


def compressed_frame() -> Pair:
    """A frame that is the key but for the mouth and for the noise of compression in its gray."""
    return Pair("compressed_frame", _still(True), _noisy_gray(_still(False), 70))


def compressed_key() -> Pair:
    """A key with the noise of compression and a clean frame; the coat has the gray of the hill behind it."""
    hill = at_gray("#7d9140", luma_of(TEAL.base))

    def draw(x: float, y: float, turn: float) -> Picture:
        cel = Cel()
        cel.fill(FRAME, linear(cel, (0, 0), (0, HEIGHT), "#9cc3dc", "#d6e4e6"))
        cloud(cel, 396, 40, WHITE)
        cel.fill(below("-20 150, 60 120, 150 108, 260 132, 380 112, 500 150"), hill)
        person(cel, Figure(BROWN, SKIN, TEAL, WHITE), (x, y), turn, 0.9)
        return rendered(cel)

    return Pair("compressed_key", _compressed(draw(210, 100, 0), 65), draw(228, 104, 3))


def fading_light() -> Pair:
    """A glow in an evening sky that dissolves: its weaker colors are those of its rim in the key."""

    def draw(strength: float) -> Picture:
        cel = Cel()
        cel.fill(FRAME, "#46557f")
        cel.fill(below("-20 214, 100 198, 240 220, 360 196, 500 210"), "#2f4a4c")
        person(cel, Figure(BROWN, Paint("#d8b4a6", "#a9847f"), PLUM, WHITE), (120, 110), 0, 1.1)
        fall = [strength * (1 - s) ** 1.5 for s in np.linspace(0, 1, 24)]
        cel.fill(FRAME, radial(cel, (350, 84), 150, "#ffd27a", fall))
        return rendered(cel)

    return Pair("fading_light", draw(0.95), draw(0.55))


PAIRS: dict[str, Callable[[], Pair]] = {
    draw.__name__: draw
    for draw in (
        ramp_face, hair_and_skin, ground_and_sky, bent_blouse, compressed_frame, compressed_key, fading_light
    )
}  # fmt: skip


def ok2(result: Picture, truth: Picture) -> float:
    """Share of pixels within CIEDE2000 2 of the truth; both (H, W, 3) uint8 RGB."""
    return float((error_of(result, truth) <= 2).mean())


def error_of(result: Picture, truth: Picture) -> NDArray[np.float64]:
    """CIEDE2000 (H, W) between two pictures (H, W, 3) uint8 RGB."""
    return ciede2000(_lab(result), _lab(truth))


def false_borders(result: Picture, gray: Picture, truth: Picture) -> float:
    """Share of the pixels of a result at color borders that follow nothing.

    Parameters
    ----------
    result, truth : (H, W, 3) uint8 RGB
    gray : (H, W) uint8
        The target.

    Returns
    -------
    float
        Share of all pixels; see `false_border_pixels`.
    """
    return float(false_border_pixels(result, gray, truth).mean())


def false_border_pixels(result: Picture, gray: Picture, truth: Picture) -> NDArray[np.bool_]:
    """The pixels (H, W) at a chroma jump with no gray edge and no color border of the truth near."""
    ab, true_ab = (_lab(picture)[..., 1:] for picture in (result, truth))
    edges = _jumps(gray[..., None].astype(np.float32), GRAY_STEP) | _jumps(true_ab, TRUE_JUMP)
    near = cv2.dilate(edges.astype(np.uint8), np.ones((2 * REACH + 1,) * 2, np.uint8)) > 0
    return np.asarray(_jumps(ab, CHROMA_JUMP) & ~near, np.bool_)


def _lab(picture: Picture) -> NDArray[np.float32]:
    """CIELAB (H, W, 3) of uint8 RGB."""
    return rgb_to_lab(picture.astype(np.float32) / np.float32(255))


def _jumps(values: NDArray[np.float32], least: float) -> NDArray[np.bool_]:
    """The pixels (H, W) on either side of a step of at least so much between direct neighbors."""
    across = np.linalg.norm(np.diff(values, axis=1), axis=-1) >= least
    down = np.linalg.norm(np.diff(values, axis=0), axis=-1) >= least
    found = np.zeros(values.shape[:2], bool)
    found[:, 1:] |= across
    found[:, :-1] |= across
    found[1:] |= down
    found[:-1] |= down
    return found
