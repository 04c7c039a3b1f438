"""Coordinates of exposures: keywords that agree with them, and what makes no sense."""

import logging
from pathlib import Path

import numpy as np
import pytest
from astropy.wcs import WCS
from builders import make_references, make_run

from jwpipe.cli import main
from jwpipe.engine.step import Skip
from jwpipe.errors import InputError, JwpipeError, ReferenceError, StepError
from jwpipe.products.images import Cube, Image
from jwpipe.steps.image.assign_wcs import REFERENCES, Params, assign_wcs

DATA = Path(__file__).parent.parent / "data" / "wcs"
NIRCAM = {
    "distortion": DATA / "jwst_nircam_distortion_0096.asdf",
    "filteroffset": DATA / "jwst_nircam_filteroffset_0002.asdf",
}
MIRI = {
    "distortion": DATA / "jwst_miri_imager_distortion_flt9.asdf",
    "filteroffset": DATA / "jwst_miri_filteroffset_0005.asdf",
}
POINTING = {"V2_REF": -89.5, "V3_REF": -491.4, "RA_REF": 359.99, "DEC_REF": -72.5, "ROLL_REF": 33.3, "VA_SCALE": 1.0001}
EXPOSURE = {
    "INSTRUME": "NIRCAM",
    "DETECTOR": "NRCBLONG",
    "EXP_TYPE": "NRC_IMAGE",
    "FILTER": "F444W",
    "PUPIL": "CLEAR",
}


def make_product(shape=(300, 200), start=(1201, 101), **keywords):
    product = Image() if len(shape) == 2 else Cube()
    product.data = np.zeros(shape)
    place = {"SUBSTRT1": start[0], "SUBSTRT2": start[1], "SUBSIZE1": shape[-1], "SUBSIZE2": shape[-2]}
    for keyword, value in (EXPOSURE | POINTING | place | keywords).items():
        if value is not None:
            product[keyword] = value
    return product


def assign(product, references=NIRCAM, run=None, **parameters):
    refs = make_references(product, **(dict.fromkeys(REFERENCES) | references))
    return assign_wcs(product, refs, Params(**parameters), run or make_run())


def test_keywords_agree_with_the_coordinates():
    product = assign(make_product(PC1_1=1.0, CDELT1=1.0, A_4_4=3.0))
    header = product.headers["SCI"]
    assert not {"PC1_1", "CDELT1", "A_4_4"} & set(header)
    x, y = np.random.default_rng(1).uniform(0, 200, (2, 100))
    sky = product.wcs(x, y)
    assert header["CTYPE1"] == "RA---TAN-SIP"
    approximate = WCS(header, naxis=2)
    away = (np.array(approximate.all_pix2world(x, y, 0)) - sky) * [[np.cos(np.deg2rad(72.5))], [1]] * 3600
    assert np.abs(away).max() < 0.1 * 0.063
    corners = np.array(header["S_REGION"].split()[2:], float).reshape(4, 2).T
    expected = product.wcs(np.array([-0.5, -0.5, 199.5, 199.5]), np.array([-0.5, 299.5, 299.5, -0.5]))
    np.testing.assert_allclose(corners, expected, rtol=0, atol=1e-9)


def test_subarray_and_filter_are_shifts_on_the_detector():
    full = assign(make_product((2048, 2048), (1, 1)))
    x, y = np.random.default_rng(1).uniform(0, 200, (2, 100))
    sky = full.wcs(x + 1200, y + 100)
    np.testing.assert_allclose(assign(make_product()).wcs(x, y), sky, rtol=0, atol=1e-11)
    np.testing.assert_allclose(assign(make_product((2, 300, 200))).wcs(x, y), sky, rtol=0, atol=1e-11)
    narrow = assign(make_product(PUPIL="F405N")).wcs
    # The reference's row of F405N less that of the wide filter.
    np.testing.assert_allclose(narrow(x, y), full.wcs(x + 1200 - 0.095, y + 100 + 0.193 - 0.058), rtol=0, atol=1e-11)
    unknown = assign(make_product(PUPIL="NONE")).wcs
    np.testing.assert_allclose(unknown(x, y), full.wcs(x + 1200, y + 100 - 0.058), rtol=0, atol=1e-11)


def test_velocity_aberration_scales_about_the_reference_point():
    plain, scaled = assign(make_product(VA_SCALE=1.0)).wcs, assign(make_product()).wcs
    x, y = plain.invert(*[np.array([POINTING[key]]) for key in ("RA_REF", "DEC_REF")])
    np.testing.assert_allclose(plain(x, y), scaled(x, y), rtol=0, atol=1e-8)
    one, other = (np.ptp(wcs(0 * x, np.array([0.0, 300.0]))[1]) for wcs in (plain, scaled))
    assert other / one == pytest.approx(1.0001, rel=1e-6)


def test_reference_in_a_newer_standard():
    miri = {"INSTRUME": "MIRI", "DETECTOR": "MIRIMAGE", "EXP_TYPE": "MIR_IMAGE", "FILTER": "F1000W", "PUPIL": None}
    wcs = assign(make_product((1024, 1032), (1, 1), V2_REF=-453.4, V3_REF=-373.5, **miri), MIRI).wcs
    v2, v3 = wcs.between("detector", "v2v3")(693.5 - 1, 512.5 - 1)  # about where SIAF has the reference point
    assert abs(v2 + 453.4) < 1
    assert abs(v3 + 373.5) < 1


