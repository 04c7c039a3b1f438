"""Subtraction of the bias."""

import numpy as np
from builders import make_ramp, make_references, make_run, write_reference

from jwpipe.products.dq import Pixel
from jwpipe.steps.ramp.superbias import superbias


def test_the_bias_is_taken_from_groups_and_zero_frame_but_not_where_unknown_or_unusable(tmp_path):
    ramp = make_ramp(np.full((2, 3, 4, 4), 100.0), ZEROFRAM=True)
    ramp.zeroframe = np.full((2, 4, 4), 50.0)
    ramp.zeroframe[1, 2, 2] = 0
    bias, dq = np.full((4, 4), 10.0, "f4"), np.zeros((4, 4), "i4")
    bias[0, 0], dq[1, 1] = np.nan, 1 << 22
    path = write_reference(tmp_path / "bias.fits", {"SCI": bias, "DQ": dq})
    superbias(ramp, make_references(ramp, superbias=path), superbias.params(), make_run())
    assert (ramp.data[..., 0, 0] == 100).all()
    assert (ramp.data == 90).sum() == 2 * 3 * 15
    assert ramp.zeroframe[:, 0, 0].tolist() == [50, 50]
    assert ramp.zeroframe[:, 2, 2].tolist() == [40, 0]
    assert np.argwhere(ramp.pixeldq == Pixel.UNRELIABLE_BIAS).tolist() == [[1, 1]]
