"""The contact sheet: its size, where pictures land, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from refcolor.imaging.contact_sheets import BACKGROUND, GAP, LINE_HEIGHT, MAX_ASPECT, contact_sheet

RED = np.zeros((20, 40, 3), np.uint8)
RED[..., 0] = 255


def test_size_follows_the_pictures_proportions() -> None:
    sheet = contact_sheet([[("a", RED), ("b", RED)]], 218)
    cell = (218 - 3 * GAP) // 2
    assert sheet.dtype == np.uint8
    assert sheet.shape == (GAP + LINE_HEIGHT + cell // 2 + GAP, 218, 3)


def test_each_picture_lies_in_its_own_cell() -> None:
    blue = RED[..., ::-1]
    sheet = contact_sheet([[("", RED)], [("", RED), ("", blue)]], 218)
    below, right = GAP + LINE_HEIGHT + 50, GAP + 100
    assert sheet[GAP + LINE_HEIGHT + 25, GAP + 50].tolist() == [255, 0, 0]
    assert sheet[GAP + LINE_HEIGHT + 25, right + GAP + 50].tolist() == [BACKGROUND] * 3
    assert sheet[below + GAP + LINE_HEIGHT + 25, GAP + 50].tolist() == [255, 0, 0]
    assert sheet[below + GAP + LINE_HEIGHT + 25, right + GAP + 50].tolist() == [0, 0, 255]


def test_float_gray_and_uint8_pictures_mean_the_same() -> None:
    gray = np.linspace(0, 255, 30).round().astype(np.uint8).reshape(5, 6)
    sheets = [
        contact_sheet([[("gray", image)]], 100)
        for image in (gray, gray / np.float32(255), np.repeat(gray[..., None], 3, axis=2))
    ]
    np.testing.assert_array_equal(sheets[0], sheets[1])
    np.testing.assert_array_equal(sheets[0], sheets[2])
    assert sheets[0].max() == 255


def test_a_very_tall_picture_is_kept_four_times_as_tall_as_wide() -> None:
    sheet = contact_sheet([[("", RED.transpose(1, 0, 2).repeat(10, axis=0))]], 112)
    assert sheet.shape == (GAP + LINE_HEIGHT + MAX_ASPECT * 100 + GAP, 112, 3)
    row = sheet[GAP + LINE_HEIGHT + 50]
    assert row[GAP].tolist() == row[GAP + 19].tolist() == [255, 0, 0]
    assert row[GAP + 21].tolist() == [BACKGROUND] * 3


def test_the_caption_is_written_and_wrapped() -> None:
    black = np.zeros((4, 4))
    short, other, long = (
        contact_sheet([[(text, black)]], 120)
        for text in ("one", "two", "three words that do not fit one line")
    )
    assert not np.array_equal(short, other)
    assert len(long) > len(short)
    assert (len(long) - len(short)) % LINE_HEIGHT == 0


@pytest.mark.parametrize(
    ("rows", "width", "message"),
    [
        ([], 100, "at least one"),
        ([[]], 100, "at least one"),
        ([[("a", RED)] * 10], 100, "10 pictures do not fit"),
        ([[("a", np.zeros((4, 4, 4)))]], 100, r"\(4, 4, 4\)"),
        ([[("a", np.zeros((4, 4), np.int32))]], 100, "int32"),
    ],
)
def test_what_cannot_be_drawn_is_named(rows: list, width: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        contact_sheet(rows, width)
