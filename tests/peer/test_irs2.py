"""Steps that meet NIRSpec's IRS2 readout with references of the detector, beside `jwst` 1.14.1."""

import json
import os
import subprocess

import numpy as np
import pytest
from builders import make_ramp, make_references, make_run, write_reference

from jwpipe import steps
from jwpipe.products.dq import Group

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif("JWPIPE_PEER" not in os.environ, reason="JWPIPE_PEER names no interpreter with jwst 1.14.1"),
]

PROGRAM = """
import importlib, json, sys
import numpy as np
from stdatamodels.jwst.datamodels import RampModel
task = json.load(sys.stdin)
module, _, name = task["peer"].rpartition(".")
step = getattr(importlib.import_module(module), name)()
for key, value in task["parameters"].items():
    setattr(step, key, value)
with RampModel(task["input"]) as ramp:
    result = step.process(ramp)
np.savez(task["out"], data=result.data, pixeldq=result.pixeldq, groupdq=result.groupdq)
"""


def make_exposure(detector, rng):
    """Two integrations of two groups, some pixels saturated, some at 0, some flagged before."""
    data = rng.normal(12000, 100, (2, 2, 3200, 2048)).astype("f4")
    data[rng.random(data.shape) < 1e-3] = 65000
    data[rng.random(data.shape) < 1e-3] = 0
    data[rng.random(data.shape) < 1e-4] = np.nan
    readout = {"READPATT": "NRSIRS2RAPID", "NOUTPUTS": 5, "NRS_NORM": 16, "NRS_REF": 4, "SUBSIZE2": 2048}
    ramp = make_ramp(data, INSTRUME="NIRSPEC", DETECTOR=detector, EXP_TYPE="NRS_MSASPEC", **readout)
    ramp.pixeldq[rng.random((3200, 2048)) < 0.01] |= 1
    ramp.groupdq[rng.random(data.shape) < 0.01] |= 1
    return ramp


def reference_arrays(step, rng):
    """Extensions of the reference, 2048 x 2048."""
    if step == "ipc":
        weights = rng.normal(0, 0.01, (3, 3, 2048, 2048)).astype("f4")
        weights[1, 1] += 1
        return {"SCI": weights}
    threshold = rng.uniform(40000, 66000, (2048, 2048)).astype("f4")
    threshold[rng.random(threshold.shape) < 1e-3] = np.nan
    return {"SCI": threshold, "DQ": rng.choice([0, 2], threshold.shape, p=[0.99, 0.01]).astype("i4")}


@pytest.mark.parametrize(
    ("name", "detector", "parameters"),
    [
        ("saturation", "NRS1", {}),
        ("saturation", "NRS2", {"n_pix_grow_sat": 2}),
        ("ipc", "NRS2", {}),
    ],
)
def test_step_gives_the_peers_bits(name, detector, parameters, tmp_path):
    rng, step = np.random.default_rng(8), steps.load(name)
    ramp = make_exposure(detector, rng)
    ramp.write(tmp_path / "x_dq_init.fits")
    place = {"INSTRUME": "NIRSPEC", "DETECTOR": detector, "EXP_TYPE": "NRS_MSASPEC"}
    dq_def = {2: "NO_SAT_CHECK"} if name == "saturation" else None
    path = write_reference(tmp_path / "reference.fits", reference_arrays(name, rng), dq_def=dq_def, **place)
    task = {
        "peer": step.peer,
        "input": str(tmp_path / "x_dq_init.fits"),
        "parameters": parameters | {f"override_{name}": str(path)},
        "out": str(tmp_path / "peer.npz"),
    }
    command = [os.environ["JWPIPE_PEER"], "-W", "ignore", "-c", PROGRAM]
    subprocess.run(command, input=json.dumps(task), text=True, check=True, capture_output=True)
    before = ramp.data[:, :, 1000].copy()
    step(ramp, make_references(ramp, **{name: path}), step.params(**parameters), make_run(2))
    if name == "ipc":
        assert (ramp.data[:, :, 1000] != before).mean() > 0.9
    else:
        assert 0.005 < ((ramp.groupdq & Group.SATURATED) != 0).mean() < 0.1
    peer = np.load(tmp_path / "peer.npz")
    for field in peer.files:
        np.testing.assert_array_equal(getattr(ramp, field), peer[field], err_msg=field)
