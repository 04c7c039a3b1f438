"""Kernels of images beside obvious ones, and for any number of threads."""

import numpy as np
import pytest
from astropy.stats import SigmaClip

from jwpipe.cext import image as kernel
from jwpipe.products.dq import Pixel

SHAPE = 3, 37, 41
THREADS = 1, 2, 8


@pytest.fixture
def rng():
    return np.random.default_rng(4)


def same_for_all_threads(call):
    """Call with each number of threads; the results have to be the same."""
    first, *others = [call(threads) for threads in THREADS]
    for other in others:
        for one, another in zip(first, other, strict=True):
            np.testing.assert_array_equal(one, another)
    return first


def test_a_flat_divides_values_and_variances(rng):
    data, err, poisson, noise = rng.random((4, *SHAPE), "f4")
    flat, flat_err = rng.random((2, *SHAPE[1:]), "f4") + np.float32(0.5)
    dq = rng.choice(np.array([0, 1, 4, 512, 2**18], "u4"), SHAPE[1:])
    flat[3, 4], flat[5, 6] = np.nan, 0
    own = rng.choice(np.array([0, 512], "u4"), SHAPE)

    def work(threads):
        arrays = [array.copy() for array in (data, err, poisson, noise)]
        response, flags, all_flags, var_flat = flat.copy(), dq.copy(), own.copy(), np.empty_like(data)
        kernel.prepare_flat(response, flags, threads)
        kernel.divide(*arrays, var_flat, response, flat_err, False, threads)
        kernel.merge_flags(all_flags, flags, threads)
        return *arrays, var_flat, response, flags, all_flags

    *made, var_flat, response, flags, all_flags = same_for_all_threads(work)
    none = np.isnan(flat) | (flat == 0) | ((dq & Pixel.NO_FLAT_FIELD) != 0)
    expected = dq | np.where(none, Pixel.NO_FLAT_FIELD | Pixel.DO_NOT_USE, 0).astype("u4")
    np.testing.assert_array_equal(flags, np.where(np.isnan(flat) | (flat == 0), expected, dq | (expected & 1)))
    np.testing.assert_array_equal(response, np.where(flags & 1, np.float32(1), flat))
    np.testing.assert_array_equal(made[0], data / response)
    np.testing.assert_array_equal(made[2], poisson / response**2)
    np.testing.assert_array_equal(made[3], noise / response**2)
    np.testing.assert_array_equal(var_flat, made[0] ** 2 / response**2 * flat_err**2)
    np.testing.assert_array_equal(made[1], np.sqrt(made[2] + made[3] + var_flat))
    merged = own | flags
    np.testing.assert_array_equal(all_flags, merged | ((merged & Pixel.NON_SCIENCE) != 0))


def test_without_variances_the_error_counts_and_the_inverse_multiplies(rng):
    data, err = rng.random((2, *SHAPE), "f4")
    flat, flat_err = rng.random((2, *SHAPE[1:]), "f4") + np.float32(0.5)

    def work(threads):
        arrays = data.copy(), err.copy()
        kernel.divide(*arrays, None, None, None, flat, flat_err, True, threads)
        return arrays

    values, errors = same_for_all_threads(work)
    np.testing.assert_array_equal(values, data * flat)
    np.testing.assert_array_equal(errors, np.sqrt(err**2 + values**2 / flat**2 * flat_err**2))


@pytest.mark.parametrize("inverse", [False, True])
def test_scaling(rng, inverse):
    values = rng.random(100_001, "f4")

    def work(threads):
        out = values.copy()
        kernel.scale(out, np.float32(0.3), inverse, threads)
        return (out,)

    (out,) = same_for_all_threads(work)
    np.testing.assert_array_equal(out, values / np.float32(0.3) if inverse else values * np.float32(0.3))


@pytest.mark.parametrize(("count", "sigma", "most"), [(1, 3, -1), (2, 1.5, -1), (9, 1.5, 1), (40, 2, -1), (41, 1, 3)])
def test_averages_without_outliers(rng, count, sigma, most):
    values = rng.normal(5, 1, (count, *SHAPE[1:]))
    values[rng.random(values.shape) < 0.05] += 30
    values[rng.random(values.shape) < 0.05] = np.nan
    values[:, 2, 3] = np.nan
    values[0, 4, 5] = np.inf
    variances = rng.random(values.shape)
    single = values.astype("f4")

    def work(threads):
        mean, err = np.empty((2, *SHAPE[1:]), "f4")
        integrations = np.empty(SHAPE[1:])
        kernel.average(values, variances, mean, err, sigma, most, threads)
        kernel.average_integrations(single, integrations, sigma, most, threads)
        return mean, err, integrations

    mean, err, integrations = same_for_all_threads(work)
    clip = SigmaClip(sigma=sigma, maxiters=None if most < 0 else most)
    for y, x in np.ndindex(SHAPE[1:]):
        kept = np.flatnonzero(np.isfinite(values[:, y, x]))
        if not len(kept):
            assert mean[y, x] == err[y, x] == 0
            assert np.isnan(integrations[y, x])
            continue
        kept = kept[~clip(values[kept, y, x]).mask]
        expected = values[kept, y, x].mean()
        assert mean[y, x] == pytest.approx(expected, rel=1e-6)
        assert err[y, x] == pytest.approx(np.sqrt(variances[kept, y, x].sum()) / len(kept), rel=1e-6)
        assert integrations[y, x] == pytest.approx(expected, rel=1e-5)
