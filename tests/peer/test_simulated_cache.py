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

# Stage 2 of a count rate, and where its coordinates say that pixels look.
CALIBRATE = """
import sys
import numpy as np
from jwst.pipeline import Image2Pipeline
[made] = Image2Pipeline.call(sys.argv[1], save_results=True, output_dir=sys.argv[2])
places = np.load(sys.argv[3])
np.save(sys.argv[3], made.meta.wcs(*places, with_bounding_box=False))
"""

# Every file as the model that it names, held against its schema; what the schema does not know is printed.
VALIDATE = """
import sys, warnings
import asdf
from astropy.io import fits
from stdatamodels.jwst import datamodels
warnings.simplefilter("ignore", DeprecationWarning)
for path in sys.argv[1:]:
    name = ""
    if path.endswith(".fits"):
        name = fits.getval(path, "DATAMODL")
    else:
        with asdf.open(path) as file:
            name = file["meta"].get("model_type")
    if name is None:
        continue
    with getattr(datamodels, name)(path, strict_validation=True) as model:
        model.validate()
        if hasattr(model, "extra_fits"):
            print(path, model.extra_fits.instance)
"""

NIR = {"S_IPC": "SKIPPED", "S_SUPERB": "COMPLETE", "S_REFPIX": "COMPLETE", "S_DARK": "COMPLETE", "S_JUMP": "COMPLETE"}
MIRI = {f"S_{step}": "COMPLETE" for step in "MIREMI SATURA FRSTFR LASTFR RESET LINEAR RSCD DARK JUMP RAMP".split()} | {
    "S_IPC": "SKIPPED"
}
CASES = {
    "nircam": ("nircam-image", {"subarray": "SUB160", "snowballs": 1}, NIR),
    "niriss": ("niriss-image", {"subarray": "SUB128", "snowballs": 1}, NIR | {"S_CHGMIG": "COMPLETE"}),
    "niriss averaged": ("niriss-image", {"subarray": "SUB64", "readpatt": "NIS", "filter": "F444W"}, NIR),
    "niriss spectra": ("niriss-soss", {"subarray": "SUBSTRIP96", "integrations": 2}, NIR),
    "niriss interferogram": ("niriss-ami", {"integrations": 3}, NIR),
    "miri": ("miri-image", {"subarray": "SUB64", "groups": 15, "integrations": 2, "sky": 5e3}, MIRI),
    "nirspec 1": ("nirspec-subarray", {}, NIR | {"S_PERSIS": None}),
    "nirspec 2": (
        "nirspec-subarray",
        {"subarray": "SUB2048", "detector": "NRS2", "integrations": 2, "filter": "F170LP"},
        NIR,
    ),
    "nirspec irs2": ("nirspec-irs2", {"detector": "NRS2", "groups": 4}, NIR),
    "miri spectra": ("miri-mrs-detector", {"detector": "MIRIFULONG", "sky": 2e3}, MIRI | {"S_RSCD": "SKIPPED"}),
    "guider 1": ("fgs-image", {"subarray": "SUB128LL"}, NIR),
    "guider 2": ("fgs-image", {"subarray": "SUB128LL", "detector": "GUIDER2"}, NIR),
}


