"""Apertures of the project reference database (PRD): where each instrument looks, from its SIAF files.

The files are those that `pysiaf` distributes, one XML file an instrument. They are read as they are: importing pysiaf
takes seconds, and asks its server for news.
"""

import os
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from jwpipe.errors import InputError, ReferenceError, UsageError, nearest

__all__ = ["Aperture", "Siaf", "siaf_folder"]

FILES = {"FGS": "FGS", "MIR": "MIRI", "NIS": "NIRISS", "NRC": "NIRCam", "NRS": "NIRSpec"}
SCALE = 3600.0  # arcseconds a pixel where the SIAF has none: CDELT becomes 1 degree


@dataclass(frozen=True)
class Aperture:
    """One aperture.

    Attributes
    ----------
    name : str
        Such as ``NRCA5_FULL``.
    v2_ref, v3_ref : float
        Reference point in the telescope's focal plane, arcseconds.
    v3_ideal_angle : float
        From V3 to the ideal Y axis, degrees.
    parity : int
        1 or -1: handedness of the ideal frame in that of V2, V3.
    x_ref, y_ref : float
        Reference point in pixels of the science frame, from 1.
    x_scale, y_scale : float
        Arcseconds a pixel.
    x_vertices, y_vertices : tuple of float or None
        Corners in the ideal frame, arcseconds, in the SIAF's order; None where it has none.
    entry : dict of str to str
        All that the SIAF says.
    """

    name: str
    v2_ref: float
    v3_ref: float
    v3_ideal_angle: float
    parity: int
    x_ref: float = 0.0
    y_ref: float = 0.0
    x_scale: float = SCALE
    y_scale: float = SCALE
    x_vertices: tuple | None = None
    y_vertices: tuple | None = None
    entry: dict = field(default_factory=dict, repr=False, compare=False)

    def ideal_to_detector(self, x, y):
        """Detector pixels (from 1) of a place in the ideal frame, in arcseconds."""
        degree = int(self._number("Sci2IdlDeg"))
        terms = [(i, j, x ** (i - j) * y**j) for i in range(degree + 1) for j in range(i + 1)]
        return self._to_detector(
            *(sum(self._number(f"Idl2Sci{axis}{i}{j}") * term for i, j, term in terms) for axis in "XY")
        )

    @property
    def reference_on_detector(self):
        """Reference point in detector pixels, from 1."""
        return self._to_detector(0.0, 0.0)

    def _to_detector(self, x, y):
        """Detector pixels of an offset from the reference point in the science frame (JWST-STScI-001550, 4.1)."""
        angle = np.deg2rad(self._number("DetSciYAngle"))
        parity = self._number("DetSciParity")
        c, s = np.cos(angle), np.sin(angle)
        return (
            float(self._number("XDetRef") + parity * (x * c + y * s)),
            float(self._number("YDetRef") - x * s + y * c),
        )

    def _number(self, name):
        value = _number(self.entry, name)
        if value is None:
            raise ReferenceError(f"the SIAF has no {name} for {self.name}")
        return value


class Siaf:
    """The apertures of one version of the database.

    Parameters
    ----------
    source : path-like, optional
        Folder of the instruments' XML files, or one such file; by default the folder ``SIAFXML`` in that which the
        environment variable XML_DATA names, else what pysiaf distributes.
    prd : str, optional
        Version of the database, such as ``PRDOPSSOC-063``; the nearest one up to it is taken. By default the newest.
    """

    def __init__(self, source=None, prd=None):
        self.path = siaf_folder(source, prd)

    def aperture(self, name):
        """Look an aperture up.

        Parameters
        ----------
        name : str
            APERNAME.

        Returns
        -------
        Aperture

        Raises
        ------
        InputError
            There is no such aperture.
        ReferenceError
            The SIAF cannot be read, or says too little of it.
        """
        name = name.upper()
        if name[:3] not in FILES:
            raise InputError(f"{name!r} is no aperture of any instrument")
        path = self.path if self.path.is_file() else self.path / f"{FILES[name[:3]]}_SIAF.xml"
        entries = _entries(str(path))
        if name not in entries:
            raise InputError(f"{path} has no aperture {name}", nearest(name, entries))
        return _aperture(name, entries[name], path)

    def guider(self, number):
        """Aperture of the whole of a guider, as the guiding software counts."""
        return self.aperture(f"FGS{number}_FULL_OSS")


