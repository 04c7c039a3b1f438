"""Leave the first group of MIRI integrations out of the fit."""

from jwpipe.engine.params import StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import step
from jwpipe.products.ramp import Ramp
from jwpipe.steps.ramp.miri import leave_group_out

__all__ = ["firstframe"]


@step("firstframe", status="S_FRSTFR", peer="jwst.firstframe.firstframe_step.FirstFrameStep", by_integration=True)
def firstframe(ramp: Ramp, refs: References, par: StepParams, run: Run) -> Ramp:
    """Leave the first group of MIRI integrations out of the fit.

    The first group still shows the reset, which a reset correction does not remove entirely. It becomes DO_NOT_USE.

    Parameters
    ----------
    ramp : Ramp
        GROUPDQ is changed. Skipped where it is not of MIRI, or has fewer than 4 groups.
    refs, par, run
        Not used.

    Returns
    -------
    Ramp
        The same.
    """
    return leave_group_out(ramp, 0, fewest=4)
