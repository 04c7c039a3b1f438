"""Flags of charge migration."""

import numpy as np
import pytest
from builders import make_ramp, make_references, make_run

from jwpipe.engine.step import Skip
from jwpipe.products.dq import Group
from jwpipe.steps.ramp.charge_migration import charge_migration

LOST = Group.CHARGELOSS | Group.DO_NOT_USE


def flag(ramp, **parameters):
    return charge_migration(ramp, make_references(ramp), charge_migration.params(**parameters), make_run())


def test_a_bright_group_flags_a_cross_from_there_on():
    ramp = make_ramp(np.zeros((2, 4, 5, 5)))
    ramp.data[1, 2, 0, 3] = ramp.data[0, 1, 4, 4] = 30000
    ramp.groupdq[0, 1, 4, 4] = Group.DO_NOT_USE
    flag(ramp)
    assert not ramp.groupdq[1, :2].any()
    for group in ramp.groupdq[1, 2:]:
        assert np.argwhere(group == LOST).tolist() == [[0, 2], [0, 3], [0, 4], [1, 3]]
    assert np.argwhere(ramp.groupdq[0]).tolist() == [[1, 4, 4]]


def test_two_groups_are_too_few():
    with pytest.raises(Skip, match="too short"):
        flag(make_ramp(np.zeros((1, 2, 4, 4))))
