"""What the steps that are for MIRI alone have in common."""

from jwpipe.engine.step import Skip
from jwpipe.products.dq import Group

__all__ = ["leave_group_out", "need_miri"]


def need_miri(ramp):
    """Skip the step for exposures of other instruments."""
    if ramp["INSTRUME"] != "MIRI":
        raise Skip("it is for MIRI alone")


def leave_group_out(ramp, group, fewest):
    """Make one group of every integration DO_NOT_USE; skip the step for ramps of fewer groups than `fewest`."""
    need_miri(ramp)
    if ramp.shape[1] < fewest:
        raise Skip(f"{ramp.shape[1]} groups are too few to leave one out")
    ramp.groupdq[:, group] |= Group.DO_NOT_USE
    return ramp
