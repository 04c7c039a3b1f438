"""The jump kernels beside plain NumPy, pixel by pixel."""

import numpy as np
import pytest
from astropy.stats import sigma_clip

from jwpipe.cext import jump as kernel
from jwpipe.steps.ramp.flags import unused_planes
from jwpipe.steps.ramp.jump import differences

THRESHOLDS = (4.0, 5.0, 6.0)  # pixels of 4 or more, 3, 2 differences


def usual(values, clip_largest):
    """Median of one pixel's magnitudes, jumps kept out."""
    values = np.sort(values[~np.isnan(values)])
    if len(values) == 2:
        return values[0]
    return np.median(values[:-1] if len(values) >= 4 and clip_largest else values)


def clip_jumps(values, noise2, nframes, thresholds, clip_largest):
    """Jumps among one pixel's magnitudes; the first round counts in float64, later ones in float32."""
    values, jumps = values.copy(), np.zeros(len(values), bool)
    while True:
        n = np.count_nonzero(~np.isnan(values))
        if n < 2:
            return jumps
        first = not jumps.any()
        median = usual(values, clip_largest or first)
        if first:
            sigma = np.sqrt(np.float64(abs(median)) + noise2 / np.float32(nframes))
            far = abs(values.astype("f8") - median) / (sigma or np.nan)
        else:
            far = abs(values - median) / np.float32(np.sqrt(np.float64(abs(median)) + np.float64(noise2) / nframes))
        if not np.nanmax(np.append(far, 0)) > thresholds[{2: 2, 3: 1}.get(n, 0)]:
            return jumps
        jumps[np.nanargmax(far)] = True
        if n == 2:
            return jumps
        values[jumps] = np.nan


def slow_two_point(
    data,
    groupdq,
    gain,
    readnoise,
    nframes,
    method,
    by_group=False,
    thresholds=THRESHOLDS,
    neighbors=(10, 1000),
    followed=(),
    clip_largest=True,
):
    """Flags, and the number of jumps; without `clip_largest` as in jwst 1.14.1 where it lost the largest to a NaN."""
    with np.errstate(all="ignore"):
        groupdq = groupdq.copy()
        noise2 = (readnoise * gain) ** 2
        unusable = (groupdq & 3) != 0
        diffs = np.diff(np.where(unusable, np.float32(np.nan), data * gain), axis=1)
        median = np.ma.median(np.ma.masked_invalid(diffs), axis=(0, 1)).filled(np.nan)
        sigma = np.sqrt(abs(median) + noise2 / np.float32(nframes))
        sigma[sigma == 0] = np.nan
        ratio = abs(diffs - median) / sigma
        found = np.zeros(diffs.shape, bool)
        if method == kernel.SINGLE_PASS:
            found = ratio > np.float32(thresholds[0])
        elif method == kernel.SIGMA_CLIP:
            axis = 0 if by_group else (0, 1)
            found = sigma_clip(np.ma.masked_invalid(diffs), thresholds[0], axis=axis).mask & ~np.isnan(diffs)
        else:
            for y, x in np.ndindex(gain.shape):
                pixel = abs(diffs[:, :, y, x])
                jumps = clip_jumps(pixel.ravel(), noise2[y, x], nframes, thresholds, clip_largest)
                found[:, :, y, x] = jumps.reshape(pixel.shape)
        groupdq[:, 1:][found] |= 4
        if method == kernel.SIGMA_CLIP:
            for plane in groupdq.reshape(-1, *gain.shape):
                if ((plane & 5) != 0).all():
                    plane[plane == 4] = 0
        jump = (groupdq & 4) != 0
        count = jump.sum()
        spread = jump[:, 1:] & (ratio > neighbors[0]) & (ratio < neighbors[1])
        grown = np.zeros_like(jump)
        grown[:, 1:, 1:] |= spread[:, :, :-1]
        grown[:, 1:, :-1] |= spread[:, :, 1:]
        grown[:, 1:, :, 1:] |= spread[..., :-1]
        grown[:, 1:, :, :-1] |= spread[..., 1:]
        groupdq[grown & ~unusable] |= 4
        for least, number in followed:
            high = ((groupdq[:, 1:] & 4) != 0) & (diffs - median >= least)
            for i, g, y, x in np.argwhere(high):
                after = groupdq[i, g + 1 : g + 2 + number, y, x]
                after[(after & 3) == 0] |= 4
        groupdq[groupdq == 5] = 1
        groupdq[groupdq == 6] = 2
    return groupdq, count


