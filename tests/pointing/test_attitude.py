"""Matrices of directions: what holds for every rotation, and a telescope whose attitude is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointing_files import V1, attitude_values, quaternion_of, where, write_siaf

from jwpipe.errors import InputError
from jwpipe.pointing import attitude
from jwpipe.pointing.siaf import Siaf
from jwpipe.pointing.telemetry import Pointing

ANGLE = st.floats(0, 359.999)
DECLINATION = st.floats(-89.9, 89.9)


@given(ANGLE, DECLINATION, ANGLE)
def test_directions_come_back(ra, dec, pa):
    matrix = attitude.from_v1(ra, dec, pa)
    np.testing.assert_allclose(matrix @ matrix.T, np.identity(3), atol=1e-15)
    assert np.linalg.det(matrix) == pytest.approx(1)
    found = attitude.direction_of(matrix)
    assert found.dec == pytest.approx(dec, abs=1e-10)
    for got, given_ in ((found.ra, ra), (found.pa, pa)):
        # Where the third axis is near a pole its declination has but half the digits.
        assert abs((got - given_ + 180) % 360 - 180) < 2e-6


@given(ANGLE, DECLINATION, ANGLE, st.floats(-900, 900), st.floats(-900, 900))
def test_a_point_of_the_focal_plane_is_where_the_attitude_was_made_for(ra, dec, pa, v2, v3):
    matrix = attitude.attitude_at(ra, dec, pa, v2, v3)
    np.testing.assert_allclose(matrix @ matrix.T, np.identity(3), atol=1e-15)
    on_sky = matrix.T @ attitude.unit_vector(v2 * attitude.ARCSEC, v3 * attitude.ARCSEC)
    np.testing.assert_allclose(on_sky, attitude.unit_vector(*np.deg2rad([ra, dec])), atol=1e-14)


@given(ANGLE, DECLINATION, ANGLE)
def test_the_quaternion_of_an_attitude_gives_it_back(ra, dec, pa):
    matrix = attitude.from_v1(ra, dec, pa)
    if np.trace(matrix) > -0.9:
        np.testing.assert_allclose(attitude._eci2j(quaternion_of(matrix)), matrix, atol=1e-13)


@settings(max_examples=50)
@given(ANGLE, DECLINATION, st.tuples(*[st.floats(-35, 35)] * 3))
def test_aberration_is_that_of_a_moving_observer(ra, dec, velocity):
    source, velocity = attitude.unit_vector(*np.deg2rad([ra, dec])), np.array(velocity)
    scale, apparent = attitude.apparent_direction(velocity, source)
    assert np.linalg.norm(apparent) == pytest.approx(1, abs=1e-12)
    speed = np.linalg.norm(velocity)
    if speed < 0.01:
        return
    # cos' = (cos + b) / (1 + b cos), about the direction of motion, in the plane of source and motion.
    beta, ahead = speed / attitude.LIGHT, velocity / speed
    assert apparent @ ahead == pytest.approx((source @ ahead + beta) / (1 + beta * (source @ ahead)), abs=1e-14)
    assert abs(np.cross(source, ahead) @ apparent) < 1e-14
    assert scale == pytest.approx((1 + beta * (source @ ahead)) / np.sqrt(1 - beta**2), abs=1e-14)


@pytest.fixture(scope="module")
def siaf(tmp_path_factory):
    return write_siaf(tmp_path_factory.mktemp("siaf"))


@pytest.mark.parametrize("fgsid", [1, 2])
@pytest.mark.parametrize("method", [attitude.coarse, attitude.track])
@pytest.mark.parametrize("name", ["MIRIM_FULL", "FGS1_FULL", "NRCA5_GRISM256_F444W"])
def test_telemetry_of_a_known_attitude_gives_it_back(siaf, fgsid, method, name):
    values, star = attitude_values(siaf, fgsid)
    apertures, guiding = Siaf(siaf), attitude.Guiding(star=star)
    matrices = method(Pointing.of(0.0, values, fgsid), guiding, apertures.guider)
    aperture = apertures.aperture(name)
    v1, point = attitude.reference_point(matrices, aperture, guiding)
    # Tracking takes the roll about guider 1's commanded star as that of V3 at the guide star, in the plane.
    within = 1e-9 if method is attitude.coarse else 5e-3
    assert (v1.ra, v1.dec, v1.pa) == pytest.approx(V1, abs=within)
    ra, dec, roll = where(name, siaf)
    assert (point.ra, point.dec) == pytest.approx((ra, dec), abs=max(within, 1e-9) / 10)
    assert point.pa - aperture.v3_ideal_angle == pytest.approx(roll, abs=max(within, 1e-4))


def test_a_telescope_that_moves_sees_the_guide_star_elsewhere(siaf):
    values, star = attitude_values(siaf)
    telemetry, guider = Pointing.of(0.0, values, 1), Siaf(siaf).guider
    still, moving = (
        attitude.direction_of(attitude.coarse(telemetry, attitude.Guiding(star, v), guider)["m_eci2v"])
        for v in (None, np.array([-25.0, -16.5, -7.2]))
    )
    shift = np.degrees(
        np.arccos(attitude.from_v1(still.ra, still.dec, 0)[0] @ attitude.from_v1(moving.ra, moving.dec, 0)[0])
    )
    assert 5 / 3600 < shift < 21.3 / 3600  # at most v/c, 31 km/s: 21.3 arcseconds


def test_hostile_telemetry_is_told(siaf):
    values, star = attitude_values(siaf)
    guider, aperture = Siaf(siaf).guider, Siaf(siaf).aperture("MIRIM_FULL")
    broken = Pointing.of(0.0, values | {"SA_ZATTEST1": 7.0}, 1)
    matrices = attitude.coarse(broken, attitude.Guiding(star), guider)
    with pytest.raises(InputError, match="no attitude"):
        attitude.reference_point(matrices, aperture, attitude.Guiding(star))
    with pytest.raises(InputError, match="guide star"):
        attitude.track(Pointing.of(0.0, values, 1), attitude.Guiding(None), guider)
    far = Pointing.of(0.0, values | {"SA_ZFGGSPOSX": 1e9}, 1)
    with pytest.raises(InputError, match="no place in a guider"):
        attitude.track(far, attitude.Guiding(star), guider)


def test_a_matrix_of_zeros_is_replaced_and_an_override_stands(siaf):
    values, star = attitude_values(siaf)
    zeros = {name: 0.0 for name in values if name.startswith("SA_ZRFGS2J")}
    telemetry, guider = Pointing.of(0.0, values | zeros, 1), Siaf(siaf).guider
    matrices = attitude.coarse(telemetry, attitude.Guiding(star), guider)
    np.testing.assert_allclose(matrices["m_j2fgs1"] @ matrices["m_j2fgs1"].T, np.identity(3), atol=1e-9)
    given_ = attitude.from_v1(10.0, 20.0, 30.0)
    for method in (attitude.coarse, attitude.track):
        matrices = method(telemetry, attitude.Guiding(star, override={"m_eci2v": given_}), guider)
        assert matrices["m_eci2v"] is given_


@given(ANGLE, st.floats(-180, 180), st.sampled_from([1, -1]))
def test_images_are_turned_and_mirrored_but_not_sheared(roll, angle, parity):
    matrix = np.reshape(attitude.rotation_matrix(roll, angle, parity), (2, 2))
    np.testing.assert_allclose(matrix @ matrix.T, np.identity(2), atol=1e-14)
    assert np.linalg.det(matrix) == pytest.approx(parity)
