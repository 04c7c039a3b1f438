"""Statistics of the sky beside slow twins."""

import numpy as np
import pytest

from jwpipe.cext import sky

F4 = np.float32


@pytest.fixture
def values():
    """More values than a block has, and no whole number of lanes."""
    rng = np.random.default_rng(1)
    return np.concatenate([rng.normal(3, 0.1, 70_003), rng.uniform(-5, 50, 3000)]).astype("f4")


def test_gather():
    rng = np.random.default_rng(2)
    image = rng.normal(0, 1, (30, 41)).astype("f4")
    image[rng.random(image.shape) < 0.1] = np.nan
    image[3, 4], image[5, 6] = np.inf, -np.inf
    dq = rng.choice([0, 1, 4, 512], image.shape).astype("u4")
    inside = (rng.random(image.shape) < 0.8).astype("u1")
    good = np.isfinite(image) & (dq & 513 == 0)
    for threads in (1, 2, 8):
        clean, out = np.empty_like(image), np.empty(image.size + 1, "f4")
        sky.clean(image, dq, 513, clean, threads)
        np.testing.assert_array_equal(clean, np.where(good, image, np.nan))
        count = sky.gather(clean, inside, out, threads)
        np.testing.assert_array_equal(out[:count], image[(inside > 0) & good])


@pytest.mark.parametrize("limits", [(-1e9, 1e9), (2.7, 3.2), (2.5, 2.5), (60, 70), (-9, -8)])
def test_moments(values, limits):
    low, high = (F4(limit) for limit in limits)
    kept = values[(values >= low) & (values <= high)]
    found = [sky.moments(values, low, high, 3.5, threads) for threads in (1, 2, 8)]
    assert found[0][:1] + found[0][3:] == found[1][:1] + found[1][3:]
    assert repr(found[0]) == repr(found[1]) == repr(found[2])  # NaN too
    count, mean, std, least, most = found[0]
    assert count == len(kept)
    moved = np.append(kept, np.clip(values[0], low, high))
    assert (least, most) == (moved.min(), moved.max())
    if count > 1:
        assert mean == pytest.approx(kept.mean(dtype="f8"), rel=1e-7)
        assert std == pytest.approx(kept.std(dtype="f8", ddof=1), rel=1e-6)
    elif not count:
        assert np.isnan(mean)


def test_histogram(values):
    low, width, bins = F4(2.6), F4(0.037), 25
    high = F4(low + width * bins)
    kept = values[(values >= low) & (values < high)]
    expected = np.bincount(np.minimum(((kept - low).astype("f8") / width).astype(int), bins - 1), minlength=bins)
    for threads in (1, 2, 8):
        counts = np.zeros(bins, "u4")
        sky.histogram(values, low, high, width, counts, threads)
        np.testing.assert_array_equal(counts, expected)


@pytest.mark.parametrize("limits", [(-np.inf, np.inf), (2.7, 3.2), (2.7, 3.21)])
def test_median(values, limits):
    low, high = (F4(limit) for limit in limits)
    assert sky.median(values, low, high) == np.median(values[(values >= low) & (values <= high)])
