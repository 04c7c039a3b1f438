"""Keywords of what is resampled: times, coordinates, how it was made."""

import re

import numpy as np

from jwpipe.drizzle.grid import corners, linear_keywords
from jwpipe.products.images import Resampled

__all__ = ["alone", "describe", "place"]

SQUARE_ARCSEC = np.rad2deg(3600.0) ** 2  # a steradian

# Keywords of a distorted exposure that a plane has no use for.
DISTORTED = re.compile(r"(CD[12]_[12]|[AB]P?_\d_\d|[AB]P?_ORDER|V[23]_REF|RA_REF|DEC_REF|ROLL_REF|V3I_YANG|VPARITY)$")


def place(made, grid):
    """Give a product the coordinates of a grid.

    Parameters
    ----------
    made : Product
        Changed in place.
    grid : jwpipe.drizzle.grid.Grid
        The grid on which it lies.
    """
    from jwpipe.wcs.region import polygon

    header = made.headers["SCI"]
    for keyword in [keyword for keyword in header if DISTORTED.match(keyword)]:
        del header[keyword]
    made.wcs = grid.wcs
    for keyword, value in linear_keywords(grid).items():
        made[keyword] = value
    made["RADESYS"] = "ICRS"
    made["PIXAR_SR"] = grid.area
    made["PIXAR_A2"] = grid.area * SQUARE_ARCSEC
    made["S_REGION"] = polygon(*corners(grid))


def describe(made, groups, grid, ratio, pixfrac, weight_type):
    """Write the keywords of what was resampled.

    Parameters
    ----------
    made : Resampled
        Changed in place.
    groups : sequence of Image
        One exposure of each group.
    grid : jwpipe.drizzle.grid.Grid
        Where they were resampled.
    ratio : float
        Pixel scale, in units of the exposures'.
    pixfrac : float
        Width of the drops.
    weight_type : str or None
        Kind of the weights.
    """
    for keyword, total, parts in (
        ("EFFEXPTM", sum, "EFFEXPTM"),
        ("XPOSURE", sum, "EFFEXPTM"),
        ("TMEASURE", sum, "TMEASURE"),
        ("EXPSTART", min, "EXPSTART"),
        ("EXPEND", max, "EXPEND"),
        ("DURATION", sum, "DURATION"),
        ("TELAPSE", sum, "DURATION"),
    ):
        values = [image.get(parts) for image in groups]
        if all(isinstance(value, int | float) for value in values):
            made[keyword] = float(total(values))
    place(made, grid)
    made["NDRIZ"] = len(groups)
    made["RESWHT"] = str(weight_type)
    made["PIXFRAC"] = pixfrac
    made["PXSCLRT"] = ratio


def alone(first, canvas, grid, ratio, pixfrac, weight_type, fill=np.nan, rows=slice(None), columns=slice(None)):
    """Make a product of the exposures of one group, values and weights only.

    Parameters
    ----------
    first : Image
        The first of them.
    canvas : jwpipe.drizzle.canvas.Canvas
        What they were resampled to.
    grid, ratio, pixfrac, weight_type
        As of `describe`.
    fill : float, optional
        Value of pixels that nothing fell on.
    rows, columns : slice, optional
        The part of the grid that the canvas is.

    Returns
    -------
    Resampled
    """
    made = Resampled.like(first)
    made.data, made.wht = np.full(grid.shape, fill, "f4"), np.zeros(grid.shape, "f4")
    made.data[rows, columns] = np.where(canvas.wht == 0, np.float32(fill), canvas.sci)
    made.wht[rows, columns] = canvas.wht
    describe(made, [first], grid, ratio, pixfrac, weight_type)
    made["S_RESAMP"] = "COMPLETE"
    return made
