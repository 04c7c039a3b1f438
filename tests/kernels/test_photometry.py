"""Measurements of sources beside slow twins, and beside areas known in closed form."""

import math

import numpy as np
import pytest

from jwpipe.cext import photometry

SHAPE = 40, 52
PLACES = np.array([[20.2, 18.7], [0.3, 39.4], [51.2, 5.0], [np.nan, 3.0], [-30.0, 5.0], [26.0, 20.0]])


@pytest.fixture
def scene():
    """Values with NaN and infinities, their errors, and an image of segments with the boxes around them."""
    rng = np.random.default_rng(1)
    data, err = rng.normal(1, 3, SHAPE).astype("f4"), rng.random(SHAPE).astype("f4")
    data[5, 5], data[22, 26], data[12, 40] = np.nan, np.inf, -np.inf
    smooth = rng.normal(1, 1, SHAPE).astype("f4")
    smooth[20, 20], smooth[12, 40] = np.nan, 2
    labels = np.zeros(SHAPE, "i4")
    labels[3:8, 4:9], labels[18:25, 18:29], labels[22:30, 25:27], labels[12, 40] = 1, 2, 3, 4
    boxes = np.array([[3, 8, 4, 9], [18, 25, 18, 29], [22, 30, 25, 27], [12, 13, 40, 41]], np.intp)
    return data, err, smooth, labels, boxes


def test_segments(scene):
    data, err, smooth, labels, boxes = scene
    expected = np.full((len(boxes), 9), np.nan)
    for i, row in enumerate(expected):
        inside = labels == i + 1
        there = inside & np.isfinite(data)
        if there.any():
            row[:3] = data[there].sum(dtype="f8"), (err[there].astype("f8") ** 2).sum(), there.sum()
        weight = np.where(inside & (smooth > 0), smooth, 0).astype("f8")
        y, x = np.indices(SHAPE)
        row[3] = total = weight.sum()
        row[4:6] = (weight * x).sum() / total, (weight * y).sum() / total
        x, y = x - row[4], y - row[5]
        row[6:] = [(weight * moment).sum() / total for moment in (x * x, x * y, y * y)]
    for threads in (1, 2, 8):
        out = np.empty_like(expected)
        photometry.segments(labels, boxes, data, err, smooth, out, threads)
        np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-13)


def share(x, y, radius, j, i, steps=400):
    """Share of a pixel in a circle, by trying many points of it."""
    at = (np.arange(steps) + 0.5) / steps - 0.5
    return np.mean((i + at - x) ** 2 + (j + at[:, None] - y) ** 2 < radius**2)


def test_circles(scene):
    data, err, *_ = scene
    x, y = (np.ascontiguousarray(column) for column in PLACES.T)
    radii = np.array([0.3, 1.08, 4.2])
    sums, variances = np.empty((2, len(x), 3))
    photometry.circles(data, err, x, y, radii, sums, variances, 1)
    assert np.isnan(sums[3:5]).all()
    assert np.isnan(variances[3:5]).all()
    assert not np.isfinite(sums[5, 2])  # over the infinity
    for i in (0, 1, 2):
        for k, radius in enumerate(radii):
            reach = math.ceil(radius) + 1
            window = [
                (j, i_)
                for j in range(max(0, int(y[i]) - reach), min(SHAPE[0], int(y[i]) + reach + 1))
                for i_ in range(max(0, int(x[i]) - reach), min(SHAPE[1], int(x[i]) + reach + 1))
            ]
            weights = np.array([share(x[i], y[i], radius, *pixel) for pixel in window])
            values = np.where(weights > 0, [data[pixel] for pixel in window], 0).astype("f8")  # whatever is outside
            squares = np.array([err[pixel] for pixel in window], "f8") ** 2
            assert sums[i, k] == pytest.approx((weights * values).sum(), abs=2e-3 * np.abs(values).sum())
            assert variances[i, k] == pytest.approx((weights * squares).sum(), rel=2e-3)
    for threads in (2, 8):
        again = np.empty((2, len(x), 3))
        photometry.circles(data, err, x, y, radii, again[0], again[1], threads)
        np.testing.assert_array_equal(again, [sums, variances])


def test_areas_of_circles_add_up_to_theirs():
    rng = np.random.default_rng(2)
    ones = np.ones((60, 60), "f4")
    x, y = rng.uniform(20, 40, (2, 500))
    x[:10], y[:10] = np.round(x[:10]), np.round(y[:10] * 2) / 2
    radii = np.array([0.1, 0.5, 1.0, 2.5, 7.3, 15.0])
    sums, variances = np.empty((2, 500, 6))
    photometry.circles(ones, ones, x, y, radii, sums, variances, 2)
    np.testing.assert_allclose(sums, np.broadcast_to(np.pi * radii**2, sums.shape), rtol=1e-12)


