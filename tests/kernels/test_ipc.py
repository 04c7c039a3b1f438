"""The convolution beside SciPy's."""

import numpy as np
import pytest
from scipy.ndimage import convolve

from jwpipe.cext import ipc


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (5, 3)])
@pytest.mark.parametrize("uniform", [True, False])
def test_groups_are_convolved_within_the_science_area(size, uniform):
    rng = np.random.default_rng(5)
    data = rng.normal(1000, 100, (5, 30, 40)).astype("f4")
    rows = np.flatnonzero(np.arange(30) % 7 != 3)[2:]
    weights = rng.normal(0, 0.1, (*size, 1, 1)).astype("f4")
    if not uniform:
        weights = weights * rng.choice([1, 2, 3], (len(rows), 40)).astype("f4")
    first, last = 4, 37
    expected = data.astype("f8")
    for group in expected:
        area = group[rows, first:last]
        if uniform:
            area = convolve(area, weights[:, :, 0, 0].astype("f8"), mode="constant")
        else:
            scale = weights[0, 0] / weights[0, 0, 0, 0]
            area = convolve(area, weights[:, :, 0, 0].astype("f8"), mode="constant") * scale[:, first:last]
        group[rows, first:last] = area
    results = []
    for threads in (1, 2, 8):
        out = data.copy()
        rings = np.zeros((threads, size[0], last - first + size[1] - 1), "f4")
        ipc.convolve(out, rows, first, last, np.ascontiguousarray(weights), rings, threads)
        results.append(out)
    np.testing.assert_allclose(results[0], expected, rtol=1e-5, atol=1e-3)
    np.testing.assert_array_equal(results[1], results[0])
    np.testing.assert_array_equal(results[2], results[0])
