"""The background beside photutils', which 1.14.1 uses."""

import warnings

import numpy as np
import pytest
from scipy.ndimage import zoom

from jwpipe.catalog.background import _spline, background


@pytest.mark.parametrize(("count", "step"), [(1, 7), (2, 5), (3, 10), (9, 64), (30, 3)])
def test_spline_is_scipys(count, step):
    expected = np.stack([zoom(one, step, order=3, mode="reflect", grid_mode=True) for one in np.eye(count)], axis=1)
    np.testing.assert_allclose(_spline(count, step), expected if count > 1 else 1, atol=1e-13)


@pytest.mark.parametrize("size", [16, 37, 50, 500])
def test_background(size):
    from astropy.stats import SigmaClip
    from photutils.background import Background2D, MedianBackground

    rng = np.random.default_rng(size)
    ny, nx = 150, 163
    y, x = np.indices((ny, nx))
    image = (rng.normal(3, 0.1, (ny, nx)) + 0.01 * x + 0.3 * np.sin(y / 30)).astype("f4")
    image[rng.random(image.shape) < 0.02] += 20
    image[60, 70] = np.nan
    missing = rng.random(image.shape) < 0.01
    missing[:, -35:] = True  # boxes that do not count are filled from others
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = Background2D(
            image,
            size if size < 150 else image.shape,
            filter_size=(3, 3),
            coverage_mask=missing,
            sigma_clip=SigmaClip(3.0),
            bkg_estimator=MedianBackground(),
            exclude_percentile=10.0 if size < 150 else 100.0,
        )
    found = [background(image, missing, size, threads) for threads in (1, 2, 8)]
    np.testing.assert_allclose(found[0][0], theirs.background, rtol=1e-6)
    np.testing.assert_allclose(found[0][1], theirs.background_rms, rtol=1e-5)
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def test_nothing_there():
    with pytest.raises(ValueError, match="no pixel"):
        background(np.zeros((20, 20), "f4"), np.ones((20, 20), bool), 5)
