"""Groups of pixels beside those that scipy finds."""

import numpy as np
import pytest
from scipy.ndimage import find_objects, label

from jwpipe.cext import labels as kernels


@pytest.mark.parametrize("corners", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.35, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (33, 1), (61, 80)])
def test_groups(share, shape, corners):
    wanted = (np.random.default_rng(1).random(shape) < share).astype("u1")
    expected, number = label(wanted, np.ones((3, 3)) if corners else None)
    labels = np.full(shape, 7, "i4")
    assert kernels.connected(wanted, corners, labels) == number
    np.testing.assert_array_equal(labels, expected)
    sizes, boxes = np.zeros(number + 1, np.intp), np.zeros((number + 1, 4), np.intp)
    kernels.extents(labels, sizes, boxes)
    np.testing.assert_array_equal(sizes, np.bincount(expected.ravel(), minlength=number + 1))
    where = [(y.start, y.stop, x.start, x.stop) for y, x in find_objects(expected)]
    np.testing.assert_array_equal(boxes, [(0, 0, 0, 0), *where])


def test_a_spiral_and_a_comb_are_one_each():
    wanted = np.zeros((41, 41), "u1")
    wanted[1::4], wanted[3::8, -1], wanted[2::8, -1], wanted[4::8, -1] = 1, 1, 1, 1
    wanted[6::8, 0], wanted[7::8, 0], wanted[8::8, 0] = 1, 1, 1
    labels = np.empty(wanted.shape, "i4")
    assert kernels.connected(wanted, False, labels) == 1
    comb = np.zeros((20, 41), "u1")
    comb[:, ::2], comb[-1] = 1, 1
    labels = np.empty(comb.shape, "i4")
    assert kernels.connected(comb, False, labels) == 1
    np.testing.assert_array_equal(labels, comb)
