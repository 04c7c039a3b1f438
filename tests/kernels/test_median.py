"""The median of a stack beside NumPy's."""

import warnings

import numpy as np
import pytest

from jwpipe.cext import median


@pytest.mark.parametrize("depth", [1, 2, 5, 16, 40])
def test_missing_values_are_left_out_whatever_the_number_of_threads(depth):
    rng = np.random.default_rng(depth)
    stack = rng.normal(0, 100, (depth, 37, 53)).astype("f4").round(1)  # with ties
    stack[rng.random(stack.shape) < 0.3] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = np.nanmedian(stack, axis=0)
    assert depth > 5 or np.isnan(expected).any()
    for threads in (1, 2, 8):
        out = np.empty(expected.shape, "f4")
        median.median(stack, out, threads)
        np.testing.assert_array_equal(out, expected)
