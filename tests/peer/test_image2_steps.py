"""The steps of calwebb_image2 beside `jwst` 1.14.1: the same bits of arrays, the same coordinates."""

import json
import os
import subprocess

import numpy as np
import pytest
from astropy.io import fits
from builders import make_references, make_run, write_reference

from jwpipe import steps
from jwpipe.engine.step import Skip
from jwpipe.products.images import Cube, Image

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif("JWPIPE_PEER" not in os.environ, reason="JWPIPE_PEER names no interpreter with jwst 1.14.1"),
]

PROGRAM = """
import importlib, json, sys
import numpy as np
from stdatamodels.jwst import datamodels
for task in json.load(sys.stdin):
    module, _, name = task["peer"].rpartition(".")
    step = getattr(importlib.import_module(module), name)()
    for key, value in task["parameters"].items():
        setattr(step, key, value)
    with getattr(datamodels, task["model"])(task["input"]) as model:
        result = step.process(model, *task["arguments"])
    arrays = {name: getattr(result, name) for name in task["arrays"] if result.hasattr(name)}
    photometry = result.meta.photometry
    np.savez(
        task["out"],
        status=getattr(result.meta.cal_step, task["status"]),
        PHOTMJSR=np.float64(photometry.conversion_megajanskys), PHOTUJA2=np.float64(photometry.conversion_microjanskys),
        PIXAR_SR=np.float64(photometry.pixelarea_steradians), PIXAR_A2=np.float64(photometry.pixelarea_arcsecsq),
        BUNIT=str(result.meta.bunit_data),
        **arrays,
    )
"""

SHAPE = (40, 50)
PLACE = {"SUBARRAY": "SUB64", "SUBSTRT1": 5, "SUBSTRT2": 9, "SUBSIZE1": SHAPE[1], "SUBSIZE2": SHAPE[0]}
MODES = {
    "nircam": {"INSTRUME": "NIRCAM", "DETECTOR": "NRCA1", "FILTER": "F444W", "PUPIL": "CLEAR"},
    "niriss": {"INSTRUME": "NIRISS", "DETECTOR": "NIS", "FILTER": "CLEAR", "PUPIL": "F150W"},
    "miri": {"INSTRUME": "MIRI", "DETECTOR": "MIRIMAGE", "FILTER": "F770W", "BAND": "N/A", "EXPMID": 60123.4},
    "fgs": {"INSTRUME": "FGS", "DETECTOR": "GUIDER2"},
}
DQ_DEF = {1: "DO_NOT_USE", 2: "NO_FLAT_FIELD", 4: "NON_SCIENCE", 8: "UNRELIABLE_FLAT", 16: "HOT"}

# name: step, instrument, EXP_TYPE, integrations (0: an image), parameters
CASES = {
    "flat-nircam": ("flat_field", "nircam", "NRC_IMAGE", 0, {}),
    "flat-nircam-ints": ("flat_field", "nircam", "NRC_TSIMAGE", 3, {}),
    "flat-niriss-ints": ("flat_field", "niriss", "NIS_AMI", 3, {}),
    "flat-miri": ("flat_field", "miri", "MIR_IMAGE", 0, {}),
    "flat-miri-inverse": ("flat_field", "miri", "MIR_LYOT", 2, {"inverse": True}),
    "flat-fgs": ("flat_field", "fgs", "FGS_IMAGE", 0, {}),
    "photom-nircam": ("photom", "nircam", "NRC_IMAGE", 0, {}),
    "photom-nircam-ints": ("photom", "nircam", "NRC_CORON", 3, {}),
    "photom-niriss": ("photom", "niriss", "NIS_IMAGE", 0, {}),
    "photom-niriss-ints": ("photom", "niriss", "NIS_AMI", 3, {}),
    "photom-miri": ("photom", "miri", "MIR_IMAGE", 0, {}),
    "photom-miri-ints": ("photom", "miri", "MIR_4QPM", 2, {"inverse": True}),
    "photom-fgs": ("photom", "fgs", "FGS_IMAGE", 0, {"inverse": True}),
    "background": ("background", "miri", "MIR_IMAGE", 0, {}),
    "background-one": ("background", "miri", "MIR_IMAGE", 0, {"sigma": 1.5, "maxiters": 1}),
    "background-ints": ("background", "nircam", "NRC_CORON", 3, {}),
    "background-ints-once": ("background", "nircam", "NRC_CORON", 3, {"sigma": 1.5, "maxiters": 1}),
}
STATUS = {"background": "back_sub"}
FIELDS = "data err dq var_poisson var_rnoise var_flat area".split()
VALUES = "PHOTMJSR PHOTUJA2 PIXAR_SR PIXAR_A2 BUNIT".split()


