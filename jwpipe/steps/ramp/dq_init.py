"""Bring the flags of the detector's bad pixels into the exposure."""

import numpy as np

from jwpipe.engine.params import StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import step
from jwpipe.products.dq import Group, Pixel
from jwpipe.products.ramp import Ramp

__all__ = ["dq_init"]


@step("dq_init", status="S_DQINIT", peer="jwst.dq_init.dq_init_step.DQInitStep", references=["mask"])
def dq_init(ramp: Ramp, refs: References, par: StepParams, run: Run) -> Ramp:
    """Bring the flags of the detector's bad pixels into the exposure.

    PIXELDQ takes all flags of the mask; every group takes its DO_NOT_USE, so that no ramp is fitted to a bad pixel.

    Parameters
    ----------
    ramp : Ramp
        PIXELDQ and GROUPDQ are changed.
    refs : References
        ``mask``: flags of the detector's pixels. Skipped where none applies.
    par : StepParams
        No parameters.
    run : Run
        Log.

    Returns
    -------
    Ramp
        The same.
    """
    mask = refs.need("mask").dq(required=True)
    ramp.pixeldq |= mask
    unusable = np.where(mask & Pixel.DO_NOT_USE, Group.DO_NOT_USE, Group.GOOD)
    ramp.groupdq |= unusable
    run.log.info("%d pixels are not to be used", np.count_nonzero(unusable))
    return ramp
