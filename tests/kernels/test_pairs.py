"""Pairs of points beside loops over all of them."""

import numpy as np
import pytest

from jwpipe.cext import pairs


def make_points(rng, count):
    points = rng.uniform(0, 20, (count, 2)).round(1)  # with ties
    return np.ascontiguousarray(points[np.lexsort(points.T)])


@pytest.mark.parametrize("separation", [0.3, 1.0, 5.0])
def test_points_too_near_to_one_before_are_dropped(separation):
    points = make_points(np.random.default_rng(1), 150)
    expected = []
    for i, point in enumerate(points):
        if all(((point - points[j]) ** 2).sum() > separation**2 for j in expected):
            expected.append(i)
    kept = np.ones(len(points), "u1")
    pairs.thin(points, separation, kept)
    assert np.flatnonzero(kept).tolist() == expected
    assert len(expected) < len(points)


@pytest.mark.parametrize("tolerance", [0.65, 1.05])
def test_the_nearest_point_within_the_tolerance_is_found(tolerance):
    rng = np.random.default_rng(2)
    points, others = make_points(rng, 120), make_points(rng, 90)
    found = np.empty(len(points), np.intp)
    pairs.nearest(points, others, tolerance, found)
    square = ((points[:, None] - others) ** 2).sum(axis=2)
    nearest = square.min(axis=1)
    hit = found >= 0
    np.testing.assert_array_equal(hit, nearest <= tolerance**2)
    np.testing.assert_array_equal(square[hit, found[hit]], nearest[hit])
    assert hit.any()
    assert not hit.all()


def test_points_without_a_place_have_no_partner():
    points = np.array([[1.0, 1.0], [np.nan, np.nan]])
    kept, found = np.ones(2, "u1"), np.empty(2, np.intp)
    pairs.thin(points, 3.0, kept)
    pairs.nearest(points, points, 3.0, found)
    assert kept.tolist() == [1, 1]
    assert found.tolist() == [0, -1]