def make_product(rng, mode, exp_type, integrations, shape=SHAPE):
    """Count rates with NaN, flags and variances."""
    product = Cube() if integrations else Image()
    shape = (integrations, *shape) if integrations else shape
    product.data = rng.normal(20, 3, shape)
    product.data[rng.random(shape) < 0.02] = np.nan
    product.err, product.var_poisson, product.var_rnoise = rng.random((3, *shape)) + 0.1
    product.dq = rng.choice([0, 1, 4, 512], shape, p=[0.9, 0.04, 0.03, 0.03])
    times = {"TELESCOP": "JWST", "DATE-OBS": "2023-02-25", "TIME-OBS": "02:24:00.000", "NINTS": max(1, integrations)}
    for keyword, value in (MODES[mode] | PLACE | times | {"EXP_TYPE": exp_type, "BUNIT": "DN/s"}).items():
        product[keyword] = value
    return product


def flat_reference(path, rng, product):
    """A flat of 60 x 70 pixels from the corner of the detector, with holes."""
    shape = (60, 70)
    data, err = rng.normal(1, 0.05, shape), abs(rng.normal(0.02, 0.01, shape))
    data[rng.random(shape) < 0.02], data[rng.random(shape) < 0.02] = np.nan, 0
    dq = rng.choice([0, 1, 2, 4, 8, 16, 32], shape, p=[0.88, *[0.02] * 6]).astype("i4")
    arrays = {"SCI": data.astype("f4"), "ERR": err.astype("f4"), "DQ": dq}
    return write_reference(path, arrays, dq_def=DQ_DEF, DATAMODL="FlatModel", **own(product))


def own(product):
    """Keywords by which a reference is one of the exposure's detector."""
    return {keyword: product[keyword] for keyword in ("INSTRUME", "DETECTOR", "EXP_TYPE")} | {"SUBARRAY": "GENERIC"}


def photom_references(folder, name, rng, product, mode):
    """Tables of factors, for MIRI with their change with time, and areas of pixels."""
    columns, rows = ["filter", "pupil"], [("F444W", "F405N", 9.0), ("F444W", "clear", 0.37), ("CLEAR", "F150W", 1.7)]
    model = {"nircam": "NrcImgPhotomModel", "niriss": "NisImgPhotomModel", "miri": "MirImgPhotomModel"}
    if mode == "miri":
        columns, rows = ["filter", "subarray"], [("F560W", "SUB64", 7.0), ("F770W", "GENERIC", 0.31)]
    if mode == "fgs":
        columns, rows = [], [(2.5,)]
    kinds = [(column, "S12") for column in columns] + [("photmjsr", "f4"), ("uncertainty", "f4")]
    tables = [fits.BinTableHDU(np.array([(*row, 0.1) for row in rows], dtype=kinds), name="PHOTOM")]
    if mode == "miri":
        times = np.array([(9, 9, 9), (0.21, 217.3, 59720.5)], dtype=[(n, "f4") for n in ("amplitude", "tau", "t0")])
        tables.append(fits.BinTableHDU(times, name="TIMECOEFF"))
    place = own(product) | {"REFTYPE": "photom", "DATAMODL": model.get(mode, "FgsImgPhotomModel")}
    factors = write_reference(folder / f"{name}_photom.fits", tables=tables, PIXAR_SR=3e-13, PIXAR_A2=0.01, **place)
    arrays = {"SCI": rng.normal(1, 0.01, (60, 70)).astype("f4")}
    place = own(product) | {"REFTYPE": "area", "DATAMODL": "PixelAreaModel"}
    areas = write_reference(folder / f"{name}_area.fits", arrays, PIXAR_SR=1e-13, PIXAR_A2=0.004, **place)
    return {"photom": factors, "area": areas}


