"""The ramp fit kernel beside a fit of one pixel after the other, in double precision."""

import numpy as np
import pytest

from jwpipe.cext import rampfit

DO_NOT_USE, SATURATED, JUMP_DET, CHARGELOSS, NO_GAIN_VALUE = 1, 2, 4, 128, 1 << 19
GROUP_TIME, FRAME_TIME = 30.0, 10.0


def slow_segments(flags):
    """Groups of each segment."""
    runs = []
    for g, flag in enumerate(flags):
        if flag == 0 and g > 0 and runs and runs[-1][-1] == g - 1:
            runs[-1].append(g)
        elif flag == 0:
            runs.append([g - 1, g] if g > 0 and flags[g - 1] == JUMP_DET else [g])
    longer = [run for run in runs if len(run) > 1]
    return longer or [run for run in runs if run == [0] or len(flags) == 2][:1]


def slow_rate(counts, flags, time):
    """Median rate of a ramp."""
    counts = np.where(flags & (SATURATED | DO_NOT_USE), np.nan, counts) / GROUP_TIME
    counts[0] *= GROUP_TIME / time
    rises = np.diff(counts)
    if len(rises):
        if np.isnan(rises[0]):
            rises[0] = counts[0]
        rises[(flags[1:] & JUMP_DET) != 0] = np.nan
    rises = rises[~np.isnan(rises)]
    if len(rises):
        return np.median(rises)
    return np.nan_to_num(counts[0])


def slow_line(x, y, gain, noise):
    """Slope (a group) and intercept by Fixsen's weights, and their uncertainties."""
    rise = y[-1] - y[0]
    power = 0.0
    if noise**2 + rise * gain > 0:
        ratio = rise * gain / np.sqrt(noise**2 + rise * gain)
        power = ([0.0] + [p for s, p in ((5, 0.4), (10, 1), (20, 3), (50, 6), (100, 10)) if ratio > s])[-1]
    middle = (len(x) - 1) / 2
    weights = np.abs((np.arange(len(x)) - middle) / middle) ** power / noise**2
    design = np.stack([x, np.ones(len(x))], axis=1)
    covariance = np.linalg.inv(design.T @ (weights[:, None] * design))
    slope, intercept = covariance @ (design.T @ (weights * y))
    return slope, np.sqrt(covariance[0, 0]), intercept, np.sqrt(covariance[1, 1])


def var_rnoise(n, gain, noise, time):
    n = max(n, 2)
    return 12 * (noise / time) ** 2 / (n**3 - n) / gain**2


def slow_pixel(counts, groupdq, dq, gain, noise, dark, zero, suppress, one_group_time):
    """Slopes, uncertainties, variances and flags of one pixel: of the exposure, and a list of its integrations'."""
    ramps = []
    for ramp, original, frame in zip(counts.astype("f8"), groupdq, zero, strict=True):
        ramp, flags, time = ramp.copy(), original | np.isnan(ramp).astype("u1"), GROUP_TIME
        if suppress and (flags == 0).sum() == 1:
            flags |= DO_NOT_USE
        elif not suppress and (flags & SATURATED).all() and frame != 0:
            ramp[0], flags[0], time = frame, 0, FRAME_TIME
        elif not suppress and one_group_time and flags[0] == 0 and flags[1:].all():
            time = one_group_time
        ramps.append((ramp, flags, time, original))
    rate = max(np.mean([slow_rate(*ramp[:3]) for ramp in ramps]), 0) + dark
    ints, every = [], []
    for ramp, flags, time, original in ramps:
        flagged = dq | (JUMP_DET if (flags & JUMP_DET).any() else 0)
        if not gain > 0:
            flagged |= NO_GAIN_VALUE | DO_NOT_USE
        if not noise > 0 or (flags & (DO_NOT_USE | SATURATED)).all():
            flagged |= DO_NOT_USE
        if flags[0] & SATURATED:
            flagged |= DO_NOT_USE | SATURATED
        found = slow_segments(flags) if gain > 0 and noise > 0 else []
        if not found:
            flagged |= DO_NOT_USE
        fits = []
        for run in found:
            if len(run) == 1:
                slope = ramp[run[0]] / (time if len(ramp) > 2 else GROUP_TIME)
            elif len(run) == 2:
                slope = (ramp[run[1]] - ramp[run[0]]) / GROUP_TIME
            else:
                slope = slow_line(np.array(run), ramp[run], gain, noise)[0] / GROUP_TIME
            fits.append((slope, rate / (time * gain * max(len(run) - 1, 1)), var_rnoise(len(run), gain, noise, time)))
        slope, poisson, rnoise = np.array(fits).reshape(-1, 3).T
        weight = 1 / (poisson + rnoise)
        usable = not flagged & (DO_NOT_USE | SATURATED)
        loss = 1 / rnoise if usable else np.zeros(1)
        if (original & CHARGELOSS).any() and gain > 0 and noise > 0:
            cleared = np.where(original & CHARGELOSS, original & ~np.uint8(CHARGELOSS | DO_NOT_USE), original)
            loss = np.array([1 / var_rnoise(len(run), gain, noise, GROUP_TIME) for run in slow_segments(cleared)])
        every.append((flagged, usable, slope, weight, poisson, rnoise, loss.sum()))
        var_r = 1 / loss.sum() if loss.sum() > 0 else 0
        if usable:
            var_p = 1 / (1 / poisson).sum() if rate > 0 else 0
            ints.append(((slope * weight).sum() / weight.sum(), weight.sum() ** -0.5, var_p, var_r, flagged))
        else:
            ints.append((np.nan, 0, 0, var_r, flagged))
    flags = np.array([ramp[0] for ramp in every])
    final = int(np.bitwise_or.reduce(flags)) & ~3
    final |= DO_NOT_USE * bool((flags & 3).all()) | (DO_NOT_USE | SATURATED) * bool((flags & SATURATED).all())
    lossy = (groupdq & CHARGELOSS).any() and gain > 0 and noise > 0
    good = [ramp for ramp in every if ramp[1]]
    loss = sum(ramp[6] for ramp in every)
    if not good:
        return (np.nan, 0, 0, 1 / loss if lossy and loss > 0 else 0, final), ints
    _, _, slope, weight, poisson, rnoise, _ = (
        np.concatenate(p) if np.ndim(p[0]) else p for p in zip(*good, strict=True)
    )
    var_p, var_r = 1 / (1 / poisson).sum() if rate > 0 else 0, 1 / (1 / rnoise).sum()
    return (
        (slope * weight).sum() / weight.sum(),
        np.sqrt(var_p + var_r),
        var_p,
        1 / loss if lossy else var_r,
        final,
    ), ints


