"""Labels of least cost, against all possible ones."""

import itertools

import numpy as np
import pytest

from refcolor.regions import labelling


def problem(seed, regions=7, labels=3):
    rng = np.random.default_rng(seed)
    links = np.array(list(itertools.combinations(range(regions), 2)))
    links = links[rng.random(len(links)) < 0.5]
    costs, weights = rng.random((regions, labels)) * 3, rng.random(len(links))
    return costs.astype(np.float32), links, weights.astype(np.float32)


def energy(labels, costs, links, weights):
    cut = labels[links[:, 0]] != labels[links[:, 1]]
    return float(costs[np.arange(len(labels)), labels].sum() + weights[cut].sum())


@pytest.mark.parametrize("seed", range(30))
def test_two_labels_are_optimal(seed):
    case = problem(seed, labels=2)
    best = min(energy(np.array(x), *case) for x in itertools.product(range(2), repeat=7))
    assert energy(labelling.decide(*case), *case) <= best + 0.05


@pytest.mark.parametrize("seed", range(30))
def test_three_labels_are_nearly_optimal(seed):
    case = problem(seed)
    found = labelling.decide(*case)
    best = min(energy(np.array(x), *case) for x in itertools.product(range(3), repeat=7))
    assert energy(found, *case) <= 1.1 * best + 0.05
    assert energy(found, *case) <= energy(case[0].argmin(1), *case) + 0.05


def test_without_links_the_cheapest_label_is_taken():
    costs, _, _ = problem(0)
    none = np.zeros((0, 2), np.int64), np.zeros(0, np.float32)
    assert np.array_equal(labelling.decide(costs, *none), costs.argmin(1))


def test_a_heavy_link_joins_and_a_light_one_does_not():
    costs = np.array([[0, 5], [2, 0]], np.float32)
    link = np.array([[0, 1]])
    assert labelling.decide(costs, link, np.array([9], np.float32)).tolist() == [0, 0]
    assert labelling.decide(costs, link, np.array([1], np.float32)).tolist() == [0, 1]


def test_two_sides_of_a_line_get_labels_that_go_together():
    """The doubtful side changes, and to the label that is known beside the other's."""
    costs = np.array([[0, 9, 9], [1, 3, 2.5]], np.float32)
    penalties = np.array([[3, 0, 3], [0, 3, 3], [3, 3, 3]], np.float32)
    link, length = np.array([[0, 1]]), np.array([2], np.float32)
    labels = np.zeros(2, np.int32)
    assert labelling.part(labels, costs, link, length, penalties).tolist() == [0, 1]
    assert labels.tolist() == [0, 0]
    short = np.array([0.1], np.float32)
    assert labelling.part(labels, costs, link, short, penalties).tolist() == [0, 0]
