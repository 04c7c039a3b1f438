"""Flags of bad pixels."""

import numpy as np
import pytest
from builders import make_ramp, make_references, make_run, write_reference

from jwpipe.engine.step import Skip
from jwpipe.errors import ReferenceError
from jwpipe.products.dq import Group, Pixel
from jwpipe.steps.ramp.dq_init import dq_init


def initialise(ramp, path):
    return dq_init(ramp, make_references(ramp, mask=path), dq_init.params(), make_run())


def test_the_mask_is_cut_translated_and_brought_into_every_group(tmp_path):
    ramp = make_ramp(np.zeros((2, 3, 8, 6)), SUBSTRT1=3, SUBSTRT2=2)
    ramp.pixeldq[7, 5] = Pixel.WARM
    ramp.groupdq[0, 1, 1, 1] = Group.SATURATED
    mask = np.zeros((12, 12), "i4")
    mask[2, 3], mask[8, 7] = 1 | 2, 2  # of the subarray: [1, 1] and [7, 5]
    initialise(ramp, write_reference(tmp_path / "m.fits", {"DQ": mask}, dq_def={1: "DEAD", 2: "DO_NOT_USE"}))
    assert ramp.pixeldq[1, 1] == Pixel.DEAD | Pixel.DO_NOT_USE
    assert ramp.pixeldq[7, 5] == Pixel.WARM | Pixel.DO_NOT_USE
    assert np.count_nonzero(ramp.pixeldq) == 2
    assert (ramp.groupdq[:, :, 7, 5] == Group.DO_NOT_USE).all()
    assert ramp.groupdq[0, :, 1, 1].tolist() == [1, 3, 1]
    assert np.count_nonzero(ramp.groupdq) == 12


def test_a_mask_must_apply_and_have_flags(tmp_path):
    ramp = make_ramp(np.zeros((1, 1, 4, 4)))
    with pytest.raises(Skip, match="no mask"):
        initialise(ramp, None)
    with pytest.raises(ReferenceError, match="no DQ"):
        initialise(ramp, write_reference(tmp_path / "m.fits", {"SCI": np.zeros((4, 4))}))
