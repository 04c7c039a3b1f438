"""The median of images in windows of a grid."""

import warnings

import numpy as np
import pytest

from jwpipe.drizzle import stack as module
from jwpipe.drizzle.stack import Stack, least_weight


@pytest.mark.parametrize("spilled", [True, False])
def test_median_of_windows(tmp_path, monkeypatch, spilled):
    monkeypatch.setattr(module, "BAND", 4 * 30 * 3 * 7)  # seven rows
    rng = np.random.default_rng(1)
    stack, whole = Stack((40, 30), tmp_path if spilled else None), np.full((3, 40, 30), np.nan, "f4")
    for layer, (y0, y1, x0, x1) in zip(whole, ((0, 25, 0, 30), (10, 38, 3, 20), (12, 20, 5, 30)), strict=True):
        image = rng.normal(0, 1, (y1 - y0, x1 - x0)).astype("f4")
        image[rng.random(image.shape) < 0.1] = np.nan
        layer[y0:y1, x0:x1] = image
        stack.add(image, slice(y0, y1), slice(x0, x1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = np.nanmedian(whole, axis=0)
    assert np.isnan(expected[38:]).all()
    for threads in (1, 2):
        np.testing.assert_array_equal(stack.median(threads), expected)
    assert not list(tmp_path.iterdir())


def test_weights_that_stand_out_do_not_raise_the_least():
    weights = np.random.default_rng(2).normal(100, 1, (50, 60)).astype("f4")
    weights[:5], weights[10, :20] = 0, 1e5
    assert least_weight(weights, 0.7) == pytest.approx(70, rel=2e-3)
    assert np.isnan(least_weight(np.zeros((3, 4), "f4"), 0.7))
