"""Corrections of an exposure's pointing: a linear map in the plane that touches the telescope's field.

The transform is the one that tweakwcs 0.9 inserts for JWST, with its names: it finds and extends what is written here,
and what it has written is found and extended here.
"""

from functools import reduce

import numpy as np

from jwpipe.errors import InputError
from jwpipe.wcs.transforms import (
    Affine,
    Beside,
    Constant,
    Identity,
    Mapping,
    Pair,
    Pipe,
    Quotient,
    Rotation,
    Scale,
    Spherical,
)

__all__ = ["FRAME", "corrected_steps"]

FRAME, NAME = "v2v3corr", "JWST tangent-plane linear correction. v1"
ARCSEC = np.pi / 648000  # in radians
AGREEMENT = 1e-9  # degrees, by which a correction's reference point may differ from the exposure's


def corrected_steps(steps, matrix, shift, reference):
    """Insert a correction into the steps of an exposure's coordinates, or combine it with the one that is there.

    Parameters
    ----------
    steps : sequence of (Frame, Transform or None)
        From pixels to the sky, through the frame v2v3.
    matrix : array_like, (2, 2)
        Linear map in the plane.
    shift : array_like, (2,)
        What is added after it, arcsec.
    reference : sequence of float
        V2 and V3 (arcsec) of the point at which the plane touches, and the roll angle there, degrees.

    Returns
    -------
    list of (Frame, Transform or None)
        With the frame v2v3corr.

    Raises
    ------
    InputError
        The coordinates are not of such an exposure, or were corrected about another point.
    """
    names = [frame.name for frame, _ in steps]
    matrix, shift = np.array(matrix, float), np.array(shift, float) * ARCSEC
    steps = list(steps)
    if FRAME in names:
        place = names.index(FRAME) - 1
        frame, old = steps[place]
        affine, turn = _find(old, "tp_affine"), _find(old, "det_to_optic_axis")
        if affine is None or turn is None:
            raise InputError("the coordinates have a correction of another kind")
        if np.abs(np.array(turn.angles) - _angles(reference)).max() > AGREEMENT:
            raise InputError("the coordinates were corrected about another point than V2_REF, V3_REF")
        made = _correction(reference, matrix @ affine.matrix, matrix @ affine.translation + shift)
        steps[place] = frame, made
        return steps
    before = next((name for name in ("v2v3vacorr", "v2v3") if name in names[1:-1]), None)
    if before is None:
        raise InputError("the coordinates have no frame v2v3: they are not those of an exposure")
    place = names.index(before)
    frame, onward = steps[place]
    steps[place : place + 1] = [(frame, _correction(reference, matrix, shift)), (frame.named(FRAME), onward)]
    return steps


def _angles(reference):
    v2, v3, roll = map(float, reference)
    return np.array([v2 / 3600, -v3 / 3600, roll])


def _find(transform, name):
    """The part of a transform that has a name."""
    if transform.name == name:
        return transform
    if isinstance(transform, Pair):
        return _find(transform.left, name) or _find(transform.right, name)
    return None


def _correction(reference, matrix, shift):
    affine = Affine(matrix, shift, name="tp_affine")
    inverse = Affine(*(getattr(affine.inverted(), part) for part in ("matrix", "translation")), name="tp_affine_inv")
    backwards = _chain(reference, inverse, "Inverse " + NAME)
    return _chain(reference, affine, NAME, backwards)


def _chain(reference, affine, name, inverse=None):
    """V2, V3 to vectors, turned so that x is the axis of the plane; there the map; and all of it back."""
    angles = tuple(_angles(reference).tolist())
    degree, arcsec = Scale(1 / 3600, name="arcsec_to_deg_1D"), Scale(3600.0, name="deg_to_arcsec_1D")
    ratio = Quotient(Mapping((0, 1, 2), name="xyz"), Mapping((0, 0, 0), 3, name="xxx"))
    ones = Beside(Constant(1.0, name="one"), Identity(2, name="I(2D)"))
    chain = [
        Beside(degree, degree, name="arcsec_to_deg_2D"),
        Spherical(True, 180, name="s2c"),
        Rotation(angles, "zyx", name="det_to_optic_axis"),
        Pipe(ratio, Mapping((1, 2), name="xtyt"), name="Cartesian 3D to TAN"),
        affine,
        Pipe(Mapping((0, 0, 1), 2, name="xtyt2xyz"), ones, name="TAN to cartesian 3D"),
        Rotation(tuple(-angle for angle in angles[::-1]), "xyz", name="optic_axis_to_det"),
        Spherical(False, 180, name="c2s"),
    ]
    last = Beside(arcsec, arcsec, name="deg_to_arcsec_2D")
    return Pipe(reduce(Pipe, chain), last, name=name, own_inverse=inverse)
