"""Coordinates of images beside `jwst` 1.14.1: the same sky and keywords, and products that it reads."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from builders import make_references, make_run

from jwpipe.products.exposures import Exposures
from jwpipe.products.images import Cube, Image
from jwpipe.steps.image.assign_mtwcs import Params as MovingParams
from jwpipe.steps.image.assign_mtwcs import assign_mtwcs
from jwpipe.steps.image.assign_wcs import REFERENCES, Params, assign_wcs

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif("JWPIPE_PEER" not in os.environ, reason="JWPIPE_PEER names no interpreter with jwst 1.14.1"),
]

PROGRAM = """
import json, sys
import numpy as np
from stdatamodels.jwst import datamodels
from jwst.assign_wcs import AssignWcsStep
for task in json.load(sys.stdin):
    step = AssignWcsStep()
    for name in step.reference_file_types:
        setattr(step, "override_" + name, task["references"].get(name, "N/A"))
    with datamodels.open(task["input"]) as model:
        result = step.process(model)
    result.save(task["theirs"])
    ours = datamodels.open(task["ours"])
    ours.validate()
    x, y = np.load(task["pixels"])
    found = []
    for wcs in (result.meta.wcs, ours.meta.wcs):
        sky = wcs(x, y, with_bounding_box=False)
        found.append([*sky, *wcs.invert(*sky, with_bounding_box=False)])
        found[-1] += wcs.get_transform("detector", "v2v3")(x, y, with_bounding_box=False)
    boxes = [[list(map(float, wcs.bounding_box[i])) for i in (0, 1)] for wcs in (result.meta.wcs, ours.meta.wcs)]
    np.savez(task["out"], theirs=found[0], ours=found[1], boxes=boxes)
"""

MOVING = """
import sys
import numpy as np
from jwst.assign_mtwcs.moving_target_wcs import assign_moving_target_wcs
from jwst.datamodels import ModelContainer
found = []
for model in assign_moving_target_wcs(ModelContainer(sys.argv[1:3])):
    sky = model.meta.wcs(*np.load(sys.argv[3]), with_bounding_box=False)
    found.append([*sky, *model.meta.wcs.invert(*sky, with_bounding_box=False)])
    assert model.meta.wcs.available_frames[-1] == "moving_target", model.meta.wcs
