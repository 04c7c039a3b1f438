"""A real ramp of the MIRI imager through detector1 beside `jwst` 1.14.1, on the same simulated references."""

import json
import os
import shutil
import subprocess

import mended
import numpy as np
import pytest
from astropy.io import fits
from builders import MIRI_RAMP, MIRI_SLOPES, miri_sub64_references
from regress import RTOL, SHARE, differences, peer_environment

import jwpipe
from jwpipe.products.ramp import Ramp
from jwpipe.simulate.crds import Cache

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif("JWPIPE_PEER" not in os.environ, reason="JWPIPE_PEER names no interpreter with jwst 1.14.1"),
]

PROGRAM = """
import json, sys
from jwst.pipeline import Detector1Pipeline
uncal, folder, references = sys.argv[1:4]
steps = {}
for name, step in Detector1Pipeline.step_defs.items():
    used = [*step.reference_file_types, *(["gain", "readnoise"] if name in ("jump", "ramp_fit") else [])]
    steps[name] = {"override_" + kind: json.loads(references).get(kind, "N/A") for kind in used}
steps["emicorr"]["skip"] = False
Detector1Pipeline.call(uncal, steps=steps, save_results=True, save_calibrated_ramp=True, output_dir=folder)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folders of jwpipe's and of the peer's products, and the references."""
    folder = tmp_path_factory.mktemp("miri")
    references = miri_sub64_references(folder)
    uncal = folder / "real_uncal.fits"
    shutil.copy(MIRI_RAMP, uncal)
    with fits.open(uncal, mode="update") as hdus:  # what the header lacks
        hdus[0].header.update(EXP_TYPE="MIR_IMAGE", NSAMPLES=1)
    environment = peer_environment(folder / "crds", Cache.context)
    command = [os.environ["JWPIPE_PEER"], "-W", "ignore", "-c", PROGRAM, uncal, folder / "peer", json.dumps(references)]
    (folder / "peer").mkdir()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRDS_PATH", environment["CRDS_PATH"])
        patch.setenv("CRDS_SERVER_URL", environment["CRDS_SERVER_URL"])
        patch.setenv("CRDS_CONTEXT", Cache.context)
        jwpipe.run(
            "detector1",
            uncal,
            output_dir=folder / "ours",
            overrides=references,
            assignments=["emicorr.skip=false", "save_calibrated_ramp=true"],
        )
    return folder / "ours", folder / "peer", references


def test_the_peers_products_are_given(made):
    ours, peer, references = made
    ramp = Ramp.read(peer / "real_ramp.fits")
    found = differences(ours / "real_ramp.fits", peer / "real_ramp.fits")
    assert {"SCI", "PIXELDQ", "GROUPDQ"} <= set(found)
    with fits.open(peer / "real_rateints.fits") as hdus:
        arrays = {name: hdus[name].data for name in ("DQ", "VAR_POISSON", "VAR_RNOISE")}
    masks = mended.ramp_fit(ramp.groupdq, arrays, fits.getdata(references["readnoise"], "SCI"), miri=True)
    for kind, mask in zip(("rateints", "rate"), masks, strict=True):
        assert max(where.mean() for where in mask.values()) < 0.05
        name = f"real_{kind}.fits"
        found |= {f"{kind} {key}": row for key, row in differences(ours / name, peer / name, mask).items()}
    off = {name: row for name, row in found.items() if row[1] > SHARE * row[0]}
    assert not off, (RTOL, off)


def test_slopes_follow_those_that_came_with_it(made):
    correlations = []
    for folder in made[:2]:
        with fits.open(folder / "real_rateints.fits") as mine, fits.open(MIRI_SLOPES) as theirs:
            good = (mine["DQ"].data == 0) & (theirs["DQ"].data == 0)
            correlations.append(np.corrcoef(mine["SCI"].data[good], theirs["SCI"].data[good])[0, 1])
    assert correlations[0] == pytest.approx(correlations[1], abs=1e-6)
    assert correlations[0] > 0.8
