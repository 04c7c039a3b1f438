"""Downloads: whole files or none, whatever the server and other processes do."""

import errno
import os
import subprocess
import sys
import time

import pytest
from contexts import corners, write_context
from server import CrdsServer

from jwpipe.errors import ExitStatus, ReferenceError, UsageError
from jwpipe.refs import ReferenceFinder
from jwpipe.refs.cache import Cache
from jwpipe.refs.client import Server, ServerError
from jwpipe.refs.verify import verify

DARK = "jwst_nircam_dark_0001.fits"
CONTENT = bytes(range(256)) * 20_000


@pytest.fixture
def crds():
    server = CrdsServer({DARK: CONTENT}, pause=0.7)
    yield server
    server.close()


@pytest.fixture
def served(crds, tmp_path):
    """A server with a whole context, and an empty cache."""
    write_context(tmp_path / "origin", corners())
    for path in (tmp_path / "origin" / "mappings" / "jwst").iterdir():
        crds.files[path.name] = path.read_bytes()
    crds.files["jwst_nircam_plain_1.fits"] = CONTENT
    return ReferenceFinder("jwst_9001.pmap", tmp_path / "cache", server=quick(crds))


def quick(crds, **options):
    return Server(crds.url, **{"timeout": 0.3, "attempts": 3, "delay": 0.01} | options)


def files_under(root):
    return sorted(path.name for path in root.rglob("*") if path.is_file() and "config" not in path.parts)


@pytest.mark.parametrize("fault", ["cut", "short", "long", "wrong", "slow", "busy"])
def test_a_fault_is_tried_again(crds, tmp_path, fault):
    crds.faults[DARK] = [fault, fault]
    path = Cache(tmp_path).fetch(DARK, quick(crds))
    assert path == tmp_path / "references" / "jwst" / "nircam" / DARK
    assert path.read_bytes() == CONTENT
    assert crds.requests.count(DARK) == 3
    assert files_under(tmp_path) == [DARK]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("cut", "cut short|broke off"),
        ("short", "cut short"),
        ("long", "longer"),
        ("wrong", "checksum"),
        ("slow", "timed out"),
        ("busy", "503"),
        ("refused", "404"),
    ],
)
def test_a_lasting_fault_leaves_nothing(crds, tmp_path, fault, words):
    crds.faults[DARK] = [fault] * 9
    with pytest.raises(ServerError, match=words) as caught:
        Cache(tmp_path).fetch(DARK, quick(crds, attempts=2))
    assert caught.value.status == ExitStatus.NO_REFERENCE
    assert "\n" not in str(caught.value)
    assert crds.requests.count(DARK) == (1 if fault == "refused" else 2)
    assert files_under(tmp_path) == []


@pytest.mark.parametrize("fault", ["error", "garbage", "cut", "slow", "busy"])
def test_service_out_of_order(crds, fault):
    crds.faults["get_server_info"] = [fault] * 9
    server = quick(crds, attempts=2)
    with pytest.raises(ServerError) as caught:
        server.info()
    assert "\n" not in str(caught.value)
    with pytest.raises(ServerError):
        server.info()
    assert crds.requests.count("get_server_info") == (1 if fault == "error" else 2)


def test_sizes_come_from_the_service_where_the_configuration_has_none(crds, tmp_path):
    crds.metadata_in_info = False
    assert Cache(tmp_path).fetch(DARK, quick(crds)).read_bytes() == CONTENT
    with pytest.raises(ServerError, match="knows no file"):
        Cache(tmp_path).fetch("jwst_nircam_dark_0002.fits", quick(crds))


def test_nobody_there(tmp_path):
    server = Server("http://127.0.0.1:9", timeout=1, attempts=1)
    finder = ReferenceFinder("jwst_9001.pmap", tmp_path, server=server)
    with pytest.raises(ReferenceError, match=r"jwst_9001.pmap is not in the cache .* cannot be fetched.*refs fetch"):
        finder.best({"INSTRUME": "NIRCAM"})


