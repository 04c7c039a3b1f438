"""Areas that hulls have in common."""

import numpy as np
import pytest

from jwpipe.align.overlap import area, common, hull

SQUARE = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])


def test_a_hull_holds_all_points():
    points = np.concatenate([np.random.default_rng(1).uniform(0, 2, (50, 2)), SQUARE, [[np.nan, 1]]])
    assert area(hull(points)) == pytest.approx(4)
    assert len(hull(points)) == 4


@pytest.mark.parametrize(("shift", "share"), [((0, 0), 4.0), ((1, 0), 2.0), ((1, 1), 1.0), ((3, 0), 0.0)])
def test_squares_share_what_lies_in_both(shift, share):
    assert area(common(SQUARE + shift, SQUARE)) == pytest.approx(share)


def test_a_turned_square_is_cut_to_an_octagon():
    turned = (SQUARE - 1) @ (np.array([[1, -1], [1, 1]]) / np.sqrt(2)) + 1
    assert area(common(hull(turned), SQUARE)) == pytest.approx(8 * (np.sqrt(2) - 1))
