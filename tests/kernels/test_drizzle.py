"""Drizzling beside drops that are shared out one by one."""

import numpy as np
import pytest

from jwpipe.drizzle.canvas import KERNELS, Canvas

SHAPE, OUTPUT = (11, 13), (14, 15)
BAD = 1


def make_exposure(seed, shape=SHAPE):
    """Values with flags and odd variances, and where they fall: turned, stretched, partly beyond the output."""
    rng = np.random.default_rng(seed)
    data = rng.normal(10, 3, shape).astype("f4")
    dq = rng.choice(np.array([0, 1, 4], "u4"), shape, p=[0.85, 0.1, 0.05])
    variances = rng.uniform(0.5, 2, (3, *shape)).astype("f4")
    variances[0][rng.random(shape) < 0.05] = 0
    variances[1][rng.random(shape) < 0.05] = np.nan
    y, x = np.indices(shape, "f8")
    angle, scale = 0.3 + 0.1 * seed, 1.1
    out_x = scale * (np.cos(angle) * x - np.sin(angle) * y) + 4 + 0.003 * x * y
    out_y = scale * (np.sin(angle) * x + np.cos(angle) * y) - 1 + 0.002 * y**2
    out_x[2, 3:5] = np.nan
    return data, dq, variances, out_x, out_y


def clipped(polygon, axis, limit, sign):
    """The part of a polygon where ``sign * coordinate <= sign * limit``."""
    kept = []
    for a, b in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        inside_a, inside_b = sign * a[axis] <= sign * limit, sign * b[axis] <= sign * limit
        if inside_a != inside_b:
            t = (limit - a[axis]) / (b[axis] - a[axis])
            crossing = tuple(a[k] + t * (b[k] - a[k]) for k in (0, 1))
        if inside_a:
            kept.append(a)
        if inside_a != inside_b:
            kept.append(crossing)
    return kept


def area(polygon):
    x, y = np.array(polygon).T if polygon else np.zeros((2, 1))
    return 0.5 * (x @ np.roll(y, -1) - y @ np.roll(x, -1))