def test_serverless_asks_nobody(tmp_path):
    write_context(tmp_path, corners())
    finder = ReferenceFinder("jwst_9001.pmap", tmp_path, server="https://crds-serverless-mode.stsci.edu")
    found = finder.best({"INSTRUME": "NIRCAM", "FILTER": "F070W"}, ["plain"])["plain"]
    with pytest.raises(ReferenceError, match=r"jwst_nircam_plain_1.fits is not in .*refs fetch jwst_nircam_plain_1"):
        found.path  # noqa: B018 - looks for the file
    with pytest.raises(ServerError, match="serverless"):
        finder.server.info()


def test_a_run_with_an_empty_cache(served, crds):
    seen = []
    served.progress = lambda name, done, total: seen.append((name, done, total))
    best = served.best({"INSTRUME": "NIRCAM", "FILTER": "F070W"}, ["plain", "never"])
    assert best["never"].path is None
    assert best["plain"].path.read_bytes() == CONTENT
    assert seen[-1] == ("jwst_nircam_plain_1.fits", len(CONTENT), len(CONTENT))
    # only the rules on the way; and the configuration is kept for runs without network
    assert files_under(served.cache.mappings) == [
        "jwst_9001.pmap",
        "jwst_nircam_9001.imap",
        "jwst_nircam_plain_9001.rmap",
    ]
    assert served.cache.server_config()["operational_context"] == "jwst_9001.pmap"
    assert (served.cache.config / "ref_cache_subdir_mode").read_text() == "instrument"
    crds.close()
    offline = ReferenceFinder(None, served.cache.root, server="serverless")
    assert offline.best({"INSTRUME": "NIRCAM", "FILTER": "F070W"}, ["plain"])["plain"].path.exists()


def test_a_damaged_file_is_fetched_anew(served):
    names = served.rules_files(refresh=True)
    assert len(names) == len(corners())  # all but N/A and OMIT, and pmap and imap
    path = served.cache.path("jwst_nircam_plain_9001.rmap")
    text = path.read_text()
    path.write_text(text.replace("F070W", "F090W"))
    assert [f.path for f in verify(served.cache, served.server) if f.problem] == [path]
    with pytest.raises(ReferenceError, match="checksum"):
        served.best({"INSTRUME": "NIRCAM"}, ["plain"])
    served.refresh(path.name)
    assert path.read_text() == text
    assert not [f for f in verify(served.cache, served.server) if f.problem]


def test_readonly_cache(crds, tmp_path, monkeypatch):
    monkeypatch.setenv("CRDS_READONLY_CACHE", "1")
    with pytest.raises(ReferenceError, match="CRDS_READONLY_CACHE"):
        Cache(tmp_path).fetch(DARK, quick(crds))
    assert Cache(tmp_path).derived is None


def test_cache_that_cannot_be_written(crds, tmp_path):
    (tmp_path / "references").write_text("a file where a folder should be")
    with pytest.raises(ReferenceError, match="cannot be written"):
        Cache(tmp_path).fetch(DARK, quick(crds))


def test_full_disk(crds, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReferenceError, match=r"cannot be written: No space left on device \(free some space\)"):
        Cache(tmp_path).fetch(DARK, quick(crds))
    assert files_under(tmp_path) == []


FETCH = """
import sys
from jwpipe.refs.cache import Cache
from jwpipe.refs.client import Server
path = Cache(sys.argv[1]).fetch(sys.argv[3], Server(sys.argv[2], timeout=5, attempts=1))
assert len(path.read_bytes()) == 5120000, "half a file"
"""


def fetching(root, url):
    return subprocess.Popen([sys.executable, "-c", FETCH, str(root), url, DARK], stderr=subprocess.PIPE, text=True)


def test_two_processes_download_once(crds, tmp_path):
    crds.trickle = 0.08
    processes = [fetching(tmp_path, crds.url) for _ in range(3)]
    for process in processes:
        assert process.wait(30) == 0, process.stderr.read()
        process.stderr.close()
    assert crds.requests.count(DARK) == 1
    assert files_under(tmp_path) == [DARK]


