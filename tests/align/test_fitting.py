"""Maps from stars to their places."""

import numpy as np
import pytest

from jwpipe.align.fitting import fit

TURN = np.array([[np.cos(0.3), np.sin(0.3)], [-np.sin(0.3), np.cos(0.3)]])
MAPS = {
    "shift": np.eye(2),
    "rshift": TURN,
    "rscale": 1.02 * TURN,
    "general": np.array([[1.01, 0.02], [-0.03, 0.97]]),
}


def stars(count=60, seed=4):
    return np.random.default_rng(seed).uniform(-30, 30, (count, 2))


@pytest.mark.parametrize("geometry", MAPS)
def test_the_map_is_found_and_outliers_are_left_out(geometry):
    rng = np.random.default_rng(1)
    here, true = stars(), MAPS[geometry]
    there = here @ true.T + [0.5, -2.0] + rng.normal(0, 1e-3, here.shape)
    there[:4] += rng.choice([-9, 9], (4, 2))
    found = fit(there, here, geometry, 3, 3.0)
    np.testing.assert_allclose(found.matrix, true, atol=1e-4)
    np.testing.assert_allclose(found.shift, [0.5, -2.0], atol=1e-3)
    assert not found.used[:4].any()
    assert found.rmse < 3e-3


def test_a_mirrored_list_is_turned_and_mirrored():
    here = stars()
    mirror = np.diag([1.0, -1.0]) @ TURN
    found = fit(here @ mirror.T, here, "rshift", 3, 3.0)
    np.testing.assert_allclose(found.matrix, mirror, atol=1e-12)


def test_stars_count_by_their_weights():
    here = stars()
    there = here + np.where(np.arange(60)[:, None] < 30, 1.0, 3.0)
    weights = np.where(np.arange(60) < 30, 3.0, 1.0)
    weights[::2] = 0
    assert fit(there, here, "shift", 0, 3.0, weights).shift == pytest.approx([1.5, 1.5])


@pytest.mark.parametrize(("geometry", "count"), [("shift", 0), ("rshift", 1), ("rscale", 1), ("general", 2)])
def test_too_few_stars_are_refused(geometry, count):
    with pytest.raises(ValueError, match="too few"):
        fit(stars()[:count], stars()[:count], geometry, 3, 3.0)


def test_stars_on_a_line_give_no_general_map():
    line = np.outer(np.arange(9.0), [1, 2])
    with pytest.raises(ValueError, match="line"):
        fit(line, line, "general", 3, 3.0)
