"""Read animated WebP by OpenCV, as FFmpeg does not decode it."""

from __future__ import annotations

import struct
from fractions import Fraction
from itertools import accumulate
from typing import BinaryIO

import cv2
import numpy as np

from refcolor.errors import StrPath, quoted
from refcolor.files.image_storage import Storage
from refcolor.files.images import Picture
from refcolor.files.video_base import Video


class WebP(Video):
    """An animated WebP, held as a whole. `open_video` makes it, and says what may be wrong."""

    def __init__(self, path: StrPath, file: BinaryIO, max_pixels: int) -> None:
        durations = webp_durations(file)
        file.seek(24)
        width, height = (int.from_bytes(file.read(3), "little") + 1 for _ in range(2))
        if not durations:
            raise ValueError(f"{quoted(path)} is a still picture, not an animated one")
        if width * height * len(durations) > max_pixels:
            raise ValueError(
                f"{quoted(path)} has {len(durations)} frames of {width} x {height}, "
                f"more than {max_pixels} pixels together; save it as a video or raise --max-pixels"
            )
        file.seek(0)
        whole, animation = cv2.imdecodeanimation(np.frombuffer(file.read(), np.uint8))
        if not whole or len(animation.frames) != len(durations):
            raise ValueError(
                f"{quoted(path)} is damaged or cut short at frame {len(animation.frames)}; write it again"
            )
        file.close()
        self.path, self.max_pixels, self.size = path, max_pixels, (width, height)
        *self.times, self.end = accumulate(durations, initial=0)
        self.time_base = Fraction(1, 1000)
        self.rate = Fraction(1000 * len(durations), max(self.end, 1))
        self._frames = [np.dstack([f[..., 2::-1], f[..., 3:]]) for f in animation.frames]
        self.has_alpha = any(f.shape[2] == 4 and f[..., 3].min() < 255 for f in self._frames)

    def close(self) -> None:
        self._frames.clear()

    def _read(self, index: int) -> Picture:
        values = self._frames[index].astype(np.float32) / np.float32(255)
        alpha = np.ascontiguousarray(values[..., 3]) if self.has_alpha else None
        return Picture(np.ascontiguousarray(values[..., :3]), alpha, Storage("png", "uint8"))


def is_webp(file: BinaryIO) -> bool:
    """Whether it is an extended WebP file, the kind that can be animated."""
    head = file.read(16)
    file.seek(0)
    return head[:4] == b"RIFF" and head[8:] == b"WEBPVP8X"


def webp_durations(file: BinaryIO) -> list[int]:
    """Milliseconds of each frame."""
    durations = []
    file.seek(12)
    while len(chunk := file.read(8)) == 8:
        kind, size = struct.unpack("<4sI", chunk)
        body = file.read(15) if kind == b"ANMF" else b""  # x, y, width, height, duration: three bytes each
        if len(body) == 15:
            durations.append(int.from_bytes(body[12:], "little") or 100)  # as browsers do
        file.seek(size + size % 2 - len(body), 1)
    return durations
