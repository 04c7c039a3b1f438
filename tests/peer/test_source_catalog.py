"""Catalogues of mosaics beside `jwst` 1.14.1: the same sources, the same numbers, the same table."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from astropy.table import QTable
from sources import make_mosaic, write_references

from jwpipe.jobs.api import run
from jwpipe.products.images import Segmentation

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif("JWPIPE_PEER" not in os.environ, reason="JWPIPE_PEER names no interpreter with jwst 1.14.1"),
]

PROGRAM = """
import json, sys
from jwst.source_catalog import SourceCatalogStep
for source, folder, parameters in json.load(sys.stdin):
    SourceCatalogStep.call(source, save_results=True, output_dir=folder, **parameters)
"""

# name: mosaic's shape, number of sources, noise, parameters
CASES = {
    "default": ((300, 280), 40, 0.02, {}),
    "crowded": ((300, 310), 250, 0.02, {"deblend": True, "npixels": 5, "bkg_boxsize": 64}),
    "faint": ((220, 200), 60, 0.05, {"snr_threshold": 1.5, "kernel_fwhm": 3.1, "npixels": 9, "bkg_boxsize": 50}),
    "energies": ((200, 200), 30, 0.02, {"aperture_ee1": 50, "aperture_ee2": 70, "aperture_ee3": 80}),
    "stars": ((200, 200), 30, 0.02, {"ci1_star_threshold": 1.6, "ci2_star_threshold": 1.3, "suffix": "mine"}),
    "nothing": ((100, 100), 0, 0.02, {}),
    "unknown": ((100, 100), 5, 0.02, {"aperture_ee3": 77}),
}
EQUAL = {"label", "is_extended", "nn_label", "isophotal_area"}
COARSE = {"roundness": 2e-6}  # sums of single precision there


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What both make of every case, by folder: ours and theirs."""
    folder = tmp_path_factory.mktemp("catalogues")
    references = {reftype: str(path) for reftype, path in write_references(folder).items()}
    tasks = []
    for seed, (name, (shape, count, noise, parameters)) in enumerate(CASES.items()):
        rng = np.random.default_rng(seed)
        sources = np.column_stack(
            [
                *rng.uniform(0, 1, (2, count)) * [[shape[1]], [shape[0]]],
                10 ** rng.uniform(0, 2.5, count),
                *np.where(rng.random(count) < 0.7, 1.1, rng.uniform(1.5, 5, (2, count))),
                rng.uniform(0, 3, count),
            ]
        )
        mosaic = make_mosaic(shape, sources, seed, noise)
        mosaic["RADESYS"] = "ICRS"
        source = folder / f"{name}_i2d.fits"
        mosaic.write(source)
        overrides = {f"override_{reftype}": path for reftype, path in references.items()}
        (folder / f"{name}-theirs").mkdir()
        tasks.append((str(source), str(folder / f"{name}-theirs"), parameters | overrides))
    environment = os.environ | {
        "STPIPE_DISABLE_CRDS_STEPPARS": "true",
        "CRDS_SERVER_URL": "https://crds-serverless-mode.stsci.edu",
        "CRDS_PATH": str(folder / "crds"),
    }
    command = [os.environ["JWPIPE_PEER"], "-W", "ignore", "-c", PROGRAM]
    done = subprocess.run(command, input=json.dumps(tasks), text=True, capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds-serverless-mode.stsci.edu")
    for name, (*_, parameters) in CASES.items():
        values = tuple(f"{key}={value}" for key, value in parameters.items())
        run(
            "source_catalog",
            folder / f"{name}_i2d.fits",
            output_dir=folder / f"{name}-ours",
            assignments=values,
            overrides=references,
        )
    monkeypatch.undo()
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


@pytest.mark.parametrize("name", CASES)
def test_catalogue(folder, name):
    ours, theirs = folder / f"{name}-ours", folder / f"{name}-theirs"
    assert names(ours) == names(theirs)
    if not names(theirs):
        assert name in ("nothing", "unknown")
        return
    mine, wanted = (QTable.read(next(Path(place).glob("*.ecsv"))) for place in (ours, theirs))
    assert mine.colnames == wanted.colnames
    assert len(mine) == len(wanted) > 10
    for column in wanted.colnames:
        one, other = mine[column], wanted[column]
        assert type(one) is type(other)
        for attribute in ("unit", "format", "description", "dtype"):
            assert getattr(one.info, attribute) == getattr(other.info, attribute), column
        if hasattr(one, "ra"):
            # 1.14.1 knows no places outside of the mosaic: boxes at its edges reach there.
            there = np.isfinite(other.ra.deg)
            assert there.mean() > 0.7
            assert one.separation(other).arcsec[there].max() < 1e-8
            continue
        one, other = (np.asarray(getattr(values, "value", values)) for values in (one, other))
        if column in EQUAL:
            np.testing.assert_array_equal(one, other, err_msg=column)
        else:
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=COARSE.get(column, 1e-15), err_msg=column)
    for key, value in wanted.meta["aperture_params"].items():
        np.testing.assert_array_equal(mine.meta["aperture_params"][key], value)
    assert mine.meta["abvega_offset"] == wanted.meta["abvega_offset"]


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("nothing", "unknown")])
def test_segments(folder, name):
    ours, theirs = (Segmentation.read(folder / f"{name}-{who}" / f"{name}_segm.fits") for who in ("ours", "theirs"))
    np.testing.assert_array_equal(ours.data, theirs.data)
    for keyword in ("SCATFILE", "FILTER", "INSTRUME", "S_RESAMP", "PXSCLRT", "CRVAL1", "CRPIX2", "DATAMODL"):
        assert ours[keyword] == theirs[keyword], keyword
