"""Reference selection beside the CRDS client's own, over drawn headers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "refs"))

from contexts import corners, write_context
from drawing import Drawer, client_answers
from server import CrdsServer

from jwpipe.refs import ReferenceFinder

pytestmark = pytest.mark.peer
PEER = os.environ.get("JWPIPE_PEER")


def differences(crds_path, context, each, seed):
    """Give (number of answers, list of those that differ) for as many headers an instrument as asked."""
    drawer = Drawer(crds_path / "mappings" / "jwst", context, seed)
    headers = drawer.headers(each)
    finder = ReferenceFinder(context, crds_path, server="serverless")
    number, different = 0, []
    for (instrument, header), theirs in zip(
        headers, client_answers(PEER, crds_path, context, drawer.types, headers), strict=True
    ):
        best = finder.best(header, drawer.types[instrument])
        ours = {reftype: found.name for reftype, found in best.items() if not found.omitted}
        number += len(best)
        if ours != theirs:
            keys = [k for k in best if ours.get(k, "omitted") != theirs.get(k, "omitted")]
            different.append((header, {k: (theirs.get(k, "omitted"), ours.get(k, "omitted")) for k in keys}))
    return number, different


@pytest.mark.skipif(not PEER, reason="JWPIPE_PEER names no Python with the peer")
def test_every_corner_of_the_rules(tmp_path):
    number, different = differences(tmp_path, write_context(tmp_path, corners()), 1500, seed=5)
    assert number > 30_000
    assert different == []


@pytest.mark.skipif(not PEER, reason="JWPIPE_PEER names no Python with the peer")
@pytest.mark.skipif("JWPIPE_CRDS" not in os.environ, reason="JWPIPE_CRDS names no cache with a whole context")
def test_a_whole_real_context():
    cache = Path(os.environ["JWPIPE_CRDS"])
    context = max(path.name for path in (cache / "mappings" / "jwst").glob("jwst_*.pmap"))
    number, different = differences(cache, context, 400, seed=6)
    assert number > 100_000
    assert different == []


GET = """
import crds, sys
header = {"meta.instrument.name": "NIRCAM", "meta.instrument.filter": "F070W"}
print("@" + crds.getreferences(header, reftypes=["plain"], observatory="jwst")["plain"])
"""


@pytest.mark.skipif(not PEER, reason="JWPIPE_PEER names no Python with the peer")
def test_the_cache_is_shared_both_ways(tmp_path):
    name, content = "jwst_nircam_plain_1.fits", b"x" * 2880
    write_context(tmp_path / "origin", corners())
    files = {path.name: path.read_bytes() for path in (tmp_path / "origin/mappings/jwst").iterdir()}
    server = CrdsServer(files | {name: content})

    def client(cache, url):
        env = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "CRDS_PATH": str(cache), "CRDS_SERVER_URL": url}
        env["CRDS_OBSERVATORY"] = "jwst"
        done = subprocess.run([PEER, "-c", GET], capture_output=True, text=True, env=env)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout.rpartition("@")[2].strip()

    def jwpipe(cache, url):
        finder = ReferenceFinder(None, cache, server=url)
        return str(finder.best({"INSTRUME": "NIRCAM", "FILTER": "F070W"}, ["plain"])["plain"].path)

    offline = "https://crds-serverless-mode.stsci.edu"
    for first, second in ((client, jwpipe), (jwpipe, client)):
        cache = tmp_path / first.__name__
        fetched = first(cache, server.url.replace("127.0.0.1", "localhost"))
        assert Path(fetched).read_bytes() == content
        if first is jwpipe:
            ReferenceFinder(None, cache, server=server.url).rules_files(refresh=True)  # the client reads all of them
        assert second(cache, offline) == fetched
    server.close()
