"""``refcolor shot``: chunks and worker processes give the bytes of the whole."""

from pathlib import Path

import pytest
from scenes import COUNT, drawn, held, name, off

from refcolor.render import workers


@pytest.mark.parametrize(
    "chunks", [["1-4", "5-7", "8"], ["8", "5-7", "1-4"], ["2-8x2", "7-1x-2"]], ids=" ".join
)
def test_parts_in_any_order_give_the_bytes_of_the_whole(color, shot, whole, chunks):
    for chunk in chunks:
        assert color("shot", "-k", "key.0001.png", "-o", "out", "--frames", chunk)[0] == 0
    assert held("out") == whole


@pytest.mark.parametrize("chunk", [None, "3-8"])
def test_workers_give_the_bytes_of_the_whole(color, shot, whole, chunk):
    words = ["--frames", chunk] if chunk else []
    code, out, err = color("shot", "-k", "key.0001.png", "-o", "out", "--workers", 2, *words)
    numbers = range(3 if chunk else 1, 9)
    assert (code, sorted(out)) == (0, [f"out/{name(n)}" for n in numbers])
    assert err == [f"refcolor: {len(numbers)} frames colored, 0 of them holds"]
    assert held("out") == {name(n): whole[name(n)] for n in numbers}


def test_as_many_workers_as_cores_memory_and_frames_are_good_for(color, shot, whole, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(workers.kernels, "threads", lambda: 3)
        patch.setattr(workers, "_free_memory", lambda: 10 << 30)
        assert [workers.suitable_workers(n, 1 << 19) for n in (1, 31, 32, 47, 48, 500)] == [1, 1, 2, 2, 3, 3]
        assert [workers.suitable_workers(500, n << 20) for n in (1, 5, 33, 300)] == [3, 2, 1, 1]
    assert 0 < workers._free_memory() < 1 << 50
    monkeypatch.setattr(workers, "MIN_FRAMES_PER_WORKER", COUNT // 2)
    teams, plain = [], workers._Team
    monkeypatch.setattr(workers, "_Team", lambda *words: teams.append(words[1]) or plain(*words))
    monkeypatch.setattr(workers, "_free_memory", lambda: 10 << 30)
    code, _, err = color("shot", "-k", "key.0001.png", "-o", "out")
    assert (code, err) == (0, [f"refcolor: {COUNT} frames colored, 0 of them holds"])
    assert held("out") == whole
    assert teams == [2] * (workers.kernels.threads() > 1)


def test_memory_is_what_the_control_group_leaves(tmp_path, monkeypatch):
    group = tmp_path / "group"
    group.mkdir()
    monkeypatch.setattr(workers, "Path", lambda path: group if str(path) == "/sys/fs/cgroup" else Path(path))
    whole = workers._free_memory()
    for name_, text in (
        ("memory.current", "900"),
        ("memory.stat", "anon 7\ninactive_file 300"),
        ("memory.max", "max"),
    ):
        (group / name_).write_text(text)
    assert abs(workers._free_memory() - whole) < whole / 4
    (group / "memory.max").write_text("1000\n")
    assert workers._free_memory() == 400


@pytest.mark.slow
def test_parts_and_workers_give_the_bytes_of_the_whole_with_the_network(run_shot, shot):
    words = ["shot", "-k", "key.0001.png", "--epochs", 1, "--device", "cpu"]
    assert run_shot(*words, "-o", "whole")[0] == 0
    code, _, err = run_shot(*words, "-o", "out", "--frames", "2-8x2", "--workers", 2)
    assert (code, len(err), err[0]) == (0, 2, "refcolor: training on the CPU")
    whole = held("whole")
    assert held("out") == {name(n): whole[name(n)] for n in (2, 4, 6, 8)}
    assert max(off(f"whole/{name(n)}", drawn(n)) for n in range(1, 9)) < 6
