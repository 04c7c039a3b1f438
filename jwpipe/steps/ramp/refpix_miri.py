"""Reference pixels of the MIRI detectors: four columns, one an amplifier, at each end of the rows."""

import numpy as np

from jwpipe.cext import refpix as kernel
from jwpipe.engine.step import Skip
from jwpipe.products.dq import Pixel

__all__ = ["correct"]

AMPLIFIERS = 4


def correct(ramp, par, run):
    """Subtract the signal of the reference pixels from a full frame of MIRI.

    Parameters
    ----------
    ramp : Ramp
        Counts, DN, changed in place.
    par : Params
        ``odd_even_rows``.
    run : Run
        Threads.

    Raises
    ------
    Skip
        An amplifier has no good reference pixel at one end of the rows.
    """
    ngroups, ny, nx = ramp.shape[1:]
    parities = 2 if par.odd_even_rows else 1
    offsets = np.arange(ny * nx, dtype="i4").reshape(ny, nx)
    good = (ramp.pixeldq & Pixel.DO_NOT_USE) == 0
    sections = []
    for parity in range(parities):
        for column in (*range(AMPLIFIERS), *range(nx - AMPLIFIERS, nx)):
            rows = slice(parity, None, parities)
            sections.append(offsets[rows, column][good[rows, column]])
    if not all(map(len, sections)):
        raise Skip("an amplifier has no good reference pixels at one end of its rows")
    pixels = np.concatenate(sections)
    start = np.cumsum([0, *map(len, sections)], dtype="i4")
    means = np.empty((ngroups - 1, len(sections)), "f4")
    for data in ramp.data if ngroups > 1 else ():
        values = data.reshape(ngroups, -1)[:, pixels]
        values = np.ascontiguousarray(values[1:] - values[0])
        kernel.clipped_means(values, start, means, run.threads)
        left, right = means.reshape(-1, parities, 2, AMPLIFIERS).swapaxes(0, 2).swapaxes(1, 2)
        signal = np.float32(0.5) * (left + right)
        signal = np.broadcast_to(np.tile(signal, nx // AMPLIFIERS), (ngroups - 1, 2, nx))
        kernel.subtract_above_first(data, np.ascontiguousarray(signal), run.threads)
