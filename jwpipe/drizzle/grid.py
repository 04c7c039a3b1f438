"""The grid on which exposures are resampled: a tangent plane that holds them all, or one that the user gives.

Source: the footprints are joined as `jwst` 1.14.1 does. What it does otherwise: its bounding box and S_REGION reach
from the centre of the first pixel to half a pixel beyond the last; here they are the corners of the corner pixels.
"""

import os
from dataclasses import dataclass

import numpy as np

from jwpipe.errors import InputError, UsageError

__all__ = ["Grid", "check_size", "corners", "lay_out", "linear_keywords", "mean_pixel_area", "read_grid"]

LONGEST = 2**20  # rows or columns: no grid is larger
PLANES = 8  # of float32 that an output has: SCI, ERR, CON, WHT, three variances, and room for one
STEP = 15  # pixels between points on the outline of an image


@dataclass(frozen=True)
class Grid:
    """An output grid.

    Attributes
    ----------
    wcs : jwpipe.wcs.Wcs
        From pixels to the sky.
    shape : tuple of int
        Rows and columns.
    area : float
        Of a pixel, steradians.
    plane : tuple or None
        Of a tangent plane: pixel of the reference point (x, y; from 0), its right ascension and declination (degrees),
        PC matrix, pixel scale (degrees).
    """

    wcs: object
    shape: tuple
    area: float
    plane: tuple | None = None


def lay_out(images, *, ratio=1.0, scale=None, rotation=None, shape=None, crpix=None, crval=None):
    """Lay out the tangent plane that holds the footprints of images.

    Parameters
    ----------
    images : sequence of Image
        With coordinates. The first gives the pixel scale and, where none is asked for, the orientation.
    ratio : float, optional
        Pixel scale, in units of the first image's at its reference point.
    scale : float, optional
        Pixel scale, degrees, instead.
    rotation : float, optional
        Position angle of the y axis, degrees east of north.
    shape : tuple of int, optional
        Rows and columns.
    crpix : sequence of float, optional
        Pixel (x, y; from 0) of the reference point. The footprints touch the first pixels' centres otherwise.
    crval : sequence of float, optional
        Right ascension and declination of the reference point, degrees. The middle of the footprints otherwise.

    Returns
    -------
    Grid

    Raises
    ------
    InputError
        Coordinates that make no plane, or a plane of absurd size.
    UsageError
        A reference point on the other side of the sky.
    """
    from jwpipe.wcs import Wcs
    from jwpipe.wcs.region import footprint

    first = images[0]
    ra, dec = np.hstack([footprint(image.wcs, image.shape) for image in images])
    centre = _middle(ra, dec) if crval is None else tuple(crval)
    if scale is None:
        scale = _local_scale(first.wcs, first["RA_REF"], first["DEC_REF"]) * ratio
    parity = first["VPARITY"]
    if parity not in (-1, 1):
        raise InputError(f"{first.path} has VPARITY = {parity}, which is neither 1 nor -1")
    for keyword in ("ROLL_REF", "V3I_YANG"):
        if not isinstance(first[keyword], int | float) or not np.isfinite(first[keyword]):
            raise InputError(f"{first.path} has {keyword} = {first[keyword]!r}, which is no angle")
    angle = np.deg2rad(first["ROLL_REF"] - parity * first["V3I_YANG"] if rotation is None else rotation)
    pc = np.array([[parity * np.cos(angle), np.sin(angle)], [-parity * np.sin(angle), np.cos(angle)]])
    x, y = np.linalg.solve(pc, np.array(_plane(ra, dec, *centre)) / scale)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        if crval is not None:
            raise UsageError(f"crval = {crval[0]:g}, {crval[1]:g} is too far from {first.path}", "see its S_REGION")
        raise InputError(f"the coordinates of the exposures with {first.path} lie in no one plane", "see S_REGION")
    if shape is None:
        shape = (int(np.ptp(y) + 0.5), int(np.ptp(x) + 0.5))
    _check(shape, first)
    if crpix is None:
        crpix = (-x.min(), -y.min())
    wcs = Wcs.tangent(crpix, centre, pc, (scale, scale), shape)
    return Grid(wcs, tuple(shape), np.deg2rad(scale) ** 2, (crpix, centre, pc, scale))


def _check(shape, first):
    if min(shape) < 1 or max(shape) > LONGEST:
        raise InputError(
            f"the output of {first.path} and those with it would have {shape[1]} x {shape[0]} pixels",
            "see the coordinates of the exposures, pixel_scale and output_shape",
        )


def check_size(grid, path, part=None):
    """Refuse a grid that is too large for the machine, before anything is made on it.

    Parameters
    ----------
    grid : Grid
        The grid.
    path : path-like
        For the message: the first exposure.
    part : float or None, optional
        What part of the machine's memory an output may take.

    Raises
    ------
    InputError
        An output would take more.
    """
    size = grid.shape[0] * grid.shape[1] * 4 * PLANES
    allowed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * (1 if part is None else part)
    if size > allowed:
        raise InputError(
            f"the output of {path} and those with it, {grid.shape[1]} x {grid.shape[0]} pixels, would take "
            f"{size / 1e9:.1f} GB of {allowed / 1e9:.1f}",
            "see the coordinates of the exposures, pixel_scale and output_shape",
        )


