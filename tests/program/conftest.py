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
    (tmp_path / "raw").mkdir()
    for uncal in simulated.uncal:
        shutil.copy(uncal, tmp_path / "raw")
    monkeypatch.setenv("CRDS_PATH", str(simulated.crds))
    monkeypatch.setenv("CRDS_CONTEXT", simulated.context)
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds-serverless-mode.stsci.edu")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    monkeypatch.chdir(tmp_path)
    return tmp_path
