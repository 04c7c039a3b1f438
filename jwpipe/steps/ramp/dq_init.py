"""Bring the flags of the detector's bad pixels into the exposure."""

import numpy as np

from jwpipe.engine.params import StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import step
from jwpipe.products.dq import Group, Pixel
from jwpipe.products.guider import GuiderRaw
from jwpipe.products.ramp import Ramp

__all__ = ["dq_init"]


@step("dq_init", status="S_DQINIT", peer="jwst.dq_init.dq_init_step.DQInitStep", references=["mask"], by_group=True)
def dq_init(exposure: Ramp | GuiderRaw, refs: References, par: StepParams, run: Run) -> Ramp | GuiderRaw:
    """Bring the flags of the detector's bad pixels into the exposure.

    PIXELDQ takes all flags of the mask; every group takes its DO_NOT_USE, so that no ramp is fitted to a bad pixel.
    Guider exposures have no flags of groups: their DQ takes the mask's.

    Parameters
    ----------
    exposure : Ramp or GuiderRaw
        PIXELDQ and GROUPDQ, or DQ, are changed.
    refs : References
        ``mask``: flags of the detector's pixels. Skipped where none applies.
    par : StepParams
        No parameters.
    run : Run
        Log.

    Returns
    -------
    Ramp or GuiderRaw
        The same.
    """
    mask = refs.need("mask").dq(required=True)
    unusable = np.where(mask & Pixel.DO_NOT_USE, Group.DO_NOT_USE, Group.GOOD)
    if isinstance(exposure, Ramp):
        exposure.pixeldq |= mask
        exposure.groupdq |= unusable
    else:
        exposure.dq |= mask
    run.log.info("%d pixels are not to be used", np.count_nonzero(unusable))
    return exposure