def run(script, words, **surroundings):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CRDS", "STPIPE"))}
    command = [os.environ["JWPIPE_PEER"], "-W", "error::UserWarning", "-c", script, *map(str, words)]
    done = subprocess.run(command, env=kept | surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done


def run_pipeline(made, script, words):
    done = run(
        script,
        words,
        CRDS_SERVER_URL="https://crds-serverless-mode.stsci.edu",
        CRDS_PATH=str(made.crds_path),
        CRDS_CONTEXT=made.context,
    )
    assert "CRDS - ERROR" not in done.stderr
    return done


def test_nircam_files_validate(tmp_path):
    made = simulate("nircam-image", tmp_path, subarray="SUB160", groups=2, readpatt="BRIGHT1", persistence=True)
    references = sorted(made.crds_path.rglob("*.fits"))
    assert len(references) == 11
    assert run(VALIDATE, [made.uncal, *references]).stdout == ""


@pytest.mark.parametrize("case", CASES)
def test_detector1_with_the_simulated_cache(case, tmp_path):
    mode, options, states = CASES[case]
    made = simulate(mode, tmp_path, **{"groups": 5, "sky": 500.0, "seed": 11} | options)
    assert run(VALIDATE, [made.uncal, *sorted(made.crds_path.rglob("*.fits"))]).stdout == ""
    run_pipeline(made, RUN, [made.uncal, tmp_path])
    with fits.open(made.uncal.with_name(made.uncal.name.replace("uncal", "rate"))) as file:
        head, rate, dq = file[0].header, file["SCI"].data, file["DQ"].data
    assert {name: head.get(name) for name in states} == states
    assert head["R_LINEAR"] == f"crds://jwst_{head['INSTRUME'].lower()}_linearity_0001.fits"
    truth = fits.getdata(made.truth, "RATE")
    assert (dq == 0).mean() > 0.7
    clean = (dq == 0) & (truth > 100) & (fits.getdata(made.truth, "EVENTS") == 0).all(axis=(0, 1))
    assert clean.sum() > 1000
    assert np.median(rate[clean] / truth[clean]) == pytest.approx(1, abs=0.005)


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("nircam-dithers", {"subarray": "SUB160", "detector": "NRCALONG", "filter": "F356W"}),
        ("niriss-dithers", {"subarray": "SUB128", "filter": "F430M"}),
        ("fgs-dithers", {"subarray": "SUB128CNTR", "detector": "GUIDER2"}),
        ("miri-dithers", {"subarray": "SUB256", "filter": "F1280W"}),
    ],
)
def test_image2_with_the_simulated_cache(mode, options, tmp_path):
    errors = {"pointing_error": 0, "roll_error": 0, "sky_spread": 0, "outliers": 0, "magnitudes": "30,31", "sky": 500.0}
    made = simulate(mode, tmp_path, level="rate", dithers=1, groups=5, **options, **errors)
    (path,), (truth,) = made.exposures, made.truths
    references = [file for file in made.crds_path.rglob("jwst_*_*.*") if file.suffix in (".fits", ".asdf")]
    assert run(VALIDATE, [path, *sorted(references)]).stdout == ""
    sources, true = fits.getdata(truth, "SOURCES"), fits.getheader(truth)
    places = tmp_path / "places.npy"
    np.save(places, [sources["X"], sources["Y"]])
    run_pipeline(made, CALIBRATE, [path, tmp_path, places])
    ra, dec = np.load(places)
    np.testing.assert_allclose(ra, sources["RA"], rtol=0, atol=1e-10)
    np.testing.assert_allclose(dec, sources["DEC"], rtol=0, atol=1e-10)
    with fits.open(path.with_name(path.name.replace("rate", "cal"))) as file:
        head, science, dq, area = file[0].header, file["SCI"], file["DQ"].data, file["AREA"].data
        states = [head[f"S_{step}"] for step in ("WCS", "FLAT", "PHOTOM")]
        sky = np.median(science.data[dq == 0])
        assert science.header["PHOTMJSR"] == pytest.approx(true["PHOTMJSR"], rel=1e-6)
    assert states == ["COMPLETE"] * 3
    assert area.shape == dq.shape
    assert sky == pytest.approx(true["SKYSB"], rel=0.01)


@pytest.mark.parametrize(
    ("mode", "subarray", "states"),
    [("nircam-dark", "SUB160", {"S_SUPERB": "COMPLETE"}), ("miri-dark", "SUB64", {"S_RESET": "COMPLETE"})],
)
def test_dark_pipeline_with_the_simulated_cache(mode, subarray, states, tmp_path):
    made = simulate(mode, tmp_path, subarray=subarray, groups=8, integrations=2)
    run_pipeline(made, RUN.replace("Detector1", "Dark"), [made.uncal, tmp_path])
    head = fits.getheader(made.uncal.with_name(made.uncal.name.replace("uncal", "darkpipeline")))
    assert {name: head[name] for name in states} == states


@pytest.mark.parametrize("kind", ["ACQ1", "ACQ2", "TRACK"])
def test_guider_pipeline_with_the_simulated_cache(kind, tmp_path):
    made = simulate("guider", tmp_path, kind=kind, brightness=2.0, cosmic_ray_rate=0)
    references = sorted(made.crds_path.rglob("*.fits"))
    assert run(VALIDATE, references).stdout == ""
    run_pipeline(made, RUN.replace("Detector1", "Guider"), [made.uncal, tmp_path])
    with fits.open(made.uncal.with_name(made.uncal.name.replace("uncal", "cal"))) as file:
        head, rate, dq = file[0].header, file["SCI"].data, file["DQ"].data
    assert (head["S_DQINIT"], head["S_GUICDS"], head["S_FLAT"]) == ("COMPLETE", "COMPLETE", "COMPLETE")
    truth = fits.getdata(made.truth, "RATE")
    star = (truth > 0.2 * truth.max()) & (dq == 0)
    assert (rate.mean(axis=0)[star] / truth[star]).mean() == pytest.approx(1, abs=0.05)
