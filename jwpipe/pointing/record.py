"""Telemetry of exposures kept in a table, so that their pointing can be set where no service is to be reached."""

from jwpipe.pointing import telemetry
from jwpipe.pointing.exposure import ExposureFile
from jwpipe.pointing.guider import KINDS
from jwpipe.products.modes import guides

__all__ = ["record_telemetry"]


def _wanted(path):
    """Mnemonics that the pointing of an exposure is made of, and its time."""
    exposure = ExposureFile(path)
    if not guides(exposure.headers["PRIMARY"]):
        return telemetry.MEASURED, exposure.number("EXPSTART"), exposure.number("EXPEND")
    mnemonics = KINDS[exposure.text("EXP_TYPE")][0]
    times = (telemetry.mjd_of(exposure[key], f"{path}: {key}") for key in ("DATE-BEG", "DATE-END"))
    return mnemonics, *times


def record_telemetry(paths, source, margin=60.0):
    """Collect telemetry of exposures.

    Parameters
    ----------
    paths : sequence of path-like
        Exposures.
    source : object
        As `jwpipe.pointing.source.open_telemetry` gives it.
    margin : float, optional
        Seconds before and after each exposure that are kept too.

    Returns
    -------
    str
        A table, as `jwpipe.pointing.telemetry` describes it; each sample once.
    """
    around = margin / telemetry.DAY
    kept = {}
    for path in paths:
        mnemonics, start, end = _wanted(path)
        telemetry.check_time(start, end)
        for mnemonic in mnemonics:
            samples = source.samples(mnemonic, start - around, end + around)
            pairs = zip(samples.times.tolist(), samples.values.tolist(), strict=True)
            kept.setdefault(mnemonic, {}).update(pairs)
    rows = [f"{name},{time!r},{value!r}" for name in sorted(kept) for time, value in sorted(kept[name].items())]
    return "\n".join(["mnemonic,time,value", *rows, ""])
