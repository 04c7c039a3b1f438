"""Reading reference files: windows, bands and planes."""

import numpy as np
import pytest
from builders import make_ramp, make_references, write_reference

from jwpipe.errors import ReferenceError

STACK = np.arange(2 * 3 * 20 * 15, dtype="f4").reshape(2, 3, 20, 15)


@pytest.mark.parametrize("place", [(1, 1, 15, 20), (1, 5, 15, 9), (4, 6, 8, 10)])
def test_arrays_are_cut_to_the_exposure_whole_in_bands_and_by_plane(place, tmp_path):
    x, y, nx, ny = place
    ramp = make_ramp(np.zeros((1, 1, ny, nx)), SUBSTRT1=x, SUBSTRT2=y)
    reference = make_references(ramp, dark=write_reference(tmp_path / "d.fits", {"SCI": STACK}))["dark"]
    cut = STACK[:, :, y - 1 : y - 1 + ny, x - 1 : x - 1 + nx]
    np.testing.assert_array_equal(reference.array(), cut)
    np.testing.assert_array_equal(reference.array(dtype="f8", rows=slice(3, 7)), cut[:, :, 3:7])
    plane = np.empty((ny, nx), "f4")
    reference.read_plane((1, 2), plane)
    np.testing.assert_array_equal(plane, cut[1, 2])
    np.testing.assert_array_equal(reference.whole(), STACK)


def test_an_exposure_beyond_the_reference_is_refused(tmp_path):
    ramp = make_ramp(np.zeros((1, 1, 4, 4)), SUBSTRT1=14)
    reference = make_references(ramp, dark=write_reference(tmp_path / "d.fits", {"SCI": STACK}))["dark"]
    with pytest.raises(ReferenceError, match="does not cover"):
        reference.array()
