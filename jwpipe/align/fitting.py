"""The shift, rotation, scale or general linear map that takes stars to their places in a reference.

The map is fitted by least squares, with outliers left out, around the stars' mean position, so that double precision is
ample. Where a general map or one with a reflection comes out, it is taken as it is.
"""

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["GEOMETRIES", "Fit", "fit"]

# Stars that each geometry takes at least.
GEOMETRIES = {"shift": 1, "rshift": 2, "rscale": 2, "general": 3}


@dataclass(frozen=True)
class Fit:
    """A linear map: ``matrix @ position + shift``.

    Attributes
    ----------
    matrix : ndarray of float64, (2, 2)
        Rotation and scale.
    shift : ndarray of float64, (2,)
        Shift, arcsec.
    used : ndarray of bool, (n,)
        Stars that were not left out.
    rmse : float
        Root mean square distance of those from their places, arcsec.
    """

    matrix: np.ndarray
    shift: np.ndarray
    used: np.ndarray
    rmse: float


def fit(reference, stars, geometry, clippings, sigma, weights=None):
    """Fit a map from stars to a reference.

    Parameters
    ----------
    reference, stars : ndarray of float64, (n, 2)
        Positions, arcsec.
    geometry : {'shift', 'rshift', 'rscale', 'general'}
        Shift alone; with a rotation; with a scale too; any linear map.
    clippings : int
        How often outliers are left out at most.
    sigma : float
        Distance beyond which a star is one, in units of the root mean square.
    weights : ndarray of float64, (n,), optional
        Weights; stars of weight 0 are left out.

    Returns
    -------
    Fit

    Raises
    ------
    ValueError
        Too few stars, or stars that lie on a line where a general map is asked for.
    """
    there = np.ones(len(stars), bool) if weights is None else weights > 0
    least = GEOMETRIES[geometry]
    if np.count_nonzero(there) < least:
        raise ValueError(f"{np.count_nonzero(there)} stars are too few for a {geometry} fit")
    if np.count_nonzero(there) == least:
        clippings = 0
    centre = stars[there].mean(axis=0)
    reference, stars = reference - centre, stars - centre
    weights = np.ones(len(stars)) if weights is None else weights
    used = there
    matrix, shift, distance, rmse = _solve(reference[used], stars[used], weights[used], geometry)
    for _ in range(clippings):
        near = distance < sigma * rmse
        if near.all() or np.count_nonzero(near) < least:
            break
        # Stars that were left out before are tried again, as in 1.14.1.
        before, used = used, there.copy()
        used[before] &= near
        matrix, shift, distance, rmse = _solve(reference[used], stars[used], weights[used], geometry)
    return Fit(matrix, shift + centre - matrix @ centre, used, rmse)


def _solve(reference, stars, weights, geometry):
    """Matrix and shift, with the distances that are left, and their root mean square."""
    weights = weights / weights.sum()
    there, here = weights @ reference, weights @ stars
    x, u = reference - there, stars - here
    product = (x * weights[:, None]).T @ u
    if geometry == "shift":
        matrix = np.eye(2)
    elif geometry == "general":
        square = (u * weights[:, None]).T @ u
        if np.linalg.det(square) <= 1e-15 * np.trace(square) ** 2:
            raise ValueError("the stars lie on a line: no general fit")
        matrix = product @ np.linalg.inv(square)
    else:
        matrix = _rotation(product)
        if geometry == "rscale":
            size = weights @ (u**2).sum(axis=1)
            if size == 0:
                raise ValueError("the stars lie in one point: no fit of a scale")
            matrix = matrix * ((matrix * product).sum() / size)
    shift = there - matrix @ here
    distance = np.hypot(*(reference - stars @ matrix.T - shift).T)
    return matrix, shift, distance, math.sqrt(weights @ distance**2)


def _rotation(product):
    """The rotation, or the reflection with one, that fits best."""
    flip = np.array([1, -1]) if np.linalg.det(product) < 0 else np.ones(2)
    (xu, xv), (yu, yv) = flip[:, None] * product
    angle = math.atan2(xv - yu, xu + yv)
    cosine, sine = math.cos(angle), math.sin(angle)
    return flip[:, None] * np.array([[cosine, sine], [-sine, cosine]])
