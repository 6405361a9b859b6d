"""Draw the example scene: a girl walks over a meadow with her kite and waves.

    python examples/draw_scene.py [--out DIR] [--frames N]

It needs ``pip install "refcolor[examples]"``; running it again gives the same pixels. The scene holds what
makes coloring from one key drawing hard: a striped scarf and a checked skirt that change shape, hair over
the eyes, an arm that uncovers a pocket, painted ground that moves at other speeds than the girl, and two
paints of one gray side by side, the teal of the jacket and the rust of the bag.
"""

# ruff: noqa: RUF005 (an array plus a pair is a sum here, not a longer list)

from __future__ import annotations

import argparse
import csv
from functools import cache
from pathlib import Path

import cv2
import ground
import numpy as np
from cel import INK, Cel, Paint, Points, curve, knee, oval, place, ribbon, trace, tube
from numpy.typing import NDArray

WIDTH, HEIGHT, FRAMES = 960, 540, 14
CYCLE = 14  # frames in two steps
GUST = 9.0  # frames from one gust of wind to the next

# These two have the same BT.601 luma within one level of 255, in the light and in the shadow.
TEAL = Paint("#268c8a", "#1a6874")
RUST = Paint("#c8493a", "#9c3432")

SKIN = Paint("#ffd9b8", "#eba98c")
BLUSH = Paint("#f9b49c", "#e2937f")
HAIR = Paint("#e58a3c", "#b95a2c")
GLOSS = Paint("#f6b765", HAIR.shade)
CREAM = Paint("#fbefd2", "#d9bfae")
BERRY = Paint("#cf4678", "#962f62")
YELLOW = Paint("#fbc944", "#dd9430")
INDIGO = Paint("#5a5499", "#3f3a76")
LILAC = Paint("#a9a3dc", "#7f77b8")
ICE = Paint("#dfe3f7", "#aeb0d8")
PLUM = Paint("#7a5577", "#573a5c")
LEATHER = Paint("#8d5838", "#643a2b")
WHITE = Paint("#fffdf6", "#cfc9de")
IRIS, GLINT, MOUTH, TONGUE = "#3b7450", "#8fc48a", "#7d2438", "#ef8078"

GROUND_Y = 486
SCALE = 1.16  # pixels per unit of the girl, whose hips are at (0, 0)
HIP = 108.0  # height of the hips above the ground
WALK = 4  # pixels per frame, the girl to the right
PANS = (1, 2, 4, 7)  # pixels per frame to the left: sky, hills, trees, meadow
STRIDE = (WALK + PANS[-1]) * CYCLE / 4 / SCALE  # so that the standing foot does not slide


def wave(t: float, lag: float = 0.0, beats: int = 1) -> float:
    """A swing of `beats` per walk cycle, -1 to 1."""
    return float(np.sin(2 * np.pi * (beats * t / CYCLE - lag)))


def wind(t: float, lag: float = 0.0) -> float:
    """Gusts have their own period, so that cloth and hair do not repeat with the steps."""
    return float(np.sin(2 * np.pi * (t / GUST - lag)))


def lift(t: float) -> float:
    """How far the near arm is raised, 0 to 1: up by frame 6, waving until 9, then down."""
    s = np.interp(t, [0, 6, 9, CYCLE], [0, 1, 1, 0])
    return float(s * s * (3 - 2 * s))


def body(t: float) -> tuple[float, float, float, float]:
    """Where the hips are in the picture, how far the body has sunk, and its lean in degrees."""
    sink = 3.2 * np.cos(4 * np.pi * t / CYCLE - 0.4)
    return 318 + WALK * t, GROUND_Y - HIP * SCALE, sink, 2.0 + wave(t, 0.1, 2)


