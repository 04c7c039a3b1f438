"""The peer reads simulated exposures with their cache: rules, references and parameters."""

import os
import subprocess

import numpy as np
import pytest
from astropy.io import fits

from jwpipe.simulate import simulate

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif("JWPIPE_PEER" not in os.environ, reason="JWPIPE_PEER names no interpreter with jwst"),
]

RUN = """
import sys
from jwst.pipeline import Detector1Pipeline
Detector1Pipeline.call(sys.argv[1], save_results=True, output_dir=sys.argv[2])
"""

# Every file as the model that it names, held against its schema; what the schema does not know is printed.
VALIDATE = """
import sys, warnings
from astropy.io import fits
from stdatamodels.jwst import datamodels
warnings.simplefilter("ignore", DeprecationWarning)
for path in sys.argv[1:]:
    with getattr(datamodels, fits.getval(path, "DATAMODL"))(path, strict_validation=True) as model:
        model.validate()
        if hasattr(model, "extra_fits"):
            print(path, model.extra_fits.instance)
"""


def test_files_validate(tmp_path):
    made = simulate("nircam-image", tmp_path, subarray="SUB160", groups=2, readpatt="BRIGHT1", persistence=True)
    references = sorted(map(str, made.crds_path.rglob("*.fits")))
    assert len(references) == 11
    command = [os.environ["JWPIPE_PEER"], "-W", "error::UserWarning", "-c", VALIDATE, str(made.uncal), *references]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == ""


def test_detector1_with_the_simulated_cache(tmp_path):
    made = simulate("nircam-image", tmp_path, subarray="SUB160", groups=5, sky=500.0, snowballs=1, seed=11)
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith(("CRDS", "STPIPE"))}
    surroundings["CRDS_SERVER_URL"] = "https://crds-serverless-mode.stsci.edu"
    surroundings |= {"CRDS_PATH": str(made.crds_path), "CRDS_CONTEXT": made.context}
    command = [os.environ["JWPIPE_PEER"], "-c", RUN, str(made.uncal), str(tmp_path)]
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "CRDS - ERROR" not in done.stderr
    with fits.open(made.uncal.with_name(made.uncal.name.replace("uncal", "rate"))) as file:
        head, rate, dq = file[0].header, file["SCI"].data, file["DQ"].data
    assert (head["S_IPC"], head["S_JUMP"], head["S_DARK"]) == ("SKIPPED", "COMPLETE", "COMPLETE")
    assert head["R_LINEAR"] == "crds://jwst_nircam_linearity_0001.fits"
    truth = fits.getdata(made.truth, "RATE")
    clean = (dq == 0) & (fits.getdata(made.truth, "EVENTS") == 0).all(axis=(0, 1))
    assert np.median(rate[clean] / truth[clean]) == pytest.approx(1, abs=0.005)
