"""Processes that are killed or interrupted: nothing is lost, nothing half-written is left."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from scenes import (
    COUNT,
    KEY,
    OUT,
    RUN,
    drawn,
    gone,
    gray,
    held,
    kill_after,
    living,
    many,
    name,
    parent,
    report,
    start,
    write,
)

from refcolor.render import workers

pytestmark = pytest.mark.system


@pytest.mark.slow
def test_ctrl_c_during_training(scene):
    before = held(scene)
    words = [*RUN, "source.png", "target.png", "--epochs", "100000", "--device", "cpu"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stderr.readline().startswith("refcolor: training on")
            with pytest.raises(subprocess.TimeoutExpired):
                running.wait(1)
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=60)
        finally:
            running.kill()
    assert running.returncode == 130
    assert (out, err) == ("", "refcolor: interrupted; nothing half-written is left\n")
    assert held(scene) == before


@pytest.mark.parametrize(("count", "workers", "seed"), [(20, 1, 0), (4, 2, 1)])
def test_killed_at_any_moment_and_resumed_it_gives_the_same_bytes(color, shot, whole, count, workers, seed):
    chance = random.Random(seed)
    words = ["shot", "-k", "key.0001.png", "--workers", str(workers)]
    begun = time.monotonic()
    with start(*words, "-o", "timed") as running:
        running.stdout.readline()
        first = time.monotonic() - begun
        running.communicate()
    each = (time.monotonic() - begun - first) / COUNT
    found = []
    for turn in range(count):
        lines = turn * (COUNT + 1) // count  # moments all over the time that it runs
        out = Path(f"out{turn}")
        kill_after(start(*words, "-o", out), lines, chance.uniform(0, each if lines else first))
        there = {path: data for path, data in (held(out) if out.exists() else {}).items() if path[0] != "."}
        assert there.items() <= whole.items()
        found.append(len(there))
        code, printed, _ = color(*words[:3], "-o", out, "--skip-existing")
        assert (code, len(printed)) == (0, COUNT - len(there))
        assert held(out) == whole  # nothing hidden either
    assert len({number for number in found if 0 < number < COUNT}) >= count // 5


def test_what_a_killed_process_left_half_written_is_cleared_away(color, shot, whole):
    """But not what another, which lives, is writing."""
    code = (
        "import sys, time\nfrom refcolor.files.plain_files import atomic\n"
        "with atomic(sys.argv[1]) as file:\n"
        "    file.write(b'half')\n    print(flush=True)\n    time.sleep(99)"
    )
    Path("out").mkdir()
    begun = [
        subprocess.Popen([sys.executable, "-P", "-c", code, f"out/{n}.png"], stdout=subprocess.PIPE)
        for n in "xy"
    ]
    try:
        for writer in begun:
            writer.stdout.readline()
        assert len(held("out")) == 2
        begun[0].kill()
        begun[0].wait()
        assert color("shot", "-k", "key.0001.png", "-o", "out", "--skip-existing")[0] == 0
        hidden = held("out").keys() - whole.keys()
        assert len(hidden) == 1
        assert f"-{begun[1].pid}-" in hidden.pop()
    finally:
        for writer in begun:
            writer.kill()
            writer.communicate()


def test_the_frames_of_a_worker_that_is_killed_are_colored_again(color, shot, monkeypatch):
    for number in range(9, 25):
        write(f"shot/{name(number)}", gray(drawn(number % 14 + 1)))
    words = ["shot", "-k", "key.0001.png"]
    assert color(*words, "-o", "whole")[0] == 0
    ends, plain = [], workers._Team._new_pool

    def counted(team, worker):
        ends.extend([1] * hasattr(team, "crashes"))  # else it begins
        return plain(team, worker)

    def strike():
        end = time.monotonic() + 60
        while time.monotonic() < end and not any(Path("out").glob("a*")):
            time.sleep(0.001)
        group = living(os.getpgid(0))
        mine = [pid for pid, said in group.items() if "spawn_main" in said and parent(pid) == os.getpid()]
        killed.append(mine[0])
        os.kill(mine[0], signal.SIGKILL)

    killed = []
    monkeypatch.setattr(workers._Team, "_new_pool", counted)
    striker = threading.Thread(target=strike)
    Path("out").mkdir()
    striker.start()
    code, out, err = color(*words, "-o", "out", "--workers", 2, "--report", "r.json")
    striker.join()
    assert (code, len(killed), len(ends)) == (0, 1, 1)
    assert err == ["refcolor: 24 frames colored, 0 of them holds"]
    assert sorted(out[:-1]) == [f"out/{name(n)}" for n in range(1, 25)]
    assert held("out") == held("whole")  # nothing hidden either
    assert sorted(report()["frames"]) == [*range(1, 25)]


@pytest.mark.parametrize(
    ("count", "lines", "seconds"), [(2, 0, 0), (2, 0, 0.2), (2, 3, 0), (2, 3, 0.2), (1, 3, 0.1)]
)
def test_ctrl_c_ends_all_processes_within_seconds(shot, count, lines, seconds):
    """On a terminal it goes to the whole group. What is done is done, and reported."""
    many()
    with start("shot", *KEY, *OUT, "--workers", str(count), "--report", "r.json") as running:
        try:
            for _ in range(lines):
                running.stdout.readline()
            while count > 1 and not any("spawn_main" in said for said in living(running.pid).values()):
                assert running.poll() is None
            time.sleep(seconds)
            begun = time.monotonic()
            os.killpg(running.pid, signal.SIGINT)
            err = running.communicate(timeout=30)[1]
            took = time.monotonic() - begun
        finally:
            running.kill()
    assert (running.returncode, err) == (130, "refcolor: interrupted; nothing half-written is left\n")
    assert took < 15
    assert gone(running.pid)
    assert not [path for path in held("out") if path.startswith(".")]
    assert (len(report()["frames"]) if Path("r.json").exists() else 0) >= lines


def test_workers_end_with_the_process_that_was_killed(shot):
    many()
    with start("shot", *KEY, *OUT, "--workers", "2") as running:
        try:
            running.stdout.readline()
            assert sum("spawn_main" in said for said in living(running.pid).values()) == 2
            running.kill()
            running.wait()
            assert gone(running.pid)
            done = len(held("out"))
        finally:
            os.killpg(running.pid, signal.SIGKILL) if living(running.pid) else None
    assert done < 150
