"""Subtract the bias that the detector shows after a reset."""

import numpy as np

from jwpipe.cext import planes as kernel
from jwpipe.engine.params import StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import step
from jwpipe.products.ramp import Ramp

__all__ = ["superbias"]


@step(
    "superbias",
    status="S_SUPERB",
    peer="jwst.superbias.superbias_step.SuperBiasStep",
    references=["superbias"],
    by_group=True,
)
def superbias(ramp: Ramp, refs: References, par: StepParams, run: Run) -> Ramp:
    """Subtract the bias that the detector shows after a reset.

    The same for every group of every integration, and for the zero frame where it can be used (is not 0). Where the
    bias is not known (NaN) nothing is subtracted.

    Parameters
    ----------
    ramp : Ramp
        Counts, DN; data, ZEROFRAME and PIXELDQ are changed.
    refs : References
        ``superbias``: bias, DN, and its flags. Skipped where none applies.
    par : StepParams
        No parameters.
    run : Run
        Threads.

    Returns
    -------
    Ramp
        The same.
    """
    reference = refs.need("superbias")
    bias, dq = reference.array(), reference.dq()
    nints, ngroups = ramp.shape[:2]
    kernel.subtract(ramp.data, 0, nints, 0, ngroups, bias, run.threads)
    ramp.pixeldq |= dq
    if ramp.zeroframe is not None and ramp.get("ZEROFRAM"):
        np.copyto(bias, 0, where=np.isnan(bias))
        for frame in ramp.zeroframe:
            np.subtract(frame, bias, out=frame, where=frame != 0)
    return ramp
