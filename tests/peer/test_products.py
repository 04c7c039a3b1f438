"""Our products, opened and validated by the data models of jwst 1.14.1."""

import json
import os
import subprocess

import pytest

import jwpipe
from jwpipe.simulate import simulate

PEER = os.environ.get("JWPIPE_PEER")
pytestmark = [pytest.mark.peer, pytest.mark.skipif(not PEER, reason="JWPIPE_PEER names no interpreter")]

SCRIPT = """
import json, sys, warnings
warnings.simplefilter("error")
warnings.filterwarnings("ignore", message=".*ignore_version_mismatch")  # the models' own
from stdatamodels.jwst import datamodels
found = {}
for path in sys.argv[1:]:
    with datamodels.open(path) as model:
        model.validate()
        arrays = [name for name in ("data", "err", "dq", "groupdq", "var_rnoise", "slope") if model.hasattr(name)]
        status = model.meta.cal_step.dq_init
        found[path.rpartition("_")[2]] = [type(model).__name__, status, len(model.history), arrays]
print(json.dumps(found))
"""


def test_products_open_and_validate_in_the_peers_data_models(tmp_path, monkeypatch):
    exposure = simulate("nircam-image", tmp_path, seed=1, subarray="SUB160", groups=5, integrations=2)
    monkeypatch.setenv("CRDS_PATH", str(exposure.crds_path))
    monkeypatch.setenv("CRDS_CONTEXT", exposure.context)
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds-serverless-mode.stsci.edu")
    outcome = jwpipe.run(
        "detector1",
        exposure.uncal,
        output_dir=tmp_path / "out",
        save=["dq_init", "jump"],
        assignments=["save_calibrated_ramp=true", "ramp_fit.save_opt=true"],
    )
    answer = subprocess.run([PEER, "-c", SCRIPT, *outcome.files], check=True, capture_output=True, text=True)
    found = json.loads(answer.stdout.splitlines()[-1])
    kinds = {name: kind for name, (kind, *_) in found.items()}
    assert kinds == {
        "init.fits": "RampModel",
        "jump.fits": "RampModel",
        "ramp.fits": "RampModel",
        "fitopt.fits": "RampFitOutputModel",
        "rate.fits": "ImageModel",
        "rateints.fits": "CubeModel",
    }
    assert all(status == "COMPLETE" and history for _, status, history, _ in found.values())
    assert found["rate.fits"][3] == ["data", "err", "dq", "var_rnoise"]
    assert found["ramp.fits"][3] == ["data", "err", "groupdq"]
    assert "slope" in found["fitopt.fits"][3]
