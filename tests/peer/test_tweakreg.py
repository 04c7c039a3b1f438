"""The alignment of exposures beside `jwst` 1.14.1: the same stars, and the same coordinates."""

import json
import os
import subprocess

import numpy as np
import pytest
from astropy.table import Table
from builders import make_run
from starfields import DITHERS, ERRORS, SHAPE, Field

from jwpipe.align import alignment, finders
from jwpipe.products.exposures import open_exposures
from jwpipe.steps.image import tweakreg as module
from jwpipe.steps.image.tweakreg import tweakreg

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif("JWPIPE_PEER" not in os.environ, reason="JWPIPE_PEER names no interpreter with jwst 1.14.1"),
]

PROGRAM = """
import json, logging, sys
import numpy as np
logging.disable(logging.CRITICAL)
from jwst.datamodels import ModelContainer
from jwst.tweakreg import TweakRegStep, tweakreg_step
find = tweakreg_step.make_tweakreg_catalog
def found(model, *args, **options):
    stars = find(model, *args, **options)
    sources[model.meta.filename] = np.array([stars["xcentroid"], stars["ycentroid"], stars["flux"]], float)
    return stars
tweakreg_step.make_tweakreg_catalog = found
for task in json.load(sys.stdin):
    sources, values = {}, {}
    step = TweakRegStep()
    for key, value in task["parameters"].items():
        setattr(step, key, value)
    models = step.process(ModelContainer(task["files"]))
    x, y = np.meshgrid(np.linspace(0, task["shape"][1] - 1, 5), np.linspace(0, task["shape"][0] - 1, 5))
    for i, model in enumerate(models):
        wcs = model.meta.wcs
        sky = wcs(x, y, with_bounding_box=False)
        values[f"sky{i}"], values[f"back{i}"] = sky, wcs.invert(*sky, with_bounding_box=False)
        values[f"frames{i}"], values[f"name{i}"] = wcs.available_frames, wcs.name or ""
        values[f"status{i}"] = model.meta.cal_step.tweakreg
        values[f"stars{i}"] = sources.get(model.meta.filename, np.zeros((3, 0)))
        if task.get("save"):
            model.save(task["save"][i])
    np.savez(task["out"], **values)
"""

IRAF = {"starfinder": "iraf", "sharphi": 2.0, "roundlo": 0.0, "roundhi": 0.4}
SEGMENTS = {"starfinder": "segmentation", "npixels": 6, "connectivity": 4, "nlevels": 16, "multithresh_mode": "sinh"}
FIXED = {"use2dhist": False, "xoffset": 0.2, "tolerance": 0.5}
FINER = {"kernel_fwhm": 3.2, "sigma_radius": 2.0, "minsep_fwhm": 1.2, "brightest": 60, "peakmax": 300.0}

# name: field, how many of its exposures, how many of these are moved, parameters
CASES = {
    "default": ("dithered", 4, 3, {}),
    "iraf-rscale": ("dithered", 2, 1, IRAF | {"fitgeometry": "rscale", "minsep_fwhm": 2.0}),
    "segments-general": ("dithered", 2, 1, SEGMENTS | {"localbkg_width": 5, "fitgeometry": "general", "nclip": 5}),
    "dao-shift": ("dithered", 2, 1, FINER | {"fitgeometry": "shift", "snr_threshold": 20.0, "bkg_boxsize": 100}),
    "no-search": ("dithered", 2, 1, FIXED | {"separation": 0.4, "sigma": 2.0}),
    "growing": ("chain", 3, 2, {"expand_refcat": True, "minobj": 10}),
    "growing-in-order": ("chain", 3, 2, {"expand_refcat": True, "enforce_user_order": True, "minobj": 10}),
    "groups": ("pairs", 4, 2, {"expand_refcat": True}),
    "catalogue": ("dithered", 3, 3, {"abs_refcat": "sky"}),
    "catalogue-groups": ("pairs", 4, 4, {"abs_refcat": "sky", "abs_fitgeometry": "general", "abs_use2dhist": False}),
    "few-matches": ("dithered", 3, 1, {"minobj": 73}),
    "user-stars": ("dithered", 3, 2, {"use_custom_catalogs": True, "catfile": "list"}),
    "niriss": ("niriss", 2, 1, {"fitgeometry": "general"}),
    "miri": ("miri", 2, 1, {"fitgeometry": "rscale"}),
    "again": ("default", 3, 2, {"tolerance": 0.3}),
}


