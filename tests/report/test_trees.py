"""Two folders of products: what changed, how and where, as a user and as a script see it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.table import Table

from jwpipe.cli import main


@pytest.fixture
def trees(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = np.arange(64, dtype=">f4").reshape(8, 8)
    for name, dark in (("deep/a_rate", "dark_1"), ("b_rate", "dark_1"), ("b_cal", "dark_1")):
        path = Path("old", f"{name}.fits")
        path.parent.mkdir(parents=True, exist_ok=True)
        dq = fits.ImageHDU(np.zeros((8, 8), ">i4"), name="DQ")
        primary = fits.PrimaryHDU(header=fits.Header([("R_DARK", dark), ("DATE", "2024")]))
        fits.HDUList([primary, fits.ImageHDU(data, name="SCI"), dq]).writeto(path)
    table = Table({"label": [1, 2], "flux": [3.0, np.nan] * units.Jy, "name": ["x", "y"]})
    table.write("old/c_cat.ecsv", format="ascii.ecsv")
    Path("old/b_rate.run.json").write_text("1")
    shutil.copytree("old", "new")
    Path("new/b_rate.run.json").write_text("2")
    return tmp_path


def edit(name, change):
    with fits.open(Path("new", name), mode="update") as file:
        change(file)


def test_the_same_but_for_the_time_of_the_run(trees, capsys):
    edit("b_rate.fits", lambda file: file[0].header.set("DATE", "2025"))
    assert main(["regress", "old", "new"]) == 0
    assert capsys.readouterr().out == "4 same, 0 changed, 0 gone, 0 new, 0 damaged\n"
    report = json.loads(Path("regress.json").read_text())
    assert report["same"]
    assert {file["state"] for file in report["files"]} == {"same"}
    assert "<h1>same</h1>" in Path("regress.html").read_text()


def test_what_changed_is_told_with_how_and_where(trees, capsys):
    def worse(file):
        file["SCI"].data[2, 5] += 1
        file["DQ"].data[0, 0] = 4
        file[0].header["R_DARK"] = "dark_<2>"

    for name in ("b_rate.fits", "deep/a_rate.fits"):
        edit(name, worse)
    Path("new/b_cal.fits").unlink()
    table = Table.read("new/c_cat.ecsv")
    table["flux"][0] = 3.5
    table.write("new/c_cat.ecsv", overwrite=True)
    Path("new/d_i2d.fits").write_bytes(Path("old/b_cal.fits").read_bytes())
    Path("new/d_x1d.fits").write_bytes(b"x")
    Path("old/d_x1d.fits").write_bytes(b"y")
    assert main(["regress", "old", "new", "--report", "out/r", "--threads", "2"]) == 1
    told = capsys.readouterr().out
    assert "deep/a_rate.fits: changed\n    SCI: 1 of 64 values beyond tolerance" in told
    assert "at (2, 5)" in told
    assert "    PRIMARY.R_DARK: 'dark_1' | 'dark_<2>'\n" in told
    assert told.endswith("0 same, 3 changed, 1 gone, 1 new, 1 damaged\n")
    report = json.loads(Path("out/r.json").read_text())
    assert report["counts"]["rate"] == {"changed": 2}
    assert {"kind": "rate", "place": "SCI", "products": 2} in report["places"]
    assert {"kind": "rate", "place": "PRIMARY.R_DARK", "products": 2} in report["places"]
    assert {"kind": "cat", "place": "flux", "products": 1} in report["places"]
    (rate,) = [file for file in report["files"] if file["name"] == "b_rate.fits"]
    assert [array["extension"] for array in rate["arrays"]] == ["SCI", "DQ"]
    assert rate["arrays"][1]["bits"] == {"JUMP_DET": [0, 1]}
    page = Path("out/r.html").read_text()
    assert "dark_&lt;2&gt;" in page
    assert "dark_<2>" not in page
    assert main(["regress", "old", "new", "-q", "--ignore", "R_DARK"]) == 1
    assert "R_DARK" not in Path("regress.json").read_text()


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["old", "nowhere"], 3, "there is no folder nowhere"),
        (["none", "none"], 3, "no products"),
        (["old", "new", "--rtol", "-1"], 2, "rtol"),
        (["old", "new", "--report", "old/b_cal.fits/r"], 1, "cannot write"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(trees, capsys, arguments, status, told):
    Path("none").mkdir()
    assert main(["regress", *arguments, "-q"]) == status
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not Path("regress.html").exists()
