"""Comparison with what other exposures show, beside NumPy's way of it."""

import numpy as np
import pytest
from scipy.ndimage import maximum_filter

from jwpipe.cext import outlier

SNR, SCALE = np.array([5.0, 4.0]), np.array([1.2, 0.7])


@pytest.fixture
def exposure():
    rng = np.random.default_rng(3)
    blot = rng.gamma(0.5, 20, (70, 61)).astype("f4")
    err = rng.uniform(0.5, 1.5, blot.shape).astype("f4")
    data = (blot + 3 + err * rng.standard_normal(blot.shape)).astype("f4")
    hit = rng.random(blot.shape) < 0.1
    data[hit] += rng.uniform(0, 200, hit.sum())
    blot[20:23, 30:33], data[40, 10], err[50, 20:30] = np.nan, np.nan, np.nan
    data[50, 25] += 1
    dq = rng.integers(0, 4, blot.shape, "u4")
    return data, err, blot, dq


def slow_slope(blot):
    padded = np.pad(blot.astype("f8"), 1)
    sides = padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]
    return np.max([np.abs(blot - side) for side in sides], axis=0)


def slow_blot(data, err, blot, background):
    difference = np.abs(data - (blot + np.float32(background)))
    noise = np.nan_to_num(err)
    strong, weak = (
        difference > scale * slow_slope(blot) + np.float32(snr) * noise for snr, scale in zip(SNR, SCALE, strict=True)
    )
    return maximum_filter(strong, 3, mode="nearest") & weak


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_pixels_that_noise_and_slope_do_not_explain(exposure, threads):
    data, err, blot, dq = exposure
    expected = slow_blot(data, err, blot, 3)
    got, added = dq.copy(), np.empty(len(data), np.intp)
    marks = np.empty(data.shape, "u1")
    outlier.against_blot(data, err, blot, got, marks, 3, SNR, SCALE, added, threads)
    np.testing.assert_array_equal(got, np.where(expected, dq | 17, dq))
    np.testing.assert_array_equal(added, (expected & (dq & 1 == 0)).sum(axis=1))
    assert 100 < expected.sum() < expected.size / 5
    assert not expected[19:24, 30:33].any()
    assert not expected[40, 10]
    assert expected[50, 20:30].any()


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_pixels_that_noise_alone_does_not_explain(exposure, threads):
    data, err, median, dq = exposure
    expected = np.abs(data - median) > np.float32(5) * np.nan_to_num(err)
    got, added = dq.copy(), np.empty(len(data), np.intp)
    outlier.against_stack(data, err, median, got, 5, added, threads)
    np.testing.assert_array_equal(got, np.where(expected, dq | 17, dq))
    assert added.sum() == (expected & (dq & 1 == 0)).sum() > 100
