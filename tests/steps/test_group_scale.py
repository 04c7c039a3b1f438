"""Rescaling of frame averages."""

import numpy as np
import pytest
from builders import make_ramp, make_references, make_run

from jwpipe.engine.step import Skip
from jwpipe.steps.ramp.group_scale import group_scale


def scale(ramp):
    return group_scale(ramp, make_references(ramp), group_scale.params(), make_run())


def test_groups_of_five_frames_divided_by_eight_on_board_are_mended():
    ramp = make_ramp(np.full((1, 2, 4, 4), 100.0), NFRAMES=5, FRMDIVSR=8, ZEROFRAM=True)
    ramp.zeroframe = np.full((1, 4, 4), 100.0)
    scale(ramp)
    assert (ramp.data == 160).all()
    assert (ramp.zeroframe == 100).all()


@pytest.mark.parametrize(
    ("keywords", "why"),
    [
        ({"NFRAMES": 4, "FRMDIVSR": 4}, "right divisor"),
        ({"NFRAMES": 5, "FRMDIVSR": None}, "FRMDIVSR"),
        ({"NFRAMES": None}, "NFRAMES"),
    ],
)
def test_the_step_says_why_it_does_not_apply(keywords, why):
    ramp = make_ramp(np.full((1, 2, 4, 4), 100.0), **keywords)
    with pytest.raises(Skip, match=why):
        scale(ramp)
    assert (ramp.data == 100).all()
