"""Two opinions of a cell's label become one."""

import numpy as np

from refcolor.networks.embedding_labeller import agree


def test_agreed_rows_sum_to_one():
    rng = np.random.default_rng(0)
    one, other = (rng.dirichlet(np.ones(6) * 0.3, (9, 11)).astype(np.float32) for _ in range(2))
    found = agree(one, other)
    assert found.shape == (9, 11, 6)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)
    assert found.min() > 0


def test_either_opinion_counts_and_the_recalled_one_more():
    sure, unsure = np.float32([[[0.98, 0.02]]]), np.float32([[[0.5, 0.5]]])
    recalled, learned = agree(sure, unsure)[0, 0, 0], agree(unsure, sure)[0, 0, 0]
    assert 0.5 < learned < recalled
    assert agree(sure, sure)[0, 0, 0] > recalled
    assert agree(sure, sure[..., ::-1])[0, 0, 0] > 0.5
