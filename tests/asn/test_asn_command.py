"""`jwpipe asn`."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jwpipe.asn.pool import read_pool
from jwpipe.cli.asn import app
from jwpipe.errors import JwpipeError

POOL = str(Path(__file__).parent / "data" / "pool_014_ami_niriss.csv")


def run(*arguments):
    """Output of a command that succeeds; the program's own errors come through."""
    result = CliRunner().invoke(app, list(map(str, arguments)))
    if isinstance(result.exception, JwpipeError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_generate_writes_what_a_dry_run_lists(tmp_path):
    listed = run("generate", POOL, "--dry-run").splitlines()
    said = run("generate", POOL, "-p", tmp_path, "--save-orphans", "left.csv")
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == sorted([*listed, "left.csv"])
    left = read_pool(tmp_path / "left.csv").exposures
    assert said == f"wrote {len(listed)} associations (16 level 2, 24 level 3); {len(left)} exposures are in none\n"
    text = (tmp_path / listed[0]).read_text()
    assert text == json.dumps(json.loads(text), indent=4, separators=(",", ": "))
    assert run("show", "--no-members", tmp_path / listed[0]).startswith(f"{tmp_path / listed[0]}\n    type image2")


def test_generate_for_some_candidates():
    listed = run("generate", POOL, "--dry-run", "-i", "o001,o002", "--ids", "o003", "--version-id", "v1").splitlines()
    assert sorted(name for name in listed if "image2" in name) == [
        f"jw10005-o00{n}_v1_image2_00001_asn.json" for n in (1, 2, 3)
    ]
    assert {name.split("_")[0] for name in listed} == {f"jw10005-o00{n}" for n in (1, 2, 3)}


def test_generate_with_the_time_as_version():
    listed = run("generate", POOL, "--dry-run", "--version-id", "now", "--format", "yaml").splitlines()
    assert all(re.fullmatch(r"jw10005-\w+_\d{8}t\d{6}_\w+_\d{5}_asn.yaml", name) for name in listed)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--discover", "--all-candidates"], "exclude each other"),
        (["-r", "rules.py"], "no programs of others"),
        (["--format", "jsn"], "did you mean json"),
        (["-p", "/nowhere"], "no folder"),
    ],
)
def test_generate_refuses(options, problem):
    with pytest.raises(JwpipeError, match=problem):
        run("generate", POOL, *options)


def test_by_hand(tmp_path):
    asn = tmp_path / "x_asn.json"
    run("from-list", "-o", asn, "--product-name", "x", "a_cal.fits", "b_cal.fits")
    run("edit", asn, "-r", "a_cal.fits")
    run("edit", asn, "-a", "-t", "background", "c_x1d.fits", "-o", tmp_path / "y_asn.yaml")
    assert run("show", asn).splitlines()[-2:] == ["    x: 1 science", "        science              b_cal.fits"]
    assert "x: 1 science, 1 background" in run("show", tmp_path / "y_asn.yaml")
    (tmp_path / "b_cal.fits").write_bytes(b"b")
    (tmp_path / "to").mkdir()
    assert run("gather", asn, tmp_path / "to") == f"wrote {tmp_path / 'to' / 'x_asn.json'}\n"
    with pytest.raises(JwpipeError, match="either --add or --remove"):
        run("edit", asn, "b_cal.fits")
