"""The guiders' steps beside `jwst` 1.14.1, kind by kind, and a real acquisition: the same bits, tables and keywords."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from builders import write_reference

import jwpipe
from jwpipe.products.fitsfile import RawBlock
from jwpipe.products.guider import GuiderRaw
from jwpipe.report.compare import Tolerance, compare

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif("JWPIPE_PEER" not in os.environ, reason="JWPIPE_PEER names no interpreter with jwst 1.14.1"),
]

PROGRAM = """
import json, sys
from jwst.dq_init import DQInitStep
from jwst.flatfield import FlatFieldStep
from jwst.guider_cds import GuiderCdsStep
from stdatamodels.jwst import datamodels
for task in json.load(sys.stdin):
    model = task["input"]
    for kind in (DQInitStep, GuiderCdsStep, FlatFieldStep):
        step = kind()
        for name in ("mask", "gain", "readnoise", "flat", "fflat", "sflat", "dflat"):
            setattr(step, "override_" + name, task["references"].get(name, "N/A"))
        for name, value in task["parameters"].items():
            setattr(step, name, value)
        model = step.process(model)
        model.save(task["out"] + "_" + step.class_alias + ".fits")
    with datamodels.open(task["ours"]) as ours:
        ours.validate()
        assert type(ours) is datamodels.GuiderCalModel, type(ours)
        for table in ("pointing_table", "centroid_table", "track_sub_table"):
            assert (getattr(ours, table) == getattr(model, table)).all(), table
"""

REAL = Path(__file__).parent.parent / "data" / "guider" / "jw01019001001_gs-acq1_uncal.fits"
# 1.14.1 run step by step records no reference, and drops this keyword with all that it does not know.
OURS_ALONE = ["R_MASK", "R_GAIN", "R_READNO", "R_FLAT", "NEXTEND"]
TABLES = {
    "Pointing": [
        (name, "f8")
        for name in """
        time jitter delta_ddc_ra delta_ddc_dec delta_aperture_pa delta_v1_ra delta_v1_dec delta_v3_pa delta_j1_ra
        delta_j1_dec delta_j3_pa
        """.split()
    ]
    + [("HGA_motion", "S16")],
    "Track subarray table": [
        ("observatory_time", "S23"),
        ("x_corner", "f8"),
        ("y_corner", "f8"),
        ("x_size", "i4"),
        ("y_size", "i4"),
    ],
}

# name: EXP_TYPE, shape, parameters of flat_field
CASES = {
    "stack": ("FGS_ID-STACK", (2, 2, 72, 64), {}),
    "image": ("FGS_ID-IMAGE", (2, 2, 64, 64), {}),
    "acq1": ("FGS_ACQ1", (6, 2, 48, 48), {}),
    "acq2": ("FGS_ACQ2", (5, 2, 32, 32), {}),
    "track": ("FGS_TRACK", (40, 2, 32, 32), {}),
    "fine": ("FGS_FINEGUIDE", (30, 8, 8, 8), {}),
    "inverse": ("FGS_ACQ1", (2, 2, 48, 48), {"inverse": True}),
}


def write_references(folder, shape, place):
    rng = np.random.default_rng(5)
    dq = rng.choice([0, 1, 2, 4], shape, p=[0.94, 0.02, 0.02, 0.02]).astype("i4")
    flat = rng.normal(1, 0.05, shape).astype("f4")
    flat[rng.random(shape) < 0.02] = np.nan
    flat[rng.random(shape) < 0.02] = 0
    error = abs(rng.normal(0, 0.01, shape)).astype("f4")
    gain, noise = rng.normal(2, 0.1, shape).astype("f4"), rng.normal(20, 1, shape).astype("f4")
    gain[rng.random(shape) < 0.01] = np.nan
    arrays = {
        "mask": ({"DQ": dq}, {1: "DO_NOT_USE", 2: "NON_SCIENCE", 4: "HOT"}),
        "flat": ({"SCI": flat, "ERR": error, "DQ": dq}, {1: "DO_NOT_USE", 2: "NO_FLAT_FIELD", 4: "UNRELIABLE_FLAT"}),
        "gain": ({"SCI": gain}, None),
        "readnoise": ({"SCI": noise}, None),
    }
    mode = {"INSTRUME": "FGS", "DETECTOR": "GUIDER2", "EXP_TYPE": "FGS_ACQ1"} | place
    folder.mkdir()
    return {
        name: str(write_reference(folder / f"{name}.fits", planes, dq_def=dq_def, **mode))
        for name, (planes, dq_def) in arrays.items()
    }


def write_exposure(path, kind, shape, rng):
    raw = GuiderRaw()
    raw.data = rng.normal(1000, 30, shape).round()
    mode = {"TELESCOP": "JWST", "INSTRUME": "FGS", "DETECTOR": "GUIDER2", "EXP_TYPE": kind, "SUBARRAY": "32X32"}
    place = {"SUBSTRT1": 1, "SUBSTRT2": 1, "SUBSIZE1": shape[3], "SUBSIZE2": shape[2]}
    time = {"NINTS": shape[0], "NGROUPS": shape[1], "TFRAME": 0.182, "TGROUP": 0.364}
    for keyword, value in (mode | place | time).items():
        raw[keyword] = value
    for field, (name, columns) in zip(("pointing_table", "track_sub_table"), TABLES.items(), strict=True):
        rows = np.zeros(4, columns)
        for column, dtype in columns:
            rows[column] = b"2022-04-27" if dtype[0] == "S" else rng.integers(0, 99, 4)
        table = fits.BinTableHDU(rows)
        table.name = name
        setattr(raw, field, RawBlock.from_table(table))
    raw.write(path)


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Paths of the products of jwpipe and of 1.14.1, by case and step."""
    folder = tmp_path_factory.mktemp("peer")
    sources = {"real": (REAL, write_references(folder / "real", (2048, 2048), {}), {})}
    for number, (name, (kind, shape, parameters)) in enumerate(CASES.items()):
        path = folder / f"{name}_uncal.fits"
        write_exposure(path, kind, shape, np.random.default_rng(number))
        sources[name] = path, write_references(folder / name, shape[2:], {}), parameters
    paths, tasks = {}, []
    os.environ.setdefault("CRDS_SERVER_URL", "https://crds-serverless-mode.stsci.edu")
    for name, (path, references, parameters) in sources.items():
        target = folder / "ours" / name
        outcome = jwpipe.run(
            "guider",
            path,
            output_dir=target,
            overrides=references,
            save=["dq_init", "guider_cds"],
            assignments=[f"flat_field.{key}={value}" for key, value in parameters.items()],
        )
        out = str(folder / f"peer-{name}")
        steps = ("dq_init", "guider_cds", "flat_field")
        paths[name] = {step: (file, f"{out}_{step}.fits") for step, file in zip(steps, outcome.files, strict=True)}
        task = {"input": str(path), "references": references, "parameters": parameters, "out": out}
        tasks.append(task | {"ours": str(outcome.files[-1])})
    command = [os.environ["JWPIPE_PEER"], "-W", "ignore", "-c", PROGRAM]
    subprocess.run(command, input=json.dumps(tasks), text=True, check=True, capture_output=True)
    return paths


@pytest.mark.parametrize("step", ["dq_init", "guider_cds", "flat_field"])
@pytest.mark.parametrize("name", ["real", *CASES])
def test_the_peers_products_are_given(name, step, compared):
    result = compare(*compared[name][step], Tolerance(rtol=0), ignore=OURS_ALONE)
    assert result.same, "\n".join(result.lines())
    assert {"SCI", "ERR", "DQ"} <= {array.extension for array in result.arrays}