def draw(shape, rng, loss=False):
    """Ramps with flags of every kind, and pixels without gain or read noise."""
    nints, ngroups, ny, nx = shape
    rate = rng.choice([0.1, 2.0, 30.0, 400.0], (ny, nx))
    data = rng.poisson(rate * GROUP_TIME, shape).cumsum(axis=1) + rng.normal(20, 5, shape)
    groupdq = rng.choice([0, 4, 1, 65], shape, p=[0.84, 0.1, 0.04, 0.02]).astype("u1")
    groupdq[rng.random(shape) < 0.3 / ngroups] |= 2
    groupdq |= np.bitwise_or.accumulate(groupdq & 2, axis=1)
    groupdq[:, 1:, : ny // 3][rng.random((nints, ngroups - 1, ny // 3, nx)) < 0.7] |= 1
    groupdq[:, :, ny // 2 :] *= rng.random((ny - ny // 2, nx)) < 0.5
    if loss:
        begin = rng.integers(0, 3 * ngroups, (nints, 1, ny, nx))
        groupdq[(np.arange(ngroups)[:, None, None] >= begin) & ((groupdq & 2) == 0)] = 129
    data = data.astype("f4")
    data[rng.random(shape) < 0.002] = np.nan
    gain, noise = rng.uniform(1, 3, (ny, nx)).astype("f4"), rng.uniform(5, 20, (ny, nx)).astype("f4")
    gain[0, :3], noise[1, :3] = (np.nan, 0, -1), (np.nan, 0, -1)
    pixeldq = rng.choice([0, 1, 2, 1 << 10], (ny, nx), p=[0.9, 0.03, 0.02, 0.05]).astype("u4")
    return data, groupdq, pixeldq, gain, noise


def fast(arrays, suppress, one_group_time, dark=None, zeroframe=None, threads=1, **options):
    data, groupdq, pixeldq, gain, noise = arrays
    (nints, ngroups, ny, nx) = data.shape
    image, image_dq = np.full((4, ny, nx), 7, "f4"), np.full((ny, nx), 7, "u4")
    ints, ints_dq = np.full((4, nints, ny, nx), 7, "f4"), np.full((nints, ny, nx), 7, "u4")
    rampfit.fit_ramps(
        data, groupdq, pixeldq, gain, noise, dark, zeroframe, 0, ngroups, GROUP_TIME, FRAME_TIME, one_group_time,
        np.sqrt(2), suppress, image, image_dq, ints, ints_dq, threads, **options,
    )  # fmt: skip
    return image, image_dq, ints, ints_dq


@pytest.mark.parametrize("suppress", [True, False])
@pytest.mark.parametrize("shape", [(1, 1, 6, 70), (2, 2, 6, 70), (2, 3, 6, 70), (3, 9, 8, 70), (1, 40, 9, 20)])
@pytest.mark.parametrize("loss", [False, True])
def test_products_are_those_of_a_fit_a_pixel(shape, suppress, loss):
    rng = np.random.default_rng(3)
    arrays = data, groupdq, pixeldq, gain, noise = draw(shape, rng, loss)
    nints, ngroups, ny, nx = shape
    suppress &= ngroups > 1
    one_group_time = 0.0 if suppress else 15.0
    dark = rng.uniform(0, 0.2, (ny, nx)).astype("f4")
    zero = rng.choice([0, 10, 200], (nints, ny, nx)).astype("f4")
    image, image_dq, ints, ints_dq = fast(arrays, suppress, one_group_time, dark, None if suppress else zero)
    for y in range(ny):
        for x in range(nx):
            at = np.s_[..., y, x]
            electrons = noise[at].astype("f8") * gain[at] / np.sqrt(2)
            expected, expected_ints = slow_pixel(
                data[at], groupdq[at], int(pixeldq[at]), float(gain[at]), electrons, float(dark[at]), zero[at],
                suppress, one_group_time,
            )  # fmt: skip
            where = f"pixel {y} {x}, flags {groupdq[at].tolist()}"
            assert image_dq[at] == expected[4], where
            assert ints_dq[at].tolist() == [row[4] for row in expected_ints], where
            for made, wanted in [(image[at], expected), *zip(ints[at].T, expected_ints, strict=True)]:
                # Counts and some sums of theirs are in single precision.
                rounding = 2.0**-19 * np.nan_to_num(data[at]).max() / GROUP_TIME
                np.testing.assert_allclose(made[0], wanted[0], 1e-5, rounding, err_msg=where)
                np.testing.assert_allclose(made[1:], wanted[1:4], 1e-5, err_msg=where)


def test_segments_are_those_of_a_fit_a_pixel():
    rng = np.random.default_rng(4)
    data, groupdq, _, gain, noise = arrays = draw((2, 12, 9, 70), rng)
    nints, ngroups, ny, nx = data.shape
    deepest = np.empty((ny, 2), "i4")
    rampfit.count(data, groupdq, 0, ngroups, deepest, 2)
    nsegments, njumps = deepest.max(axis=0)
    options = {
        "segments": np.zeros((7, nints, nsegments, ny, nx), "f4"),
        "pedestal": np.zeros((nints, ny, nx), "f4"),
        "crmag": np.zeros((nints, njumps, ny, nx), "f4"),
        "pedestal_scale": 2.5,
    }
    _, _, ints, _ = fast(arrays, False, 0.0, **options)
    slope, sigslope, var_p, var_r, yint, sigyint, weight = options["segments"]
    most = 0
    for i, y, x in np.ndindex(nints, ny, nx):
        ramp, flags = data[i, :, y, x], groupdq[i, :, y, x] | np.isnan(data[i, :, y, x]).astype("u1")
        at = np.s_[i, :, y, x]
        if not gain[y, x] > 0 or not noise[y, x] > 0:
            assert not slope[at].any()
            continue
        electrons = noise[y, x] * gain[y, x] / np.sqrt(2)
        runs = slow_segments(flags)
        most = max(most, len(runs))
        assert np.count_nonzero(var_r[at]) == len(runs)
        for k, run in enumerate(runs):
            k = np.s_[i, k, y, x]
            both = np.float64(var_p[k]) + var_r[k]
            np.testing.assert_allclose(var_r[k], var_rnoise(len(run), gain[y, x], electrons, GROUP_TIME), 1e-5)
            np.testing.assert_allclose(weight[k], both**-2, 1e-5)
            if len(run) > 2:
                expected = slow_line(np.array(run), ramp[run].astype("f8"), gain[y, x], electrons)
                rounding = 2.0**-16 * np.nan_to_num(ramp).max()
                np.testing.assert_allclose([slope[k] * GROUP_TIME, yint[k]], expected[::2], 1e-5, rounding)
                np.testing.assert_allclose([sigslope[k], sigyint[k]], expected[1::2], 1e-5)
        if np.isfinite(ints[0, i, y, x]) and np.isfinite(ramp[0]):
            expected = 0 if flags[0] & SATURATED else ramp[0] - 2.5 * ints[0, i, y, x]
            np.testing.assert_allclose(options["pedestal"][i, y, x], expected, 1e-5, 1e-3)
        counts = np.where(flags & SATURATED, np.nan, ramp)
        heights = np.diff(counts, prepend=np.float32(0))
        heights = heights[((flags & JUMP_DET) != 0) & (heights > 0)]
        np.testing.assert_array_equal(options["crmag"][i, : len(heights), y, x], heights)
        assert not options["crmag"][i, len(heights) :, y, x].any()
    assert most == nsegments


@pytest.mark.parametrize("shape", [(1, 10, 37, 150), (5, 40, 9, 90)])
def test_threads_make_no_difference(shape):
    arrays = draw(shape, np.random.default_rng(5), loss=True)
    alone = fast(arrays, True, 0.0)
    for threads in (2, 8):
        for one, other in zip(alone, fast(arrays, True, 0.0, threads=threads), strict=True):
            np.testing.assert_array_equal(one.view("u4"), other.view("u4"))
