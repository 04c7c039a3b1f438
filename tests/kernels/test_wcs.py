"""Operations of programs of coordinates beside NumPy's, one by one and together."""

import numpy as np
import pytest

from jwpipe.cext import wcs as kernel
from jwpipe.wcs.program import Program

MATRIX = np.array([[0.8, -0.6, 0.1], [0.5, 0.9, -0.2], [-0.3, 0.2, 1.1]])
SURFACE = np.array([[1.0, -2, 3, 0.5], [0.25, 4, -1, 0], [2, 0.125, 0, 0], [-3, 0, 0, 0]])


def to_cartesian(lon, lat):
    lon, lat = np.deg2rad(lon), np.deg2rad(lat)
    return np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)


def to_spherical(x, y, z, wrap):
    lon = np.rad2deg(np.arctan2(y, x))
    return lon % 360 if wrap == 360 else lon, np.rad2deg(np.arctan2(z, np.hypot(x, y)))


def from_plane(x, y):
    x, y = np.deg2rad(x), np.deg2rad(y)
    return np.array([-y, x, np.ones_like(x)]) / np.sqrt(1 + x**2 + y**2)


# name: parameters, what goes in (number, scale), the twin
CASES = {
    "shift": ((1.25,), (1, 100), lambda x: [x + 1.25]),
    "scale": ((-3.5,), (1, 100), lambda x: [x * -3.5]),
    "constant": ((7.0,), (1, 1), lambda x: [np.full_like(x, 7)]),
    "polynomial": ((1.0, -2.0, 0.5, 3.0), (1, 3), lambda x: [1 - 2 * x + 0.5 * x**2 + 3 * x**3]),
    "surface": (
        (3, *[SURFACE[i, j] for i in (3, 2, 1, 0) for j in range(3 - i, -1, -1)]),
        (2, 3),
        lambda x, y: [sum(SURFACE[i, j] * x**i * y**j for i in range(4) for j in range(4 - i))],
    ),
    "affine": ((1, 2, 3, 4, 5, 6), (2, 10), lambda x, y: [x + 2 * y + 5, 3 * x + 4 * y + 6]),
    "matrix": (tuple(MATRIX.ravel()), (3, 1), lambda *v: MATRIX @ np.array(v)),
    "to_cartesian": ((), (2, 360), to_cartesian),
    "to_cartesian-near-0": ((), (2, 3), to_cartesian),
    "to_spherical": ((360,), (3, 1), lambda *v: to_spherical(*v, 360)),
    "to_spherical-180": ((180,), (3, 1), lambda *v: to_spherical(*v, 180)),
    "normalise": ((), (3, 1), lambda *v: np.array(v) / np.linalg.norm(v, axis=0)),
    "from_plane": ((), (2, 30), from_plane),
    "to_plane": ((), (3, 1), lambda x, y, z: np.rad2deg([y / z, -x / z])),
    "add": ((), (2, 1), lambda x, y: [x + y]),
    "subtract": ((), (2, 1), lambda x, y: [x - y]),
    "multiply": ((), (2, 1), lambda x, y: [x * y]),
    "divide": ((), (2, 1), lambda x, y: [x / y]),
}


def test_every_operation_has_a_case():
    assert {name.partition("-")[0] for name in CASES} == set(kernel.SIGNATURES)


@pytest.mark.parametrize("count", [1, 7, 256, 1500])
@pytest.mark.parametrize("name", CASES)
def test_operation(name, count):
    parameters, (inputs, scale), twin = CASES[name]
    points = np.random.default_rng(count).uniform(-scale, scale, (inputs, count))
    points[:, count // 2] = np.nan if count > 7 else points[:, count // 2]
    expected = np.array(twin(*points))
    program = Program(inputs)
    name = name.partition("-")[0]
    reads = () if name == "constant" else range(inputs)
    program.results = program.add(name, parameters, reads)
    found = program.run(points)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13 * scale)
    for threads in (2, 8):
        np.testing.assert_array_equal(program.run(points, threads), found)


