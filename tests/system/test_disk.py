"""Disks that are full, fill up or are read-only."""

import errno
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from scenes import COUNT, KEY, OUT, gray_clip, held, name

from refcolor.files import plain_files

pytestmark = pytest.mark.system


@pytest.fixture
def disk(tmp_path):
    """Mounts a disk of one page with given options."""
    place = tmp_path / "disk"

    def mount(options):
        place.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if not shutil.which("mount") or subprocess.run(words, capture_output=True, check=False).returncode:
            pytest.skip("a small disk can only be mounted by root")
        return place

    yield mount
    if place.is_mount():
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("command", ["color", "inspect"])
def test_read_only_folder(call, scene, disk, command):
    disk("ro,size=4k")
    words = {"color": ["source.png", "target.png", "-o", "disk"]}
    words["inspect"] = ["inspect", *words["color"][:1], "-o", "disk"]
    code, out, err = call(*words[command])
    assert (code, out) == (2, [])
    assert err == ["refcolor: output folder 'disk' is not writable; choose another folder"]
    assert held(scene / "disk") == {}


def test_full_disk(call, quick, scene, disk):
    (disk("size=4k") / "target_color.png").write_bytes(b"mine")
    before = held(scene)
    code, out, err = call("source.png", "target.png", "-o", "disk", "--force")
    assert (code, out) == (1, [])
    assert err == ["refcolor: cannot write 'disk/target_color.png': No space left on device"]
    assert held(scene) == before


def test_full_disk_after_half_of_the_stages(call, quick, scene, disk):
    disk("size=40k")
    Path("disk/source.png").write_bytes(b"mine")
    before = held(scene)
    for folder in ("disk", "disk/new"):
        code, out, err = call("inspect", "source.png", "target.png", "-o", folder, "--force")
        assert (code, out, len(err)) == (1, [], 1)
        assert err[0].startswith("refcolor: cannot write ")
        assert err[0].endswith("No space left on device")
        assert held(scene) == before


@pytest.mark.parametrize("movie", [False, True])
def test_a_disk_that_fills_up_ends_the_run(color, shot, whole, monkeypatch, movie):
    gray_clip("in.mkv")
    before = held()
    plain, syncs = os.fsync, []

    def sync(file):
        syncs.append(file)
        if len(syncs) > 2 - 2 * movie:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        plain(file)

    monkeypatch.setattr(plain_files.os, "fsync", sync)
    words = ["in.mkv", "-o", "out.mkv"] if movie else ["shot", *OUT]
    code, out, err = color(*words, *KEY)
    assert (code, out) == (1, [] if movie else [f"out/{name(1)}", f"out/{name(2)}"])
    path = "out.mkv" if movie else f"{shot}/out/{name(3)}"
    assert err == [f"refcolor: cannot write '{path}': No space left on device"]
    assert held().keys() - before.keys() == (set() if movie else {"out", f"out/{name(1)}", f"out/{name(2)}"})


def test_a_disk_that_fills_up_ends_the_workers_too(color, shot, whole):
    Path("disk").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", "disk"]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can only be mounted by root")
    try:
        code, out, err = color("shot/a.####.png", *KEY, "-o", "disk", "--workers", 2)
        assert (code, len(err)) == (1, 1)
        assert re.fullmatch(
            r"refcolor: cannot write '.*/disk/a\.000\d\.png': No space left on device", err[0]
        )
        found = held("disk")
        assert 0 < len(found) < COUNT
        assert found.items() <= whole.items()
        assert {Path(path).name for path in out} <= found.keys()
    finally:
        subprocess.run(["umount", "disk"], check=True)
