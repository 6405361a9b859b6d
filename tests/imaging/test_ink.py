"""Ink, paper and trace lines of drawings as they come: tinted, faint, binary, with colored strokes."""

import cv2
import numpy as np
import pytest
from drawings import drawing, flat_drawing, gray8
from inked import figure

from refcolor.imaging import ink


def stroke_of(drawn, line=0.5):
    return drawn.min(-1) < line


@pytest.mark.parametrize("line", [0, 90, 190, 225])
@pytest.mark.parametrize("aa", [True, False])
def test_strokes_are_found_however_faint(line, aa):
    drawn = figure(line=line, aa=aa)[1]
    found = ink.find(drawn)
    core = np.abs(drawn[..., 0] * 255 - line) < 1
    assert found.stroke[core].all()
    assert not found.stroke[drawn.min(-1) == 1].any()
    assert not found.trace.any()


def test_tinted_noisy_paper_is_bare():
    rng = np.random.default_rng(0)
    drawn = figure()[1] * np.array([0.97, 0.93, 0.82], np.float32)
    drawn = np.clip(drawn + rng.normal(0, 0.008, drawn.shape), 0, 1).astype(np.float32)
    found = ink.find(drawn)
    assert np.abs(found.paper - [0.97, 0.93, 0.82]).max() < 0.01
    bare = cv2.erode((figure()[1].min(-1) == 1).astype(np.uint8), np.ones((3, 3))) > 0
    assert found.stroke[bare].mean() < 0.002
    assert found.stroke[figure()[1].min(-1) < 0.2].all()


@pytest.mark.parametrize("color", [(0, 0, 255), (255, 0, 0), (0, 200, 0), (120, 120, 255)])
def test_thin_strokes_of_a_pure_hue_are_trace_lines(color):
    drawn = figure()[1]
    cv2.line(drawn, (100, 130), (140, 190), tuple(c / 255 for c in color), 1)
    found = ink.find(drawn)
    colored = np.ptp(drawn, axis=-1) > 0.1
    assert found.trace[colored].all()
    assert not found.trace[~colored].any()
    assert (found.cover[colored] < 0.25).mean() > 0.9
    assert found.stroke[colored].all()


@pytest.mark.parametrize("color", [(120, 60, 20), (200, 120, 160)])
def test_strokes_of_other_colors_are_ink_and_keep_theirs(color):
    drawn = figure()[1]
    cv2.line(drawn, (100, 130), (140, 190), tuple(c / 255 for c in color), 3)
    found = ink.find(drawn)
    assert not found.trace.any()
    over = found.over(np.full_like(drawn, 0.5))
    middle = drawn[160, 120]
    assert np.abs(middle * 255 - color).max() < 1
    assert np.array_equal(over[160, 120], middle) or found.cover[160, 120] < 1


def test_a_drawing_in_blue_pencil_has_no_trace_lines():
    drawn = figure()[1]
    blue = np.dstack([drawn[..., 0], drawn[..., 0], np.ones(drawn.shape[:2], np.float32)])
    found = ink.find(blue)
    assert not found.trace.any()
    assert found.stroke[drawn[..., 0] < 0.2].all()


def test_wide_areas_of_a_pure_hue_are_no_lines():
    drawn = figure()[1]
    drawn[120:160, 100:140] = [0, 0, 1]
    assert not ink.find(drawn).trace[125:155, 105:135].any()


def test_ink_is_kept_and_paint_is_exact():
    drawn = figure(trace=True)[1]
    found = ink.find(drawn)
    paint = np.broadcast_to(np.array([0.2, 0.6, 0.4], np.float32), drawn.shape)
    over = found.over(paint)
    dark = drawn.max(-1) < 64 / 255
    assert np.array_equal(over[dark], drawn[dark])
    bare = drawn.min(-1) == 1
    assert np.array_equal(over[bare], paint[bare])
    assert np.array_equal(over[found.trace & (drawn.max(-1) == 1)], paint[found.trace & (drawn.max(-1) == 1)])
    between = ~dark & ~bare & ~found.trace
    assert (over[between] <= np.maximum(paint, drawn)[between] + 1e-6).all()


@pytest.mark.parametrize("line", [0, 190])
@pytest.mark.parametrize("trace", [True, False])
def test_line_art_is_told(line, trace):
    assert ink.is_drawn(figure(line=line, trace=trace)[1])
    assert ink.is_drawn(1 - cv2.dilate(1 - figure(line=line)[1], np.ones((2, 2))))


def test_spot_blacks_belong_to_line_art():
    drawn = figure()[1]
    drawn[205:218, 76:104] = 0
    assert ink.is_drawn(drawn)


@pytest.mark.parametrize(
    "picture",
    [
        gray8(figure()[0]), gray8(drawing()), gray8(flat_drawing()), figure()[0],
        np.ones((60, 60), np.float32), np.zeros((60, 60), np.float32),
        np.random.default_rng(0).random((90, 90), np.float32),
    ],
    ids=["gray figure", "gray ground", "gray discs", "painted", "white", "black", "noise"],
)  # fmt: skip
def test_other_pictures_are_no_line_art(picture):
    assert not ink.is_drawn(picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=-1))