def read_grid(path, shape=None):
    """Read the output coordinates that a user gives.

    Parameters
    ----------
    path : path-like
        ASDF file with ``wcs``, and perhaps ``array_shape`` or ``pixel_shape``, and ``pixel_area`` (steradians).
    shape : tuple of int, optional
        Rows and columns, in place of the file's.

    Returns
    -------
    Grid

    Raises
    ------
    UsageError
        The file cannot be read, or has no coordinates, or gives no shape.
    """
    from jwpipe.wcs import read_wcs_file

    wcs, extra = read_wcs_file(path)
    if shape is None:
        shape = extra.get("array_shape") or (extra.get("pixel_shape") or ())[::-1]
        if not len(shape) and wcs.bounding_box is not None:
            shape = [int(high + 0.5) for _, high in wcs.bounding_box[::-1]]
    if len(shape) != 2 or not all(0 < size <= LONGEST for size in shape):
        raise UsageError(f"{path} says of no shape that an image could have", "give output_shape")
    shape = tuple(int(size) for size in shape)
    area = extra.get("pixel_area") or mean_pixel_area(wcs, (0, shape[1] - 1), (0, shape[0] - 1))
    return Grid(wcs, shape, float(area))


def linear_keywords(grid):
    """FITS keywords of a grid's coordinates: of the tangent plane, or of the one that touches it in the middle."""
    if grid.plane is not None:
        (x, y), (ra, dec), pc, scale = grid.plane
    else:
        x, y = (grid.shape[1] - 1) / 2, (grid.shape[0] - 1) / 2
        ras, decs = grid.wcs(np.array([x, x - 0.5, x + 0.5, x, x]), np.array([y, y, y, y - 0.5, y + 0.5]))
        ra, dec = float(ras[0]), float(decs[0])
        east, north = _plane(ras, decs, ra, dec)
        cd = np.array([[east[2] - east[1], east[4] - east[3]], [north[2] - north[1], north[4] - north[3]]])
        scale = np.sqrt(abs(np.linalg.det(cd)))
        pc = cd / scale
    values = {"CRPIX1": x + 1, "CRPIX2": y + 1, "CRVAL1": ra, "CRVAL2": dec, "CDELT1": scale, "CDELT2": scale}
    values |= {f"PC{i + 1}_{j + 1}": pc[i][j] for i in (0, 1) for j in (0, 1)}
    values = {keyword: float(value) for keyword, value in values.items()}
    return {"WCSAXES": 2, **values, "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg", "CUNIT2": "deg"}


def corners(grid):
    """Right ascensions and declinations of the outer corners of a grid, degrees: two arrays of four."""
    x, y = grid.shape[1] - 0.5, grid.shape[0] - 0.5
    return np.array(grid.wcs(np.array([-0.5, -0.5, x, x]), np.array([-0.5, y, y, -0.5])))


def mean_pixel_area(wcs, columns, rows):
    """Mean area of pixels: that of the polygon through the centres of the outermost, by their number.

    Parameters
    ----------
    wcs : jwpipe.wcs.Wcs
        From pixels to the sky.
    columns, rows : tuple of float
        First and last.

    Returns
    -------
    float
        Steradians.
    """
    (x0, x1), (y0, y1) = columns, rows
    across, up = _points(x0, x1), _points(y0, y1)
    x = np.hstack([across, np.full(len(up), x1), x1 + x0 - across, np.full(len(up), x0)])
    y = np.hstack([np.full(len(across), y0), up, np.full(len(across), y1), y1 + y0 - up])
    outline = _vectors(*wcs(x, y))
    centre = _vectors(*wcs(np.array([0.5 * (x0 + x1)]), np.array([0.5 * (y0 + y1)])))[:, 0]
    following = np.roll(outline, -1, axis=1)
    # Spherical excess of the triangles between the centre and each edge (Van Oosterom & Strackee 1983), signed.
    volume = centre @ np.cross(outline, following, axis=0)
    excess = 2 * np.arctan2(volume, 1 + centre @ outline + centre @ following + (outline * following).sum(axis=0))
    return abs(excess.sum()) / ((x1 - x0) * (y1 - y0))


def _points(low, high):
    """Points along an edge, without the last."""
    step = max(1, min((high - low) // 4, STEP))
    return np.linspace(low, high, max(1, int(np.ceil((high - low + 1) / step))), endpoint=False)


def _vectors(ra, dec):
    ra, dec = np.deg2rad(ra), np.deg2rad(dec)
    return np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def _middle(ra, dec):
    """Direction of the middle of the box around the unit vectors."""
    vectors = _vectors(ra, dec)
    x, y, z = (vectors.min(axis=1) + vectors.max(axis=1)) / 2
    return np.rad2deg(np.arctan2(y, x)) % 360, np.rad2deg(np.arctan2(z, np.hypot(x, y)))


def _plane(ra, dec, ra0, dec0):
    """Standard coordinates of directions in a tangent plane, degrees."""
    vectors = _vectors(ra, dec)
    a, d = np.deg2rad(ra0), np.deg2rad(dec0)
    up = np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)]) @ vectors
    east = np.array([-np.sin(a), np.cos(a), 0]) @ vectors
    north = np.array([-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)]) @ vectors
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.where(up > 0, up, np.nan)  # the other half of the sky is not on the plane
        return np.rad2deg(east / depth), np.rad2deg(north / depth)


def _local_scale(wcs, ra, dec):
    """Pixel scale at a place: root of the product of the steps to the next pixels along x and y, degrees."""
    x, y = (float(value[0]) for value in wcs.invert(np.array([float(ra)]), np.array([float(dec)])))
    here, right, above = _vectors(*wcs(np.array([x, x + 1, x]), np.array([y, y, y + 1]))).T
    steps = [np.arctan2(np.linalg.norm(np.cross(here, there)), here @ there) for there in (right, above)]
    return np.rad2deg(np.sqrt(steps[0] * steps[1]))