def test_a_killed_download_is_taken_over(crds, tmp_path):
    crds.trickle = 0.2
    process = fetching(tmp_path, crds.url)
    half = tmp_path / "references" / "jwst" / "nircam" / f".{DARK}.part"
    deadline = time.monotonic() + 10
    while not (half.exists() and half.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert Cache(tmp_path).abandoned() == []  # under way
    process.kill()
    process.wait(10)
    process.stderr.close()
    assert Cache(tmp_path).abandoned() == [half]
    crds.trickle = 0
    assert Cache(tmp_path).fetch(DARK, quick(crds)).read_bytes() == CONTENT
    assert files_under(tmp_path) == [DARK]


def test_a_stalled_holder_is_not_waited_for(crds, tmp_path, monkeypatch):
    import fcntl

    from jwpipe.refs import cache as module

    half = tmp_path / "references" / "jwst" / "nircam" / f".{DARK}.part"
    half.parent.mkdir(parents=True)
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    with half.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert Cache(tmp_path).fetch(DARK, quick(crds, timeout=0.1)).read_bytes() == CONTENT


def test_contexts_by_name(crds, tmp_path, monkeypatch):
    def context(name):
        return ReferenceFinder(name, tmp_path, server=quick(crds)).context

    crds.dates["jwst-2024-06-01T00:00:00"] = "jwst_1234.pmap"
    assert context("jwst_0001.pmap") == "jwst_0001.pmap"
    assert context("jwst-operational") == context("latest") == context(None) == "jwst_9001.pmap"
    assert context("jwst-edit") == "jwst_9999.pmap"
    assert context("jwst-2024-06-01T00:00:00") == "jwst_1234.pmap"
    monkeypatch.setenv("CRDS_CONTEXT", "jwst-edit")
    assert context(None) == "jwst_9999.pmap"
    with pytest.raises(ReferenceError, match="1999-01-01"):
        context("jwst-1999-01-01")
    with pytest.raises(UsageError, match="names no context"):
        context("jwst-sometime")
    crds.close()
    assert context("jwst-edit") == "jwst_9999.pmap"  # from the cache


def test_context_unknown_offline(tmp_path):
    with pytest.raises(ReferenceError, match="jwst-operational is not known"):
        ReferenceFinder(None, tmp_path).context  # noqa: B018 - resolves the name


def test_damaged_configuration(tmp_path):
    path = tmp_path / "config" / "jwst" / "server_config"
    path.parent.mkdir(parents=True)
    path.write_text("{'operational_context' : open('x')}")
    with pytest.raises(ReferenceError, match="server_config cannot be read"):
        ReferenceFinder(None, tmp_path).context  # noqa: B018 - resolves the name


def test_bad_files_are_refused(tmp_path, monkeypatch):
    write_context(tmp_path, corners())
    config = tmp_path / "config" / "jwst" / "server_config"
    config.write_text(repr({"operational_context": "jwst_9001.pmap", "bad_files_list": ["jwst_nircam_plain_1.fits"]}))
    Cache(tmp_path).path("jwst_nircam_plain_1.fits").parent.mkdir(parents=True)
    Cache(tmp_path).path("jwst_nircam_plain_1.fits").write_bytes(b"x")

    def found():
        return ReferenceFinder(None, tmp_path).best({"INSTRUME": "NIRCAM", "FILTER": "F070W"}, ["plain"])["plain"].path

    with pytest.raises(ReferenceError, match="scientifically invalid"):
        found()
    monkeypatch.setenv("CRDS_ALLOW_BAD_REFERENCES", "1")
    assert found().exists()


def test_layout(tmp_path, monkeypatch):
    cache = Cache(tmp_path)
    assert cache.path("jwst_miri_flat_0001.fits") == tmp_path / "references/jwst/miri/jwst_miri_flat_0001.fits"
    for name in ("../jwst_nircam_x.rmap", "/etc/jwst_miri_x.fits", ".jwst_miri_x.fits", ""):
        with pytest.raises(ReferenceError, match="not the name of a file"):
            cache.path(name)
    with pytest.raises(ReferenceError, match="of which instrument"):
        cache.path("flat.fits")
    (tmp_path / "config/jwst").mkdir(parents=True)
    (tmp_path / "config/jwst/ref_cache_subdir_mode").write_text("flat\n")
    assert Cache(tmp_path).path("flat.fits") == tmp_path / "references/jwst/flat.fits"
    (tmp_path / "config/jwst/ref_cache_subdir_mode").write_text("round")
    with pytest.raises(ReferenceError, match="instrument or flat"):
        Cache(tmp_path).path("flat.fits")
    monkeypatch.setenv("CRDS_PATH", "/some/where")
    assert str(Cache().root) == "/some/where"
