"""Programs made by make, Dask and Slurm: failures, kills and rivals on the way, and the same bytes in the end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jwpipe.cli import main
from jwpipe.jobs.record import read_record
from jwpipe.program.graph import Program
from jwpipe.program.status import survey

ROOT = Path(__file__).parents[2]
MAKE = ["make", "-s", "-f", "program.mk"]
FIRST, SECOND = (f"jw00042001001_02101_0000{i}_nrcb1" for i in (1, 2))
PLAN = ["plan", "--stages", "1", "-q"]
RECORD = Path("products", f"{SECOND}_rate.run.json")

# As jwpipe, but holds on before a step of one exposure until a file is there.
HOLDING = """
import pathlib, sys, time
import jwpipe.jobs.record as record
from jwpipe.cli import main
note = record.Record.note
def hold(self, step):
    note(self, step)
    if self.path.name.startswith(%r) and step == "ramp_fit":
        pathlib.Path("holding").touch()
        while not pathlib.Path("go").exists():
            time.sleep(0.02)
record.Record.note = hold
sys.exit(main())
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))


@pytest.fixture(autouse=True)
def patience():
    """A process that was held on to longer than this hangs."""
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it hangs"))
    signal.alarm(120)
    yield
    signal.alarm(0)


def make(*options):
    return subprocess.run([*MAKE, *options], capture_output=True, text=True, check=False, timeout=120)


def raw(*names):
    return [f"raw/{name}_uncal.fits" for name in names]


def products(folder="products"):
    return {path.name: path.read_bytes() for path in Path(folder).glob("*.fits")}


def undisturbed(*names):
    """Products of a command that nothing disturbs."""
    assert main(["detector1", *raw(*names), "-o", "undisturbed", "-q"]) == 0
    return products("undisturbed")


def times():
    return {path.name: path.stat().st_mtime_ns for path in Path("products").glob("*.fits")}


def states():
    return {one.name: one.state for one in survey(Program.read("program.mk"))}


def held(tmp_path, name):
    """Command that stops in the middle of one exposure."""
    (tmp_path / "holding.py").write_text(HOLDING % name)
    return f"JWPIPE={sys.executable} -P {tmp_path}/holding.py"


def wait_until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def wait_for(path):
    wait_until(Path(path).exists)


def somebody_waits_for(path):
    """Process that waits for the lock on a file, None where there is none."""
    inode = Path(path).stat().st_ino
    lines = [line.split() for line in Path("/proc/locks").read_text().splitlines() if f":{inode} " in line]
    return next((int(fields[5]) for fields in lines if fields[1] == "->"), None)


def test_a_failure_stops_no_other_and_is_made_good_alone(program):
    assert main([*PLAN, "raw"]) == 0
    exposure = Path(*raw(FIRST))
    whole = exposure.read_bytes()
    exposure.write_bytes(whole[:-9000])
    done = make("-j2", "-k")
    assert done.returncode == 2
    (told,) = [line for line in done.stderr.splitlines() if line.startswith("jwpipe: ")]
    assert told.startswith(f"jwpipe: raw/{FIRST}_uncal.fits is truncated")
    assert states()[f"{FIRST}_rate"] == "failed"
    assert sorted(states().values()) == ["done", "done", "failed"]
    before = times()
    assert len(before) == 4
    exposure.write_bytes(whole)
    assert "detector1" in make("-n").stdout
    assert make("-j2").returncode == 0
    assert set(states().values()) == {"done"}
    after = times()
    assert before.items() < after.items()
    assert make("-j2").stdout == ""
    assert times() == after
    assert main([*PLAN, "raw", "--set", "detector1.jump.rejection_threshold=5"]) == 0
    found = {one.name: one for one in survey(Program.read("program.mk"))}
    assert found[f"{FIRST}_rate"].state == "stale"
    assert found[f"{FIRST}_rate"].reason == "jump.rejection_threshold was the default, is 5.0"


def test_a_mosaic_waits_for_all_its_exposures(dithered):
    assert main(["plan", "raw", "-q"]) == 0
    plan = Program.read("program.mk")
    assert [len(wave) for wave in plan.waves()] == [2, 2, 1]
    exposure = Path(plan.tasks[0].source)
    whole = exposure.read_bytes()
    exposure.write_bytes(whole[:-9000])
    assert make("-j2", "-k").returncode == 2
    assert sorted(states().values()) == ["blocked", "blocked", "done", "done", "failed"]
    before = times()
    exposure.write_bytes(whole)
    assert make("-j2").returncode == 0
    assert set(states().values()) == {"done"}
    assert before.items() < times().items()
    (mosaic,) = Path("products").glob("*_nircam_*_i2d.fits")
    assert mosaic.with_name(mosaic.name.replace("i2d.fits", "cat.ecsv")).exists()
    assert len(list(Path("products").glob("*_crf.fits"))) == 2
    assert make("-n").stdout == ""


def test_killed_in_the_middle_and_made_again_gives_the_same_bytes_and_no_work_twice(program):
    assert main([*PLAN, *raw(FIRST, SECOND)]) == 0
    with subprocess.Popen([*MAKE, held(program, SECOND)], start_new_session=True) as run:
        wait_for("holding")
        os.killpg(run.pid, signal.SIGKILL)
    wait_until(lambda: states()[f"{SECOND}_rate"] == "killed")
    before = times()
    assert len(before) == 2
    assert make("-j2").returncode == 0
    assert before.items() < times().items()
    assert products() == undisturbed(FIRST, SECOND)
    assert not list(Path("products").glob(".*.part"))


