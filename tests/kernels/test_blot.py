"""Interpolation at mapped positions beside a loop over pixels."""

import numpy as np
import pytest

from jwpipe.cext import blot


def slow(image, x, y):
    ny, nx = image.shape
    out = np.zeros(x.shape, "f4")
    for place, (u, v) in enumerate(zip(x.ravel().astype("f4"), y.ravel().astype("f4"), strict=True)):
        if not (0 <= u < nx and 0 <= v < ny):  # NaN too
            continue
        i, j = int(u), int(v)
        right, up = min(i + 1, nx - 1), min(j + 1, ny - 1)
        s, t = np.float64(u) - i, np.float64(v) - j
        below = (1 - s) * image[j, i] + (s * image[j, right] if s else 0)
        above = (1 - s) * image[up, i] + (s * image[up, right] if s else 0)
        out.flat[place] = (1 - t) * below + t * above
    return out


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_values_between_pixels_at_the_edges_and_outside(threads):
    rng = np.random.default_rng(2)
    image = rng.normal(10, 3, (31, 43)).astype("f4")
    x, y = rng.uniform(-3, 46, (2, 60, 50))
    x[0, :6], y[0, :6] = [0, 42, 42.9, 43, -1e-9, np.nan], [0, 30, 30.5, 5, 5, 5]
    x[1, :4], y[1, :4] = [42.5, 7.25, 42.99999999, 1e30], [3.5, 30.75, 2, -np.inf]
    out = np.empty(x.shape, "f4")
    blot.blot(image, x, y, out, threads)
    np.testing.assert_allclose(out, slow(image, x, y), rtol=3e-6, atol=3e-6)
    assert out[0, 0] == image[0, 0]
    assert out[0, 1] == image[30, 42]
    assert out[1, 3] == 0


def test_missing_values_go_where_they_are_used():
    image = np.ones((5, 5), "f4")
    image[2, 2] = np.nan
    x, y = np.meshgrid(np.arange(5) + 0.25, np.arange(5) + 0.25)
    out = np.empty(x.shape, "f4")
    blot.blot(image, x, y, out, 1)
    assert np.argwhere(np.isnan(out)).tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]
