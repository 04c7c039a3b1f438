"""Catalogues of stars: the user's, those of the sky, and those that the step saves."""

import csv
import os
import urllib.error
import urllib.parse
import urllib.request
from datetime import date
from io import BytesIO, StringIO
from pathlib import Path

import numpy as np

from jwpipe.align.alignment import Stars
from jwpipe.align.finders import Sources
from jwpipe.errors import InputError, StepError, UsageError
from jwpipe.products.fitsfile import Content, write_fits
from jwpipe.products.product import Product

__all__ = ["SERVED", "Listing", "ask", "named", "read_catfile", "read_sources", "read_stars"]

SERVED = ("GAIADR1", "GAIADR2", "GAIADR3", "GAIAREFCAT")  # catalogues of the service
SERVICE = "http://gsss.stsci.edu/webservices"
PATIENCE = 30  # seconds
DETECTIONS = 5  # that a source has at least


class Listing(Product):
    """A table of sources or stars, as text (ECSV) or as a FITS table.

    Parameters
    ----------
    columns : dict of str to array_like
        Columns by name.
    form : {'ecsv', 'fits'}
        Kind of file.
    """

    suffix = "cat"

    def __init__(self, columns, form="ecsv"):
        super().__init__()
        self.columns, self.ending = columns, f".{form}"

    def write(self, path, stage=None):
        """Write the table whole, or not at all; see `Product.write`."""
        from astropy.table import Table

        table = Table(self.columns)
        if self.ending == ".fits":
            content = BytesIO()
            table.write(content, format="fits")
            content = content.getvalue()
        else:
            text = StringIO()
            table.write(text, format="ascii.ecsv")
            content = text.getvalue().encode()
        write_fits(path, [Content(content)], stage)


def _read_table(path):
    """Columns of a table of any format that astropy knows by its name or content, by name, and rows without masks."""
    from astropy.table import Table

    try:
        return Table.read(Path(path).expanduser())
    except FileNotFoundError:
        raise InputError(f"there is no catalogue {path}") from None
    except Exception as problem:  # what astropy's readers raise has no common base
        why = str(problem).strip().splitlines()
        raise InputError(f"the catalogue {path} cannot be read: {why[0] if why else type(problem).__name__}") from None


def _numbers(table, name, path):
    try:
        return np.ma.filled(np.ma.asarray(table[name], dtype=float), np.nan)
    except (TypeError, ValueError):
        raise InputError(f"the column {name} of the catalogue {path} has no numbers") from None


def _find(table, *names):
    return next((name for name in names if name in table.colnames), None)


def read_sources(path):
    """Read a catalogue of an exposure: columns x and y, or xcentroid and ycentroid, and weight where it has one.

    Raises
    ------
    InputError
        It cannot be read, or lacks a column.
    """
    table = _read_table(path)
    names = _find(table, "x", "xcentroid"), _find(table, "y", "ycentroid")
    if None in names:
        raise InputError(f"the catalogue {path} has no columns x and y, nor xcentroid and ycentroid")
    x, y = (_numbers(table, name, path) for name in names)
    flux = _numbers(table, "flux", path) if "flux" in table.colnames else np.full(len(x), np.nan)
    weight = _numbers(table, "weight", path) if "weight" in table.colnames else None
    found = Sources(x, y, flux, weight)
    return found[np.isfinite(x) & np.isfinite(y) & (True if weight is None else np.isfinite(weight))]


def read_stars(path):
    """Read a catalogue of the sky: columns RA and DEC, degrees, or places (sky_centroid), and weight where it has one.

    Raises
    ------
    InputError
        It cannot be read, or lacks a column.
    """
    table = _read_table(path)
    upper = {name.upper(): name for name in table.colnames}
    if "RA" in upper and "DEC" in upper:
        ra, dec = (_numbers(table, upper[name], path) for name in ("RA", "DEC"))
    elif hasattr(table["sky_centroid"] if "sky_centroid" in table.colnames else None, "icrs"):
        places = table["sky_centroid"].icrs
        ra, dec = places.ra.deg, places.dec.deg
    else:
        raise InputError(f"the catalogue {path} has no columns RA and DEC")
    weight = _numbers(table, "weight", path) if "weight" in table.colnames else None
    found = Stars(ra, dec, weight)
    return found[np.isfinite(ra) & np.isfinite(dec) & (True if weight is None else np.isfinite(weight))]