def test_two_makes_at_once_make_each_product_once(program):
    assert main([*PLAN, *raw(SECOND)]) == 0
    with subprocess.Popen([*MAKE, held(program, SECOND)]) as first:
        wait_for("holding")
        began = read_record(RECORD)["begun"]
        before = times()
        with subprocess.Popen(MAKE) as second:
            wait_until(lambda: somebody_waits_for(RECORD))
            Path("go").touch()
        assert (first.wait(60), second.returncode) == (0, 0)
    record = read_record(RECORD)
    assert (record["state"], record["begun"]) == ("done", began)
    assert before.items() < times().items()


def test_a_command_that_is_killed_takes_its_work_along(program):
    assert main([*PLAN, *raw(SECOND)]) == 0
    client = [sys.executable, "-P", "-m", "jwpipe.cli.client"]
    with subprocess.Popen([*MAKE, held(program, SECOND)]) as holder:
        wait_for("holding")
        command = [*client, "detector1", f"raw/{SECOND}_uncal.fits", "-o", "products", "--record"]
        with subprocess.Popen(command) as waiting:
            wait_until(lambda: somebody_waits_for(RECORD))
            waiting.kill()
            wait_until(lambda: not somebody_waits_for(RECORD))
        # The other way round: the command says that its work was killed.
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as waiting:
            wait_until(lambda: somebody_waits_for(RECORD))
            os.kill(somebody_waits_for(RECORD), signal.SIGKILL)
            told = waiting.stderr.read().splitlines()[-1]
        assert (waiting.returncode, told.startswith("jwpipe: the process that worked on it was killed")) == (1, True)
        done = subprocess.run([*client, "--version"], capture_output=True, text=True, check=False, timeout=60)
        assert done.stdout.startswith("jwpipe ")  # the same place is free again
        Path("go").touch()
        assert holder.wait(60) == 0


def test_a_command_by_a_warm_process_is_the_command(program, monkeypatch):
    client = [sys.executable, "-P", "-m", "jwpipe.cli.client"]

    def run(*arguments, **more):
        return subprocess.run([*client, *arguments], capture_output=True, text=True, check=False, timeout=60, **more)

    assert run("refs", "which", "nowhere.fits").returncode == 3
    there = Path("there")
    there.mkdir()
    done = run("info", "nowhere.fits", cwd=there)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    exposure = str(next(Path("raw").iterdir()).absolute())
    assert run("info", exposure, cwd=there).stdout == run("info", exposure).stdout != ""
    # The environment is the caller's.
    context = run("refs", "which", exposure, env=os.environ | {"CRDS_CONTEXT": "jwst_0999.pmap"})
    assert context.returncode == 4
    assert "jwst_0999.pmap" in context.stderr
    (folder,) = (program / "run").glob("jwpipe-*")
    assert len(list(folder.glob("*.lock"))) == 1
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)  # others could get in: the command works by itself
    assert run("--version").stdout.startswith("jwpipe ")
    folder.chmod(0o700)


def test_slurm_runs_waves_as_arrays(program, monkeypatch):
    assert main([*PLAN, *raw(FIRST, SECOND), "--engine", "slurm", "--sbatch", "--partition='a b'"]) == 0
    binary = program / "bin"
    binary.mkdir()
    (binary / "sbatch").write_text(
        f"#!{sys.executable}\n"
        "import os, subprocess, sys\n"
        "options = dict(a.partition('=')[::2] for a in sys.argv if a.startswith('--'))\n"
        "assert options['--partition'] == 'a b'\n"
        "first, last = options['--array'].split('-')\n"
        "for i in range(int(first), int(last) + 1):\n"
        "    more = os.environ | {'SLURM_ARRAY_TASK_ID': str(i)}\n"
        "    subprocess.run(sys.argv[sys.argv.index('--wrap') + 1], shell=True, env=more, stdout=sys.stderr)\n"
        "print(17)\n"
    )
    (binary / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{binary}:{os.environ['PATH']}")
    done = subprocess.run(["./program.slurm.sh"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(states().values()) == {"done"}
    assert make("-n").stdout == ""


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "give --local N, or --scheduler ADDRESS"),
        (["--local", "2", "--scheduler", "tcp://127.0.0.1:1"], "exclude each other"),
        (["--scheduler", "nonsense://x"], "no Dask scheduler answers at nonsense://x"),
    ],
)
def test_dask_without_scheduler(program, capsys, options, told):
    pytest.importorskip("distributed")
    assert main([*PLAN, "raw", "--engine", "dask", *options]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_dask_loses_no_more_than_the_task_of_a_worker_that_is_killed(program):
    pytest.importorskip("distributed")
    command = [sys.executable, "-P", "-m", "jwpipe", "plan", *raw(FIRST, SECOND), "--stages", "1"]
    command += ["--engine", "dask", "--local", "2"]
    (program / "sitecustomize.py").write_text(
        "import os, pathlib, sys, time\n"
        "if 'multiprocessing' in ' '.join(sys.orig_argv):\n"
        "    import jwpipe.jobs.record as record\n"
        "    note = record.Record.note\n"
        "    def once(self, step):\n"
        "        note(self, step)\n"
        "        if step == 'ramp_fit' and self.path.name.startswith(os.environ['HELD']):\n"
        "            try:\n"
        "                pathlib.Path('holding').touch(exist_ok=False)\n"
        "            except FileExistsError:\n"
        "                return\n"
        "            os.kill(os.getpid(), 9)\n"
        "    record.Record.note = once\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{program}:{ROOT}", "HELD": SECOND}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert Path("holding").exists()
    assert products() == undisturbed(FIRST, SECOND)
    assert "0 failed" in done.stderr
