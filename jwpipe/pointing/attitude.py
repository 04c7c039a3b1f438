"""Attitude of the observatory: how telemetry, guide star and apertures give the direction of every axis on the sky.

All is done by matrices of direction cosines. ``m_a2b`` takes a vector from frame a to frame b:

========  ==============================================================================================================
eci       the equator and equinox of J2000: what right ascension and declination are of
j         the spacecraft
fgs1      guider 1, in the telescope's order of axes (boresight last): "ICS"
gs        the guide star, as it would be seen at rest; gsapp, as it is seen from the moving telescope
v         the telescope: V1 along the boresight, V3 away from the sun shield
siaf      an aperture's ideal frame, as the SIAF (science instrument aperture file) defines it, boresight first
========  ==============================================================================================================

Source: JWST-STScI-003222, SM-12, Rev. C (2021-11), whose numbers the equations below bear; velocity aberration from
OSG-CAL-97-06. Angles are radians where nothing else is said.
"""

from dataclasses import dataclass
from math import cos, sin, sqrt

import numpy as np

from jwpipe.errors import InputError

__all__ = [
    "ARCSEC",
    "Direction",
    "Guiding",
    "apparent_direction",
    "attitude_at",
    "coarse",
    "direction_cosines",
    "direction_of",
    "from_v1",
    "position_angle",
    "reference_point",
    "rotation_matrix",
    "track",
    "unit_vector",
    "v2ideal",
]

ARCSEC = np.pi / 180 / 3600
LIGHT = 299792.458  # km/s

# Eqs. 1, 2: the telescope's order of axes and that of ideal frames.
IDEAL2ICS = np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])
ICS2IDEAL = IDEAL2ICS.T

# What telemetry has for J to FGS1 before the flight computer is told: rows as telemetry gives them.
J2FGS1_DEFAULT = (
    (-0.0010044400033, 0.9999994955442, 0.0000033964915),
    (0.0033814583568, 0.0000000000000, 0.9999942828533),
    (0.9999937784005, 0.0010044457459, -0.0033814566510),
)


@dataclass(frozen=True)
class Direction:
    """Where an axis points, and how the frame is turned about it.

    Attributes
    ----------
    ra, dec : float
        Degrees.
    pa : float
        Position angle of the frame's third axis at the first, degrees from north over east.
    """

    ra: float
    dec: float
    pa: float


@dataclass(frozen=True)
class Guiding:
    """What is known of how the telescope was guided, beside its telemetry.

    Attributes
    ----------
    star : tuple of float or None
        Right ascension and declination of the guide star, degrees.
    velocity : ndarray or None
        Barycentric velocity of the telescope, km/s; None: velocity aberration stays in.
    fgsid : int or None
        The guider, where telemetry cannot tell.
    transpose : bool
        Whether telemetry's matrix is FGS1 to J, as it is.
    override : dict of str to ndarray
        Matrices that stand in place of those computed.
    """

    star: tuple | None = None
    velocity: np.ndarray | None = None
    fgsid: int | None = None
    transpose: bool = True
    override: dict | None = None

    def keep(self, transforms, name, matrix):
        """Add a matrix, or what is to stand in its place, to those computed so far."""
        override = (self.override or {}).get(name)
        transforms[name] = matrix if override is None else override
        return transforms[name]


def unit_vector(alpha, delta):
    """Unit vector of spherical angles (Eq. 9)."""
    return np.array([cos(delta) * cos(alpha), cos(delta) * sin(alpha), sin(delta)])


def _angles(vector):
    """Spherical angles of a unit vector, the first from 0 to 2 pi (Eqs. 10, 11)."""
    with np.errstate(invalid="ignore"):  # NaN where a matrix is no rotation: told by who needs the angle
        return np.arctan2(vector[1], vector[0]) % (2 * np.pi), np.arcsin(vector[2])


def direction_cosines(alpha, delta, angle):
    """Matrix from the frame of alpha and delta to one at that point, turned by an angle.

    Parameters
    ----------
    alpha, delta : float
        Where the first axis points.
    angle : float
        Position angle of the third axis.

    Returns
    -------
    ndarray
        3 x 3.
    """
    ca, sa, cd, sd, c, s = cos(alpha), sin(alpha), cos(delta), sin(delta), cos(angle), sin(angle)
    return np.array(
        [
            [cd * ca, cd * sa, sd],
            [-c * sa + s * sd * ca, c * ca + s * sd * sa, -s * cd],
            [-s * sa - c * sd * ca, s * ca - c * sd * sa, c * cd],
        ]
    )


def position_angle(point, other):
    """Position angle at one point of another, both as right ascension and declination; 0 to 2 pi."""
    (a, d), (a1, d1) = point, other
    y = cos(d1) * sin(a1 - a)
    x = sin(d1) * cos(d) - cos(d1) * sin(d) * cos(a1 - a)
    return np.arctan2(y, x) % (2 * np.pi)