def test_pixels_that_a_circle_does_not_reach_may_be_nan():
    rng = np.random.default_rng(4)
    x, y = rng.uniform(6, 14, (2, 3000))
    for radius in (1.08, 3.1, 4.6):
        v, u = np.indices((20, 20))
        near = np.hypot(*(np.maximum(np.abs(axis[None] - at[:, None, None]) - 0.5, 0) for axis, at in ((u, x), (v, y))))
        for i in range(0, 3000, 10):
            data = np.where(near[i] < radius, 1, np.nan).astype("f4")
            sums, variances = np.empty((2, 1, 1))
            photometry.circles(data, data, x[i : i + 1], y[i : i + 1], np.array([radius]), sums, variances, 1)
            assert sums[0, 0] == pytest.approx(np.pi * radius**2, rel=1e-12)


def test_annuli(scene):
    data, *_ = scene
    data[:] = np.round(data, 1)  # ties
    data[16:18, 20] = 90
    x, y = (np.ascontiguousarray(column) for column in PLACES.T)
    expected = np.full((len(x), 3), np.nan)
    v, u = np.indices(SHAPE)
    for row, *centre in zip(expected, x, y, strict=True):
        square = (u - centre[0]) ** 2 + (v - centre[1]) ** 2
        values = data[(square >= 2.5**2) & (square < 9**2) & np.isfinite(data)].astype("f8")
        row[2] = 0
        for _ in range(5):
            if len(values):
                keep = np.abs(values - np.median(values)) <= 3 * values.std()
                values = values[keep]
        if len(values):
            row[:] = np.median(values), values.std(), len(values)
    assert (expected[:, 2] > 0).tolist() == [True, True, True, False, False, True]
    for threads in (1, 2, 8):
        out = np.empty_like(expected)
        photometry.annuli(data, x, y, 2.5, 9.0, out, threads)
        np.testing.assert_allclose(out, expected, rtol=1e-12)


def test_peaks():
    rng = np.random.default_rng(3)
    data = rng.normal(5, 1, SHAPE).astype("f4")
    data[30, 30] = data[9, 12] = np.nan
    x, y = np.array(
        [
            [20.2, 18.7],
            [0.3, 38.6],
            [51.2, 5.0],
            [np.nan, 3.0],
            [-90.0, 5.0],
            [34.0, 30.0],
            [30.4, 30],
            [14, 7.0],
            [15, 5],
        ]
    ).T
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    inside = (np.hypot(*np.mgrid[-2:3, -2:3]) <= 2).astype("u1")
    kernel = np.exp(-0.5 * np.hypot(*np.mgrid[-2:3, -2:3]) ** 2) * inside
    kernel = np.where(inside, kernel - kernel.sum() / inside.sum(), 0)
    padded = np.pad(data, 2).astype("f8")
    convolved = np.array(
        [
            [np.where(kernel != 0, kernel * padded[j : j + 5, i : i + 5], 0).sum() for i in range(SHAPE[1])]
            for j in range(SHAPE[0])
        ]
    )
    expected = np.full((len(x), 2), np.nan)
    for row, *centre in zip(expected, x, y, strict=True):
        if not np.isfinite(centre[0]) or centre[0] < -2:
            continue
        i, j = (math.ceil(c - 2.5) for c in centre)
        cut, values = (np.pad(a, 5)[j + 5 : j + 10, i + 5 : i + 10].astype("f8") for a in (convolved, data))
        around = ((values * inside).sum() - values[2, 2]) / (inside.sum() - 1)  # NaN where any is
        row[0] = (values[2, 2] - around) / cut[2, 2]
        cut[2, 2] = 0
        quarters = cut[:3, 3:], cut[:2, :3], cut[2:, :2], cut[3:, 2:]
        row[1] = 2 * sum(s * q.sum() for s, q in zip((-1, 1, -1, 1), quarters, strict=True)) / np.abs(cut).sum()
    assert np.isfinite(expected[:3]).all()
    assert np.isfinite(expected[5, 0])
    assert np.isnan(expected[6]).all()
    assert np.isnan(expected[7]).all()
    assert np.isfinite(expected[8]).all()
    for threads in (1, 2, 8):
        out = np.empty_like(expected)
        photometry.peaks(data, x, y, kernel, inside, out, threads)
        np.testing.assert_allclose(out, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("count", [2, 3, 500])
def test_nearest(count):
    rng = np.random.default_rng(count)
    x, y = rng.uniform(0, 100, (2, count))
    x[: count // 5] = np.round(x[: count // 5])  # above each other
    x = np.sort(x)
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    np.fill_diagonal(distance, np.inf)
    for threads in (1, 2, 8):
        near, least = np.empty(count, np.intp), np.empty(count)
        photometry.nearest(x, y, near, least, threads)
        np.testing.assert_array_equal(near, distance.argmin(axis=1))
        np.testing.assert_allclose(least, distance.min(axis=1), rtol=1e-15)
