"""Associations of the peer's pools: `jwpipe asn generate` beside `asn_generate` of jwst 1.14.1, whole commands.

Usage: JWPIPE_PEER=PEER_PYTHON python benchmarks/associations.py [POOL...]

Without arguments: a small pool that the peer carries, and the largest, which takes it minutes. Prints a
Markdown table. Each command runs once, ours three times; the best counts.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PEER = os.environ.get("JWPIPE_PEER")
OURS = "import sys; from jwpipe.cli.asn import app; app(sys.argv[1:])"
THEIRS = "import sys; from jwst.associations.main import Main; Main.cli(sys.argv[1:])"
WHERE = "import os, jwst.associations as a; print(os.path.join(os.path.dirname(a.__file__), 'tests', 'data'))"
POOLS = ("pool_033_wfs_jitter.csv", "mega_pool.csv")


def timed(command, runs):
    """Seconds of the best run, and the number of files of the last."""
    best = float("inf")
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            subprocess.run([*command, "-p", folder], check=True, capture_output=True)
            best = min(best, time.perf_counter() - start)
            files = len(list(Path(folder).iterdir()))
    return best, files


def main(pools):
    if not PEER:
        sys.exit("JWPIPE_PEER names no interpreter")
    if not pools:
        data = subprocess.run([PEER, "-c", WHERE], check=True, capture_output=True, text=True).stdout.strip()
        pools = [Path(data) / name for name in POOLS]
    print("| pool | rows | associations | jwst 1.14.1, s | jwpipe, s | ratio |\n|---|---|---|---|---|---|")
    for pool in map(Path, pools):
        rows = sum(1 for line in pool.read_text().splitlines() if line and not line.startswith("#")) - 1
        ours, files = timed([sys.executable, "-c", OURS, "generate", str(pool)], 3)
        theirs, their_files = timed([PEER, "-c", THEIRS, str(pool)], 1)
        count = str(files) if files == their_files else f"{files}, peer {their_files}"
        print(f"| {pool.name} | {rows} | {count} | {theirs:.1f} | {ours:.2f} | {theirs / ours:.0f} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
