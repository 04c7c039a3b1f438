"""The catalogue of a mosaic beside the peers: whole commands, start-up included.

    python benchmarks/catalogue.py --peer 1.14.1=PYTHON --peer newest=PYTHON [--size 2048] [--sources 2000]

Prints a table in Markdown: processor seconds, peak memory, and ratios to jwpipe's.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from sources import make_mosaic, write_references  # noqa: E402

CASES = {"sources as they are found": {}, "taken apart": {"deblend": True, "npixels": 9}}

PEER = """
import json, sys
from jwst.source_catalog import SourceCatalogStep
source, folder, parameters = json.loads(sys.argv[1])
SourceCatalogStep.call(source, save_results=True, output_dir=folder, **parameters)
"""


def field(size, count):
    """A mosaic of stars: patches of one, drawn onto it."""
    rng = np.random.default_rng(1)
    mosaic = make_mosaic((size, size), sources=[])
    star = make_mosaic((31, 31), [(15, 15, 1.0, 1.1, 1.1, 0)], noise=0).data - 0.3
    star[~np.isfinite(star)] = 0
    for x, y, flux in zip(*rng.integers(0, size - 31, (2, count)), 10 ** rng.uniform(0, 2.5, count), strict=True):
        mosaic.data[y : y + 31, x : x + 31] += (flux * star).astype("f4")
    mosaic["RADESYS"] = "ICRS"
    return mosaic


def cost(command, environment):
    """Processor seconds and peak memory (MB) of a command."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(map(str, command))} failed")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)


def main(peers, size, count):
    print("| catalogue | jwpipe s | MB | " + " | ".join(f"{name} s | ratio | MB | part" for name in peers) + " |")
    print("|---|---|---|" + "---|---|---|---|" * len(peers))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, references = folder / "field_i2d.fits", write_references(folder)
        field(size, count).write(source)
        environment = os.environ | {
            "STPIPE_DISABLE_CRDS_STEPPARS": "true",
            "CRDS_SERVER_URL": "https://crds-serverless-mode.stsci.edu",
            "CRDS_PATH": str(folder / "crds"),
        }
        for case, parameters in CASES.items():
            command = [
                sys.executable,
                "-m",
                "jwpipe",
                "source_catalog",
                source,
                "-o",
                folder / "ours",
                "--threads",
                "1",
            ]
            command += [part for item in references.items() for part in ("--override", "{}={}".format(*item))]
            command += [part for item in parameters.items() for part in ("--set", "{}={}".format(*item))]
            seconds, memory = cost(command, environment | {"PYTHONPATH": str(ROOT)})
            line = f"| {case} | {seconds:.1f} | {memory:.0f} |"
            for peer, python in peers.items():
                out = folder / peer
                out.mkdir(exist_ok=True)
                task = parameters | {f"override_{reftype}": str(path) for reftype, path in references.items()}
                task = {"deblend": False} | task  # the newest takes sources apart unless told otherwise
                task = json.dumps([str(source), str(out), task])
                theirs, their_memory = cost([python, "-W", "ignore", "-c", PEER, task], environment)
                part = memory / their_memory
                line += f" {theirs:.1f} | {theirs / seconds:.1f} | {their_memory:.0f} | {part:.2f} |"
            print(line, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--sources", type=int, default=2000)
    arguments = parser.parse_args()
    main(dict(peer.split("=", 1) for peer in arguments.peer), arguments.size, arguments.sources)
