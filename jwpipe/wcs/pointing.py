"""From the telescope's field, coordinates V2 and V3, to the sky."""

import math
from dataclasses import dataclass

from jwpipe.errors import InputError
from jwpipe.wcs.transforms import Beside, Identity, Pipe, Rotation, Scale, Shift, Spherical
from jwpipe.wcs.tree import Frame

__all__ = ["Pointing", "sky_steps"]


@dataclass(frozen=True)
class Pointing:
    """Where an exposure looks.

    Attributes
    ----------
    v2_ref, v3_ref : float
        Reference point of the aperture, arcsec.
    roll_ref : float
        Position angle of V3 there, degrees.
    ra_ref, dec_ref : float
        Its right ascension and declination, degrees.
    va_scale : float
        Scale of the field by velocity aberration.
    """

    v2_ref: float
    v3_ref: float
    roll_ref: float
    ra_ref: float
    dec_ref: float
    va_scale: float = 1.0

    @classmethod
    def of(cls, product):
        """Read it from a product's keywords.

        Raises
        ------
        InputError
            One is missing, no finite number, or out of its range.
        """
        values = {name: product[name.upper()] for name in ("v2_ref", "v3_ref", "roll_ref", "ra_ref", "dec_ref")}
        values["va_scale"] = product.get("VA_SCALE", 1.0)
        for name, value in values.items():
            if type(value) not in (int, float) or not math.isfinite(value):
                raise InputError(f"{product.path} has {name.upper()} = {value!r}, which is no finite number")
        self = cls(**{name: float(value) for name, value in values.items()})
        if abs(self.dec_ref) > 90:
            raise InputError(f"{product.path} has DEC_REF = {self.dec_ref}, which is no declination")
        if self.va_scale <= 0:
            raise InputError(f"{product.path} has VA_SCALE = {self.va_scale}, which is no scale")
        return self


def sky_steps(pointing):
    """Make the steps from V2, V3 (arcsec) to the sky.

    Parameters
    ----------
    pointing : Pointing
        Where the exposure looks.

    Returns
    -------
    list of (Frame, Transform or None)
        Frames v2v3, v2v3vacorr, world.
    """
    angles = pointing.v2_ref / 3600, -pointing.v3_ref / 3600, pointing.roll_ref, pointing.dec_ref, -pointing.ra_ref
    degrees = Beside(Scale(1 / 3600), Scale(1 / 3600))
    rotated = Pipe(Pipe(degrees, Spherical(True, 180)), Rotation(angles, "zyxyz"))
    to_sky = Pipe(rotated, Spherical(False, 360), name="v23tosky")
    return [
        (Frame.make("telescope", "v2v3"), aberration(pointing)),
        (Frame.make("telescope", "v2v3vacorr"), to_sky),
        (Frame.make("sky", "world"), None),
    ]


def aberration(pointing):
    """Velocity aberration: the field is scaled about the reference point."""
    scale = pointing.va_scale
    if scale == 1:
        return Identity(2)
    made = Beside(Scale(scale, name="dva_scale_v2"), Scale(scale, name="dva_scale_v3"))
    if pointing.v2_ref == 0 and pointing.v3_ref == 0:
        return made
    shifts = [
        Shift((1 - scale) * reference, name=f"dva_{axis}_shift")
        for axis, reference in (("v2", pointing.v2_ref), ("v3", pointing.v3_ref))
    ]
    return Pipe(made, Beside(*shifts), name="DVA_Correction")
