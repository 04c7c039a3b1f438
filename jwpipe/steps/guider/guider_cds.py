"""Make count rates of a guider exposure: differences of groups, with their errors."""

import numpy as np

from jwpipe.engine.params import StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import step
from jwpipe.errors import InputError
from jwpipe.products.guider import TABLES, GuiderCal, GuiderRaw

__all__ = ["guider_cds"]

# Means of the guiders' references. Source: JWST User Documentation, guider_cds.
GAIN, READNOISE = 1.9713863, 21.0  # e-/DN, DN
AVERAGED = 4  # groups at each end of a fine guiding integration


@step(
    "guider_cds",
    status="S_GUICDS",
    peer="jwst.guider_cds.guider_cds_step.GuiderCdsStep",
    references=["gain", "readnoise"],
    optional=["gain", "readnoise"],
)
def guider_cds(raw: GuiderRaw, refs: References, par: StepParams, run: Run) -> GuiderCal:
    """Make count rates of a guider exposure: differences of groups, with their errors.

    Acquisition and tracking: the second group less the first. Fine guiding: the mean of the last four groups less that
    of the first four. Identification: the second group less the first, the smaller one of two integrations, which
    leaves most cosmic rays out; its image is pieced together from strips, so that gain and read noise are taken as
    constants. All are divided by the group time.

    Parameters
    ----------
    raw : GuiderRaw
        Counts, DN.
    refs : References
        ``gain`` (e-/DN), ``readnoise`` (DN): a constant of the guiders where none applies.
    par : StepParams
        No parameters.
    run : Run
        Log.

    Returns
    -------
    GuiderCal
        Count rates, DN/s; tables and flags as they were.

    Raises
    ------
    InputError
        The header has no group time, or the exposure has too few groups or integrations for its kind.
    """
    kind, time = raw["EXP_TYPE"], float(raw["TGROUP"])
    if not time > 0:
        raise InputError(f"{raw.path} has a group time of {time} s")
    identification = kind.startswith("FGS_ID")
    change = differences(raw, kind)
    gain, readnoise = refs["gain"], refs["readnoise"]
    if identification:  # the product names the references, as in build 10.2
        gain = readnoise = None
    if gain is None or readnoise is None:
        run.log.info("gain %g e-/DN or read noise %g DN is a constant", GAIN, READNOISE)
    gain = np.float32(GAIN) if gain is None else gain.array()
    readnoise = np.float32(READNOISE) if readnoise is None else readnoise.array()
    cal = GuiderCal.like(raw)
    photons = change / (gain * np.float32(time))
    photons[photons < 0] = 0
    cal.err = np.sqrt(2 * (readnoise / np.float32(time)) ** 2 + photons)
    change /= np.float32(time)
    cal.data, cal.dq = change, raw.dq
    for table in TABLES:
        setattr(cal, table, getattr(raw, table))
    cal["BUNIT"] = "DN/s"
    return cal


def differences(raw, kind):
    """Counts gained in each integration, or in the one that identification makes of two; float32, (nints, ny, nx)."""
    nints, ngroups = raw.shape[:2]
    least = 2 * AVERAGED if kind == "FGS_FINEGUIDE" else 2
    if ngroups < least:
        raise InputError(f"{raw.path} has {ngroups} groups, {kind} needs {least}")
    if kind == "FGS_FINEGUIDE":
        return raw.data[:, -AVERAGED:].mean(axis=1) - raw.data[:, :AVERAGED].mean(axis=1)
    if not kind.startswith("FGS_ID"):
        return raw.data[:, 1] - raw.data[:, 0]
    if nints < 2:
        raise InputError(f"{raw.path} has one integration, {kind} needs two")
    return np.minimum(raw.data[1, 1] - raw.data[1, 0], raw.data[0, 1] - raw.data[0, 0])[None]
