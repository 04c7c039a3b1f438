"""The charge migration kernel beside a loop over flagged groups."""

import numpy as np
import pytest

from jwpipe.cext import chargemigration


def slow(data, groupdq, threshold):
    out = groupdq.copy()
    ny, nx = data.shape[1:]
    for g, y, x in np.argwhere((data > threshold) & (groupdq != 1)):
        for row, column in ((y, x), (y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if 0 <= row < ny and 0 <= column < nx:
                out[g:, row, column] |= 129
    return out


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_flags_are_those_of_a_loop_over_bright_groups(threads):
    rng = np.random.default_rng(3)
    data = rng.normal(100, 40, (6, 33, 41)).astype("f4")
    data[rng.random(data.shape) < 0.02] = np.nan
    groupdq = rng.choice([0, 1, 3, 4], data.shape).astype("u1")
    expected = slow(data, groupdq, 200)
    first, grown = np.empty((2, *data.shape[1:]), "u2")
    chargemigration.flag(data, groupdq, 200, first, grown, threads)
    np.testing.assert_array_equal(groupdq, expected)
