"""The reference pixel kernels beside NumPy."""

from itertools import pairwise

import numpy as np
import pytest

from jwpipe.cext import refpix


def clipped_mean(values):
    while len(values):
        mean, deviation = values.mean(), values.std()
        low, high = (values.dtype.type(float(mean) + k * float(deviation)) for k in (-3, 3))
        kept = values[(values >= low) & (values <= high)]
        if len(kept) == len(values):
            return mean
        values = kept
    return np.nan


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_clipped_means_are_those_of_numpy_to_the_bit(threads, dtype):
    rng = np.random.default_rng(1)
    lengths = [0, 1, 5, 8, 31, 128, 129, 1000, 4000, 20, 20]
    start = np.cumsum([0, *lengths], dtype="i4")
    values = rng.normal(12000, 20, (3, start[-1])).astype("f4").astype(dtype)
    values[rng.random(values.shape) < 0.05] += 400
    values[:, start[-3] : start[-2]] = 12001.3
    values[0, -1] = np.nan
    expected = [[clipped_mean(plane[a:b]) for a, b in pairwise(start)] for plane in values]
    expected = np.array(expected, dtype)
    expected[:, -2] = values[:, start[-3]]  # equal values: no rounding in their mean
    expected[0, -1] = np.nan
    means = np.empty_like(expected)
    refpix.clipped_means(values, start, means, threads)
    np.testing.assert_array_equal(means, expected)


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("length", [1, 4, 11])
@pytest.mark.parametrize("single", [False, True])
def test_running_medians_are_those_of_numpy(threads, length, single):
    rng = np.random.default_rng(2)
    counts = rng.integers(0, 5, (2, 40 + length - 1))
    counts[1, 10:25] = 0
    start = np.stack([np.cumsum([0, *side]) for side in counts]).astype("i4")
    start[1] += start[0, -1]
    values = np.round(rng.normal(0, 5, (3, start[-1, -1])), 1).astype("f4").astype("f8")
    values[1, 30] = np.nan
    expected = np.full((3, 2, 40), np.nan)
    for p, s, r in np.ndindex(*expected.shape):
        window = values[p, start[s, r] : start[s, r + length]]
        if len(window):
            expected[p, s, r] = np.median(window.astype("f4") if single else window)
    medians = np.empty_like(expected)
    refpix.running_medians(values, start, length, single, np.empty((threads, 4 * length)), medians, threads)
    np.testing.assert_array_equal(medians, expected)


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("transposed", [False, True])
def test_signals_of_columns_and_rows_are_subtracted(threads, transposed):
    rng = np.random.default_rng(3)
    data = rng.normal(12000, 50, (3, 13, 21)).astype("f4")
    columns, rows = rng.normal(0, 5, (3, 21)), rng.normal(0, 5, (3, 13))
    for single in (False, True):
        between = data - columns[:, None, :]
        expected = ((between.astype("f4") if single else between) - rows[:, :, None]).astype("f4")
        if transposed:
            changed = np.ascontiguousarray(data.swapaxes(1, 2))
            refpix.subtract(changed, columns, rows, True, single, threads)
            changed = changed.swapaxes(1, 2)
        else:
            changed = data.copy()
            refpix.subtract(changed, columns, rows, False, single, threads)
        np.testing.assert_array_equal(changed, expected)


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_signals_of_rows_are_subtracted_above_the_first_group(threads):
    rng = np.random.default_rng(4)
    data = rng.normal(12000, 50, (4, 10, 8)).astype("f4")
    signal = rng.normal(0, 5, (3, 2, 8)).astype("f4")
    expected = data.copy()
    expected[1:] = (data[1:] - data[0] - np.tile(signal, (1, 5, 1))) + data[0]
    refpix.subtract_above_first(data, signal, threads)
    np.testing.assert_array_equal(data, expected)
