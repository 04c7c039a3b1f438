"""Associations against the installed jwst 1.14.1: every pool that it carries, every way of generating.

By default a selection that takes about two minutes; with JWPIPE_PEER_ALL=1 all pools in all ways (more than half an
hour, nearly all of it the peer's).
"""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from jwpipe.asn.generate import generate
from jwpipe.asn.makepool import make_pool
from jwpipe.asn.pool import read_pool, write_pool
from jwpipe.asn.tools import add_members, from_list, remove_members
from jwpipe.errors import InputError

PEER = os.environ.get("JWPIPE_PEER")
ALL = bool(os.environ.get("JWPIPE_PEER_ALL"))
pytestmark = [pytest.mark.peer, pytest.mark.skipif(not PEER, reason="JWPIPE_PEER names no interpreter")]

# The peer's arguments and ours, by name. IDS stands for the first and last candidate of each type.
WAYS = {
    "default": ([], {}),
    "all": (["--all-candidates"], {"all_candidates": True}),
    "discover": (["--discover"], {"discover": True}),
    "ids": (["-i", "IDS"], {"ids": "IDS"}),
    "merge": (["--merge"], {"merge": True}),
    "ids, merge": (["--merge", "-i", "IDS"], {"ids": "IDS", "merge": True}),
    "version": (["--version-id", "v042", "--all-candidates"], {"version_id": "v042", "all_candidates": True}),
    "DMS": (["--DMS", "--all-candidates"], {"all_candidates": True}),
    "no finalize": (["--no-finalize", "--all-candidates"], {"finalize": False, "all_candidates": True}),
    "debug": (["-D"], {"keep_duplicates": True}),
    "per pool": (["--per-pool-algorithm"], {"per_pool": True}),
    "per pool, all": (["--per-pool-algorithm", "--all-candidates"], {"per_pool": True, "all_candidates": True}),
    "per pool, ids": (["--per-pool-algorithm", "-i", "IDS"], {"per_pool": True, "ids": "IDS"}),
}
MOST_COSTLY = ("mega_pool", "pool_004_wfs")
FEW_WAYS = ("default", "all", "discover", "ids", "merge")  # for the pool that takes the peer minutes each time

# Writes the peer's pools with their placeholders worked out, as its own tests do, and repairs the one whose rows have
# a field too many; then lists them.
EXPAND = """
import glob, json, os, sys, types, warnings
warnings.simplefilter("ignore")
sys.modules["pytest"] = types.SimpleNamespace(fixture=lambda *args, **kwargs: lambda function: function)
import jwst.associations as associations
from jwst.associations.tests.helpers import combine_pools
source, target = os.path.join(os.path.dirname(associations.__file__), "tests", "data"), sys.argv[1]
for path in sorted(glob.glob(source + "/*.csv")):
    name = os.path.basename(path)
    if name.startswith("pool_034"):
        lines = open(path).read().splitlines()
        path = os.path.join(target, "repaired")
        open(path, "w").write("\\n".join(l.split("|", 1)[1] if l.count("|") == 62 else l for l in lines) + "\\n")
    combine_pools(path).write(os.path.join(target, name), format="ascii", delimiter="|", overwrite=True)
"""

# Generates for each list of arguments, and prints what it would write or why it failed. Each run has a process of its
# own, since the peer counts in globals; they are forked, since importing the peer takes longer than most runs.
GENERATE = """
import json, logging, os, sys, tempfile, warnings
warnings.simplefilter("ignore")
from jwst.associations.main import Main
logging.disable(logging.CRITICAL)
sys.stdout, out = sys.stderr, sys.stdout
outcomes = []
for arguments in json.load(sys.stdin):
    with tempfile.NamedTemporaryFile("w+") as file:
        child = os.fork()
        if not child:
            try:
                run = Main([*arguments, "--dry-run"])
                run.generate()
                dumped = []
                for asn in run.associations:
                    try:
                        dumped.append(asn.dump())
                    except Exception:
                        continue
                json.dump(dumped, file)
            except BaseException as error:
                json.dump(f"{type(error).__name__}: {error}", file)
            finally:
                file.flush()
                os._exit(0)
        os.waitpid(child, 0)
        file.seek(0)
        outcomes.append(json.load(file))
json.dump(outcomes, out)
"""