def read_catfile(path):
    """Read which exposure has which catalogue: a file of two columns, of which the second may be left out.

    Returns
    -------
    dict of str to pathlib.Path or None
        Catalogue by file name of the exposure; None: its stars are to be looked for.

    Raises
    ------
    UsageError
        It cannot be read.
    """
    path = Path(path).expanduser()
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"catfile {path} cannot be read: {problem}") from None
    found = {}
    for line in lines:
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        name, *catalogue = words
        if len(catalogue) > 1:
            raise UsageError(f"catfile {path} has more than two columns: {line.strip()}")
        found[name] = path.parent / catalogue[0] if catalogue else None
    return found


def ask(name, ra, dec, radius, day):
    """Ask the service for the stars of a catalogue in a circle.

    Its address is ``ASTROMETRIC_CATALOG_URL``, or STScI's.

    Parameters
    ----------
    name : str
        Of `SERVED`.
    ra, dec, radius : float
        The circle, degrees.
    day : str
        When the stars are to be where they are said to be: ``2023-02-25``.

    Returns
    -------
    stars : Stars
        The stars.
    columns : dict of str to list
        All that the service says of them.

    Raises
    ------
    StepError
        The service cannot be reached, or its answer is none.
    """
    address = (os.environ.get("ASTROMETRIC_CATALOG_URL") or SERVICE).rstrip("/")
    query = {"RA": ra, "DEC": dec, "EPOCH": _year(day), "SR": radius, "FORMAT": "CSV", "CAT": name}
    url = f"{address}/vo/CatalogSearch.aspx?{urllib.parse.urlencode(query | {'MINDET': DETECTIONS})}"
    advice = "name a file as abs_refcat instead, or leave it out"
    try:
        request = urllib.request.Request(url, headers={"Content-Type": "text/csv"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            text = answer.read().decode()
    except (OSError, ValueError, urllib.error.URLError) as problem:
        why = getattr(problem, "reason", problem)
        raise StepError(f"the catalogue {name} cannot be had from {address}: {why}", advice) from None
    # The first line tells how many there are.
    rows = list(csv.DictReader(text.splitlines()[1:]))
    columns = {key: [row[key] for row in rows] for key in (rows[0] if rows else ())}
    try:
        stars = Stars(*(np.array(columns.get(key, []), float) for key in ("ra", "dec")))
        if rows and len(stars) != len(rows):
            raise ValueError("no columns ra and dec")
    except (TypeError, ValueError) as problem:
        raise StepError(f"{address} has no usable answer for {name}: {problem}", advice) from None
    return stars, columns


def named(columns):
    """Columns of the service's answer as 1.14.1 names them, the faintest star first; see `ask`."""
    names = {"ra": "RA", "dec": "DEC", "mag": "mag", "objID": "objID", "epoch": "epoch", "GAIAsourceID": "GaiaID"}
    kept = {new: columns[name] for name, new in names.items() if name in columns}
    for name in ("RA", "DEC", "mag", "epoch"):
        if name in kept:
            kept[name] = np.array([float(value) if value.strip() else np.nan for value in kept[name]])
    order = np.argsort(-kept["mag"], kind="stable") if "mag" in kept else slice(None)
    return {name: np.asarray(values)[order] for name, values in kept.items()}


def _year(day):
    """The date as a fraction of years."""
    try:
        day = date.fromisoformat(str(day)[:10])
    except ValueError:
        raise InputError(f"DATE-OBS = {day} is no date; it is needed for the motion of the stars") from None
    first, following = date(day.year, 1, 1), date(day.year + 1, 1, 1)
    return day.year + (day - first) / (following - first)
