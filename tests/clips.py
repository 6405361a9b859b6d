"""Video clips for tests, written and read by PyAV and OpenCV alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from refcolor.files.video import open_video
from refcolor.files.video_pixels import frame_of, picture
from refcolor.files.video_write import write_video

RATE = Fraction(24000, 1001)


def drawn_frames(count: int, size: tuple[int, int] = (64, 48), channels: int = 3) -> Iterator[np.ndarray]:
    """Noise that rolls by, each frame marked with its number, uint8."""
    w, h = size
    noise = np.random.default_rng(0).integers(0, 256, (h, w, channels), np.uint8)
    for i in range(count):
        frame = np.roll(noise, i, axis=1)
        frame[:10, :10] = i
        yield frame


def make(
    path: Path, codec: str, pix_fmt: str, count: int = 12, *, size: tuple[int, int] = (64, 48),
    options: dict[str, str] | None = None, times: Sequence[int] | None = None, base: Fraction = 1 / RATE,
    sounds: Sequence[str] = (), tags: Sequence[int] = (), aspect: Fraction | None = None,
    format: str | None = None, turn: float | None = None,
) -> Path:  # fmt: skip
    """A clip; `tags` are matrix, range, primaries, transfer."""
    with av.open(str(path), "w", format=format) as out:
        stream: Any = out.add_stream(codec, rate=RATE, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        stream.codec_context.time_base = base
        if tags:
            context = stream.codec_context
            context.colorspace, context.color_range, context.color_primaries, context.color_trc = tags
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if turn is not None:
            stream.set_display_rotation(turn)
        out.metadata["title"] = "a title"
        tracks: list[Any] = [out.add_stream(name, rate=48000) for name in sounds]
        for track in tracks:
            track.layout, track.metadata["language"] = "mono", "fra"
        for i, pixels in enumerate(drawn_frames(count, size, 4 if "a" in pix_fmt[:5] else 3)):
            frame = av.VideoFrame.from_ndarray(pixels, "rgba" if pixels.shape[2] == 4 else "rgb24")
            if pix_fmt.startswith("yuv"):  # as tagged, not as swscale guesses
                matrix = tags[0] if tags else 6
                alpha = pixels[..., 3] / np.float32(255) if pixels.shape[2] == 4 else None
                rgb = pixels[..., :3] / np.float32(255)
                frame = frame_of(rgb, alpha, pix_fmt, matrix, bool(tags and tags[1] == 2))
            frame.pts, frame.time_base = times[i] if times else i, base
            out.mux(stream.encode(frame))
        for number, track in enumerate(tracks):
            for i in range(round(count / float(RATE) * 48000 / 1024)):
                wave = np.sin((np.arange(1024) + 1024 * i) * 0.05 * (number + 1)).astype(np.float32)[None] / 4
                sound = av.AudioFrame.from_ndarray(wave, "fltp", "mono")
                sound.sample_rate, sound.time_base, sound.pts = 48000, Fraction(1, 48000), 1024 * i + 4800
                out.mux(track.encode(sound))
            out.mux(track.encode(None))
        out.mux(stream.encode(None))
    return path


def decoded(path: Path) -> list[np.ndarray]:
    """All frames one after the other, by PyAV alone."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        alpha = any(c.is_alpha for c in frames[0].format.components)
        return [picture(frame, alpha=alpha).rgb for frame in frames]


def sounds_of(path: Path) -> list[list[tuple[float, bytes]]]:
    found = []
    with av.open(str(path)) as container:
        count = len(container.streams.audio)
    for i in range(count):
        with av.open(str(path)) as container:
            packets = [p for p in container.demux(audio=i) if p.size]
            found.append([(float((p.pts or 0) * p.time_base), bytes(p)) for p in packets])
    return found


def copy(source: Path, out: Path, codec: Any = None) -> Path:
    with open_video(source) as video, write_video(out, video, codec, force=True) as writer:
        for i in range(len(video)):
            seen = video.read(i)
            writer.add(seen.rgb, i, seen.alpha)
    return out


def one_line(caught: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(caught.value)
    assert "\n" not in text
    return text


def animated(path: Path, count: int, *, alpha: bool = True) -> list[np.ndarray]:
    frames = []
    for i in range(count):
        frame = np.full((48, 64, 4), (40, 0, 90, 255), np.uint8)
        frame[10:20, 5 * i : 5 * i + 10] = (200, 100, 50, 255)
        frame[30:40, 8 * i : 8 * i + 8] = (0, 0, 0, 0 if alpha else 255)
        frames.append(frame)
    animation = cv2.Animation()
    animation.frames, animation.durations = frames, [100, 50, 200, 40][:count]
    options = [cv2.IMWRITE_WEBP_QUALITY, 101] if path.suffix == ".webp" else []
    assert cv2.imwriteanimation(str(path), animation, options)
    return [f[..., [2, 1, 0, 3]].astype(np.float32) / 255 for f in frames]


def gif(*images: tuple[tuple[int, int, int, int], int, int]) -> bytes:
    """A 4x4 GIF of red (1), green (2), blue (3) and transparent (0) boxes: (x, y, w, h), color, disposal."""
    data = (
        b"GIF89a" + bytes([4, 0, 4, 0, 0b10000001, 0, 0]) + bytes([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    )
    for (x, y, w, h), color, disposal in images:
        data += b"\x21\xf9\x04" + bytes([disposal << 2 | 1, 10, 0, 0, 0])
        data += b"\x2c" + bytes([x, 0, y, 0, w, 0, h, 0, 0]) + b"\x02"
        bits = "".join(f"{code:03b}"[::-1] for _ in range(w * h) for code in (4, color)) + "101"
        packed = int(bits[::-1], 2).to_bytes((len(bits) + 7) // 8, "little")
        data += bytes([len(packed)]) + packed + b"\0"
    return data + b";"
