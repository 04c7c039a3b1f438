"""Ramp fits beside `jwst` 1.14.1."""

import json
import os
import subprocess

import numpy as np
import pytest
from builders import make_ramp, make_references, make_run, write_reference
from peer import mended

from jwpipe.products.dq import Pixel
from jwpipe.steps.ramp.ramp_fit import ramp_fit

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif("JWPIPE_PEER" not in os.environ, reason="JWPIPE_PEER names no interpreter with jwst 1.14.1"),
]

PROGRAM = """
import json, sys
import numpy as np
from jwst.ramp_fitting import RampFitStep
from stdatamodels.jwst.datamodels import RampModel
for task in json.load(sys.stdin):
    step = RampFitStep()
    step.override_gain, step.override_readnoise = task["gain"], task["readnoise"]
    step.save_opt, step.suppress_one_group = True, task["suppress"]
    saved = []
    step.save_model = lambda model, *args, **options: saved.append(model)
    rate, rateints = step.process(task["ramp"])
    arrays = {}
    if rate is not None:
        for name, model in (("rate", rate), ("rateints", rateints)):
            for field in ("data", "err", "dq", "var_poisson", "var_rnoise"):
                arrays[f"{name}.{field}"] = getattr(model, field)
        for field in ("slope", "sigslope", "var_poisson", "var_rnoise", "yint", "sigyint", "weights", "pedestal",
                      "crmag"):
            arrays[f"fitopt.{field}"] = getattr(saved[0], field)
        kinds = [type(rate).__name__, type(rateints).__name__, rate.meta.bunit_data, rateints.meta.bunit_err]
        arrays["kinds"] = np.array(kinds)
    np.savez(task["out"], **arrays)
"""

MIRI = {"INSTRUME": "MIRI", "DETECTOR": "MIRIMAGE", "EXP_TYPE": "MIR_MRS"}
LAMP = {"INSTRUME": "NIRSPEC", "DETECTOR": "NRS1", "EXP_TYPE": "NRS_LAMP", "OPMODE": "IFU"}
FAST = {"TFRAME": 0.05, "TGROUP": 0.05}
AVERAGED = {"NFRAMES": 8, "GROUPGAP": 2, "TFRAME": 10.7, "TGROUP": 107.0}

# Shape, what to put in, whether ramps of one group are dropped, keywords.
CASES = {
    "plain": ((1, 10, 64, 70), "jumps", True, {}),
    "several integrations": ((3, 8, 40, 70), "jumps saturation flags", True, {}),
    "averaged frames": ((2, 6, 40, 70), "jumps saturation flags", False, AVERAGED),
    "zero frame": ((2, 6, 40, 70), "jumps saturation zeroframe", False, AVERAGED | {"ZEROFRAM": True}),
    "zero frame not used": ((1, 6, 40, 70), "jumps saturation zeroframe", True, AVERAGED | {"ZEROFRAM": True}),
    "charge loss": ((2, 15, 40, 70), "jumps saturation loss", True, {"INSTRUME": "NIRISS"}),
    "dark current": ((2, 5, 40, 70), "jumps dark", True, {}),
    "one group": ((3, 1, 30, 70), "saturation zeroframe", True, {"ZEROFRAM": True}),
    "one group of averaged frames": ((1, 1, 30, 70), "saturation", True, AVERAGED),
    "two groups": ((2, 2, 30, 70), "saturation flags", True, {}),
    "two groups, one of use": ((2, 2, 30, 70), "saturation flags", False, AVERAGED),
    "three groups": ((2, 3, 30, 70), "jumps saturation flags", True, {}),
    "three groups, one of use": ((2, 3, 30, 70), "jumps saturation flags", False, {}),
    "300 groups": ((2, 300, 16, 20), "jumps saturation", True, {}),
    "fast": ((4, 5, 40, 70), "jumps saturation", True, FAST),
    "bad references": ((2, 6, 30, 70), "jumps badrefs", True, {}),
    "IFU lamp": ((1, 4, 20, 70), "jumps", True, LAMP),
    "MIRI": ((2, 8, 30, 70), "jumps saturation miri", True, MIRI),
    "MIRI, two groups left": ((1, 4, 30, 70), "jumps saturation miri", True, MIRI),
}


