"""The convolution that bridges missing values beside a slow twin."""

import numpy as np

from jwpipe.cext import smooth


def test_missing_values_are_bridged_whatever_the_number_of_threads():
    rng = np.random.default_rng(1)
    image = rng.normal(3, 1, (31, 45)).astype("f4")
    image[rng.random(image.shape) < 0.1] = np.nan
    missing = (rng.random(image.shape) < 0.1).astype("u1")
    missing[20:, 30:] = 1
    profile = np.exp(-0.5 * np.arange(-3, 4) ** 2 / 1.3)
    profile /= profile.sum()
    kernel = np.outer(profile, profile)
    # Zeros beyond the edges are values; what is missing has no weight.
    values, weights = (np.pad(np.where(np.isnan(image) | missing, 0, a), 3) for a in (image.astype("f8"), 1.0))
    weights[:3], weights[-3:], weights[:, :3], weights[:, -3:] = 1, 1, 1, 1
    expected = np.full(image.shape, np.nan)
    for j, i in np.ndindex(image.shape):
        weight = (kernel * weights[j : j + 7, i : i + 7]).sum()
        if weight > 0:
            expected[j, i] = (kernel * values[j : j + 7, i : i + 7]).sum() / weight
    assert np.isnan(expected).any()
    made = []
    for threads in (1, 2, 8):
        out = np.empty_like(image)
        smooth.smooth(image, missing, profile, out, threads)
        np.testing.assert_allclose(out, expected, rtol=2e-6, atol=1e-7)
        made.append(out)
    np.testing.assert_array_equal(made[0], made[1])
    np.testing.assert_array_equal(made[0], made[2])