def write_backgrounds(folder, name, rng, mode, exp_type, integrations):
    """Backgrounds with outliers; cubes of different numbers of integrations where the exposure is a cube."""
    paths = []
    for i, count in enumerate((4, 7, 15, 30, 5) if integrations else (0,) * 5):
        other = make_product(rng, mode, exp_type, count)
        other.data[rng.random(other.data.shape) < 0.05] += 100
        # 1.14.1 takes a pixel that is NaN in all integrations of a background for one of 0 there.
        other.data[..., :2] = 3
        other.write(folder / f"{name}_{i}_rate.fits")
        paths.append(folder / f"{name}_{i}_rate.fits")
    return paths


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """What jwpipe and 1.14.1 make of every case: product, status, arrays and keywords of 1.14.1."""
    folder = tmp_path_factory.mktemp("peer")
    ours, tasks = {}, []
    for number, (name, (alias, mode, exp_type, integrations, parameters)) in enumerate(CASES.items()):
        rng = np.random.default_rng(number)
        step, run = steps.load(alias), make_run(2)
        product = make_product(rng, mode, exp_type, integrations)
        if alias == "photom":
            product.var_flat = rng.random(product.data.shape)
        source, references, arguments = folder / f"{name}_rate.fits", {}, []
        product.write(source)
        if alias == "background":
            run.members["background"] = write_backgrounds(folder, name, rng, mode, exp_type, integrations)
            arguments = [[str(path) for path in run.members["background"]]]
        elif alias == "photom":
            references = photom_references(folder, name, rng, product, mode)
        else:
            references = {"flat": flat_reference(folder / f"{name}_flat.fits", rng, product)}
        overrides = {"override_fflat": "N/A", "override_sflat": "N/A", "override_dflat": "N/A"}
        overrides = (overrides if alias == "flat_field" else {}) | {
            f"override_{reftype}": str(path) for reftype, path in references.items()
        }
        tasks.append(
            {
                "peer": step.peer,
                "model": product.datamodl,
                "input": str(source),
                "parameters": parameters | overrides,
                "arguments": arguments,
                "arrays": FIELDS,
                "status": STATUS.get(alias, alias),
                "out": str(folder / f"{name}.npz"),
            }
        )
        try:
            step(product, make_references(product, **references), step.params(**parameters), run)
            ours[name] = product, "COMPLETE"
        except Skip:
            ours[name] = product, "SKIPPED"
    command = [os.environ["JWPIPE_PEER"], "-W", "ignore", "-c", PROGRAM]
    done = subprocess.run(command, input=json.dumps(tasks), text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return {name: (*result, np.load(folder / f"{name}.npz")) for name, result in ours.items()}


@pytest.mark.parametrize("name", CASES)
def test_step_gives_the_peers_bits(name, compared):
    product, status, peer = compared[name]
    assert status == peer["status"]
    for field in set(peer.files) & set(FIELDS):
        if getattr(product, field) is not None:
            np.testing.assert_array_equal(getattr(product, field), peer[field], err_msg=field)
        else:
            assert not peer[field].any()
    for keyword in VALUES:
        value, expected = product.get(keyword), peer[keyword]
        if expected.dtype.kind == "U":
            assert value == str(expected)
        else:
            assert np.isnan(expected) if value is None else value == pytest.approx(float(expected), rel=1e-15), keyword
