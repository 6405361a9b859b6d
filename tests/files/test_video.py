"""Videos in and out: every frame by its number, and a copy that keeps all but the colors."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from refcolor.files import atomic_write, images, video_codecs, video_write
from refcolor.files.video import is_video, open_video
from refcolor.files.video_codecs import check_video, default_codec
from refcolor.files.video_movie import Movie
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


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def copy(source: Path, out: Path, codec: Any = None) -> Path:
    with open_video(source) as video, write_video(out, video, codec, force=True) as writer:
        for i in range(len(video)):
            seen = video.read(i)
            writer.add(seen.rgb, i, seen.alpha)
    return out


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def clip(folder: Path) -> Path:
    """H.264 with B-frames, uneven times and two sounds."""
    times = [480, 1481, 2482, 4484, 5485, 7487, *range(8488, 8488 + 1001 * 14, 1001)]
    return make(
        folder / "clip.mp4", "libx264", "yuv420p", 20, times=times, base=Fraction(1, 24000), turn=90,
        sounds=("aac", "ac3"), tags=(1, 1, 1, 1), aspect=Fraction(4, 3), options={"g": "6"},
    )  # fmt: skip


# Reading


LONG = {"g": "70", "keyint_min": "70", "bf": "3", "sc_threshold": "0"}


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("long.mkv", "libx264", LONG),
        ("long.mp4", "libx264", LONG),
        ("open.mkv", "libx264", {"g": "20", "bf": "3", "x264-params": "open-gop=1:scenecut=0"}),
        ("refresh.mkv", "libx264", {"g": "20", "bf": "0", "intra-refresh": "1"}),
        ("stream.ts", "libx264", {"g": "30", "bf": "3"}),
        ("raw.h264", "libx264", {"g": "30", "bf": "3"}),
        ("packed.avi", "mpeg4", {"g": "30", "bf": "2"}),
        ("hidden.webm", "libvpx", {"g": "40", "auto-alt-ref": "1", "lag-in-frames": "10", "cpu-used": "8"}),
    ],
)
def test_a_frame_is_the_same_however_it_is_reached(folder, name, codec, options):
    format = "h264" if name.endswith(".h264") else None
    path = make(folder / name, codec, "yuv420p", 150, options=options, format=format)
    expected = decoded(path)
    with open_video(path) as video:
        assert len(video) == len(expected) == 150
        order = [75, 76, 140, 3, 149, 0, 1, 71, 70, 69, 100, 12, *range(140, 150), 30]
        for i in order:
            assert np.array_equal(video.read(i).rgb, expected[i]), i


def test_uneven_times_are_kept(clip):
    expected = decoded(clip)
    with open_video(clip) as video:
        assert video.times[:6] == [480, 1481, 2482, 4484, 5485, 7487]
        assert video.end == video.times[-1] + 1001
        assert (video.time_base, video.size, video.aspect) == (Fraction(1, 24000), (64, 48), Fraction(4, 3))
        assert (video.matrix, video.full_range, video.primaries, video.transfer) == (1, False, 1, 1)
        assert video.display_matrix is not None
        for i in [19, 4, 5, 11, 0]:
            assert np.array_equal(video.read(i).rgb, expected[i])


def test_reading_on_never_seeks(folder):
    path = make(folder / "sought.mkv", "libx264", "yuv420p", 40, options={"g": "5"})
    with open_video(path) as video:
        sought = []
        video._seek = sought.append  # type: ignore[attr-defined]
        for i in range(40):
            video.read(i)
        assert not sought
        video.read(39)
        assert not sought


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    "pix_fmt", ["yuv420p", "yuv422p10le", "yuv444p12le", "yuv420p16le", "gray", "gray10le"]
)
def test_gray_comes_out_gray_and_exact(pix_fmt, full):
    bits = av.VideoFormat(pix_fmt).components[0].bits
    frame = av.VideoFrame(256, 8, pix_fmt)
    ramp = np.linspace(0, 2**bits - 1, 256).astype(int)
    for i, plane in enumerate(frame.planes):
        rows = np.frombuffer(plane, np.uint8 if bits == 8 else np.uint16).reshape(plane.height, -1)
        rows[:] = 2 ** (bits - 1) if i else np.resize(ramp, rows.shape[1])
    frame.colorspace, frame.color_range = 1, 2 if full else 1
    step = 2 ** (bits - 8)
    expected = ramp / (2**bits - 1) if full else ((ramp - 16 * step) / (219 * step)).clip(0, 1)
    seen = picture(frame, alpha=False)
    assert np.abs(seen.rgb - expected[None, :, None]).max() < 1e-6
    assert np.ptp(seen.rgb, axis=-1).max() == 0
    assert seen.storage.depth == ("uint8" if bits == 8 else "uint16")


@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("pix_fmt", ["yuv444p", "yuv444p10le", "yuva444p12le"])
@pytest.mark.parametrize("full", [False, True])
def test_colors_go_there_and_back(matrix, pix_fmt, full):
    rgb = np.random.default_rng(0).random((6, 7, 3), np.float32)
    alpha = np.random.default_rng(1).random((6, 7), np.float32)
    frame = frame_of(rgb, alpha, pix_fmt, matrix, full)
    frame.colorspace, frame.color_range = matrix, 2 if full else 1
    seen = picture(frame, alpha="a" in pix_fmt[:4])
    step = 2.0 ** -av.VideoFormat(pix_fmt).components[0].bits
    assert np.abs(seen.rgb - rgb).max() < 2.5 * step
    if seen.alpha is not None:
        assert np.abs(seen.alpha - alpha).max() < step


def test_an_untagged_matrix_follows_the_size(folder):
    for size, matrix in [((64, 576), 6), ((64, 578), 1)]:
        path = make(folder / "plain.mkv", "libx264", "yuv420p", 2, size=size)
        with open_video(path) as video:
            assert video.matrix == matrix


def test_deep_gray_png_in_mov(folder):
    path = make(folder / "gray16.mov", "png", "gray16be", 3)
    with open_video(path) as video:
        seen = video.read(1)
        assert video.depth == 16
        assert seen.is_gray
        assert seen.rgb.max() > 0.9
        images.write(folder / "gray16.png", seen.rgb, like=seen, force=True)
        assert np.abs(images.read(folder / "gray16.png").rgb - seen.rgb).max() < 1e-5


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


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_animated_pictures(folder, suffix):
    path = folder / f"moving.{suffix}"
    frames = animated(path, 4)
    assert is_video(path)
    with open_video(path) as video:
        assert (len(video), video.size, video.has_alpha) == (4, (64, 48), True)
        assert [float(t * video.time_base) for t in video.times] == pytest.approx([0, 0.1, 0.15, 0.35])
        assert float(video.end * video.time_base) == pytest.approx(0.39)
        for i in [0, 1, 3, 2, 0]:
            seen = video.read(i)
            assert seen.alpha is not None
            assert np.array_equal(seen.alpha, frames[i][..., 3]), i
            visible = seen.alpha > 0
            near = 0.25 if suffix == "gif" else 0  # a palette of few colors
            assert np.abs(seen.rgb - frames[i][..., :3])[visible].max() <= near
    animated(path, 4, alpha=False)
    with open_video(path) as video:
        assert video.has_alpha is False or suffix == "gif"
        assert (video.read(3).alpha is None) is not video.has_alpha
    if suffix == "webp":
        with pytest.raises(ValueError, match="pixels together; save it as a video"):
            open_video(path, max_pixels=64 * 48 * 3)
    animated(path, 1)
    assert not is_video(path)


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


def test_gif_disposal(tmp_path):
    whole, corner = (0, 0, 4, 4), (0, 0, 2, 2)
    path = tmp_path / "boxes.gif"
    # keep, then restore what was before, then clear to nothing
    path.write_bytes(gif((whole, 1, 1), (corner, 2, 3), ((2, 2, 2, 2), 3, 2), ((3, 0, 1, 1), 2, 1)))
    with open_video(path) as video:
        seen = [video.read(i) for i in range(4)]
        colors = [[tuple(s.rgb[y, x]) for y, x in [(0, 0), (3, 3), (0, 3)]] for s in seen]
        red, green, blue = (1, 0, 0), (0, 1, 0), (0, 0, 1)
        assert colors[0] == [red, red, red]
        assert colors[1] == [green, red, red]
        assert colors[2] == [red, blue, red]
        assert colors[3][0::2] == [red, green]
        assert [s.alpha[3, 3] for s in seen if s.alpha is not None] == [1, 1, 1, 0]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="cut short after 4 frames"):
        open_video(path)


def test_memory_does_not_grow(folder):
    peaks = []
    for count in (20, 200):
        path = make(folder / f"{count}.mkv", "libx264", "yuv420p", count, options={"preset": "ultrafast"})
        tracemalloc.start()
        with open_video(path) as video, write_video(folder / "grown.mkv", video, force=True) as writer:
            for i in range(len(video)):
                writer.add(video.read(i).rgb, i)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 150_000  # a frame alone is 37 kB as floats; 180 more would be 6.6 MB


# What is no video


def test_is_video(folder, clip, tmp_path):
    assert is_video(clip)
    still = folder / "still.png"
    images.write_picture(still, np.zeros((48, 64, 3), np.float32))
    for suffix in (".tif", ".jpg", ".tga", ".exr", ".dpx", ".bmp", ".webp"):
        images.write_picture(folder / f"still{suffix}", np.zeros((48, 64, 3), np.float32), force=True)
        assert not is_video(folder / f"still{suffix}")
    (tmp_path / "empty").touch()
    (tmp_path / "noise").write_bytes(np.random.default_rng(0).bytes(100_000))
    (tmp_path / "text").write_text("hello\n" * 1000)
    os.mkfifo(tmp_path / "pipe")
    for odd in (still, tmp_path, *tmp_path.iterdir(), tmp_path / "missing", Path(__file__)):
        assert not is_video(odd), odd


@pytest.mark.parametrize("name", ["http://x", "concat:a|b", "-", "a%03d.mkv", "file:b.mkv", "pipe:0"])
def test_names_are_taken_literally(clip, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_bytes(clip.read_bytes())
    assert is_video(name)
    with open_video(name) as video:
        assert len(video) == 20


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{}'\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period/><!--{}--></MPD>',
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    ],
)
def test_playlists_open_nothing(clip, tmp_path, text):
    path = tmp_path / "list.mp4"
    path.write_text(text.format(clip))
    assert not is_video(path)
    with pytest.raises(ValueError, match="is not a video"):
        open_video(path)


def one_line(caught: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_sound_alone_and_covers_are_no_video(tmp_path):
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as out:
        track = out.add_stream("pcm_s16le", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.int16), "s16", "mono")
        frame.sample_rate = 48000
        out.mux(track.encode(frame))
    assert not is_video(path)
    with pytest.raises(ValueError, match="no video stream") as caught:
        open_video(path)
    assert "sound.wav" in one_line(caught)


def test_too_large(clip):
    with pytest.raises(ValueError, match="3072 pixels, more than 3071"):
        open_video(clip, max_pixels=64 * 48 - 1)
    with open_video(clip, max_pixels=64 * 48):
        pass


def test_no_decoder_and_no_frames(clip, tmp_path, monkeypatch):
    path = tmp_path / "odd.mkv"
    data = make(tmp_path / "a.mkv", "mjpeg", "yuvj420p", 3).read_bytes()
    path.write_bytes(data.replace(b"V_MJPEG", b"V_MJPEX"))
    with pytest.raises(ValueError, match="cannot decode; convert it first"):
        open_video(path)
    monkeypatch.setattr("refcolor.files.video.Movie._decoded", lambda *_: iter(()))
    with pytest.raises(ValueError, match="without a picture"):
        open_video(clip)


def test_frame_numbers(clip):
    with open_video(clip) as video:
        for i in (-1, 20):
            with pytest.raises(ValueError, match=f"no frame {i}: it has 20"):
                video.read(i)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"), [("d.mov", "png", "rgb24"), ("d.mkv", "libx264", "yuv420p")]
)
def test_a_damaged_frame_is_named(tmp_path, name, codec, pix_fmt):
    options = {"g": "5", "bf": "0"} if codec == "libx264" else {}
    path = make(tmp_path / name, codec, pix_fmt, 20, options=options)
    expected = decoded(path)
    with av.open(str(path)) as container:
        packet = [p for p in container.demux(video=0) if p.size][9]
        at, size = packet.pos, packet.size
    data = bytearray(path.read_bytes())
    data[at + 4 : at + size] = bytes(b ^ 0xFF for b in data[at + 4 : at + size])
    path.write_bytes(data)
    with open_video(path) as video:
        assert len(video) == 20
        for order in (range(20), reversed(range(20))):
            for i in order:
                if i == 9:
                    with pytest.raises(ValueError, match=r"damaged at frame 9") as caught:
                        video.read(i)
                    assert name in one_line(caught)
                else:
                    assert np.array_equal(video.read(i).rgb, expected[i])


@pytest.mark.parametrize("name", ["c.mkv", "c.avi", "c.mp4"])
def test_cut_short(tmp_path, name):
    codec = "libx264" if name != "c.avi" else "mpeg4"
    path = make(tmp_path / name, codec, "yuv420p", 60)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    with pytest.raises(ValueError, match=r"cut short after \d+ frames|not a video, or its header is damaged"):
        open_video(path)


def test_every_cut_ends_in_one_line(clip, tmp_path):
    data = clip.read_bytes()
    path = tmp_path / "cut.mp4"
    for size in (1, 8, 40, 200, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        try:
            open_video(path).close()
        except ValueError as error:
            assert len(str(error).splitlines()) == 1  # noqa: PT017


def test_a_change_of_size(tmp_path):
    parts = [
        make(
            tmp_path / f"{w}.ts", "mpeg2video", "yuv420p", 5, size=(w, 48), times=range(s, s + 5)
        ).read_bytes()
        for w, s in ((64, 0), (80, 5))
    ]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(parts))
    with open_video(path) as video:
        video.read(0)
        with pytest.raises(ValueError, match="changes from 64 x 48 to 80 x 48 at frame 5"):
            video.read(5)


# Writing


@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
@pytest.mark.parametrize(
    ("codec", "pix_fmt", "kept"),
    [
        ("ffv1", "bgr0", "bgr0"),
        ("ffv1", "bgra", "bgra"),
        ("ffv1", "gbrp10le", "gbrp10le"),
        ("ffv1", "gbrap12le", "gbrap12le"),
        ("ffv1", "gray16le", "gbrp16le"),
        ("png", "rgb48be", "gbrp16le"),
    ],
)
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_ffv1_is_lossless(tmp_path, codec, pix_fmt, kept, size, suffix):
    path = make(
        tmp_path / ("in.mov" if codec == "png" else "in.mkv"),
        codec,
        pix_fmt,
        3,
        size=size,
        tags=(0, 2, 1, 13),
    )
    out = copy(path, tmp_path / f"out{suffix}", "ffv1")
    with open_video(path) as one, open_video(out) as other:
        for i in range(3):
            a, b = one.read(i), other.read(i)
            assert np.array_equal(a.rgb, b.rgb)
            assert (a.alpha is None) == (b.alpha is None)
            assert a.alpha is None or np.array_equal(a.alpha, b.alpha)
    with av.open(str(out)) as container:
        context = container.streams.video[0].codec_context
        assert (context.pix_fmt, context.colorspace, context.color_range) == (kept, 0, 2)
        assert context.extradata


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
def test_prores(tmp_path, alpha, size):
    path = make(tmp_path / "in.mkv", "ffv1", "bgra" if alpha else "bgr0", 2, size=size, tags=(0, 2, 9, 16))
    out = copy(path, tmp_path / "out.mov")
    with open_video(path) as one, open_video(out) as other:
        assert other.size == size
        assert (other.matrix, other.full_range, other.primaries, other.transfer) == (6, False, 9, 16)
        assert np.abs(one.read(1).rgb - other.read(1).rgb).mean() < (0.02 if alpha else 0.2)  # noise, 4:2:2
        assert other.has_alpha is alpha
        if alpha:
            assert np.abs(one.read(1).alpha - other.read(1).alpha).max() < 2e-3  # type: ignore[operator]
    with av.open(str(out)) as container:
        assert container.streams.video[0].codec_context.profile == ("4444" if alpha else "HQ")


def test_alpha_is_read_again_where_it_is_not_given(tmp_path):
    path = make(tmp_path / "in.mkv", "ffv1", "bgra", 4)
    with open_video(path) as video, write_video(tmp_path / "out.mkv", video) as writer:
        for i in (0, 2, 3):  # a frame may be left out
            writer.add(np.zeros((48, 64, 3), np.float32), i)
    with open_video(path) as one, open_video(tmp_path / "out.mkv") as other:
        assert len(other) == 3
        assert np.array_equal(one.read(3).alpha, other.read(2).alpha)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "codec", "tags"),
    [
        ("o.mp4", "ffv1", (0, True, 1, 1)),
        ("o.mov", "prores", (1, False, 1, 1)),
        ("o.mp4", "h264", (1, False, 1, 1)),
        ("o.mkv", "h264", (1, False, 1, 1)),
    ],
)
def test_all_but_the_pixels_is_kept(clip, tmp_path, name, codec, tags):
    out = copy(clip, tmp_path / name, codec)
    with open_video(clip) as one, open_video(out) as other:
        assert (other.matrix, other.full_range, other.primaries, other.transfer) == tags
        assert (other.aspect, other.display_matrix) == (one.aspect, one.display_matrix)
        near = 0.0005001 if name == "o.mkv" else 1e-9  # Matroska counts in milliseconds
        seen = [float(t * other.time_base) for t in (*other.times, other.end)]
        assert seen == pytest.approx([float(t * one.time_base) for t in (*one.times, one.end)], abs=2 * near)
        assert seen[:-1] == pytest.approx([float(t * one.time_base) for t in one.times], abs=near)
        assert np.mean([np.abs(one.read(i).rgb - other.read(i).rgb).mean() for i in range(20)]) < 0.05
    for a, b in zip(sounds_of(clip), sounds_of(out), strict=True):
        assert [data for _, data in a] == [data for _, data in b]
        assert [time for time, _ in b] == pytest.approx([time for time, _ in a], abs=near)
    with av.open(str(out)) as container:
        assert container.metadata["title"] == "a title"
        assert {t.codec_context.name for t in container.streams.audio} == {"aac", "ac3"}
        if name != "o.mov":
            assert [t.language for t in container.streams.audio] == ["fra", "fra"]


def test_sound_lies_beside_its_pictures(clip, tmp_path):
    out = copy(clip, tmp_path / "o.mp4", "ffv1")
    with av.open(str(out)) as container:
        times = [float(p.dts * p.time_base) for p in container.demux() if p.dts is not None]
    assert all(b > a - 0.2 for a, b in pairwise(times))


def test_full_range_is_kept(tmp_path):
    path = make(tmp_path / "in.mkv", "libx264", "yuv420p", 3, tags=(6, 2, 6, 6))
    for name, full in (("o.mp4", True), ("o.mov", False)):
        with open_video(copy(path, tmp_path / name)) as video, open_video(path) as source:
            assert video.full_range is full
            assert abs(video.read(1).rgb.mean() - source.read(1).rgb.mean()) < 0.01


@pytest.mark.parametrize("name", ["o.mkv", "o.mov", "o.mp4"])
def test_the_same_bytes_each_time(clip, tmp_path, name):
    code = (
        "import os, sys; os.sched_setaffinity(0, {0}) if sys.argv[3] == '1' else None\n"
        "from refcolor.files.video import open_video; from refcolor.files.video_write import write_video\n"
        "with open_video(sys.argv[1]) as v, write_video(sys.argv[2], v, force=True) as w:\n"
        "    for i in range(len(v)): w.add(v.read(i).rgb, i)\n"
    )
    if name == "o.mkv":  # the pixels' shape
        clip = make(tmp_path / "in.mp4", "libx264", "yuv420p", 8, sounds=("aac",))
    sums = set()
    for cores in "1*":
        out = tmp_path / name
        subprocess.run([sys.executable, "-c", code, str(clip), str(out), cores], check=True)
        sums.add(hashlib.sha256(out.read_bytes()).hexdigest())
    sums.add(hashlib.sha256(copy(clip, tmp_path / name).read_bytes()).hexdigest())
    assert len(sums) == 1


def test_animated_picture_to_video(folder, tmp_path):
    for suffix in ("gif", "png", "webp"):
        path = folder / f"written.{suffix}"
        animated(path, 4)
        out = copy(path, tmp_path / f"{suffix}.mkv")
        with open_video(path) as one, open_video(out) as other:
            assert [t * other.time_base for t in other.times] == [t * one.time_base for t in one.times]
            assert np.array_equal(one.read(2).alpha, other.read(2).alpha)  # type: ignore[arg-type]


def test_names_choose_codecs(clip, tmp_path, monkeypatch):
    assert [default_codec(f"a{s}") for s in (".mkv", ".MOV", ".mp4")] == ["ffv1", "prores", "h264"]
    square = make(tmp_path / "odd.mkv", "ffv1", "bgr0", 2, size=(63, 48))
    with open_video(clip) as video, open_video(square) as odd:
        for name, codec, like, words in [
            ("a.avi", None, video, "ends in '.avi'; videos can be written as .mkv .mov .mp4"),
            ("a", None, video, "has no extension"),
            ("a.mp4", "prores", video, "does not hold prores: write it as .mov, or as h264 or ffv1"),
            ("a.mkv", "vp8", video, "no codec 'vp8'; choose one of"),
            ("a.mp4", "h264", odd, "even sides and these are 63 x 48; choose ffv1"),
            ("a.mkv", "ffv1", video, "pixels are 4/3 as wide as high; write it as .mp4"),
        ]:
            with pytest.raises(ValueError, match=words.replace(".", r"\.")) as caught:
                check_video(tmp_path / name, like, codec)  # type: ignore[arg-type]
            one_line(caught)
        monkeypatch.setitem(video_codecs.ENCODERS, "h264", "libnothing")
        with pytest.raises(ValueError, match="no encoder libnothing for h264"):
            check_video(tmp_path / "a.mp4", video)
    assert names_in(tmp_path) == ["odd.mkv"]


def test_a_part_has_the_sound_of_its_time_only(clip, tmp_path):
    out = tmp_path / "part.mp4"
    with open_video(clip) as video:
        with write_video(out, video) as writer:
            for index in (4, 5, 6):
                writer.add(video.read(index).rgb, index)
        begin, end = (float(video.times[i] * video.time_base) for i in (4, 7))
    found = [time for track in sounds_of(out) for time, _ in track]
    assert len(found) > 2
    assert begin - 0.03 <= min(found) <= max(found) <= end + 0.03
    assert max(time for track in sounds_of(clip) for time, _ in track) > end + 0.1


def test_steps_back_do_not_decode_all_again_each_time(tmp_path, monkeypatch):
    path = make(tmp_path / "in.mp4", "libx264", "yuv420p", 60, options={"g": "60"})
    counted, plain = [], Movie._advance
    monkeypatch.setattr(Movie, "_advance", lambda movie: counted.append(0) or plain(movie))
    with open_video(path) as video:
        wanted = [video.read(index).rgb for index in range(60)]
        counted.clear()
        for index in reversed(range(60)):
            np.testing.assert_array_equal(video.read(index).rgb, wanted[index])
        assert len(counted) <= 60
        monkeypatch.setattr("refcolor.files.video_movie.BEHIND", 5 * 4000)
        video._behind.clear()
        for index in reversed(range(60)):
            np.testing.assert_array_equal(video.read(index).rgb, wanted[index])
            assert len(video._behind) < 60


@pytest.mark.parametrize(("sound", "name"), [("libopus", "o.mov"), ("pcm_u8", "o.mp4")])
def test_sound_that_does_not_fit(tmp_path, sound, name):
    path = make(tmp_path / "in.mkv", "libx264", "yuv420p", 8, sounds=(sound,))
    with pytest.raises(ValueError, match=r"cannot hold sound of codec \w+; write it as .mkv") as caught:
        copy(path, tmp_path / name)
    assert sound.removeprefix("lib") in one_line(caught)
    assert names_in(tmp_path) == ["in.mkv"]
    copy(path, tmp_path / "o.mkv")


def test_frames_that_do_not_fit(clip, tmp_path):
    good = np.zeros((48, 64, 3), np.float32)
    with open_video(clip) as video:
        for frames, words in [
            ([(good[:-1], 0)], "shape"),
            ([(good, 1), (good, 1)], "frame 1 cannot follow frame 1 of 20"),
            ([(good, 20)], "cannot follow"),
            ([(good + np.nan, 0)], "not a number"),
            ([], "no frame was written"),
        ]:
            with pytest.raises(ValueError, match=words), write_video(tmp_path / "o.mp4", video) as writer:  # noqa: PT012
                for frame, i in frames:
                    writer.add(frame, i)
    assert names_in(tmp_path) == []


def test_whole_or_not_at_all(clip, tmp_path):
    out = tmp_path / "o.mp4"
    out.write_bytes(b"old")
    with open_video(clip) as video:
        with pytest.raises(FileExistsError, match="already exists"), write_video(out, video) as writer:
            writer.add(video.read(0).rgb, 0)
        with pytest.raises(KeyboardInterrupt), write_video(out, video, force=True) as writer:  # noqa: PT012
            writer.add(video.read(0).rgb, 0)
            raise KeyboardInterrupt
    assert out.read_bytes() == b"old"
    assert names_in(tmp_path) == ["o.mp4"]


@pytest.mark.parametrize("name", ["o.mkv", "o.mov", "o.mp4"])
@pytest.mark.parametrize("room", [0, 3_000, 7_000])
def test_full_disk(folder, tmp_path, name, room, capfd):
    path = folder / "noise.mkv"
    if not path.exists():
        make(path, "ffv1", "bgr0", 12)

    class Full:
        """A disk with so many bytes of room."""

        def __init__(self, file: Any) -> None:
            self._file, self.left = file, room

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

        def write(self, data: bytes) -> int:
            self.left -= len(data)
            if self.left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return int(self._file.write(data))

    plain = atomic_write.atomic
    with pytest.MonkeyPatch.context() as patch:
        from contextlib import contextmanager

        @contextmanager
        def full(*args: Any, **words: Any) -> Iterator[Any]:
            with plain(*args, **words) as file:
                yield Full(file)

        patch.setattr(video_write, "atomic", full)
        with pytest.raises(OSError, match="No space left") as caught:
            copy(path, tmp_path / name)
    assert one_line(caught).startswith("cannot write")
    assert names_in(tmp_path) == []
    assert capfd.readouterr().err == ""


def test_a_limit_of_the_system(folder, tmp_path):
    path = make(folder / "limit.mkv", "ffv1", "bgr0", 12)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, old[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            copy(path, tmp_path / "o.mkv")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert names_in(tmp_path) == []
