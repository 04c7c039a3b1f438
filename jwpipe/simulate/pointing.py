"""Where the telescope looks, where its headers say it looks, and the way from pixels to the sky.

This owes nothing to `jwpipe.wcs` and `jwpipe.pointing`: what they make of a simulated exposure is checked by it.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["BARYCENTRIC", "Camera", "Pointing", "attitude", "direction", "reference_point", "sky_of", "tangent_axes"]

LIGHT = 299792.458  # km/s

# Position and velocity of the telescope on the day of `exposure.FIRST`, near the second Lagrange point, from the
# barycentre: km and km/s.
BARYCENTRIC = (-138_033_000.0, 56_402_000.0, 24_451_000.0), (-12.31, -25.32, -10.98)


def direction(longitude, latitude):
    """Unit vectors, (3, ...), of directions in degrees."""
    a, d = np.deg2rad(longitude), np.deg2rad(latitude)
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d) + 0 * a])


def sky_of(vectors):
    """Longitude from 0 to 360 and latitude, degrees, of unit vectors, (3, ...)."""
    x, y, z = vectors
    return np.rad2deg(np.arctan2(y, x)) % 360, np.rad2deg(np.arctan2(z, np.hypot(x, y)))


def tangent_axes(longitude, latitude):
    """The direction itself, and those in which longitude and latitude grow there, as columns; degrees."""
    a, d = np.deg2rad([longitude, latitude])
    east = np.array([-np.sin(a), np.cos(a), 0])
    north = np.array([-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)])
    return np.column_stack([direction(longitude, latitude), east, north])


def attitude(ra, dec, roll, v2, v3):
    """Make the matrix from the telescope's axes (V1, V2, V3) to the sky.

    Parameters
    ----------
    ra, dec : float
        Where a point of the focal plane looks, degrees.
    roll : float
        Position angle of V3 there, degrees.
    v2, v3 : float
        The point, arcsec.

    Returns
    -------
    ndarray, (3, 3)
    """
    point, east, north = tangent_axes(ra, dec).T
    up = np.cos(np.deg2rad(roll)) * north + np.sin(np.deg2rad(roll)) * east
    sky = np.column_stack([point, np.cross(up, point), up])
    return sky @ tangent_axes(v2 / 3600, v3 / 3600).T


@dataclass(frozen=True)
class Pointing:
    """Where the telescope looks in an exposure.

    Attributes
    ----------
    nominal : ndarray, (3, 3)
        What headers say, see `attitude`.
    true : ndarray, (3, 3)
        What is so.
    target : tuple of float
        Right ascension and declination of the target, degrees.
    offset : tuple of float
        Of the dither, arcsec along the ideal axes of the first detector.
    position, positions : int
        PATT_NUM, from 1, and how many there are.
    """

    nominal: np.ndarray
    true: np.ndarray
    target: tuple[float, float]
    offset: tuple[float, float]
    position: int
    positions: int

    def aimed(self, v2, v3, true=False):
        """Tell where a point of the focal plane looks: right ascension, declination and roll, degrees."""
        matrix = self.true if true else self.nominal
        ra, dec = sky_of(matrix @ direction(v2 / 3600, v3 / 3600))
        _, east, north = tangent_axes(ra, dec).T
        up = matrix @ tangent_axes(v2 / 3600, v3 / 3600)[:, 2]
        return float(ra), float(dec), float(np.rad2deg(np.arctan2(up @ east, up @ north)) % 360)


@dataclass(frozen=True)
class Camera:
    """The way from the pixels of an exposure's window to the sky.

    Attributes
    ----------
    distortion : Distortion
        Of the detector.
    corner : tuple of float
        First column and row of the window, from 0, with the offset of the filter.
    reference : tuple of float
        V2_REF and V3_REF, arcsec: the middle of the window, without that offset.
    aberration : float
        VA_SCALE: by how much the motion of the telescope stretches the sky about the reference point.
    attitude : ndarray, (3, 3)
        From the telescope's axes to the sky.
    """

    distortion: object
    corner: tuple[float, float]
    reference: tuple[float, float]
    aberration: float
    attitude: np.ndarray

    @classmethod
    def of(cls, exposure, distortion, filter_offset=(0.0, 0.0), true=True):
        """Make the camera of an exposure that has a `Pointing`."""
        window, pointing = exposure.window, exposure.pointing
        corner = window.x + filter_offset[0], window.y + filter_offset[1]
        return cls(
            distortion,
            corner,
            reference_point(window, distortion),
            aberration(*pointing.target),
            pointing.true if true else pointing.nominal,
        )

    def to_sky(self, x, y):
        """Find where pixels look.

        Parameters
        ----------
        x, y : ndarray
            Pixels of the window, from 0.

        Returns
        -------
        ra, dec : ndarray
            Degrees.
        """
        seen = self.distortion.to_focal_plane(np.asarray(x) + self.corner[0], np.asarray(y) + self.corner[1])
        v2, v3 = (self.aberration * v + (1 - self.aberration) * r for v, r in zip(seen, self.reference, strict=True))
        return sky_of(np.einsum("ij,j...->i...", self.attitude, direction(v2 / 3600, v3 / 3600)))

    def to_pixels(self, ra, dec):
        """Find the pixels that see directions: the exact inverse of `to_sky`."""
        v2, v3 = sky_of(np.einsum("ji,j...->i...", self.attitude, direction(ra, dec)))
        seen = ((v2 + 180) % 360 - 180) * 3600, v3 * 3600
        v2, v3 = (r + (v - r) / self.aberration for v, r in zip(seen, self.reference, strict=True))
        x, y = self.distortion.from_focal_plane(v2, v3)
        return x - self.corner[0], y - self.corner[1]

    def pixel_area(self, shape):
        """Area of all pixels of the window, relative to the nominal one of the detector, ndarray of float32."""
        ny, nx = shape
        area = self.distortion.pixel_areas(np.arange(nx) + self.corner[0], np.arange(ny) + self.corner[1])
        return (area / self.distortion.nominal_area).astype("f4")


def reference_point(window, distortion):
    """Where the middle of a window lies in the focal plane: V2_REF and V3_REF, arcsec."""
    middle = window.x + (window.nx - 1) / 2, window.y + (window.ny - 1) / 2
    return tuple(float(value) for value in distortion.to_focal_plane(*middle))


def aberration(ra, dec):
    """Tell by how much the sky about a direction, degrees, is stretched for the moving telescope: VA_SCALE."""
    beta = np.array(BARYCENTRIC[1]) / LIGHT
    return float((1 + direction(ra, dec) @ beta) / np.sqrt(1 - beta @ beta))
