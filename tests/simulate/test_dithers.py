"""Dithered fields: geometry, sky, references, associations, and what a run on them would find."""

import json

import numpy as np
import pytest
from astropy.io import fits

from jwpipe.errors import UsageError
from jwpipe.products.dq import Pixel
from jwpipe.refs import parkeys, rules
from jwpipe.simulate import simulate
from jwpipe.simulate.bandpass import Bandpass, flux, magnitude
from jwpipe.simulate.crds import IMAGE_RULES
from jwpipe.simulate.dithers import Program
from jwpipe.simulate.modes import load
from jwpipe.simulate.optics import Optics
from jwpipe.simulate.pointing import Camera, attitude, direction, sky_of
from jwpipe.simulate.references_image import apertures
from jwpipe.simulate.scene import render
from jwpipe.simulate.siaf import read_distortion
from jwpipe.simulate.starfield import SKY_SOURCE

DETECTORS = ["NRCA1", "NRCALONG", "NRCB4", "NIS", "GUIDER1", "GUIDER2", "MIRIMAGE"]
RATES = {"level": "rate", "subarray": "SUB160", "dithers": 2, "groups": 6, "outliers": 0.01}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dithers")
    return simulate("nircam-dithers", folder, detector="NRCB1,NRCBLONG", filter="F200W,F115W,F356W", **RATES)


@pytest.mark.parametrize("name", DETECTORS)
def test_distortion_goes_there_and_back(name):
    distortion = read_distortion(name)
    columns, rows = np.linspace(0, 1000, 5), np.linspace(10, 1000, 4)
    x, y = np.meshgrid(columns, rows)
    v2, v3 = distortion.to_focal_plane(x, y)
    back = distortion.from_focal_plane(v2, v3)
    np.testing.assert_allclose(back, (x, y), atol=1e-9)
    # The area by differences over a hundredth of a pixel.
    right, up = distortion.to_focal_plane(x + 0.01, y), distortion.to_focal_plane(x, y + 0.01)
    area = (right[0] - v2) * (up[1] - v3) - (right[1] - v3) * (up[0] - v2)
    np.testing.assert_allclose(distortion.pixel_areas(columns, rows), np.abs(area) * 1e4, rtol=1e-4)


def test_reference_points_are_those_of_the_aperture_file():
    v2, v3 = read_distortion("NRCA1").to_focal_plane(1023.5, 1023.5)
    assert (v2, v3) == (pytest.approx(120.576793), pytest.approx(-527.501431))
    assert read_distortion("MIRIMAGE").scale == pytest.approx((0.1105, 0.1113), rel=1e-3)
    assert read_distortion("MIRIMAGE").nominal_area == pytest.approx(0.01217, rel=2e-3)  # as in the real photom files


def test_attitude_turns_the_focal_plane_to_the_sky():
    # V1 at the origin with V3 to the north, then a quarter turn to the east: V3 points east, V2 south.
    np.testing.assert_allclose(attitude(0, 0, 0, 0, 0), np.eye(3), atol=1e-15)
    quarter = attitude(0, 0, 90, 0, 0)
    assert sky_of(quarter @ direction(0, 0.1)) == (pytest.approx(0.1), pytest.approx(0, abs=1e-12))
    assert sky_of(quarter @ direction(0.1, 0))[1] == pytest.approx(-0.1)
    matrix = attitude(80, -69, 33, 120, -500)
    assert sky_of(matrix @ direction(120 / 3600, -500 / 3600)) == (pytest.approx(80), pytest.approx(-69))


def test_pixels_to_the_sky_and_back():
    mode = load("miri-dithers")
    exposure = next(Program(mode, mode.check({"subarray": "BRIGHTSKY"})).exposures)
    camera = Camera.of(exposure, read_distortion("MIRIMAGE"), (0.3, -0.2))
    x, y = np.meshgrid(np.linspace(0, 500, 4), np.linspace(0, 500, 3))
    np.testing.assert_allclose(camera.to_pixels(*camera.to_sky(x, y)), (x, y), atol=1e-6)
    assert abs(camera.aberration - 1) > 1e-6


