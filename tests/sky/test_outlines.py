"""Outlines on the sky, what they share, and the pixels inside of polygons."""

import numpy as np
import pytest

from jwpipe.sky.outlines import Outline, border, cut, fill, shared
from jwpipe.wcs import Wcs

SHAPE = 200, 240
SCALE = 0.06 / 3600


def outline(dx=0.0, dy=0.0, angle=0.0, at=(0.0, 89.999), step=None):
    """An outline near a pole, where right ascension is of little use, and coordinates; shifts in pixels."""
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    ny, nx = SHAPE
    wcs = Wcs.tangent(((nx - 1) / 2 - dx, (ny - 1) / 2 - dy), at, [[-c, s], [s, c]], (SCALE, SCALE), SHAPE)
    return Outline(wcs, SHAPE, step), wcs


def pixels(wcs, parts):
    """Mask of parts of the sky."""
    mask = np.zeros(SHAPE, "u1")
    for part in parts:
        fill(*wcs.invert(*part), mask)
    return mask > 0


def corners(polygon):
    return sorted(tuple(corner) for corner in np.round(polygon, 6).tolist())


@pytest.mark.parametrize("step", [None, 1, 30, 1000])
def test_border_runs_once_around(step):
    x, y = border(SHAPE, step)
    assert len({*zip(x, y, strict=True)}) == len(x)
    assert {x.min(), x.max(), y.min(), y.max()} == {-0.5, 199.5, 239.5}
    area = 0.5 * (x @ np.roll(y, -1) - y @ np.roll(x, -1))
    assert area == pytest.approx(200 * 240)
    # 1.14.1 counts points where intervals are meant: some are a little longer.
    assert np.hypot(np.diff(x), np.diff(y)).max() <= 1.2 * (step or 1000)


@pytest.mark.parametrize("step", [None, 25])
@pytest.mark.parametrize(("dx", "dy", "angle"), [(50.3, 20.2, 0), (-100.2, 60.4, 31), (10, 20, 180), (3, -4, 0)])
def test_shared_pixels_are_those_that_the_other_sees(dx, dy, angle, step):
    one, mine = outline(step=step)
    other, theirs = outline(dx, dy, angle, step=step)
    found = pixels(mine, shared(one, other))
    v, u = np.indices(SHAPE)
    x, y = theirs.invert(*mine(u.astype(float), v.astype(float)))
    expected = (x > -0.5) & (x < SHAPE[1] - 0.5) & (y > -0.5) & (y < SHAPE[0] - 0.5)
    # Corners are put on whole pixels, and edges belong to both: along them, up to two pixels differ.
    assert (found != expected).sum() <= 2 * sum(SHAPE) * 2
    inner = expected.copy()
    for axis in (0, 1):
        for shift in (1, 2, -1, -2):
            inner &= np.roll(expected, shift, axis)
    assert found[inner].all()
    assert expected.sum() > 1000


def test_outlines_apart_share_nothing():
    one, _ = outline()
    for options in ({"dx": 241}, {"dy": -500, "angle": 45}, {"at": (0, -89.99)}, {"at": (180, 0)}):
        assert shared(one, outline(**options)[0]) == []


def test_the_same_outline_is_shared_whole():
    one, wcs = outline(step=20)
    assert pixels(wcs, shared(one, outline(dx=0.005, step=20)[0])).all()


SQUARE = np.array([[0, 0], [4, 0], [4, 4], [0, 4.0]]) * 1e-3


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ([[1, 1], [2, 1], [2, 2], [1, 2]], [[[1, 1], [2, 1], [2, 2], [1, 2]]]),  # within
        ([[-1, -1], [5, -1], [5, 5], [-1, 5]], [[[0, 0], [4, 0], [4, 4], [0, 4]]]),  # around
        ([[4, 0], [8, 0], [8, 4], [4, 4]], []),  # side by side
        ([[4, 4], [5, 4], [5, 5], [4, 5]], []),  # at a corner
        ([[2, 0], [8, 0], [8, 4], [2, 4]], [[[2, 0], [4, 0], [4, 4], [2, 4]]]),  # along two sides
        ([[0, 0], [4, 0], [4, 4], [0, 4]], [[[0, 0], [4, 0], [4, 4], [0, 4]]]),  # the same
        ([[2, -1], [5, 2], [2, 5], [-1, 2]], [[[1, 0], [3, 0], [4, 1], [4, 3], [3, 4], [1, 4], [0, 3], [0, 1]]]),
        # With a bay: two parts.
        ([[1, 2], [6, 1], [2, 3], [6, 5], [1, 4]], None),
        ([[-1, 1], [5, 1], [5, 3], [3, 3], [3, 5], [2, 5], [2, 2], [1, 2], [1, 6], [-1, 6]], None),
    ],
)
def test_polygons_are_cut(other, expected):
    other = np.array(other) * 1e-3
    parts = cut(SQUARE, other)
    if expected is not None:
        assert sorted(corners(part * 1e3) for part in parts) == sorted(corners(np.array(e, float)) for e in expected)
    # By the area, from a fine raster.
    at = (np.arange(800) + 0.5) / 200 * 1e-3
    x, y = np.meshgrid(at, at)
    inside = np.zeros(x.shape, bool)
    for a, b in zip(other, np.roll(other, -1, axis=0), strict=True):
        rises = (a[1] > y) != (b[1] > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside ^= rises & (x < a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]))
    raster = inside.mean() * 4e-3**2
    area = sum(0.5 * (p[:, 0] @ np.roll(p[:, 1], -1) - p[:, 1] @ np.roll(p[:, 0], -1)) for p in parts)
    assert area == pytest.approx(raster, abs=4e-8)


@pytest.mark.parametrize(
    ("x", "y", "rows"),
    [
        ([2, 5, 5, 2], [1, 1, 3, 3], {1: (2, 5), 2: (2, 5), 3: (2, 5)}),
        ([-0.5, 3, 3, -0.5], [-0.5, -0.5, 2, 2], {0: (0, 4), 1: (0, 4), 2: (0, 4)}),
        ([6, 20, 20, 6], [8, 8, 20, 20], {8: (6, 9), 9: (6, 9)}),
        ([0, 4, 0], [0, 0, 4], {0: (0, 4), 1: (0, 3), 2: (0, 2), 3: (0, 1), 4: (0, 0)}),
        ([3, 3, 3], [1, 5, 9], {}),
        ([1, 5, 9], [4, 4, 4], {}),
        ([-9, -5, -5, -9], [1, 1, 3, 3], {}),
        ([1, 5, 5, 1], [20, 20, 25, 25], {}),
    ],
)
def test_fill(x, y, rows):
    mask, expected = np.zeros((2, 10, 10), "u1")
    for row, (first, last) in rows.items():
        expected[row, first : last + 1] = 1
    fill(np.array(x, float), np.array(y, float), mask)
    np.testing.assert_array_equal(mask, expected)
