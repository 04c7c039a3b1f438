"""Samples in the order of time, and their transform, beside NumPy and SciPy."""

import numpy as np
import pytest
from scipy.fft import irfft, rfft

from jwpipe.cext import irs2
from jwpipe.steps.ramp.irs2_transform import Transform, spectrum_order


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("mirrored", [False, True])
def test_samples_are_put_in_order_and_back(threads, mirrored):
    rng = np.random.default_rng(1)
    plane = rng.normal(1000, 10, (30, 21)).astype("f4")
    plane[3, 4] = 0
    mean = np.where(plane == 0, 0, rng.normal(1000, 1, plane.shape))
    rows, ticks = rng.permutation(30)[:9].astype("i4"), np.sort(rng.permutation(14)[:9]).astype("i4")
    targets = rng.permutation(14)[:9].astype("i4")
    intercept, slope, middle = 2.5, 0.01, 100.5
    time = (np.arange(21)[:, None] * 14 + ticks - middle).astype("f4")
    values = (plane - mean).astype("f4")[rows].T
    values = values[::-1] if mirrored else values
    values = np.where(values == 0, 0, values - (np.float32(intercept) + time * np.float32(slope)))
    expected = np.full((21, 14), -1, "f4")
    expected[:, targets] = values
    grid = np.full((21, 14), -1, "f4")
    line = intercept, slope, middle
    irs2.unfold(plane, mean, rows, ticks, targets, mirrored, *line, grid, threads)
    np.testing.assert_array_equal(grid, expected)
    correction, whole = rng.normal(0, 5, (21, 14)), rng.integers(0, 2, 9).astype("u1")
    values = (values - correction[:, ticks]).astype("f4")
    values = values[::-1].T if mirrored else values.T
    expected = plane.copy()
    expected[rows] = np.where(whole[:, None], values + mean[rows], values)
    irs2.fold(plane, mean, rows, ticks, mirrored, *line, correction, whole, threads)
    np.testing.assert_array_equal(plane, expected)


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_gaps_are_bridged_by_what_is_around(threads):
    rng = np.random.default_rng(2)
    samples = rng.normal(0, 10, 500).astype("f4")
    samples[rng.random(500) < 0.4] = 0
    samples[100:120] = 0
    weights = np.sin(np.arange(1, 12) / 12 * np.pi)
    expected = samples.copy()
    for i in np.flatnonzero(samples == 0):
        near = samples[(i + np.arange(-5, 6)) % 500]
        if near.any():
            expected[i] = (near * weights).sum() / weights[near != 0].sum()
    bridged = np.empty_like(samples)
    irs2.bridge(samples, weights, bridged, threads)
    np.testing.assert_allclose(bridged, expected, rtol=1e-5, atol=1e-5)
    assert bridged[110] == 0


@pytest.mark.parametrize("columns", [256, 512, 2048, 4096])
def test_the_transform_is_that_of_scipy(columns):
    rng = np.random.default_rng(3)
    length = 89 * columns
    series, second = rng.normal(0, 10, (2, length)).astype("f4")
    weights = rng.random(length // 2 + 1).astype("f4")
    own, its = rng.normal(size=(2, length // 2 + 1, 2)).astype("f4").view("c8")[..., 0]
    own[[0, -1]], its[[0, -1]] = own[[0, -1]].real, its[[0, -1]].real  # of series that are real

    def whole(half):
        return spectrum_order(np.concatenate([half, half[-2 + length % 2 : 0 : -1].conj()]))

    half, other = rfft(series.astype("f8")), rfft(second.astype("f8"))
    gaps = (rng.random(712) < 0.3).astype("u1")
    missing = np.resize(gaps, length) != 0
    results = []
    for threads in (1, 2, 8):
        transform = Transform(length, threads)
        spectrum = transform.empty_spectrum()
        transform.forward(second, spectrum)
        np.testing.assert_allclose(spectrum[:, 0] + 1j * spectrum[:, 1], whole(other), rtol=0, atol=1e-9)
        transform.scale(series, whole(weights))
        scaled = transform.series().copy()
        np.testing.assert_allclose(scaled, irfft(half * weights, length), rtol=0, atol=1e-12)
        patched = series.copy()
        transform.patch(patched, gaps)
        np.testing.assert_array_equal(patched, np.where(missing, scaled.astype("f4"), series))
        transform.mix(series, whole(own), spectrum, whole(its))
        mixed = transform.series().copy()
        np.testing.assert_allclose(mixed, irfft(half * own + other * its, length), rtol=0, atol=1e-11)
        results.append(np.concatenate([scaled, mixed]))
        np.testing.assert_array_equal(results[0], results[-1])


def test_the_mean_is_that_of_numpy():
    data = np.random.default_rng(4).normal(1000, 30, (7, 5, 33)).astype("f4")
    for threads in (1, 2, 8):
        mean = np.empty(data.shape[1:])
        irs2.average(data, mean, threads)
        np.testing.assert_array_equal(mean, data.mean(axis=0, dtype="f8"))
