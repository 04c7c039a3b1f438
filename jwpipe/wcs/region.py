"""The part of the sky that an image covers, as its header says it (S_REGION)."""

import numpy as np

__all__ = ["footprint", "polygon"]


def footprint(wcs, shape):
    """Outer corners of the corner pixels on the sky, clockwise on the detector from the first pixel.

    Parameters
    ----------
    wcs : Wcs
        Coordinates.
    shape : tuple of int
        Rows and columns, where the coordinates have no bounding box.

    Returns
    -------
    ra, dec : ndarray of float64, (4,)
        Degrees.
    """
    ny, nx = shape[-2:]
    (x0, x1), (y0, y1) = wcs.bounding_box or ((-0.5, nx - 0.5), (-0.5, ny - 0.5))
    return wcs(np.array([x0, x0, x1, x1], float), np.array([y0, y1, y1, y0], float))


def polygon(ra, dec):
    """Write corners as S_REGION has them, or None where they are not finite."""
    corners = np.stack([np.asarray(ra) % 360, dec], axis=-1).ravel()
    if not np.isfinite(corners).all():
        return None
    return "POLYGON ICRS  " + " ".join(f"{value:.9f}" for value in corners)
