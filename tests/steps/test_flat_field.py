"""The flat field of images and of guider exposures."""

import numpy as np
import pytest
from builders import make_references, make_run, write_reference

from jwpipe.engine.step import Skip
from jwpipe.errors import ReferenceError, StepError
from jwpipe.products.dq import Pixel
from jwpipe.products.guider import GuiderCal, GuiderRaw
from jwpipe.products.images import Cube, Image
from jwpipe.steps.image.flat_field import flat_field

MODE = {"INSTRUME": "FGS", "DETECTOR": "GUIDER1", "EXP_TYPE": "FGS_ACQ1", "SUBARRAY": "8X8"}


@pytest.fixture
def cal():
    cal = GuiderCal()
    rng = np.random.default_rng(1)
    cal.data, cal.err = rng.normal(50, 5, (2, 3, 8, 8))
    cal.dq[2, 2] = Pixel.HOT
    for keyword, value in (MODE | {"SUBSTRT1": 3, "SUBSTRT2": 2}).items():
        cal[keyword] = value
    return cal


@pytest.fixture
def flat(tmp_path):
    """A flat of 16 x 16 pixels; of the exposure, [0, 0] is NaN, [0, 1] 0, [0, 2] NO_FLAT_FIELD, [0, 3] NON_SCIENCE."""
    rng = np.random.default_rng(2)
    data, dq = rng.normal(1, 0.1, (16, 16)).astype("f4"), np.zeros((16, 16), "i4")
    data[1, 2:4] = np.nan, 0
    dq[1, 4:6] = 1, 2
    arrays = {"SCI": data, "ERR": np.full((16, 16), 0.02, "f4"), "DQ": dq}
    path = write_reference(tmp_path / "f.fits", arrays, dq_def={1: "NO_FLAT_FIELD", 2: "NON_SCIENCE"}, **MODE)
    return path, np.nan_to_num(data[1:9, 2:10], nan=1)


def divide(cal, path, **parameters):
    return flat_field(cal, make_references(cal, flat=path), flat_field.params(**parameters), make_run())


@pytest.mark.parametrize("own", [False, True])
def test_rates_are_divided_and_errors_gain_those_of_the_flat(cal, flat, own):
    path, response = flat
    response[0, :3] = 1  # where there is none
    data, err = cal.data.copy(), cal.err.copy()
    divide(cal, None if own else path, **({"user_supplied_flat": str(path)} if own else {}))
    np.testing.assert_allclose(cal.data, data / response, rtol=1e-6)
    np.testing.assert_allclose(cal.err**2, err**2 + (data / response**2 * 0.02) ** 2, rtol=1e-5)
    none = Pixel.NO_FLAT_FIELD | Pixel.DO_NOT_USE
    assert cal.dq[0, :5].tolist() == [none, none, none, Pixel.NON_SCIENCE | Pixel.DO_NOT_USE, 0]
    assert cal.dq[2, 2] == Pixel.HOT


def test_the_inverse_undoes_it(cal, flat):
    data = cal.data.copy()
    divide(cal, flat[0])
    divide(cal, flat[0], inverse=True)
    np.testing.assert_allclose(cal.data, data, rtol=1e-6)


def test_it_is_skipped_without_a_flat_of_sufficient_size(cal, flat, tmp_path):
    with pytest.raises(Skip, match="no flat"):
        divide(cal, None)
    small = write_reference(tmp_path / "small.fits", {"SCI": np.ones((8, 7))}, **MODE)
    with pytest.raises(Skip, match="smaller than the exposure"):
        divide(cal, small)
    away = write_reference(tmp_path / "away.fits", {"SCI": np.ones((9, 9))}, **MODE)
    with pytest.raises(ReferenceError, match="does not cover"):
        divide(cal, away)
    raw = GuiderRaw()
    with pytest.raises(Skip, match="not count rates"):
        divide(raw, flat[0])


@pytest.mark.parametrize("kind", [Image, Cube])
def test_images_gain_the_variance_of_the_flat(flat, kind):
    path, response = flat
    response[0, :3] = 1
    image, shape = kind(), (8, 8) if kind is Image else (3, 8, 8)
    for keyword, value in (MODE | {"EXP_TYPE": "FGS_IMAGE", "SUBSTRT1": 3, "SUBSTRT2": 2}).items():
        image[keyword] = value
    image.data, image.err, image.var_rnoise = np.full(shape, 7.0), np.ones(shape), np.full(shape, 0.25)
    run = make_run(2)
    flat_field(image, make_references(image, flat=path), flat_field.params(save_interpolated_flat=True), run)
    np.testing.assert_allclose(image.data, np.broadcast_to(7 / response, shape), rtol=1e-6)
    np.testing.assert_allclose(image.var_rnoise, np.broadcast_to(0.25 / response**2, shape), rtol=1e-6)
    np.testing.assert_allclose(image.var_flat, image.data**2 / response**2 * 0.02**2, rtol=1e-6)
    np.testing.assert_allclose(image.err, np.sqrt(image.var_rnoise + image.var_flat), rtol=1e-6)
    assert not image.var_poisson.any()
    np.testing.assert_array_equal(run.saved["interpolatedflat"].data, response)


def test_spectra_of_nirspec_are_left_to_their_own_flats(cal):
    image = Image()
    image.data = np.ones((8, 8))
    for keyword, value in {"INSTRUME": "NIRSPEC", "DETECTOR": "NRS1", "EXP_TYPE": "NRS_IFU"}.items():
        image[keyword] = value
    with pytest.raises(StepError, match="no flats of NIRSpec spectra yet"):
        divide(image, None)
    image["EXP_TYPE"] = "NRS_AUTOFLAT"
    with pytest.raises(Skip, match="NRS_AUTOFLAT"):
        divide(image, None)
