"""Moving targets: where the target was at the middle of an exposure."""

import numpy as np

from jwpipe.errors import InputError
from jwpipe.pointing.telemetry import mjd_of

__all__ = ["set_moving_target"]

TABLE = "MOVING_TARGET_POSITION"


def set_moving_target(exposure):
    """Set MT_RA, MT_DEC, TARG_RA and TARG_DEC by the table of positions that came with the exposure.

    Parameters
    ----------
    exposure : jwpipe.pointing.exposure.ExposureFile
        The exposure, changed in place.

    Returns
    -------
    str or None
        Why nothing was set: there is no table, or it does not cover the middle of the exposure.

    Raises
    ------
    InputError
        The table lacks a column, or EXPMID is missing.
    """
    table = exposure.table(TABLE)
    if table is None:
        return f"there is no {TABLE} table"
    columns = {name.lower(): name for name in table.dtype.names}
    missing = {"time", "mt_apparent_ra", "mt_apparent_dec"} - set(columns)
    if missing:
        raise InputError(f"{exposure.path}: {TABLE} has no column {min(missing)}")
    times = np.array([mjd_of(str(text), f"{exposure.path}: {TABLE}") for text in table[columns["time"]]])
    order = np.argsort(times, kind="stable")
    times, middle = times[order], exposure.number("EXPMID")
    if not (len(times) and times[0] <= middle <= times[-1]):
        return f"{TABLE} does not cover EXPMID = {middle}"
    # The right ascension goes on beyond 360 degrees rather than back through all others.
    ra, dec = (table[columns[f"mt_apparent_{axis}"]][order] for axis in ("ra", "dec"))
    ra = float(np.interp(middle, times, np.unwrap(ra, period=360)) % 360)
    dec = float(np.interp(middle, times, dec))
    if not np.isfinite([ra, dec]).all():
        raise InputError(f"{exposure.path}: {TABLE} has no position at EXPMID")
    for keyword, value in {"MT_RA": ra, "MT_DEC": dec, "TARG_RA": ra, "TARG_DEC": dec}.items():
        exposure[keyword] = value
    return None
