"""Small raw exposures of two instruments with their references, simulated once."""

import shutil
from types import SimpleNamespace

import pytest

from jwpipe.simulate import simulate

EXPOSURES = (
    ("nircam-image", {"detector": "NRCB1", "subarray": "SUB64P", "groups": 5, "exposure": 1}),
    ("nircam-image", {"detector": "NRCB1", "subarray": "SUB64P", "groups": 5, "exposure": 2}),
    ("miri-image", {"subarray": "SUB64", "groups": 6, "exposure": 1}),
)


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated")
    made = [simulate(mode, folder, **options) for mode, options in EXPOSURES]
    return SimpleNamespace(uncal=[one.uncal for one in made], crds=made[0].crds_path, context=made[0].context)


@pytest.fixture
def program(simulated, tmp_path, monkeypatch):
    """A folder with raw exposures, and the environment in which they can be calibrated."""
    return prepare(simulated, tmp_path, monkeypatch)


@pytest.fixture
def dithered(tmp_path, monkeypatch):
    """The same with two exposures that become a mosaic."""
    made = simulate("nircam-dithers", tmp_path / "simulated", detector="NRCB1", subarray="SUB160", groups=3, dithers=2)
    uncal = sorted((tmp_path / "simulated").glob("*_uncal.fits"))
    found = SimpleNamespace(uncal=uncal, crds=made.crds_path, context=made.context)
    return prepare(found, tmp_path, monkeypatch)


def prepare(found, tmp_path, monkeypatch):
    (tmp_path / "raw").mkdir()
    for uncal in found.uncal:
        shutil.copy(uncal, tmp_path / "raw")
    monkeypatch.setenv("CRDS_PATH", str(found.crds))
    monkeypatch.setenv("CRDS_CONTEXT", found.context)
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds-serverless-mode.stsci.edu")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    monkeypatch.chdir(tmp_path)
    return tmp_path
