"""The guiders' own exposures: where the guide star stands in their windows."""

from dataclasses import dataclass

import numpy as np

from jwpipe.errors import InputError, ReferenceError
from jwpipe.pointing import telemetry
from jwpipe.pointing.attitude import rotation_matrix

__all__ = ["set_guider"]


@dataclass(frozen=True)
class _Star:
    """Place of the guide star in arcseconds on the guider; corner and size of the window in its pixels."""

    position: tuple
    corner: tuple
    size: tuple


def _acquired(rows, kind):
    """Place during acquisition: the first three values are of the first window, the next five of the second."""
    rows = [row for row in rows if row["IFGS_ACQ_XPOSG"] != 0]
    part, window, least = (slice(0, 3), 0, 1) if kind == "FGS_ACQ1" else (slice(3, 8), -1, 4)
    if len(rows) < least:
        raise ReferenceError(f"telemetry has the guide star {len(rows)} times in {kind}, {least} are wanted")
    return _star(rows[part], "IFGS_ACQ_{}POSG", rows[window], "IFGS_ACQ_DET")


def _guided(rows, kind):
    """Place while guiding: the mean of all that are known."""
    rows = _known(rows, kind, "IFGS_TFGGS_X", "IFGS_TFGGS_Y")
    return _star(rows, "IFGS_TFGGS_{}", rows[0], "IFGS_TFGDET_")


def _identified(rows, kind):
    """Place once the star is identified: the first that is told."""
    rows = _known(rows, kind, "IFGS_ID_XPOSG", "IFGS_ID_YPOSG")
    return _star(rows[:1], "IFGS_ID_{}POSG", rows[0], "IFGS_ID_DET")


def _known(rows, kind, x, y):
    rows = [row for row in rows if row[x] != 0 or row[y] != 0]
    if not rows:
        raise ReferenceError(f"telemetry never tells where the guide star is in {kind}")
    return rows


def _star(rows, position, window, prefix):
    mean = (float(np.mean([row[position.format(axis)] for row in rows])) for axis in "XY")
    corner, size = (tuple(window[f"{prefix}{axis}{part}"] for axis in "XY") for part in ("COR", "SIZ"))
    return _Star(tuple(mean), corner, size)


# EXP_TYPE: mnemonics, how they tell the place, and whether they are looked for after the exposure, and how many
# seconds: identification is reported once it is over, an acquisition up to a little later.
KINDS = {
    **dict.fromkeys(["FGS_ACQ1", "FGS_ACQ2"], (telemetry.ACQUISITION, _acquired, False, 2)),
    **dict.fromkeys(["FGS_FINEGUIDE", "FGS_TRACK"], (telemetry.FINEGUIDE, _guided, False, 0)),
    **dict.fromkeys(["FGS_ID-IMAGE", "FGS_ID-STACK"], (telemetry.IDENTIFICATION, _identified, True, 10)),
}


def set_guider(exposure, siaf, source, tolerance, allow_default=False):
    """Set the coordinates of an exposure of a guider: CRPIX where the guide star stands, CRVAL where it is.

    Parameters
    ----------
    exposure : jwpipe.pointing.exposure.ExposureFile
        The exposure, changed in place.
    siaf : jwpipe.pointing.siaf.Siaf
        The apertures.
    source : callable
        Gives the source of telemetry.
    tolerance : float
        Seconds, as for `jwpipe.pointing.telemetry.gather`.
    allow_default : bool, optional
        Whether to do without a source that cannot be opened.

    Returns
    -------
    str or None
        Why the place of the guide star is not known: CRPIX is 0.

    Raises
    ------
    ReferenceError
        The source of telemetry cannot be opened.
    """
    detector = exposure.text("DETECTOR")
    if detector not in ("GUIDER1", "GUIDER2"):
        raise InputError(f"{exposure.path}: DETECTOR {detector} is no guider")
    guider = siaf.guider(int(detector[-1]))
    problem, pixel = None, (0.0, 0.0)
    if not allow_default:
        source()  # that telemetry has nothing is one thing, that nobody could ask it another
    try:
        pixel = _pixel(guider, _find(exposure, source, tolerance))
    except ReferenceError as reason:
        problem = f"CRPIX is 0: {reason}"
    roll, v3_ideal_angle, parity = (
        exposure.number(keyword) if keyword in exposure else default
        for keyword, default in (("ROLL_REF", 0.0), ("V3I_YANG", 0.0), ("VPARITY", 1.0))
    )
    exposure["CRPIX1"], exposure["CRPIX2"] = pixel
    exposure["CRVAL1"], exposure["CRVAL2"] = exposure.number("GS_RA"), exposure.number("GS_DEC")
    for keyword, value in zip(
        ("PC1_1", "PC1_2", "PC2_1", "PC2_2"), rotation_matrix(roll, v3_ideal_angle, parity), strict=True
    ):
        exposure[keyword] = value
    return problem


def _find(exposure, source, tolerance):
    """Ask telemetry for the guide star of an exposure."""
    kind = exposure.text("EXP_TYPE")
    mnemonics, place, after, seconds = KINDS[kind]
    start, end = (telemetry.mjd_of(exposure[key], f"{exposure.path}: {key}") for key in ("DATE-BEG", "DATE-END"))
    start, end = end if after else start, end + seconds / telemetry.DAY
    _, rows = telemetry.chronicle(telemetry.gather(source(), mnemonics, start, end, tolerance))
    return place(rows, kind)


def _pixel(guider, star):
    """Pixel of the window, which is stored turned: that of guider 1 in both axes, that of guider 2 in x alone."""
    x, y = np.subtract(guider.ideal_to_detector(*star.position), star.corner).tolist()
    return star.size[0] - x, (star.size[1] - y if guider.name.startswith("FGS1") else y)