def leg(cel: Cel, hip: Points, step: float, near: bool) -> None:
    """One leg; `step` is 0 where the heel lands and 0.5 where the toe leaves the ground."""
    reach = 1 - 4 * step if step < 0.5 else -np.cos(2 * np.pi * (step - 0.5))
    keys = [0, 0.08, 0.34, 0.5, 0.66, 0.88, 1]
    pitch = np.interp(step, keys, [-18, 0, 0, 34, 36, -12, -18])
    height = np.interp(step, keys, [2, 0, 0, 11, 23, 8, 2])
    ankle = np.array([STRIDE * reach + hip[0] * 0.3, HIP - 15 - height])
    mid = knee(hip, ankle, 43, 43, -1)
    dim = 6.0 if near else 14.0  # the far leg is mostly in shadow
    calf = mid * 0.45 + ankle * 0.55 - (1.5, 0)
    cel.shape(tube([hip, (hip + mid) / 2, mid, calf, ankle], [27, 25, 21, 19, 15]), PLUM, dim)
    boot = "-13 -19*, 0 -16, 12 -19*, 13 -4, 22 0, 33 5, 36 13, 34 16*, 12 15, -6 16, -14 16*, -15 4"
    sole = "-15 12*, 10 12, 36 12*, 36 17, 12 17, -15 17*"
    cuff = "-15 -23, 0 -20, 14 -23, 15 -15, 0 -11, -15 -15"
    cel.shape(place(trace(boot), ankle, pitch), LEATHER, dim)
    cel.shape(place(trace(sole), ankle, pitch), CREAM, 2, line=1.6)
    cel.shape(place(trace(cuff), ankle, pitch), CREAM, dim / 2, line=2.0)


def skirt(cel: Cel, t: float) -> None:
    """Checked cloth: the check is drawn in the cloth's own (u, v) and follows its folds."""

    def cloth(u: NDArray[np.float64], v: NDArray[np.float64]) -> Points:
        fold = np.sin(2 * np.pi * (2.5 * u - 2 * t / CYCLE))
        top = np.stack([-37 + 74 * u, -10 + 6 * np.sin(np.pi * u)], -1)
        sway = 5 * wave(t, 0.1) - 5
        hem = np.stack([-60 + 116 * u + sway + 3.5 * fold, 44 + 6 * np.sin(np.pi * u) + 4.5 * fold], -1)
        return top + (hem - top) * (v * (1.25 - 0.25 * v))[:, None]

    s = np.linspace(0, 1, 25)

    def patch(u0: float, u1: float, v0: float, v1: float) -> Points:
        u = np.concatenate([u0 + (u1 - u0) * s, u1 + 0 * s, u1 + (u0 - u1) * s, u0 + 0 * s])
        v = np.concatenate([v0 + 0 * s, v0 + (v1 - v0) * s, v1 + 0 * s, v1 + (v0 - v1) * s])
        return cloth(u, v)

    def check(tone: int) -> None:
        ups = [(k / 7 + 0.05, k / 7 + 0.095) for k in range(7)]
        rows = [(0.3, 0.42), (0.68, 0.8)]
        for band in [(*up, 0, 1) for up in ups] + [(0, 1, *row) for row in rows]:
            cel.fill(patch(*band), LILAC[tone])
        for crossing in [(*up, *row) for up in ups for row in rows]:
            cel.fill(patch(*crossing), ICE[tone])

    troughs = ((np.arange(3) + 1 + 2 * t / CYCLE) % 3 - 0.25) / 2.5
    folds = [np.vstack([cloth(u - 0.075 * s, s * 1.1), cloth(u + 0.045 * s, s * 1.1)[::-1]]) for u in troughs]
    cel.shape(patch(0, 1, 0, 1), INDIGO, 7, folds, check)


