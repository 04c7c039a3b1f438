"""Rescale groups of frames that were averaged on board with the wrong divisor."""

import numpy as np

from jwpipe.engine.params import StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import Skip, step
from jwpipe.products.ramp import Ramp

__all__ = ["group_scale"]


@step("group_scale", status="S_GRPSCL", peer="jwst.group_scale.group_scale_step.GroupScaleStep", by_group=True)
def group_scale(ramp: Ramp, refs: References, par: StepParams, run: Run) -> Ramp:
    """Rescale groups of frames that were averaged on board with the wrong divisor.

    On board, the frames of a group are added and shifted: divided by a power of two (FRMDIVSR). Where the number of
    frames (NFRAMES) is none, the groups are multiplied by FRMDIVSR / NFRAMES. The zero frame is a single frame and
    stays.

    Parameters
    ----------
    ramp : Ramp
        Counts, DN, changed in place.
    refs : References
        None.
    par : StepParams
        No parameters.
    run : Run
        Log.

    Returns
    -------
    Ramp
        The same.
    """
    frames, divisor = ramp.get("NFRAMES"), ramp.get("FRMDIVSR")
    if frames is None:
        raise Skip("the number of frames a group (NFRAMES) is not known")
    if divisor is None:
        raise Skip("the divisor of the on-board averaging (FRMDIVSR) is not known")
    if frames == divisor:
        raise Skip("the groups were averaged with the right divisor")
    run.log.info("groups are multiplied by %s / %s", divisor, frames)
    np.multiply(ramp.data, np.float32(divisor / frames), out=ramp.data)
    return ramp
