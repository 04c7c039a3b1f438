"""Stage 1 beside the peers: whole commands, the same exposure and references, in turn, start-up included.

    python benchmarks/detector1.py --peer 1.14.1=PYTHON --peer newest=PYTHON [--runs 3] [CASE...]
    python benchmarks/detector1.py --scaling

Prints a table in Markdown: wall and processor seconds (medians), peak memory of the largest process, ratios to jwpipe.

What would take a peer more memory than the machine has, or very long, it does a part of: all but its start-up, and the
memory above that of its start-up, then count as often as the part goes into the whole. The table says so (part x 5).

With `--scaling`, jwpipe alone, in some two minutes: the time that a value takes, start-up subtracted, as groups,
integrations and pixels grow by a factor of ten, and its ratio (of processor time) to that of the smallest.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

PEER_SCRIPT = """
import json, sys
if __name__ == "__main__":
    from jwst.pipeline import Detector1Pipeline
    Detector1Pipeline.call(sys.argv[1], steps=json.loads(sys.argv[3]), save_results=True, output_dir=sys.argv[2])
"""
PEER_START = "from jwst.pipeline import Detector1Pipeline"

SIMULATE = """
import json, sys
from jwpipe.simulate import simulate
made = simulate(sys.argv[1], sys.argv[2], seed=5, **json.loads(sys.argv[3]))
print(json.dumps([str(made.uncal), str(made.crds_path), made.context]))
"""


@dataclass(frozen=True)
class Case:
    """An exposure, how it is calibrated, and what part of it peers get.

    Attributes
    ----------
    mode : str
        Mode of the simulator.
    options : dict
        Its options.
    parameters : dict
        Parameters by step.
    parts : dict of str to tuple
        By peer: what options are other ones for it, and how often that goes into the whole.
    """

    mode: str
    options: dict
    parameters: dict = field(default_factory=dict)
    parts: dict = field(default_factory=dict)


SNOWBALLS = {"jump": {"expand_large_events": True}}
SHOWERS = {"jump": {"find_showers": True}}
MIRI = {"subarray": "FULL", "readpatt": "FASTR1", "groups": 100, "integrations": 3, "showers": 3}
# All steps take the same way through the parts as through the whole: jump needs 10 differences, or 100 integrations.
MIRI_PARTS = {"1.14.1": ({"groups": 50, "integrations": 1}, 6), "newest": ({"integrations": 1}, 3)}
CASES = {
    "full-10": Case("nircam-image", {"subarray": "FULL", "groups": 10, "snowballs": 6}, SNOWBALLS),
    "sub160-5x20": Case("nircam-image", {"subarray": "SUB160", "groups": 5, "integrations": 20}, SNOWBALLS),
    "full-20": Case("nircam-image", {"subarray": "FULL", "groups": 20, "snowballs": 6}, SNOWBALLS),
    "irs2-20": Case("nirspec-irs2", {"groups": 20}, parts={"1.14.1": ({"groups": 12}, 20 / 12)}),
    "miri-100x3": Case("miri-image", MIRI, SHOWERS | {"emicorr": {"skip": True}}, MIRI_PARTS),
    "miri-100x3-emicorr": Case("miri-image", MIRI, SHOWERS | {"emicorr": {"skip": False}}, MIRI_PARTS),
    "substrip256-5x200": Case(
        "niriss-soss",
        {"subarray": "SUBSTRIP256", "groups": 5, "integrations": 200},
        parts={
            "1.14.1": ({"subarray": "SUBSTRIP96", "integrations": 100}, 16 / 3),
            "newest": ({"integrations": 100}, 2),
        },
    ),
    "sub512-20x500": Case(
        "nirspec-subarray",
        {"subarray": "SUB512", "groups": 20, "integrations": 500},
        parts={"1.14.1": ({"integrations": 100}, 5)},
    ),
}
CORES = {"default": {}, "best": {"jump": {"maximum_cores": "all"}, "ramp_fit": {"maximum_cores": "all"}}}

# What grows: the mode, its options, and the values of some of them, the smallest exposure first.
NIRCAM, NIRSPEC = "nircam-image", "nirspec-subarray"
SCALING = {
    "groups": (NIRCAM, {"subarray": "SUB640"}, [{"groups": n} for n in (10, 30, 100)]),
    "integrations": (NIRSPEC, {"subarray": "SUB512", "groups": 20}, [{"integrations": n} for n in (50, 150, 500)]),
    "pixels": (NIRCAM, {"groups": 20}, [{"subarray": "SUB640"}, {"subarray": "FULL"}]),
}
SECONDS = 6  # for which an exposure is calibrated again and again, since little is to be told from short runs
SMALLEST = NIRCAM, {"subarray": "SUB64P", "detector": "NRCBLONG", "groups": 3}


def measure(command, environment):
    """Run a command once; give wall seconds, processor seconds and peak memory in MB."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    if status:
        raise SystemExit(f"{command} failed:\n{errors.decode()[-2000:]}")
    scale = 1 if sys.platform == "darwin" else 1024
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * scale / 1e6


def merged(*trees):
    """Parameters of several trees in one."""
    out = {}
    for tree in trees:
        for step, values in tree.items():
            out.setdefault(step, {}).update(values)
    return out


