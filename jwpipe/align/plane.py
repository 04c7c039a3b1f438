"""The plane in which an exposure is moved: tangent to the sky of the telescope's coordinates V2, V3.

Its origin is the aperture's reference point and its axes are turned by the roll angle there. A correction is a linear
map in this plane; where an exposure has been corrected before, coordinates of the plane have gone through that
correction once more, as in 1.14.1.
"""

import math

import numpy as np

__all__ = ["Plane"]

ARCSEC = 3600 * math.degrees(1)  # of a radian


class Plane:
    """The tangent plane of an exposure, arcsec.

    Parameters
    ----------
    wcs : jwpipe.wcs.Wcs
        Coordinates of the exposure.
    v2_ref, v3_ref : float
        Reference point, arcsec.
    roll_ref : float
        Position angle of V3 there, degrees.

    Attributes
    ----------
    matrix, shift : ndarray of float64, (2, 2) and (2,)
        What the exposure has been corrected by since: ``matrix @ position + shift``.
    """

    def __init__(self, wcs, v2_ref, v3_ref, roll_ref):
        self.wcs = wcs
        names = tuple(wcs.frames)
        self.detector, self.sky = names[0], names[-1]
        before = "v2v3vacorr" if "v2v3vacorr" in names else "v2v3"
        self.frame = "v2v3corr" if "v2v3corr" in names else before
        self._turn = _turn(2, roll_ref) @ _turn(1, -v3_ref / 3600) @ _turn(0, v2_ref / 3600)
        self._old = np.eye(2), np.zeros(2)
        if self.frame != before:
            self._old = self._read_correction(before)
        self.matrix, self.shift = np.eye(2), np.zeros(2)

    def _read_correction(self, before):
        """The correction that the exposure came with."""
        corners = np.array([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]])
        zero, right, up = self._project(*self.wcs.between(before, self.frame)(*self._unproject(corners)))
        return np.stack([right - zero, up - zero], axis=1) / 100, zero

    def _project(self, v2, v3):
        v2, v3 = np.radians(np.asarray(v2) / 3600), np.radians(np.asarray(v3) / 3600)
        x, y, z = self._turn @ np.array([np.cos(v3) * np.cos(v2), np.cos(v3) * np.sin(v2), np.sin(v3)])
        with np.errstate(divide="ignore", invalid="ignore"):
            plane = ARCSEC * np.stack([y / x, z / x], axis=-1)
        plane[~(x > 0)] = np.nan  # behind
        return plane

    def _unproject(self, places):
        x, y, z = self._turn.T @ np.array([np.ones(len(places)), *(places / ARCSEC).T])
        return np.degrees(np.arctan2(y, x)) * 3600, np.degrees(np.arctan2(z, np.hypot(x, y))) * 3600

    @property
    def _affine(self):
        """All corrections so far."""
        matrix, shift = self._old
        return self.matrix @ matrix, self.matrix @ shift + self.shift

    def place(self, x, y):
        """Where pixels lie as the exposure came, without the corrections since: (n, 2), for `sky_of`."""
        return self._project(*self.wcs.between(self.detector, self.frame)(x, y))

    def sky_of(self, places, before=False):
        """Right ascension and declination of what `place` gave, degrees, with the corrections since or before them."""
        if not before:
            places = places @ self.matrix.T + self.shift
        return self.wcs.between(self.frame, self.sky)(*self._unproject(places))

    def from_sky(self, ra, dec):
        """Coordinates in the plane, (n, 2), of positions in degrees."""
        matrix, shift = self._affine
        return self._project(*self.wcs.between(self.sky, self.frame)(ra, dec)) @ matrix.T + shift

    def to_sky(self, positions):
        """Right ascension and declination, degrees, of coordinates in the plane, (n, 2)."""
        matrix, shift = self._affine
        places = (positions - shift) @ np.linalg.inv(matrix).T
        return self.wcs.between(self.frame, self.sky)(*self._unproject(places))

    @property
    def scale(self):
        """Size of a pixel at the origin of the plane, arcsec."""
        matrix, shift = self._affine
        origin = np.linalg.solve(self.matrix, -np.linalg.solve(matrix, shift) - self.shift)
        x, y = (
            float(value[0]) for value in self.wcs.between(self.frame, self.detector)(*self._unproject(origin[None]))
        )
        corners = np.array([[-0.5, -0.5], [-0.5, 0.5], [0.5, 0.5], [0.5, -0.5]])
        places = self.place(x + corners[:, 0], y + corners[:, 1]) @ (matrix @ self.matrix).T
        # The area of a quadrangle is half the product of its diagonals.
        (ax, ay), (bx, by) = places[2:] - places[:2]
        return math.sqrt(abs(ax * by - ay * bx) / 2)

    def correct(self, matrix, shift, plane):
        """Correct the exposure.

        Parameters
        ----------
        matrix, shift : ndarray of float64, (2, 2) and (2,)
            A linear map of positions in a plane.
        plane : Plane
            That plane, as it was when the map was made.
        """
        matrix, shift = self._carried(matrix, shift, plane)
        self.matrix, self.shift = matrix @ self.matrix, matrix @ self.shift + shift

    def _carried(self, matrix, shift, plane):
        """A map of another plane as one of this, from what a pixel around the origin there looks like here."""
        step = plane.scale
        corners = step * np.array([[-0.5, -0.5], [0.5, -0.5], [-0.5, 0.5], [0.0, 0.0]])
        low, right, up, origin = self.from_sky(*plane.to_sky(corners))
        turn = np.stack([right - low, up - low], axis=1) / step
        matrix = turn @ matrix @ np.linalg.inv(turn)
        return matrix, turn @ shift - matrix @ origin + origin

    @property
    def moved(self):
        """Whether the exposure has been corrected."""
        return bool((self.matrix != np.eye(2)).any() or self.shift.any())

    def reset(self):
        """Forget the corrections."""
        self.matrix, self.shift = np.eye(2), np.zeros(2)

    def copy(self):
        """The plane as it is now."""
        other = object.__new__(Plane)
        other.__dict__.update(self.__dict__)
        return other


def _turn(axis, degrees):
    """Coordinates after the axes are turned about z (0), y (1) or x (2)."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    first, second = ((0, 1), (2, 0), (1, 2))[axis]
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = cosine
    matrix[first, second], matrix[second, first] = sine, -sine
    return matrix