def jacket(cel: Cel, t: float) -> None:
    """The teal jacket and its pocket."""
    coat = trace(
        "-18 -94, -34 -86, -39 -62, -36 -38, -42 -10, -48 6*, -20 12, 16 12, 44 5*, 37 -12, 32 -40, 34 -64,"
        "30 -86, 16 -94"
    )
    opening = trace("13 -84, 20 -50, 19 -20, 20 10", closed=False)
    for part in (coat, opening):
        part[:, 0] += 2.5 * wave(t, 0.15) * np.clip(part[:, 1] / 10 + 1, 0, 1)  # the hem swings
    cel.shape(coat, TEAL, 8, [scarf_wrap(t) + (-3, 9), strap() + (-2.5, 5)])
    cel.stroke(opening, 2.2)
    for button in [(24.5, -62), (25.5, -38), (26, -13)]:
        cel.shape(oval(button, 2.9, 2.9), CREAM, 1.2, line=1.5)
    pocket = trace("-22 -33*, -11 -35, 1 -34*, 1 -20, -2 -13, -11 -10, -20 -13, -23 -20")
    cel.shape(pocket, YELLOW, 4, line=2.0)
    heart = trace("0 6*, -6 -1, -4 -5, 0 -2.5*, 4 -5, 6 -1")
    cel.shape(heart + (-10.5, -22), BERRY, 1.5, line=1.2)


def strap() -> Points:
    return tube([(22, -92), (6, -66), (-16, -40), (-44, -10)], [9, 9], caps="none")


def bag(cel: Cel, t: float) -> None:
    """The rust bag, beside the teal jacket."""
    cel.shape(strap(), RUST, 3)
    at, turn = (-46, 4 + wave(t, 0.1, 2)), 6 + 5 * wave(t, 0.2)
    pouch = trace("-22 -14*, 0 -16, 22 -14*, 24 8, 18 20, 0 22, -18 20, -24 8")
    flap = trace("-25 -17, 0 -19, 25 -17, 25 0, 14 8, 0 10, -14 8, -25 0")
    cel.shape(place(pouch, at, turn), RUST, 6)
    cel.shape(place(flap, at, turn), RUST, 5)
    cel.shape(place(trace("-5 4, 5 4, 5 13, -5 13"), at, turn), YELLOW, 2, line=1.8)


def arm(cel: Cel, shoulder: Points, upper: float, fore: float, spread: float, near: bool) -> None:
    """Hand, sleeve and cuff; angles in degrees from hanging down, positive to the left and up."""
    elbow = place([(0, 43)], shoulder, upper)[0]
    wrist = place([(0, 36)], elbow, fore)[0]
    palm = place([(0, 11)], wrist, fore)[0]
    # A hand is a union: every part is inked first and painted after, so that only the outer line stays.
    fingers = [(-9 - 9 * spread, 17), (-3.5 - 3.5 * spread, 21), (2.5 + 2.5 * spread, 20)]
    parts = [tube([(0, 0), np.multiply(f, 0.6), f], [8, 8.5, 6.5]) for f in fingers]
    parts.append(tube([(4, -1), (10, 3), (12 + 5 * spread, 9 - 3 * spread)], [9, 8, 5.5]))
    parts.append(trace("-8 -9, 7 -9, 10 0, 5 9, -6 9, -10 0"))
    for part in parts:
        cel.outline(place(part, palm, fore), 4.4)
    for part in parts:
        cel.fill(place(part, palm, fore), SKIN[0 if near else 1])
    for x, _ in fingers[:2]:
        crease = curve([(x * 0.6 + 3.5, 8.5), (x * 0.8 + 3.2 + spread, 13.5)], False)
        cel.stroke(place(crease, palm, fore), 1.8)
    bend = shoulder * 0.12 + elbow * 0.76 + wrist * 0.12
    spine = [shoulder, (shoulder + elbow) / 2, bend, (elbow + wrist) / 2, wrist]
    dim = 5.0 if near else 10.0
    cel.shape(tube(spine, [23, 23, 21, 20, 21], caps="first"), TEAL, dim)
    cel.shape(tube([elbow * 0.2 + wrist * 0.8, wrist], [24, 25], caps="none"), CREAM, dim / 2)


def near_arm(t: float) -> tuple[Points, float, float, float]:
    """From the hand on the pocket to a wave beside the head."""
    up = lift(t)
    fore = -48 + 190 * up + 18 * up * wave(t, 0.05, 3)
    return np.array([-26.0, -80.0]), 16 + 84 * up + 2 * wave(t, 0, 2), fore, 0.15 + 0.85 * up