def _aperture(name, entry, path):
    values = {key: _number(entry, key) for key in ("V2Ref", "V3Ref", "V3IdlYAngle", "VIdlParity")}
    missing = [key for key, value in values.items() if value is None]
    if missing or values["VIdlParity"] not in (1, -1):
        raise ReferenceError(f"{path} has no usable {(*missing, 'VIdlParity')[0]} for {name}")
    x, y = ([_number(entry, f"{axis}IdlVert{i}") for i in range(1, 5)] for axis in "XY")
    corners = None not in x + y
    return Aperture(
        name,
        values["V2Ref"],
        values["V3Ref"],
        values["V3IdlYAngle"],
        int(values["VIdlParity"]),
        # A SIAF value of 0 counts as missing in 1.14.1; of these only a scale of 0 would come out differently.
        _number(entry, "XSciRef") or 0.0,
        _number(entry, "YSciRef") or 0.0,
        _number(entry, "XSciScale") or SCALE,
        _number(entry, "YSciScale") or SCALE,
        tuple(x) if corners else None,
        tuple(y) if corners else None,
        entry,
    )


def _number(entry, name):
    try:
        value = float(entry.get(name) or "nan")
    except ValueError:
        return None
    return value if np.isfinite(value) else None


@lru_cache(maxsize=8)
def _entries(path):
    from xml.etree import ElementTree

    try:
        root = ElementTree.parse(path).getroot()
    except FileNotFoundError:
        raise ReferenceError(f"there is no SIAF {path}", "--siaf or XML_DATA names another folder") from None
    except (OSError, ElementTree.ParseError) as problem:
        raise ReferenceError(f"cannot read the SIAF {path}: {problem}") from None
    entries = ({node.tag: (node.text or "").strip() for node in entry} for entry in root.iter("SiafEntry"))
    return {entry.get("AperName", "").upper(): entry for entry in entries}


def siaf_folder(source=None, prd=None):
    """Find the XML files to use; parameters and precedence as for `Siaf`.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    UsageError
        There is no such folder or file.
    ReferenceError
        pysiaf is wanted and not installed, or has no such version.
    """
    if source is not None:
        path = Path(source)
        if not (path.is_dir() or (path.is_file() and path.suffix == ".xml")):
            raise UsageError(f"{path} is neither a folder nor an XML file of SIAF")
        return path
    if os.environ.get("XML_DATA"):
        return Path(os.environ["XML_DATA"]) / "SIAFXML"
    root = _pysiaf_data()
    versions = sorted(path.name for path in root.glob("*") if (path / "SIAFXML" / "SIAFXML").is_dir())
    if prd is None:
        suitable = [version for version in versions if re.fullmatch("PRDOPSSOC-[0-9].*", version)]
    else:
        prd = str(prd).strip().upper()
        if not prd.startswith("PRDOPSSOC"):
            raise InputError(f"{prd!r} is no version of the project reference database", "such as PRDOPSSOC-063")
        suitable = [version for version in versions if version <= prd]
    if not suitable:
        raise ReferenceError(f"pysiaf has no SIAF of {prd or 'any version'} or before")
    return root / suitable[-1] / "SIAFXML" / "SIAFXML"


def _pysiaf_data():
    from importlib.util import find_spec

    found = find_spec("pysiaf")
    if found is None or not found.submodule_search_locations:
        raise ReferenceError(
            "no SIAF: pysiaf is not installed", "pip install 'jwpipe[siaf]', or name XML files with --siaf or XML_DATA"
        )
    return Path(found.submodule_search_locations[0]) / "prd_data" / "JWST"
