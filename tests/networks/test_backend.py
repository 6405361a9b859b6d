"""Matrix products on one BLAS thread: for every thread that colors, and only while they last."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from refcolor.networks import backend, embedding


def blas_threads():
    return [info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"]


def inside(_):
    with backend.single_threaded_blas():
        return blas_threads()


def test_products_run_on_one_thread_for_all_callers_and_the_limit_ends_with_them():
    with threadpool_limits(2, "blas"):
        before = blas_threads()
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(inside, range(8))) == [[1] * len(before)] * 8
        assert before
        assert inside(0) == [1] * len(before)
        assert blas_threads() == before


@pytest.mark.parametrize("threads", [2, 8])
def test_recall_does_not_depend_on_the_threads_of_blas(threads):
    """Of this size OpenBLAS shares the products out, and their last bits change."""
    rng = np.random.default_rng(0)
    target, source = (rng.standard_normal((*size, 64)).astype(np.float32) / 8 for size in ((2, 80), (50, 60)))
    memory = [(source, rng.random((50, 60, 24)).astype(np.float32))]
    found = []
    for limit in (1, threads):
        with threadpool_limits(limit, "blas"):
            found.append(embedding.recall(target, memory))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
