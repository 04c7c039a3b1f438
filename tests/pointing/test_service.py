"""Services of telemetry on loopback: both kinds, and what they do wrong."""

import pytest
from telemetry_server import TelemetryServer

from jwpipe.errors import ReferenceError
from jwpipe.pointing.service import Direct, Mast
from jwpipe.pointing.source import open_telemetry

T0 = 1643840700000  # 2022-02-02T22:25:00
START, END = 59612 + (22 * 60 + 25) / 1440, 59612 + (22 * 60 + 26) / 1440
SERIES = {"SA_ZFGDETID": [(T0 + seconds * 1000, float(seconds)) for seconds in (-40, -10, 0, 30, 60, 70, 80)]}


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in ("ENG_BASE_URL", "MAST_API_TOKEN", "ENG_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ENG_RETRIES", "3")
    monkeypatch.setenv("ENG_RETRY_DELAY", "0.01")


@pytest.mark.parametrize(("token", "kind"), [(None, Direct), ("secret", Mast)])
def test_both_kinds_answer_the_same(token, kind, monkeypatch):
    monkeypatch.setenv("ENG_TIMEOUT", "20")  # a string, as it always is
    with TelemetryServer(SERIES, token, direct=token is None) as server:
        monkeypatch.setenv("ENG_BASE_URL", server.url + "/")
        if token:
            monkeypatch.setenv("MAST_API_TOKEN", token)
        source = open_telemetry()
        assert type(source) is kind
        got = source.samples("SA_ZFGDETID", START, END)
        assert got.values.tolist() == [-10, 0, 30, 60, 70]
        assert got.values[got.inside].tolist() == [0, 30, 60]
        assert abs(got.times[1] - START) < 1e-9
        with pytest.raises(ReferenceError, match="404"):
            source.samples("SA_NONE", START, END)


def test_a_token_for_a_service_that_is_not_masts(monkeypatch):
    with TelemetryServer(SERIES) as server:
        assert type(open_telemetry(server.url, "secret")) is Direct


def test_a_wrong_token_is_told():
    with TelemetryServer(SERIES, "secret") as server, pytest.raises(ReferenceError, match="401"):
        open_telemetry(server.url, "wrong").samples("SA_ZFGDETID", START, END)


def test_a_busy_service_is_asked_again():
    with TelemetryServer(SERIES) as server:
        source = open_telemetry(server.url)
        server.faults = 2
        assert len(source.samples("SA_ZFGDETID", START, END)) == 5
        server.faults = 3
        with pytest.raises(ReferenceError, match=r"503 .* 3 times"):
            source.samples("SA_ZFGDETID", START, END)


def test_no_service_is_told(monkeypatch):
    with pytest.raises(ReferenceError, match="MAST wants a token"):
        open_telemetry()
    with TelemetryServer(SERIES) as server:
        url = server.url
    with pytest.raises(ReferenceError, match="cannot be reached"):
        open_telemetry(url)
    monkeypatch.setenv("ENG_RETRIES", "many")
    with pytest.raises(ReferenceError, match="ENG_RETRIES is 'many'"):
        open_telemetry(url)


def test_an_answer_that_is_none_is_told(monkeypatch):
    with TelemetryServer(SERIES) as server:
        source = open_telemetry(server.url)
        monkeypatch.setattr(source, "get", lambda path, **_: "<html>")
        with pytest.raises(ReferenceError, match="no JSON"):
            source.samples("SA_ZFGDETID", START, END)
