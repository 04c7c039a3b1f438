"""Stars of one list found in another."""

import numpy as np
import pytest

from jwpipe.align.matching import Confusion, Matching, match, offset

SCALE = 0.03


def field(seed, count=80, size=60.0):
    return np.random.default_rng(seed).uniform(-size / 2, size / 2, (count, 2))


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.62, -1.13), (-1.6, 1.6)])
def test_the_offset_is_the_most_frequent_difference(shift):
    rng = np.random.default_rng(5)
    reference = field(1)
    stars = np.concatenate([reference[:60] + shift + rng.normal(0, 0.01, (60, 2)), field(2, 30)])
    np.testing.assert_allclose(offset(stars, reference, 2.0, SCALE), shift, atol=SCALE)


def test_without_a_star_in_reach_the_offset_is_zero():
    assert offset(np.array([[0.0, 0.0]]), np.array([[9.0, 9.0]]), 2.0, SCALE).tolist() == [0, 0]


def test_a_wide_search_takes_no_more_memory():
    reference = field(1)
    np.testing.assert_allclose(offset(reference + 900, reference, 2000.0, SCALE), [900, 900], atol=SCALE)


def test_stars_are_matched_though_others_are_missing():
    reference = field(1)
    order = np.random.default_rng(3).permutation(80)[:50]
    stars = reference[order] + [1.2, -0.4]
    in_reference, in_stars = match(reference, stars, Matching(2.0, 0.01, 0.1), SCALE)
    np.testing.assert_array_equal(order[in_stars], in_reference)
    assert len(in_stars) == 50


def test_a_given_offset_is_used_as_it_is():
    reference = field(1)
    how = Matching(2.0, 0.01, 0.1, use2dhist=False, xoffset=7.0, yoffset=-3.0)
    assert len(match(reference, reference + np.array([7, -3]), how, SCALE)[0]) == 80
    assert len(match(reference, reference, how, SCALE)[0]) < 5


def test_more_pairs_than_stars_are_confusion():
    reference = np.array([[0.0, 0.0], [0.3, 0.0]])
    with pytest.raises(Confusion, match="adjust tolerance"):
        match(reference, np.array([[0.1, 0.0]]), Matching(2.0, 0.01, 0.5, use2dhist=False), SCALE)
