"""Clipped statistics beside a loop over copies."""

import numpy as np
import pytest

from jwpipe.cext import clip


def slow(values, nonzero, sigma, most):
    values = values[np.isfinite(values)].astype("f8")
    values = values[values != 0] if nonzero else values
    for _ in range(most):
        middle, spread = np.median(values), values.std()
        kept = values[(values >= middle - sigma * spread) & (values <= middle + sigma * spread)]
        if len(kept) == len(values):
            break
        values = kept
    return len(values), values.mean(), np.median(values), values.std()


@pytest.mark.parametrize("nonzero", [False, True])
@pytest.mark.parametrize("most", [0, 1, 5])
@pytest.mark.parametrize("threads", [1, 2, 8])
def test_what_is_left_of_a_box(nonzero, most, threads):
    rng = np.random.default_rng(4)
    image = rng.normal(0.3, 2, (90, 71)).astype("f4")
    image[rng.random(image.shape) < 0.1] *= 30
    image[10:20], image[30:33, ::3], image[34, 5], image[35, :7] = 0, np.nan, np.inf, -np.inf
    for y0, y1, x0, x1 in ((0, 90, 0, 71), (5, 40, 3, 50), (60, 61, 0, 2), (60, 61, 0, 3), (70, 71, 9, 10)):
        count, *rest = slow(image[y0:y1, x0:x1], nonzero, 2.5, most)
        got = clip.statistics(image, (y0, y1, x0, x1), nonzero, 2.5, most, threads)
        assert got[0] == count
        assert got[2] == rest[1]
        np.testing.assert_allclose(got[1:], rest, rtol=1e-12, atol=1e-12)
        assert got == clip.statistics(image, (y0, y1, x0, x1), nonzero, 2.5, most, 1)


def test_nothing_is_left_of_nothing():
    image = np.full((4, 4), np.nan, "f4")
    assert clip.statistics(image, (0, 4, 0, 4), False, 3, 5, 2)[0] == 0
    with pytest.raises(ValueError, match="box"):
        clip.statistics(image, (0, 5, 0, 4), False, 3, 5, 2)


@pytest.mark.parametrize("most", [0, 1, 5])
@pytest.mark.parametrize("threads", [1, 2, 8])
def test_what_is_left_of_every_box(most, threads):
    rng = np.random.default_rng(5)
    image = rng.normal(0.3, 2, (90, 71)).astype("f4")
    image[rng.random(image.shape) < 0.1] *= 30
    image[10:20, :9], image[40:61, 24:48], image[61, 30] = np.inf, np.nan, 7
    image[62:80, 24:48] = np.nan
    counts, medians, stds = np.empty((5, 3), np.intp), np.empty((5, 3)), np.empty((5, 3))
    clip.boxes(image, 20, 24, 2.5, most, counts, medians, stds, threads)
    for j, i in np.ndindex(counts.shape):
        box = (20 * j, min(20 * (j + 1), 90), 24 * i, min(24 * (i + 1), 71))
        count, _, median, std = clip.statistics(image, box, False, 2.5, most, 1)
        assert counts[j, i] == count
        np.testing.assert_equal(medians[j, i], median)
        np.testing.assert_allclose(stds[j, i], std, rtol=1e-12)


@pytest.mark.parametrize("kind", ["noise", "sorted", "misleading", "constant"])
@pytest.mark.parametrize("shape", [(96, 100), (97, 101)])
def test_the_median_of_a_large_box(kind, shape):
    rng = np.random.default_rng(6)
    image = rng.normal(3, 1, shape).astype("f4")
    if kind == "sorted":
        image = np.sort(image, axis=None).reshape(shape)
    elif kind == "misleading":  # what a sample of it would hold is all above the rest
        image.ravel()[:: image.size // 1024] += 50
    elif kind == "constant":
        image[:] = 2.5
    counts, medians, stds = np.empty((1, 1), np.intp), np.empty((1, 1)), np.empty((1, 1))
    clip.boxes(image, *shape, 3.0, 5, counts, medians, stds, 1)
    count, _, median, std = clip.statistics(image, (0, shape[0], 0, shape[1]), False, 3.0, 5, 1)
    assert (counts[0, 0], medians[0, 0]) == (count, median)
    np.testing.assert_allclose(stds[0, 0], std, rtol=1e-12)
