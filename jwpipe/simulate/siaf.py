"""Geometry of imaging detectors: from pixels to the focal plane and back.

The polynomials are those of the Science Instrument Aperture File, PRDOPSSOC-075, in `siaf.json`: of the science frame
(pixels from 1, relative to the reference point) and the ideal frame (arcsec about it), a coefficient a term
x^(i-j) y^j for j from 0 to i and i from 0 to the degree. Source: Cox & Lallo, JWST-STScI-001550.
"""

import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np

__all__ = ["Distortion", "read_distortion"]

TABLE = Path(__file__).with_name("siaf.json")
SAMPLES = 65  # columns and rows over which a smooth function is averaged
STEPS = 4  # of Newton's method from the table's own inverse, which is good to 0.02 pixel


@dataclass(frozen=True)
class Distortion:
    """Geometry of a detector.

    Attributes
    ----------
    size : tuple of int
        Columns and rows.
    reference : tuple of float
        Column and row of the reference point, from 1.
    v2, v3 : float
        Where that lies in the focal plane, arcsec.
    angle : float
        V3I_YANG, degrees.
    parity : int
        VPARITY.
    x_ideal, y_ideal, x_science, y_science : ndarray, (degree + 1, degree + 1)
        Polynomials to the ideal frame and, approximately, back: the coefficient of x^i y^j is at ``i, j``.
    """

    size: tuple[int, int]
    reference: tuple[float, float]
    v2: float
    v3: float
    angle: float
    parity: int
    x_ideal: np.ndarray
    y_ideal: np.ndarray
    x_science: np.ndarray
    y_science: np.ndarray

    @property
    def turn(self):
        """Matrix from the ideal frame to V2 and V3."""
        a = np.deg2rad(self.angle)
        return np.array([[self.parity * np.cos(a), np.sin(a)], [-self.parity * np.sin(a), np.cos(a)]])

    def to_focal_plane(self, x, y):
        """Find where points of the detector lie in the focal plane.

        Parameters
        ----------
        x, y : ndarray
            Pixels of the whole detector, from 0.

        Returns
        -------
        v2, v3 : ndarray
            arcsec.
        """
        ideal = self._ideal(x + 1 - self.reference[0], y + 1 - self.reference[1])
        turn = self.turn
        return tuple(
            turn[i, 0] * ideal[0] + turn[i, 1] * ideal[1] + origin for i, origin in enumerate((self.v2, self.v3))
        )

    def from_focal_plane(self, v2, v3):
        """Find the pixels that see points of the focal plane: the exact inverse of `to_focal_plane`."""
        back = np.linalg.inv(self.turn)
        goal = [back[i, 0] * (v2 - self.v2) + back[i, 1] * (v3 - self.v3) for i in range(2)]
        x, y = (_value(c, *goal) for c in (self.x_science, self.y_science))
        for _ in range(STEPS):
            found, (xx, xy, yx, yy) = self._ideal(x, y), self._slopes(x, y)
            dx, dy, size = goal[0] - found[0], goal[1] - found[1], xx * yy - xy * yx
            x, y = x + (yy * dx - xy * dy) / size, y + (xx * dy - yx * dx) / size
        return x - 1 + self.reference[0], y - 1 + self.reference[1]

    def pixel_areas(self, columns, rows):
        """Find the area of pixels on the sky.

        Parameters
        ----------
        columns, rows : ndarray
            Pixels of the whole detector, from 0.

        Returns
        -------
        ndarray, (rows, columns)
            Square arcsec.
        """
        # A polynomial on a grid is a product of three matrices.
        degree = len(self.x_ideal)
        x = np.vander(columns + 1 - self.reference[0], degree, increasing=True).T
        y = np.vander(rows + 1 - self.reference[1], degree, increasing=True)
        xx, xy, yx, yy = (y[:, : len(c.T)] @ c.T @ x[: len(c)] for c in self._derivatives())
        return np.abs(xx * yy - xy * yx)

    @cached_property
    def nominal_area(self):
        """Area of a pixel on average, square arcsec."""
        columns, rows = (np.linspace(0, length - 1, SAMPLES) for length in self.size)
        return float(self.pixel_areas(columns, rows).mean())

    @property
    def scale(self):
        """Sizes of the pixel at the reference point along x and y, arcsec."""
        slopes = self._slopes(0.0, 0.0)
        return float(np.hypot(slopes[0], slopes[2])), float(np.hypot(slopes[1], slopes[3]))

    def _ideal(self, x, y):
        return _value(self.x_ideal, x, y), _value(self.y_ideal, x, y)

    def _derivatives(self):
        """Polynomials of the derivatives of the ideal frame's x by x and by y, and of its y."""
        polyder = np.polynomial.polynomial.polyder
        return [polyder(c, axis=axis) for c in (self.x_ideal, self.y_ideal) for axis in (0, 1)]

    def _slopes(self, x, y):
        return [_value(c, x, y) for c in self._derivatives()]


def _value(coefficients, x, y):
    return np.polynomial.polynomial.polyval2d(x, y, coefficients)


@cache
def _table():
    return json.loads(TABLE.read_text())


@cache
def read_distortion(detector):
    """Read the geometry of a detector.

    Parameters
    ----------
    detector : str
        DETECTOR.

    Returns
    -------
    Distortion
    """
    row = _table()[detector]
    planes = {name: _matrix(row[name]) for name in ("x_ideal", "y_ideal", "x_science", "y_science")}
    return Distortion(
        tuple(row["size"]), tuple(row["reference"]), row["v2"], row["v3"], row["angle"], row["parity"], **planes
    )


def _matrix(coefficients):
    degree = int(np.sqrt(2 * len(coefficients))) - 1
    matrix = np.zeros((degree + 1, degree + 1))
    terms = ((i - j, j) for i in range(degree + 1) for j in range(i + 1))
    for term, value in zip(terms, coefficients, strict=True):
        matrix[term] = value
    return matrix
