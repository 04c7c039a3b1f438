"""The steps that leave groups of MIRI out, and the reset correction."""

import numpy as np
import pytest
from astropy.io import fits
from builders import make_ramp, make_references, make_run, write_reference

from jwpipe.engine.step import Skip
from jwpipe.steps.ramp.firstframe import firstframe
from jwpipe.steps.ramp.lastframe import lastframe
from jwpipe.steps.ramp.reset import reset
from jwpipe.steps.ramp.rscd import rscd

MIRI = {"INSTRUME": "MIRI", "DETECTOR": "MIRIMAGE", "EXP_TYPE": "MIR_IMAGE", "READPATT": "FASTR1", "SUBARRAY": "SUB64"}


def miri_ramp(nints, ngroups, **keywords):
    data = np.arange(nints * ngroups * 4 * 6, dtype="f4").reshape(nints, ngroups, 4, 6)
    return make_ramp(data, **(MIRI | keywords))


@pytest.mark.parametrize(("step", "group", "fewest"), [(firstframe, 0, 4), (lastframe, -1, 3)])
def test_one_group_is_left_out(step, group, fewest):
    ramp = miri_ramp(2, fewest)
    step(ramp, None, step.params(), make_run())
    assert (ramp.groupdq[:, group] == 1).all()
    assert ramp.groupdq.sum() == 2 * 4 * 6
    for other in (miri_ramp(2, fewest - 1), make_ramp(np.zeros((1, 9, 4, 6)))):
        with pytest.raises(Skip):
            step(other, None, step.params(), make_run())


def test_the_reset_of_each_integration_is_subtracted_in_the_groups_it_has(tmp_path):
    correction = np.arange(2 * 3 * 24, dtype="f4").reshape(2, 3, 4, 6)
    correction[1, 2, 0, 0] = np.nan
    path = write_reference(
        tmp_path / "r.fits", {"SCI": correction, "DQ": np.full((4, 6), 8, "i4")}, **MIRI, SUBSTRT1=1, SUBSTRT2=1
    )
    ramp = miri_ramp(3, 4, INTSTART=2, INTEND=4)
    before = ramp.data.copy()
    reset(ramp, make_references(ramp, reset=path), reset.params(), make_run())
    expected = before.copy()
    expected[:, :3] -= np.nan_to_num(correction[1])
    np.testing.assert_array_equal(ramp.data, expected)
    assert (ramp.pixeldq == 8).all()


def test_groups_after_a_reset_are_left_out_as_the_table_says(tmp_path):
    rows = np.array(
        [("FULL", "FASTR1", 9), ("SUB64", "FASTR1", 3)],
        dtype=[("subarray", "S13"), ("readpatt", "S8"), ("group_skip", "i4")],
    )
    table = fits.BinTableHDU(rows, name="RSCD_GROUP_SKIP")
    path = write_reference(tmp_path / "r.fits", tables=[table], **MIRI)
    ramp = miri_ramp(3, 7)
    rscd(ramp, make_references(ramp, rscd=path), rscd.params(), make_run())
    assert (ramp.groupdq[1:, :3] == 1).all()
    assert ramp.groupdq.sum() == 2 * 3 * 24
    for other, why in ((miri_ramp(3, 6), "too few"), (miri_ramp(3, 9, SUBARRAY="SUB128"), "no row")):
        with pytest.raises(Skip, match=why):
            rscd(other, make_references(other, rscd=path), rscd.params(), make_run())
    with pytest.raises(Skip, match="not defined"):
        rscd(ramp, make_references(ramp, rscd=path), rscd.params(type="enhanced"), make_run())
