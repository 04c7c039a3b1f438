"""Outlier detection and resampling beside `jwst` 1.14.1, on the same dithered exposures."""

import json
import os
import subprocess

import numpy as np
import pytest
from mosaics import hit, make_exposures

from jwpipe.jobs.api import run
from jwpipe.products.images import Image, Resampled
from jwpipe.wcs import PixelMap

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif("JWPIPE_PEER" not in os.environ, reason="JWPIPE_PEER names no interpreter with jwst 1.14.1"),
]

PROGRAM = """
import json, os, sys
from jwst.outlier_detection import OutlierDetectionStep
from jwst.resample import ResampleStep
for alias, parameters, source, folder in json.load(sys.stdin):
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    step = OutlierDetectionStep() if alias == "outlier_detection" else ResampleStep()
    for name, value in (parameters | {"override_drizpars": "N/A"}).items():
        setattr(step, name, value)
    result = step.process(source)
    if alias == "resample":
        result.save("mosaic_resample.fits")
    else:
        for model in result:
            model.save(model.meta.filename.replace("cal", "a3001_outlier_detection"))
"""

# name: step, parameters
CASES = {
    "outliers": ("outlier_detection", {"save_intermediate_results": True, "in_memory": True}),
    "outliers-loose": (
        "outlier_detection",
        {"snr": "3 2", "scale": "0.8 0.3", "maskpt": 0.9, "kernel": "gaussian", "in_memory": True},
    ),
    "outliers-pixels": ("outlier_detection", {"in_memory": True, "resample_data": False, "snr": "8 4", "maskpt": 0.4}),
    "resample": ("resample", {}),
    "resample-turbo": ("resample", {"kernel": "turbo", "pixfrac": 0.8, "rotation": 40.0, "weight_type": "exptime"}),
    "resample-point": ("resample", {"kernel": "point", "pixel_scale": 0.15, "fillval": "3.5"}),
    "resample-grid": (
        "resample",
        {"crpix": [110.0, 115.0], "crval": [80.492, -69.503], "output_shape": [230, 240], "kernel": "gaussian"},
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What both make of every case, by folder: ours and theirs."""
    folder = tmp_path_factory.mktemp("image3")
    exposures = make_exposures(folder, 4, shape=(200, 190), RADESYS="ICRS")
    rng = np.random.default_rng(1)
    for i, image in enumerate(exposures):
        hit(image, i, 200)
        hit(image, 10 + i, 200, height=1.6)
        image.dq |= rng.choice(np.array([0, 1, 4, 512], "u4"), image.shape, p=[0.97, 0.01, 0.01, 0.01])
        image.data[rng.random(image.shape) < 1e-3] = np.nan
        image.dq[np.isnan(image.data)] |= 1
        image.var_rnoise *= rng.uniform(0.5, 2, image.shape).astype("f4")
        image.var_poisson *= rng.uniform(0.5, 2, image.shape).astype("f4")
        image.var_flat += rng.uniform(0, 0.1, image.shape).astype("f4")
        image["BKGLEVEL"], image["BKGSUB"], image["BKGMETH"] = 0.3 * i, False, "local"
        image.write(image.path)
    members = [{"expname": image.path.name, "exptype": "science"} for image in exposures]
    asn = {
        "asn_id": "a3001",
        "asn_pool": "none",
        "asn_type": "image3",
        "products": [{"name": "mosaic", "members": members}],
    }
    source = folder / "mosaic_asn.json"
    source.write_text(json.dumps(asn))
    tasks = [(*case, str(source), str(folder / f"{name}-theirs")) for name, case in CASES.items()]
    command = [os.environ["JWPIPE_PEER"], "-W", "ignore", "-c", PROGRAM]
    done = subprocess.run(command, input=json.dumps(tasks), text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds-serverless-mode.stsci.edu")
    for name, (alias, parameters) in CASES.items():
        values = tuple(
            f"{key}={json.dumps(value) if isinstance(value, list) else value}" for key, value in parameters.items()
        )
        more = {"overrides": {"drizpars": "N/A"}} if alias == "resample" else {}
        run(alias, source, output_dir=folder / f"{name}-ours", assignments=values, **more)
    monkeypatch.undo()
    return folder


def pair(folder, name, file):
    """The product of a case, ours and theirs."""
    return tuple(Resampled.read(folder / f"{name}-{who}" / file) for who in ("ours", "theirs"))


# Of drops whose centres lie beyond that of the last row or column, 1.14.1 loses what falls on the grid. That moves the
# mean weight a little, and with it the limit below which weights do not count: a few pixels have another median.
KEPT = slice(0, -3), slice(0, -3)
MOVED = 5e-4


def assert_close(ours, theirs, but=0.0):
    """Values within 1e-5, and NaN in the same places, but for a part of them."""
    same = np.isclose(ours, theirs, rtol=1e-5, atol=1e-6, equal_nan=True)
    assert np.count_nonzero(~same) <= but * same.size


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("resample")])
def test_mosaic(folder, name):
    ours, theirs = pair(folder, name, "mosaic_resample.fits")
    covered = theirs.wht[KEPT] > 0
    assert covered.sum() > 20000
    np.testing.assert_array_equal(ours.con[0][KEPT], theirs.con[0][KEPT])
    np.testing.assert_allclose(ours.wht[KEPT], theirs.wht[KEPT], rtol=3e-5, atol=2e-4)
    # A share at the rim of a Gaussian drop may be there or not, by the rounding of the rim's place.
    rim = 1e-4 if name == "resample-grid" else 0
    assert_close(ours.data[KEPT][covered], theirs.data[KEPT][covered], rim)
    fill = 3.5 if name == "resample-point" else np.nan
    np.testing.assert_array_equal(ours.data[KEPT][~covered], np.float32(fill))
    assert not theirs.err[KEPT][~covered].any()
    # Where output pixels are not as large as the input's, the mean of many has the right variance, not each.
    ratio = ours["PXSCLRT"]
    assert ratio == pytest.approx(theirs["PXSCLRT"], rel=1e-6)
    for plane, power in (("var_rnoise", 2), ("var_poisson", 2), ("var_flat", 2), ("err", 1)):
        assert_close(getattr(ours, plane)[KEPT][covered] * ratio**power, getattr(theirs, plane)[KEPT][covered], rim)
    # Of small areas the polygons of 1.14.1 know seven digits.
    for (
        keyword
    ) in "CRPIX1 CRPIX2 CRVAL1 CRVAL2 CDELT1 PC1_1 PC1_2 PC2_1 PC2_2 PIXAR_SR EFFEXPTM XPOSURE TMEASURE".split():
        assert ours[keyword] == pytest.approx(theirs[keyword], rel=1e-7), keyword
    for keyword in "CTYPE1 CUNIT2 RADESYS NDRIZ RESWHT PIXFRAC EXPSTART EXPEND DURATION TELAPSE DATE-OBS".split():
        assert ours.get(keyword) == theirs.get(keyword), keyword


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("outliers")])
def test_outliers(folder, name):
    count = 0
    for i in range(4):
        file = f"jw01234001001_02101_0000{i + 1}_nrca1_a3001_outlier_detection.fits"
        ours, theirs = (Image.read(folder / f"{name}-{who}" / file) for who in ("ours", "theirs"))
        assert ours["S_OUTLIR"] == theirs["S_OUTLIR"] == "COMPLETE"
        np.testing.assert_array_equal(ours.data, theirs.data)
        kept = np.full(ours.shape, True)
        if name != "outliers-pixels":
            median = Image.read(folder / "outliers-ours" / "jw01234001001_02101_00001_nrca1_a3001_median.fits")
            x, y = PixelMap(ours.wcs, median.wcs, ours.shape).rows()
            kept = (x < median.shape[1] - 4) & (y < median.shape[0] - 4)
        differ = np.count_nonzero(ours.dq[kept] != theirs.dq[kept])
        assert differ <= (0 if name == "outliers-pixels" else 2)
        count += (ours.dq[kept] & 16 > 0).sum()
    assert count > 800


def test_what_exposures_are_compared_by(folder):
    ours, theirs = pair(folder, "outliers", "jw01234001001_02101_00001_nrca1_a3001_median.fits")
    assert_close(ours.data[KEPT], theirs.data[KEPT], MOVED)
    for i in range(4):
        ours, theirs = pair(folder, "outliers", f"jw01234001001_02101_0000{i + 1}_nrca1_a3001_blot.fits")
        assert_close(ours.data[8:-8, 8:-8], theirs.data[8:-8, 8:-8], 4 * MOVED)
