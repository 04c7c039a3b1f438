"""Undo the capacitive coupling between neighbouring pixels."""

import numpy as np

from jwpipe.cext import ipc as kernel
from jwpipe.engine.params import StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import step
from jwpipe.products.modes import full_frame
from jwpipe.products.ramp import Ramp
from jwpipe.steps.ramp.irs2 import science_rows

__all__ = ["ipc"]

BORDER = 4  # reference pixels at each edge of the detector


@step("ipc", status="S_IPC", peer="jwst.ipc.ipc_step.IPCStep", references=["ipc"], by_group=True)
def ipc(ramp: Ramp, refs: References, par: StepParams, run: Run) -> Ramp:
    """Undo the capacitive coupling between neighbouring pixels.

    Every group is convolved with a small kernel, one for the whole detector or one a pixel. Reference pixels neither
    change nor take part: beyond the science area the counts are taken as zero.

    Parameters
    ----------
    ramp : Ramp
        Counts, DN, changed in place.
    refs : References
        ``ipc``: kernel, (ky, kx) or (ky, kx, ny, nx). Skipped where none applies.
    par : StepParams
        No parameters.
    run : Run
        Threads.

    Returns
    -------
    Ramp
        The same.
    """
    reference = refs.need("ipc")
    uniform = len(reference.shape()) == 2
    band, first, last = science_area(ramp)
    weights = reference.whole()[:, :, None, None] if uniform else reference.array(rows=band)
    rows = np.ascontiguousarray(science_rows(ramp)[band])
    ny, nx = ramp.shape[-2:]
    ky, kx = weights.shape[:2]
    rings = np.zeros((run.threads, ky, last - first + kx - 1), "f4")
    kernel.convolve(ramp.data.reshape(-1, ny, nx), rows, first, last, weights, rings, run.threads)
    return ramp


def science_area(ramp):
    """Band of the detector's rows, first column and end of the columns that hold no reference pixels."""
    place = ramp.subarray
    width, height = full_frame(ramp["INSTRUME"])
    low, high = 0, min(place.ny, height)
    first, last = max(0, BORDER - place.x), min(place.nx, width - BORDER - place.x)
    if ramp["INSTRUME"] != "MIRI":  # whose detectors have reference columns only
        low, high = max(0, BORDER - place.y), min(high, height - BORDER - place.y)
    return slice(low, high), first, last
