"""The refs commands, called in this process."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "refs"))

from contexts import corners, write_context
from server import CrdsServer

from jwpipe.cli.refs import app
from jwpipe.errors import InputError, ReferenceError, UsageError

PLAIN = "jwst_nircam_plain_1.fits"
EXPOSURE = {"INSTRUME": "NIRCAM", "DETECTOR": "NRCA1", "FILTER": "F070W", "EXP_TYPE": "NRC_DARK", "TSOVISIT": True}
EXPOSURE |= {"DATE-OBS": "2024-02-03", "TIME-OBS": "04:05:06.789", "SUBSTRT1": 1, "SUBARRAY": "FULL"}


def refs(*arguments):
    """Call the command; its failures are raised, as they are to the program's own entry."""
    result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False, standalone_mode=False)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.return_value or result.exit_code, result.stdout


def exposure(path, **keywords):
    hdu = fits.PrimaryHDU()
    hdu.header.update(EXPOSURE | keywords)
    fits.HDUList([hdu, fits.ImageHDU(np.zeros((4, 4), "f4"), name="SCI")]).writeto(path)
    return path


@pytest.fixture
def cache(tmp_path, monkeypatch):
    root = tmp_path / "cache"
    monkeypatch.setenv("CRDS_PATH", str(root))
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds-serverless-mode.stsci.edu")
    monkeypatch.setenv("CRDS_CLIENT_RETRY_COUNT", "1")
    for name in ("CRDS_CONTEXT", "CRDS_READONLY_CACHE"):
        monkeypatch.delenv(name, raising=False)
    write_context(root, corners())
    return root


@pytest.fixture
def server(cache, tmp_path, monkeypatch):
    """A server that has all, and a cache that has nothing."""
    files = {path.name: path.read_bytes() for path in (cache / "mappings/jwst").iterdir()}
    running = CrdsServer(files | {PLAIN: b"x" * 2880})
    monkeypatch.setenv("CRDS_PATH", str(tmp_path / "empty"))
    monkeypatch.setenv("CRDS_SERVER_URL", running.url)
    yield running
    running.close()


def test_which_as_json(cache, tmp_path):
    files = [exposure(tmp_path / "a.fits"), exposure(tmp_path / "b.fits", FILTER="CLEAR", EXP_TYPE="NRC_IMAGE")]
    status, out = refs("which", *files, "--json")
    told = json.loads(out)
    assert status == 0
    assert list(told) == [str(file) for file in files]
    first, second = told.values()
    assert first["plain"] == PLAIN
    assert first["relevant"] == first["never"] == "N/A"
    assert first["always"] is None
    assert not {"left", "nowhere"} & set(first)  # the rules omit these types
    assert second["left"] == "jwst_nircam_o1_0.fits"
    assert second["plain"] == "N/A"


def test_which_as_table(cache, tmp_path):
    _, out = refs(
        "which", exposure(tmp_path / "a.fits"), "--type", "plain", "--type", "always", "--type", "pars-jumpstep"
    )
    lines = [line.split(maxsplit=1) for line in out.splitlines()[1:]]
    assert [name for name, _ in lines] == ["plain", "always", "pars-jumpstep"]
    assert lines[0][1] == f"{PLAIN}  (not in the cache)"
    assert lines[1][1].startswith("no match: EXP_TYPE = NRC_DARK")
    assert lines[2][1] == "N/A"


def test_which_reads_only_the_primary_header(cache, tmp_path):
    path = exposure(tmp_path / "a.fits")
    path.write_bytes(path.read_bytes()[:4000])
    assert json.loads(refs("which", path, "--json", "--type", "plain")[1])[str(path)] == {"plain": PLAIN}


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), (b"", "not a readable FITS"), (b"hello" * 1000, "not a readable FITS")],
)
def test_which_of_no_fits_file(cache, tmp_path, content, words):
    path = tmp_path / "x.fits"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=rf"x.fits.*{words}"):
        refs("which", path)


