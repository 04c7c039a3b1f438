"""Stage 1 beside the peers: whole commands, the same exposure and references, in turn, start-up included.

    python benchmarks/detector1.py --peer 1.14.1=PYTHON --peer newest=PYTHON [--runs 3] [CASE...]

Prints a table in Markdown: wall and processor seconds (medians), peak memory of the largest process, ratios to jwpipe.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

PEER_SCRIPT = """
import json, sys
if __name__ == "__main__":
    from jwst.pipeline import Detector1Pipeline
    Detector1Pipeline.call(sys.argv[1], steps=json.loads(sys.argv[3]), save_results=True, output_dir=sys.argv[2])
"""

SIMULATE = """
import json, sys
from jwpipe.simulate import simulate
made = simulate("nircam-image", sys.argv[1], seed=5, **json.loads(sys.argv[2]))
print(json.dumps([str(made.uncal), str(made.crds_path), made.context]))
"""

SNOWBALLS = {"jump": {"expand_large_events": True}}
CASES = {
    "full-10": ({"subarray": "FULL", "groups": 10, "snowballs": 6}, SNOWBALLS),
    "sub160-5x20": ({"subarray": "SUB160", "groups": 5, "integrations": 20}, SNOWBALLS),
}
CORES = {"default": {}, "best": {"jump": {"maximum_cores": "all"}, "ramp_fit": {"maximum_cores": "all"}}}


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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(CASES)}")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path, default=Path("bench-out"))
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} processors, {arguments.runs} runs each, medians\n")
    print("| case | program | settings | wall s | CPU s | peak MB | wall ratio | peak ratio |")
    print("|---|---|---|---|---|---|---|---|")
    for case in arguments.cases or CASES:
        compare(case, arguments)


def compare(case, arguments):
    """Measure all programs on one case, in turn, and print their rows."""
    options, parameters = CASES[case]
    # In a process of its own: the peak memory that the system tells of a command includes that of its parent.
    command = [sys.executable, "-c", SIMULATE, arguments.output / case, json.dumps(options)]
    uncal, crds_path, context = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    size = Path(uncal).stat().st_size / 1e6
    environment = os.environ | {
        "CRDS_PATH": crds_path,
        "CRDS_CONTEXT": context,
        "CRDS_SERVER_URL": "https://crds-serverless-mode.stsci.edu",
        "STPIPE_DISABLE_CRDS_STEPPARS": "true",
    }
    assignments = [f"--set={s}.{k}={json.dumps(v)}" for s, values in parameters.items() for k, v in values.items()]
    target = arguments.output / "products"
    ours = [sys.executable, "-m", "jwpipe", "detector1", uncal, "-o", target, "-q", *assignments]
    programs = {("jwpipe", "default"): ours}
    for peer in arguments.peer:
        name, _, python = peer.partition("=")
        for settings, extra in CORES.items():
            tree = json.dumps(merged(parameters, extra))
            programs[name, settings] = [python, "-c", PEER_SCRIPT, uncal, target, tree]
    figures = {key: [] for key in programs}
    for _ in range(arguments.runs):
        for key, command in programs.items():
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(parents=True)
            figures[key].append(measure(list(map(str, command)), environment))
    base = [statistics.median(column) for column in zip(*figures["jwpipe", "default"], strict=True)]
    for (name, settings), runs in figures.items():
        wall, cpu, peak = (statistics.median(column) for column in zip(*runs, strict=True))
        ratios = f"{wall / base[0]:.1f} | {peak / base[2]:.1f}"
        print(f"| {case} | {name} | {settings} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | {ratios} |", flush=True)
    print(f"| {case} | (uncal {size:.0f} MB; 3 x uncal + 250 MB = {3 * size + 250:.0f} MB) | | | | | | |", flush=True)


if __name__ == "__main__":
    main()