def test_headers_look_elsewhere_than_the_telescope_by_the_errors(made):
    offsets = set()
    for exposure, truth in zip(made.exposures, made.truths, strict=True):
        said, true = fits.getheader(exposure, "SCI"), fits.getheader(truth)
        cosine = np.cos(np.deg2rad(said["DEC_REF"]))
        off = (true["RA_REF"] - said["RA_REF"]) * cosine * 3600, (true["DEC_REF"] - said["DEC_REF"]) * 3600
        assert 0 < np.hypot(*off) < 0.15
        head = fits.getheader(exposure)
        offsets.add((head["ACT_ID"], head["VISITGRP"], head["PATT_NUM"], round(head["XOFFSET"], 6)))
        corners = np.array(said["S_REGION"].split()[2:], float).reshape(4, 2)
        inside = corners.min(axis=0) < (said["RA_REF"], said["DEC_REF"])
        assert inside.all()
    assert len(offsets) == 4  # two filters in turn, two dithers; both detectors share each


def test_dithers_filters_and_detectors_see_one_sky(made):
    seen = {}
    for path in made.truths:
        for row in fits.getdata(path, "SOURCES"):
            key = round(row["RA"], 7), round(row["DEC"], 7)
            seen.setdefault(key, []).append((fits.getval(path, "FILTER"), row["ABMAG"]))
    shared = [dict(values) for values in seen.values() if len(values) == len(made.exposures)]
    assert len(shared) > 3
    for values in seen.values():
        assert len(set(values)) == len({band for band, _ in values})  # one magnitude a filter
    assert set(shared[0]) == {"F200W", "F115W", "F356W"}


def test_names_and_associations(made):
    names = {path.name for path in made.exposures}
    assert "jw00042001001_02101_00001_nrcb1_rate.fits" in names
    assert "jw00042001001_04101_00002_nrcb1_rate.fits" in names
    assert len(names) == 6
    products = {}
    for path in made.associations:
        document = json.loads(path.read_text())
        for product in document["products"]:
            members = [member["expname"] for member in product["members"]]
            products[document["asn_type"], product["name"]] = members
    assert products["image2", "jw00042001001_02101_00001_nrcb1"] == ["jw00042001001_02101_00001_nrcb1_rate.fits"]
    mosaic = products["image3", "jw00042-o001_t001_nircam_clear-f115w-sub160"]
    assert mosaic == [f"jw00042001001_04101_0000{i}_nrcb1_cal.fits" for i in (1, 2)]


def test_rules_choose_the_references_of_images(made):
    for exposure in made.exposures:
        values = parkeys.parameters(fits.getheader(exposure))
        for reftype in IMAGE_RULES:
            name = f"jwst_nircam_{reftype}_0001.rmap"
            text = (made.crds_path / "mappings/jwst" / name).read_text()
            chosen = made.crds_path / "references/jwst/nircam" / rules.parse_reference_rules(text, name).best(values)
            assert chosen.stat().st_size
    flats = {path.name for path in (made.crds_path / "references/jwst/nircam").glob("*flat*")}
    assert len(flats) == 3


def test_rates_have_the_noise_that_they_say(made):
    mode = load("nircam-dithers")
    program = Program(mode, mode.check({"detector": "NRCB1", "filter": "F200W", **RATES}))
    exposure, path, truth = next(program.exposures), made.exposures[0], made.truths[0]
    with fits.open(path) as file, fits.open(truth) as true:
        rate, error, dq = (file[name].data for name in ("SCI", "ERR", "DQ"))
        sources, outliers, head = (
            np.array([tuple(row) for row in true["SOURCES"].data], SKY_SOURCE),
            true["OUTLIERS"].data,
            true[0].header,
        )
        assert file["SCI"].header["BUNIT"] == "DN/s"
    camera = Camera.of(exposure, read_distortion("NRCB1"), (head["COLOFFS"], head["ROWOFFS"]))
    light = render(rate.shape, sources, 0.0, mode.optics) + head["SKYLEVEL"] * camera.pixel_area(rate.shape)
    calibration = program.calibration(exposure)
    expected = calibration.couple((light * calibration.response).astype("f4")) / calibration.gain
    good = (dq & Pixel.DO_NOT_USE) == 0
    assert np.isnan(rate[~good]).all()
    expected[outliers["Y"], outliers["X"]] += outliers["RATE"]
    pull = ((rate - expected) / error)[good]
    assert abs(pull.mean()) < 0.02
    assert pull.std() == pytest.approx(1, abs=0.02)
    assert len(outliers) > 100
    assert (outliers["RATE"] > 10 * np.median(error[good])).all()


