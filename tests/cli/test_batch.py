"""Many exposures in one command: failures, kills and interrupts among good ones, budgets, and the same bytes."""

import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from builders import make_ramp, write_reference

from jwpipe.cli import main
from jwpipe.cli.batch import exit_status, size
from jwpipe.errors import OutputError, UsageError
from jwpipe.jobs import api, batch

ROOT = Path(__file__).parents[2]
SATURATION = ["--override", "saturation=sat.fits", "-o", "out"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with an empty cache, no network, and a saturation reference."""
    monkeypatch.setenv("CRDS_PATH", str(tmp_path / "cache"))
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds-serverless-mode.stsci.edu")
    monkeypatch.setenv("CRDS_CONTEXT", "jwst_0619.pmap")
    monkeypatch.chdir(tmp_path)
    write_reference(tmp_path / "sat.fits", {"SCI": np.full((256, 256), 6e4)})
    return tmp_path


def exposures(folder, count, nints=1, side=32):
    """Write small raw exposures, no two alike; give their names."""
    names = [f"e{i:03d}_uncal.fits" for i in range(count)]
    data = np.broadcast_to(np.arange(5, dtype="f4")[:, None, None] * 100, (nints, 5, side, side))
    for i, name in enumerate(names):
        make_ramp(data + i).write(folder / name)
    return names


def made(folder):
    return sorted(path.name for path in (folder / "out").iterdir())


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_corrupt_file_stops_no_other(folder, jobs, capsys):
    names = exposures(folder, 4)
    whole = (folder / names[1]).read_bytes()
    (folder / names[1]).write_bytes(whole[:9000])
    command = ["saturation", *names, *SATURATION, "--jobs", jobs]
    assert main(command) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [re.sub(r", [\d.]+ s", "", line) for line in lines[:4]] == [
        "e000_uncal.fits: done",
        "e001_uncal.fits: failed",
        "e002_uncal.fits: done",
        "e003_uncal.fits: done",
    ]
    assert lines[4].startswith("3 done, 0 skipped, 1 failed in ")
    assert lines[5].startswith("jwpipe: e001_uncal.fits is truncated in ")
    assert len(lines) == 6
    assert made(folder) == ["e000_saturation.fits", "e002_saturation.fits", "e003_saturation.fits"]
    before = (folder / "out" / "e000_saturation.fits").stat().st_mtime_ns
    (folder / names[1]).write_bytes(whole)
    assert main([*command, "--skip-existing"]) == 0
    assert "1 done, 3 skipped, 0 failed" in capsys.readouterr().err
    assert len(made(folder)) == 4
    assert (folder / "out" / "e000_saturation.fits").stat().st_mtime_ns == before


def test_an_exposure_of_which_a_product_is_missing_does_not_count_as_done(folder, monkeypatch, capsys):
    for reftype in ("gain", "readnoise"):
        write_reference(folder / f"{reftype}.fits", {"SCI": np.full((32, 32), 5.0)})
    overrides = ["--override", "gain=gain.fits", "--override", "readnoise=readnoise.fits"]
    command = ["ramp_fit", *exposures(folder, 2), *overrides, "-o", "out", "--skip-existing"]

    def no_room(self, path):
        raise OutputError(f"cannot write {path}")

    with monkeypatch.context() as patch:
        patch.setattr("jwpipe.products.images.Cube.write", no_room)
        assert main(command) == 1
    assert main(command) == 0
    assert "2 done, 0 skipped, 0 failed" in capsys.readouterr().err
    assert made(folder) == [f"e00{i}_{j}_ramp_fit.fits" for i in range(2) for j in range(2)]


@pytest.mark.parametrize(("statuses", "expected"), [([0, 0], 0), ([3, 3], 3), ([3, 4], 1), ([0, 3], 1), ([0, 130], 1)])
def test_the_exit_status_is_of_the_whole(statuses, expected):
    assert exit_status([SimpleNamespace(status=status) for status in statuses]) == expected


def test_any_number_of_jobs_gives_the_same_bytes(folder, capsys):
    names = exposures(folder, 5)
    found = {}
    for jobs in ("1", "2", "3"):
        assert main(["saturation", *names, *SATURATION, "--jobs", jobs, "--threads", "2"]) == 0
        found[jobs] = {
            path.name: re.sub(rb"DATE    = '[^']*'", b"", path.read_bytes()) for path in (folder / "out").iterdir()
        }
        shutil.rmtree(folder / "out")
    assert len(found["1"]) == 5
    assert found["1"] == found["2"] == found["3"]


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        (["e000_uncal.fits", "x/e000_uncal.fits"], [], "would both become out/e000_saturation.fits"),
        (["e000_uncal.fits", "e000_uncal.fits"], [], "e000_uncal.fits is given twice"),
        (["e000_uncal.fits", "e001_uncal.fits"], ["--set", "saturation.n_pix=1"], "has no parameter 'n_pix'"),
        (["e000_uncal.fits", "e001_uncal.fits"], ["--max-memory", "much"], "'much' is no size"),
    ],
)
def test_wrong_usage_is_told_once_before_any_work(folder, inputs, options, message, capsys):
    exposures(folder, 2)
    (folder / "x").mkdir()
    shutil.copy(folder / "e000_uncal.fits", folder / "x")
    assert main(["saturation", *inputs, *SATURATION, "--jobs", "2", *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (folder / "out").exists()


def test_sizes_are_read():
    assert [size(text) for text in ("4G", "500MB", " 2.5e9 ", "1k")] == [4 * 10**9, 5 * 10**8, 25 * 10**8, 1000]
    for text in ("", "G", "-1G", "0", "nan", "inf", "4X"):
        with pytest.raises(UsageError):
            size(text)


def started(folder, count, jobs=2):
    """Start the command on exposures large enough to be caught at their writing; wait until that has begun."""
    names = exposures(folder, count, nints=40, side=256)
    command = [sys.executable, "-m", "jwpipe", "saturation", *names, *SATURATION, "--jobs", str(jobs)]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    deadline = time.monotonic() + 60
    while not (parts := list(folder.glob("out/.*.part"))):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.001)
    return process, parts[0]


def workers(process):
    """Numbers of a process's children."""
    return [int(n) for n in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def alive(number):
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_worker_that_is_killed_costs_its_exposure_alone(folder):
    process, part = started(folder, 4)
    os.kill(int(part.name.split(".")[-2]), signal.SIGKILL)
    error = process.communicate(timeout=60)[1]
    victim = part.name[1:5]
    assert process.returncode == 1, error
    assert "3 done, 0 skipped, 1 failed" in error
    assert f"jwpipe: {victim}_uncal.fits: the process that worked on it was killed by SIGKILL" in error
    assert made(folder) == [f"e{i:03d}_saturation.fits" for i in range(4) if f"e{i:03d}" != victim]


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_end_of_the_command_is_one_of_its_workers_and_leaves_no_half_file(folder, kind):
    process, _ = started(folder, 4)
    numbers = workers(process)
    process.send_signal(kind)
    error = process.communicate(timeout=60)[1]
    if kind == signal.SIGKILL:
        deadline = time.monotonic() + 60
        while any(map(alive, numbers)) and time.monotonic() < deadline:
            time.sleep(0.01)
    else:
        assert process.returncode == 130
        assert "not finished (--skip-existing goes on from here)" in error
        assert error.endswith("jwpipe: interrupted\n")
    assert len(numbers) == 2
    assert not any(map(alive, numbers))
    assert not list(folder.glob("out/.*"))
    assert len(made(folder)) < 4


def test_an_exposure_waits_until_it_fits_into_the_budget(monkeypatch):
    costs = {"a": 6, "b": 5, "c": 4, "d": 10, "e": 1, "f": 1}
    working, seen = [], []

    class Worker:
        """Ends when it is asked, the first begun first."""

        alive = True

        def __init__(self, pipeline, options):
            assert options.threads == 2

        def begin(self, index, path, cost):
            self.index, self.path, self.cost = index, path, cost
            working.append(path)
            seen.append("".join(working))

        def receive(self):
            working.remove(self.path)
            return batch.Result(self.path)

        def ask_to_end(self):
            assert not working

        end = ask_to_end

    monkeypatch.setattr(batch, "_Worker", Worker)
    monkeypatch.setattr(batch, "_cost", lambda pipeline, path, options: costs[path])
    monkeypatch.setattr(batch, "wait", lambda busy: busy[:1])
    options = api.Options(threads=6, max_memory=10)
    order = [index for index, _ in batch.run_batch(None, list(costs), options, jobs=3)]
    assert seen == ["a", "b", "bc", "d", "e", "ef"]
    assert order == list(range(6))


def test_a_warning_names_its_exposure(folder, capsys):
    names = exposures(folder, 3)
    assert main(["saturation", *names, *SATURATION, "--jobs", "2", "--max-memory", "50M"]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "temporary file" in line]
    assert [line.split(":")[1].strip() for line in lines] == names
    logging.getLogger("jwpipe").handlers.clear()


def test_a_hundred_small_exposures_are_all_made(folder, capsys):
    names = exposures(folder, 100, side=16)
    assert main(["group_scale", *names, "-o", "out", "--jobs", "2", "-q"]) == 0
    assert len(made(folder)) == 100
