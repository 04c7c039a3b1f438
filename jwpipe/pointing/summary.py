"""How far V1 and the reference points of exposures are from their targets, told in a table."""

from jwpipe.errors import InputError
from jwpipe.pointing.exposure import ExposureFile

__all__ = ["summary_table"]

PLACES = {"target": ("TARG_RA", "TARG_DEC"), "v1": ("RA_V1", "DEC_V1"), "refpoint": ("RA_REF", "DEC_REF")}


def summary_table(paths, keywords=()):
    """Compare where exposures looked with where they were to look.

    Parameters
    ----------
    paths : sequence of path-like
        Exposures.
    keywords : sequence of str, optional
        Further keywords to tell.

    Returns
    -------
    astropy.table.Table
        Columns exposure, target, v1, refpoint (coordinates), delta_v1 and delta_refpoint (their distances from the
        target, degrees), and one for each further keyword.

    Raises
    ------
    InputError
        One of the six angles is missing, or a further keyword.
    """
    exposures = [ExposureFile(path) for path in paths]
    angles = {
        name: [[exposure.number(keyword) for keyword in pair] for exposure in exposures]
        for name, pair in PLACES.items()
    }
    extra = {keyword.upper(): [exposure[keyword.upper()] for exposure in exposures] for keyword in keywords}

    from astropy.coordinates import SkyCoord
    from astropy.table import Table

    try:
        columns = {name: SkyCoord(values, unit="deg") for name, values in angles.items()}
    except ValueError as problem:
        raise InputError(f"a declination is none: {problem}") from None
    for name in ("v1", "refpoint"):
        columns[f"delta_{name}"] = columns["target"].separation(columns[name]).degree
    return Table({"exposure": [str(path) for path in paths], **columns, **extra})
