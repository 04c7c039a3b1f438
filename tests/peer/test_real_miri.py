"""A real ramp of the MIRI imager through detector1 beside `jwst` 1.14.1, on the same simulated references."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest
from astropy.io import fits
from builders import MIRI_RAMP, MIRI_SLOPES, miri_sub64_references
from regress import differences, peer_environment

import jwpipe
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
Detector1Pipeline.call(uncal, steps=steps, save_results=True, save_calibrated_ramp=True, output_dir=folder)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folders of jwpipe's and of the peer's products."""
    folder = tmp_path_factory.mktemp("miri")
    references = miri_sub64_references(folder)
    uncal = folder / "real_uncal.fits"
    shutil.copy(MIRI_RAMP, uncal)
    with fits.open(uncal, mode="update") as hdus:  # what the header lacks
        hdus[0].header.update(EXP_TYPE="MIR_IMAGE")
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
            assignments=["save_calibrated_ramp=true"],
        )
    return folder / "ours", folder / "peer"


def test_the_peers_products_are_given(made):
    ours, peer = made
    for extension, row in differences(ours / "real_ramp.fits", peer / "real_ramp.fits").items():
        assert row[1] == 0, extension
    for name, few in (("real_rateints.fits", 3), ("real_rate.fits", 2)):
        found = differences(ours / name, peer / name)
        # Slopes near zero of ramps that the peer fits alone, in sums of another order (PARITY.md).
        assert found.pop("SCI")[1] <= few
        assert not any(row[1] for row in found.values()), found
        with fits.open(ours / name) as mine, fits.open(peer / name) as theirs:
            off = np.abs(mine["SCI"].data - theirs["SCI"].data) / theirs["ERR"].data
        assert np.nanmax(off) < 0.02


def test_slopes_follow_those_that_came_with_it(made):
    correlations = []
    for folder in made:
        with fits.open(folder / "real_rateints.fits") as mine, fits.open(MIRI_SLOPES) as theirs:
            good = (mine["DQ"].data == 0) & (theirs["DQ"].data == 0)
            correlations.append(np.corrcoef(mine["SCI"].data[good], theirs["SCI"].data[good])[0, 1])
    assert correlations[0] == pytest.approx(correlations[1], abs=1e-6)
    assert correlations[0] > 0.98
