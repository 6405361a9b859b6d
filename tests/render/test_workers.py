"""Processes that color frames of one job: each frame once, whatever happens to one of them."""

from contextlib import closing

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
    outcomes = list(workers.color_frames(job, colorizer, range(count), 2))
    assert sorted(outcome.index for outcome in outcomes) == [*range(count)]
    assert [(outcome.index, outcome.error) for outcome in outcomes if outcome.error] == [(5, workers.KILLED)]
    assert [index for index, path in files.items() if not path.exists()] == [5]


def test_pictures_do_not_pile_up_behind_a_slow_frame(colorizer, monkeypatch):
    count, slow = 60, 9
    job = Job(Staged(count, slow=slow), [0.0], None, {})
    started, plain = [], workers._take
    monkeypatch.setattr(workers, "_take", lambda *words: started.append(words[1]) or plain(*words))
    early = []
    for outcome in workers.color_frames(job, colorizer, range(count), 2):
        assert not outcome.error
        early.append(sum(started) - outcome.index)
    assert len(early) == count
    most = (workers.CHUNKS_AHEAD * 2 + 1) * workers.PICTURE_CHUNK
    assert 2 < max(early) <= most


def test_pictures_come_in_order_and_are_those_of_one_process(colorizer):
    job = Job(Staged(24, slow=4), [0.0], None, {})
    one, two = (list(workers.color_frames(job, colorizer, range(24), count)) for count in (1, 2))
    assert [outcome.index for outcome in two] == [*range(24)]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(one, two, strict=True))


def test_a_worker_does_not_wait_for_a_slow_one(colorizer, tmp_path):
    files = {index: tmp_path / f"{index}.png" for index in range(48)}
    job = Job(Staged(48, slow=1), [47.0], files, {})
    outcomes = list(workers.color_frames(job, colorizer, range(48), 2))
    assert sorted(outcome.index for outcome in outcomes) == [*range(48)]
    assert not any(outcome.error for outcome in outcomes)
    assert [outcome.index for outcome in outcomes] != [*range(48)]
    assert any(outcome.index >= 24 for outcome in outcomes[:24])


def test_frames_that_end_their_workers_fail_alone_while_another_is_slow(colorizer, tmp_path):
    files = Deadly({index: tmp_path / f"{index}.png" for index in range(24)}, deadly={1, 2, 3})
    job = Job(Staged(24, slow=17), [0.0], files, {})
    outcomes = workers.color_frames(job, colorizer, range(24), 2)
    assert {outcome.index: outcome.error for outcome in outcomes if outcome.error} == dict.fromkeys(
        (1, 2, 3), workers.KILLED
    )


def test_workers_that_cannot_even_start_end_soon(monkeypatch, colorizer, tmp_path):
    monkeypatch.setattr(workers, "MAX_CRASHES", 1)
    monkeypatch.setattr(workers.pickle, "dumps", lambda _: b"cos\n_exit\n(I1\ntR.")  # ends who loads it
    job = Job(Staged(18), [0.0], {}, {})
    outcomes = list(workers.color_frames(job, colorizer, range(18), 2))
    assert sorted(outcome.index for outcome in outcomes) == [*range(18)]
    assert {outcome.error for outcome in outcomes} <= {workers.KILLED, workers.GAVE_UP}


def test_chunks_end_at_multiples_of_their_size():
    for in_order in (True, False):
        found = workers.chunks([1, 2, 3, 4, 9, 10, 15], 4, in_order=in_order)
        assert found == [[1, 2, 3], [4], [9, 10], [15]]
    for frames, size in ((4, 4), (63, 4), (64, 8), (200, 16), (5000, 64)):
        assert len(workers.chunks(range(frames), 2, in_order=False)[0]) == size
    assert len(workers.chunks(range(5000), 2, in_order=True)[0]) == workers.PICTURE_CHUNK


def test_what_appears_meanwhile_is_not_overwritten(colorizer, tmp_path):
    """By several processes no more than by one."""
    count = 8
    files = {index: tmp_path / f"{index}.png" for index in range(count)}
    files[5].write_bytes(b"mine")
    job = Job(Staged(count), [0.0], files, {})
    outcomes = {outcome.index: outcome for outcome in workers.color_frames(job, colorizer, range(count), 2)}
    assert files[5].read_bytes() == b"mine"
    assert "5.png' already exists" in outcomes[5].error
    assert not any(outcome.error for index, outcome in outcomes.items() if index != 5)
    assert images.read(files[7]).rgb.shape == (*SIZE, 3)


@pytest.mark.parametrize(("cores", "shares"), [(7, [1, 2, 2, 2]), (3, [1, 1, 1, 1])])
def test_cores_are_shared_out(monkeypatch, colorizer, cores, shares):
    monkeypatch.setattr(workers.kernels, "threads", lambda: cores)
    with closing(workers._Team(b"", 4)) as team:
        assert sorted(threads for _, threads, _ in team.settings) == shares
