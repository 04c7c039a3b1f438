"""calwebb_dark: the beginning of detector1, saved as it is."""

import numpy as np
from astropy.io import fits
from builders import make_ramp

import jwpipe
from jwpipe.pipelines import load


def test_a_dark_is_the_ramp_after_linearity(small, crds, tmp_path):
    crds(small)
    # The context leaves ipc out of detector1 alone.
    dark = jwpipe.run("dark", small.uncal, output_dir=tmp_path, skip=["ipc"]).files[0]
    assert dark.name.endswith("_dark.fits")
    saved = jwpipe.run("detector1", small.uncal, output_dir=tmp_path, save=["linearity"]).files[0]
    assert saved.name.endswith("_linearity.fits")
    with fits.open(dark) as one, fits.open(saved) as other:
        assert [hdu.name for hdu in one] == [hdu.name for hdu in other]
        assert (one[0].header["DATAMODL"], one[0].header["S_LINEAR"]) == ("RampModel", "COMPLETE")
        for name in ("SCI", "PIXELDQ", "GROUPDQ"):
            np.testing.assert_array_equal(one[name].data, other[name].data)


def test_miri_has_an_order_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("CRDS_PATH", str(tmp_path / "cache"))
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds-serverless-mode.stsci.edu")
    keywords = {"INSTRUME": "MIRI", "DETECTOR": "MIRIMAGE", "EXP_TYPE": "MIR_DARKIMG", "SUBARRAY": "SUB64"}
    ramp = make_ramp(
        np.random.default_rng(1).normal(9000, 9, (2, 6, 64, 72)), READPATT="FASTR1", NSAMPLES=1, **keywords
    )
    ramp.write(tmp_path / "x_uncal.fits")
    reftypes = {reftype for step in load("dark").steps.values() for reftype in step.references}
    outcome = jwpipe.run(
        "dark",
        tmp_path / "x_uncal.fits",
        output_dir=tmp_path,
        overrides=dict.fromkeys(reftypes, "N/A"),
        assignments=[
            "emicorr.skip=false",
            "emicorr.onthefly_corr_freq=390.625,218.52055",
            "emicorr.save_intermediate_results=true",
        ],
    )
    order = "group_scale dq_init emicorr saturation ipc firstframe lastframe reset linearity rscd write".split()
    assert [record.name for record in outcome.records] == order
    assert [record.name for record in outcome.records if record.status == "COMPLETE"] == [
        *("emicorr", "firstframe", "lastframe", "write")
    ]
    assert [path.name for path in outcome.files] == ["x_emi_ref_waves.asdf", "x_dark.fits"]
    assert fits.getheader(outcome.files[1])["S_MIREMI"] == "COMPLETE"


def test_detector1_goes_on_from_there():
    dark, detector1 = load("calwebb_dark"), load("calwebb_detector1")
    assert detector1.order[: len(dark.order)] == dark.order
