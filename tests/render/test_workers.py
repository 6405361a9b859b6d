"""Processes that color frames of one job: each frame once, whatever happens to one of them."""

import os
from collections import deque

import numpy as np
import pytest
from staged import SIZE, Deadly, Staged, drawn

from refcolor import Config
from refcolor.files import images
from refcolor.methods.colorizer import Colorizer
from refcolor.render import workers
from refcolor.render.painter import Job


@pytest.fixture(scope="module")
def colorizer():
    return Colorizer(Config("quick")).fit(drawn(0))


def test_a_frame_that_ends_its_workers_fails_alone(colorizer, tmp_path):
    count = 10
    files = {index: tmp_path / f"{index}.png" for index in range(count)}
    job = Job(Staged(count), [0.0], Deadly(files), {})
    outcomes = list(workers.paint(job, colorizer, range(count), 2))
    assert sorted(outcome.index for outcome in outcomes) == [*range(count)]
    assert [(outcome.index, outcome.error) for outcome in outcomes if outcome.error] == [(5, workers.ENDED)]
    assert [index for index, path in files.items() if not path.exists()] == [5]


def test_pictures_do_not_pile_up_behind_a_slow_frame(colorizer):
    count = 60
    job = Job(Staged(count, slow=9), [0.0], None, {})
    early, most = set(), 0
    left = workers.runs(range(count), workers.SHORT)
    words = workers.pickle.dumps((job, colorizer))
    for outcome in workers._paint(words, left, 2, 12):
        assert not outcome.error
        early.add(outcome.index)
        first = min(set(range(count + 1)) - early)
        most = max(most, sum(index > first for index in early))
    assert len(early) == count
    assert 2 < most < 12


def test_pictures_come_in_order_and_are_those_of_one_process(colorizer):
    job = Job(Staged(24, slow=4), [0.0], None, {})
    one, two = (list(workers.paint(job, colorizer, range(24), count)) for count in (1, 2))
    assert [outcome.index for outcome in two] == [*range(24)]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(one, two, strict=True))


def test_who_is_done_takes_half_of_what_another_has_left(colorizer, tmp_path, monkeypatch):
    taken, plain = [], workers._spared
    monkeypatch.setattr(workers, "_spared", lambda team: taken.append(plain(team)) or taken[-1])
    files = {index: tmp_path / f"{index}.png" for index in range(48)}
    outcomes = list(workers.paint(Job(Staged(48, slow=1), [47.0], files, {}), colorizer, range(48), 2))
    assert sorted(outcome.index for outcome in outcomes) == [*range(48)]
    assert not any(outcome.error for outcome in outcomes)
    assert any(len(frames) >= workers.SHORT for frames in taken)


def test_workers_that_cannot_even_start_end_soon(monkeypatch):
    monkeypatch.setattr(workers, "FRUITLESS", 1)
    found = list(workers._paint(b"", deque([n, n + 10] for n in range(9)), 2, None))
    assert sorted(outcome.index for outcome in found) == sorted([*range(9), *range(10, 19)])
    assert {outcome.error for outcome in found} == {workers.ENDED}


def test_what_appears_meanwhile_is_not_overwritten(colorizer, tmp_path):
    """By several processes no more than by one."""
    count = 8
    files = {index: tmp_path / f"{index}.png" for index in range(count)}
    files[5].write_bytes(b"mine")
    job = Job(Staged(count), [0.0], files, {})
    outcomes = {outcome.index: outcome for outcome in workers.paint(job, colorizer, range(count), 2)}
    assert files[5].read_bytes() == b"mine"
    assert "5.png' already exists" in outcomes[5].error
    assert not any(outcome.error for index, outcome in outcomes.items() if index != 5)
    assert images.read(files[7]).rgb.shape == (*SIZE, 3)


def test_cores_are_shared_out(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(7)))
    assert workers._shares(4) == [{0, 4}, {1, 5}, {2, 6}, {3}]
    assert sorted(map(len, workers._shares(9))) == [1] * 9
