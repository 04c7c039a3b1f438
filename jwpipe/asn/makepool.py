"""Pools made of the headers of exposures."""

from pathlib import Path

from jwpipe.asn.pool import parse_candidates
from jwpipe.errors import InputError, UsageError

__all__ = ["exposures_in", "make_pool"]

_NO_COLUMNS = ("", "COMMENT", "HISTORY")


def exposures_in(paths):
    """List the exposures that paths name.

    Parameters
    ----------
    paths : list of str or path-like
        Files, and folders, which stand for the raw exposures in them (``*_uncal.fits``), or for all FITS files where
        there are no raw ones.

    Returns
    -------
    list of path-like
        In the order given; those of a folder by name.

    Raises
    ------
    InputError
        If a folder has no FITS files or a path does not exist.
    """
    files = []
    for path in map(Path, paths):
        if path.is_dir():
            found = sorted(path.glob("*_uncal.fits")) or sorted(path.glob("*.fits"))
            if not found:
                raise InputError(f"there are no FITS files in {path}")
            files += found
        elif path.exists():
            files.append(path)
        else:
            raise InputError(f"there is no file {path}")
    return files


def make_pool(files, asn_candidate=None, dms_note="", is_imprt="f", pntgtype="science"):
    """Make a pool of exposures' primary headers.

    Parameters
    ----------
    files : list of str or path-like
        The exposures.
    asn_candidate : str or list of tuple, optional
        Candidates to add to each exposure's own, the observation: pairs of id and type, or their text.
    dms_note, is_imprt, pntgtype : str
        Values of columns that no header has.

    Returns
    -------
    list of dict
        Rows: every keyword of any header is a column, by name; what a header lacks is ``null``. Targets are numbered
        in order of appearance of their names. FILENAME is the file's name without its folder, as members of
        associations are written.

    Raises
    ------
    InputError
        If a file cannot be read or does not tell its observation.
    UsageError
        If the candidates' text is no list.
    """
    if isinstance(asn_candidate, str) and not isinstance(parse_candidates(asn_candidate.strip()), list):
        raise UsageError(f"{asn_candidate!r} is no list of candidates", "as \"[('c1000', 'background')]\"")
    rows, targets = [], {}
    for file in files:
        row = _header(file)
        if row.get("observtn") is None:
            raise InputError(f"{file} has no keyword OBSERVTN", "is it a JWST exposure?")
        candidates = [(f"o{row['observtn']}", "observation")]
        if isinstance(asn_candidate, str):
            text = f"[{candidates[0]}, {asn_candidate.strip()[1:]}"
        else:
            text = str(candidates + list(asn_candidate or ()))
        target = targets.setdefault(row.get("targname"), len(targets) + 1)
        row |= {
            "asn_candidate": text,
            "dms_note": dms_note,
            "filename": Path(file).name,
            "is_imprt": is_imprt,
            "pntgtype": pntgtype,
            "targetid": str(target),
        }
        rows.append(row)
    columns = sorted({name for row in rows for name in row})
    return [{name: row.get(name, "null") for name in columns} for row in rows]


def _header(file):
    """Read the primary header's keywords, lower case, as text."""
    import warnings

    from astropy.io import fits

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a header that is readable is good enough
            header = fits.getheader(file)
            values = {key.lower(): header[key] for key in header if key not in _NO_COLUMNS}
    except (OSError, fits.VerifyError) as error:
        raise InputError(f"cannot read {file}: {error}") from error
    return {key: "null" if isinstance(value, fits.card.Undefined) else str(value) for key, value in values.items()}