def peer(*arguments, given=None):
    done = subprocess.run([PEER, *map(str, arguments)], capture_output=True, text=True, check=False, input=given)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def pools(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pools")
    peer("-c", EXPAND, folder)
    return {path.stem: path for path in sorted(folder.glob("*.csv"))}


def some_ids(path):
    """First and last candidate of each type."""
    kinds = read_pool(path).candidates().values()
    return list(dict.fromkeys(ident for ids in kinds for ident in (min(ids), max(ids))))


def comparable(document):
    """Leave out what tells the program, and addresses of the peer's functions."""
    del document["code_version"]
    function = r"'value': (<function .*? at 0x[0-9a-f]+>|'depends on [^']*')"
    document["constraints"] = re.sub(function, "'value': FUNCTION", document["constraints"])
    return document


def compare(runs):
    """Compare outcomes with the peer's; return how many runs and associations were compared."""
    jobs = []
    for path, way in runs:
        arguments, options = WAYS[way]
        if "IDS" in arguments:
            if not (ids := some_ids(path)):
                continue
            arguments, options = [*arguments[:-1], *ids], {**options, "ids": ids}
        jobs.append((path, way, arguments, options))
    asked = json.dumps([[str(path), *arguments] for path, _, arguments, _ in jobs])
    outcomes = json.loads(peer("-c", GENERATE, given=asked))
    compared = count = 0
    for (path, way, _, options), theirs in zip(jobs, outcomes, strict=True):
        if isinstance(theirs, str):
            assert re.match("KeyError: 'asn_candidate'|LookupError: Exposure type cannot", theirs), theirs
            with pytest.raises(InputError):
                generate(read_pool(path), **options)
            continue
        ours = [(f"{asn.name}.json", asn.as_dict()) for asn in generate(read_pool(path), **options).associations]
        assert [name for name, _ in ours] == [name for name, _ in theirs], f"{path.stem}, {way}"
        for (name, our), (_, text) in zip(ours, theirs, strict=True):
            their = json.loads(text)
            assert list(our) == list(their), f"{path.stem}, {way}: {name}"
            assert comparable(our) == comparable(their), f"{path.stem}, {way}: {name}"
        compared += 1
        count += len(ours)
    return compared, count


def ways_of(name):
    if not ALL:
        return {"default"} if name not in MOST_COSTLY else ()
    return WAYS if name != "mega_pool" else FEW_WAYS


def test_every_pool_gives_the_peers_associations(pools):
    runs, associations = compare([(path, way) for name, path in pools.items() for way in ways_of(name)])
    print(f"{runs} runs, {associations} associations")
    assert runs > 30


@pytest.mark.skipif(ALL, reason="done by the run of all pools in all ways")
def test_every_way_of_generating(pools):
    few = ("pool_014_ami_niriss", "pool_030_mir_lrs_nods_bkg")
    runs, _ = compare([(pools[name], way) for name in few for way in WAYS if way != "default"])
    assert runs == len(few) * (len(WAYS) - 1)


# ---- the other tools ------------------------------------------------------------------------------------------------

FROM_LIST = "import sys; from jwst.associations.asn_from_list import Main; Main.cli(sys.argv[1:])"
EDIT = """
import sys
from jwst.associations import asn_edit
asn = asn_edit.reader(sys.argv[1])
asn_edit.remove(asn, ["a_uncal.fits"], True)
asn_edit.remove(asn, ["b_cal.fits", "none.fits"], False)
asn_edit.add(asn, ["sky/d_x1d.fits"], "background")
asn_edit.writer(asn, sys.argv[1])
"""


@pytest.mark.parametrize(
    ("rule", "options"),
    [
        ("DMS_Level3_Base", {"product_name": "p"}),
        ("DMSLevel2bBase", {"acid": "o007"}),
        ("Asn_Lv3Image", {"product_name": "p"}),
    ],
)
def test_lists_and_edits(tmp_path, rule, options):
    files = ["a_rate.fits", "b_cal.fits", "c_c_i2d.fits"]
    path = tmp_path / "a.json"
    flags = {"product_name": "--product-name", "acid": "-i"}
    given = [word for key, value in options.items() for word in (flags[key], value)]
    peer("-c", FROM_LIST, "-o", path, "-r", rule, *given, *files)
    document = from_list(files, rule, **options)
    theirs = json.loads(path.read_text())
    assert list(theirs) == list(document)
    assert {**theirs, "code_version": document["code_version"]} == document
    peer("-W", "ignore", "-c", EDIT, path)
    assert remove_members(document, ["a_uncal.fits"], ignore_suffix=True) == []
    assert remove_members(document, ["b_cal.fits", "none.fits"]) == ["none.fits"]
    add_members(document, ["sky/d_x1d.fits"], "background")
    assert json.loads(path.read_text())["products"] == document["products"]


MAKE_POOL = """
import glob, os, sys
import jwst.associations as associations
from jwst.associations.mkpool import mkpool
os.chdir(os.path.join(os.path.dirname(associations.__file__), "tests", "data", "exposures"))
files = sorted(glob.glob("*.fits"))
mkpool(files, asn_candidate="[('c1000', 'background')]").write(sys.argv[1])
print(*map(os.path.abspath, files), sep="\\n")
"""


def test_a_pool_of_headers(tmp_path):
    files = peer("-c", MAKE_POOL, tmp_path / "peer.csv").split("\n")[:-1]
    assert files
    write_pool(tmp_path / "ours.csv", make_pool(map(Path, files), "[('c1000', 'background')]"))
    assert (tmp_path / "ours.csv").read_bytes() == (tmp_path / "peer.csv").read_bytes()
