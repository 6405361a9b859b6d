"""Endless training pairs: frames of open clips, and drawn layers that hide each other.

Both pictures of a pair are turned gray by the same random mix of channels, so that luma alone does not tell
the color and the network has to learn what belongs together. In some mixes two colors of the pair share one
gray; some sides are line drawings; some are compressed, or shaded softly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from refcolor.imaging.color import BT601, rgb_to_lab
from refcolor.networks.embedding import CELL_SIDE, input_planes

SIDE = 224  # pixels of a training picture
CLUSTERS = 16  # colors of a pair
MAX_GAP = 8  # frames between the two pictures of a clip
SCENES = ("bbb", "mix", "pc", "pcsingle", "penny", "popeye")  # packs of whole scenes, drawn twice as often
DRAWING = 0.3  # share of the sides that are line drawings
SHARED_GRAY = 0.3  # share of the pairs in which two colors share one gray
SAME_FRAME = 0.2  # share of the pairs of frames that are two warps of one frame: their matches are known
PURE = 0.8  # share of its commonest color that makes a cell belong to that color

Picture = NDArray[np.float32]
Clips = dict[str, list[NDArray[np.uint8]]]  # compressed frames of every clip


@dataclass(frozen=True)
class Batch:
    """Pairs of a source and a target.

    Attributes
    ----------
    source, target : float32 (B, SIDE, SIDE, 2)
        The embedding's input.
    source_colors, target_colors : float32 (B, n, CLUSTERS)
        Share of the pair's colors in each of the n cells.
    match : int32 (B, n)
        Source cell of each target cell where it is known, else -1.
    """

    source: Picture
    target: Picture
    source_colors: Picture
    target_colors: Picture
    match: NDArray[np.int32]


def pack(clip: str) -> str:
    """The pack that a clip belongs to."""
    return clip.partition("_")[0]


def read_clips(folder: Path, keep: list[str] | None = None, leave_out: tuple[str, ...] = ()) -> Clips:
    """Frames of the clips (folders of pictures), as they are stored; `keep` and `leave_out` give starts of
    names."""
    clips = {}
    for clip in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(leave_out)):
        if keep is None or clip.name.startswith(tuple(keep)):
            clips[clip.name] = [np.fromfile(p, np.uint8) for p in sorted(clip.iterdir())]
    return clips


class Frames:
    """Frames drawn at random: a pack by the square root of its size, a clip of it, a frame of that."""

    def __init__(self, clips: Clips) -> None:
        self.clips = clips
        self.packs: dict[str, list[str]] = {}
        for name in clips:
            self.packs.setdefault(pack(name), []).append(name)
        weight = np.array(
            [
                np.sqrt(sum(len(clips[c]) for c in names)) * (2 if p in SCENES else 1)
                for p, names in self.packs.items()
            ]
        )
        self.share = weight / weight.sum()

    def clip(self, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
        """The compressed frames of a random clip."""
        names = list(self.packs.values())[rng.choice(len(self.share), p=self.share)]
        return self.clips[names[rng.integers(len(names))]]

    def frame(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """A random frame (H, W, 3) RGB."""
        clip = self.clip(rng)
        return decode(clip[rng.integers(len(clip))])


def decode(stored: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A stored picture as (H, W, 3) RGB."""
    return np.asarray(cv2.cvtColor(cv2.imdecode(stored, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)


def batches(clips: Clips, size: int, drawn: float, seed: int, plain: bool = False) -> Iterator[Batch]:
    """Batches of `size` pairs without end; a share `drawn` of the pairs is drawn, the rest are frames.

    `plain` pairs are gray on both sides, in mixes that part the colors: to compare with earlier runs.
    """
    rng = np.random.default_rng(seed)
    frames = Frames(clips)
    while True:
        pairs = [_pair(frames, drawn, plain, rng) for _ in range(size)]
        yield Batch(*(np.stack(part) for part in zip(*pairs, strict=True)))


def _pair(frames: Frames, drawn: float, plain: bool, rng: np.random.Generator) -> list[NDArray]:  # type: ignore[type-arg]
    match = np.full((SIDE // CELL_SIDE) ** 2, -1, np.int32)
    if rng.random() < drawn:
        first, second = layered_motion(frames, rng)
    else:
        first, second, match = _frames(frames, rng)
    first_colors, second_colors, centers = _color_shares(first, second, rng)
    mix = BT601 if rng.random() < 0.25 else rng.dirichlet([0.8, 0.8, 0.8]).astype(np.float32)
    offset = 0.0
    if not plain and rng.random() < SHARED_GRAY:
        mix, offset = _shared_gray(mix, centers, rng)
    grays = []
    for picture in (first, second):
        gray = _light(picture @ mix + np.float32(offset), rng)
        if not plain:
            gray = _line_drawing(picture, rng) if rng.random() < DRAWING else _damage(gray, rng)
        grays.append(gray)
    return [*map(input_planes, grays), first_colors, second_colors, match]


def _shared_gray(mix: Picture, colors: Picture, rng: np.random.Generator) -> tuple[Picture, float]:
    """The mix nearest to `mix`, and its offset, that give two of the colors (k, 3) the same gray."""
    one, other = rng.choice(len(colors), 2, replace=False)
    apart = colors[one] - colors[other]
    mix = mix - apart * (mix @ apart) / max(float(apart @ apart), 1e-6)
    grays = colors @ mix
    mix = np.asarray(mix * min(4.0, rng.uniform(0.6, 1) / max(float(np.ptp(grays)), 1e-3)), np.float32)
    low, high = float((colors @ mix).min()), float((colors @ mix).max())
    return mix, float(rng.uniform(min(-low, 1 - high), max(-low, 1 - high)))


def _line_drawing(picture: Picture, rng: np.random.Generator) -> Picture:
    """The ink of a picture (SIDE, SIDE, 3): its dark thin structures and, at times, its color borders."""
    gray = cv2.GaussianBlur(picture @ BT601, (0, 0), rng.uniform(0.4, 0.9))
    size = 2 * int(rng.integers(2, 5)) + 1
    ink = cv2.morphologyEx(gray, cv2.MORPH_BLACKHAT, np.ones((size, size), np.uint8)) * rng.uniform(2, 5)
    if rng.random() < 0.6:
        lab = rgb_to_lab(cv2.GaussianBlur(picture, (0, 0), 0.8))
        slope = np.sqrt(
            sum(cv2.Sobel(lab, cv2.CV_32F, *d, scale=1 / 8) ** 2 for d in ((1, 0), (0, 1))).sum(-1)
        )
        border = cv2.GaussianBlur((slope > rng.uniform(4, 9)).astype(np.float32), (0, 0), 0.6)
        ink = np.maximum(ink, border * rng.uniform(0.5, 1))
    paper, black = rng.uniform(0.9, 1), rng.uniform(0, 0.3)
    return np.asarray(paper + (black - paper) * np.clip(ink, 0, 1), np.float32)


def _damage(gray: Picture, rng: np.random.Generator) -> Picture:
    """Soft shading of its own, and compression, at times."""
    if rng.random() < 0.25:
        coarse = rng.normal(0, 0.1, (4, 4)).astype(np.float32)
        gray = gray * np.exp(cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))
    gray = np.clip(gray, 0, 1)
    if rng.random() < 0.3:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))]
        _, stored = cv2.imencode(".jpg", np.rint(gray * 255).astype(np.uint8), quality)
        gray = cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
    return np.asarray(gray, np.float32)