np.save(sys.argv[4], found)
"""

DATA = Path(__file__).parent.parent / "data" / "wcs"
NIRCAM = {"distortion": "jwst_nircam_distortion_0096.asdf", "filteroffset": "jwst_nircam_filteroffset_0002.asdf"}
NIRISS = {"distortion": "jwst_niriss_distortion_0010.asdf"}
MIRI = {"distortion": "jwst_miri_distortion_0028.asdf", "filteroffset": "jwst_miri_filteroffset_0005.asdf"}

# name: references, EXP_TYPE, integrations (0: an image), place on the detector (x, y from 1; columns, rows), keywords
CASES = {
    "nircam-full": (NIRCAM, "NRC_IMAGE", 0, (1, 1, 2048, 2048), {"FILTER": "F444W", "PUPIL": "F405N"}),
    "nircam-sub": (NIRCAM, "NRC_TSIMAGE", 2, (101, 201, 64, 80), {"FILTER": "F444W", "PUPIL": "CLEAR", "VA_SCALE": 1}),
    "nircam-no-offset": (NIRCAM, "NRC_CORON", 2, (1, 1025, 320, 320), {"FILTER": "F999W", "PUPIL": "CLEAR"}),
    "niriss-full": (NIRISS, "NIS_IMAGE", 0, (1, 1, 2048, 2048), {"FILTER": "CLEAR", "PUPIL": "F150W"}),
    "niriss-ami": (NIRISS, "NIS_AMI", 3, (1046, 1, 80, 80), {"FILTER": "F480M", "PUPIL": "NRM"}),
    "miri-full": (MIRI, "MIR_IMAGE", 0, (1, 1, 1032, 1024), {"FILTER": "F1000W"}),
    "miri-sub": (MIRI, "MIR_4QPM", 2, (1, 245, 288, 224), {"FILTER": "F1065C"}),
    "fgs-full": ({"distortion": "fgs.asdf"}, "FGS_IMAGE", 0, (1, 1, 2048, 2048), {}),
    "fgs-focus": ({"distortion": "fgs.asdf"}, "FGS_FOCUS", 0, (513, 257, 128, 128), {"V2_REF": 0.0, "V3_REF": 0.0}),
}
INSTRUMENTS = {"NRC": ("NIRCAM", "NRCBLONG"), "NIS": ("NIRISS", "NIS"), "MIR": ("MIRI", "MIRIMAGE")}
POINTING = {
    "V2_REF": -89.5, "V3_REF": -491.4, "VPARITY": -1, "V3I_YANG": 0.12, "RA_REF": 359.99, "DEC_REF": -72.5,
    "ROLL_REF": 33.3, "VA_SCALE": 1.00008, "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg",
    "CUNIT2": "deg", "WCSAXES": 2, "CRVAL1": 359.99, "CRVAL2": -72.5, "CDELT1": 1e-5, "CDELT2": 1e-5, "PC1_1": 1.0,
    "PC1_2": 0.0, "PC2_1": 0.0, "PC2_2": 1.0,
}  # fmt: skip


def write_exposure(folder, name):
    _, kind, integrations, (x, y, nx, ny), keywords = CASES[name]
    product = Cube() if integrations else Image()
    product.data = np.zeros((integrations, ny, nx) if integrations else (ny, nx))
    instrument, detector = INSTRUMENTS.get(kind[:3], ("FGS", "GUIDER1"))
    place = {"SUBARRAY": "SUB", "SUBSTRT1": x, "SUBSTRT2": y, "SUBSIZE1": nx, "SUBSIZE2": ny}
    middle = {"CRPIX1": nx / 2 + 0.5, "CRPIX2": ny / 2 + 0.5}
    values = {"TELESCOP": "JWST", "INSTRUME": instrument, "DETECTOR": detector, "EXP_TYPE": kind, "LAMP": "NONE"}
    for keyword, value in (values | place | POINTING | middle | keywords).items():
        product[keyword] = value
    path = folder / f"{name}_rate.fits"
    product.write(path)
    return path


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Both pipelines' products of all cases; gives folder."""
    folder, tasks = tmp_path_factory.mktemp("wcs"), []
    content = (DATA / NIRCAM["distortion"]).read_bytes()
    for old, new in (("NRCBLONG", "GUIDER1"), ("name: NIRCAM", "name: FGS")):
        content = content.replace(old.encode(), new.encode())
    (folder / "fgs.asdf").write_bytes(content)
    for name, (references, *_, (_, _, nx, ny), _) in CASES.items():
        path = write_exposure(folder, name)
        files = {reftype: folder / file if file == "fgs.asdf" else DATA / file for reftype, file in references.items()}
        product = (Cube if CASES[name][2] else Image).read(path)
        refs = make_references(product, **(dict.fromkeys(REFERENCES) | files))
        assign_wcs(product, refs, Params(), make_run()).write(folder / f"{name}_ours.fits")
        pixels = np.random.default_rng(1).uniform(-0.5, 1, (2, 500)) * [[nx], [ny]]
        np.save(folder / f"{name}.npy", pixels)
        places = {key: str(folder / f"{name}_{key}.fits") for key in ("theirs", "ours")}
        places |= {"pixels": str(folder / f"{name}.npy"), "out": str(folder / f"{name}.npz"), "input": str(path)}
        tasks.append(places | {"references": {reftype: str(file) for reftype, file in files.items()}})
    subprocess.run(
        [os.environ["JWPIPE_PEER"], "-c", PROGRAM],
        input=json.dumps(tasks),
        text=True,
        check=True,
        cwd=folder,
        env=os.environ | {"STPIPE_DISABLE_CRDS_STEPPARS": "true", "CRDS_SERVER_URL": "https://crds-serverless-mode"},
    )
    return folder


