"""Where the science pixels stand in NIRSpec's IRS2 readout, among interleaved reference pixels.

Source: JWST User Documentation, "NIRSpec IRS2 detector readout mode".
"""

import numpy as np

from jwpipe.errors import InputError

__all__ = ["science_rows"]

DETECTOR = 2048  # rows of the detector
AMPLIFIER = 512  # pixels of the reference output, and of each of the four others


def science_rows(ramp):
    """Rows of a ramp's array that hold pixels of the detector, in order.

    Parameters
    ----------
    ramp : Ramp
        The exposure. In IRS2 readout the slow axis holds the reference output, then runs of NRS_NORM pixels (the first
        of half the length) with NRS_REF readings of reference pixels after each; for NRS2 in reverse.

    Returns
    -------
    ndarray of intp, (nrows,)
        All rows for every other readout.

    Raises
    ------
    InputError
        The array is neither in normal nor in IRS2 readout.
    """
    ny = ramp.shape[-2]
    if ny <= DETECTOR:
        return np.arange(ny)
    normal, reference = int(ramp.get("NRS_NORM", 16)), int(ramp.get("NRS_REF", 4))
    begin = AMPLIFIER + AMPLIFIER // normal * reference
    position = (np.arange(ny) - begin - normal // 2) % (normal + reference)
    rows = np.flatnonzero((np.arange(ny) >= begin) & (position >= reference))
    if len(rows) != DETECTOR or AMPLIFIER % normal:
        raise InputError(f"{ramp.path}: {ny} rows do not fit an IRS2 readout of NRS_NORM={normal}, NRS_REF={reference}")
    return rows if ramp["DETECTOR"] != "NRS2" else ny - 1 - rows[::-1]
