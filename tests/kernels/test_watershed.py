"""The flooding of an image beside a slow twin that sorts the shore anew for every pixel."""

import numpy as np
import pytest

from jwpipe.cext import watershed

NEAR = [(-1, 0), (0, -1), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)]


def flood(image, allowed, labels):
    """Flood from the markers, the brightest pixel at the shore first, of equal ones that which was reached first."""
    labels, age = labels.copy(), 0
    shore = [(-image[place], 0, place) for place in zip(*np.nonzero(labels), strict=True)]
    while shore:
        shore.sort()
        _, _, (y, x) = shore.pop(0)
        for dy, dx in NEAR:
            place = y + dy, x + dx
            inside = 0 <= place[0] < image.shape[0] and 0 <= place[1] < image.shape[1]
            if inside and allowed[place] and not labels[place]:
                age += 1
                labels[place] = labels[y, x]
                shore.append((-image[place], age, place))
    return labels


@pytest.mark.parametrize("levels", [4, 1000])
def test_floods_meet_where_they_should(levels):
    rng = np.random.default_rng(levels)
    image = np.round(rng.normal(0, levels / 4, (30, 41))).astype("f4")  # with many or few ties
    allowed = (rng.random(image.shape) < 0.9).astype("u1")
    allowed[:, 35] = 0  # what no flood reaches stays dry
    markers = np.zeros(image.shape, "i4")
    for label in range(1, 7):
        markers[rng.integers(1, 29), rng.integers(1, 34)] = label
    expected = flood(image, allowed, markers)
    assert (expected[:, 36:] == 0).all()
    assert len(np.unique(expected)) == 7
    watershed.flood(image, allowed, markers)
    np.testing.assert_array_equal(markers, expected)
