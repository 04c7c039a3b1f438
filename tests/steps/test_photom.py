"""From count rates to surface brightness."""

import numpy as np
import pytest
from astropy.io import fits
from builders import MODE, make_references, make_run, write_reference

from jwpipe.engine.step import Skip
from jwpipe.errors import InputError, ReferenceError, StepError
from jwpipe.products.images import Cube, Image
from jwpipe.steps.image.photom import photom

NIRCAM = {"FILTER": "F444W", "PUPIL": "CLEAR", "SUBSTRT1": 3, "SUBSTRT2": 2}
MIRI = {
    "INSTRUME": "MIRI",
    "DETECTOR": "MIRIMAGE",
    "EXP_TYPE": "MIR_IMAGE",
    "FILTER": "F770W",
    "SUBARRAY": "FULL",
    "EXPMID": 60000.0,
}
FIELDS = "data err var_poisson var_rnoise var_flat".split()


def make(kind=Image, **keywords):
    """A product of ones."""
    product, shape = kind(), (6, 8) if kind is Image else (2, 6, 8)
    for name in FIELDS:
        setattr(product, name, np.ones(shape))
    for keyword, value in (MODE | NIRCAM | keywords).items():
        product[keyword] = value
    return product


def table(rows, names="filter pupil photmjsr uncertainty", name="PHOTOM"):
    """A table of factors: texts, then numbers."""
    kinds = ["S12" if isinstance(value, str) else "f4" for value in rows[0]]
    return fits.BinTableHDU(np.array(rows, dtype=list(zip(names.split(), kinds, strict=True))), name=name)


def calibrate(product, folder, tables, area=None, photom_keywords=None, **parameters):
    mode = {keyword: product[keyword] for keyword in ("INSTRUME", "DETECTOR")}
    path = write_reference(folder / "photom.fits", tables=tables, **mode, **(photom_keywords or {}))
    references = make_references(product, photom=path, area=area)
    return photom(product, references, photom.params(**parameters), make_run(2))


ROWS = [("F444W", "F405N", 9.0, 0.1), ("F444W", "clear", 0.4, 0.1), ("F200W", "CLEAR", 8.0, 0.1)]


def test_values_are_scaled_and_pixel_areas_taken_over(tmp_path):
    relative = np.arange(256, dtype="f4").reshape(16, 16)
    area = write_reference(tmp_path / "area.fits", {"SCI": relative}, PIXAR_SR=1e-13, PIXAR_A2=0.004)
    product = calibrate(make(), tmp_path, [table(ROWS)], area)
    factor = np.float32(0.4)
    np.testing.assert_array_equal(product.data, factor)
    np.testing.assert_array_equal(product.err, factor)
    for name in FIELDS[2:]:
        np.testing.assert_array_equal(getattr(product, name), factor * factor)
    np.testing.assert_array_equal(product.area, relative[1:7, 2:10])
    assert [product[k] for k in ("PHOTMJSR", "PIXAR_SR", "PIXAR_A2", "BUNIT")] == [factor, 1e-13, 0.004, "MJy/sr"]
    assert product["PHOTUJA2"] == pytest.approx(float(factor) * 23.50443053909789, rel=1e-14)
    calibrate(product, tmp_path, [table(ROWS)], area, inverse=True)
    np.testing.assert_allclose(product.data, 1)
    np.testing.assert_array_equal(product.err, factor * factor)
    assert product["BUNIT"] == "DN/s"


def test_without_areas_the_nominal_one_is_that_of_the_factors(tmp_path):
    product = calibrate(make(Cube), tmp_path, [table(ROWS)], photom_keywords={"PIXAR_SR": 2e-13})
    assert product.area is None
    assert (product["PIXAR_SR"], product.get("PIXAR_A2")) == (2e-13, None)
    assert product.data.shape == (2, 6, 8)


def test_the_response_of_miri_changes_with_time(tmp_path):
    rows = [("F770W", "BRIGHTSKY", 9.0, 0.1), ("F770W", "GENERIC", 0.3, 0.1)]
    factors = table(rows, "filter subarray photmjsr uncertainty")
    times = table([(9.0, 9.0, 9.0), (0.2, 200.0, 59700.0)], "amplitude tau t0", "TIMECOEFF")
    assert calibrate(make(**MIRI), tmp_path, [factors])["PHOTMJSR"] == np.float32(0.3)
    product = calibrate(make(**MIRI), tmp_path, [factors, times])
    assert product["PHOTMJSR"] == pytest.approx(0.3 + 0.2 * np.exp(-300 / 200), rel=1e-6)
    without = make(**MIRI)
    del without.headers["PRIMARY"]["EXPMID"]
    with pytest.raises(InputError, match="no EXPMID"):
        calibrate(without, tmp_path, [factors, times])
    with pytest.raises(ReferenceError, match="1 rows in TIMECOEFF"):
        calibrate(make(**MIRI), tmp_path, [factors, table([(1.0, 1.0, 1.0)], "amplitude tau t0", "TIMECOEFF")])


def test_the_guiders_have_one_row(tmp_path):
    fgs = {"INSTRUME": "FGS", "DETECTOR": "GUIDER1", "EXP_TYPE": "FGS_IMAGE"}
    assert calibrate(make(**fgs), tmp_path, [table([(2.5, 0.1)], "photmjsr uncertainty")])["PHOTMJSR"] == 2.5


def test_what_cannot_be_calibrated_is_told(tmp_path):
    def fails(kind, match, tables, **keywords):
        product = make(**keywords)
        with pytest.raises(kind, match=match):
            calibrate(product, tmp_path, tables)
        assert (product.data == 1).all()
        assert product.area is None

    fails(Skip, "no row for F115W, CLEAR", [table(ROWS)], FILTER="F115W")
    fails(ReferenceError, "2 rows for F444W, CLEAR", [table(ROWS + ROWS)])
    fails(ReferenceError, "gives nan", [table([("F444W", "CLEAR", float("nan"), 0.1)])])
    fails(ReferenceError, "no pupil column", [table([("F444W", 0.4)], "filter photmjsr")])
    fails(StepError, "spectra", [table([("F444W", "CLEAR", 0.4, 5.0)], "filter pupil photmjsr wavelength")])
    fails(StepError, "spectra", [table([("F444W", "CLEAR", 0.4)], "filter pupil photmj")])
    with pytest.raises(Skip, match="no photom"):
        photom(make(), make_references(make(), photom=None), photom.params(), make_run())
    niriss = make(Cube, INSTRUME="NIRISS", DETECTOR="NIS", EXP_TYPE="NIS_AMI")
    with pytest.raises(Skip, match="single images"):
        photom(niriss, make_references(niriss), photom.params(), make_run())