def far_arm(t: float) -> tuple[Points, float, float, float]:
    """Holds the string."""
    return np.array([25.0, -80.0]), -52 + 2 * wave(t, 0.2), -126 + 3 * wave(t, 0.3, 2), 0.0


def scarf_wrap(t: float) -> Points:
    breath = -71 + wave(t, 0.2, 2)
    return trace(f"-40 -97, -24 -99, 0 -95, 24 -97, 40 -103, 45 -93, 36 -80, 12 {breath}, -16 -73, -40 -83")


def scarf(cel: Cel, t: float) -> None:
    def stripes(tone: int) -> None:
        for x in (-34, -15, 4, 23, 40):
            cel.fill(tube([(x + 3, -110), (x - 2, -86), (x + 6, -64)], [8, 9, 8]), BERRY[tone])

    cel.shape(scarf_wrap(t), CREAM, 6, pattern=stripes)


def scarf_tail(cel: Cel, t: float) -> None:
    """The end of the scarf flies behind; the wave runs out along it and takes the stripes with it."""
    s = np.linspace(0, 1, 61)
    swing = np.sin(2 * np.pi * (1.15 * s - t / GUST)) * (3 + 15 * s) * np.minimum(1, 3 * s)
    spine = np.c_[-26 - 128 * s + 6 * s * wind(t, 0.3), -88 + 22 * s + 16 * s**2 + swing]
    left, right = ribbon(spine, [20, 26, 30, 32])
    for k in np.linspace(0.08, 0.92, 6):
        root = left[-1] * (1 - k) + right[-1] * k
        tip = root + (-15, 3 + 3 * wind(t, 0.1 * k + 0.6))
        tassel = tube([root + (4, 0), (root + tip) / 2 + (0, 1), tip], [5, 6, 3], steps=4)
        cel.shape(tassel, BERRY, 1.5, line=1.6)

    def stripes(tone: int) -> None:
        for a in range(5, 60, 10):
            cel.fill(np.vstack([left[a : a + 6], right[a : a + 6][::-1]]), BERRY[tone])

    cel.shape(np.vstack([left, right[::-1]]), CREAM, 5, pattern=stripes)


def back_hair(cel: Cel, at: Points, t: float) -> None:
    hair = trace(
        "-8 -80, -46 -66, -72 -32, -76 8, -88 36, -104 50*, -84 62, -56 64, 0 62, 44 60, 72 60, 84 46*,"
        "72 28, 72 -6, 66 -42, 38 -76"
    )
    hair[:, 0] += 4.5 * wind(t, 0.15) * np.clip(hair[:, 1] / 40, 0, 1)
    cel.shape(hair + at, Paint(HAIR.shade, HAIR.shade))


