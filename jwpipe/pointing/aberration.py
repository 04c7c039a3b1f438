"""Velocity aberration: how much the motion of the telescope shrinks the sky at the reference point, and shifts it."""

import numpy as np

from jwpipe.pointing.attitude import apparent_direction, unit_vector

__all__ = ["set_aberration"]


def set_aberration(exposure):
    """Set VA_SCALE, VA_RA and VA_DEC by the telescope's velocity and the reference point.

    Parameters
    ----------
    exposure : jwpipe.pointing.exposure.ExposureFile
        The exposure, changed in place.

    Returns
    -------
    str or None
        What is odd: the telescope is at rest.

    Raises
    ------
    InputError
        JWST_DX, JWST_DY, JWST_DZ, RA_REF or DEC_REF is missing.
    """
    velocity = [exposure.number(keyword) for keyword in ("JWST_DX", "JWST_DY", "JWST_DZ")]
    ra, dec = exposure.number("RA_REF"), exposure.number("DEC_REF")
    scale, (x, y, z) = apparent_direction(velocity, unit_vector(*np.deg2rad([ra, dec])))
    exposure["VA_SCALE"] = scale
    exposure["VA_RA"] = float(np.rad2deg(np.arctan2(y, x)) % 360)
    exposure["VA_DEC"] = float(np.rad2deg(np.arctan2(z, np.hypot(x, y))))
    return None if any(velocity) else "the telescope is at rest: VA_SCALE is 1"