def _frames(frames: Frames, rng: np.random.Generator) -> tuple[Picture, Picture, NDArray[np.int32]]:
    clip = frames.clip(rng)
    one = other = int(rng.integers(len(clip)))
    if rng.random() >= SAME_FRAME:
        other = int(np.clip(one + rng.integers(-MAX_GAP, MAX_GAP + 1), 0, len(clip) - 1))
    start = decode(clip[one])
    end = start if other == one else decode(clip[other])
    h, w = start.shape[:2]
    # Both show the same part of the clip, each with a motion of its own.
    scale = np.exp(rng.uniform(-0.35, 0.25)) * min(1.0, min(h, w) / SIDE)
    reach = SIDE * scale / 2
    center = np.array([rng.uniform(min(reach, n / 2), max(n - reach, n / 2)) for n in (w, h)])
    flip = rng.random() < 0.5
    much = 2.0 if rng.random() < 0.2 else 1.0
    matrices = [
        _motion(center, scale, turned, much, rng) for turned in (flip, flip ^ bool(rng.random() < 0.05))
    ]
    first, second = (_warp(f, m) for f, m in zip((start, end), matrices, strict=True))
    return (
        first,
        second,
        _matches(*matrices) if one == other else np.full((SIDE // CELL_SIDE) ** 2, -1, np.int32),
    )


def _motion(
    center: NDArray[np.float64], scale: float, flip: bool, much: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """From a pixel of a training picture to one of the frame, as a 2x3 matrix.

    A crop around `center`, turned, scaled and sheared a little.
    """
    angle, zoom = np.radians(rng.normal(0, 6 * much)), scale * np.exp(rng.normal(0, 0.08 * much))
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn = turn @ np.array([[1, rng.normal(0, 0.04)], [0, np.exp(rng.normal(0, 0.04))]])
    if flip:
        turn[:, 0] *= -1
    shift = center + rng.normal(0, 0.04 * much * SIDE * scale, 2)
    return np.column_stack([turn, shift - turn @ np.full(2, (SIDE - 1) / 2)])


def _warp(frame: NDArray[np.uint8], matrix: NDArray[np.float64]) -> Picture:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    out = cv2.warpAffine(frame, matrix, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    return out.astype(np.float32) / 255


def _matches(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.int32]:
    """The source cell that shows what each target cell shows, of two warps of one frame; -1 outside."""
    side = SIDE // CELL_SIDE
    y, x = np.mgrid[:side, :side].reshape(2, -1) * CELL_SIDE + (CELL_SIDE - 1) / 2
    place = target[:, :2] @ np.stack([x, y]) + target[:, 2:]
    found = np.linalg.inv(source[:, :2]) @ (place - source[:, 2:])
    column, row = np.floor((found + 0.5) / CELL_SIDE).astype(np.int32)
    inside = (column >= 0) & (column < side) & (row >= 0) & (row < side)
    return np.where(inside, row * side + column, -1).astype(np.int32)


def layered_motion(frames: Frames, rng: np.random.Generator) -> tuple[Picture, Picture]:
    """Characters of a few outlined shapes each, drawn twice in two poses over a background.

    The shapes of a character share most of their motion; characters hide each other and the background.
    """
    views = _background(frames, rng)
    for _ in range(rng.integers(2, 6)):
        center, size = rng.uniform(0.05, 0.95, 2) * SIDE, SIDE * rng.uniform(0.06, 0.22)
        moves = [_pose(rng, center, 0.0), _pose(rng, center, 1.0)]
        absent = rng.integers(2) if rng.random() < 0.08 else None
        line = rng.uniform(0, 0.25) if rng.random() < 0.7 else None
        thick = int(rng.integers(1, 4))
        for _ in range(rng.integers(1, 6)):
            at = center + rng.normal(0, size * 0.8, 2)
            outline = _blob(rng, at, size * rng.uniform(0.3, 1.1))
            fill = _fill(frames, rng)
            wobble = _pose(rng, at, 0.35)
            for view in range(2):
                if view == absent:
                    continue
                points = outline if view == 0 else _move(outline, wobble)
                matrix = np.vstack([moves[view], [0, 0, 1]])
                inner = np.vstack([wobble if view else np.eye(2, 3), [0, 0, 1]])
                _paint(views[view], _move(points, moves[view]), fill, matrix @ inner, line, thick)
    return tuple(np.clip(v, 0, 1) for v in views)  # type: ignore[return-value]


def _background(frames: Frames, rng: np.random.Generator) -> list[Picture]:
    if rng.random() < 0.7:
        return [np.ascontiguousarray(v) for v in _frames(frames, rng)[:2]]
    top, bottom = rng.random((2, 3)).astype(np.float32)
    ramp = np.linspace(0, 1, SIDE, dtype=np.float32)[:, None, None]
    flat = np.broadcast_to(top + (bottom - top) * ramp, (SIDE, SIDE, 3))
    return [flat.copy(), flat.copy()]


def _fill(frames: Frames, rng: np.random.Generator) -> Picture:
    """A picture (SIDE, SIDE, 3) to fill a shape from: a flat color, a shaded color, or a piece of a frame."""
    kind = rng.random()
    if kind < 0.3:
        piece = cv2.resize(frames.frame(rng), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        return np.roll(piece, rng.integers(0, SIDE, 2), (0, 1)).astype(np.float32) / 255
    color = rng.random(3).astype(np.float32)
    out = np.broadcast_to(color, (SIDE, SIDE, 3)).copy()
    if kind < 0.65:
        x, y = rng.normal(0, 0.4, 2)
        ramp = np.linspace(-0.5, 0.5, SIDE, dtype=np.float32)
        out *= (1 + x * ramp[None, :, None] + y * ramp[:, None, None]).astype(np.float32)
    return np.clip(out, 0, 1)


def _pose(rng: np.random.Generator, center: NDArray[np.float64], amount: float) -> NDArray[np.float64]:
    """A random affine motion about `center`, as a 2x3 matrix."""
    angle, zoom = rng.normal(0, 12) * amount, np.exp(rng.normal(0, 0.08) * amount)
    matrix = cv2.getRotationMatrix2D(center.tolist(), angle, zoom)
    matrix[:, 2] += rng.normal(0, 0.08 * SIDE, 2) * amount
    return np.asarray(matrix)


def _blob(rng: np.random.Generator, center: NDArray[np.float64], size: float) -> NDArray[np.float64]:
    """A smooth closed outline (72, 2) about `center`."""
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    radius = np.ones_like(angle)
    for wave in range(2, 5):
        radius += rng.normal(0, 0.25 / wave) * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
    points = (
        np.stack([np.cos(angle) * rng.uniform(0.3, 1.2), np.sin(angle)], -1)
        * (np.abs(radius) * size)[:, None]
    )
    turn = rng.uniform(0, np.pi)
    return center + points @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])


def _move(points: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return points @ matrix[:, :2].T + matrix[:, 2]


def _paint(
    view: Picture,
    outline: NDArray[np.float64],
    fill: Picture,
    matrix: NDArray[np.float64],
    line: float | None,
    thick: int,
) -> None:
    """Lay a filled, perhaps outlined shape over `view`; its fill moves with it."""
    fixed = np.rint(outline * 16).astype(np.int32)[None]
    mask = np.zeros(view.shape[:2], np.uint8)
    cv2.fillPoly(mask, fixed, 255, cv2.LINE_AA, 4)
    moved = cv2.warpAffine(fill, matrix[:2], (SIDE, SIDE), borderMode=cv2.BORDER_WRAP)
    share = mask[..., None].astype(np.float32) / 255
    view += (moved - view) * share
    if line is not None:
        mask[:] = 0
        cv2.polylines(mask, list(fixed), True, 255, thick, cv2.LINE_AA, 4)
        share = mask[..., None].astype(np.float32) / 255
        view += (np.float32(line) - view) * share


def _light(gray: Picture, rng: np.random.Generator) -> Picture:
    """Another exposure: gain, offset, gamma and a little noise."""
    if rng.random() < 0.5:
        gray = np.clip(gray, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.15)))
        gray = gray * np.float32(np.exp(rng.normal(0, 0.08))) + np.float32(rng.normal(0, 0.03))
    if rng.random() < 0.3:
        gray = gray + rng.normal(0, 0.01, gray.shape).astype(np.float32)
    return np.clip(gray, 0, 1).astype(np.float32)


def _color_shares(
    first: Picture, second: Picture, rng: np.random.Generator
) -> tuple[Picture, Picture, Picture]:
    """Share of each of the pair's k-means colors in every cell, two of (n, CLUSTERS), and the colors as RGB
    (CLUSTERS, 3)."""
    rgb = np.concatenate([p.reshape(-1, 3) for p in (first, second)])
    both = rgb_to_lab(rgb[None])[0]
    sample = rng.integers(0, len(both), 3000)
    cv2.setRNGSeed(int(rng.integers(1 << 30)))
    stop = (cv2.TERM_CRITERIA_MAX_ITER, 8, 0)
    _, found, centers = cv2.kmeans(both[sample], CLUSTERS, None, stop, 1, cv2.KMEANS_PP_CENTERS)
    label = ((centers**2).sum(1) - 2 * both @ centers.T).argmin(1)
    side = SIDE // CELL_SIDE
    cells = np.eye(CLUSTERS, dtype=np.float32)[label]
    cells = cells.reshape(2, side, CELL_SIDE, side, CELL_SIDE, CLUSTERS).mean((2, 4)).reshape(2, -1, CLUSTERS)
    colors = np.stack([rgb[sample][found[:, 0] == i].mean(0) for i in range(CLUSTERS) if (found == i).any()])
    return cells[0], cells[1], colors
