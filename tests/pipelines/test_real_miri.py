"""A real ramp of the MIRI imager, from detector tests: what its header lacks, and the slopes that came with it."""

import shutil

import numpy as np
import pytest
from astropy.io import fits
from builders import MIRI_RAMP, MIRI_SLOPES, miri_sub64_references

import jwpipe
from jwpipe.cli import main


@pytest.fixture(scope="module")
def references(tmp_path_factory):
    return miri_sub64_references(tmp_path_factory.mktemp("references"))


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    monkeypatch.setenv("CRDS_PATH", str(tmp_path / "cache"))
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds-serverless-mode.stsci.edu")
    monkeypatch.chdir(tmp_path)


def test_its_slopes_are_those_that_came_with_it(references, tmp_path):
    # What jwst 0.17 did: neither reset nor dark.
    overrides = references | {"reset": "N/A", "dark": "N/A"}
    keywords = {"EXP_TYPE": "MIR_IMAGE"}
    outcome = jwpipe.run("detector1", MIRI_RAMP, output_dir=tmp_path, overrides=overrides, keywords=keywords)
    statuses = {record.name: record.status for record in outcome.records}
    assert {name for name, status in statuses.items() if status == "COMPLETE"} == set(
        "dq_init saturation ipc firstframe lastframe linearity rscd jump ramp_fit write".split()
    )
    with fits.open(MIRI_SLOPES) as hdus:
        slopes, errors, flags = (hdus[name].data for name in ("SCI", "ERR", "DQ"))
    ours = outcome.products[1]
    for mine, my_flags, slope, error, flag in zip(ours.data, ours.dq, slopes, errors, flags, strict=True):
        good = (my_flags == 0) & (flag == 0)
        assert good.mean() > 0.75
        noise = np.median(error[good] ** 2)
        # Independent measurements with these errors would correlate by the share of the variance that is the sky's;
        # from the same counts, they must do so better, and differ by less than the errors.
        least = 1 - noise / slope[good].var(dtype="f8")
        assert least > 0.75
        assert np.corrcoef(mine[good], slope[good])[0, 1] > least
        scale, offset = np.polyfit(slope[good], mine[good], 1)
        assert np.std(mine[good] - scale * slope[good] - offset) < np.sqrt(noise)
        assert 0.8 < scale < 1.25  # other linearity coefficients and other rejected groups


@pytest.mark.parametrize(
    ("options", "lacking"),
    [
        ([], "EXP_TYPE"),
        (["--keyword", "exp_type=MIR_IMAGE", "--set", "emicorr.skip=false"], "NSAMPLES"),
    ],
)
def test_what_its_header_lacks_is_told_with_a_way_out(options, lacking, references, tmp_path, capsys):
    given = [part for reftype, path in references.items() for part in ("--override", f"{reftype}={path}")]
    assert main(["detector1", str(MIRI_RAMP), "-q", "-o", "out", *given, *options]) == 3
    told = capsys.readouterr().err
    assert told == f"jwpipe: {MIRI_RAMP} has no {lacking} keyword (give it with --keyword {lacking}=...)\n"
    assert not (tmp_path / "out").exists()


def test_with_the_keywords_given_emicorr_runs_and_history_tells(references, tmp_path):
    shutil.copy(MIRI_RAMP, tmp_path / "x_uncal.fits")
    given = [part for reftype, path in references.items() for part in ("--override", f"{reftype}={path}")]
    given += ["--keyword", "EXP_TYPE=MIR_IMAGE", "--keyword", "NSAMPLES=1", "--set", "emicorr.skip=false"]
    assert main(["detector1", "x_uncal.fits", "-q", "-o", "out", *given]) == 0
    head = fits.getheader("out/x_rate.fits")
    assert (head["EXP_TYPE"], head["NSAMPLES"], head["S_MIREMI"]) == ("MIR_IMAGE", 1, "COMPLETE")
    assert "NSAMPLES = 1 as given by the user" in list(head["HISTORY"])
