"""Coordinates beside gwcs, as the peers evaluate them: a whole detector to the sky, back, and onto a mosaic.

    python benchmarks/wcs.py --peer 1.14.1=PYTHON --peer newest=PYTHON [--size 2048] [--runs 3]

Prints a table in Markdown: processor seconds of the best run, of one thread each, and their ratios.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from jwpipe.products.images import Image
from jwpipe.wcs import PixelMap, Wcs
from jwpipe.wcs.imaging import imaging_wcs

DATA = Path(__file__).parent.parent / "tests" / "data" / "wcs"
DISTORTIONS = {
    "NIRCam": ("NIRCAM", "NRCBLONG", "NRC_IMAGE", "jwst_nircam_distortion_0096.asdf", (-89.5, -491.4)),
    "NIRISS": ("NIRISS", "NIS", "NIS_IMAGE", "jwst_niriss_distortion_0010.asdf", (-290.1, -697.5)),
    "MIRI": ("MIRI", "MIRIMAGE", "MIR_IMAGE", "jwst_miri_distortion_0028.asdf", (-453.4, -373.8)),
}

PEER = """
import json, sys, time
import numpy as np
from stdatamodels.jwst import datamodels
task = json.load(sys.stdin)
source, target = (datamodels.open(path).meta.wcs for path in task["paths"])
y, x = np.indices(task["shape"], float)
def best(function):
    times = []
    for _ in range(task["runs"]):
        start = time.process_time()
        result = function()
        times.append(time.process_time() - start)
    return min(times), result
to_sky, sky = best(lambda: source(x, y, with_bounding_box=False))
back, _ = best(lambda: source.invert(*sky, with_bounding_box=False))
onto, _ = best(lambda: target.invert(*source(x, y, with_bounding_box=False), with_bounding_box=False))
print(json.dumps([to_sky, back, onto]))
"""


def best(function, runs):
    """Seconds of the best of some runs, and what they gave."""
    times = []
    for _ in range(runs):
        start = time.process_time()
        result = function()
        times.append(time.process_time() - start)
    return min(times), result


def ours(source, target, shape, runs):
    """Seconds to the sky, back, and onto the target."""
    y, x = np.indices(shape, float)
    to_sky, sky = best(lambda: source(x, y), runs)
    back, _ = best(lambda: source.invert(*sky), runs)
    onto, _ = best(lambda: PixelMap(source, target, shape).rows(), runs)
    return [to_sky, back, onto]


def make(name, shape):
    """Coordinates of an exposure, and of a mosaic that it lies on."""
    instrument, detector, kind, distortion, (v2, v3) = DISTORTIONS[name]
    image = Image()
    image.data = np.zeros(shape)
    pointing = {"RA_REF": 150.1, "DEC_REF": 2.3, "ROLL_REF": 33.3, "VA_SCALE": 1.00008, "V2_REF": v2, "V3_REF": v3}
    place = {"SUBSTRT1": 1, "SUBSTRT2": 1, "INSTRUME": instrument, "DETECTOR": detector, "EXP_TYPE": kind}
    for keyword, value in (pointing | place).items():
        image[keyword] = value
    image.wcs = imaging_wcs(image, DATA / distortion)
    mosaic = Image()
    mosaic.data = np.zeros((8, 8))
    mosaic.wcs = Wcs.tangent((1000.0, 1000.0), (150.1, 2.3), np.eye(2), (1.7e-5, 1.7e-5), (2300, 2300))
    return image, mosaic


def main(peers, size, runs):
    names = ["to the sky", "back", "onto a mosaic"]
    print("| detector | what | jwpipe | " + " | ".join(f"{peer} | ratio" for peer in peers) + " |")
    print("|---|---|---|" + "---|---|" * len(peers))
    with tempfile.TemporaryDirectory() as folder:
        for name in DISTORTIONS:
            shape = (1024, 1032) if name == "MIRI" else (size, size)
            image, mosaic = make(name, shape)
            paths = [f"{folder}/{part}.fits" for part in ("source", "target")]
            for product, path in zip((image, mosaic), paths, strict=True):
                product.write(path)
            one = ours(image.wcs, mosaic.wcs, shape, runs)
            task = json.dumps({"paths": paths, "shape": shape, "runs": runs})
            theirs = []
            for python in peers.values():
                done = subprocess.run([python, "-c", PEER], input=task, capture_output=True, text=True, check=True)
                theirs.append(json.loads(done.stdout.splitlines()[-1]))
            for i, what in enumerate(names):
                ratios = " | ".join(f"{times[i]:.2f} | {times[i] / one[i]:.0f}" for times in theirs)
                print(f"| {name} | {what} | {one[i]:.3f} | {ratios} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    main(dict(peer.split("=", 1) for peer in arguments.peer), arguments.size, arguments.runs)