def simulate(shape, contents, keywords):
    """A ramp with photon and read noise, and the flags that earlier steps would set; its references; the zero frame."""
    rng = np.random.default_rng(sum(map(ord, contents)) + shape[1])
    nints, ngroups, ny, nx = shape
    time = keywords.get("TGROUP", 10.0)
    gain, readnoise = rng.uniform(1.5, 2.5, (ny, nx)).astype("f4"), rng.uniform(8, 16, (ny, nx)).astype("f4")
    rate = np.where(rng.random((ny, nx)) < 0.3, rng.exponential(400, (ny, nx)), rng.uniform(0, 20, (ny, nx))) / time
    flags = np.zeros(shape, "u1")
    steps = rng.poisson(rate * time * gain, shape) / gain
    if "jumps" in contents:
        jumps = rng.random(shape) < min(0.04, 2 / ngroups)
        # A segment that one ramp has beyond all others is summed in another order by 1.14.1: so, few and equally many.
        jumps &= jumps.cumsum(axis=1) <= 3
        jumps[:, 0] &= rng.random((nints, ny, nx)) < 0.1  # some, of the kind that 1.14.1 does not fit
        flags[jumps] |= 4
        steps += jumps * rng.exponential(500, shape)
    data = steps.cumsum(axis=1) + rng.normal(30, 5, (nints, 1, ny, nx)) + rng.normal(0, 6, shape)
    if "saturation" in contents:
        begin = np.where(rng.random((nints, ny, nx)) < 0.3, rng.integers(0, ngroups, (nints, ny, nx)), ngroups)
        flags[np.arange(ngroups)[:, None, None] >= begin[:, None]] = 2
    if "flags" in contents:
        flags[rng.random(shape) < 0.03] |= 1
    if "loss" in contents:
        begin = np.where(rng.random((nints, ny, nx)) < 0.3, rng.integers(0, ngroups, (nints, ny, nx)), ngroups)
        lossy = (np.arange(ngroups)[:, None, None] >= begin[:, None]) & ((flags & 2) == 0)
        flags[lossy] = 129
    if "miri" in contents:
        flags[:, 0] |= 1
        flags[:, -1] |= 1
    ramp = make_ramp(data, **keywords)
    ramp.groupdq = flags
    ramp.pixeldq[rng.random((ny, nx)) < 0.02] |= 1
    ramp.pixeldq[rng.random((ny, nx)) < 0.02] |= 1 << 14
    if "zeroframe" in contents:
        ramp.zeroframe = np.where(rng.random((nints, ny, nx)) < 0.8, data[:, 0] / 4, 0)
    if "dark" in contents:
        ramp.average_dark_current = rng.uniform(0, 0.1, (ny, nx))
    if "badrefs" in contents:
        gain[3:6, 5:40] = np.nan
        gain[6, 5:40], gain[7, 5:40] = 0, -1
        readnoise[10:12, 5:40] = np.nan
    return ramp, gain, readnoise


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Ours and 1.14.1's of every case: the peer is started once."""
    folder = tmp_path_factory.mktemp("ramp_fit")
    ours, tasks = {}, []
    for i, (name, (shape, contents, suppress, keywords)) in enumerate(CASES.items()):
        ramp, gain, readnoise = simulate(shape, contents, keywords)
        paths = {
            reftype: write_reference(folder / f"{reftype}{i}.fits", {"SCI": plane}, **ramp_mode(ramp))
            for reftype, plane in (("gain", gain), ("readnoise", readnoise))
        }
        ramp.write(folder / f"x{i}_jump.fits")
        task = {name: str(path) for name, path in paths.items()}
        tasks.append(
            task | {"ramp": str(folder / f"x{i}_jump.fits"), "out": str(folder / f"{i}.npz"), "suppress": suppress}
        )
        run = make_run(threads=2)
        par = ramp_fit.params(save_opt=True, suppress_one_group=suppress)
        flags = ramp.groupdq.copy()
        made = ramp_fit(ramp, make_references(ramp, **paths), par, run)
        ours[name] = (*made, run.saved["fitopt"], ramp, flags, readnoise)
    command = [os.environ["JWPIPE_PEER"], "-W", "ignore", "-c", PROGRAM]
    done = subprocess.run(command, input=json.dumps(tasks), text=True, capture_output=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return {name: (ours[name], np.load(folder / f"{i}.npz")) for i, name in enumerate(CASES)}


def ramp_mode(ramp):
    """Keywords of the exposure's detector, for its references."""
    return {keyword: ramp[keyword] for keyword in ("INSTRUME", "DETECTOR")}


def close(a, b):
    """Where two arrays are within 1e-5 of each other, or both NaN."""
    return np.isclose(a, b, rtol=1e-5, atol=0, equal_nan=True)


@pytest.mark.parametrize("name", CASES)
def test_products_agree_but_for_what_is_mended(results, name):
    (rate, rateints, fitopt, ramp, groupdq, readnoise), peer = results[name]
    of_ints, of_exposure = mended.ramp_fit(
        groupdq,
        {"DQ": rateints.dq, "VAR_POISSON": rateints.var_poisson, "VAR_RNOISE": rateints.var_rnoise},
        readnoise,
        suppress=CASES[name][2],
        zeroframe=ramp.zeroframe if ramp.get("ZEROFRAM") else None,
        miri=ramp["INSTRUME"] == "MIRI",
    )
    counts = {}

    def compare(label, ours, theirs, left_out):
        counts[label] = (~close(ours, theirs) & ~left_out).sum()
        print(f"{name:30} {label:22} {left_out.sum():6} of {left_out.size:6} mended, {counts[label]} differ")

    for product, masks in (("rateints", of_ints), ("rate", of_exposure)):
        made = {"rateints": rateints, "rate": rate}[product]
        for extname, mask in masks.items():
            field = "data" if extname == "SCI" else extname.lower()
            compare(f"{product} {extname}", getattr(made, field), peer[f"{product}.{field}"], mask)
    gainless = (rate.dq & Pixel.NO_GAIN_VALUE) != 0
    depth = min(fitopt.slope.shape[1], peer["fitopt.slope"].shape[1])
    for field in ("slope", "sigslope", "var_poisson", "var_rnoise", "yint", "sigyint", "weights"):
        ours, theirs = getattr(fitopt, field)[:, :depth], peer[f"fitopt.{field}"][:, :depth]
        mask = (of_ints.get(field.upper(), of_ints["SCI"]) | gainless)[:, None]
        if field == "weights":
            mask = mask | (ours < 1.00001e-6)  # 1.14.1 takes them for those of segments that do not exist
        compare(f"fitopt {field}", ours, theirs, np.broadcast_to(mask, ours.shape))
    compare("fitopt pedestal", fitopt.pedestal, peer["fitopt.pedestal"], of_ints["SCI"] | gainless)
    depth = peer["fitopt.crmag"].shape[1]  # the number of jumps in the last integration, in 1.14.1
    compare("fitopt crmag", fitopt.crmag[:, :depth], peer["fitopt.crmag"], np.zeros((), bool))
    assert not {label: count for label, count in counts.items() if count}
    assert [type(rate).__name__ + "Model", type(rateints).__name__ + "Model", "DN/s", "DN/s"] == peer["kinds"].tolist()
    for model, product in ((rate, "rate"), (rateints, "rateints")):
        assert model.data.shape == peer[f"{product}.data"].shape
        assert model.data.dtype == peer[f"{product}.data"].dtype
