"""Output files: checked before the work, whole or absent after it."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO

import pytest
from pictures import names_in

from refcolor.errors import code_of
from refcolor.files import plain_files
from refcolor.files.plain_files import atomic, check_target, sweep


def put(path: Path, data: bytes, *, force: bool = False) -> None:
    with atomic(path, force=force) as file:
        file.write(data)


def test_a_good_target_passes(tmp_path: Path) -> None:
    check_target(tmp_path / "out.png")


def test_existing_output_needs_force(tmp_path: Path) -> None:
    (tmp_path / "out.png").write_bytes(b"x")
    with pytest.raises(FileExistsError, match="already exists") as caught:
        check_target(tmp_path / "out.png")
    assert code_of(caught.value) == "exists"
    check_target(tmp_path / "out.png", force=True)


def test_broken_link_counts_as_existing(tmp_path: Path) -> None:
    (tmp_path / "out.png").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError):
        check_target(tmp_path / "out.png")


def test_folders_and_odd_targets(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(IsADirectoryError):
        check_target(tmp_path, force=True)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        check_target(tmp_path / "no" / "out.png")
    with pytest.raises(NotADirectoryError):
        check_target(tmp_path / "plain" / "out.png")
    with pytest.raises(ValueError, match="pipe or a device"):
        check_target(tmp_path / "pipe.png", force=True)


def test_folder_not_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # root may write anywhere, so the answer of the system is played
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    with pytest.raises(PermissionError, match="not writable"):
        check_target(tmp_path / "out.png")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        check_target(tmp_path / "out.png")
    with pytest.raises(PermissionError, match="cannot write"):
        put(tmp_path / "out.png", b"x")


def test_messages_stay_on_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a\nb.png"
    path.write_bytes(b"x")
    with pytest.raises(FileExistsError) as caught:
        check_target(path)
    assert "\n" not in str(caught.value)


def test_write_and_overwrite(tmp_path: Path) -> None:
    path = tmp_path / "out.bin"
    put(path, b"one")
    with pytest.raises(FileExistsError):
        put(path, b"two")
    assert path.read_bytes() == b"one"
    put(path, b"two", force=True)
    assert path.read_bytes() == b"two"
    assert names_in(tmp_path) == ["out.bin"]


@pytest.mark.parametrize("hard_links", [True, False])
def test_no_overwrite_in_a_race(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hard_links: bool) -> None:
    if not hard_links:
        forbid_hard_links(monkeypatch)
    path = tmp_path / "out.bin"
    with pytest.raises(FileExistsError), atomic(path) as file:  # noqa: PT012
        file.write(b"mine")
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    assert names_in(tmp_path) == ["out.bin"]


def forbid_hard_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)


def test_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_hard_links(monkeypatch)
    put(tmp_path / "out.bin", b"one")
    assert (tmp_path / "out.bin").read_bytes() == b"one"
    assert names_in(tmp_path) == ["out.bin"]


def test_failed_rename_leaves_no_empty_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    forbid_hard_links(monkeypatch)
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="Input/output error"):
        put(tmp_path / "out.bin", b"one")
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_permissions_follow_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        put(tmp_path / "out.bin", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.bin").stat().st_mode) == 0o666 & ~mask


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, RuntimeError])
def test_failure_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    with pytest.raises(error), atomic(path, force=True) as file:  # noqa: PT012
        file.write(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["out.bin"]


def test_full_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("a small disk can only be mounted by root")
    try:
        (disk / "out.bin").write_bytes(b"old")
        with pytest.raises(OSError, match="No space left"):
            put(disk / "out.bin", bytes(100_000), force=True)
        assert (disk / "out.bin").read_bytes() == b"old"
        assert names_in(disk) == ["out.bin"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


WRITE = (
    "import sys, time\nfrom refcolor.files.plain_files import atomic\n"
    "with atomic(sys.argv[1]) as file:\n    print(flush=True)\n    time.sleep(99)"
)


@pytest.mark.parametrize("asked", [True, False])
def test_sweep_removes_what_killed_processes_left_and_no_more(tmp_path: Path, asked: bool) -> None:
    words = [sys.executable, "-P", "-c", WRITE, str(tmp_path / "theirs.bin")]
    (tmp_path / ".refcolor-0.part").mkdir()
    (tmp_path / "notes.part").write_bytes(b"x")
    with subprocess.Popen(words, stdout=subprocess.PIPE) as other, atomic(tmp_path / "mine.bin") as file:
        try:
            assert other.stdout is not None
            other.stdout.readline()
            before = names_in(tmp_path)
            sweep(tmp_path)
            assert names_in(tmp_path) == before
            assert len(before) == 4
        finally:
            other.kill()
        if asked:
            other.wait()
        else:  # ended, but still in the list of processes
            os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
        sweep(tmp_path)
        assert len(names_in(tmp_path)) == 3
        file.write(b"whole")
    assert (tmp_path / "mine.bin").read_bytes() == b"whole"
    assert names_in(tmp_path) == [".refcolor-0.part", "mine.bin", "notes.part"]


def test_what_another_machine_left_is_swept_after_a_day(tmp_path: Path) -> None:
    for name in (".refcolor-0badcafe-1-12345678.part", ".refcolor-0123456789abcdef.part"):
        path = tmp_path / name
        path.write_bytes(b"half")
        for age, left in ((0, True), (3600 * 23, True), (3600 * 25, False)):
            os.utime(path, (time.time() - age,) * 2)
            sweep(tmp_path)
            assert path.exists() is left, age
    sweep(tmp_path / "nowhere")


def test_without_locks_only_what_is_old_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_files, "_lock", lambda file: False)
    with atomic(tmp_path / "mine.bin") as file:
        sweep(tmp_path)
        file.write(b"whole")
    path = tmp_path / f".refcolor-{plain_files._machine()}-1-12345678.part"
    path.write_bytes(b"half")
    sweep(tmp_path)
    assert names_in(tmp_path) == [path.name, "mine.bin"]
    os.utime(path, (time.time() - 3600 * 25,) * 2)
    sweep(tmp_path)
    assert names_in(tmp_path) == ["mine.bin"]


def test_a_file_swept_before_its_lock_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, names = plain_files._lock, []

    def late(file: BinaryIO) -> bool:
        names.append(file.name)
        if len(names) == 1:
            Path(file.name).unlink()
        if len(names) == 2:
            raise BlockingIOError
        return lock(file)

    monkeypatch.setattr(plain_files, "_lock", late)
    put(tmp_path / "out.bin", b"whole")
    assert (tmp_path / "out.bin").read_bytes() == b"whole"
    assert len(set(names)) == 3
