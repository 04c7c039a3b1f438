"""Drizzling beside `drizzle` 1.15 as `jwst` 1.14.1 calls it: the same pixel maps and weights."""

import json
import os
import subprocess

import numpy as np
import pytest

from jwpipe.cext import blot
from jwpipe.drizzle.canvas import KERNELS, Canvas

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif("JWPIPE_PEER" not in os.environ, reason="JWPIPE_PEER names no interpreter with jwst 1.14.1"),
]

PROGRAM = """
import json, sys
import numpy as np
from drizzle import cdrizzle
task = json.load(sys.stdin)
given, made = np.load(task["given"]), {}
for kernel, pixfrac, scale in task["cases"]:
    sci, wht, con = (np.zeros(task["output"], kind) for kind in ("f4", "f4", "i4"))
    for i in range(len(given["data"])):
        cdrizzle.tdriz(
            given["data"][i], given["weight"][i], given["pixmap"][i].copy(), sci, wht, con, uniqid=i + 1, scale=scale,
            xmin=0, xmax=given["data"].shape[2] - 1, ymin=0, ymax=given["data"].shape[1] - 1, pixfrac=pixfrac,
            kernel=kernel, in_units="cps", expscale=1.0, wtscale=1.0, fillstr="INDEF",
        )
    for name, image in zip(("sci", "wht", "con"), (sci, wht, con)):
        made[f"{kernel}-{pixfrac}-{scale}-{name}"] = image
made["blot"] = np.zeros(given["data"].shape[1:], "f4")
cdrizzle.tblot(
    given["median"], given["pixmap"][0].copy(), made["blot"], scale=1, kscale=1.0, interp="linear", exptime=1.0,
    misval=0.0, sinscl=1.0,
)
np.savez(task["out"], **made)
"""

SHAPE, OUTPUT = (80, 70), (130, 140)
# With smaller drops `drizzle` reads beyond the end of its tables of Lanczos functions.
CASES = [(kernel, pixfrac, 1.013) for kernel in KERNELS for pixfrac in (1.0, 0.7) if pixfrac == 1 or kernel[0] != "l"]


@pytest.fixture(scope="module")
def given():
    """Three exposures with flagged pixels, turned and distorted, all within the output."""
    rng = np.random.default_rng(5)
    data = rng.gamma(0.5, 10, (3, *SHAPE)).astype("f4")
    rnoise = rng.uniform(0.5, 2, (3, *SHAPE)).astype("f4")
    dq = rng.choice(np.array([0, 1, 4], "u4"), (3, *SHAPE), p=[0.9, 0.05, 0.05])
    y, x = np.indices(SHAPE, "f8")
    x, y = x - 35, y - 40
    pixmap = np.empty((3, *SHAPE, 2))
    for i, angle in enumerate((0.0, 0.2, -0.4)):
        pixmap[i, ..., 0] = 1.05 * (np.cos(angle) * x - np.sin(angle) * y) + 66 + 8 * i + 1e-3 * x * y
        pixmap[i, ..., 1] = 1.05 * (np.sin(angle) * x + np.cos(angle) * y) + 65 - 3 * i + 5e-4 * y**2
    median = rng.gamma(0.5, 10, OUTPUT).astype("f4")
    median[rng.random(OUTPUT) < 0.02] = np.nan
    return {"data": data, "rnoise": rnoise, "dq": dq, "pixmap": pixmap, "median": median}


@pytest.fixture(scope="module")
def theirs(given, tmp_path_factory):
    folder = tmp_path_factory.mktemp("drizzle")
    weight = np.where(given["dq"] & 1, 0, 1 / given["rnoise"]).astype("f4")
    np.savez(folder / "given.npz", weight=weight, **given)
    task = {"given": str(folder / "given.npz"), "out": str(folder / "made.npz"), "output": OUTPUT, "cases": CASES}
    command = [os.environ["JWPIPE_PEER"], "-W", "ignore", "-c", PROGRAM]
    done = subprocess.run(command, input=json.dumps(task), text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return np.load(folder / "made.npz")


@pytest.mark.parametrize(("kernel", "pixfrac", "scale"), CASES)
def test_values_weights_and_contexts(given, theirs, kernel, pixfrac, scale):
    canvas = Canvas(OUTPUT, kernel, pixfrac, least=-1, threads=2)
    for data, rnoise, dq, pixmap in zip(*(given[n] for n in ("data", "rnoise", "dq", "pixmap")), strict=True):
        x, y = (np.ascontiguousarray(pixmap[..., k]) for k in (0, 1))
        canvas.add(data, dq, (rnoise, None, None), x, y, bad=1, scale=scale, weight=None)
    sci, wht, con = (theirs[f"{kernel}-{pixfrac}-{scale}-{name}"] for name in ("sci", "wht", "con"))
    firm = abs(wht) > 0.01 * wht.max()  # a mean by weights that cancel is rounding
    assert firm.sum() > 5000
    np.testing.assert_allclose(canvas.sci[firm], sci[firm], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(canvas.wht, wht, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(canvas.con[0], con)


@pytest.mark.parametrize("threads", [1, 2])
def test_blotted_values_are_the_same_bits(given, theirs, threads):
    x, y = (np.ascontiguousarray(given["pixmap"][0][..., k]) for k in (0, 1))
    out = np.empty(SHAPE, "f4")
    blot.blot(given["median"], x, y, out, threads)
    np.testing.assert_array_equal(out, theirs["blot"])
