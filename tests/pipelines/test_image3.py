"""calwebb_image3 on simulated exposures: mosaic, catalogue, what is flagged, what is held, what is refused."""

import json
import shutil

import numpy as np
import pytest
from astropy.io import ascii as tables
from astropy.io import fits

import jwpipe
from jwpipe.cli import main
from jwpipe.jobs import api, memory
from jwpipe.products.images import Image, Resampled
from jwpipe.simulate import simulate

NAME = "jw00042-o001_t001_nircam_clear-f444w-sub320"
STEPS = ["tweakreg", "skymatch", "outlier_detection", "resample", "source_catalog"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("image3")
    options = {"subarray": "SUB320", "dithers": 4, "level": "rate", "spacing": 2.0}
    return simulate("nircam-dithers", folder, detector="NRCBLONG", filter="F444W", **options)


@pytest.fixture(scope="module", autouse=True)
def references(made):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRDS_PATH", str(made.crds_path))
        patch.setenv("CRDS_CONTEXT", made.context)
        patch.setenv("CRDS_SERVER_URL", "https://crds-serverless-mode.stsci.edu")
        patch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
        yield


@pytest.fixture(scope="module")
def calibrated(made, references):
    """Folder of calibrated exposures, with the association."""
    folder = made.exposures[0].parent / "cal"
    for path in made.exposures:
        jwpipe.run("image2", path, output_dir=folder, skip=["resample"])
    shutil.copy(made.associations[-1], folder)
    return folder


@pytest.fixture(scope="module")
def asn(calibrated):
    return next(calibrated.glob("*_asn.json"))


@pytest.fixture(scope="module")
def whole(calibrated):
    """Folder of the products."""
    return calibrated.parent / "whole"


@pytest.fixture(scope="module")
def mosaic(asn, whole):
    return jwpipe.run("image3", asn, output_dir=whole, threads=2)


def test_exposures_become_a_mosaic_and_a_catalogue(made, mosaic, whole):
    assert [(record.name, record.status) for record in mosaic.records] == [(step, "COMPLETE") for step in STEPS]
    stems = [f"jw00042001001_02101_0000{i}_nrcblong_o001_crf.fits" for i in (1, 2, 3, 4)]
    expected = [*stems, f"{NAME}_cat.ecsv", f"{NAME}_i2d.fits", f"{NAME}_segm.fits"]
    assert sorted(path.name for path in mosaic.files) == sorted(expected)
    assert sorted(path.name for path in (whole).iterdir()) == sorted(expected)
    (product,) = mosaic.products
    assert isinstance(product, Resampled)
    assert product["ASNTABLE"].endswith("_asn.json")
    with fits.open(whole / f"{NAME}_i2d.fits") as hdus:
        assert [hdu.name for hdu in hdus] == [
            *("PRIMARY", "SCI", "ERR", "CON", "WHT", "VAR_POISSON", "VAR_RNOISE", "VAR_FLAT", "HDRTAB", "ASDF")
        ]
        assert len(hdus["HDRTAB"].data) == hdus[0].header["NDRIZ"] == 4
        assert [hdus[0].header[key] for key in ("S_TWKREG", "S_SKYMAT", "S_OUTLIR", "S_RESAMP")] == ["COMPLETE"] * 4
    found = tables.read(whole / f"{NAME}_cat.ecsv", format="ecsv")
    with fits.open(made.truths[0]) as truth:
        stars = truth["SOURCES"].data
    bright = np.argsort(stars["ABMAG"])[:5]
    places = np.array([found["sky_centroid"].ra.deg, found["sky_centroid"].dec.deg])
    for star in stars[bright]:
        away = np.hypot((places[0] - star["RA"]) * np.cos(np.deg2rad(star["DEC"])), places[1] - star["DEC"])
        assert away.min() * 3600 < 0.1  # the pointing error of all of them together


def test_hits_are_flagged_and_left_out(made, mosaic, whole):
    seen = []
    for path in made.exposures:
        stem = path.stem.removesuffix("_rate")
        crf = Image.read(whole / f"{stem}_o001_crf.fits")
        with fits.open(path.with_name(f"{stem}_truth.fits")) as truth:
            hits = truth["OUTLIERS"].data
        found = crf.dq & 16 > 0
        seen.extend(found[hits["Y"], hits["X"]])
        assert found.sum() < 1.2 * len(hits)
    assert np.mean(seen) > 0.85  # faint ones on stars are not


def test_same_bits_for_any_number_of_threads_and_little_memory(asn, mosaic, whole, tmp_path, caplog):
    for options in ({"threads": 1}, {"threads": 8}, {"threads": 2, "max_memory": 10**8}):
        folder = tmp_path / "-".join(map(str, options.values()))
        other = jwpipe.run("image3", asn, output_dir=folder, **options)
        assert {path.name for path in other.files} == {path.name for path in mosaic.files}
        for path in other.files:
            same = whole / path.name
            if path.suffix == ".ecsv":
                one, two = (tables.read(file, format="ecsv") for file in (path, same))
                assert list(one["label"]) == list(two["label"])
                np.testing.assert_array_equal(one["isophotal_flux"], two["isophotal_flux"])
                continue
            with fits.open(path) as one, fits.open(same) as two:
                for name in ("SCI", "ERR", "DQ", "CON", "WHT", "VAR_POISSON", "VAR_RNOISE", "VAR_FLAT"):
                    if name in two:
                        np.testing.assert_array_equal(one[name].data, two[name].data, err_msg=f"{path.name} {name}")
    assert "go to a temporary file" in caplog.text
    assert memory.estimate(api.read_input(api.load("image3"), asn, api.Options()), mapped=True) < 1.6e8


def test_steps_left_out_and_saved_names(asn, tmp_path):
    outcome = jwpipe.run("image3", asn, output_dir=tmp_path, skip=["tweakreg", "skymatch", "resample"])
    records = {record.name: record.status for record in outcome.records}
    assert records == dict.fromkeys(STEPS, "SKIPPED") | {"outlier_detection": "COMPLETE"}
    assert len(outcome.files) == 4
    intermediate = jwpipe.run(
        "image3",
        asn,
        output_dir=tmp_path / "more",
        skip=["tweakreg", "skymatch", "source_catalog"],
        assignments=["outlier_detection.save_intermediate_results=true"],
    )
    names = {path.name for path in intermediate.files}
    first = "jw00042001001_02101_00001_nrcblong"
    wanted = {f"{first}_outlier_i2d.fits", f"{first}_o001_median.fits", f"{first}_o001_blot.fits", f"{NAME}_i2d.fits"}
    assert wanted <= names
    assert len(names) == 4 + 4 + 1 + 4 + 1


def test_single_exposures_are_resampled_alone(calibrated, tmp_path):
    path = calibrated / "jw00042001001_02101_00001_nrcblong_cal.fits"
    outcome = jwpipe.run("image3", path, output_dir=tmp_path, assignments=["skymatch.skymethod=local"])
    records = {record.name: record.status for record in outcome.records}
    assert records["resample"] == "COMPLETE"
    assert "outlier_detection" not in records
    assert f"{path.stem.removesuffix('_cal')}_i2d.fits" in {file.name for file in outcome.files}


def write_asn(folder, members, **keywords):
    path = folder / "some_asn.json"
    product = {"name": "some", "members": [{"expname": str(member), "exptype": "science"} for member in members]}
    path.write_text(json.dumps({"asn_id": "a3001", "products": [product]} | keywords))
    return path


def test_bad_input_is_one_line_and_no_file(calibrated, made, tmp_path, capsys):
    cals = sorted(calibrated.glob("*_cal.fits"))

    def changed(name, change):
        image = Image.read(cals[1])
        change(image)
        image.write(tmp_path / f"{name}_cal.fits")
        return tmp_path / f"{name}_cal.fits"

    def other(image):
        image["INSTRUME"], image["DETECTOR"], image["EXP_TYPE"] = "NIRISS", "NIS", "NIS_IMAGE"

    def wild(image):
        image.wcs = type(image.wcs).tangent((0, 0), (260.0, 69.0), np.eye(2), (1e-5, 1e-5), image.shape)

    def flagged(image):
        image.dq = np.ones(image.shape, "u4")

    def uncalibrated(image):
        image.wcs = None

    dark = [changed(f"flagged{i}", flagged) for i in range(2)]
    cases = [
        ([cals[0], tmp_path / "none_cal.fits"], 3, "does not exist"),
        ([cals[0], changed("other", other)], 3, "exposures of NIRCAM and NIRISS"),
        ([cals[0], changed("wild", wild)], 3, ""),
        (dark, 3, "no good pixel"),
        ([cals[0], changed("raw", uncalibrated)], 3, "no coordinates"),
        ([cals[0], made.exposures[1]], 3, "no coordinates"),
        ([], 3, "no science exposure"),
    ]
    for members, status, text in cases:
        out = tmp_path / "out"
        got = main(["image3", str(write_asn(tmp_path, members)), "-o", str(out), "-q"])
        message = capsys.readouterr().err.strip()
        assert (got, text in message) == (status, True), (members, got, message)
        assert message.count("\n") == 0, message
        assert not out.exists() or not list(out.iterdir())
