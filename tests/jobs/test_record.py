"""Records of runs: what they say of good, failed and killed ones; and that two of them make no product at once."""

import json
import logging
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from builders import make_ramp, write_reference

from jwpipe.cli import main
from jwpipe.errors import UsageError
from jwpipe.jobs import api
from jwpipe.jobs.record import Record, read_record
from jwpipe.products.clock import written_at

COMMAND = ["saturation", "a_uncal.fits", "--override", "saturation=sat.fits", "-o", "out", "--record", "-q"]
RECORD = Path("out", "a_saturation.run.json")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CRDS_PATH", str(tmp_path / "cache"))
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds-serverless-mode.stsci.edu")
    monkeypatch.setenv("CRDS_CONTEXT", "jwst_0619.pmap")
    monkeypatch.chdir(tmp_path)
    make_ramp(np.full((1, 3, 16, 16), 500.0)).write("a_uncal.fits")
    write_reference(tmp_path / "sat.fits", {"SCI": np.full((16, 16), 6e4), "DQ": np.zeros((16, 16), "i4")})
    return tmp_path


def test_a_record_tells_what_was_done_with_what(folder):
    assert main([*COMMAND, "--n-pix-grow-sat", "2"]) == 0
    record = read_record(RECORD)
    assert (record["state"], record["status"], record["products"]) == ("done", 0, ["a_saturation.fits"])
    (step,) = [step for step in record["steps"] if step["name"] == "saturation"]
    assert step["status"] == "COMPLETE"
    assert step["references"] == {"saturation": "sat.fits"}
    assert 0 < step["seconds"] <= record["seconds"]
    assert {"step": None, "name": "n_pix_grow_sat", "value": 2, "origin": "--set"} in record["parameters"]
    assert record["log"][-1]["message"] == "wrote out/a_saturation.fits"
    assert record["begun"] < record["ended"]


def test_a_failure_leaves_a_record_with_its_reason_and_no_product(folder, capsys):
    Path("sat.fits").write_bytes(Path("sat.fits").read_bytes()[:5000])
    status = main(COMMAND)
    told = capsys.readouterr().err
    record = read_record(RECORD)
    assert (record["state"], record["status"], record["step"]) == ("failed", status, "saturation")
    assert f"jwpipe: {record['reason']}\n" == told
    assert list(Path("out").iterdir()) == [RECORD]


def test_a_run_waits_for_one_that_makes_the_same_and_then_has_nothing_to_do(folder, capsys):
    options = api.Options(output_dir="out", overrides={"saturation": "sat.fits"}, record=True)
    pipeline, begun, go_on = api.load("saturation"), threading.Event(), threading.Event()

    def hold(step):
        begun.set()
        go_on.wait(20)

    other = threading.Thread(target=api.process, args=[pipeline, Path("a_uncal.fits"), options, hold])
    other.start()
    assert begun.wait(20)
    assert read_record(RECORD)["state"] == "running"
    threading.Timer(0.3, go_on.set).start()
    outcome = api.process(pipeline, Path("a_uncal.fits"), options)
    other.join()
    assert (outcome.files, outcome.records) == ([Path("out/a_saturation.fits")], [])
    assert api.process(pipeline, Path("a_uncal.fits"), options).records  # asked anew, it is made anew


def test_what_a_killed_run_left_is_told_and_removed(folder):
    code = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from jwpipe.jobs import api\n"
        "from jwpipe.products.fitsfile import Stage\n"
        "Stage._put_in_place = lambda self: os.kill(os.getpid(), signal.SIGKILL)\n"
        "options = api.Options(output_dir='out', overrides={'saturation': 'sat.fits'}, record=True)\n"
        "api.process(api.load('saturation'), Path('a_uncal.fits'), options)\n"
    )
    killed = subprocess.run([sys.executable, "-P", "-c", code], check=False, stderr=subprocess.PIPE, text=True)
    assert killed.returncode == -9, killed.stderr
    assert read_record(RECORD)["state"] == "killed"
    assert len(list(Path("out").glob(".*.part"))) == 1
    assert main(COMMAND) == 0
    assert sorted(Path("out").iterdir()) == [Path("out/a_saturation.fits"), RECORD]


def test_a_record_takes_down_its_own_threads_log_alone(folder):
    options = api.Options(output_dir="out")
    with Record(RECORD, api.load("saturation"), Path("a_uncal.fits"), options):
        logging.getLogger("jwpipe").info("mine")
        other = threading.Thread(target=logging.getLogger("jwpipe").info, args=["another's"])
        other.start()
        other.join()
    assert [line["message"] for line in read_record(RECORD)["log"]] == ["mine"]


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", '{"state": 3}', "\x00" * 50])
def test_a_damaged_record_counts_as_killed_and_is_replaced(folder, content):
    Path("out").mkdir()
    RECORD.write_text(content)
    assert read_record(RECORD)["state"] == "killed"
    assert main(COMMAND) == 0
    assert json.loads(RECORD.read_text())["state"] == "done"


def test_the_same_moment_gives_the_same_bytes(folder, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    made = []
    for _ in range(2):
        assert main(COMMAND) == 0
        made.append(Path("out/a_saturation.fits").read_bytes())
        time.sleep(0.01)
    assert made[0] == made[1]
    assert written_at() == "2023-11-14T22:13:20.000"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH"):
        written_at()
