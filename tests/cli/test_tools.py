"""The small tools: info, look, doctor."""

import builtins
import errno
import json

import numpy as np
import pytest
from astropy.io import fits
from builders import make_ramp

from jwpipe.cli import main
from jwpipe.products.images import Image

PNG = b"\x89PNG"


@pytest.fixture
def products(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    ramp = make_ramp(
        rng.normal(500, 5, (2, 4, 32, 40)).cumsum(axis=1), FILTER="F200W", S_JUMP="COMPLETE", R_GAIN="g.fits"
    )
    ramp.groupdq[0, 2, 5, 6] = 4
    ramp.write("a_ramp.fits")
    rate = Image.like(ramp)
    rate.data = rng.normal(1, 0.1, (32, 40))
    rate.data[3, 3] = np.nan
    rate.write("a_rate.fits")


def test_info_says_what_a_file_is_and_holds(products, capsys):
    assert main(["info", "a_ramp.fits"]) == 0
    text = capsys.readouterr().out
    for word in ("RampModel", "NRC_IMAGE", "F200W", "S_JUMP=COMPLETE", "R_GAIN=g.fits", "2 x 4 x 32 x 40", "float32"):
        assert word in text
    assert main(["info", "--json", "a_ramp.fits", "a_rate.fits"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["product"] for one in told] == ["RampModel", "ImageModel"]
    assert {e["name"]: e["shape"] for e in told[1]["extensions"]}["SCI"] == [32, 40]


def test_info_goes_on_after_a_file_it_cannot_read(products, capsys):
    assert main(["info", "none.fits", "a_rate.fits"]) == 3
    said = capsys.readouterr()
    assert said.err == "jwpipe: no such file: none.fits\n"
    assert "ImageModel" in said.out
    assert main(["info", "--json", "none.fits", "a_rate.fits"]) == 3
    bad, good = json.loads(capsys.readouterr().out)
    assert bad == {"file": "none.fits", "error": "no such file: none.fits"}
    assert good["product"] == "ImageModel"


def test_info_shows_keywords_that_have_no_value(products, capsys):
    with fits.open("a_rate.fits") as hdus:
        hdus[0].header["FILTER"] = None
        hdus.writeto("b_rate.fits")
    assert main(["info", "b_rate.fits"]) == 0
    assert "FILTER=undefined" in capsys.readouterr().out
    assert main(["info", "--json", "b_rate.fits"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["exposure"]["FILTER"] == "undefined"


@pytest.mark.parametrize("name", ["a_ramp", "a_rate"])
def test_look_draws_a_picture(products, name, tmp_path):
    pytest.importorskip("matplotlib")
    assert main(["look", f"{name}.fits", "--pixel", "6", "5"]) == 0
    assert (tmp_path / f"{name}.png").read_bytes().startswith(PNG)


def test_look_says_what_it_lacks(products, capsys, monkeypatch, tmp_path):
    assert main(["look", "a_rate.fits", "--pixel", "40", "5"]) == 2
    assert "lies outside the 40 x 32 image" in capsys.readouterr().err
    assert main(["look", "a_rate.fits", "-o", "/proc/x"]) == 1
    assert "cannot write" in capsys.readouterr().err
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    assert main(["look", "a_rate.fits"]) == 2
    assert "pip install 'jwpipe[plot]'" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.png"))


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"SCI": np.ones((4, 5), "f4"), "DQ": np.zeros((4, 4), "u4")}, "DQ of shape (4, 4) does not fit SCI"),
        ({"SCI": np.ones((4, 5), "f4"), "DQ": np.full((4, 5), np.nan, "f4")}, "DQ holds float32"),
        (
            {"SCI": np.ones((1, 2, 4, 5), "f4"), "GROUPDQ": np.zeros((1, 1, 4, 5), "u1")},
            "GROUPDQ of shape (1, 1, 4, 5)",
        ),
        ({"SCI": np.ones((0, 5), "f4")}, "no pixels in SCI"),
    ],
)
def test_look_tells_of_arrays_that_it_cannot_draw(arrays, words, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    hdus = [fits.PrimaryHDU(), *(fits.ImageHDU(array, name=name) for name, array in arrays.items())]
    fits.HDUList(hdus).writeto("a.fits")
    assert main(["look", "a.fits"]) == 3
    assert words in capsys.readouterr().err
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize("data", [np.ones((1, 2, 1, 1)), np.full((1, 2, 3, 4), np.inf), np.full((3, 4), np.nan)])
def test_look_draws_what_is_hardly_an_image(data, tmp_path):
    pytest.importorskip("matplotlib")
    header = fits.Header({"FILTER": "$x"})
    hdus = [fits.PrimaryHDU(header=header), fits.ImageHDU(data.astype("f4"), name="SCI")]
    hdus[1].header["BUNIT"] = "$^"
    fits.HDUList(hdus).writeto(tmp_path / "a.fits")
    assert main(["look", str(tmp_path / "a.fits"), "-o", str(tmp_path / "new" / "folder")]) == 0
    assert (tmp_path / "new" / "folder" / "a.png").read_bytes().startswith(PNG)


def test_look_replaces_neither_its_input_nor_another_picture(products, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "a_rate.fits").write_bytes((tmp_path / "a_rate.fits").read_bytes())
    assert main(["look", "a_ramp.fits", "a_rate.fits", "b/a_rate.fits"]) == 2
    assert "both be drawn as a_rate.png" in capsys.readouterr().err
    (tmp_path / "a_rate.fits").rename(tmp_path / "a_rate.png")
    assert main(["look", "a_ramp.fits", "a_rate.png"]) == 2
    assert "replaced by its picture" in capsys.readouterr().err
    assert not (tmp_path / "a_ramp.png").exists()


def test_a_full_disk_leaves_nothing(products, tmp_path, capsys, monkeypatch):
    pytest.importorskip("matplotlib")
    from jwpipe.products.fitsfile import Content

    def full(self, stream):
        stream.write(self.content[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Content, "write", full)
    before = sorted(tmp_path.iterdir())
    for command in (["look", "a_rate.fits"], ["compare", "a_rate.fits", "a_rate.fits", "--report", "r.html"]):
        assert main(command) == 1
        assert "No space left on device" in capsys.readouterr().err
        assert sorted(tmp_path.iterdir()) == before


def test_doctor_names_what_is_amiss(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds-serverless-mode.stsci.edu")
    monkeypatch.setenv("CRDS_PATH", str(tmp_path))
    monkeypatch.setenv("CRDS_CONTEXT", "jwst_0619.pmap")
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    for word in ("numpy", "kernels", str(tmp_path), "the cache alone serves", "jwst_0619.pmap"):
        assert word in text
    monkeypatch.delenv("CRDS_CONTEXT")
    assert main(["doctor"]) == 1
    assert "!!  context" in capsys.readouterr().out


@pytest.mark.parametrize("address", ["rubbish", "http://", "http://a:b", "http://[a", "ftp://a.b"])
def test_doctor_finds_an_address_that_is_none(address, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CRDS_SERVER_URL", address)
    monkeypatch.setenv("CRDS_PATH", str(tmp_path))
    monkeypatch.delenv("CRDS_CONTEXT", raising=False)
    assert main(["doctor"]) == 1
    text = capsys.readouterr().out
    assert "!!  server" in text
    assert "is no address  (set CRDS_SERVER_URL" in text


def test_doctor_finds_a_cache_that_is_a_file(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds-serverless-mode.stsci.edu")
    monkeypatch.setenv("CRDS_PATH", str(tmp_path / "file"))
    monkeypatch.setenv("CRDS_CONTEXT", "jwst_0619.pmap")
    assert main(["doctor"]) == 1
    assert "!!  cache" in capsys.readouterr().out