@pytest.mark.parametrize(
    ("parameters", "orders"),
    [
        ({"sip_degree": 4, "sip_inv_degree": 3}, (4, 3)),
        ({"sip_degree": 1}, (None, None)),
        ({"sip_max_pix_error": 1e-4, "sip_max_inv_pix_error": 0}, (5, None)),
    ],
)
def test_degrees_of_polynomials(parameters, orders):
    header = assign(make_product((2048, 2048), (1, 1)), **parameters).headers["SCI"]
    assert (header.get("A_ORDER"), header.get("AP_ORDER")) == orders
    assert header["CTYPE1"] == "RA---TAN" + "-SIP" * (orders[0] is not None)


def test_an_approximation_that_is_not_good_enough_is_told(caplog):
    with caplog.at_level(logging.WARNING):
        assign(make_product((2048, 2048), (1, 1)), sip_max_pix_error=1e-9)
    assert "deviate" in caplog.text


def test_no_approximation_unless_wanted():
    product = assign(make_product(A_ORDER=7), sip_approx=False)
    assert product["A_ORDER"] == 7
    assert product["S_REGION"].startswith("POLYGON ICRS  ")


def test_no_box_reaches_beyond_the_array():
    niriss = {"INSTRUME": "NIRISS", "DETECTOR": "NIS", "EXP_TYPE": "NIS_TACQ", "FILTER": "F480M", "PUPIL": "NRM"}
    product = make_product((64, 64), (1, 1), **niriss)
    wcs = assign(product, {"distortion": DATA / "jwst_niriss_distortion_0010.asdf"}).wcs
    assert wcs.bounding_box == ((-0.5, 63.5), (-0.5, 63.5))


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"RA_REF": None}, InputError, "no RA_REF"),
        ({"ROLL_REF": "nan"}, InputError, "ROLL_REF"),
        ({"DEC_REF": 95.0}, InputError, "no declination"),
        ({"VA_SCALE": -1.0}, InputError, "VA_SCALE"),
        ({"DETECTOR": "NRCA1"}, ReferenceError, "of NRCBLONG, not of NRCA1"),
        ({"EXP_TYPE": "NRC_WFSS"}, StepError, "NRC_WFSS"),
        ({"CRPIX1": 1e300, "CRPIX2": 1.0}, StepError, "nowhere"),
    ],
)
def test_what_makes_no_sense(keywords, error, message):
    with pytest.raises(error, match=message):
        assign(make_product(**keywords))


@pytest.mark.parametrize(
    "content",
    [
        None,
        "SIMPLE  =",
        "--- {meta: {}}",
        "--- {model: !transform/polynomial-1.2.0 {coefficients: [[1, 2]]}}",
        "--- {model: !transform/shift-1.2.0 {offset: 1}}",
        "--- {model: !transform/other-1.2.0 {offset: 1}}",
        "--- {model: &a {inverse: *a}}",
    ],
)
@pytest.mark.parametrize("reftype", NIRCAM)
def test_damaged_references_are_told(tmp_path, content, reftype):
    path = tmp_path / "broken.asdf"
    if content is not None:
        path.write_text(f"#ASDF 1.0.0\n%TAG ! tag:stsci.edu:asdf/\n{content}\n...\n")
    with pytest.raises(JwpipeError, match="broken"):
        assign(make_product(), NIRCAM | {reftype: path})


def test_skips():
    with pytest.raises(Skip, match="NRC_DARK"):
        assign(make_product(EXP_TYPE="NRC_DARK"))
    with pytest.raises(Skip, match="distortion"):
        assign(make_product(), {})


@pytest.mark.parametrize(
    ("keywords", "reference", "status"),
    [
        ({}, NIRCAM["distortion"], 0),
        ({"RA_REF": None}, NIRCAM["distortion"], 3),
        ({"ROLL_REF": "nan"}, NIRCAM["distortion"], 3),
        ({}, DATA / "jwst_niriss_distortion_0010.asdf", 4),
        ({"EXP_TYPE": "NRC_WFSS"}, NIRCAM["distortion"], 1),
    ],
)
def test_command_ends_with_one_line_and_no_file(tmp_path, monkeypatch, capsys, keywords, reference, status):
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds-serverless-mode.stsci.edu")
    monkeypatch.setenv("CRDS_PATH", str(tmp_path / "cache"))
    make_product(**keywords).write(tmp_path / "x_rate.fits")
    chosen = dict.fromkeys(REFERENCES, "N/A") | {"distortion": reference}
    overrides = [word for reftype, path in chosen.items() for word in ("--override", f"{reftype}={path}")]
    out = tmp_path / "out"
    assert main(["assign_wcs", str(tmp_path / "x_rate.fits"), "-q", "-o", str(out), *overrides]) == status
    told = capsys.readouterr().err
    assert told.count("\n") == (status > 0)
    if status:
        assert not out.exists()
    else:
        assert Image.read(out / "x_assign_wcs.fits").wcs.frames[-1] == "world"
