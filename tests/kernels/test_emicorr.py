"""The interference kernels beside plain NumPy."""

import numpy as np
import pytest

from jwpipe.cext import emicorr as kernel
from jwpipe.steps.ramp.emicorr import Clock, Samples, median_network

PERIOD, ROW, COLUMN, LAST = 37.3, 101.0, 9.0, 3.0 + 2.0**32
NBINS = 18


def slow_samples(data):
    n = data.shape[1] - 2
    k = np.arange(n)[:, None, None]
    fitted = data[:, 1:-1].astype("f8")
    slope = (n * (k * fitted).sum(axis=1) - k.sum() * fitted.sum(axis=1)) / (n * (k * k).sum() - k.sum() ** 2)
    flat = data - slope[:, None] * np.arange(n + 2)[:, None, None]
    flat -= np.median(flat[:, 1:-1], axis=1)[:, None]
    samples = flat.reshape(*flat.shape[:3], -1, 4).mean(axis=-1)
    samples[..., 1] = samples[..., 2] = (samples[..., 0] + samples[..., 3]) / 2
    return samples - np.nanmedian(samples, axis=(2, 3))[..., None, None]


def slow_phase(start, shape):
    ny, nx4 = shape
    time = start[..., None, None] + ROW * np.arange(ny)[:, None] + COLUMN * np.arange(nx4)
    time[..., -1] += LAST
    cycles = time / PERIOD
    return cycles - np.floor(cycles)


@pytest.fixture(scope="module")
def exposure():
    rng = np.random.default_rng(2)
    data = rng.normal(100, 5, (2, 7, 11, 4 * 270)).cumsum(axis=1).astype("f4")
    data[0, 3, 5, 8] = np.nan
    start = np.arange(14.0).reshape(2, 7) * 12345
    return data, start


def prepare(data, threads):
    nints, ngroups, ny, nx = data.shape
    slope, level = np.empty((2, nints, ny, nx // 4), "f4")
    room = np.empty((threads, 2 * kernel.STRIP * (ngroups - 2)), "f4")
    kernel.straighten(data, slope, level, median_network(ngroups - 2), room, threads)
    median = np.empty((nints, ngroups))
    kernel.medians(data, slope, level, median, np.empty((threads, 2 * ny * nx // 4), "f4"), threads)
    return slope, level, median


@pytest.mark.parametrize("count", [2, 3, 5, 8, 21, 98])
def test_the_network_finds_the_middle(count):
    values = np.random.default_rng(count).integers(0, 9, (50, count))
    before = values.copy()
    for a, b in median_network(count):
        pair = values[:, [a, b]]
        values[:, a], values[:, b] = pair.min(axis=1), pair.max(axis=1)
    middle = slice((count - 1) // 2, count // 2 + 1)
    np.testing.assert_array_equal(values[:, middle], np.sort(before)[:, middle])


def test_samples_are_summed_by_phase_within_limits(exposure):
    data, start = exposure
    samples, phase = slow_samples(data), slow_phase(start, (11, 270))
    edges = np.arange(NBINS + 1) / NBINS
    made = {}
    for threads in (1, 2, 8):
        folded = Samples((data, *prepare(data, threads), start, ROW, COLUMN, LAST, PERIOD), NBINS, threads)
        infinite, every = np.full(NBINS, 3e38), np.ones(NBINS, bool)
        rounds = [folded.within(-infinite, infinite, -infinite, infinite, every)]
        for limit in (9.0, 7.0, 3.0):  # the last reaches into the core
            limits = np.full(NBINS, limit)
            rounds.append(folded.within(-limits, limits, -limits * 0.7, limits * 0.7, every))
        made[threads] = np.array(rounds)
    for threads in (2, 8):
        np.testing.assert_array_equal(made[threads], made[1])
    for limit, sums in zip((np.inf, 9, 7, 3), made[1], strict=True):
        for b in range(NBINS):
            chosen = samples[(phase > edges[b]) & (phase <= edges[b + 1]) & (abs(samples) <= limit)]
            assert sums[0, b] == len(chosen)
            np.testing.assert_allclose(sums[1:, b], [chosen.sum(), (chosen**2).sum()], rtol=1e-4, atol=0.02)


def test_the_median_of_a_large_group_is_that_of_all_samples():
    rng, rows = np.random.default_rng(6), 256
    data = rng.normal(100, 5, (1, 5, rows, 4 * 258)).cumsum(axis=1).astype("f4")
    data[0, 1, :200] += 1000  # most samples lie far from the median of those drawn, or all are equal
    data[0, 2] = np.float32(200)
    data[0, 3, 0, 0] = np.nan  # three samples, and an odd number of others
    slope, level = np.zeros((2, 1, rows, 258), "f4")
    means = data.astype("f8").reshape(5, rows, 258, 4).mean(axis=-1)
    means[..., 1] = means[..., 2] = (means[..., 0] + means[..., 3]) / 2
    means = means.astype("f4")
    made = []
    for threads in (1, 2, 8):
        median = np.empty((1, 5))
        kernel.medians(data, slope, level, median, np.empty((threads, 2 * rows * 258), "f4"), threads)
        made.append(median)
        np.testing.assert_array_equal(median[0], np.nanmedian(means, axis=(1, 2)))
    np.testing.assert_array_equal(made[1:], [made[0]] * 2)


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_a_wave_is_subtracted_at_its_phase(exposure, threads):
    data, start = exposure
    wave = np.random.default_rng(3).normal(0, 5, int(np.ceil(PERIOD)))
    expected = (data - np.repeat(wave[(slow_phase(start, (11, 270)) * PERIOD).astype(int)], 4, axis=-1)).astype("f4")
    kernel.subtract(data := data.copy(), start, ROW, COLUMN, LAST, PERIOD, wave, threads)
    np.testing.assert_array_equal(data, expected)


def test_a_clock_counts_rows_frames_and_resets():
    from builders import make_ramp

    from jwpipe.products.emi import Case

    miri = {"INSTRUME": "MIRI", "DETECTOR": "MIRIMAGE", "EXP_TYPE": "MIR_IMAGE", "NSAMPLES": 9}
    for pattern, reset in (("SLOWR1", 5000), ("SLOW", 0)):
        ramp = make_ramp(np.zeros((2, 2, 24, 1032)), READPATT=pattern, SUBARRAY="FULL", **miri)
        clock = Clock.of(ramp, Case(100, 5000, ()))
        assert clock.start.tolist() == [[0, 9400], [18800 + reset, 28200 + reset]]
        assert (clock.row, clock.column, clock.last) == (100, 9, 3 + 2**32)
    assert Clock.of(make_ramp(np.zeros((1, 4, 24, 64)), READPATT="FAST", **miri), Case(1, 1, ())).last == 0
