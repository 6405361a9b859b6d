import numpy as np
import pytest
from reference import search as slow_search
from reference import vote as slow_vote

from refcolor import _core


def noise(rng, shape, most, dtype=np.int16):
    return rng.integers(-most, most + 1, shape).astype(dtype)


def search_case(
    seed=0, views=1, source=(5, 6), target=(4, 7), planes=2, radius=1, most=9, count=2, **changes
):
    """Arguments of a search among noise; matches, candidates and prior may lie outside the source.

    The guides are noise beyond their borders too: only the caller mirrors, the kernel reads what it is given.
    """
    rng = np.random.default_rng(seed)
    edge = 2 * radius
    rows = views * source[0]
    case = {
        "source": noise(rng, (views, source[0] + edge, source[1] + edge, planes), most),
        "target": noise(rng, (target[0] + edge, target[1] + edge, planes), most),
        "radius": radius,
        "cap": 200,
        "source_means": noise(rng, (views, *source), most),
        "target_means": noise(rng, target, most),
        "mean_cap": 90,
        "candidates": rng.integers(-3, rows + 3, (count, *target, 2), np.int32),
        "prior": None,
        "flow_weight": 0,
        "max_flow_distance": 0,
        "labels": None,
        "unary": None,
        "jumps": np.array([1, 3], np.int32),
        "reach": 5,
        "rounds": 2,
        "seed": seed,
        "field": rng.integers(-3, rows + 3, (*target, 2), np.int32),
    }
    return case | changes


def with_prior(case, seed=0):
    rng = np.random.default_rng(seed)
    return case | {
        "prior": rng.integers(-2, 7, case["field"].shape, np.int32),
        "flow_weight": 13,
        "max_flow_distance": 4,
    }


def with_labels(case, seed=0, kinds=3):
    rng = np.random.default_rng(seed)
    views, *source = np.subtract(case["source"].shape[:3], (0, 2 * case["radius"], 2 * case["radius"]))
    return case | {
        "labels": rng.integers(0, kinds, (views, *source), np.uint8),
        "unary": rng.integers(0, 90, (*case["field"].shape[:2], kinds), np.uint16),
    }


def search(case, **changes):
    """Field and cost after a search; the arrays of the case stay as they are."""
    arguments = case | {
        "field": case["field"].copy(),
        "cost": np.full(case["field"].shape[:2], -1, np.int32),
        "threads": 1,
    }
    arguments |= changes
    _core.search(**arguments)
    return arguments["field"], arguments["cost"]


