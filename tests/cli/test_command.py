"""The command as a user meets it: help, exit statuses, one-line errors, nothing left behind."""

import errno
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from astropy.io import fits
from builders import make_ramp, write_reference

from jwpipe.cli import main
from jwpipe.cli.app import commands
from jwpipe.cli.manual import write_pages

ROOT = __import__("pathlib").Path(__file__).parents[2]


@pytest.fixture
def exposure(tmp_path, monkeypatch):
    """A small raw exposure and a saturation reference, with an empty cache and no network."""
    monkeypatch.setenv("CRDS_PATH", str(tmp_path / "cache"))
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds-serverless-mode.stsci.edu")
    monkeypatch.setenv("CRDS_CONTEXT", "jwst_0619.pmap")
    monkeypatch.chdir(tmp_path)
    ramp = make_ramp(np.full((1, 3, 16, 16), 500.0))
    ramp.write(tmp_path / "a_uncal.fits")
    write_reference(tmp_path / "sat.fits", {"SCI": np.full((16, 16), 6e4), "DQ": np.zeros((16, 16), "i4")})
    return tmp_path / "a_uncal.fits"


def told(capsys):
    """What was told: exactly one line."""
    error = capsys.readouterr().err
    assert error.startswith("jwpipe: ")
    assert error.count("\n") == 1
    assert "Traceback" not in error
    return error


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in commands())])
def test_every_command_has_a_help_page(arguments, capsys):
    assert main(arguments) == 0
    page = capsys.readouterr().out
    assert "Usage: jwpipe" in page
    if arguments in (["--help"], ["detector1", "--help"]):
        assert page.count("\n") <= 40


def test_manual_pages_are_fresh():
    assert write_pages(ROOT / "man", check=True) == []


WRONG = {
    "unknown command": (["detektor1", "a_uncal.fits"], 2, "did you mean detector1?"),
    "unknown option": (["detector1", "a_uncal.fits", "--overide=x"], 2, "--override"),
    "unknown step": (["detector1", "a_uncal.fits", "--skip", "jmp"], 2, "did you mean jump?"),
    "unknown parameter": (
        ["detector1", "a_uncal.fits", "--set", "jump.rejektion_threshold=5"],
        2,
        "rejection_threshold",
    ),
    "wrong value": (["detector1", "a_uncal.fits", "--set", "jump.rejection_threshold=high"], 2, "is not a number"),
    "wrong value of a late step": (["image3", "none.json", "--set", "outlier_detection.snr=abc"], 2, "not 2 numbers"),
    "no such catalogue": (["image3", "none.json", "--set", "tweakreg.abs_refcat=x.csv"], 2, "x.csv of --set is not an"),
    "no such flat": (["flat_field", "none.fits", "--user-supplied-flat", "x.fits"], 2, "is not an existing file"),
    "folders to compare": (["compare", ".", "."], 2, "jwpipe regress . . compares all products in them"),
    "a long name": (["saturation", "a_uncal.fits", "--suffix", "x" * 250], 1, "too long for the name of a file"),
    "unknown reference type": (["detector1", "a_uncal.fits", "--override", "drk=x.fits"], 2, "did you mean dark?"),
    "no input": (["detector1"], 2, "needs an exposure"),
    "no such file": (["detector1", "b_uncal.fits"], 3, "no such file: b_uncal.fits"),
    "no such reference": (
        ["saturation", "a_uncal.fits", "--override", "saturation=x.fits"],
        4,
        "no saturation reference at",
    ),
    "rules not in the cache": (["saturation", "a_uncal.fits"], 4, "jwst_0619.pmap"),
    "unwritable output": (
        ["saturation", "a_uncal.fits", "--override", "saturation=sat.fits", "-o", "/proc/x"],
        1,
        "--output-dir",
    ),
    "unwritable output, before any file is read": (["image2", "none.fits", "-o", "/proc/x"], 1, "--output-dir"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_in_one_line(case, exposure, capsys):
    arguments, status, message = WRONG[case]
    before = {path: path.read_bytes() for path in exposure.parent.glob("*.fits")}
    assert main(arguments) == status
    assert message in told(capsys)
    assert {path: path.read_bytes() for path in exposure.parent.rglob("*") if path.is_file()} == before


DAMAGE = {
    "not FITS": (lambda path: path.write_text("not a FITS file"), "is not a FITS file"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:9000]), "truncated"),
    "no SCI": (lambda path: rewrite(path, lambda hdus: hdus.pop("SCI")), "has no SCI extension"),
    "wrong dimensions": (lambda path: rewrite(path, flatten), "SCI has 3 dimensions"),
    "no EXP_TYPE": (lambda path: rewrite(path, drop("EXP_TYPE")), "has no EXP_TYPE"),
    "no INSTRUME": (lambda path: rewrite(path, drop("INSTRUME")), "has no INSTRUME"),
    "no DETECTOR": (lambda path: rewrite(path, drop("DETECTOR")), "has no DETECTOR"),
    "unknown DETECTOR": (lambda path: rewrite(path, put("DETECTOR", "NRCA9")), "NRCA9"),
    "wrong NGROUPS": (lambda path: rewrite(path, put("NGROUPS", 9)), "NGROUPS = 9"),
}


def rewrite(path, change):
    with fits.open(path) as hdus:
        change(hdus)
        hdus.writeto(path, overwrite=True)


