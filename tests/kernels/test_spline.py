"""A surface of splines beside NumPy's products of matrices."""

import numpy as np

from jwpipe.cext import spline


def test_the_surface_is_clipped_and_has_holes_whatever_the_number_of_threads():
    rng = np.random.default_rng(2)
    rows, columns, missing = rng.normal(0, 1, (31, 4)), rng.normal(0, 1, (4, 45)), rng.random((31, 45)) < 0.1
    expected = np.where(missing, 0, (rows @ columns).clip(-1.5, 1))
    planes = np.empty((3, *missing.shape), "f4")
    for plane, threads in zip(planes, (1, 2, 8), strict=True):
        spline.draw(rows, columns, -1.5, 1, missing.view("u1"), plane, threads)
    np.testing.assert_allclose(planes[0], expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(planes[1:], planes[:2])
    assert {-1.5, 0, 1} < set(planes.ravel().tolist())