def vote_case(seed=0, views=1, source=(5, 6), target=(4, 7), radius=1, **changes):
    """Arguments of a vote of matches anywhere in the source."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, source[1], target), rng.integers(0, views * source[0], target)
    case = {
        "source_gray": rng.uniform(0, 255, (views, *source)).astype(np.float32),
        "source_ab": rng.uniform(-40, 40, (views, *source, 2)).astype(np.float32),
        "target_gray": rng.uniform(0, 255, target).astype(np.float32),
        "field": np.stack([x, y], -1).astype(np.int32),
        "cost": rng.integers(0, 900, target, np.int32),
        "radius": radius,
        "temperature": 300.0,
        "luma_spread": 60.0,
        "bandwidth": 30.0,
    }
    return case | changes


def vote(case, **changes):
    """Chroma and share of a vote."""
    target = case["target_gray"].shape
    arguments = case | {
        "ab": np.full((*target, 2), np.nan, np.float32),
        "share": np.full(target, np.nan, np.float32),
        "threads": 1,
    }
    arguments |= changes
    _core.vote(**arguments)
    return arguments["ab"], arguments["share"]


def assert_same(got, want):
    for one, other in zip(got, want, strict=True):
        np.testing.assert_array_equal(one, other)


def assert_untouched(kernel, case):
    before = {name: value.copy() for name, value in case.items() if isinstance(value, np.ndarray)}
    kernel(case)
    for name, value in before.items():
        np.testing.assert_array_equal(case[name], value)


def identity(height, width):
    y, x = np.mgrid[:height, :width].astype(np.int32)
    return np.stack([x, y], -1)


def one_picture(height=9, width=8, **changes):
    """A picture of noise to be matched to itself from a random field, with no candidates."""
    case = search_case(7, source=(height, width), target=(height, width), planes=3, most=99, count=0)
    return case | {"target": case["source"][0], "target_means": case["source_means"][0]} | changes


def flat(case):
    """The case with pictures in which all patches are alike."""
    return case | {name: case[name] * 0 for name in ("source", "target", "source_means", "target_means")}


@pytest.mark.parametrize("add_labels", [False, True])
@pytest.mark.parametrize("add_prior", [False, True])
@pytest.mark.parametrize("rounds", [0, 1, 2])
@pytest.mark.parametrize("radius", [0, 1, 2])
@pytest.mark.parametrize("views", [1, 2])
def test_search_matches_the_slow_twin_bit_for_bit(views, radius, rounds, add_prior, add_labels):
    seed = 9 * views + 3 * radius + rounds
    rng = np.random.default_rng(seed)
    source, target = rng.integers(3, 7, (2, 2)).tolist()
    # Guides of few values make many matches cost the same: the first of them has to win.
    case = search_case(seed, views, source, target, radius=radius, most=rng.choice([1, 9]), rounds=rounds)
    case = with_prior(case, seed) if add_prior else case
    case = with_labels(case, seed) if add_labels else case
    assert_same(search(case), slow_search(**case))


@pytest.mark.parametrize(
    "change",
    [
        {"count": 0},
        {"count": 4},
        {"jumps": np.empty(0, np.int32)},
        {"jumps": np.array([2, 1, 9], np.int32)},
        {"reach": 0},
        {"reach": 1},
        {"reach": 2**15 - 1},
        {"seed": 2**32 - 1},
        {"planes": 1},
        {"planes": 5, "most": 2000, "cap": 2**20},
        {"cap": 1},
        {"radius": 15, "planes": 4, "most": 2047, "cap": 2**24, "target": (2, 2)},
        {"source": (1, 1), "radius": 2},
        {"source": (1, 9), "target": (6, 1), "views": 3},
    ],
    ids=lambda change: " ".join(change),
)
def test_search_matches_the_slow_twin_at_its_limits(change):
    case = search_case(**({"seed": 5, "views": 2} | change))
    assert_same(search(case), slow_search(**case))


def test_neither_kernel_touches_its_input():
    assert_untouched(search, with_labels(with_prior(search_case(views=2))))
    assert_untouched(vote, vote_case(views=2))


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_threads_do_not_change_a_bit(threads):
    size = {"views": 2, "source": (23, 19), "target": (31, 29)}
    case = with_labels(with_prior(search_case(**size, rounds=4)))
    assert_same(search(case, threads=threads), search(case))
    case = vote_case(**size, radius=2)
    assert_same(vote(case, threads=threads), vote(case))


def test_the_seed_decides_the_random_tries():
    case = one_picture(jumps=np.empty(0, np.int32))
    assert_same(search(case), search(case))
    assert (search(case, seed=1)[0] != search(case)[0]).any()


def test_a_picture_is_found_in_itself():
    case = one_picture()
    assert search(case)[1].max() > 0
    field, cost = search(case, candidates=identity(9, 8)[None])
    np.testing.assert_array_equal(field, identity(9, 8))
    np.testing.assert_array_equal(cost, 0)


@pytest.mark.parametrize("jump", [1, 2])
@pytest.mark.parametrize("rounds", [0, 1, 3, 20])
def test_a_right_match_spreads_one_jump_a_round(rounds, jump):
    # Only the first pixel of a field of zeros is right; a round must not read what it has itself found.
    case = one_picture(field=np.zeros((9, 8, 2), np.int32), jumps=np.array([jump], np.int32), reach=0)
    field, cost = search(case, rounds=rounds)
    x, y = identity(9, 8).transpose(2, 0, 1)
    reached = (x % jump == 0) & (y % jump == 0) & (x // jump + y // jump <= rounds)
    np.testing.assert_array_equal(cost == 0, reached)
    np.testing.assert_array_equal((field == identity(9, 8)).all(-1), reached)


def test_random_tries_find_what_propagation_cannot():
    case = one_picture(jumps=np.empty(0, np.int32), reach=8)
    costs = [search(case, rounds=rounds)[1] for rounds in (0, 5, 3000)]
    assert (costs[1] <= costs[0]).all()
    assert costs[1].sum() < costs[0].sum()
    np.testing.assert_array_equal(costs[2], 0)


def test_only_candidates_lead_to_another_view():
    other = one_picture()
    case = other | {
        "source": np.concatenate([noise(np.random.default_rng(1), other["source"].shape, 99)] * 2),
        "source_means": np.concatenate([other["source_means"]] * 2),
    }
    case["source"][1] = other["source"][0]
    first = np.full((9, 8, 2), 8, np.int32)  # the last row of the first view, next to the second
    field, cost = search(case, field=first.copy(), reach=30, rounds=30)
    assert field[..., 1].max() < 9
    assert cost.min() > 0
    below = identity(9, 8) + np.array([0, 9], np.int32)
    field, cost = search(case, field=first.copy(), candidates=below[None])
    np.testing.assert_array_equal(field, below)
    np.testing.assert_array_equal(cost, 0)


def test_matches_outside_are_moved_in():
    ends = np.array([[-5, 2], [99, 2], [2, -(2**31)], [2**31 - 1, 2**31 - 1]], np.int32)[None]
    held = [[[0, 2], [5, 2], [2, 0], [5, 9]]]
    case = search_case(views=2, target=(1, 4), count=0, rounds=0, field=ends)
    np.testing.assert_array_equal(search(case)[0], held)
    # Guides are flat, so that the prior alone tells where the candidate was read.
    case = flat(case) | {"prior": np.array(held, np.int32), "flow_weight": 1, "max_flow_distance": 50}
    field, cost = search(case, field=np.zeros((1, 4, 2), np.int32), candidates=ends[None])
    np.testing.assert_array_equal(field, held)
    np.testing.assert_array_equal(cost, 0)


@pytest.mark.parametrize(
    ("apart", "radius", "cap", "cost"),
    [
        (0, 0, 10, 0),
        (3, 0, 10, 4),
        (3, 0, 1, 0),
        (1000, 0, 10, 9),
        (3, 1, 10, 8),
        # Products and sums beyond 32 bits
        (2047, 0, 2**24, 3352821),
        (2000, 2, 2**20, 1037694),
    ],
)
def test_the_cost_of_a_patch_saturates(apart, radius, cap, cost):
    case = search_case(source=(1, 1), target=(1, 1), planes=1, radius=radius, count=0, rounds=0, cap=cap)
    assert search(flat(case) | {"target": np.full_like(case["target"], apart)})[1] == cost


def test_a_prior_pulls_up_to_its_slack():
    places = [[[3, 3], [4, 3], [3, 1], [5, 4], [1, 1], [9, 3], [8, 9], [8, 9]]]
    prior = np.full((1, 8, 2), 3, np.int32)
    prior[0, 7] = -1, 3  # unknown
    case = search_case(source=(12, 12), target=(1, 8), count=0, rounds=0, field=np.array(places, np.int32))
    case = flat(case) | {"prior": prior, "flow_weight": 7, "max_flow_distance": 5}
    # The longer side and half the shorter one, rounded down.
    np.testing.assert_array_equal(search(case)[1], [[0, 7, 14, 14, 21, 35, 35, 0]])


def test_a_prior_breaks_the_tie_between_like_patches():
    prior = np.random.default_rng(2).integers(0, 8, (9, 8, 2), np.int32)
    case = flat(one_picture(prior=prior, flow_weight=3, max_flow_distance=20))
    assert search(case, rounds=0)[1].max() > 0
    field, cost = search(case, candidates=prior[None], rounds=0)
    np.testing.assert_array_equal(field, prior)
    np.testing.assert_array_equal(cost, 0)


def test_labels_cost_what_unary_says():
    labels = np.zeros((2, 3, 4), np.uint8)
    labels[0, :, 2:], labels[1] = 1, 2
    unary = np.array([[[0, 65535, 7], [65535, 0, 7], [8, 9, 7]]], np.uint16)
    field = np.array([[[2, 1], [1, 1], [3, 2]]], np.int32)
    case = search_case(
        views=2, source=(3, 4), target=(1, 3), labels=labels, unary=unary, field=field, rounds=0
    )
    case = flat(case) | {"candidates": np.empty((0, 1, 3, 2), np.int32)}
    np.testing.assert_array_equal(search(case)[1], [[65535, 65535, 9]])
    candidates = np.array([[[[1, 1], [2, 1], [0, 0]]], [[[0, 4]] * 3]], np.int32)
    field, cost = search(case, candidates=candidates)
    np.testing.assert_array_equal(cost, [[0, 0, 7]])
    np.testing.assert_array_equal(field, [[[1, 1], [2, 1], [0, 4]]])


def test_the_look_of_a_patch_and_its_label_are_added():
    case = search_case(count=0, rounds=0)
    labelled = with_labels(case)
    x, y = search(case)[0].transpose(2, 0, 1)
    paid = np.take_along_axis(labelled["unary"], labelled["labels"][0, y, x][..., None].astype(int), -1)[
        ..., 0
    ]
    np.testing.assert_array_equal(search(labelled)[1], search(case)[1] + paid)


CASE = search_case()
LABELLED = with_labels(with_prior(CASE))
BALLOT = vote_case()


def test_what_the_refusals_start_from_is_accepted():
    search(LABELLED)
    vote(BALLOT)


def frozen(shape, dtype=np.int32):
    array = np.zeros(shape, dtype)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"radius": -1}, "radius must be"),
        ({"radius": 16}, "radius must be"),
        ({"source": CASE["source"][0]}, "source must be"),
        ({"target": CASE["target"][None]}, "source must be"),
        ({"target": np.zeros((6, 9, 3), np.int16)}, "source must be"),
        ({"source": CASE["source"][:0]}, "no picture"),
        ({"source": np.zeros((1, 2, 8, 2), np.int16)}, "no picture"),
        ({"source": np.zeros((1, 7, 2, 2), np.int16)}, "no picture"),
        ({"target": np.zeros((2, 9, 2), np.int16)}, "no picture"),
        ({"target": np.zeros((6, 2, 2), np.int16)}, "no picture"),
        ({"radius": 4}, "no picture"),
        ({"radius": 0}, "source_means must be"),
        ({"source_means": CASE["source_means"][0]}, "source_means must be"),
        ({"source_means": CASE["source_means"][:, 1:]}, "source_means must be"),
        ({"source_means": CASE["source_means"][:, :, 1:].copy()}, "source_means must be"),
        ({"target_means": CASE["target_means"][None]}, "target_means must be"),
        ({"target_means": CASE["target_means"][1:]}, "target_means must be"),
        ({"target_means": CASE["target_means"][:, 1:].copy()}, "target_means must be"),
        ({"source_means": np.full_like(CASE["source_means"], 2048)}, "mean lies"),
        ({"target_means": np.full_like(CASE["target_means"], -2048)}, "mean lies"),
        ({"mean_cap": 0}, "mean_cap must be"),
        ({"mean_cap": 2**24 + 1}, "mean_cap must be"),
        ({"source": np.full_like(CASE["source"], 2048)}, "guide lies"),
        ({"target": np.full_like(CASE["target"], -2048)}, "guide lies"),
        ({"prior": np.full((4, 7, 2), 2**24 + 1, np.int32)}, "prior lies"),
        ({"jumps": np.array([2**24 + 1], np.int32)}, "too far"),
        ({"field": np.zeros((4, 7), np.int32)}, "field must be"),
        ({"field": np.zeros((3, 7, 2), np.int32)}, "field must be"),
        ({"field": np.zeros((4, 8, 2), np.int32)}, "field must be"),
        ({"field": np.zeros((4, 7, 3), np.int32)}, "field must be"),
        ({"field": frozen((4, 7, 2))}, "not writeable"),
        ({"cost": np.zeros((4, 7, 1), np.int32)}, "cost must be"),
        ({"cost": np.zeros((3, 7), np.int32)}, "cost must be"),
        ({"cost": np.zeros((4, 6), np.int32)}, "cost must be"),
        ({"cost": frozen((4, 7))}, "not writeable"),
        ({"candidates": np.zeros((4, 7, 2), np.int32)}, "candidates must be"),
        ({"candidates": np.zeros((2, 5, 7, 2), np.int32)}, "candidates must be"),
        ({"candidates": np.zeros((2, 4, 6, 2), np.int32)}, "candidates must be"),
        ({"candidates": np.zeros((2, 4, 7, 1), np.int32)}, "candidates must be"),
        ({"prior": np.zeros((4, 7), np.int32)}, "prior must be"),
        ({"prior": np.zeros((7, 4, 2), np.int32)}, "prior must be"),
        ({"prior": np.zeros((4, 7, 3), np.int32)}, "prior must be"),
        ({"labels": None}, "go together"),
        ({"unary": None}, "go together"),
        ({"labels": np.zeros((5, 6), np.uint8)}, "labels must be"),
        ({"labels": np.zeros((2, 5, 6), np.uint8)}, "labels must be"),
        ({"labels": np.zeros((1, 6, 6), np.uint8)}, "labels must be"),
        ({"labels": np.zeros((1, 5, 5), np.uint8)}, "labels must be"),
        ({"unary": np.zeros((4, 7), np.uint16)}, "unary must be"),
        ({"unary": np.zeros((5, 7, 3), np.uint16)}, "unary must be"),
        ({"unary": np.zeros((4, 6, 3), np.uint16)}, "unary must be"),
        ({"unary": np.zeros((4, 7, 0), np.uint16)}, "a label lies outside"),
        ({"labels": np.full((1, 5, 6), 3, np.uint8)}, "a label lies outside"),
        ({"cap": 0}, "cap must be"),
        ({"cap": 2**24 + 1}, "cap must be"),
        ({"flow_weight": -1}, "must not be negative"),
        ({"max_flow_distance": -1}, "must not be negative"),
        ({"reach": -1}, "reach must be"),
        ({"reach": 2**15}, "reach must be"),
        ({"flow_weight": 2**13, "max_flow_distance": 2**13}, "flow_weight times max_flow_distance"),
        ({"rounds": -1}, "must not be negative"),
    ],
)
def test_what_search_refuses(change, message):
    with pytest.raises(ValueError, match=message):
        search(LABELLED, **change)


def match_at(x, y):
    field = np.zeros((4, 7, 2), np.int32)
    field[-1, -1] = x, y
    return field


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source_gray": BALLOT["source_gray"][0]}, "source gray and ab must be"),
        ({"source_ab": BALLOT["source_ab"][0]}, "source gray and ab must be"),
        ({"source_ab": np.zeros((1, 5, 6, 3), np.float32)}, "source gray and ab must be"),
        ({"source_ab": np.zeros((2, 5, 6, 2), np.float32)}, "differ in size"),
        ({"source_ab": np.zeros((1, 4, 6, 2), np.float32)}, "differ in size"),
        ({"source_ab": np.zeros((1, 5, 7, 2), np.float32)}, "differ in size"),
        ({"target_gray": np.zeros((5, 7), np.float32)}, "field must be"),
        ({"target_gray": np.zeros((4, 6), np.float32)}, "field must be"),
        ({"field": np.zeros((4, 7), np.int32)}, "field must be"),
        ({"field": np.zeros((4, 7, 3), np.int32)}, "field must be"),
        ({"cost": np.zeros((4, 7, 1), np.int32)}, "cost must be"),
        ({"cost": np.zeros((5, 7), np.int32)}, "cost must be"),
        ({"cost": np.zeros((4, 8), np.int32)}, "cost must be"),
        ({"ab": np.zeros((4, 7), np.float32)}, "ab must be"),
        ({"ab": np.zeros((3, 7, 2), np.float32)}, "ab must be"),
        ({"ab": np.zeros((4, 6, 2), np.float32)}, "ab must be"),
        ({"ab": np.zeros((4, 7, 3), np.float32)}, "ab must be"),
        ({"ab": frozen((4, 7, 2), np.float32)}, "not writeable"),
        ({"share": frozen((4, 7), np.float32)}, "not writeable"),
        ({"share": np.zeros((4, 7, 1), np.float32)}, "share must be"),
        ({"share": np.zeros((3, 7), np.float32)}, "share must be"),
        ({"share": np.zeros((4, 6), np.float32)}, "share must be"),
        ({"field": match_at(-1, 0)}, "outside the source"),
        ({"field": match_at(6, 0)}, "outside the source"),
        ({"field": match_at(0, -1)}, "outside the source"),
        ({"field": match_at(0, 5)}, "outside the source"),
    ],
)
def test_what_vote_refuses(change, message):
    with pytest.raises(ValueError, match=message):
        vote(BALLOT, **change)


@pytest.mark.parametrize(
    ("kernel", "case", "name"),
    [(search, LABELLED, name) for name, value in LABELLED.items() if isinstance(value, np.ndarray)]
    + [(vote, BALLOT, name) for name, value in BALLOT.items() if isinstance(value, np.ndarray)],
)
def test_arrays_are_taken_as_they_are_or_not_at_all(kernel, case, name):
    """A copy would be slow for what is read and would swallow what is written."""
    spread = np.stack([case[name]] * 2, -1)[..., 0]
    for other in (case[name].astype(np.float64), case[name].astype(np.int64), spread):
        with pytest.raises(TypeError, match="incompatible function arguments"):
            kernel(case, **{name: other})


@pytest.mark.parametrize("radius", [0, 1, 2])
@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("seed", [0, 1])
def test_vote_matches_the_slow_twin(views, radius, seed):
    source, target = np.random.default_rng(seed).integers(2, 8, (2, 2)).tolist()
    case = vote_case(seed, views, source, target, radius=radius)
    for got, want in zip(vote(case), slow_vote(**case), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    "change", [{"temperature": 20.0}, {"luma_spread": 9.0}, {"bandwidth": 8.0}, {"bandwidth": 300.0}]
)
def test_every_measure_of_a_vote_matches_the_slow_twin(change):
    case = vote_case(3, radius=2)
    got, want = vote(case | change), slow_vote(**(case | change))
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3, rtol=0)
    assert np.abs(got[1] - vote(case)[1]).max() > 0.05


def test_a_pixel_alone_takes_the_chroma_of_its_match():
    case = vote_case(views=2, radius=0)
    ab, share = vote(case)
    x, y = case["field"].transpose(2, 0, 1)
    np.testing.assert_allclose(ab, case["source_ab"].reshape(10, 6, 2)[y, x], atol=1e-4)
    np.testing.assert_array_equal(share, 1)


def two_colors(**changes):
    """Votes of nine patches for the middle of 3 x 3 pixels: five for a = 0..4, four for a = 90."""
    a = np.array([0, 1, 2, 3, 4, 90, 90, 90, 90], np.float32)
    # Matches three apart, so that every patch votes with the source pixel under its own middle.
    field = identity(3, 3) * 3 + 1
    gray, ab = np.full((1, 9, 9), 100, np.float32), np.zeros((1, 9, 9, 2), np.float32)
    for n, (j, i) in enumerate(np.ndindex(3, 3)):
        x, y = field[j, i] + 1 - np.array([i, j])
        ab[0, y, x, 0] = a[n]
    return {
        "source_gray": gray,
        "source_ab": ab,
        "target_gray": np.full((3, 3), 100, np.float32),
        "field": field,
        "cost": np.zeros((3, 3), np.int32),
        "radius": 1,
        "temperature": 10.0,
        "luma_spread": 10.0,
        "bandwidth": 20.0,
    } | changes


def test_the_most_votes_win_and_the_rest_is_not_mixed_in():
    ab, share = vote(two_colors())
    np.testing.assert_allclose(ab[1, 1], [2, 0], atol=0.01)
    np.testing.assert_allclose(share[1, 1], 5 / 9, atol=0.01)


def test_dear_patches_and_other_grays_lose_their_votes():
    cost = np.zeros((3, 3), np.int32)
    cost.flat[:5] = 90
    ab, share = vote(two_colors(cost=cost))
    np.testing.assert_allclose(ab[1, 1], [90, 0], atol=1e-3)
    assert share[1, 1] > 0.99
    gray = np.where(two_colors()["source_ab"][..., 0] == 90, 100, 180).astype(np.float32)
    ab, share = vote(two_colors(source_gray=gray))
    np.testing.assert_allclose(ab[1, 1], [90, 0], atol=1e-3)
    assert share[1, 1] > 0.99


def test_where_nothing_fits_the_votes_still_count():
    case = two_colors(source_gray=np.zeros((1, 9, 9), np.float32), luma_spread=1.0)
    ab, share = vote(case)
    np.testing.assert_allclose(ab[1, 1], [2, 0], atol=0.01)
    np.testing.assert_allclose(share[1, 1], 5 / 9, atol=0.01)


def test_a_patch_votes_with_its_own_view_only():
    ab = np.stack([np.full((5, 6, 2), 30), np.full((5, 6, 2), -30)]).astype(np.float32)
    for row, color in ((4, 30), (5, -30)):
        field = np.broadcast_to(np.array([3, row], np.int32), (4, 7, 2)).copy()
        got, share = vote(vote_case(views=2, source_ab=ab, field=field, radius=2))
        np.testing.assert_allclose(got, color, rtol=1e-5)
        np.testing.assert_allclose(share, 1, rtol=1e-5)
