"""Plain data of reports: values of keywords, JSON, files that are written whole."""

import json
import math
from pathlib import Path

__all__ = ["UNDEFINED", "json_text", "keyword_value", "write_whole"]

UNDEFINED = "undefined"  # how the value of a keyword that has none is shown


def keyword_value(card):
    """Give the value of a header card.

    Parameters
    ----------
    card : astropy.io.fits.Card
        The card.

    Returns
    -------
    bool, int, float, complex, str or None
        Text without trailing blanks; None where the card has no value; what stands there, as text, where it is no
        value that FITS knows.
    """
    from astropy.io.fits.card import Undefined
    from astropy.io.fits.verify import VerifyError

    try:
        value = card.value
    except VerifyError:
        card.verify("silentfix")
        value = card.value
    if isinstance(value, Undefined):
        return None
    return value.rstrip() if isinstance(value, str) else value


def json_text(data):
    """Make JSON that every reader takes: numbers that JSON has no word for become text, such as ``"inf"``.

    Parameters
    ----------
    data : dict, list or scalar
        Plain data.

    Returns
    -------
    str
        Indented, with a newline at its end.
    """
    return json.dumps(_finite(data), indent=1, allow_nan=False) + "\n"


def _finite(data):
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return str(data) if isinstance(data, float) and not math.isfinite(data) else data


def write_whole(path, content):
    """Write a file whole or not at all; its folder is made if need be.

    Parameters
    ----------
    path : path-like
        Target.
    content : bytes
        What it shall hold.

    Raises
    ------
    OutputError
        The folder cannot be written, or the disk is full.
    """
    from jwpipe.products.fitsfile import Content, write_fits

    write_fits(Path(path), [Content(content)])
