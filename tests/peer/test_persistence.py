"""Persistence beside `jwst` 1.14.1."""

import json
import os
import subprocess

import numpy as np
import pytest
from astropy.io import fits
from builders import make_ramp, make_references, make_run, write_reference

from jwpipe.products.dq import Group
from jwpipe.steps.ramp.persistence import persistence

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif("JWPIPE_PEER" not in os.environ, reason="JWPIPE_PEER names no interpreter with jwst 1.14.1"),
]

PROGRAM = """
import json, os, sys
import numpy as np
from jwst.persistence import PersistenceStep
from stdatamodels.jwst.datamodels import RampModel
task = json.load(sys.stdin)
step = PersistenceStep()
saved = {}
step.save_model = lambda model, suffix, force=False: saved.update({suffix: model.data.copy()})
for name, value in task["parameters"].items():
    setattr(step, name, value)
with RampModel(task["ramp"]) as ramp:
    result = step.process(ramp)
np.savez(task["out"], status=result.meta.cal_step.persistence, data=result.data, pixeldq=result.pixeldq, **saved)
"""


def run_peer(ramp, folder, **parameters):
    """What 1.14.1 makes of a ramp: arrays by name, and the status."""
    ramp.write(folder / "x_linearity.fits")
    task = {"ramp": str(folder / "x_linearity.fits"), "out": str(folder / "peer.npz"), "parameters": parameters}
    command = [os.environ["JWPIPE_PEER"], "-W", "ignore", "-c", PROGRAM]
    subprocess.run(command, input=json.dumps(task), text=True, check=True, capture_output=True)
    return np.load(folder / "peer.npz")


def write_references(folder, rng):
    density = rng.uniform(0, 0.02, (2048, 2048)).astype("f4")
    limit = rng.normal(60000, 500, (2048, 2048)).astype("f4")
    density[rng.random(density.shape) < 0.01] = np.nan
    limit[rng.random(limit.shape) < 0.01] = np.nan
    dq = [(rng.random(density.shape) < 0.02).astype("u4") for _ in range(2)]
    pars = np.array(
        [(180.0, -0.0004, 10.0, -0.001), (50.0, -0.01, 0.0, -0.02), (20.0, -0.1, 3.0, -0.1)],
        [(name, "f8") for name in ("capture0", "capture1", "capture2", "decay_param")],
    )
    flags = {1: "DO_NOT_USE"}
    return {
        "trapdensity": write_reference(folder / "density.fits", {"SCI": density, "DQ": dq[0]}, dq_def=flags),
        "persat": write_reference(folder / "persat.fits", {"SCI": limit, "DQ": dq[1]}, dq_def=flags),
        "trappars": write_reference(folder / "pars.fits", tables=[fits.BinTableHDU(pars, name="TRAPPARS")]),
    }


def simulate(rng, shape, **keywords):
    nints, ngroups = shape[:2]
    rate = rng.lognormal(6, 2, (nints, 1, *shape[2:])).clip(0, 20000)
    data = rng.normal(0, 15, shape) + rate * np.arange(1, ngroups + 1)[:, None, None]
    jumps = rng.random(shape) < 0.02
    data += np.cumsum(jumps * rng.uniform(100, 20000, shape), axis=1)
    ramp = make_ramp(data.clip(max=65000), TGROUP=10.73, TFRAME=10.73, NRESETS=2, NRSTSTRT=1, **keywords)
    ramp["EXPSTART"], ramp["EXPEND"] = 59800.02, 59800.03
    ramp.groupdq[jumps] |= Group.JUMP_DET
    ramp.groupdq[data > 64000] |= Group.SATURATED
    return ramp


@pytest.mark.parametrize("ngroups", [1, 2, 7])
@pytest.mark.parametrize("before", [False, True])
def test_counts_flags_and_traps_agree(tmp_path, ngroups, before):
    rng = np.random.default_rng(5)
    paths = write_references(tmp_path, rng)
    shape, corner = ((2, ngroups, 96, 300), (801, 1101))
    ramp = simulate(rng, shape, SUBSTRT1=corner[0], SUBSTRT2=corner[1], SUBARRAY="SUB320")
    parameters = {"save_persistence": True, "flag_pers_cutoff": 15.0}
    peer_only = {f"override_{reftype}": str(path) for reftype, path in paths.items()}
    if before:
        traps = rng.uniform(0, 300, (3, 2048, 2048)).astype("f4")
        traps[rng.random(traps.shape) < 0.01] = np.nan
        keywords = {"EXPSTART": 59800.0, "EXPEND": 59800.01}
        parameters["input_trapsfilled"] = str(write_reference(tmp_path / "before.fits", {"SCI": traps}, **keywords))
    peer = run_peer(ramp, tmp_path, **parameters, **peer_only)
    run, untouched = make_run(2), ramp.data.copy()
    persistence(ramp, make_references(ramp, **paths), persistence.params(**parameters), run)
    assert peer["status"] == "COMPLETE"
    assert before == ((ramp.data != untouched)[0].mean() > 0.9)
    np.testing.assert_array_equal(ramp.data, peer["data"])
    np.testing.assert_array_equal(ramp.pixeldq, peer["pixeldq"])
    # The capture by a slow ramp is a small difference of large terms: the last bit hangs on the library's exp.
    for suffix in ("trapsfilled", "output_pers"):
        np.testing.assert_allclose(run.saved[suffix].data, peer[suffix], rtol=2e-7, atol=0)
