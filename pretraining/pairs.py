"""Endless training pairs: frames of open clips, and drawn layers that hide each other.

Both pictures of a pair are turned gray by the same random mix of channels, so that luma alone does not tell
the color and the network has to learn what belongs together.
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

Picture = NDArray[np.float32]


@dataclass(frozen=True)
class Batch:
    """Planes (B, SIDE, SIDE, 2) of sources and targets; color shares (B, n, CLUSTERS) of their cells."""

    source: Picture
    target: Picture
    source_colors: Picture
    target_colors: Picture


def read_clips(folder: Path, leave_out: list[str]) -> dict[str, list[NDArray[np.uint8]]]:
    """Frames (H, W, 3) RGB of every clip (a folder of pictures) but those left out."""
    clips = {}
    for clip in sorted(p for p in folder.iterdir() if p.is_dir() and p.name not in leave_out):
        frames = [cv2.imread(str(p)) for p in sorted(clip.iterdir())]
        if any(f is not None for f in frames):
            clips[clip.name] = [cv2.cvtColor(f, cv2.COLOR_BGR2RGB) for f in frames if f is not None]
    return clips


def batches(clips: dict[str, list[NDArray[np.uint8]]], size: int, drawn: float, seed: int) -> Iterator[Batch]:
    """Batches of `size` pairs without end; a share `drawn` of the pairs is drawn, the rest are frames."""
    rng = np.random.default_rng(seed)
    while True:
        pairs = [_pair(clips, drawn, rng) for _ in range(size)]
        yield Batch(*(np.stack(part) for part in zip(*pairs, strict=True)))


def _pair(clips: dict[str, list[NDArray[np.uint8]]], drawn: float, rng: np.random.Generator) -> list[Picture]:
    first, second = layered_motion(clips, rng) if rng.random() < drawn else _frames(clips, rng)
    mix = BT601 if rng.random() < 0.25 else rng.dirichlet([0.8, 0.8, 0.8]).astype(np.float32)
    grays = [_light(p @ mix, rng) for p in (first, second)]
    return [*map(input_planes, grays), *_color_shares(first, second, rng)]


def _frames(clips: dict[str, list[NDArray[np.uint8]]], rng: np.random.Generator) -> tuple[Picture, Picture]:
    names = list(clips)
    frames = clips[names[rng.integers(len(names))]]
    one = int(rng.integers(len(frames)))
    other = int(np.clip(one + rng.integers(-MAX_GAP, MAX_GAP + 1), 0, len(frames) - 1))
    h, w = frames[one].shape[:2]
    # Both show the same part of the clip, each with a small motion of its own.
    scale = np.exp(rng.uniform(-0.35, 0.25)) * min(1.0, min(h, w) / SIDE)
    reach = SIDE * scale / 2
    center = np.array(
        [
            rng.uniform(min(reach, w / 2), max(w - reach, w / 2)),
            rng.uniform(min(reach, h / 2), max(h - reach, h / 2)),
        ]
    )
    flip = rng.random() < 0.5
    first = _warp(frames[one], center, scale, flip, rng)
    second = _warp(frames[other], center, scale, flip ^ (rng.random() < 0.05), rng)
    return first, second


def _warp(
    frame: NDArray[np.uint8], center: NDArray[np.float64], scale: float, flip: bool, rng: np.random.Generator
) -> Picture:
    """A crop of SIDE squared around `center`, turned, scaled and sheared a little."""
    angle, zoom = np.radians(rng.normal(0, 6)), scale * np.exp(rng.normal(0, 0.08))
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn = turn @ np.array([[1, rng.normal(0, 0.04)], [0, np.exp(rng.normal(0, 0.04))]])
    if flip:
        turn[:, 0] *= -1
    shift = center + rng.normal(0, 0.04 * SIDE * scale, 2)
    middle = np.full(2, (SIDE - 1) / 2)
    matrix = np.column_stack([turn, shift - turn @ middle])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    out = cv2.warpAffine(frame, matrix, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    return out.astype(np.float32) / 255


def layered_motion(
    clips: dict[str, list[NDArray[np.uint8]]], rng: np.random.Generator
) -> tuple[Picture, Picture]:
    """Characters of a few outlined shapes each, drawn twice in two poses over a background.

    The shapes of a character share most of their motion; characters hide each other and the background.
    """
    views = _background(clips, rng)
    for _ in range(rng.integers(2, 6)):
        center, size = rng.uniform(0.05, 0.95, 2) * SIDE, SIDE * rng.uniform(0.06, 0.22)
        moves = [_pose(rng, center, 0.0), _pose(rng, center, 1.0)]
        absent = rng.integers(2) if rng.random() < 0.08 else None
        line = rng.uniform(0, 0.25) if rng.random() < 0.7 else None
        thick = int(rng.integers(1, 4))
        for _ in range(rng.integers(1, 6)):
            at = center + rng.normal(0, size * 0.8, 2)
            outline = _blob(rng, at, size * rng.uniform(0.3, 1.1))
            fill = _fill(clips, rng)
            wobble = _pose(rng, at, 0.35)
            for view in range(2):
                if view == absent:
                    continue
                points = outline if view == 0 else _move(outline, wobble)
                matrix = np.vstack([moves[view], [0, 0, 1]])
                inner = np.vstack([wobble if view else np.eye(2, 3), [0, 0, 1]])
                _paint(views[view], _move(points, moves[view]), fill, matrix @ inner, line, thick)
    return tuple(np.clip(v, 0, 1) for v in views)  # type: ignore[return-value]


def _background(clips: dict[str, list[NDArray[np.uint8]]], rng: np.random.Generator) -> list[Picture]:
    if rng.random() < 0.7:
        return [np.ascontiguousarray(v) for v in _frames(clips, rng)]
    top, bottom = rng.random((2, 3)).astype(np.float32)
    ramp = np.linspace(0, 1, SIDE, dtype=np.float32)[:, None, None]
    flat = np.broadcast_to(top + (bottom - top) * ramp, (SIDE, SIDE, 3))
    return [flat.copy(), flat.copy()]


def _fill(clips: dict[str, list[NDArray[np.uint8]]], rng: np.random.Generator) -> Picture:
    """A picture (SIDE, SIDE, 3) to fill a shape from: a flat color, a shaded color, or a piece of a frame."""
    kind = rng.random()
    if kind < 0.3:
        frames = clips[list(clips)[rng.integers(len(clips))]]
        frame = frames[rng.integers(len(frames))]
        piece = cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
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


def _color_shares(first: Picture, second: Picture, rng: np.random.Generator) -> list[Picture]:
    """Share of each of the pair's k-means colors in every cell: two of (n, CLUSTERS)."""
    both = np.concatenate([rgb_to_lab(p).reshape(-1, 3) for p in (first, second)])
    drawn = both[rng.integers(0, len(both), 3000)]
    cv2.setRNGSeed(int(rng.integers(1 << 30)))
    stop = (cv2.TERM_CRITERIA_MAX_ITER, 8, 0)
    _, _, centers = cv2.kmeans(drawn, CLUSTERS, None, stop, 1, cv2.KMEANS_PP_CENTERS)
    distance = (centers**2).sum(1) - 2 * both @ centers.T
    onehot = np.eye(CLUSTERS, dtype=np.float32)[distance.argmin(1)]
    cells = onehot.reshape(2, SIDE // CELL_SIDE, CELL_SIDE, SIDE // CELL_SIDE, CELL_SIDE, CLUSTERS).mean(
        (2, 4)
    )
    return [cells[i].reshape(-1, CLUSTERS) for i in range(2)]
