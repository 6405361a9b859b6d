"""What the benchmark adds to contact sheets: the error as heat, and one row per pair and method."""

from __future__ import annotations

import cv2
import numpy as np
from frames import reduced
from numpy.typing import NDArray

from refcolor.imaging.color import Image, rgb_to_lab
from refcolor.imaging.contact_sheets import Cell
from refcolor.imaging.metrics import ciede2000, gray_8bit

# CIEDE2000 shown brightest: 5 is the right color's limit, 20 plainly another color.
HOTTEST = 20.0


def error_heat(result: Image, truth: Image) -> NDArray[np.uint8]:
    """CIEDE2000 of two pictures (H, W, 3) as uint8 RGB: black for none, pale yellow from 20 on."""
    difference = ciede2000(rgb_to_lab(result), rgb_to_lab(truth))
    steps = np.rint(np.minimum(difference / HOTTEST, 1) * 255).astype(np.uint8)
    return cv2.applyColorMap(steps, cv2.COLORMAP_INFERNO)[..., ::-1]


def sheet_row(source: Image, truth: Image, result: Image, name: str, figures: str) -> list[Cell]:
    """Source, gray target, result, truth and error, captioned.

    A result smaller than the truth is compared with the truth reduced to its size.
    """
    compared = reduced(truth, result.shape[:2])
    return [
        (f"{name} source", source),
        ("target", gray_8bit(truth)),
        (figures, result),
        ("truth", compared),
        (f"error, CIEDE2000 0 to {HOTTEST:g}", error_heat(result, compared)),
    ]
