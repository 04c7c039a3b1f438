"""What catalogues take from reference files: apertures with their corrections, and offsets between magnitudes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jwpipe.errors import ReferenceError
from jwpipe.products import asdftree

__all__ = ["Apertures", "NoRowError", "read_apertures", "read_offset"]


class NoRowError(ReferenceError):
    """A reference that knows nothing of the product's filter, or of an encircled energy that is asked for."""


# Which keywords choose a row, by instrument, with the column that each is compared with.
APERTURE_KEYS = {
    "NIRCAM": ("FILTER", "PUPIL"),
    "NIRISS": ("FILTER", "PUPIL"),
    "MIRI": ("FILTER", "SUBARRAY"),
    "FGS": (),
}
OFFSET_KEYS = {"NIRCAM": ("FILTER", "PUPIL"), "NIRISS": ("FILTER", "PUPIL"), "MIRI": ("FILTER",), "FGS": ("DETECTOR",)}


@dataclass(frozen=True)
class Apertures:
    """Circles in which the flux of point sources is measured, and the annulus of their background.

    Attributes
    ----------
    energies : tuple of int
        Encircled energies, percent, increasing.
    radii : ndarray of float32
        Radii, pixels of the mosaic.
    corrections : ndarray of float32
        Factors from the flux in a circle to the total.
    inner, outer : float
        Radii of the annulus, pixels of the mosaic.
    """

    energies: tuple
    radii: np.ndarray
    corrections: np.ndarray
    inner: float
    outer: float

    @classmethod
    def arbitrary(cls):
        """Make circles that stand in where no reference says which; corrections are left out."""
        return cls((1, 2, 3), np.array([1, 2, 3], "f4"), np.ones(3, "f4"), 5.0, 10.0)


def chosen(product, keys, columns, name):
    """Tell which rows are for a product.

    Parameters
    ----------
    product : Product
        Gives instrument and keywords.
    keys : dict of str to tuple of str
        Keywords by instrument; the columns have their names.
    columns : dict of str to ndarray
        Columns by name, in lower case.
    name : str
        The file, for messages.

    Returns
    -------
    ndarray of bool

    Raises
    ------
    ReferenceError
        A column is missing, or no row is for the product.
    """
    instrument = product["INSTRUME"]
    wanted = {key: str(product.get(key, "")) for key in keys.get(instrument, ())}
    rows = np.ones(len(next(iter(columns.values()))), bool)
    for key, value in wanted.items():
        if key.lower() not in columns:
            raise ReferenceError(f"{name} has no column {key.lower()}")
        rows &= np.char.strip(columns[key.lower()].astype(str)) == value
    if not rows.any():
        raise NoRowError(f"{name} has no row for {', '.join(f'{k} = {v}' for k, v in wanted.items()) or instrument}")
    return rows


def read_apertures(reference, product, energies, ratio):
    """Read the apertures of an apcorr reference.

    Parameters
    ----------
    reference : ReferenceFile
        The reference.
    product : Product
        The mosaic.
    energies : sequence of int
        Encircled energies, percent.
    ratio : float
        Size of the mosaic's pixels, in pixels of the detector.

    Returns
    -------
    Apertures

    Raises
    ------
    ReferenceError
        It has no row, or several, for the product and an energy.
    """
    table = reference.table("APCORR")
    columns = {field.lower(): table[field] for field in table.dtype.names}
    missing = {"eefraction", "radius", "apcorr", "skyin", "skyout"} - set(columns)
    if missing:
        raise ReferenceError(f"{reference.name} has no column {', '.join(sorted(missing))}")
    rows = table[chosen(product, APERTURE_KEYS, columns, reference.name)]
    of = {field.lower(): rows[field] for field in rows.dtype.names}
    places = []
    for energy in energies:
        found = np.flatnonzero(np.round(of["eefraction"] * 100) == energy)
        if len(found) != 1:
            raise NoRowError(
                f"{reference.name} has {len(found) or 'no'} rows for an encircled energy of {energy} per cent",
                "energies that it has: " + ", ".join(f"{100 * e:.0f}" for e in np.unique(of["eefraction"])),
            )
        places.append(found[0])
    annulus = [np.unique(of[side][places]) for side in ("skyin", "skyout")]
    if len(annulus[0]) != 1 or len(annulus[1]) != 1:
        raise NoRowError(f"{reference.name} has different sky annuli for the energies asked for")
    values = np.array([of[name][places] for name in ("radius", "apcorr", "skyin", "skyout")], "f8")
    if not (np.isfinite(values).all() and (values > 0).all() and (values[3] > values[2]).all()):
        raise ReferenceError(f"{reference.name} has a radius or a correction that is none, or a sky annulus inside out")
    ratio32 = np.float32(ratio)
    return Apertures(
        tuple(energies),
        of["radius"][places].astype("f4") / ratio32,
        of["apcorr"][places].astype("f4"),
        float(annulus[0][0]) / ratio,
        float(annulus[1][0]) / ratio,
    )


def read_offset(path, product):
    """Read the offset between AB and Vega magnitudes, AB - Vega, of an abvegaoffset reference.

    Parameters
    ----------
    path : path-like
        ASDF file with a table ``abvega_offset``.
    product : Product
        The mosaic.

    Returns
    -------
    float

    Raises
    ------
    ReferenceError
        No such file, or no row, or several, for the product.
    """
    path = Path(path)
    columns = _table(path, "abvega_offset")
    if "abvega_offset" not in columns:
        raise ReferenceError(f"{path.name} has no column abvega_offset")
    values = columns["abvega_offset"][chosen(product, OFFSET_KEYS, columns, path.name)]
    if len(values) > 1:
        raise NoRowError(f"{path.name} has {len(values)} rows for the filter")
    return float(values[0])


def _table(path, name):
    """Columns of a table in an ASDF file, by name."""
    try:
        root, blocks = asdftree.read_file(path)
        found = asdftree.table(asdftree.member(root, name), blocks)
    except OSError as problem:
        raise ReferenceError(f"{path} cannot be read: {problem.strerror}") from None
    except asdftree.PROBLEMS:
        raise ReferenceError(f"{path.name} has no table {name} that can be read") from None
    if not found:
        raise ReferenceError(f"{path.name} has no columns in its table {name}")
    return found
