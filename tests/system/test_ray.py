"""Frames on a Ray cluster, a real one: machines that are lost, that cannot color, and that are not there."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import ray
from ray.cluster_utils import Cluster as LocalCluster
from scenes import RUN
from staged import StagedFiles

from refcolor import Colorizer, Config
from refcolor.cli import app
from refcolor.errors import code_of
from refcolor.files import images
from refcolor.render import ray_cluster, workers
from refcolor.render.frames import FileFrames
from refcolor.render.painter import Job
from refcolor.render.ray_cluster import join

pytestmark = pytest.mark.system

TESTS = Path(__file__).parents[1]
COUNT = 16
STORE = 100_000_000  # bytes


# ---------------------------------------------------------------- a cluster


@contextmanager
def machine(head, cpus=1, **more):
    """One more machine of a cluster; without a word to the others if it is killed meanwhile."""
    node = head.add_node(num_cpus=cpus, object_store_memory=STORE, include_log_monitor=False, **more)
    try:
        yield node
    finally:
        if node in head.worker_nodes:
            head.remove_node(node, allow_graceful=False)


def kill(node):
    """All at once, as when the power fails."""
    processes = [process.process for each in node.all_processes.values() for process in each]
    raylet = node.all_processes["raylet"][0].process.pid
    for pid in (raylet, *children(raylet)):
        os.kill(pid, signal.SIGKILL)
    for process in processes:
        process.kill()


def children(pid):
    return [
        int(word)
        for path in Path(f"/proc/{pid}/task").glob("*/children")
        for word in path.read_text().split()
    ]


@pytest.fixture(scope="module")
def head():
    """A cluster's head, without processors; the folder of its files tells its processes from others'."""
    with tempfile.TemporaryDirectory(prefix="ray") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", folder)
        path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])  # for StagedFiles
        patch.setenv("PYTHONPATH", path.rstrip(os.pathsep))
        patch.delenv("RAY_ADDRESS", raising=False)
        soon = {"period_ms": 500, "timeout_ms": 1000, "failure_threshold": 3}  # who is lost is noticed
        soon = {f"health_check_{name}": value for name, value in soon.items()}
        soon["worker_niceness"] = 0
        more = {
            "num_cpus": 0,
            "object_store_memory": STORE,
            "include_dashboard": False,
            "dashboard_agent_listen_port": 0,
            "_system_config": soon,
        }
        local = LocalCluster(shutdown_at_exit=True)
        try:
            local.add_node(**more)
            yield local
        finally:
            ray.shutdown()
            local.shutdown()
            left = ended(folder)
        assert not left


def ended(folder):
    """The processes of a cluster that are still there after a while, ended now."""
    mine = f"RAY_TMPDIR={folder}".encode()
    for last in [*[False] * 50, True]:
        left = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if mine in (path / "environ").read_bytes().split(b"\0"):
                    left.append((path / "cmdline").read_bytes())
                    if last:
                        os.kill(int(path.name), signal.SIGKILL)
            except OSError:  # it has just ended, or is another user's
                continue
        if not left:
            return []
        time.sleep(0.2)
    return left


# ---------------------------------------------------------------- a shot


def drawn(i, width, height):
    """A disc that crosses a painted ground, (H, W, 3) uint8."""
    ground = cv2.resize(np.random.default_rng(0).random((8, 12, 3)).astype(np.float32), (width, height))
    image = np.rint(ground * 150 + 50).astype(np.uint8)
    cv2.circle(image, (width // 8 + i * width // 24, height // 2), height // 4, (200, 60, 40), -1)
    return image


@pytest.fixture
def shot(tmp_path, monkeypatch):
    """The current folder, with gray frames in ``gray`` and the colors of the first in ``key.png``."""
    monkeypatch.chdir(tmp_path)
    Path("refcolor.py").write_text("raise ImportError")  # Ray lets workers look here first
    make(96, 64)
    return tmp_path


def make(width, height):
    Path("gray").mkdir(exist_ok=True)
    for i in range(COUNT):
        gray = cv2.cvtColor(drawn(i, width, height), cv2.COLOR_RGB2GRAY)
        assert cv2.imwrite(f"gray/a.{i + 1:04d}.png", gray)
    assert cv2.imwrite("key.png", drawn(0, width, height)[..., ::-1])


@pytest.fixture
def quick(shot):
    """A colorizer without a network, fitted on the key."""
    return Colorizer(Config("quick")).fit(images.read("key.png").rgb)


def job(folder, *stage):
    """All frames into a folder; `stage` is a frame and what happens to the worker there."""
    Path(folder).mkdir()
    frames = FileFrames(dict(enumerate(sorted(Path("gray").iterdir()))))
    paths = {i: Path(folder, f"{i}.png").absolute() for i in range(len(frames))}
    if not stage:
        return Job(frames, [0], paths, {}, force=True)
    Path("notes").mkdir(exist_ok=True)
    staged = StagedFiles(paths, Path("notes").absolute(), *stage)
    return Job(frames, [0], staged, {}, force=True)


def held(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.suffix == ".png"}


def wait_for(true, seconds=30):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def call(capfd):
    """Run the command in this process: exit code, stdout lines, stderr lines (C libraries' included)."""

    def run(*words):
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            app.main(["shot", "gray", "-k", "1=key.png", "-o", "out", "--preset", "quick", *words])
        out, err = (re.sub("\x1b\\[[0-9;]*m", "", text) for text in capfd.readouterr())
        lines = [line for line in err.splitlines() if "least sure of frame" not in line]
        return left.value.code or 0, out.splitlines(), lines

    return run


# ---------------------------------------------------------------- no cluster


def test_ray_is_not_installed(call, shot, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert call("--ray", "auto") == (1, [], [f"refcolor: {ray_cluster.MISSING}"])


@pytest.mark.parametrize("address", ["", "local", "machine", "ray://machine:1", "machine:"])
def test_what_is_no_address(call, shot, address):
    says = f"refcolor: {address!r} is no address of a Ray cluster: give HOST:PORT, or auto"
    assert call("--ray", address) == (1, [], [says])


@pytest.mark.parametrize("listens", [False, True])
def test_nothing_answers(call, shot, monkeypatch, listens):
    """In less than half a minute; Ray itself would try for minutes."""
    monkeypatch.setattr(ray_cluster, "PROBE_SECONDS", 2.0)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        if listens:
            other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        begun = time.monotonic()
        assert call("--ray", address) == (
            1,
            [],
            [f"refcolor: no Ray cluster answers at {address!r}: {ray_cluster.START}"],
        )
        assert time.monotonic() - begun < 10


def test_no_cluster_is_started_where_there_is_none(call, shot, monkeypatch, tmp_path):
    if ray._private.services.find_gcs_addresses():
        pytest.skip("a Ray cluster runs on this machine")
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    code, out, err = call("--ray", "auto")
    assert (code, out, err) == (1, [], [f"refcolor: no Ray cluster answers at 'auto': {ray_cluster.START}"])
    assert not ray._private.services.find_gcs_addresses()


def test_a_cluster_without_processors(head, call, shot):
    code, out, err = call("--ray", head.address)
    assert (code, out, len(err)) == (1, [], 1)
    assert "has no processors" in err[0]
    assert not Path("out").exists()


# ---------------------------------------------------------------- lost machines


def test_what_a_lost_machine_was_coloring_is_colored_again(head, shot, quick):
    assert all(not outcome.error for outcome in workers.color_frames(job("here"), quick, range(COUNT), 1))
    with machine(head) as doomed, join(head.address) as mine:
        painting = mine.color_frames(job("there", 6, "wait"), quick, range(COUNT))
        outcomes = [next(painting)]  # from the only machine that has a processor
        wait_for(Path("notes/waiting").exists)
        assert Path("notes/waiting").read_text() == doomed.node_id
        before = {i: Path(f"there/{i}.png").stat().st_mtime_ns for i in range(6)}
        kill(doomed)
        Path("notes/go on").touch()
        with machine(head):
            outcomes += painting
    assert sorted(outcome.index for outcome in outcomes) == list(range(COUNT))
    assert [outcome.error for outcome in outcomes] == [None] * COUNT
    assert held("there") == held("here")
    # frames 4 and 5 had been written, and nobody knew; 0 to 3 had come back
    again = [i for i in before if Path(f"there/{i}.png").stat().st_mtime_ns != before[i]]
    assert again == [4, 5]
    pids = Path("notes/unpickled").read_text().split()
    assert len(pids) == len(set(pids)) < 4  # runs; once for each process, and not for each of them


def test_the_command_says_nothing_of_lost_machines_and_can_be_interrupted(head, shot, quick):
    make(480, 320)  # large enough that one task does not color them all
    words = [*RUN, "shot", "gray", "-k", "1=key.png", "--preset", "quick", "--ray"]
    here = subprocess.run([*words[:-1], "-o", "here"], capture_output=True, text=True, check=True)
    with machine(head) as doomed:
        process = begun([*words, head.address, "-o", "stopped"])
        assert not catches(process.pid, signal.SIGTERM)  # Ray would print where in its libraries it was
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert (process.returncode, err.count("\n")) == (130, 1)
        assert "interrupted" in err
        assert not list(Path("stopped").glob(".*"))
        assert len(held("stopped")) < COUNT

        process = begun([*words, "auto", "-o", "there"])
        kill(doomed)
        assert len(held("there")) < COUNT
        with machine(head):
            _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, here.stderr)
    listed = Path("stdout").read_text().split()
    assert sorted(listed) == [f"there/a.{i + 1:04d}.png" for i in range(COUNT)]
    assert held("there") == held("here")


def catches(pid, number):
    mask = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())[1]
    return bool(int(mask, 16) >> (number - 1) & 1)


