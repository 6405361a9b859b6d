"""Small drawn pictures, their gray, and settings that train in a moment."""

import numpy as np

from refcolor.imaging.color import luma

SMALL = {"grid": 40, "epochs": 1, "clusters": 6, "tile": 32, "batch": 256}


def drawing(height=72, width=96, shift=0):
    """Discs of six paints on a gradient ground."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    image = np.stack([0.5 + 0.3 * y / height, 0.6 + 0.2 * x / width, 0.9 - 0.3 * y / height], axis=-1)
    paints = np.random.default_rng(0).random((6, 3))
    for i, paint in enumerate(paints):
        inside = np.hypot(x - width * (i % 3 + 0.5) / 3 - shift, y - height * (i // 3 + 0.5) / 2) < height / 6
        image[inside] = paint
    return (np.rint(image * 255) / 255).astype(np.float32)


def flat_drawing(height=90, width=120):
    """Five paints, hard edges."""
    image = np.empty((height, width, 3), np.float32)
    image[:] = np.array([90, 170, 220], np.float32) / 255
    y, x = np.mgrid[:height, :width]
    paints = [[220, 60, 50], [250, 220, 90], [60, 130, 70], [40, 40, 60]]
    for i, paint in enumerate(paints):
        image[np.hypot(x - width * (i + 0.7) / 4.4, y - height / 2) < width / 10] = np.array(paint) / 255
    return image


def gray8(rgb):
    return (np.rint(luma(rgb) * 255) / 255).astype(np.float32)