@pytest.mark.parametrize("name", CASES)
def test_sky_is_the_same(results, name):
    with np.load(results / f"{name}.npz") as found:
        x, y = np.load(results / f"{name}.npy")
        wcs = (Cube if CASES[name][2] else Image).read(results / f"{name}_ours.fits").wcs
        sky = wcs(x, y)
        v2v3 = wcs.between("detector", "v2v3")(x, y)
        # Right ascension, declination: 1e-9 degree; columns, rows: 1e-6 pixel; V2, V3: 1e-6 arcsec.
        tolerance = np.array([1e-9, 1e-9, 1e-6, 1e-6, 1e-6, 1e-6])
        for values in (found["ours"], np.array([*sky, *wcs.invert(*sky), *v2v3])):
            assert (np.abs(values - found["theirs"]).max(axis=1) < tolerance).all()
        np.testing.assert_array_equal(found["boxes"][0], found["boxes"][1])
        np.testing.assert_array_equal(found["boxes"][0], wcs.bounding_box)


@pytest.mark.parametrize("name", CASES)
def test_keywords_are_the_same(results, name):
    with fits.open(results / f"{name}_theirs.fits") as theirs, fits.open(results / f"{name}_ours.fits") as ours:
        one, other = dict(theirs["SCI"].header), dict(ours["SCI"].header)
        assert theirs[0].header["S_WCS"] == "COMPLETE"
        approximate = {"A_", "B_", "AP", "BP"}
        assert {key for key in one if key} == {key for key in other if key}
        for key, value in one.items():
            if key[:2] in approximate and key[2:3] in "_0123456789" and "ORDER" not in key:
                # Coefficients of terms: compared by what they amount to at the edge of the array.
                i, j = (int(part) for part in key.split("_")[1:])
                reach = (one["NAXIS1"] / 2) ** i * (one["NAXIS2"] / 2) ** j
                assert abs(other[key] - value) * reach < 1e-3, key
            elif isinstance(value, float):
                assert other[key] == pytest.approx(value, rel=1e-6, abs=1e-12), key
            elif key and key != "S_REGION":
                assert other[key] == value, key
        # Ours are the outer corners of the corner pixels; 1.14.1 has them half a pixel beyond, to larger x and y.
        corners = [np.array(header["S_REGION"].split()[2:], float) for header in (one, other)]
        shift = np.hypot(*((corners[1] - corners[0]).reshape(4, 2) * [np.cos(np.deg2rad(72.5)), 1]).T)
        scale = np.sqrt(abs(np.linalg.det([[one[f"CD{i}_{j}"] for j in (1, 2)] for i in (1, 2)])))
        assert (np.abs(shift / scale - np.sqrt(0.5)) < 0.1).all()


def test_moving_target(results, tmp_path):
    images = []
    for i, place in enumerate([(10.0, -72.5), (10.003, -72.501)]):
        image = Image.read(results / "nircam-full_ours.fits")
        image["MT_RA"], image["MT_DEC"] = place
        image.write(tmp_path / f"{i}_cal.fits")
        images.append(image)
    exposures = Exposures(images)
    assign_mtwcs(exposures, make_references(exposures), MovingParams(), make_run())
    paths = tmp_path / "0_cal.fits", tmp_path / "1_cal.fits", results / "nircam-full.npy", tmp_path / "found.npy"
    subprocess.run([os.environ["JWPIPE_PEER"], "-c", MOVING, *map(str, paths)], check=True)
    for image, theirs in zip(images, np.load(tmp_path / "found.npy"), strict=True):
        sky = image.wcs(*np.load(results / "nircam-full.npy"))
        np.testing.assert_allclose(sky, theirs[:2], rtol=0, atol=1e-9)
        np.testing.assert_allclose(image.wcs.invert(*sky), theirs[2:], rtol=0, atol=1e-6)