def make(nints, ngroups, ny=21, nx=75, integers=False, seed=1):
    """Ramps with cosmic rays, unusable groups, and pixels without gain or noise."""
    rng = np.random.default_rng(seed)
    shape = (nints, ngroups, ny, nx)
    steps = rng.uniform(-2, 30, (ny, nx)) + 6 * rng.normal(size=shape)
    struck = rng.random(shape) < 0.6 / (nints * ngroups)
    steps[struck] += rng.choice([30, 60, 200, 5000], struck.sum())
    data = steps.cumsum(axis=1)
    data = (data.round() if integers else data).astype("f4")
    groupdq = np.zeros(shape, "u1")
    groupdq[rng.random(shape) < 0.02] = 1
    groupdq[rng.random(shape) < 0.01] |= 64
    groupdq[:, 1:][rng.random((nints, ngroups - 1, ny, nx)) < 0.002] |= 4
    for i, y, x in np.argwhere(rng.random((nints, ny, nx)) < 0.15):
        groupdq[i, rng.integers(ngroups) :, y, x] |= 2
    gain = np.full((ny, nx), 2, "f4") if integers else rng.uniform(1.5, 2.2, (ny, nx)).astype("f4")
    readnoise = np.full((ny, nx), 5, "f4") if integers else rng.uniform(3, 9, (ny, nx)).astype("f4")
    gain[0, :6], gain[1, :3] = [np.nan, 0, -1, -1, 1, 1], np.nan
    readnoise[0, 4], readnoise[0, 5:8] = np.nan, 0
    return data, groupdq, gain, readnoise


def fast_two_point(data, groupdq, gain, readnoise, nframes, method, by_group, followed, threads):
    groupdq, median = groupdq.copy(), np.empty_like(gain)
    later, series = differences(unused_planes(groupdq), by_group)
    kernel.find(data, groupdq, gain, readnoise, nframes, later, series, method, THRESHOLDS, median, threads)
    marks = np.empty((*data.shape[:3], (data.shape[3] + 7) // 8), "u1")
    count = kernel.neighbors(data, groupdq, gain, readnoise, nframes, median, 10, 1000, marks, threads)
    for least, number in followed:
        kernel.after(data, groupdq, gain, median, least, number, threads)
    kernel.tidy(groupdq.reshape(-1, data.shape[3]), threads)
    return groupdq, count


CASES = [
    (kernel.SINGLE_PASS, False, 1, 14, {}),
    (kernel.SINGLE_PASS, False, 3, 10, {"integers": True}),
    (kernel.ITERATIVE, False, 1, 3, {}),
    (kernel.ITERATIVE, False, 1, 5, {"integers": True}),
    (kernel.ITERATIVE, False, 1, 10, {}),
    (kernel.ITERATIVE, False, 7, 9, {"integers": True}),
    (kernel.ITERATIVE, False, 52, 42, {"ny": 2, "nx": 40}),  # more than the network of comparators sorts
    (kernel.SIGMA_CLIP, True, 25, 4, {}),
    (kernel.SIGMA_CLIP, False, 25, 4, {}),
    (kernel.SIGMA_CLIP, True, 70, 4, {"ny": 6, "nx": 70}),  # series so long that the median is looked up in them
    (kernel.SIGMA_CLIP, True, 70, 4, {"ny": 6, "nx": 70, "integers": True}),
]


@pytest.mark.parametrize(("method", "by_group", "nints", "ngroups", "options"), CASES)
def test_flags_are_those_of_plain_numpy(method, by_group, nints, ngroups, options):
    ramp = make(nints, ngroups, **options)
    if ngroups > 3:
        ramp[1][0, 1] |= 1  # a group that no pixel may use
    followed = [(150.0, 2), (20.0, 1)]
    nframes = 5
    expected, count = slow_two_point(*ramp, nframes, method, by_group, followed=followed)
    assert np.count_nonzero(expected & 4) > count > 0
    for threads in 1, 2, 8:
        groupdq, found = fast_two_point(*ramp, nframes, method, by_group, followed, threads)
        assert found == count
        np.testing.assert_array_equal(groupdq, expected)


def test_a_ramp_without_usable_differences_is_left_alone():
    data, groupdq, gain, readnoise = make(1, 3)
    groupdq[:, 1] |= 1
    before = groupdq & ~np.uint8(4)
    after, _ = fast_two_point(data, before, gain, readnoise, 1, kernel.ITERATIVE, False, [(1.0, 1)], 2)
    np.testing.assert_array_equal(after, before)