def flatten(hdus):
    hdus["SCI"].data = hdus["SCI"].data[0]


def drop(keyword):
    return lambda hdus: hdus[0].header.remove(keyword)


def put(keyword, value):
    return lambda hdus: hdus[0].header.set(keyword, value)


@pytest.mark.parametrize("case", DAMAGE)
def test_bad_input_ends_with_3_and_no_file(case, exposure, capsys):
    damage, message = DAMAGE[case]
    damage(exposure)
    before = exposure.read_bytes()
    assert main(["saturation", str(exposure), "--override", "saturation=sat.fits", "-o", "out"]) == 3
    assert message in told(capsys)
    assert not (exposure.parent / "out").exists()
    assert exposure.read_bytes() == before


@pytest.mark.parametrize(
    ("arrays", "keywords", "message"),
    [
        ({"SCI": np.zeros((8, 8))}, {}, "does not cover the exposure's 16 x 16"),
        ({"SCI": np.zeros((16, 16))}, {"DETECTOR": "NRCB1"}, "bad.fits is of NRCB1"),
        ({"DATA": np.zeros((16, 16))}, {}, "has no SCI extension"),
    ],
)
def test_a_wrong_reference_ends_with_4(arrays, keywords, message, exposure, capsys):
    write_reference(exposure.parent / "bad.fits", arrays, **keywords)
    assert main(["saturation", str(exposure), "--override", "saturation=bad.fits", "-o", "out"]) == 4
    assert message in told(capsys)
    assert not (exposure.parent / "out").exists()


def test_a_full_disk_leaves_nothing(exposure, monkeypatch, capsys):
    def no_room(self, stream):
        stream.write(b"x" * 5000)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("jwpipe.products.fitsfile.ImageBlock.write", no_room)
    assert main(["saturation", str(exposure), "--override", "saturation=sat.fits", "-o", "out", "-q"]) == 1
    assert "No space left on device (free some space" in told(capsys)
    assert list((exposure.parent / "out").iterdir()) == []


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_with_130_and_no_file(exposure, kind):
    make_ramp(np.full((40, 10, 256, 256), 500.0)).write(exposure)
    write_reference(exposure.parent / "sat.fits", {"SCI": np.full((256, 256), 6e4)})
    before = exposure.read_bytes()
    command = [
        sys.executable,
        "-m",
        "jwpipe",
        "saturation",
        exposure.name,
        "--override",
        "saturation=sat.fits",
        "-o",
        "out",
    ]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True, cwd=exposure.parent
    )
    out = exposure.parent / "out"
    deadline = time.monotonic() + 60
    while not out.exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(kind)
    error = process.communicate(timeout=60)[1]
    assert (process.returncode, error) == (130, "jwpipe: interrupted\n")
    assert list(out.iterdir()) == []
    assert exposure.read_bytes() == before


def test_inputs_are_never_replaced(exposure, capsys):
    override = ["--override", "saturation=sat.fits"]
    before = exposure.read_bytes()
    assert main(["saturation", str(exposure), *override, "--suffix", "uncal"]) == 2
    assert "a_uncal.fits is an input and would be replaced" in told(capsys)
    assert exposure.read_bytes() == before
    other = exposure.rename(exposure.with_name("a_saturation.fits"))
    assert main(["saturation", str(other), *override]) == 2
    assert "would be replaced" in told(capsys)
    assert other.read_bytes() == before


def test_a_folder_that_is_a_file_is_told_before_any_work(exposure, capsys):
    assert main(["detector1", str(exposure), "-o", "sat.fits"]) == 1
    assert "sat.fits is a file, no folder for products" in told(capsys)


def test_a_product_that_exists_is_left_and_a_dry_run_writes_nothing(exposure, capsys):
    command = ["saturation", str(exposure), "--override", "saturation=sat.fits"]
    assert main([*command, "--dry-run"]) == 0
    assert "a_saturation.fits" in capsys.readouterr().out
    target = exposure.parent / "a_saturation.fits"
    assert not target.exists()
    assert main(command) == 0
    first = target.stat().st_mtime_ns
    assert main([*command, "--skip-existing"]) == 0
    assert target.stat().st_mtime_ns == first


def test_compare_tells_bits_and_keywords_by_exit_status(exposure, capsys):
    assert main(["saturation", str(exposure), "--override", "saturation=sat.fits", "-q"]) == 0
    with fits.open("a_saturation.fits") as hdus:
        hdus["PIXELDQ"].data[3, 4] = 5
        hdus["SCI"].data[0, 1, 2, 2] *= 1.001
        hdus["SCI"].data[0, 1, 2, 3] = np.nan
        hdus[0].header["TARGNAME"] = "X"
        hdus.writeto("b_saturation.fits")
    assert main(["compare", "a_saturation.fits", "a_saturation.fits"]) == 0
    capsys.readouterr()
    assert main(["compare", "a_saturation.fits", "b_saturation.fits", "--report", "r.html"]) == 1
    text = capsys.readouterr().out
    for line in ("JUMP_DET", "NaN only in the first 0, only in the second 1", "1 of 768", "PRIMARY.TARGNAME"):
        assert line in text
    assert main(["compare", "a_saturation.fits", "b_saturation.fits", "--report", "r.json", "-q"]) == 1
    assert "JUMP_DET" in (exposure.parent / "r.html").read_text()
    assert '"same": false' in (exposure.parent / "r.json").read_text()
