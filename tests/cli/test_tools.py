"""The small tools: info, look, doctor."""

import builtins
import json

import numpy as np
import pytest
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
