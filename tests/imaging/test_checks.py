"""Pictures at the front door."""

import numpy as np
import pytest

from refcolor.imaging.checks import as_picture

KINDS = {"uint8": 255, "uint16": 65535, "float32": 1, "float64": 1}  # sample types, and their white


@pytest.mark.parametrize(
    ("kind", "white"), [("uint8", 255), ("uint16", 65535), ("float32", 1), ("float64", 1)]
)
@pytest.mark.parametrize("shape", [(30, 40, 3), (30, 40)])
def test_every_type_becomes_float32(kind, white, shape):
    picture = as_picture(np.full(shape, white, kind), "target", len(shape))
    assert picture.dtype == np.float32
    assert (picture == 1).all()


def test_a_working_picture_is_not_copied():
    picture = np.zeros((30, 40), np.float32)
    assert as_picture(picture, "target", 2) is picture


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((30, 40), np.int64), "the target is int64"),
        (np.zeros((30, 40, 1), np.uint8), r"shape \(30, 40, 1\): give \(H, W\)"),
        (np.full((30, 40), 1.1), r"outside \[0, 1\]"),
        (np.zeros((28, 40), np.uint8), "40x28 pixels: both sides must be at least 29"),
    ],
)
def test_what_is_no_picture_is_refused(image, message):
    with pytest.raises(ValueError, match=message):
        as_picture(image, "target", 2)