def test_directions_that_are_vectors_again_are_left_out_and_so_is_what_no_result_needs():
    program = Program(2)
    first = program.add("to_cartesian", (), (0, 1))
    scaled = [program.add("scale", (2.0,), (value,))[0] for value in program.add("to_spherical", (360,), first)]
    back = [program.add("scale", (0.5,), (value,))[0] for value in scaled]
    program.add("shift", (1.0,), (back[0],))
    program.results = program.add("to_cartesian", (), back)
    code = program._code()[0]
    assert [row[0] for row in code] == [kernel.SIGNATURES["to_cartesian"][0], kernel.SIGNATURES["normalise"][0]]
    points = np.random.default_rng(1).uniform(-80, 80, (2, 300))
    np.testing.assert_allclose(program.run(points), to_cartesian(*points), atol=1e-15)


def test_values_that_outlive_others_keep_their_registers():
    program = Program(2)
    held, total = 0, 1
    for _ in range(20):
        (held,), (other,) = program.add("shift", (1.0,), (held,)), program.add("scale", (0.5,), (held,))
        (total,) = program.add("add", (), (total, other))
    program.results = total, held, 0
    x, y = points = np.random.default_rng(2).normal(size=(2, 1000))
    expected = y + sum(0.5 * (x + i) for i in range(20)), x + 20, x
    np.testing.assert_allclose(program.run(points), expected, atol=1e-12)
    assert program._code()[3] < 7


def test_grid_is_columns_and_rows():
    program = Program(2)
    program.results = program.add("affine", (1, 0, 0, 1, 0, 0), (0, 1))
    y, x = np.indices((5, 700))
    for threads in (1, 2, 8):
        np.testing.assert_array_equal(program.run_grid((5, 700), threads), [x, y])


def test_angles_on_the_axes_and_far_away():
    lon, lat = np.meshgrid(
        [-720.0, -270, -180, -90, -45, 0, 45, 90, 135, 180, 225, 270, 360, 1e6], [-90.0, -45, 0, 30, 90]
    )
    points = np.array([lon.ravel(), lat.ravel()])
    program = Program(2)
    program.results = program.add("to_cartesian", (), (0, 1))
    vectors = program.run(points)
    np.testing.assert_allclose(vectors, to_cartesian(points[0] % 360, points[1]), atol=3e-16)
    assert (np.abs(vectors[:, np.abs(points[1]) == 90][:2]) == 0).all()  # as multiples of pi/2 cannot have it
    back = Program(3)
    back.results = back.add("to_spherical", (360,), (0, 1, 2))
    found = back.run(vectors)
    level = np.abs(points[1]) < 90
    np.testing.assert_allclose(found[0, level], (points[0] % 360)[level], atol=1e-13)
    np.testing.assert_allclose(found[1], points[1], atol=2e-14)
    assert (found[0, ~level] == 0).all()
    np.testing.assert_array_equal(back.run(np.array([[0, 0.0], [0, 0], [0, -2]])), [[0, 0], [0, -90]])
    assert np.isnan(back.run(np.array([[np.nan], [1.0], [1.0]])))[0]
    assert np.isnan(program.run(np.array([[np.inf, 1.0], [1.0, np.nan]]))).any(axis=0).all()


def test_directions_are_exact_to_the_last_places():
    vectors = np.random.default_rng(3).normal(size=(3, 100_000)) * 10 ** np.random.default_rng(4).uniform(
        -8, 8, 100_000
    )
    program = Program(3)
    program.results = program.add("to_spherical", (180,), (0, 1, 2))
    x, y, z = vectors.astype("longdouble")
    exact = np.rad2deg(np.arctan2(y, x)), np.rad2deg(np.arctan2(z, np.hypot(x, y)))
    for one, other in zip(program.run(vectors), exact, strict=True):
        assert np.abs((one - other) / np.spacing(np.abs(other.astype(float)))).max() < 4
