"""Subtract the transient that follows the reset of MIRI detectors."""

import numpy as np

from jwpipe.engine.params import StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import step
from jwpipe.products.ramp import Ramp
from jwpipe.steps.ramp.miri import need_miri

__all__ = ["reset"]


@step("reset", status="S_RESET", peer="jwst.reset.reset_step.ResetStep", references=["reset"], by_integration=True)
def reset(ramp: Ramp, refs: References, par: StepParams, run: Run) -> Ramp:
    """Subtract the transient that follows the reset of MIRI detectors.

    The transient differs between the first integrations of an exposure and fades within the groups that the reference
    has: integration i of the exposure (counted from its start, not from that of a segment) takes the reference's
    integration i, or its last; later groups are left as they are. NaN counts as nothing to subtract.

    Parameters
    ----------
    ramp : Ramp
        Counts, DN; SCI and PIXELDQ are changed. Skipped where it is not of MIRI.
    refs : References
        ``reset``: counts, DN, by integration and group. Skipped where none applies.
    par : StepParams
        Not used.
    run : Run
        Not used.

    Returns
    -------
    Ramp
        The same.
    """
    need_miri(ramp)
    reference = refs.need("reset")
    nints, ngroups = reference.shape()[:2]
    first = int(ramp.get("INTSTART", 1)) - 1 + ramp.before
    plane = np.empty(ramp.shape[2:], "f4")
    for g in range(min(ngroups, ramp.shape[1])):
        held = None
        for i in range(ramp.shape[0]):
            wanted = min(first + i, nints - 1)
            if wanted != held:
                reference.read_plane((wanted, g), plane)
                plane[np.isnan(plane)] = 0
                held = wanted
            ramp.data[i, g] -= plane
    ramp.pixeldq |= reference.dq()
    return ramp
