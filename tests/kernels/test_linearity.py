"""The linearity kernel beside a polynomial in NumPy."""

import numpy as np
import pytest

from jwpipe.cext import linearity

NO_LIN_CORR = 1 << 20


def slow(data, groupdq, coefficients, dq):
    dq = dq.copy()
    bad = np.isnan(coefficients).any(axis=0) | (coefficients[1] == 0) | ((dq & NO_LIN_CORR) != 0)
    dq[bad] |= NO_LIN_CORR
    total = coefficients[-1] * data
    for c in coefficients[-2:0:-1]:
        total = (total + c) * data
    total += coefficients[0]
    return np.where(bad | ((groupdq & 2) != 0), data, total), dq


@pytest.mark.parametrize("count", [2, 3, 6])
@pytest.mark.parametrize("threads", [1, 2, 8])
def test_counts_are_those_of_horners_scheme(count, threads):
    rng = np.random.default_rng(count)
    shape = 21, 1030  # more than two blocks of the kernel
    data = rng.uniform(0, 5e4, (4, *shape)).astype("f4")
    groupdq = rng.choice([0, 1, 2, 3, 4], data.shape).astype("u1")
    coefficients = (rng.normal(1, 0.1, (count, *shape)) * 10.0 ** (-5 * np.arange(count))[:, None, None]).astype("f4")
    coefficients[rng.integers(0, count, 300), rng.integers(0, 21, 300), rng.integers(0, 1030, 300)] = np.nan
    coefficients[1, rng.random(shape) < 0.02] = 0
    dq = rng.choice([0, 1, NO_LIN_CORR], shape, p=[0.9, 0.05, 0.05]).astype("u4")
    expected, flags = slow(data, groupdq, coefficients, dq)
    for first in range(0, 21, 8):
        band = np.ascontiguousarray(coefficients[:, first : first + 8])
        linearity.correct(data, groupdq, band, dq, first, threads)
    np.testing.assert_array_equal(data, expected)
    np.testing.assert_array_equal(dq, flags)
