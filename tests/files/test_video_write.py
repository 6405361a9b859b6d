"""Writing videos: times, tags and sound are kept; whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import av
import numpy as np
import pytest
from clips import copy, make, one_line, sounds_of
from pictures import names_in

from refcolor.files import plain_files, video_write
from refcolor.files.video import open_video
from refcolor.files.video_write import write_video


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
        subprocess.run([sys.executable, "-P", "-c", code, str(clip), str(out), cores], check=True)
        sums.add(hashlib.sha256(out.read_bytes()).hexdigest())
    sums.add(hashlib.sha256(copy(clip, tmp_path / name).read_bytes()).hexdigest())
    assert len(sums) == 1


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
            ([(good[:-1], 0)], "frame 0 must be floating"),
            ([(good, 1), (good, 1)], "frame 1 cannot follow frame 1 of 20"),
            ([(good, 20)], "cannot follow"),
            ([(good + np.nan, 0)], "not finite"),
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

    plain = plain_files.atomic
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
