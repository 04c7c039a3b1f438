"""Convolution and peaks beside NumPy's way of doing the same, whatever the number of threads."""

import numpy as np
import pytest

from jwpipe.cext import starfinder

SHAPE = (61, 47)


def make_image(rng):
    image = rng.normal(1, 5, SHAPE).astype("f4").round(1)  # with ties
    image[rng.random(SHAPE) < 0.01] = np.nan
    return image


def disc(radius):
    steps = np.arange(-radius, radius + 1)
    inside = np.add.outer(steps**2, steps**2) <= radius**2
    return np.ascontiguousarray(np.argwhere(inside) - radius, "i4")


def moved(image, offset, radius, beyond):
    """The image with each pixel's neighbour at an offset in its place."""
    y, x = offset + radius
    return np.pad(image, radius, constant_values=beyond)[y : y + SHAPE[0], x : x + SHAPE[1]]


@pytest.mark.parametrize("radius", [2, 3])
def test_values_are_summed_with_zeros_beyond_the_edges(radius):
    rng = np.random.default_rng(radius)
    image, offsets = make_image(rng), disc(radius)
    weights = rng.normal(0, 1, len(offsets))
    expected = np.zeros(SHAPE)
    for weight, offset in zip(weights, offsets, strict=True):
        expected += weight * moved(image, offset, radius, 0).astype("f8")
    for threads in (1, 2, 8):
        smoothed = np.empty(SHAPE, "f4")
        starfinder.convolve(image, offsets, weights, smoothed, threads)
        np.testing.assert_array_equal(smoothed, expected.astype("f4"))


@pytest.mark.parametrize("radius", [2, 3])
def test_peaks_are_not_fainter_than_their_neighbours(radius):
    rng = np.random.default_rng(radius)
    smoothed, offsets = make_image(rng), disc(radius)
    missing = rng.random(SHAPE) < 0.05
    stack = np.stack([moved(smoothed, offset, radius, 0) for offset in offsets])
    highest = np.where(np.isnan(stack), -np.inf, stack).max(axis=0)
    expected = (smoothed == highest) & (smoothed > 6) & ~missing
    assert expected.any()
    for threads in (1, 2, 8):
        found = np.empty(SHAPE, "u1")
        starfinder.peaks(smoothed, missing.view("u1"), offsets, 6, found, threads)
        np.testing.assert_array_equal(found.view(bool), expected)


def test_negative_peaks_at_an_edge_are_none():
    smoothed = np.full((9, 9), -5, "f4")
    smoothed[0, 4] = smoothed[4, 4] = -1
    found = np.empty(smoothed.shape, "u1")
    starfinder.peaks(smoothed, np.zeros_like(found), disc(2), -3, found, 1)
    assert np.argwhere(found).tolist() == [[4, 4]]
