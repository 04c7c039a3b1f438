"""Where V1 pointed over a time, or during exposures, told in a table."""

from jwpipe.errors import InputError, UsageError
from jwpipe.pointing import telemetry
from jwpipe.pointing.attitude import Guiding, direction_of
from jwpipe.pointing.exposure import ExposureFile
from jwpipe.pointing.setting import AUTOMATIC, METHODS
from jwpipe.pointing.siaf import Siaf

__all__ = ["intervals", "v1_table"]

RANGE = "time range"


def intervals(sources):
    """Read what pointing is asked for.

    Parameters
    ----------
    sources : sequence of str
        Two times, or exposures.

    Returns
    -------
    list of (str, float, float, tuple or None)
        What it is called, its start and end as modified Julian dates, and the guide star.
    """
    try:
        start, end = (telemetry.time_of(text, RANGE) for text in sources)
    except (InputError, ValueError):
        pass
    else:
        if end < start:
            raise UsageError(f"{sources[1]} is before {sources[0]}")
        return [(RANGE, start, end, None)]
    exposures = [(str(path), ExposureFile(path)) for path in sources]
    return [
        (name, exposure.number("EXPSTART"), exposure.number("EXPEND"), exposure.numbers("GS_RA", "GS_DEC"))
        for name, exposure in exposures
    ]


def v1_table(sources, open_source, method=AUTOMATIC, reduction="average", override=None, siaf=None, tolerance=60.0):
    """Tell where V1 pointed.

    Parameters
    ----------
    sources : sequence of str
        Two times, or exposures.
    open_source : callable
        Gives the source of telemetry.
    method : str
        coarse or track; ops is coarse here, as in 1.14.1.
    reduction : str
        average, first, or all.
    override : dict of str to ndarray, optional
        Matrices that stand in place of those computed.
    siaf : str, optional
        As for `jwpipe.pointing.siaf.Siaf`.
    tolerance : float, optional
        Seconds, as for `jwpipe.pointing.telemetry.gather`.

    Returns
    -------
    astropy.table.Table
        Columns source, obstime, ra, dec, pa_v3; angles in degrees. Velocity aberration is left in, as in 1.14.1.
    """
    from astropy.table import Table

    database = Siaf(siaf)
    _, attitude, _ = METHODS["coarse" if method == AUTOMATIC else method]
    rows = []
    for name, start, end, star in intervals(sources):
        told = telemetry.gather(open_source(), telemetry.MEASURED, start, end, tolerance)
        guiding = Guiding(star=star, override=override)
        for pointing in telemetry.REDUCTIONS[reduction](told):
            try:
                v1 = direction_of(attitude(pointing, guiding, database.guider)["m_eci2v"])
            except InputError as problem:
                raise InputError(f"{name}: {problem.args[0]}", problem.advice) from None
            rows.append((name, telemetry.clock(pointing.time), v1.ra, v1.dec, v1.pa))
    meta = {"method": method, "pointing": reduction, "tolerance": tolerance}
    return Table(rows=rows, names=("source", "obstime", "ra", "dec", "pa_v3"), meta=meta)