def direction_of(matrix):
    """Tell where a frame's first axis points, and the position angle of its third.

    Parameters
    ----------
    matrix : ndarray
        From the sky to the frame.

    Returns
    -------
    Direction
    """
    first, third = _angles(matrix[0]), _angles(matrix[2])
    return Direction(*(float(np.rad2deg(angle)) for angle in (*first, position_angle(first, third))))


def apparent_direction(velocity, direction):
    """Velocity aberration: how a source at rest appears to the moving telescope.

    Parameters
    ----------
    velocity : array_like of float
        Of the telescope, km/s.
    direction : ndarray
        Unit vector to the source.

    Returns
    -------
    scale : float
        By which angles on the sky near the source shrink.
    apparent : ndarray
        Unit vector to where it appears.

    Raises
    ------
    InputError
        The telescope is faster than light.
    """
    beta = np.asarray(velocity, "f8") / LIGHT
    square = np.dot(beta, beta) if (np.abs(beta) < 1).all() else 1.0
    if square >= 1:
        raise InputError(f"a velocity of {np.asarray(velocity).tolist()} km/s is none of a telescope")
    if square == 0:
        return 1.0, direction
    along = np.dot(direction, beta)
    root = np.sqrt(1 - square)
    apparent = (root * direction + beta * (1 + (1 - root) * along / square)) / (1 + along)
    return float((1 + along) / root), apparent


def _eci2j(quaternion):
    """Attitude of the spacecraft (Eq. 24)."""
    a, b, c, d = quaternion
    return np.array(
        [
            [1 - 2 * b * b - 2 * c * c, 2 * (a * b + c * d), 2 * (c * a - b * d)],
            [2 * (a * b - c * d), 1 - 2 * c * c - 2 * a * a, 2 * (b * c + a * d)],
            [2 * (c * a + b * d), 2 * (b * c - a * d), 1 - 2 * a * a - 2 * b * b],
        ]
    )


def _j2fgs1(rows, transpose):
    """Spacecraft to guider 1 (Eq. 25): telemetry calls it so and has the opposite."""
    matrix = np.array(J2FGS1_DEFAULT if np.isclose(rows, 0).all() else rows, "f8").reshape(3, 3)
    return matrix.T if transpose else matrix


def _fgs2gs(commanded):
    """Guider to where the guide star was commanded to be, in arcseconds on guider 1 (Eqs. 29, 30)."""
    x, y = np.asarray(commanded) * ARCSEC
    about_y = np.array([[cos(x), 0, sin(x)], [0, 1, 0], [-sin(x), 0, cos(x)]])
    about_x = np.array([[1, 0, 0], [0, cos(y), sin(y)], [0, -sin(y), cos(y)]])
    return (about_x @ about_y).T


def _gs2gsapp(m_eci2gsics, velocity):
    """Take velocity aberration out at the guide star (Eqs. 35 to 40).

    1.14.1 squares the generator of the rotation element by element, not as a matrix. The difference is of second order
    in v/c, 1e-8; it is followed, since headers are to agree to 1e-9 degrees.
    """
    if velocity is None:
        return np.identity(3)
    star = np.array([0.0, 0, 1])
    _, apparent = apparent_direction(-np.asarray(velocity), m_eci2gsics.T @ star)
    axis = np.cross(star, m_eci2gsics @ apparent)
    size = np.linalg.norm(axis)
    if size == 0:  # at rest, or moving straight towards the star
        return np.identity(3)
    x, y, z = axis / size
    generator = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    theta = np.arcsin(size)
    return np.identity(3) - generator * np.sin(theta) + 2 * generator**2 * np.sin(theta / 2) ** 2


def v2ideal(aperture):
    """Telescope to an aperture's ideal frame, in the telescope's order of axes (Eq. 12)."""
    order = np.array([[0, aperture.parity, 0], [0, 0, 1], [1, 0, 0]], "f8")
    v3_angle = np.deg2rad(aperture.v3_ideal_angle)
    return order @ direction_cosines(aperture.v2_ref * ARCSEC, aperture.v3_ref * ARCSEC, v3_angle)


def attitude_at(ra, dec, pa, v2, v3):
    """Sky to telescope, from the place of one point of the focal plane (Appendix A).

    Parameters
    ----------
    ra, dec, pa : float
        Where the point is seen, and the position angle of V3 there, degrees.
    v2, v3 : float
        The point, arcseconds.

    Returns
    -------
    ndarray
        m_eci2v.
    """
    ra, dec, pa = np.deg2rad([ra, dec, pa])
    v2, v3 = v2 * ARCSEC, v3 * ARCSEC
    to_boresight = np.array(
        [
            [cos(v2) * cos(v3), -sin(v2), -cos(v2) * sin(v3)],
            [sin(v2) * cos(v3), cos(v2), -sin(v2) * sin(v3)],
            [sin(v3), 0, cos(v3)],
        ]
    )
    return to_boresight @ direction_cosines(ra, dec, pa)


def from_v1(ra, dec, pa):
    """Sky to telescope, from where V1 points and the position angle of V3, degrees."""
    return direction_cosines(*np.deg2rad([ra, dec, pa]))