def begun(words):
    """The command, once it has listed its first file in ``stdout``; what it says comes through a pipe."""
    with Path("stdout").open("w") as out:
        process = subprocess.Popen(words, stdout=out, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: process.poll() is not None or Path("stdout").read_text())
    return process


def test_a_cluster_that_loses_all_machines_is_given_up(head, shot, quick, monkeypatch):
    monkeypatch.setattr(ray_cluster, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(ray_cluster, "RESOURCE_SECONDS", 0.5)
    monkeypatch.setattr(ray_cluster, "STOP_SECONDS", 0.5)
    with machine(head) as doomed, join(head.address) as mine:
        painting = mine.color_frames(job("out", 6, "wait"), quick, range(COUNT))
        next(painting)
        head.remove_node(doomed)
        with pytest.raises(OSError, match=r"^the Ray cluster has had no CPU for .* s$") as lost:
            list(painting)
    assert code_of(lost.value) == "cluster_lost"


# ---------------------------------------------------------------- the same bytes


def test_a_gpu_of_the_cluster_trains_and_the_bytes_are_the_same(head, shot, drawn, drawn_gray, trained):
    for i, path in enumerate(sorted(Path("gray").iterdir())):
        path.unlink()
        if i < 3:
            images.write_picture(path, np.roll(drawn_gray, i, axis=1))
    every = range(3)
    assert [outcome.error for outcome in workers.color_frames(job("here"), trained, every, 1)] == [None] * 3
    with machine(head, num_gpus=1), join(head.address) as mine:
        assert (mine.total("CPU"), mine.total("GPU")) == (1, 1)
        found = mine.fit([drawn], trained.config)
        for ours, theirs in zip(trained.learned.weights, found.learned.weights, strict=True):
            assert all(np.array_equal(*both) for both in zip(ours, theirs, strict=True))
        outcomes = list(mine.color_frames(job("there"), found, every))
    assert [outcome.error for outcome in outcomes] == [None] * 3
    assert held("there") == held("here")


def test_pictures_come_back_in_order(head, shot, quick):
    wanted = replace(job("here"), results=None)
    here = list(workers.color_frames(wanted, quick, range(COUNT), 1))
    with machine(head, 2), join(head.address) as mine:
        there = list(mine.color_frames(wanted, quick, range(COUNT)))
    assert [outcome.index for outcome in there] == list(range(COUNT))
    for ours, theirs in zip(here, there, strict=True):
        assert np.array_equal(ours.image, theirs.image)


# ---------------------------------------------------------------- what goes wrong on a machine


def test_a_frame_that_fails_fails_alone_and_says_where(head, shot, quick, monkeypatch):
    monkeypatch.setattr(ray_cluster, "MAX_TRIES", 1)
    with machine(head), join(head.address) as mine:
        for folder, what, says in (
            ("missing", "miss", f"there is no such folder here (on machine {socket.gethostname()})"),
            ("deadly", "die", "its worker process was lost each time: "),
        ):
            outcomes = list(mine.color_frames(job(folder, 6, what), quick, range(COUNT)))
            assert sorted(outcome.index for outcome in outcomes) == list(range(COUNT))
            (failed,) = (outcome for outcome in outcomes if outcome.error)
            assert failed.index == 6
            assert failed.error.startswith(says)
            assert "\n" not in failed.error
            assert len(held(folder)) == COUNT - 1
        with pytest.raises(OSError, match=r"No space left on device: 'frame.png'$"):
            list(mine.color_frames(job("full", 6, "fill"), quick, range(COUNT)))
        with pytest.raises(ValueError, match=r"^the job may not overwrite"):
            next(mine.color_frames(replace(job("kept"), force=False), quick, range(COUNT)))


def test_a_machine_without_refcolor_is_named(head, call, shot):
    (shot / "none").mkdir()
    (shot / "none" / "sitecustomize.py").write_text("import sys; sys.modules['refcolor'] = None")
    with machine(head, env_vars={"PYTHONPATH": str(shot / "none")}):
        code, out, err = call("--ray", head.address)
    assert (code, out, len(err)) == (1, [], 1)
    name = socket.gethostname()
    assert err[0].startswith(
        f"refcolor: machine {name} of the Ray cluster cannot load refcolor, install it on all"
    )


def test_every_machine_has_the_same_version(head, call, shot, monkeypatch):
    monkeypatch.setattr(ray_cluster, "__version__", "0.0.1")
    with machine(head):
        code, out, err = call("--ray", head.address)
    assert (code, out, len(err)) == (1, [], 1)
    assert err[0].endswith("this one 0.0.1: install the same on all")