def head(cel: Cel, at: Points, t: float) -> None:
    """Face under a swinging fringe."""
    roots = np.array([(57, -22), (24, -23), (-7, -15), (-28, -11), (-44, -6)], float)
    tips = np.array([(46, 2), (8, 2), (-17, 9), (-37, 22)], float)
    tips[:, 0] += [4.5 * wind(t, lag) for lag in (0.14, 0.18, 0.22, 0.28)]
    left, right = -66 + 4.5 * wind(t, 0.34), 66 + 4.5 * wind(t, 0.1)
    # From the left lock over the crown to the right lock, then back along the tips of the fringe.
    hair = [(left, 62), (left, 62), (-80, 34), (-82, -12), (-64, -60), (-16, -88), (34, -82), (64, -52)]
    hair += [(72, -12), (74, 22), (right, 50), (right, 50), (60, 24), (58, -4), roots[0], roots[0]]
    for a, tip, b in zip(roots, tips, roots[1:], strict=False):
        hair += [(a + tip) / 2 + (3, 4), tip, tip, (tip + b) / 2 + (-3, 3), b, b]
    front = curve([*hair, (-50, 10), (-53, 40)]) + at

    def blush(tone: int) -> None:
        cel.fill(oval(at + (-16, 39), 11, 6), BLUSH[tone])
        cel.fill(oval(at + (51, 38), 8, 4.5), BLUSH[tone])

    face = trace("-52 -44, 0 -66, 50 -44, 60 -8, 60 20, 48 44, 30 58, 16 62, -8 58, -36 42, -54 14")
    cel.shape(face + at, SKIN, 7, [front + (-3, 8)], blush)
    eye(cel, at + (0, 17), 12)
    eye(cel, at + (40, 16), 10)
    cel.stroke(trace("25 29, 28.5 32.5, 24 34", closed=False) + at, 2.2)
    smile = trace("8 41*, 20 44, 34 40*, 31 50, 22 54, 13 50") + at
    cel.fill(smile, MOUTH)
    cel.clip(smile)
    cel.fill(oval(at + (22, 54), 12, 7), TONGUE)
    cel.end()
    cel.outline(smile, 2.0)

    gloss = (
        "-60 -34, -34 -52, 0 -58, 32 -54, 54 -36, 40 -44, 30 -36, 16 -47, 2 -38, -16 -46, -30 -32, -44 -40"
    )
    tuft = tube(
        [(8, -84), (2, -100), (-14, -106 + 3 * wind(t, 0.2)), (-26, -98 + 5 * wind(t, 0.3))], [10, 8, 5, 1.5]
    )
    cel.shape(tuft + at, HAIR, 2.5, line=2.0)
    cel.shape(front, HAIR, 9, pattern=lambda tone: cel.fill(trace(gloss) + at, GLOSS[tone]))
    for root, crown in zip(roots[1:], [(28, -70), (10, -74), (-8, -72), (-28, -64)], strict=True):
        strand = [root + (0, 3), root * 0.55 + np.multiply(crown, 0.45) - (3, 0), crown]
        cel.stroke(curve(strand, closed=False) + at, 2.6)
    turn, radius = np.arange(10) * np.pi / 5, np.tile([12, 5.6], 5)
    star = np.c_[radius * np.sin(turn), -radius * np.cos(turn)]
    cel.shape(place(star, at + (-58, -26), -14), YELLOW, 3, line=2.0)


def eye(cel: Cel, at: Points, r: float) -> None:
    white = trace("-1 2, -0.7 -14, 0 -18, 0.8 -14, 1 2, 0.6 14, -0.6 14") * (r, 1) + at
    cel.fill(white, WHITE.base)
    cel.clip(white)
    cel.fill(white - (0, 25), WHITE.shade)  # the shadow of the lashes
    for y, rx, ry, color in [
        (0, 0.84, 15, INK),
        (1, 0.68, 13, IRIS),
        (1, 0.42, 8, INK),
        (9, 0.4, 3.5, GLINT),
    ]:
        cel.fill(oval(at + (1.5, y), rx * r, ry), color)
    cel.fill(oval(at + (0.4 * r + 1.5, -6), 3.6, 4.5), WHITE.base)
    cel.fill(oval(at + (-0.3 * r + 1.5, 4), 1.6, 2.0), WHITE.base)
    cel.end()
    cel.outline(white, 1.6)
    lash = [(-r - 5, 0), (-r * 0.8, -13), (0, -19), (r * 0.8, -14), (r + 2, -5)]
    cel.stroke(curve(lash, closed=False) + at, 5)


def girl(cel: Cel, t: float) -> None:
    """All parts, back to front."""
    x, y, sink, lean = body(t)
    cel.fill(oval((x + 4, GROUND_Y + 1), 74, 10), "#1f4a4f", 0.42)  # her shadow on the grass
    at = np.array([6.0 + 1.5 * wave(t, 0.1), -156.0 + 1.4 * wave(t, 0.3, 2)])
    upright = f"translate({x:.2f} {y:.2f}) scale({SCALE})"
    leaning = f"{upright} translate(0 {sink:.2f}) rotate({lean:.2f})"
    cel.group(leaning)
    back_hair(cel, at, t)
    scarf_tail(cel, t)
    arm(cel, *far_arm(t), near=False)
    cel.end()
    cel.group(upright)
    leg(cel, np.array([12, 14 + sink]), (t / CYCLE + 0.5) % 1, near=False)
    leg(cel, np.array([-10, 14 + sink]), t / CYCLE % 1, near=True)
    cel.end()
    cel.group(leaning)
    skirt(cel, t)
    jacket(cel, t)
    bag(cel, t)
    head(cel, at, t)
    arm(cel, *near_arm(t), near=True)
    scarf(cel, t)
    cel.end()


