"""Stages 2 and 3 on a simulated field: what they find is what is there."""

import numpy as np
import pytest
from astropy.io import fits

from jwpipe.cli import main
from jwpipe.report.recovery_sky import recover_sky, relative_astrometry
from jwpipe.simulate import simulate

FIELD = {
    "subarray": "SUB320",
    "level": "rate",
    "groups": 6,
    "spacing": 1.7,
    "galaxies": 0,
    "sky": 10.0,
    "magnitudes": "17.5,21.5",
}


def make_field(mode, folder, options, *parameters):
    """Simulate exposures of a field, and calibrate and combine them."""
    made = simulate(mode, folder, dithers=4, pointing_error=0.05, **FIELD | options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRDS_PATH", str(made.crds_path))
        patch.setenv("CRDS_CONTEXT", made.context)
        patch.setenv("CRDS_SERVER_URL", "https://crds-serverless-mode.stsci.edu")
        for level in ("image2", "image3"):
            chosen = [str(path) for path in made.associations if f"_{level}_" in path.name]
            more = ("source_catalog.aperture_ee3=90", *parameters) if level == "image3" else ()
            assert main([level, *chosen, "-o", str(folder), "-q", *(f"--set={text}" for text in more)]) == 0
    return made


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    return make_field("nircam-dithers", tmp_path_factory.mktemp("field"), {"detector": "NRCB4"})


def products(made, suffix):
    roots = [path.name.removesuffix("_rate.fits") for path in made.exposures]
    return [made.exposures[0].with_name(f"{root}_{suffix}.fits") for root in roots]


def test_the_sky_is_found_as_it_is(field):
    (catalogue,) = field.exposures[0].parent.glob("*_cat.ecsv")
    found = recover_sky(catalogue, products(field, "o001_crf"), products(field, "cal"), field.truths)
    assert found.before > 0.5
    assert found.after < 0.05
    assert found.scatter < 1.0
    assert found.stars >= 15
    assert abs(found.bias) < 0.01
    assert found.deviation < 0.01
    assert found.sky < 0.02


def test_magnitudes_of_undersampled_stars_are_as_good_as_their_noise(tmp_path):
    """Where the cores of stars are not taken for outliers, and exposures have the same weight wherever a star is."""
    careful = "outlier_detection.scale=3 2", "resample.weight_type=exptime"
    made = make_field("niriss-dithers", tmp_path, {"subarray": "SUB256", "filter": "F200W"}, *careful)
    (catalogue,) = tmp_path.glob("*_cat.ecsv")
    found = recover_sky(catalogue, products(made, "o001_crf"), products(made, "cal"), made.truths)
    assert found.after < 0.02
    assert found.stars >= 20
    assert abs(found.bias) < 0.005
    assert found.deviation < 1.25 * found.noise


def test_relative_astrometry_is_that_of_the_pointings(field):
    """Before the alignment exposures disagree by just what their pointings are off."""
    errors = []
    for exposure, truth in zip(products(field, "cal"), field.truths, strict=True):
        said, true = fits.getheader(exposure, "SCI"), fits.getheader(truth)
        cosine = np.cos(np.deg2rad(true["DEC_REF"]))
        off = (said["RA_REF"] - true["RA_REF"]) * cosine, said["DEC_REF"] - true["DEC_REF"]
        errors.append(np.array(off) * 3600 / true["PIXAR_A2"] ** 0.5)
    expected = np.sqrt((np.std(errors, axis=0) ** 2).sum())
    assert relative_astrometry(products(field, "cal"), field.truths) == pytest.approx(expected, rel=0.1)


def test_outliers_are_flagged(field):
    found = total = 0
    for exposure, truth in zip(products(field, "o001_crf"), field.truths, strict=True):
        with fits.open(exposure) as file, fits.open(truth) as true:
            hits, dq, error = true["OUTLIERS"].data, file["DQ"].data, file["ERR"].data
            factor = true[0].header["PHOTMJSR"]
        y, x = hits["Y"], hits["X"]
        strong = (hits["RATE"] * factor > 30 * error[y, x]) & (dq[y, x] & 1024 == 0)
        flagged = (dq[y, x] & 16) != 0
        total, found = total + strong.sum(), found + (strong & flagged).sum()
    assert total > 30
    assert found > 0.95 * total
