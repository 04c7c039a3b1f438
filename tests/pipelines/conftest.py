"""Simulated exposures, made once."""

import pytest

from jwpipe.simulate import simulate


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("simulated")


@pytest.fixture(scope="session")
def small(folder):
    """A subarray with two integrations, zero frames, a snowball."""
    options = {"subarray": "SUB160", "groups": 7, "integrations": 2, "readpatt": "BRIGHT1", "snowballs": 1}
    return simulate("nircam-image", folder / "small", seed=3, cosmic_ray_rate=200.0, **options)


@pytest.fixture(scope="session")
def wide(folder):
    """A larger subarray, for statistics; it has no reference pixels, so its sky must outshine the amplifiers' drift."""
    options = {"subarray": "SUB640", "groups": 10, "cosmic_ray_rate": 50.0, "sky": 5.0}
    return simulate("nircam-image", folder / "wide", seed=4, **options)


@pytest.fixture
def crds(monkeypatch):
    """Points the environment to an exposure's references."""

    def use(exposure):
        monkeypatch.setenv("CRDS_PATH", str(exposure.crds_path))
        monkeypatch.setenv("CRDS_CONTEXT", exposure.context)
        monkeypatch.setenv("CRDS_SERVER_URL", "https://crds-serverless-mode.stsci.edu")
        return exposure

    return use
