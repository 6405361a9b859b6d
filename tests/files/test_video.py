"""What is a video, and what is refused as none."""

from __future__ import annotations

import os
from pathlib import Path

import av
import numpy as np
import pytest
from clips import make, one_line

from refcolor.files import images
from refcolor.files.video import is_video, open_video


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
    with pytest.raises(ValueError, match="without a frame"):
        open_video(clip)
