"""Kernels of large events beside slow twins: regions and their rectangles, ellipses, statistics, smoothing."""

import numpy as np
import pytest
from astropy.stats import sigma_clipped_stats
from scipy import ndimage

from jwpipe.cext import events

THREADS = [1, 2, 8]
SQUARE = np.ones((3, 3))


def blobs(seed, shape=(83, 117)):
    """Regions of many forms: round, ragged, with holes, in holes of others, on the edge."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape)
    out = rng.random(shape) < 0.02
    for _ in range(12):
        distance = np.hypot(x - rng.uniform(0, shape[1]), y - rng.uniform(0, shape[0]))
        radius = rng.uniform(1, 14)
        out |= (distance < radius) & (distance > rng.choice([0, 0.6]) * radius)
    return out ^ (rng.random(shape) < 0.01)


def area_within(region):
    """Area within the outline through pixel centres: whole squares of four pixels, halves of three."""
    filled = np.pad(ndimage.binary_fill_holes(region), 1).astype(int)
    corners = filled[1:, 1:] + filled[:-1, 1:] + filled[1:, :-1] + filled[:-1, :-1]
    return (corners == 4).sum() + 0.5 * (corners == 3).sum()


def least_area(points):
    """Area of the smallest rectangle around points, a side of it along the line through some two of them."""
    offsets = (points[:, None] - points[None]).reshape(-1, 2)
    angles = np.unique(np.arctan2(offsets[:, 1], offsets[:, 0])) % (np.pi / 2)
    turned = np.stack([np.cos(angles), np.sin(angles)]), np.stack([-np.sin(angles), np.cos(angles)])
    return np.prod([np.ptp(points @ axis, axis=0) for axis in turned], axis=0).min()


@pytest.mark.parametrize("seed", range(4))
def test_rectangles_are_the_smallest_around_the_outermost_large_regions(seed):
    flags, before = blobs(seed) * np.uint8(4), blobs(seed + 100) * np.uint8(12)
    if seed % 2:
        before[:] = 8
    region = (flags & 4 != 0) & (before & 4 == 0)
    labels, count = ndimage.label(region, SQUARE)
    filled = [ndimage.binary_fill_holes(labels == i) for i in range(1, count + 1)]
    start = [tuple(np.argwhere(labels == i)[0]) for i in range(1, count + 1)]
    outermost = [i for i in range(count) if not any(filled[j][start[i]] for j in range(count) if j != i)]
    sizes = {i: area_within(labels == i + 1) for i in outermost}
    for area in (0, 5, 90):
        expected = [np.argwhere(labels == i + 1)[:, ::-1] for i in outermost if sizes[i] > area]
        found = events.rectangles(flags, before, 4, area, 1)
        assert len(found) == len(expected) > 0
        for threads in THREADS:
            assert found == events.rectangles(flags, before, 4, area, threads)
        assert found == events.rectangles(region.astype("u1"), None, 1, area, 1)
        for (x, y, width, height, angle), points in zip(found, expected, strict=True):
            edge = points[ndimage.minimum_filter(region, 3)[points[:, 1], points[:, 0]] == 0]
            assert width * height == pytest.approx(least_area(edge.astype(float)), rel=1e-5)
            along = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
            offset = points - [x, y]
            assert np.abs(offset @ along).max() == pytest.approx(width / 2, abs=1e-3)
            assert np.abs(offset @ [-along[1], along[0]]).max() == pytest.approx(height / 2, abs=1e-3)


def test_nothing_to_find():
    for shape in [(1, 1), (5, 3), (9, 64)]:
        assert events.rectangles(np.zeros(shape, "u1"), None, 4, 0, 3) == []
        assert events.rectangles(np.full(shape, 4, "u1"), np.full(shape, 4, "u1"), 4, 0, 3) == []
    assert events.rectangles(np.full((9, 64), 4, "u1"), None, 4, 500, 2) == [(31.5, 4.0, 8.0, 63.0, 90.0)]


def test_ellipses_are_filled_to_a_pixel_and_cut_at_the_edges():
    rng = np.random.default_rng(3)
    y, x = np.indices((90, 70))
    for a in (3, 7, 12, 31, 200):
        for b in (3, 14, 40):
            cx, cy, angle = rng.integers(0, 70), rng.integers(0, 90), rng.integers(0, 91)
            groups = np.zeros((1, 90, 70), "u1")
            events.fill(groups, np.array([[cx, cy, a, b, angle]], "i4"), 255, 4, 0)
            cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
            u, v = (x - cx) * cosine + (y - cy) * sine, (y - cy) * cosine - (x - cx) * sine
            assert (groups[0][(u / (a + 1)) ** 2 + (v / (b + 1)) ** 2 > 1] == 0).all()
            assert (groups[0][(u / (a - 1)) ** 2 + (v / (b - 1)) ** 2 < 1] == 4).all()
    groups = np.zeros((1, 90, 70), "u1")
    events.fill(groups, np.array([[10, 20, 0, 0, 0]], "i4"), 255, 4, 0)
    assert np.argwhere(groups).tolist() == [[0, 20, 10]]


def test_flags_are_kept_set_and_spared():
    groups = np.random.default_rng(1).integers(0, 8, (3, 20, 20)).astype("u1")
    ellipses = np.array([[8, 9, 5, 3, 20], [12, 9, 4, 4, 0]], "i4")
    where = np.zeros_like(groups)
    events.fill(where, ellipses, 255, 1, 0)
    for keep, value, spare in [(255, 4, 2), (0, 2, 0), (254, 8, 5)]:
        out = groups.copy()
        events.fill(out, ellipses, keep, value, spare)
        changed = (where == 1) & (groups & spare == 0)
        np.testing.assert_array_equal(out, np.where(changed, groups & keep | value, groups))


def ramp(seed, nints, ngroups, whole=False, shape=(7, 150)):
    """Counts, flags and gain; counts in whole numbers have many equal differences."""
    rng = np.random.default_rng(seed)
    data = rng.normal(20, 6, (nints, ngroups, *shape)).cumsum(axis=1).astype("f4")
    data = np.rint(data / 8) if whole else data
    groupdq = rng.choice([0, 1, 2, 4, 5, 6, 64, 68], data.shape, p=[0.86, *[0.02] * 7]).astype("u1")
    groupdq[:, :, 0, :2] = 1
    data[0, 1, 1, 1] = np.nan
    gain = np.ones(shape, "f4") if whole else rng.normal(2, 0.1, shape).astype("f4")
    gain[2, 2] = np.nan
    return data, groupdq, gain


def electrons(data, groupdq, gain):
    """Differences of groups, NaN where one is not to be used."""
    unused = (groupdq & 3 != 0) | (groupdq == 4)
    return np.diff(np.where(unused, np.float32(np.nan), data * gain), axis=1)


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize(("nints", "ngroups", "whole"), [(1, 2, False), (1, 12, True), (3, 9, False), (4, 60, True)])
@pytest.mark.filterwarnings("ignore:All-NaN slice")
def test_medians(nints, ngroups, whole, threads):
    data, groupdq, gain = ramp(nints, nints, ngroups, whole)
    median = np.empty(gain.shape, "f4")
    events.medians(data, groupdq, gain, median, threads)
    np.testing.assert_array_equal(median, np.nanmedian(electrons(data, groupdq, gain), axis=(0, 1)))


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.filterwarnings("ignore:(Input data contains|Mean of empty|All-NaN|Degrees of freedom)")
def test_clipped_statistics(threads):
    data, groupdq, gain = ramp(5, 40, 4)
    data[::9, 2:] += 300
    for group in (1, 2, 3):
        change = electrons(data, groupdq, gain)[:, group - 1]
        _, centre, scale = sigma_clipped_stats(np.ma.masked_invalid(change.astype("f8")), sigma=3, axis=0)
        median, deviation = np.empty((2, *gain.shape))
        events.clipped(data, groupdq, gain, group, 3, median, deviation, threads)
        np.testing.assert_allclose(median, centre, rtol=1e-12)
        np.testing.assert_allclose(deviation, scale, rtol=1e-9)


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("radii", [(1, 3.6), (0, 2), (2.5, 4)])
def test_smoothed_ratio_above_a_threshold(radii, dtype, threads):
    rng = np.random.default_rng(8)
    data, groupdq, gain = ramp(8, 1, 2, shape=(41, 57))
    groupdq[0, 1, 20:30, 30:44] = 1
    groupdq[0, 1, 25, 37] = 0  # alone among pixels without a ratio
    groupdq[0, 0, 25, 37], data[0, 1, 25, 37] = 0, data[0, 0, 25, 37] + 500
    pixeldq = rng.choice([0, 1, 1 << 31], gain.shape, p=[0.96, 0.02, 0.02]).astype("u4")
    pixeldq[25, 37] = 0
    centre, scale = rng.normal(40, 1, gain.shape).astype(dtype), rng.uniform(5, 9, gain.shape).astype(dtype)
    scale[4, 4] = 0
    before, now = data[0]
    with np.errstate(divide="ignore"):
        ratio = np.abs((now * gain - before * gain).astype(dtype) - centre) / scale
    first, last = groupdq[0]
    lost = ((last | pixeldq) & 7 != 0) | (first & 3 != 0) | (first == 4) | ~np.isfinite(ratio)
    reach = int(radii[1])
    y, x = np.indices((2 * reach + 1,) * 2) - reach
    ring = (x**2 + y**2 >= radii[0] ** 2) & (x**2 + y**2 <= radii[1] ** 2)
    total = ndimage.correlate(np.where(lost, 0, ratio).astype("f8"), ring.astype("f8"), mode="constant")
    count = ndimage.correlate(1.0 - lost, ring.astype("f8"), mode="constant", cval=1.0)
    average = np.where(count > 0, total / np.maximum(count, 1), np.where(lost, 0, ratio))
    expected = (average > 1.1) & ((last | pixeldq) & 1 == 0)
    rows = [(i - reach, j - reach, j - reach) for i, j in np.argwhere(ring)]
    found = np.empty(gain.shape, "u1")
    events.extended(now, before, last, first, pixeldq, gain, centre, scale, np.array(rows, "i4"), 1.1, found, threads)
    np.testing.assert_array_equal(found, expected)
    assert 0.1 < found.mean() < 0.9
    assert found[25, 37]
