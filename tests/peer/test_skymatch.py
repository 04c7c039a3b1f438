"""Levels of the sky beside `jwst` 1.14.1, on exposures that overlap, with the distortion of a real detector."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from builders import make_references, make_run

from jwpipe.engine.step import Skip
from jwpipe.products.exposures import open_exposures
from jwpipe.products.images import Image
from jwpipe.steps.image.assign_wcs import assign_wcs
from jwpipe.steps.image.skymatch import skymatch

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif("JWPIPE_PEER" not in os.environ, reason="JWPIPE_PEER names no interpreter with jwst 1.14.1"),
]

PROGRAM = """
import json, sys
import numpy as np
from stdatamodels.jwst import datamodels
from jwst.skymatch import SkyMatchStep
found = []
for parameters, sources in json.load(sys.stdin):
    step = SkyMatchStep()
    for name, value in parameters.items():
        setattr(step, name, value)
    models = step.process([datamodels.open(source) for source in sources])
    found.append([
        (m.meta.background.level, m.meta.background.subtracted, m.meta.background.method, m.meta.cal_step.skymatch,
         float(np.nansum(m.data, dtype="f8"))) for m in models
    ])
json.dump(found, open(sys.argv[1], "w"))
"""

SIDE = 240
DATA = Path(__file__).parent.parent / "data" / "wcs"
REFERENCES = {"distortion": "jwst_nircam_distortion_0096.asdf", "filteroffset": "jwst_nircam_filteroffset_0002.asdf"}

# Exposure, columns on the detector from 1, offsets of the pointing (pixels), roll (degrees), sky: two exposures of two
# subarrays each, one that only touches others, and one far away.
LAYOUT = [
    (1, 101, 0, 0, 10.0, 1.0),
    (2, 101, 70, -30, 10.0, 1.3),
    (3, 101, -90, 100, 14.0, 0.8),
    (4, 101, 150, 130, 10.0, 1.15),
    (5, 101, 1200, 0, 10.0, 2.0),
    (2, 401, 70, -30, 10.0, 1.3),
    (4, 401, 150, 130, 10.0, 1.15),
]
FEW = [0, 1, 2, 3]

# name: parameters, which of the exposures (all of them where there is None)
CASES = {
    "match": ({}, None),
    "local": ({"skymethod": "local"}, None),
    "global": ({"skymethod": "global"}, None),
    "both": ({"skymethod": "global+match"}, None),
    "up": ({"match_down": False}, FEW),
    "subtract": ({"subtract": True}, FEW),
    "subtract-both": ({"subtract": True, "skymethod": "global+match"}, None),
    "median": ({"skystat": "median"}, FEW),
    "mean": ({"skystat": "mean"}, FEW),
    "midpt": ({"skystat": "midpt"}, FEW),
    "limits": ({"lower": 0.5, "upper": 5.0}, FEW),
    "no-clip": ({"nclip": 0, "skystat": "median"}, FEW),
    "clip": ({"nclip": 2, "lsigma": 2.0, "usigma": 3.0, "binwidth": 0.3}, FEW),
    "all-flags": ({"dqbits": None}, FEW),
    "few-flags": ({"dqbits": "4,2048"}, FEW),
    "steps": ({"stepsize": 80}, FEW),
    "alone": ({}, [4]),
    "apart": ({}, [0, 4]),
}


def write_exposure(folder, rng, number, column, dx, dy, roll, sky):
    """A calibrated exposure with stars, NaN, flags and outliers."""
    image = Image()
    data = rng.normal(sky, 0.05, (SIDE, SIDE))
    y, x = np.indices(data.shape)
    for u, v, height in zip(*rng.uniform(0, SIDE, (2, 40)), 10 ** rng.uniform(-1, 1, 40), strict=True):
        data += height * np.exp(-0.5 * ((x - u) ** 2 + (y - v) ** 2) / 2)
    data[rng.random(data.shape) < 0.01] = np.nan
    dq = rng.choice(np.array([0, 1, 4, 512, 2048], "u4"), data.shape, p=[0.93, 0.02, 0.02, 0.01, 0.02])
    image.data, image.dq = data + 50 * (dq == 1), dq
    image.err = np.full(data.shape, 0.05)
    scale = 0.063 / 3600
    place = {"SUBARRAY": "SUB", "SUBSTRT1": column, "SUBSTRT2": 301, "SUBSIZE1": SIDE, "SUBSIZE2": SIDE}
    pointing = {
        "RA_REF": (359.999 + dx * scale) % 360,
        "DEC_REF": -42.3 + dy * scale,
        "ROLL_REF": roll,
        "V2_REF": -89.5,
    }
    pointing |= {"V3_REF": -491.4, "VPARITY": -1, "V3I_YANG": 0.12, "VA_SCALE": 1.00005, "WCSAXES": 2}
    pointing |= {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg", "CUNIT2": "deg"}
    mode = {"TELESCOP": "JWST", "INSTRUME": "NIRCAM", "DETECTOR": "NRCBLONG", "EXP_TYPE": "NRC_IMAGE", "LAMP": "NONE"}
    mode |= {"FILTER": "F444W", "PUPIL": "CLEAR", "BUNIT": "MJy/sr", "MODULE": "B", "CHANNEL": "LONG"}
    names = {"PROGRAM": "01234", "OBSERVTN": "001", "VISIT": "001", "VISITGRP": "02", "SEQ_ID": "1", "ACT_ID": "01"}
    for keyword, value in (place | pointing | mode | names | {"EXPOSURE": f"{number:05d}"}).items():
        image[keyword] = value
    files = {reftype: DATA / name for reftype, name in REFERENCES.items()}
    refs = make_references(image, **(dict.fromkeys(assign_wcs.references) | files))
    path = folder / f"jw01234001001_02101_{number:05d}_{column}_cal.fits"
    assign_wcs(image, refs, assign_wcs.params(), make_run()).write(path)
    return str(path)


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Levels and so on of every case: ours and theirs."""
    folder, rng = tmp_path_factory.mktemp("skymatch"), np.random.default_rng(5)
    paths = [write_exposure(folder, rng, *line) for line in LAYOUT]
    tasks = [(parameters, [paths[i] for i in which or range(len(paths))]) for parameters, which in CASES.values()]
    command = [os.environ["JWPIPE_PEER"], "-W", "ignore", "-c", PROGRAM, folder / "found.json"]
    done = subprocess.run(command, input=json.dumps(tasks), text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    ours = []
    for parameters, sources in tasks:
        exposures, status = open_exposures(sources, name="mosaic", folder=folder), "COMPLETE"
        try:
            skymatch(exposures, None, skymatch.params(**parameters), make_run(2))
        except Skip:
            status = "SKIPPED"
        exposures.record("S_SKYMAT", status)
        keywords = "BKGLEVEL BKGSUB BKGMETH S_SKYMAT".split()
        ours.append(
            [
                [*(image.get(keyword) for keyword in keywords), float(np.nansum(image.data, dtype="f8"))]
                for image in exposures.visit()
            ]
        )
    theirs = json.loads((folder / "found.json").read_text())
    return dict(zip(CASES, zip(ours, theirs, strict=True), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_levels_are_the_same(compared, name):
    ours, theirs = compared[name]
    assert [one[1:4] for one in ours] == [one[1:4] for one in theirs]
    for (level, *_, total), (wanted, *_, their_total) in zip(ours, theirs, strict=True):
        assert level == (None if wanted is None else pytest.approx(wanted, rel=1e-9, abs=1e-9))
        assert total == pytest.approx(their_total, rel=1e-9)
