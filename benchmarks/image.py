"""Stages 2 and 3 of images beside the peers: whole commands, the same exposures and references, start-up included.

    python benchmarks/image.py --peer 1.14.1=PYTHON --peer newest=PYTHON [--runs 3] [CASE...]

Prints a table in Markdown: wall and processor seconds (medians), peak memory, ratios to jwpipe, and processor seconds
an exposure. Full frames of NIRCam; stage 3 starts from exposures that jwpipe has calibrated.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from detector1 import medians, run

PEER_SCRIPT = """
import json, os, sys
if __name__ == "__main__":
    from jwst import pipeline
    name, source, folder, steps = sys.argv[1:]
    os.chdir(folder)  # 1.14.1 puts some files where it is
    getattr(pipeline, name).call(source, steps=json.loads(steps), save_results=True, output_dir=folder)
"""

SIMULATE = """
import json, sys
from jwpipe.simulate import simulate
made = simulate("nircam-dithers", sys.argv[1], seed=5, level="rate", detector="NRCBLONG", dithers=int(sys.argv[2]))
paths = [*map(str, made.exposures)], str(made.associations[-1]), str(made.crds_path)
print(json.dumps([*paths, made.context]))
"""


@dataclass(frozen=True)
class Case:
    """A pipeline, the number of exposures, and settings of the peers by name and release."""

    pipeline: str
    peer: str
    exposures: int
    settings: dict


MEMORY = {"outlier_detection": {"in_memory": True}}
STAGE2 = {"default": {}}
STAGE3 = {"default": {}, "best": {"1.14.1": MEMORY}}
CASES = {
    "image2": Case("image2", "Image2Pipeline", 1, STAGE2),
    "image3-4": Case("image3", "Image3Pipeline", 4, STAGE3),
    "image3-16": Case("image3", "Image3Pipeline", 16, STAGE3),
}


def make(folder, count):
    """Simulate exposures; give their paths, the association of stage 3, and the environment of their references."""
    kept = folder / "made.json"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-c", SIMULATE, folder, str(count)]
        kept.write_text(subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout)
    exposures, asn, crds_path, context = json.loads(kept.read_text())
    return (
        list(map(Path, exposures)),
        Path(asn),
        os.environ
        | {
            "CRDS_PATH": crds_path,
            "CRDS_CONTEXT": context,
            "CRDS_SERVER_URL": "https://crds-serverless-mode.stsci.edu",
            "STPIPE_DISABLE_CRDS_STEPPARS": "true",
        },
    )


def calibrate(exposures, asn, environment):
    """Calibrate exposures; give the association beside them."""
    folder = exposures[0].parent / "cal"
    if not (folder / asn.name).exists():
        command = [sys.executable, "-m", "jwpipe", "image2", *exposures, "-o", folder, "--skip", "resample", "-q"]
        subprocess.run(list(map(str, command)), check=True, env=environment)
        (folder / asn.name).write_bytes(asn.read_bytes())
    return folder / asn.name


def compare(name, arguments):
    """Measure all programs on one case, in turn, and print their rows."""
    case, target = CASES[name], (arguments.output / "products").absolute()
    exposures, asn, environment = make((arguments.output / f"field-{case.exposures}").absolute(), case.exposures)
    source = exposures[0] if case.pipeline == "image2" else calibrate(exposures, asn, environment)
    programs = {("jwpipe", "default"): [sys.executable, "-m", "jwpipe", case.pipeline, source, "-o", target, "-q"]}
    for peer in arguments.peer:
        peer, _, python = peer.partition("=")
        for settings, changes in case.settings.items():
            if settings in arguments.settings and (settings == "default" or peer in changes):
                steps = json.dumps(changes.get(peer, {}))
                programs[peer, settings] = [python, "-W", "ignore", "-c", PEER_SCRIPT, case.peer, source, target, steps]
    figures = {key: [] for key in programs}
    for _ in range(arguments.runs):
        for key, program in programs.items():
            figures[key].append(run(program, environment, target))
    figures = {key: medians(runs) for key, runs in figures.items()}
    base = figures["jwpipe", "default"]
    for (program, settings), (wall, cpu, peak) in figures.items():
        ratios = " | ".join(f"{one / other:.1f}" for one, other in zip((wall, cpu, peak), base, strict=True))
        each = f"{cpu / case.exposures:.2f}"
        print(
            f"| {name} | {program} | {settings} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | {ratios} | {each} |", flush=True
        )


def main():
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(CASES)}")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--settings", nargs="+", choices=STAGE3, default=[*STAGE3], help="of the peers")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path, default=Path("bench-out"))
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} processors, {arguments.runs} runs each, medians\n")
    print("| case | program | settings | wall s | CPU s | peak MB | wall ratio | CPU ratio | peak ratio | CPU s each |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for case in arguments.cases or CASES:
        compare(case, arguments)


if __name__ == "__main__":
    main()
