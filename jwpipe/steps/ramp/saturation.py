"""Flag saturated groups, and groups at the floor of the A/D converter."""

from typing import Annotated

import numpy as np

from jwpipe.cext import saturation as kernel
from jwpipe.engine.params import AtLeast, Help, StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import step
from jwpipe.products.dq import Group, Pixel
from jwpipe.products.parts import bands
from jwpipe.products.ramp import Ramp
from jwpipe.steps.ramp.irs2 import science_rows

__all__ = ["saturation"]

NEVER = 65536.0  # above every count of a 16-bit converter


class Params(StepParams):
    """Parameters of `saturation`."""

    n_pix_grow_sat: Annotated[int, Help("pixels by which to grow saturated regions"), AtLeast(0)] = 1


@step(
    "saturation",
    status="S_SATURA",
    peer="jwst.saturation.saturation_step.SaturationStep",
    references=["saturation"],
    params=Params,
    by_integration=True,
)
def saturation(ramp: Ramp, refs: References, par: Params, run: Run) -> Ramp:
    """Flag saturated groups, and groups at the floor of the A/D converter.

    A group at or above the threshold of its pixel is SATURATED, and so are all later groups of the integration and the
    pixels around it. A group at or below 0 DN is AD_FLOOR and DO_NOT_USE, it alone. In the zero frame, both and their
    neighbours are set to 0: not to be used. Pixels without a threshold are not checked (NO_SAT_CHECK). In IRS2 readout
    all this is of the detector's pixels and their neighbours there, not of the reference pixels between them.

    Parameters
    ----------
    ramp : Ramp
        Counts, DN; GROUPDQ, PIXELDQ and ZEROFRAME are changed.
    refs : References
        ``saturation``: thresholds, DN, and their flags. Skipped where none applies.
    par : Params
        Parameters.
    run : Run
        Threads, log.

    Returns
    -------
    Ramp
        The same.
    """
    reference = refs.need("saturation")
    threshold, dq, rows = reference.array(), reference.dq(), science_rows(ramp)
    dq[np.isnan(threshold)] |= Pixel.NO_SAT_CHECK
    threshold[(dq & Pixel.NO_SAT_CHECK) != 0] = NEVER
    first, grown = np.empty((2, *threshold.shape), "u2")
    saturated = np.zeros(threshold.shape, bool)
    whole = slice(0, len(rows))
    interleaved = len(rows) != ramp.shape[2]
    for band, at, own in (
        [(ramp, whole, whole)] if interleaved else bands(ramp, changes=["groupdq"], halo=par.n_pix_grow_sat)
    ):
        where = rows if band is ramp else np.arange(at.stop - at.start)
        planes = threshold[at], first[at], grown[at]
        for i in range(ramp.shape[0]):
            kernel.flag(band.data[i], band.groupdq[i], where, *planes, par.n_pix_grow_sat, run.threads)
            saturated[at][own] |= first[at][own] < ramp.shape[1]
    if ramp.zeroframe is not None and ramp.get("ZEROFRAM"):
        for frame in ramp.zeroframe:
            flags = np.zeros((1, *frame.shape), "u1")
            kernel.flag(frame[None], flags, rows, threshold, first, grown, par.n_pix_grow_sat, run.threads)
            frame[(flags[0] & (Group.SATURATED | Group.AD_FLOOR)) != 0] = 0
    ramp.pixeldq[rows] |= dq
    run.log.info("%d pixels reach saturation", saturated.sum())
    return ramp
