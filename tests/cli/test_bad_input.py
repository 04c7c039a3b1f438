"""Bad exposures and references through a whole pipeline: the right exit status, one line, and nothing written."""

import gzip

import numpy as np
import pytest
from astropy.io import fits

from jwpipe.cli import main
from jwpipe.simulate import simulate


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """A raw exposure and its references."""
    return simulate("nircam-image", tmp_path_factory.mktemp("bad"), subarray="SUB160", groups=4)


@pytest.fixture
def run(simulated, tmp_path, monkeypatch, capsys):
    """Calibrate a file, which is to fail: exit status and message."""
    monkeypatch.setenv("CRDS_PATH", str(simulated.crds_path))
    monkeypatch.setenv("CRDS_CONTEXT", simulated.context)
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds-serverless-mode.stsci.edu")
    monkeypatch.chdir(tmp_path)

    def run(path, *arguments):
        status = main(["detector1", str(path), "-q", "-o", "out", *arguments])
        told = capsys.readouterr().err
        assert told.startswith("jwpipe: ")
        assert told.count("\n") == 1
        assert "unexpected" not in told
        assert not (tmp_path / "out").exists()
        return status, told

    return run


def put(keyword, value):
    return lambda hdus: hdus[0].header.set(keyword, value)


def drop(keyword):
    return lambda hdus: hdus[0].header.remove(keyword)


def cut(hdus):
    hdus["SCI"].data = hdus["SCI"].data[:, :, :50]


EXPOSURES = {
    "two SCI": (lambda hdus: hdus.append(hdus["SCI"].copy()), "more than one SCI extension"),
    "fewer rows than stated": (cut, "SUBSIZE2 = 160, but its SCI array has 50"),
    "another product": (put("DATAMODL", "ImageModel"), "is an ImageModel, detector1 takes RampModel"),
    "no group time": (put("TGROUP", 0.0), "TGROUP = 0.0"),
    "text for a time": (put("TFRAME", "x"), "TFRAME = 'x'"),
    "no frames": (put("NFRAMES", 0), "NFRAMES = 0"),
    "text for a count": (put("NGROUPS", "abc"), "NGROUPS = 'abc'"),
    "negative gap": (put("GROUPGAP", -1), "GROUPGAP = -1"),
    "no divisor": (put("FRMDIVSR", 0), "FRMDIVSR = 0"),
    "no such axis": (put("FASTAXIS", 7), "FASTAXIS = 7"),
    "text for resets": (put("NRESETS", "x"), "NRESETS = 'x'"),
    "a number far too long": (put("SUBSTRT1", -1e300), "SUBSTRT1 = -1e+300, which"),
    "bad date": (put("DATE-OBS", "rubbish"), "DATE-OBS and TIME-OBS, 'RUBBISH"),
    "no time": (drop("TIME-OBS"), "TIME-OBS is not given"),
    "no READPATT": (drop("READPATT"), "READPATT is not given"),
    "no SUBARRAY": (drop("SUBARRAY"), "SUBARRAY is not given"),
    "no SUBSTRT1": (drop("SUBSTRT1"), "_uncal.fits has no SUBSTRT1"),
}


@pytest.mark.parametrize("case", EXPOSURES)
def test_a_bad_exposure_ends_with_3(case, simulated, run, tmp_path):
    change, message = EXPOSURES[case]
    with fits.open(simulated.uncal) as hdus:
        change(hdus)
        hdus.writeto(tmp_path / "bad_uncal.fits")
    status, told = run(tmp_path / "bad_uncal.fits")
    assert message in told
    assert status == 3


def test_a_gzipped_exposure_is_called_so(simulated, run, tmp_path):
    (tmp_path / "bad_uncal.fits.gz").write_bytes(gzip.compress(simulated.uncal.read_bytes()))
    status, told = run(tmp_path / "bad_uncal.fits.gz")
    assert "gunzip it first" in told
    assert status == 3


def test_a_mode_that_no_rule_knows_ends_with_4_and_its_keyword(simulated, run, tmp_path):
    with fits.open(simulated.uncal) as hdus:
        hdus[0].header["READPATT"] = "FOO"
        hdus.writeto(tmp_path / "bad_uncal.fits")
    status, told = run(tmp_path / "bad_uncal.fits")
    assert "READPATT = FOO occurs in no rule" in told
    assert status == 4


def deep(hdus):
    hdus[1].data = hdus[1].data[None, None]


def flat(hdus):
    hdus[1] = fits.ImageHDU(np.zeros(64, "f4"), name=hdus[1].name)


def tabled(hdus):
    hdus[1] = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1, 2])], name=hdus[1].name)


REFERENCES = {
    "another type": (put("REFTYPE", "FLAT"), "is of type FLAT"),
    "no place": (put("SUBSTRT1", "abc"), "SUBSTRT1 = 'abc'"),
    "too many dimensions": (deep, "dimensions, "),
    "one dimension": (flat, "has 1 dimensions"),
    "a table": (tabled, "has no image in"),
}


@pytest.mark.parametrize("case", REFERENCES)
@pytest.mark.parametrize(
    "reftype", ["mask", "saturation", "superbias", "linearity", "dark", "gain", "readnoise", "ipc"]
)
def test_a_bad_reference_ends_with_4(case, reftype, simulated, run, tmp_path):
    change, message = REFERENCES[case]
    (source,) = simulated.crds_path.rglob(f"*_{reftype}_*.fits")
    if reftype == "ipc" and case in ("no place", "too many dimensions"):
        pytest.skip("a kernel lies nowhere, and may be one a pixel")
    with fits.open(source) as hdus:
        change(hdus)
        hdus.writeto(tmp_path / "bad.fits")
    status, told = run(simulated.uncal, "--override", f"{reftype}=bad.fits", "--set", "ipc.skip=false")
    assert reftype in told
    assert message in told
    assert status == 4
