"""calwebb_dark beside `jwst` 1.14.1, on a simulated exposure with its references."""

import os
import subprocess

import numpy as np
import pytest
from astropy.io import fits

import jwpipe
from jwpipe.simulate import simulate

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif("JWPIPE_PEER" not in os.environ, reason="JWPIPE_PEER names no interpreter with jwst 1.14.1"),
]

PROGRAM = """
import sys
from jwst.pipeline import DarkPipeline
DarkPipeline.call(sys.argv[1]).save(sys.argv[2])
"""


def test_the_peers_ramp_is_given(tmp_path, monkeypatch):
    options = {"subarray": "SUB160", "groups": 6, "integrations": 2, "snowballs": 1, "readpatt": "BRIGHT1"}
    exposure = simulate("nircam-image", tmp_path / "in", seed=9, **options)
    monkeypatch.setenv("CRDS_PATH", str(exposure.crds_path))
    monkeypatch.setenv("CRDS_CONTEXT", exposure.context)
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds-serverless-mode.stsci.edu")
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    ours = jwpipe.run("dark", exposure.uncal, output_dir=tmp_path).files[0]
    command = [os.environ["JWPIPE_PEER"], "-W", "ignore", "-c", PROGRAM, exposure.uncal, tmp_path / "peer.fits"]
    subprocess.run(command, check=True, capture_output=True)
    with fits.open(ours) as one, fits.open(tmp_path / "peer.fits") as other:
        assert [hdu.name for hdu in one] == [hdu.name for hdu in other]
        for name in ("PIXELDQ", "GROUPDQ"):
            np.testing.assert_array_equal(one[name].data, other[name].data)
        for name in ("SCI", "ZEROFRAME"):
            np.testing.assert_allclose(one[name].data, other[name].data, rtol=1e-5, atol=1e-3)
        statuses = [key for key in other[0].header if key.startswith("S_")]
        assert len(statuses) == 7
        assert {key: one[0].header[key] for key in statuses} == {key: other[0].header[key] for key in statuses}
