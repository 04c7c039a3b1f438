"""A program by make and by Dask, disturbed and undisturbed; and what the machinery itself costs.

Usage: python benchmarks/program.py [FOLDER]

Two filters of NIRCam with four dithers and two detectors, and an exposure of MIRI in parallel, are planned and made up
to mosaics: undisturbed; with everything killed in the middle and made again; on Dask with one of two workers killed.
Products must be the same bytes, and none that was there may be made a second time. Then a hundred small exposures.
Prints a Markdown table; exit status 1 if a promise is broken.
"""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jwpipe.simulate import simulate

JWPIPE = [sys.executable, "-P", "-m", "jwpipe"]
NIRCAM = {"detector": "NRCA1,NRCA3", "filter": "F150W,F200W", "dithers": 4, "subarray": "SUB320", "groups": 4}
MIRI = {"dithers": 1, "parallel": True, "subarray": "SUB256", "groups": 6}
SMALL = {"detector": "NRCB1", "subarray": "SUB64P", "groups": 5}
COPIES = 100
MAKE = ["make", "-s", "-f", "program.mk"]


def run(*command, **options):
    return subprocess.run([*map(str, command)], check=True, capture_output=True, text=True, **options)


def products(folder):
    """Times and contents of all products."""
    files = [path for path in folder.iterdir() if path.suffix in (".fits", ".ecsv")]
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def same(one, other):
    return {name: content for name, (_, content) in one.items()} == {name: c for name, (_, c) in other.items()}


def verdict(before, after, whole):
    """Print whether products are as they should be, and none was made twice; give it."""
    kept = all(after[name] == before[name] for name in before)
    print(
        f"{'the same' if same(after, whole) else 'OTHER'} bytes, {'none' if kept else 'SOME'} made twice |", flush=True
    )
    return kept and same(after, whole)


def plan(name, raw, *options):
    Path(name).mkdir()
    run(*JWPIPE, "plan", raw, "-q", "-o", f"{name}/program.mk", *options)
    return len(json.loads(Path(f"{name}/program.plan.json").read_text())["tasks"])


def wait_for(folder, count):
    while sum(1 for _ in folder.glob("*.fits")) < count:
        time.sleep(0.05)


def killed_make(total):
    """Kill make and all that works for it when half of the products are there, and make again."""
    folder = Path("killed", "products")
    with subprocess.Popen([*MAKE, "-j2", "-C", "killed"], start_new_session=True) as process:
        wait_for(folder, total // 2)
        os.killpg(process.pid, signal.SIGKILL)
    time.sleep(2)  # what works behind the commands drops its work
    before = products(folder)
    run(*MAKE, "-j2", "-C", "killed")
    return before, products(folder)


def killed_dask(total):
    """Kill one of two workers when half of the products are there."""
    import psutil

    folder = Path("dask", "products")
    command = [*JWPIPE, "plan", "raw", "-q", "-o", "dask/program.mk", "--engine", "dask", "--local", "2"]
    with subprocess.Popen(command) as process:
        wait_for(folder, total // 2)
        children = psutil.Process(process.pid).children(recursive=True)
        worker = next(child for child in children if "spawn_main" in " ".join(child.cmdline()))
        before = products(folder)
        worker.kill()
    return process.returncode, before, products(folder)


def machinery(exposure):
    """Make many small exposures, one at a time.

    Returns
    -------
    wall, work : float
        Seconds in all, and of them those of the runs themselves.
    processor : float
        Seconds of the processor that make and its commands took, without what they had done for them.
    """
    Path("many").mkdir(exist_ok=True)
    for number in range(1, COPIES + 1):
        shutil.copy(exposure, Path("many", exposure.name.replace("_00001_", f"_{number:05d}_")))
    plan("small", "many", "--stages", "1")
    begun, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    run(*MAKE, "-C", "small")
    wall, now = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    work = sum(json.loads(path.read_text())["seconds"] for path in Path("small", "products").glob("*.run.json"))
    return wall, work, processor


def main(folder):
    os.chdir(folder)
    made = [simulate("nircam-dithers", "raw", **NIRCAM), simulate("miri-dithers", "raw", **MIRI)]
    crds = {"CRDS_PATH": str(made[0].crds_path.absolute()), "CRDS_CONTEXT": made[0].context}
    small = simulate("nircam-image", "alone", **SMALL)
    os.environ |= crds | {
        "CRDS_SERVER_URL": "https://crds-serverless-mode.stsci.edu",
        "SOURCE_DATE_EPOCH": "1700000000",
    }
    print("| what | result |\n|---|---|")
    tasks = plan("whole", "raw")
    begun = time.perf_counter()
    run(*MAKE, "-j2", "-C", "whole")
    whole = products(Path("whole", "products"))
    print(f"| undisturbed | {tasks} tasks, {len(whole)} products, {time.perf_counter() - begun:.1f} s |", flush=True)
    plan("killed", "raw")
    before, after = killed_make(len(whole))
    print(f"| killed with {len(before)} products there, made again | ", end="")
    fine = [verdict(before, after, whole)]
    Path("dask").mkdir()
    status, before, after = killed_dask(len(whole))
    print(f"| Dask, one of two workers killed with {len(before)} products there | ", end="")
    fine += [status == 0, verdict(before, after, whole)]
    os.environ["CRDS_PATH"] = str(small.crds_path.absolute())
    wall, work, processor = machinery(small.uncal)
    own, processor = (wall - work) / COPIES, processor / COPIES
    print(f"| {COPIES} small exposures, one at a time | {wall:.1f} s; {own:.3f} s an exposure beside the work ", end="")
    print(f"itself, make and its commands using {processor:.3f} s of the processor |")
    return all(fine)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).mkdir(parents=True)
        sys.exit(not main(sys.argv[1]))
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(not main(temporary))
