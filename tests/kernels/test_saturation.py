"""The saturation kernel beside a dilation a group."""

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from jwpipe.cext import saturation


def slow(data, groupdq, threshold, grow):
    out = groupdq.copy()
    core = np.zeros(data.shape[1:], bool)
    for g, plane in enumerate(data):
        core |= plane >= threshold
        grown = binary_dilation(core, np.ones((2 * grow + 1,) * 2)) if grow else core
        out[g][grown] |= 2
        out[g][plane <= 0] |= 65
    return out


@pytest.mark.parametrize("grow", [0, 1, 3])
@pytest.mark.parametrize("threads", [1, 2, 8])
def test_flags_are_those_of_a_dilation_a_group(grow, threads):
    rng = np.random.default_rng(1)
    data = rng.normal(0.9, 0.3, (6, 50, 41)).astype("f4").cumsum(axis=0, dtype="f4") * 100
    data[rng.random(data.shape) < 0.02] = np.nan
    threshold = rng.choice([300, 500, 65536], (33, 41), p=[0.02, 0.02, 0.96]).astype("f4")
    groupdq = rng.integers(0, 2, data.shape, "u1") * 4
    rows = np.sort(rng.choice(len(data[0]), len(threshold), replace=False))  # as in IRS2 readout
    expected = groupdq.copy()
    expected[:, rows] = slow(data[:, rows], groupdq[:, rows], threshold, grow)
    first, grown = np.empty((2, *threshold.shape), "u2")
    saturation.flag(data, groupdq, rows, threshold, first, grown, grow, threads)
    np.testing.assert_array_equal(groupdq, expected)