def place_of(x, y, j, i):
    """Position between the centres of pixels, and beyond them as the last two tell."""
    j0, i0 = (int(np.clip(np.floor(v), 0, n - 2)) for v, n in zip((j, i), x.shape, strict=True))
    v, u = j - j0, i - i0
    weights = (1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u
    places = (j0, i0), (j0, i0 + 1), (j0 + 1, i0), (j0 + 1, i0 + 1)
    return tuple(sum(w * grid[p] for w, p in zip(weights, places, strict=True)) for grid in (x, y))


def square_shares(x, y, j, i, pixfrac):
    """Parts of a drop by the output pixels on which it falls."""
    h = pixfrac / 2
    drop = [place_of(x, y, j + dj, i + di) for dj, di in ((-h, -h), (-h, h), (h, h), (h, -h))]
    if not np.isfinite(drop).all():
        return
    columns, rows = (
        range(max(0, int(min(v)) - 1), min(n, int(max(v)) + 2))
        for v, n in zip(zip(*drop, strict=True), OUTPUT[::-1], strict=True)
    )
    for row in rows:
        for column in columns:
            part = drop
            for axis, limit, sign in (
                (0, column - 0.5, -1),
                (0, column + 0.5, 1),
                (1, row - 0.5, -1),
                (1, row + 0.5, 1),
            ):
                part = clipped(part, axis, limit, sign)
            if part and abs(area(part)) > 1e-12:
                yield row, column, area(part) / area(drop)


def product_shares(kernel, x, y, pixfrac, scale):
    """Parts of a drop whose shares are products."""
    if not np.isfinite([x, y]).all():
        return
    for row in range(OUTPUT[0]):
        for column in range(OUTPUT[1]):
            share = profile(kernel, x, column, pixfrac, scale) * profile(kernel, y, row, pixfrac, scale)
            if share:
                yield row, column, share


def profile(kernel, centre, pixel, pixfrac, scale):
    away = lambda value: np.copysign(np.floor(abs(value) + 0.5), value)  # noqa: E731 - halves go away from zero
    if kernel == "point":
        return float(away(centre) == pixel)
    if kernel == "turbo":
        half = pixfrac / scale / 2
        return max(0, min(centre + half, pixel + 0.5) - max(centre - half, pixel - 0.5)) / (2 * half)
    if kernel == "gaussian":
        half = max(2.5 * pixfrac / 2.3548, 1.2) / scale
        if not away(centre - half) <= pixel <= away(centre + half):
            return 0
        width = pixfrac / 2.3548 / scale
        return np.exp(-((centre - pixel) ** 2) / (2 * width**2)) / width / np.sqrt(2 * np.pi)
    order = int(kernel[-1])
    half = order * pixfrac / scale
    if not away(centre - 1 - half) <= pixel <= away(centre - 1 + half):
        return 0
    step = float(np.float32(0.01))
    entry = int(away(abs(centre - pixel) * (scale / step / pixfrac))) + 1  # of a table that begins an entry too early
    offset = np.pi * step * entry
    return 0 if entry > 511 or offset >= order * np.pi else np.sinc(offset / np.pi) * np.sinc(offset / np.pi / order)


def slow(exposures, kernel, pixfrac, scale, least):
    """Means, weights, contexts, sums of inverse variances."""
    sci, wht, inverse = np.zeros(OUTPUT), np.zeros(OUTPUT), np.zeros((3, *OUTPUT))
    con = np.zeros(OUTPUT, int)
    for bit, (data, dq, variances, x, y) in enumerate(exposures):
        values, weights, sizes, cover = (np.zeros(OUTPUT) for _ in range(4))
        sums = np.zeros((3, *OUTPUT))
        for j, i in np.argwhere(dq & BAD == 0):
            weight = 1 / variances[0][j, i] if variances[0][j, i] else 1
            for row, column, share in (
                square_shares(x, y, j, i, pixfrac)
                if kernel == "square"
                else product_shares(kernel, x[j, i], y[j, i], pixfrac, scale)
            ):
                place = row, column
                values[place] += share * weight * (data[j, i] - 2) * scale**2
                weights[place] += share * weight
                sizes[place] += abs(share) * weight
                cover[place] += share
                for k in range(3):
                    sums[k][place] += share * variances[k][j, i] * scale**4
        used = (weights != 0) & (weights >= least * sizes if kernel.startswith("lanczos") else True)
        total = wht + weights
        with np.errstate(divide="ignore", invalid="ignore"):
            sci = np.where(used, (sci * wht + values) / total, sci)
            wht = np.where(used, total, wht)
            con[used & (sizes + weights > 0)] |= 1 << bit
            inverse += np.where(used & (sums / cover > 0), cover / sums, 0)
    return sci, wht, con, inverse


@pytest.fixture(scope="module")
def exposures():
    return [make_exposure(seed) for seed in (1, 2)]


@pytest.mark.filterwarnings("ignore:(divide by zero|invalid value)")
@pytest.mark.parametrize(("kernel", "pixfrac"), [(k, 0.8) for k in KERNELS] + [("square", 1.0), ("square", 0.0)])
def test_drops_are_shared_out_alike_whatever_the_number_of_threads(exposures, kernel, pixfrac):
    scale, least = 1.02, 0.2
    shape = "point" if pixfrac == 0 else kernel
    expected = slow(exposures, shape, pixfrac, scale, least)
    made = []
    for threads in (1, 2, 8):
        canvas = Canvas(OUTPUT, kernel, pixfrac, least=least, threads=threads)
        for data, dq, variances, x, y in exposures:
            canvas.add(data, dq, variances, x, y, bad=BAD, level=2.0, scale=scale, weight=None)
        made.append((canvas.sci, canvas.wht, canvas.con[0], canvas.variances))
        for ours, theirs, tolerance in zip(made[-1], expected, (1e-5, 1e-6, 0, 1e-4), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
    assert (made[0][1] > 0).mean() > 0.3
    for other in made[1:]:
        for one, two in zip(made[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.filterwarnings("ignore:(divide by zero|invalid value)")
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("pixfrac", [1.0, 0.9])
@pytest.mark.parametrize(
    ("angle", "scale", "offset"),
    [(0, 1, 0.5), (0, 1, 0.25), (0, 1, 0), (0.02, 1.03, 0.1), (1.6, 0.99, 0.3), (3.1, 1, 0), (np.pi / 4, 1, 0)],
)
def test_square_drops_that_lie_along_the_grid(angle, scale, offset, pixfrac, mirrored):
    """Most of them fall on four pixels, and take a shorter way; those that touch lines and corners may not."""
    data, dq, variances, *_ = make_exposure(3)
    y, x = np.indices(SHAPE, "f8")
    y, x = y - 5, (x - 6) * (-1 if mirrored else 1)
    out_x = scale * (np.cos(angle) * x - np.sin(angle) * y) + 7 + offset
    out_y = scale * (np.sin(angle) * x + np.cos(angle) * y) + 5 + offset
    canvas = Canvas(OUTPUT, "square", pixfrac)
    canvas.add(data, dq, variances, out_x, out_y, bad=BAD, level=2.0, scale=1.02, weight=None)
    expected = slow([(data, dq, variances, out_x, out_y)], "square", pixfrac, 1.02, 0)
    found = canvas.sci, canvas.wht, canvas.con[0], canvas.variances
    for ours, theirs, tolerance in zip(found, expected, (1e-5, 1e-6, 0, 1e-4), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def test_context_of_more_than_32_exposures():
    canvas = Canvas((2, 40))
    one, dq = np.ones((2, 2), "f4"), np.zeros((2, 2), "u4")
    y, x = np.indices((2, 2), "f8")
    for i in range(35):
        canvas.add(one, dq, (None, one, None), x + i, y)
    bits = canvas.con.view("u4")
    assert bits.shape == (2, 2, 40)
    np.testing.assert_array_equal(bits[:, 0, [0, 31, 32]], [[1, 3 << 30, 1 << 31], [0, 0, 1]])
    assert not bits[..., 36:].any()


def test_variances_and_fill_of_what_nothing_covers():
    canvas = Canvas((1, 3))
    one, dq = np.full((2, 2), 4, "f4"), np.zeros((2, 2), "u4")
    y, x = np.indices((2, 2), "f8")
    canvas.add(one, dq, (one, None, np.zeros_like(one)), x, y)
    canvas.finish(-5.0, factor=9.0)
    np.testing.assert_array_equal(canvas.variances[:, 0], [[36, 36, np.nan], [np.nan] * 3, [np.nan] * 3])
    np.testing.assert_array_equal(canvas.err, [[6, 6, 0]])
    np.testing.assert_array_equal(canvas.sci, [[4, 4, -5]])
