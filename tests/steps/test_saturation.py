"""Saturation flags of a whole ramp."""

import numpy as np
from builders import make_ramp, make_references, make_run, write_reference

from jwpipe.products.dq import Group, Pixel
from jwpipe.steps.ramp.irs2 import science_rows
from jwpipe.steps.ramp.saturation import saturation


def test_pixels_without_threshold_are_not_checked_and_the_zero_frame_is_cleared(tmp_path):
    data = np.full((1, 3, 8, 8), 100.0)
    data[0, 1:, 2, 2] = data[0, 1:, 6, 6] = 60000
    data[0, 1, 4, 0] = 0
    ramp = make_ramp(data, ZEROFRAM=True)
    ramp.zeroframe = np.full((1, 8, 8), 50.0)
    ramp.zeroframe[0, 2, 6] = 60000
    threshold, dq = np.full((8, 8), 50000.0, "f4"), np.zeros((8, 8), "i4")
    threshold[0, 5], dq[6, 6] = np.nan, 4
    path = write_reference(tmp_path / "sat.fits", {"SCI": threshold, "DQ": dq}, dq_def={4: "NO_SAT_CHECK", 8: "ODD"})
    saturation(ramp, make_references(ramp, saturation=path), saturation.params(), make_run())
    flagged = (ramp.groupdq[0] & Group.SATURATED) != 0
    assert not flagged[0].any()
    assert flagged[1:, 1:4, 1:4].all()
    assert flagged[1:].sum() == 18
    assert ramp.groupdq[0, :, 4, 0].tolist() == [0, Group.AD_FLOOR | Group.DO_NOT_USE, 0]
    assert np.argwhere(ramp.pixeldq).tolist() == [[0, 5], [6, 6]]
    assert (ramp.pixeldq[6, 6], ramp.pixeldq[0, 5]) == (Pixel.NO_SAT_CHECK, Pixel.NO_SAT_CHECK)
    assert (ramp.zeroframe[0, 1:4, 5:8] == 0).all()
    assert (ramp.zeroframe == 0).sum() == 9


def test_in_irs2_readout_pixels_and_their_neighbours_on_the_detector_are_flagged(tmp_path):
    data = np.full((1, 3, 3200, 8), 100.0)
    ramp = make_ramp(data, INSTRUME="NIRSPEC", DETECTOR="NRS2", EXP_TYPE="NRS_MSASPEC", SUBSIZE2=2048)
    rows = science_rows(ramp)
    gap = np.flatnonzero(np.diff(rows) > 1)[3]  # of the detector's rows, the last before reference pixels
    ramp.data[0, 1:, rows[gap], 3] = 60000
    between = np.setdiff1d(np.arange(3200), rows)
    ramp.data[0, 1:, between] = 65535  # reference pixels may count what they like
    threshold, dq = np.full((2048, 8), 50000.0, "f4"), np.zeros((2048, 8), "i4")
    dq[9, 5] = 4
    arrays, place = {"SCI": threshold, "DQ": dq}, {"INSTRUME": "NIRSPEC", "DETECTOR": "NRS2"}
    path = write_reference(tmp_path / "sat.fits", arrays, dq_def={4: "NO_SAT_CHECK"}, **place)
    saturation(ramp, make_references(ramp, saturation=path), saturation.params(), make_run(2))
    expected = np.zeros((3, 3200, 8), "u1")
    expected[1:, rows[gap - 1 : gap + 2], 2:5] = Group.SATURATED
    np.testing.assert_array_equal(ramp.groupdq[0], expected)
    assert np.argwhere(ramp.pixeldq).tolist() == [[rows[9], 5]]
