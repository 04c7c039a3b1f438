"""Linearity of a whole ramp."""

import numpy as np
import pytest
from builders import make_ramp, make_references, make_run, write_reference

from jwpipe.errors import ReferenceError
from jwpipe.products.dq import Group, Pixel
from jwpipe.steps.ramp.linearity import BAND, linearity


def correct(ramp, path):
    return linearity(ramp, make_references(ramp, linearity=path), linearity.params(), make_run())


def test_ramp_and_zero_frame_are_corrected_and_pixels_without_correction_flagged(tmp_path):
    ny = BAND + 3  # two bands
    ramp = make_ramp(np.full((1, 2, ny, 5), 100.0), ZEROFRAM=True)
    ramp.zeroframe = np.full((1, ny, 5), 10.0)
    ramp.zeroframe[0, -1, 0] = 0
    ramp.groupdq[0, 1, -1, 1] = Group.SATURATED
    coefficients = np.empty((3, ny, 5), "f4")
    coefficients[:] = np.array([3, 1, 0.25])[:, None, None]
    dq = np.zeros((ny, 5), "i4")
    coefficients[2, -1, 2], coefficients[1, 0, 3], dq[0, 4] = np.nan, 0, 1
    path = write_reference(tmp_path / "l.fits", {"COEFFS": coefficients, "DQ": dq}, dq_def={1: "NO_LIN_CORR"})
    correct(ramp, path)
    assert np.argwhere(ramp.pixeldq == Pixel.NO_LIN_CORR).tolist() == [[0, 3], [0, 4], [ny - 1, 2]]
    unchanged = ramp.data == 100
    assert unchanged.sum() == 7
    assert unchanged[0, 1, -1, 1]
    assert (ramp.data[~unchanged] == 2603).all()
    assert ramp.zeroframe[0, -1].tolist() == [0, 38, 10, 38, 38]


def test_a_reference_without_linear_term_is_refused(tmp_path):
    ramp = make_ramp(np.full((1, 2, 4, 4), 100.0))
    with pytest.raises(ReferenceError, match="no linear term"):
        correct(ramp, write_reference(tmp_path / "l.fits", {"COEFFS": np.ones((1, 4, 4))}))
