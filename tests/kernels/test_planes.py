"""Subtraction and averaging of planes beside NumPy."""

import numpy as np
import pytest

from jwpipe.cext import planes


@pytest.fixture
def plane():
    rng = np.random.default_rng(1)
    plane = rng.normal(10, 1, (33, 41)).astype("f4")
    plane[rng.random(plane.shape) < 0.1] = np.nan
    return plane


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_a_plane_is_subtracted_from_the_groups_named_and_nan_counts_as_zero(plane, threads):
    data = np.random.default_rng(2).normal(1000, 10, (3, 4, *plane.shape)).astype("f4")
    expected = data.copy()
    expected[1:, 2:3] -= np.nan_to_num(plane)
    planes.subtract(data, 1, 3, 2, 3, plane, threads)
    np.testing.assert_array_equal(data, expected)


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_the_mean_is_that_of_planes_added_one_by_one(plane, threads):
    stack = np.stack([plane, plane * 3, plane[::-1]])
    total = np.zeros_like(plane)
    for i, one in enumerate(stack):
        planes.accumulate(total, np.ascontiguousarray(one), 3 if i == 2 else 1, threads)
    np.testing.assert_array_equal(total, np.nan_to_num(stack).mean(axis=0))
