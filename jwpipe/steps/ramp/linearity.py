"""Correct the detector's non-linear response."""

import numpy as np

from jwpipe.cext import linearity as kernel
from jwpipe.engine.params import StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import step
from jwpipe.errors import ReferenceError
from jwpipe.products.dq import Group
from jwpipe.products.ramp import Ramp

__all__ = ["linearity"]

BAND = 128  # rows at a time: six coefficients of 2048 columns take 6 MB instead of 100 MB


@step(
    "linearity",
    status="S_LINEAR",
    peer="jwst.linearity.linearity_step.LinearityStep",
    references=["linearity"],
    by_group=True,
)
def linearity(ramp: Ramp, refs: References, par: StepParams, run: Run) -> Ramp:
    """Correct the detector's non-linear response.

    Counts F become c0 + c1 F + c2 F^2 + ..., a polynomial a pixel, computed in single precision by Horner's scheme.
    Saturated groups keep their value, and so do pixels that have no correction: flagged NO_LIN_CORR in the reference,
    or (flagged here) with a NaN among their coefficients or without a linear term. The zero frame is corrected where
    it can be used (is not 0).

    Parameters
    ----------
    ramp : Ramp
        Counts, DN; data, ZEROFRAME and PIXELDQ are changed.
    refs : References
        ``linearity``: coefficients of rising powers (COEFFS) and their flags. Skipped where none applies.
    par : StepParams
        No parameters.
    run : Run
        Threads, log.

    Returns
    -------
    Ramp
        The same.

    Raises
    ------
    ReferenceError
        The reference has fewer than two coefficients.
    """
    reference = refs.need("linearity")
    count = reference.shape("COEFFS")[0]
    if count < 2:
        raise ReferenceError(f"{reference.name}, a linearity reference, has no linear term")
    ny, nx = ramp.shape[-2:]
    dq = reference.dq()
    data, groupdq = ramp.data.reshape(-1, ny, nx), ramp.groupdq.reshape(-1, ny, nx)
    zeroframe = ramp.zeroframe if ramp.get("ZEROFRAM") else None
    unusable = None if zeroframe is None else np.where(zeroframe == 0, Group.SATURATED, Group.GOOD)
    for first in range(0, ny, BAND):
        rows = slice(first, min(first + BAND, ny))
        coefficients = reference.array("COEFFS", rows=rows)
        kernel.correct(data, groupdq, coefficients, dq, first, run.threads)
        if zeroframe is not None:
            kernel.correct(zeroframe, unusable, coefficients, dq, first, run.threads)
    ramp.pixeldq |= dq
    run.log.info("corrected by polynomials of order %d", count - 1)
    return ramp
