"""The steps of stage 1 that need no fit beside `jwst` 1.14.1: the same bits."""

import json
import os
import subprocess

import numpy as np
import pytest
from builders import make_ramp, make_references, make_run, write_reference

from jwpipe import steps
from jwpipe.engine.step import Skip
from jwpipe.products.images import Image

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
        result = step.process(model)
    arrays = {name: getattr(result, name) for name in task["arrays"]}
    np.savez(task["out"], status=getattr(result.meta.cal_step, task["status"]), **arrays)
"""

DQ_DEF = {1: "DO_NOT_USE", 2: "NO_LIN_CORR", 4: "HOT", 8: "DEAD"}
CORNER = {"SUBSTRT1": 1, "SUBSTRT2": 1985}  # at the detector's edge, so that some pixels are reference pixels
MIRI = {"INSTRUME": "MIRI", "DETECTOR": "MIRIMAGE", "EXP_TYPE": "MIR_IMAGE", "SUBSTRT1": 1, "SUBSTRT2": 901}
GROUPS = {"NFRAMES": 4, "GROUPGAP": 1, "FRMDIVSR": 4}

# name: step, keywords of the exposure, parameters, kind of reference (`reference_arrays`)
CASES = {
    "group_scale": ("group_scale", {"NFRAMES": 5, "FRMDIVSR": 8}, {}, None),
    "group_scale-skip": ("group_scale", {}, {}, None),
    "dq_init": ("dq_init", {}, {}, "mask"),
    "ipc-2d": ("ipc", {}, {}, "ipc"),
    "ipc-2d-wide": ("ipc", {"SUBSTRT1": 1969, "SUBSTRT2": 1}, {}, "ipc-wide"),
    "ipc-4d": ("ipc", {}, {}, "ipc-4d"),
    "ipc-miri": ("ipc", MIRI, {}, "ipc"),
    "superbias": ("superbias", {"ZEROFRAM": True}, {}, "superbias"),
    "linearity": ("linearity", {"ZEROFRAM": True}, {}, "linearity"),
    "linearity-2": ("linearity", {}, {}, "linearity-2"),
    "dark": ("dark_current", {}, {}, "dark"),
    "dark-averaged": ("dark_current", GROUPS, {"average_dark_current": 0.3}, "dark"),
    "dark-gap": ("dark_current", {"GROUPGAP": 3}, {}, "dark-image"),
    "dark-short": ("dark_current", {"NFRAMES": 8}, {}, "dark"),
    "dark-coarse": ("dark_current", {}, {}, "dark-coarse"),
    "dark-miri": ("dark_current", MIRI, {}, "dark-miri"),
    "dark-miri-averaged": ("dark_current", MIRI | {"NFRAMES": 2}, {}, "dark-miri"),
    "dark-miri-segment": ("dark_current", MIRI | {"INTSTART": 4, "INTEND": 6}, {}, "dark-miri"),
    "charge_migration": ("charge_migration", {}, {"signal_threshold": 1500.0, "skip": False}, None),
    "gain_scale": ("gain_scale", {}, {}, "gain"),
}
STATUS = {"dark_current": "dark_sub"}


def reference_arrays(kind, rng):
    """Extensions and keywords of a reference, of 64 x 80 pixels, or larger where 1.14.1 cuts it."""
    shape, keywords = (64, 80), {}
    if kind in ("mask", "superbias", "linearity", "linearity-2"):
        shape, keywords = (64, 100), {"SUBSTRT1": 1, "SUBSIZE1": 100}
    dq = rng.choice([0, 1, 2, 4, 8, 16], shape, p=[0.9, 0.02, 0.02, 0.02, 0.02, 0.02]).astype("i4")
    if kind == "mask":
        return {"DQ": dq}, keywords
    if kind == "gain":
        return {"SCI": np.ones(shape)}, {"GAINFACT": 2.13}
    if kind.startswith("ipc"):
        size = {"ipc": (3, 3), "ipc-wide": (5, 3), "ipc-4d": (3, 3, 2048, 80)}[kind]
        weights = rng.normal(0, 0.01, size).astype("f4")
        weights[size[0] // 2, 1] += 1
        return {"SCI": weights}, {"SUBSTRT2": 1} if kind == "ipc-4d" else {}
    if kind == "superbias":
        bias = rng.normal(500, 20, shape).astype("f4")
        bias[rng.random(shape) < 0.02] = np.nan
        return {"SCI": bias, "DQ": dq}, keywords
    if kind.startswith("linearity"):
        n = 2 if kind == "linearity-2" else 6
        scale = 10.0 ** -np.array([-1, 0, 5, 10, 15, 20])[:n, None, None]
        coefficients = (rng.normal(1, 0.1, (n, *shape)) * scale).astype("f4")
        coefficients[rng.integers(0, n, 60), rng.integers(0, 64, 60), rng.integers(0, 100, 60)] = np.nan
        coefficients[1, rng.random(shape) < 0.01] = 0
        return {"COEFFS": coefficients, "DQ": dq}, keywords
    lead = (2,) if kind == "dark-miri" else ()
    data, err = rng.normal(5, 2, (2, *lead, 30, *shape)).astype("f4")
    data[rng.random(data.shape) < 0.01] = np.nan
    extensions = {"SCI": data, "ERR": abs(err), "DQ": dq}
    if lead:
        extensions["DQ"] = np.stack([dq, dq[::-1]])[:, None]
    keywords = {"NFRAMES": 2 if kind == "dark-coarse" else 1, "GROUPGAP": 0, "NGROUPS": 30, "AVDRKCUR": 0.02}
    if kind == "dark-image":
        extensions["AVDRKCUR"] = rng.random(shape, "f4")
    return extensions, keywords


def make_product(step, keywords, rng):
    """A ramp with flags, NaN and zeros, or an image."""
    if step == "gain_scale":
        image = Image()
        image.data, image.err, image.var_poisson, image.var_rnoise = rng.normal(5, 1, (4, 64, 80)).astype("f4")
        image.data[rng.random((64, 80)) < 0.1] = np.nan
        for keyword, value in make_ramp(np.zeros((1, 1, 64, 80))).headers["PRIMARY"].items():
            image[keyword] = value
        return image
    data = rng.normal(300, 30, (3, 5, 64, 80)).cumsum(axis=1)
    data[rng.random(data.shape) < 0.01] = np.nan
    ramp = make_ramp(data, **(CORNER | keywords))
    ramp.pixeldq[:] = rng.integers(0, 4, (64, 80))
    ramp.groupdq[:] = rng.choice([0, 1, 2, 3, 5], data.shape, p=[0.6, 0.1, 0.1, 0.1, 0.1])
    if "ZEROFRAM" in keywords:
        ramp.zeroframe = rng.choice([0, 200, 321.5], (3, 64, 80))
    return ramp


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """What jwpipe and 1.14.1 make of every case: (product, skipped), arrays."""
    folder = tmp_path_factory.mktemp("peer")
    ours, tasks = {}, []
    for number, (name, (alias, keywords, parameters, kind)) in enumerate(CASES.items()):
        rng = np.random.default_rng(number)
        step = steps.load(alias)
        product = make_product(alias, keywords, rng)
        paths = dict.fromkeys(step.references)
        if kind is not None:
            extensions, own = reference_arrays(kind, rng)
            place = {key: product[key] for key in ("INSTRUME", "DETECTOR", "EXP_TYPE", "SUBSTRT1", "SUBSTRT2")}
            dq_def = DQ_DEF if "DQ" in extensions else None
            path = write_reference(folder / f"{name}_ref.fits", extensions, dq_def=dq_def, **(place | own))
            paths = {step.references[0]: path}
        source = folder / f"{name}_uncal.fits"
        product.write(source)
        arrays = [field.name for field in product.declared if isinstance(getattr(product, field.name), np.ndarray)]
        overrides = {f"override_{reftype}": str(path) for reftype, path in paths.items() if path is not None}
        tasks.append(
            {
                "peer": step.peer,
                "model": product.datamodl,
                "input": str(source),
                "parameters": parameters | overrides,
                "arrays": arrays + ["average_dark_current"] * (alias == "dark_current"),
                "status": STATUS.get(alias, alias),
                "out": str(folder / f"{name}.npz"),
            }
        )
        try:
            step(product, make_references(product, **paths), step.params(**parameters), make_run(2))
            ours[name] = product, "COMPLETE"
        except Skip:
            ours[name] = product, "SKIPPED"
    command = [os.environ["JWPIPE_PEER"], "-W", "ignore", "-c", PROGRAM]
    subprocess.run(command, input=json.dumps(tasks), text=True, check=True, capture_output=True)
    return {name: (*result, np.load(folder / f"{name}.npz")) for name, result in ours.items()}


@pytest.mark.parametrize("name", CASES)
def test_step_gives_the_peers_bits(name, compared):
    product, status, peer = compared[name]
    assert status == peer["status"]
    for field in set(peer.files) - {"status"}:
        np.testing.assert_array_equal(getattr(product, field), peer[field], err_msg=field)
