"""Rows of several views, counted together and apart."""

import numpy as np
import pytest

from refcolor.matching.views import split_rows, stack_rows


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_rows_are_split_as_they_were_stacked(dtype):
    rng = np.random.default_rng(0)
    field = rng.integers(0, 97, (20, 30, 2)).astype(dtype)
    if dtype == np.float32:
        field += rng.uniform(-0.4, 0.4, field.shape).astype(dtype)
    views = rng.integers(0, 9, (20, 30))
    stacked = stack_rows(field.astype(np.float32), views, 97)
    np.testing.assert_array_equal(stacked[..., 0], field[..., 0])
    view, row = split_rows(stacked[..., 1], 97)
    np.testing.assert_array_equal(view, views)
    np.testing.assert_allclose(row, field[..., 1], atol=1e-4)


def test_one_view_is_its_own_stack():
    field = np.random.default_rng(1).uniform(0, 50, (4, 5, 2)).astype(np.float32)
    np.testing.assert_array_equal(stack_rows(field, 0, 50), field)