def make(mode, folder, options):
    """Simulate an exposure, where it is not there yet; give its path, and the environment of its references."""
    kept, asked = folder / "made.json", json.dumps([mode, options])
    known = json.loads(kept.read_text()) if kept.exists() else {}
    if asked not in known:
        # In a process of its own: the peak memory that the system tells of a command includes that of its parent.
        command = [sys.executable, "-c", SIMULATE, mode, folder, json.dumps(options)]
        known = {asked: json.loads(subprocess.run(command, check=True, capture_output=True).stdout)}
        kept.write_text(json.dumps(known))
    uncal, crds_path, context = known[asked]
    return Path(uncal), os.environ | {
        "CRDS_PATH": crds_path,
        "CRDS_CONTEXT": context,
        "CRDS_SERVER_URL": "https://crds-serverless-mode.stsci.edu",
        "STPIPE_DISABLE_CRDS_STEPPARS": "true",
    }


def ours(uncal, target, parameters=None):
    """Command that runs jwpipe."""
    tree = parameters or {}
    assignments = [f"--set={s}.{k}={json.dumps(v)}" for s, values in tree.items() for k, v in values.items()]
    return [sys.executable, "-m", "jwpipe", "detector1", uncal, "-o", target, "-q", *assignments]


def run(command, environment, target):
    """Measure a command that writes into a folder, which is empty before and after."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    figures = measure(list(map(str, command)), environment)
    shutil.rmtree(target)
    return figures


def medians(runs):
    """Median of each figure."""
    return [statistics.median(column) for column in zip(*runs, strict=True)]


def compare(name, arguments):
    """Measure all programs on one case, in turn, and print their rows."""
    case, target = CASES[name], arguments.output / "products"
    uncal, environment = make(case.mode, arguments.output / name, case.options)
    size = uncal.stat().st_size / 1e6
    programs = {("jwpipe", "default"): (ours(uncal, target, case.parameters), environment)}
    for peer in arguments.peer:
        peer, _, python = peer.partition("=")
        changes, _ = case.parts.get(peer, ({}, 1))
        if changes:
            there = make(case.mode, arguments.output / f"{name}-{peer}", case.options | changes)
        else:
            there = uncal, environment
        for settings in arguments.settings:
            tree = json.dumps(merged(case.parameters, CORES[settings]))
            programs[peer, settings] = [python, "-c", PEER_SCRIPT, there[0], target, tree], there[1]
        programs[peer, "start"] = [python, "-c", PEER_START], there[1]
    figures = {key: [] for key in programs}
    for _ in range(arguments.runs):
        for key, program in programs.items():
            figures[key].append(run(*program, target))
    figures = {key: medians(runs) for key, runs in figures.items()}
    base = figures["jwpipe", "default"]
    for (program, settings), measured in figures.items():
        if settings == "start":
            continue
        _, times = case.parts.get(program, ({}, 1))
        if times != 1:
            start = figures[program, "start"]
            measured = [s + times * (m - s) for m, s in zip(measured, start, strict=True)]
            settings += f", part x {times:.3g}"
        wall, cpu, peak = measured
        ratios = f"{wall / base[0]:.1f} | {peak / base[2]:.1f}"
        print(f"| {name} | {program} | {settings} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | {ratios} |", flush=True)
    print(f"| {name} | (uncal {size:.0f} MB; 3 x uncal + 250 MB = {3 * size + 250:.0f} MB) | | | | | | |", flush=True)


def grow(arguments):
    """Print how the cost of jwpipe grows with each size of an exposure."""
    target = arguments.output / "products"

    def repeat(name, mode, options, seconds):
        """Size of the exposure in bytes, and the least of each figure in some runs: growth is to show, not noise."""
        uncal, environment = make(mode, arguments.output / name, options)
        figures = []
        while len(figures) < arguments.runs or sum(wall for wall, _, _ in figures) < seconds:
            figures.append(run(ours(uncal, target), environment, target))
        return uncal.stat().st_size, [min(column) for column in zip(*figures, strict=True)]

    rows, starts = [], []
    for what, (mode, options, steps) in SCALING.items():
        for changes in steps:
            # Start-up is measured beside each: the machine may not be as busy all the time.
            start_size, start = repeat("smallest", *SMALLEST, 0)
            starts.append(start)
            label = ", ".join(map(str, changes.values()))
            rows.append((what, label, *repeat(f"scaling-{what}-{label}", mode, options | changes, SECONDS)))
    wall_start, cpu_start, peak_start = map(min, zip(*starts, strict=True))
    print(f"start-up (the smallest exposure): {wall_start:.2f} s wall, {cpu_start:.2f} s CPU, {peak_start:.0f} MB\n")
    print("| grows | values | wall s | CPU s | peak MB | wall ns a value | CPU ns a value | to the first |")
    print("|---|---|---|---|---|---|---|---|")
    first = {}
    for what, label, size, (wall, cpu, peak) in rows:
        values = (size - start_size) / 2  # of 16 bits
        each, each_cpu = (wall - wall_start) / values * 1e9, (cpu - cpu_start) / values * 1e9
        ratio = each_cpu / first.setdefault(what, each_cpu)
        figures = f"{wall:.2f} | {cpu:.2f} | {peak:.0f} | {each:.1f} | {each_cpu:.1f} | {ratio:.2f}"
        print(f"| {what}: {label} | {values:.3g} | {figures} |")


def main():
    """Read the command line and print the table that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(CASES)}")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--settings", nargs="+", choices=CORES, default=[*CORES], help="of the peers")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--scaling", action="store_true", help="how the cost grows, without peers")
    parser.add_argument("-o", "--output", type=Path, default=Path("bench-out"))
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} processors, {arguments.runs} runs each, {'best' if arguments.scaling else 'medians'}\n")
    if arguments.scaling:
        return grow(arguments)
    print("| case | program | settings | wall s | CPU s | peak MB | wall ratio | peak ratio |")
    print("|---|---|---|---|---|---|---|---|")
    for case in arguments.cases or CASES:
        compare(case, arguments)
    return None


if __name__ == "__main__":
    main()