def _to_guide_star(telemetry, guiding, transforms):
    """Matrices up to the guide star's ideal frame (Eqs. 16, 17)."""
    eci2j = guiding.keep(transforms, "m_eci2j", _eci2j(telemetry.quaternion))
    j2fgs1 = guiding.keep(transforms, "m_j2fgs1", _j2fgs1(telemetry.j2fgs1, guiding.transpose))
    fgs2gs = guiding.keep(transforms, "m_fgsx2gs", _fgs2gs(telemetry.commanded))
    eci2gsics = fgs2gs @ j2fgs1 @ eci2j
    gs2gsapp = guiding.keep(transforms, "m_gs2gsapp", _gs2gsapp(eci2gsics, guiding.velocity))
    return guiding.keep(transforms, "m_eci2gs", ICS2IDEAL @ gs2gsapp @ eci2gsics)


def coarse(telemetry, guiding, guiders):
    """Attitude of a telescope that follows its gyroscopes and star trackers (Eq. 45).

    Parameters
    ----------
    telemetry : jwpipe.pointing.telemetry.Pointing
        Reduced telemetry.
    guiding : Guiding
        The rest; its `fgsid` is the guider to reckon by, 1 by default.
    guiders : callable
        ``guiders(1)`` gives the aperture of guider 1, ``guiders(2)`` that of guider 2.

    Returns
    -------
    dict of str to ndarray
        Matrices by name; m_eci2v is the attitude.
    """
    transforms = {}
    eci2gs = _to_guide_star(telemetry, guiding, transforms)
    v2fgs = v2ideal(guiders(guiding.fgsid if guiding.fgsid in (1, 2) else 1))
    guiding.keep(transforms, "m_eci2v", v2fgs.T @ transforms["m_fgsx2gs"].T @ IDEAL2ICS @ eci2gs)
    return transforms


def track(telemetry, guiding, guiders):
    """Attitude of a telescope that follows a guide star (Eq. 46).

    The star's catalogue position and where it was measured give the attitude but for the roll, which telemetry's own
    attitude gives: at the guide star, relative to guider 1 whichever guides.

    Parameters
    ----------
    telemetry : jwpipe.pointing.telemetry.Pointing
        Reduced telemetry, with the measured position of the guide star. Its guider counts where it is one.
    guiding : Guiding
        The rest.
    guiders : callable
        As for `coarse`.

    Returns
    -------
    dict of str to ndarray
        Matrices by name; m_eci2v is the attitude.

    Raises
    ------
    InputError
        The guide star is not known, or measured where there is no guider.
    """
    if guiding.star is None or None in guiding.star:
        raise InputError("no GS_RA or no GS_DEC: tracking needs the guide star")
    fgsid = next((fgs for fgs in (telemetry.fgsid, guiding.fgsid) if fgs in (1, 2)), 1)
    transforms = {}
    roll = direction_of(_to_guide_star(telemetry, guiding, transforms)).pa - guiders(1).v3_ideal_angle
    x, y = np.asarray(telemetry.measured) * ARCSEC
    if not x * x + y * y < 1:
        raise InputError(f"telemetry has the guide star at {telemetry.measured}, which is no place in a guider")
    v2, v3 = _angles(v2ideal(guiders(fgsid)).T @ np.array([x, y, sqrt(1 - x * x - y * y)]))
    guiding.keep(transforms, "m_eci2v", attitude_at(*guiding.star, roll, v2 / ARCSEC, v3 / ARCSEC))
    return transforms


def reference_point(transforms, aperture, guiding):
    """Add the matrices of an aperture to an attitude, and tell where V1 and the aperture point.

    Parameters
    ----------
    transforms : dict of str to ndarray
        With m_eci2v; m_v2siaf and m_eci2siaf are added.
    aperture : jwpipe.pointing.siaf.Aperture
        The aperture.
    guiding : Guiding
        For its `override`.

    Returns
    -------
    v1, point : Direction
        Of V1, and of the aperture's reference point.

    Raises
    ------
    InputError
        The matrices are no rotations: telemetry is broken.
    """
    v2siaf = guiding.keep(transforms, "m_v2siaf", v2ideal(aperture))
    matrix = guiding.keep(transforms, "m_eci2siaf", ICS2IDEAL @ v2siaf @ transforms["m_eci2v"])
    v1, point = direction_of(transforms["m_eci2v"]), direction_of(matrix)
    if not np.isfinite([v1.ra, v1.dec, v1.pa, point.ra, point.dec, point.pa]).all():
        raise InputError("telemetry gives no attitude", "its quaternion or matrix is no rotation")
    return v1, point


def rotation_matrix(roll, v3_ideal_angle, parity):
    """PC1_1, PC1_2, PC2_1, PC2_2 of an image.

    Parameters
    ----------
    roll : float
        Position angle of V3 at the reference point, degrees.
    v3_ideal_angle : float
        From V3 to the ideal Y axis, degrees.
    parity : int
        1 or -1.

    Returns
    -------
    tuple of float
    """
    angle = np.deg2rad(roll) - parity * np.deg2rad(v3_ideal_angle)
    c, s = float(np.cos(angle)), float(np.sin(angle))
    return parity * c, s, -parity * s, c
