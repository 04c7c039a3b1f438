"""Reference pixels of whole ramps."""

import numpy as np
import pytest
from builders import make_ramp, make_references, make_run

from jwpipe.engine.step import Skip
from jwpipe.products.dq import Pixel
from jwpipe.products.modes import DETECTORS
from jwpipe.steps.ramp.refpix import refpix
from jwpipe.steps.ramp.refpix_nir import View

TURNS = {  # from the array to the detector, as the telescope's documentation draws them
    "NRCA1": lambda a: a[:, ::-1],
    "NRCB1": lambda a: a[::-1],
    "NIS": lambda a: a[::-1, ::-1].T,
    "NRS1": lambda a: a.T,
    "NRS2": lambda a: a.T[::-1, ::-1],
    "GUIDER1": lambda a: a[::-1, ::-1],
    "GUIDER2": lambda a: a[:, ::-1],
}


def correct(ramp, **parameters):
    refpix(ramp, make_references(ramp, refpix=None), refpix.params(**parameters), make_run())
    return ramp.data


@pytest.mark.parametrize("detector", TURNS)
def test_a_view_is_the_detector_as_it_is_read(detector):
    ramp = make_ramp(np.zeros((1, 1, 30, 50)), SUBSTRT1=101, SUBSTRT2=1801)
    view = View(detector, ramp.subarray)
    y, x = np.mgrid[1800:1830, 100:150]
    whole_y, whole_x = (TURNS[detector](plane) for plane in np.mgrid[:2048, :2048])
    at = np.ix_(view.rows, view.columns)
    np.testing.assert_array_equal(view.plane(y), whole_y[at])
    np.testing.assert_array_equal(view.plane(x), whole_x[at])
    placed = np.zeros((30, 50))
    along = placed.T if view.transposed else placed
    along += view.unturn_columns(view.columns) + 3000 * view.unturn_rows(view.rows)[:, None]
    np.testing.assert_array_equal(view.plane(placed), view.columns + 3000 * view.rows[:, None])


def test_every_near_infrared_detector_has_an_orientation():
    ramp = make_ramp(np.zeros((1, 1, 8, 8)))
    for instrument in DETECTORS.keys() - {"MIRI"}:
        for detector in DETECTORS[instrument]:
            assert View(detector, ramp.subarray).plane(ramp.data[0, 0]).shape == (8, 8)


def test_offsets_of_amplifiers_columns_and_rows_are_removed():
    # A stripe at the bottom of NRCB1, which is read upside down: its rows are at the top of the detector.
    rng = np.random.default_rng(1)
    sky = rng.integers(0, 100, (64, 2048))
    sky[:4] = sky[:, :4] = sky[:, -4:] = 0
    x = np.arange(2048)
    columns, rows = 10 * (x // 512) + 3 * (x % 2), 5 * (np.arange(64) // 16)
    data = np.broadcast_to(sky + columns + rows[:, None], (1, 2, 64, 2048)).astype("f4")
    ramp = make_ramp(data, DETECTOR="NRCB1", NOUTPUTS=4)
    corrected = correct(ramp)
    # Away from steps between rows the median follows them exactly; rows count from those of the reference pixels.
    clear = np.flatnonzero(np.abs((np.arange(64) + 8) % 16 - 8) >= 6)
    np.testing.assert_array_equal(corrected[0, :, clear], np.broadcast_to(sky[clear][:, None], (len(clear), 2, 2048)))
    np.testing.assert_array_equal(ramp.pixeldq, 0)


def test_bad_reference_pixels_are_left_out_and_the_zero_frame_keeps_its_zeros():
    data = np.full((1, 2, 32, 64), 100.0)
    data[:, :, 0, ::2] = 900
    ramp = make_ramp(data, DETECTOR="NRCB1", NOUTPUTS=1, ZEROFRAM=True)
    ramp.pixeldq[:4] = Pixel.REFERENCE_PIXEL
    ramp.pixeldq[0] |= Pixel.DO_NOT_USE
    ramp.zeroframe = np.full((1, 32, 64), 70.0)
    ramp.zeroframe[0, 10, 10] = 0
    corrected = correct(ramp)
    assert (corrected[:, :, 1:] == 0).all()
    assert (corrected[:, :, 0, ::2] == 800).all()
    assert (ramp.zeroframe == 0).all()
    ramp.zeroframe[:] = 70
    ramp.zeroframe[0, 10, 10] = 0
    ramp.pixeldq[:] = 0
    correct(ramp)
    assert (ramp.zeroframe == 70).sum() == 32 * 64 - 1


@pytest.mark.parametrize("block", [1, 3])
def test_blocks_of_groups_do_not_matter(monkeypatch, block):
    rng = np.random.default_rng(2)
    data = rng.normal(12000, 20, (2, 4, 40, 2048))
    whole = correct(make_ramp(data, DETECTOR="NIS", NOUTPUTS=4))
    monkeypatch.setattr("jwpipe.steps.ramp.refpix_nir.BLOCK", block)
    np.testing.assert_array_equal(correct(make_ramp(data, DETECTOR="NIS", NOUTPUTS=4)), whole)


def test_miri_subarrays_and_arrays_beyond_the_detector_are_skipped():
    miri = {"INSTRUME": "MIRI", "DETECTOR": "MIRIMAGE", "EXP_TYPE": "MIR_IMAGE"}
    with pytest.raises(Skip, match="MIRI subarrays"):
        correct(make_ramp(np.zeros((1, 2, 64, 72)), **miri))
    with pytest.raises(Skip, match="reaches beyond"):
        correct(make_ramp(np.zeros((1, 2, 64, 64)), SUBSTRT1=2000))


def test_offsets_of_miri_amplifiers_and_rows_are_removed_above_the_first_group():
    rng = np.random.default_rng(3)
    first = rng.integers(0, 100, (1024, 1032))
    drift = 4 * (np.arange(1032) % 4) + 3 * (np.arange(1024) % 2)[:, None]
    data = np.stack([first, first + drift, first + 2 * drift])[None]
    ramp = make_ramp(data, INSTRUME="MIRI", DETECTOR="MIRIMAGE", EXP_TYPE="MIR_IMAGE", NOUTPUTS=4)
    np.testing.assert_array_equal(correct(ramp), np.broadcast_to(first, data.shape))
    ramp.pixeldq[:, 1029] = Pixel.DO_NOT_USE
    with pytest.raises(Skip, match="no good reference pixels"):
        correct(ramp)
