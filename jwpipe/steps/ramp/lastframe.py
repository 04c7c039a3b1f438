"""Leave the last group of MIRI integrations out of the fit."""

from jwpipe.engine.params import StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import step
from jwpipe.products.ramp import Ramp
from jwpipe.steps.ramp.miri import leave_group_out

__all__ = ["lastframe"]


@step("lastframe", status="S_LASTFR", peer="jwst.lastframe.lastframe_step.LastFrameStep", by_integration=True)
def lastframe(ramp: Ramp, refs: References, par: StepParams, run: Run) -> Ramp:
    """Leave the last group of MIRI integrations out of the fit.

    Rows are reset in pairs while the last group is read: the row read after its partner was reset has lost signal to
    it. The group becomes DO_NOT_USE.

    Parameters
    ----------
    ramp : Ramp
        GROUPDQ is changed. Skipped where it is not of MIRI, or has fewer than 3 groups.
    refs, par, run
        Not used.

    Returns
    -------
    Ramp
        The same.
    """
    return leave_group_out(ramp, -1, fewest=3)