def test_a_star_of_known_magnitude_is_calibrated_to_its_flux():
    band = Bandpass.of("F200W", 0.4)
    assert magnitude(flux(20.0)) == pytest.approx(20)
    assert (band.wavelength, band.width) == (2.0, 0.25)
    electrons = flux(20.0) * band.electrons_a_jansky
    area = 0.031**2
    surface = electrons / 2.05 * band.conversion(2.05, area)  # MJy/sr, in one pixel
    assert surface * area * (np.pi / 180 / 3600) ** 2 * 1e6 == pytest.approx(flux(20.0))
    assert band.vega_offset == pytest.approx(1.7)


def test_aperture_corrections_give_the_whole_flux():
    optics = Optics(fwhm=2.1, wings=2.5)
    no_coupling = np.zeros((3, 3))
    no_coupling[1, 1] = 1
    rows = apertures(optics, no_coupling)
    # A star on a fine grid, smeared by as many pixels as the mosaic has it.
    fine = 5
    y, x = (np.indices((401, 401)) - 200) / fine
    image = optics.profile(x, y) / fine**2
    box = np.ones(fine) / fine
    for axis in [0, 1] * 4:
        image = np.apply_along_axis(np.convolve, axis, image, box, "same")
    radius = np.hypot(x, y)
    for part, reach, correction, inner, outer in rows:
        inside = radius < reach
        assert image[inside].sum() == pytest.approx(part, abs=0.02)
        level = image[(radius > inner) & (radius < outer)].mean()
        found = image[inside].sum() - level * inside.sum()
        assert found * correction == pytest.approx(1, abs=0.02 / part)


def test_same_options_same_bytes(tmp_path, made):
    again = simulate("nircam-dithers", tmp_path, detector="NRCB1,NRCBLONG", filter="F200W,F115W,F356W", **RATES)
    for first, second in zip(made.files, again.files, strict=True):
        if first.suffix == ".fits":
            assert first.read_bytes() == second.read_bytes()


def test_raw_exposures_come_with_references_of_all_stages(tmp_path):
    made = simulate("niriss-dithers", tmp_path, subarray="SUB64", dithers=1, groups=3, parallel=True, observation=7)
    assert made.exposures[0].name == "jw00042007001_02201_00001_nis_uncal.fits"
    assert fits.getval(made.exposures[0], "EXPRIPAR") == "PARALLEL_COORDINATED"
    assert fits.getdata(made.exposures[0]).shape == (1, 3, 64, 64)
    assert "RA" in fits.getdata(made.truths[0], "SOURCES").names
    types = {path.name.split("_")[2] for path in (made.crds_path / "references/jwst/niriss").iterdir()}
    assert {"dark", "flat", "distortion", "filteroffset", "apcorr", "abvegaoffset", "area", "photom"} <= types


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"filter": "F999W"}, "no filter F999W"),
        ({"subarray": "SUB65"}, "no subarray"),
        ({"magnitudes": "20"}, "not two"),
        ({"level": "rate", "groups": 1}, "two groups"),
    ],
)
def test_wrong_options(options, problem, tmp_path):
    with pytest.raises(UsageError, match=problem):
        simulate("nircam-dithers", tmp_path, **{"subarray": "SUB160"} | options)
    assert not list(tmp_path.glob("*.fits"))