def make_fields(folder):
    """Files of every field by name, and what cases need besides."""
    fields = {name: Field(across=across) for name, across in (("dithered", 13), ("chain", 23), ("pairs", 17))}
    fields["niriss"] = Field(instrument="NIRISS")
    fields["miri"] = Field(spacing=3.5, instrument="MIRI")
    for name in fields:
        (folder / name).mkdir()
    for dither, error in zip(DITHERS, ERRORS, strict=True):
        fields["dithered"].expose(folder / "dithered", dither, error)
    for dither, error in zip(((0, 0, 0), (12, 3, -0.1), (6, 0, 0.1)), ERRORS, strict=False):
        fields["chain"].expose(folder / "chain", dither, error)
    for i in (0, 1):
        fields["niriss"].expose(folder / "niriss", DITHERS[i], ERRORS[i])
        fields["miri"].expose(folder / "miri", DITHERS[i], ERRORS[i], (561, 401))
        for start in ((901, 851), (1205, 851)):
            fields["pairs"].expose(folder / "pairs", DITHERS[i], ERRORS[i], start, EXPOSURE=str(i + 1))
    field = fields["pairs"]
    Table({"RA": field.ra + 2e-5, "DEC": field.dec - 1e-4}).write(folder / "sky.ecsv")
    rng, lines = np.random.default_rng(8), []
    for i, path in enumerate(fields["dithered"].paths):
        x, y = np.array(fields["dithered"].pixels[i]) + rng.normal(0, 0.05, (2, 169))
        table = Table({"x": x, "y": y, "weight": rng.uniform(0, 2, 169)})
        table.write(folder / f"stars{i}.ecsv")
        lines.append(f"{path.name} stars{i}.ecsv")
    (folder / "list.txt").write_text("\n".join(lines))
    return {name: [str(path) for path in field.paths] for name, field in fields.items()}


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """What jwpipe and 1.14.1 make of every case: exposures with the stars found in them, and arrays of 1.14.1."""
    folder = tmp_path_factory.mktemp("peer")
    files, ours, tasks = make_fields(folder), {}, []
    for name, (field, count, _, parameters) in CASES.items():
        given = {"sky": str(folder / "sky.ecsv"), "list": str(folder / "list.txt")}
        parameters = {key: given.get(value, value) for key, value in parameters.items()}
        task = {"files": files[field][:count], "parameters": parameters, "shape": SHAPE}
        task["out"] = str(folder / f"{name}.npz")
        if name == "default":
            task["save"] = files[name] = [path.replace("_cal", "_tweakreg") for path in files[field]]
        tasks.append(task)
    command = [os.environ["JWPIPE_PEER"], "-W", "ignore", "-c", PROGRAM]
    subprocess.run(command, input=json.dumps(tasks), text=True, check=True)
    for name, task in zip(CASES, tasks, strict=True):
        exposures, stars = open_exposures(task["files"], threads=2, name=name, folder=folder), []
        tweaked(exposures, task["parameters"], stars)
        ours[name] = exposures, stars, dict(np.load(task["out"]))
    return ours


def tweaked(exposures, parameters, stars):
    """Align exposures, and keep the stars that are found."""

    class Kept(alignment.Exposure):
        def __init__(self, name, plane, sources):
            super().__init__(name, plane, sources)
            stars.append(sources)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "Exposure", Kept)
        tweakreg(exposures, None, tweakreg.params(**parameters), make_run(2))


@pytest.mark.parametrize("name", [name for name in CASES if name != "user-stars"])
def test_the_same_stars(compared, name):
    exposures, stars, theirs = compared[name]
    for i, (image, found) in enumerate(zip(exposures, stars, strict=True)):
        expected = finders.Sources(*theirs[f"stars{i}"])
        (x0, x1), (y0, y1) = image.wcs.bounding_box
        expected = expected[(expected.x > x0) & (expected.x < x1) & (expected.y > y0) & (expected.y < y1)]
        assert len(found) == len(expected) > 30
        for ours, peer in ((found.x, expected.x), (found.y, expected.y)):
            np.testing.assert_allclose(ours, peer, rtol=0, atol=2e-7)
        np.testing.assert_allclose(found.flux, expected.flux, rtol=2e-7)


@pytest.mark.parametrize("name", CASES)
def test_the_same_coordinates(compared, name):
    exposures, _, theirs = compared[name]
    x, y = np.meshgrid(np.linspace(0, SHAPE[1] - 1, 5), np.linspace(0, SHAPE[0] - 1, 5))
    for i, image in enumerate(exposures):
        assert image.wcs.frames == tuple(theirs[f"frames{i}"])
        assert image.wcs.name == theirs[f"name{i}"]
        assert theirs[f"status{i}"] == "COMPLETE"
        sky = np.array(image.wcs(x, y))
        np.testing.assert_allclose(sky, theirs[f"sky{i}"], rtol=0, atol=1e-11)
        np.testing.assert_allclose(image.wcs.invert(*sky), theirs[f"back{i}"], rtol=0, atol=1e-6)
    assert sum("v2v3corr" in image.wcs.frames for image in exposures) == CASES[name][2]