def kite(cel: Cel, t: float) -> None:
    """The kite, its tail of bows, and the string to the far hand."""
    at, turn = (738 + 9 * wave(t, 0.1) + 2 * t, 128 + 12 * wave(t, 0.35)), 28 + 7 * wave(t, 0.2)
    top, right, foot, left, mid = place([(0, -74), (50, -16), (0, 82), (-50, -16), (0, -16)], at, turn)
    x, y, sink, lean = body(t)
    shoulder, upper, fore, _ = far_arm(t)
    hand = place([(2, 61)], place([(0, 43)], shoulder, upper)[0], fore)
    hand = place(place(hand, (0, sink), lean), (x, y), scale=SCALE)[0]
    cel.outline(curve([hand, hand * 0.55 + mid * 0.45 + (12, 40), mid], False, 30), 1.5, closed=False)
    s = np.linspace(0, 1, 40)
    tail = foot + np.c_[np.sin(2 * np.pi * (1.3 * s - t / GUST)) * 16 * s - 46 * s, 150 * s - 22 * s**2]
    cel.outline(tail, 2.0, closed=False)
    bow = trace("0 0*, 13 -8, 15 0, 13 8")
    for k, paint in zip((9, 18, 27, 38), (BERRY, YELLOW, BERRY, YELLOW), strict=True):
        along = np.degrees(np.arctan2(*(tail[k] - tail[k - 2])[::-1]))
        cel.shape(place(bow, tail[k], along + 90), paint, 3)
        cel.shape(place(bow, tail[k], along - 90), paint, 3)
    for a, b, paint in [(top, right, YELLOW), (right, foot, BERRY), (foot, left, YELLOW), (left, top, BERRY)]:
        cel.shape(np.array([mid, a, b]), paint, 6, line=2.4)
    cel.outline(np.array([top, right, foot, left]), 3.0)


@cache
def backdrop() -> list[NDArray[np.float32]]:
    return ground.layers(WIDTH + PANS[-1] * 20, HEIGHT)


def draw(t: int) -> NDArray[np.uint8]:
    """Frame t, (540, 960, 3) uint8 RGB."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for sheet, pan in zip(backdrop(), PANS, strict=True):
        view = sheet[:, pan * t : pan * t + WIDTH]
        picture = picture * (1 - view[..., 3:] / 255) + view[..., :3]
    picture = np.rint(picture / 4) * 4  # steps too small to see that halve the file
    cel = Cel()
    kite(cel, t)
    girl(cel, t)
    drawn = cel.render(WIDTH, HEIGHT)
    picture = picture * (1 - drawn[..., 3:] / 255) + drawn[..., :3]
    return np.rint(np.clip(picture, 0, 255)).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the example scene.")
    here = Path(__file__).parent
    parser.add_argument("--out", type=Path, default=here, help="folder for scene/ and pairs.csv")
    parser.add_argument("--frames", type=int, default=FRAMES, choices=range(1, 21), metavar="N")
    args = parser.parse_args()
    scene = args.out / "scene"
    (scene / "gray").mkdir(parents=True, exist_ok=True)
    small = [cv2.IMWRITE_PNG_COMPRESSION, 9, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]
    frames = [draw(t) for t in range(args.frames)]
    rows = [["clip", "source", "truth", "kind", "difference"]]
    for t, frame in enumerate(frames):
        name = f"{t:04d}.png"
        cv2.imwrite(str(scene / name), frame[..., ::-1], small)
        cv2.imwrite(str(scene / "gray" / name), cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), small)
        if t:
            difference = np.abs(frame.astype(int) - frames[0]).mean()
            truth = f"scene/{name}"
            rows.append(["scene", "scene/0000.png", truth, "drawn cel, painted ground", f"{difference:.1f}"])
    with (args.out / "pairs.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    main()
