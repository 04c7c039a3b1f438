"""calwebb_guider on a real acquisition, with simulated references."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from builders import write_reference

import jwpipe
from jwpipe.cli import main
from jwpipe.errors import InputError, ReferenceError
from jwpipe.refs.references import ReferenceFinder, Resolved

REAL = Path(__file__).parent.parent / "data" / "guider" / "jw01019001001_gs-acq1_uncal.fits"
MODE = {"INSTRUME": "FGS", "DETECTOR": "GUIDER2", "EXP_TYPE": "FGS_ACQ1", "SUBARRAY": "FULL"}


@pytest.fixture(scope="module")
def overrides(tmp_path_factory):
    """References of the guider, of its whole detector."""
    folder, shape = tmp_path_factory.mktemp("references"), (2048, 2048)
    rng = np.random.default_rng(5)
    dq = np.zeros(shape, "i4")
    dq[1021:1149:7, 886:1014:5] = 1
    arrays = {
        "mask": {"DQ": dq},
        "flat": {"SCI": rng.normal(1, 0.05, shape).astype("f4")},
        "gain": {"SCI": np.full(shape, 2, "f4")},
        "readnoise": {"SCI": np.full(shape, 20, "f4")},
    }
    return {
        name: str(write_reference(folder / f"{name}.fits", planes, dq_def={1: "DO_NOT_USE"}, **MODE))
        for name, planes in arrays.items()
    }


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    monkeypatch.setenv("CRDS_PATH", str(tmp_path / "cache"))
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds-serverless-mode.stsci.edu")


def test_a_real_acquisition_becomes_count_rates(overrides, tmp_path):
    outcome = jwpipe.run("guider", REAL, output_dir=tmp_path, overrides=overrides)
    assert [path.name for path in outcome.files] == ["jw01019001001_gs-acq1_cal.fits"]
    with fits.open(outcome.files[0]) as cal, fits.open(REAL) as raw:
        head = cal[0].header
        assert (head["DATAMODL"], cal["SCI"].header["BUNIT"]) == ("GuiderCalModel", "DN/s")
        assert (head["S_DQINIT"], head["S_GUICDS"], head["S_FLAT"]) == ("COMPLETE",) * 3
        counts = raw["SCI"].data.astype("f8")
        with fits.open(overrides["flat"]) as flat:
            response = flat["SCI"].data[1021:1149, 886:1014]
        expected = (counts[:, 1] - counts[:, 0]) / head["TGROUP"] / response
        used = cal["DQ"].data == 0
        assert 0.9 < used.mean() < 1
        np.testing.assert_allclose(cal["SCI"].data[:, used], expected[:, used], rtol=1e-5, atol=1e-3)
        # The guide star stands out by far, and drifts by a few pixels.
        places = {np.unravel_index(np.where(used, plane, 0).argmax(), plane.shape) for plane in cal["SCI"].data}
        assert max(abs(np.subtract(a, b)).max() for a in places for b in places) <= 6
        assert cal["SCI"].data.max() > 50 * np.median(cal["ERR"].data)


def test_steps_one_by_one_give_what_the_pipeline_gives(overrides, tmp_path):
    whole = jwpipe.run("guider", REAL, output_dir=tmp_path / "whole", overrides=overrides).files[0]
    path = REAL
    for name, reftypes in (("dq_init", ["mask"]), ("guider_cds", ["gain", "readnoise"]), ("flat_field", ["flat"])):
        given = {reftype: overrides[reftype] for reftype in reftypes}
        path = jwpipe.run(name, path, output_dir=tmp_path / "steps", overrides=given).files[0]
    with fits.open(path) as one, fits.open(whole) as other:
        for name in ("SCI", "ERR", "DQ"):
            np.testing.assert_array_equal(one[name].data, other[name].data)


def test_a_calibrated_exposure_is_taken_for_the_flat_alone(overrides, tmp_path):
    first = jwpipe.run("guider", REAL, output_dir=tmp_path, overrides=overrides, skip=["flat_field"]).files[0]
    outcome = jwpipe.run("guider", first, output_dir=tmp_path / "again", overrides=overrides)
    assert [record.name for record in outcome.records] == ["flat_field", "write"]
    whole = jwpipe.run("guider", REAL, output_dir=tmp_path / "whole", overrides=overrides)
    np.testing.assert_array_equal(outcome.products[0].data, whole.products[0].data)


def test_where_no_rule_gives_gain_and_read_noise_constants_serve(overrides, tmp_path, monkeypatch):
    def best(finder, header, reftypes):
        return {reftype: Resolved(reftype, None, "no rule matches") for reftype in reftypes}

    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setattr(ReferenceFinder, "best", best)
    monkeypatch.setattr(ReferenceFinder, "context", "jwst_0001.pmap")
    given = {reftype: overrides[reftype] for reftype in ("mask", "flat")}
    cal = jwpipe.run("guider", REAL, output_dir=tmp_path, overrides=given, skip=["flat_field"]).products[0]
    assert cal.err.min() == pytest.approx(np.sqrt(2) * 21 / cal["TGROUP"], rel=1e-6)
    assert (cal["R_GAIN"], cal["R_READNO"], cal["CRDS_CTX"]) == ("N/A", "N/A", "jwst_0001.pmap")
    del given["mask"]
    with pytest.raises(ReferenceError, match="no mask reference for this exposure: no rule matches"):
        jwpipe.run("guider", REAL, output_dir=tmp_path, overrides=given)


def test_other_exposures_and_lacking_headers_are_refused(overrides, tmp_path, capsys):
    with fits.open(REAL) as file:
        file[0].header["EXP_TYPE"] = "FGS_IMAGE"
        file.writeto(tmp_path / "science_uncal.fits")
        file[0].header["EXP_TYPE"] = "FGS_ACQ1"
        del file[0].header["TGROUP"]
        file.writeto(tmp_path / "timeless_uncal.fits")
    with pytest.raises(InputError, match="guider takes GuiderRawModel or GuiderCalModel"):
        jwpipe.run("guider", tmp_path / "science_uncal.fits", output_dir=tmp_path, overrides=overrides)
    given = [part for name, path in overrides.items() for part in ("--override", f"{name}={path}")]
    assert main(["guider", str(tmp_path / "timeless_uncal.fits"), "-o", str(tmp_path / "out"), *given]) == 3
    assert "has no TGROUP keyword" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