def test_wrong_names(cache, tmp_path):
    path = exposure(tmp_path / "a.fits")
    with pytest.raises(UsageError, match=r"has no type 'pattem' \(did you mean pattern\?\)"):
        refs("which", path, "--type", "pattem")
    with pytest.raises(UsageError, match="names no context"):
        refs("which", path, "--context", "newest")
    with pytest.raises(ReferenceError, match=r"jwst_0001.pmap is not in the cache .*jwpipe refs fetch jwst_0001.pmap"):
        refs("which", path, "--context", "jwst_0001.pmap")
    with pytest.raises(InputError, match=r"b.fits: INSTRUME is 'NIRCAN'.*did you mean nircam"):
        refs("which", exposure(tmp_path / "b.fits", INSTRUME="NIRCAN"))
    with pytest.raises(UsageError, match="nothing to fetch"):
        refs("fetch")


def test_fetch_for_an_exposure(server, tmp_path):
    path = exposure(tmp_path / "a.fits")
    assert refs("fetch", path, "--type", "plain", "--type", "never")[1].endswith(": 1, of them new: 1\n")
    assert (tmp_path / "empty/references/jwst/nircam" / PLAIN).read_bytes() == b"x" * 2880
    status, out = refs("fetch", path, "--type", "plain")
    assert status == 0
    assert out.endswith(": 1, of them new: 0\n")


def test_fetch_by_name_and_verify(server, tmp_path):
    assert refs("fetch", PLAIN)[1].endswith(": 1, of them new: 1\n")
    file = tmp_path / "empty/references/jwst/nircam" / PLAIN
    file.write_bytes(b"y" * 2880)
    status, out = refs("verify")
    assert status == 1
    assert f"{file}: its checksum is not the server's" in out
    refs("fetch", PLAIN)
    assert refs("verify")[0] == 0


def test_fetch_a_context_and_list(server, tmp_path):
    count = len(corners())
    assert f": {count}, of them new: {count}" in refs("fetch", "--context", "jwst_9001.pmap")[1]
    out = refs("list")[1]
    assert f"jwst_9001.pmap  {count} rules, all here" in out
    assert f"server    {server.url}" in out
    (tmp_path / "empty/mappings/jwst/jwst_nircam_plain_9001.rmap").unlink()
    assert f"{count} rules, 1 of them missing" in refs("list")[1]


def test_fetch_offline(cache, tmp_path):
    path = exposure(tmp_path / "a.fits")
    with pytest.raises(ReferenceError, match=f"{PLAIN} is not in the cache .*jwpipe refs fetch {PLAIN}"):
        refs("fetch", path, "--type", "plain")


def test_verify_offline(cache):
    assert refs("verify")[0] == 0
    folder = cache / "references/jwst/nircam"
    folder.mkdir(parents=True)
    for name, size in (("jwst_nircam_a_1.fits", 2880), ("jwst_nircam_b_1.fits", 2879), ("jwst_nircam_c_1.asdf", 0)):
        (folder / name).write_bytes(b" " * size)
    (folder / ".jwst_nircam_d_1.fits.part").write_bytes(b"")
    rules = cache / "mappings/jwst/jwst_nircam_plain_9001.rmap"
    rules.write_text(rules.read_text().replace("F070W", "F090W"))
    status, out = refs("verify")
    assert status == 1
    named = [Path(line.partition(":")[0]).name for line in out.splitlines()[:-2]]
    assert named == [rules.name, "jwst_nircam_b_1.fits", "jwst_nircam_c_1.asdf", ".jwst_nircam_d_1.fits.part"]
    assert "4 damaged, 1 with no checksum" in out


def test_list_of_an_empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CRDS_PATH", str(tmp_path / "none"))
    monkeypatch.setenv("CRDS_SERVER_URL", "serverless")
    monkeypatch.delenv("CRDS_CONTEXT", raising=False)
    out = refs("list")[1]
    assert "(not there)" in out
    assert "context   unknown" in out
