"""Read animated WebP by OpenCV, as FFmpeg does not decode it."""

from __future__ import annotations

import struct
from fractions import Fraction
from itertools import accumulate
from typing import BinaryIO

import cv2
import numpy as np

from refcolor.errors import StrPath, quoted, with_code
from refcolor.files.image_storage import Storage
from refcolor.files.images import Picture
from refcolor.files.video_base import Video


class WebP(Video):
    """An animated WebP, decoded as a whole; see :func:`refcolor.files.video.open_video`."""

    def __init__(self, path: StrPath, file: BinaryIO, max_pixels: int) -> None:
        durations = webp_durations(file)
        file.seek(24)
        width, height = (int.from_bytes(file.read(3), "little") + 1 for _ in range(2))
        if not durations:
            raise ValueError(f"{quoted(path)} is a still picture, not an animated one")
        if width * height * len(durations) > max_pixels:
            seen = f"{len(durations)} frames of {width} x {height}, more than {max_pixels} pixels together"
            error = ValueError(f"{quoted(path)} has {seen}; save it as a video")
            raise with_code(error, "too_many_pixels")
        file.seek(0)
        complete, animation = cv2.imdecodeanimation(np.frombuffer(file.read(), np.uint8))
        if not complete or len(animation.frames) != len(durations):
            raise ValueError(
                f"{quoted(path)} is damaged or cut short at frame {len(animation.frames)}; write it again"
            )
        file.close()
        self.path, self.max_pixels, self.size = path, max_pixels, (width, height)
        *self.times, self.end = accumulate(durations, initial=0)
        self.time_base = Fraction(1, 1000)
        self.rate = Fraction(1000 * len(durations), max(self.end, 1))
        self._frames = [np.dstack([f[..., 2::-1], f[..., 3:]]) for f in animation.frames]  # BGRA -> RGBA
        self.has_alpha = any(f.shape[2] == 4 and f[..., 3].min() < 255 for f in self._frames)

    def close(self) -> None:
        self._frames.clear()

    def _read(self, index: int) -> Picture:
        values = self._frames[index].astype(np.float32) / np.float32(255)
        alpha = np.ascontiguousarray(values[..., 3]) if self.has_alpha else None
        return Picture(np.ascontiguousarray(values[..., :3]), alpha, Storage("png", "uint8"))


def is_webp(file: BinaryIO) -> bool:
    """Whether a file is an extended WebP, the kind that can be animated."""
    head = file.read(16)
    file.seek(0)
    return head[:4] == b"RIFF" and head[8:] == b"WEBPVP8X"


def webp_durations(file: BinaryIO) -> list[int]:
    """Milliseconds of each frame, from the headers: OpenCV tells them only after it has decoded all."""
    durations = []
    file.seek(12)
    while len(chunk := file.read(8)) == 8:
        kind, size = struct.unpack("<4sI", chunk)
        body = file.read(15) if kind == b"ANMF" else b""  # x, y, width, height, duration: three bytes each
        if len(body) == 15:
            durations.append(int.from_bytes(body[12:], "little") or 100)  # as browsers show 0
        file.seek(size + size % 2 - len(body), 1)
    return durations
