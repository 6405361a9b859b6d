"""A drawn figure, painted and as bare line art, with gaps in its lines, shades and trace lines if wanted."""

import cv2
import numpy as np

PAINTS = {
    "skin": (240, 200, 170), "coat": (60, 90, 170), "shade": (40, 60, 120), "hair": (120, 70, 30),
    "shoe": (90, 20, 20),
}  # fmt: skip


def figure(dx=0, dy=0, *, size=240, gap=0, trace=False, line=0, aa=True):
    """The figure moved by (dx, dy): painted (size, size, 3), and its line art; float32 in [0, 1].

    `gap` pixels of the coat's outline are missing, `trace` draws a blue line around its shade, `line` is the
    gray of the ink, without anti-aliasing unless `aa`.
    """
    s = size / 240
    painted, drawn = (np.full((size, size, 3), 255, np.uint8) for _ in range(2))
    kind = cv2.LINE_AA if aa else cv2.LINE_8
    thick = max(2, round(2 * s))

    def points(*xy):
        return np.rint(np.add(xy, [dx, dy]) * s).astype(np.int32)[None]

    coat = points((80, 110), (160, 110), (180, 200), (60, 200))
    shade = points((130, 112), (159, 112), (178, 199), (140, 199))
    cv2.fillPoly(painted, coat, PAINTS["coat"])
    cv2.fillPoly(painted, shade, PAINTS["shade"])
    center = tuple(points((120, 75))[0, 0].tolist())
    cv2.circle(painted, center, round(34 * s), PAINTS["skin"], -1)
    cv2.ellipse(painted, center, (round(34 * s), round(34 * s)), 0, 190, 350, PAINTS["hair"], -1)
    shoes = [points((x, 201), (x + 30, 201), (x + 30, 218), (x, 218)) for x in (75, 125)]
    for shoe in shoes:
        cv2.fillPoly(painted, shoe, PAINTS["shoe"])
    ink = (line,) * 3
    if trace:
        cv2.polylines(drawn, [shade[0][[0, 3]]], False, (0, 0, 255), 1, cv2.LINE_8)
    for picture in (painted, drawn):
        cv2.polylines(picture, list(coat), True, ink, thick, kind)
        for shoe in shoes:
            cv2.polylines(picture, list(shoe), True, ink, thick, kind)
        cv2.circle(picture, center, round(34 * s), ink, thick, kind)
        cv2.ellipse(picture, center, (round(34 * s), round(34 * s)), 0, 190, 350, ink, thick, kind)
        ends = cv2.ellipse2Poly(center, (round(34 * s), round(34 * s)), 0, 190, 350, 160)
        cv2.line(picture, ends[0].tolist(), ends[-1].tolist(), ink, thick, kind)
    if gap:
        x, y = points((70, 150))[0, 0]
        drawn[y : y + gap, x - 12 : x + 13] = 255
    return tuple(p.astype(np.float32) / np.float32(255) for p in (painted, drawn))


def right(result, truth, drawn, *, ink=0.99):
    """Share of exactly right pixels where the truth has an even paint, no background, and no ink is near."""
    window = np.ones((3, 3), np.uint8)
    even = (cv2.dilate(truth, window) == cv2.erode(truth, window)).all(-1)
    free = cv2.erode((drawn.min(-1) > ink).astype(np.uint8), window) > 0
    use = even & free & (truth < 1).any(-1)
    return float((np.abs(result - truth)[use].max(-1) < 1e-6).mean())
