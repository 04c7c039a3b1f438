"""Side by side with jwst 1.14.1: the same exposures and references through both, step by step and end to end.

Each step of ours starts from the peer's product of the step before, so that a difference shows where it arises. The
bar: flags equal on all but 1e-5 of the pixels, values within 1e-5 relative on all but 1e-5, NaN in the same places,
the same extensions, shapes, types and science keywords. Pixels that PARITY.md names as mended are left out by a mask
computed from the rule, and counted.

    JWPIPE_PEER=.peer/bin/python python tests/peer/regress.py [--all] [CASE...]
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

import jwpipe
from jwpipe.products.fitsfile import FitsFile
from jwpipe.simulate import simulate

HERE = Path(__file__).parent
RTOL = SHARE = 1e-5
STEPS = """
group_scale dq_init saturation ipc superbias refpix linearity persistence dark_current charge_migration jump
""".split()
SNOWBALLS = {"expand_large_events": True, "use_ellipses": False}

# Cases: options of the simulator and parameters of steps. The large ones take minutes in the peer.
SMALL = {
    "sub160": ({"subarray": "SUB160", "groups": 8, "integrations": 2}, {}),
    "sub160-zeroframe": (
        {"subarray": "SUB160", "groups": 6, "readpatt": "BRIGHT1"},
        {"ramp_fit": {"suppress_one_group": False}},
    ),
}
LARGE = {"full": ({"subarray": "FULL", "groups": 10, "snowballs": 6}, {"jump": {"expand_large_events": True}})}
CASES = SMALL | LARGE


def peer_environment(crds_path, context):
    """Environment in which the peer finds the simulated references, offline."""
    return os.environ | {
        "CRDS_PATH": str(crds_path),
        "CRDS_CONTEXT": context,
        "CRDS_SERVER_URL": "https://crds-serverless-mode.stsci.edu",
        "STPIPE_DISABLE_CRDS_STEPPARS": "true",
    }


def run_peer(case, folder):
    """Simulate a case and run the peer on it, unless that was done before.

    Returns
    -------
    Simulated, pathlib.Path
        The exposure, and the folder of the peer's products.
    """
    options, parameters = CASES[case]
    exposure = simulate("nircam-image", folder / case, seed=11, **options)
    products = folder / case / "peer"
    if not list(products.glob("*_rate.fits")):
        products.mkdir(parents=True, exist_ok=True)
        command = [
            os.environ["JWPIPE_PEER"],
            HERE / "peer_detector1.py",
            exposure.uncal,
            products,
            json.dumps(parameters),
        ]
        environment = peer_environment(exposure.crds_path, exposure.context)
        with (products / "log.txt").open("w") as log:
            subprocess.run(command, check=True, env=environment, stdout=log, stderr=log)
    return exposure, products


def differences(ours, theirs, mended=None):
    """Compare two files of the same product.

    Parameters
    ----------
    ours, theirs : path-like
        The files.
    mended : mapping of str to ndarray of bool, optional
        By extension, or under "" for all: pixels that are left out.

    Returns
    -------
    dict of str to tuple
        By extension: values compared, values that differ, values left out. An extension that only one has, or that has
        another shape or type, is a difference of all its values.
    """
    one, two = FitsFile(ours), FitsFile(theirs)
    table = {}
    for name in {e.name for e in [*one.extensions, *two.extensions] if e.is_image}:
        if (
            name not in one
            or name not in two
            or (one[name].shape, one[name].stored) != (two[name].shape, two[name].stored)
        ):
            table[name] = 1, 1, 0
            continue
        a, b = one[name].read(), two[name].read()
        if a.dtype.kind == "f":
            with np.errstate(invalid="ignore"):
                off = ~((np.abs(a - b) <= RTOL * np.maximum(np.abs(a), np.abs(b))) | ((a != a) & (b != b)))
        else:
            off = a != b
        out = np.zeros((), bool)
        if mended:
            out = mended.get(name, mended.get("", out))
        out = np.broadcast_to(out, off.shape)
        table[name] = off.size, int((off & ~out).sum()), int(out.sum())
    return table


def keyword_differences(ours, theirs):
    """Science keywords that differ between two files of the same product."""
    from jwpipe.report.compare import compare

    result = compare(ours, theirs, ignore=["ASDF"])
    ours_alone = {"S_", "R_"}
    return [row for row in result.keywords if row[3] is not None or row[1][:2] not in ours_alone]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(CASES)}")
    parser.add_argument("--all", action="store_true", help="the large cases too")
    parser.add_argument("-o", "--output", type=Path, default=Path("regress-out"))
    arguments = parser.parse_args()
    failed = False
    for case in arguments.cases or (CASES if arguments.all else SMALL):
        for row in compare_case(case, arguments.output):
            failed |= not row["good"]
            print("{case:<18}{step:<18}{extension:<14}{size:>12}{off:>10}{mended:>10}  {verdict}".format(**row))
    return int(failed)


def compare_case(case, folder):
    """Run a case through both and give a row an extension of every product."""
    import mended as rules

    exposure, peer = run_peer(case, folder)
    base = exposure.uncal.name.removesuffix("_uncal.fits")
    ours = folder / case / "ours"
    parameters = CASES[case][1]
    os.environ.update(peer_environment(exposure.crds_path, exposure.context))
    previous = exposure.uncal
    for step in STEPS:
        theirs = peer / f"{base}_{step}.fits"
        if not theirs.exists():
            continue
        assignments = [f"{k}={json.dumps(v)}" for k, v in parameters.get(step, {}).items()]
        outcome = jwpipe.run(step, previous, output_dir=ours, suffix=step, assignments=assignments)
        yield from rows(case, step, outcome.files[-1], theirs, None)
        previous = theirs
    assignments = [f"{s}.{k}={json.dumps(v)}" for s, values in parameters.items() for k, v in values.items()]
    jwpipe.run(
        "ramp_fit",
        previous,
        output_dir=ours,
        assignments=[a.removeprefix("ramp_fit.") for a in assignments if a.startswith("ramp_fit.")],
    )
    for i, kind in enumerate(("rate", "rateints")):
        mask = rules.ramp_fit(previous, exposure, kind)
        yield from rows(
            case, f"ramp_fit {kind}", ours / f"{base}_{i}_ramp_fit.fits", peer / f"{base}_{i}_ramp_fit.fits", mask
        )
    jwpipe.run("detector1", exposure.uncal, output_dir=ours, assignments=assignments)
    for kind in ("rate", "rateints"):
        mask = rules.ramp_fit(previous, exposure, kind)
        yield from rows(case, f"detector1 {kind}", ours / f"{base}_{kind}.fits", peer / f"{base}_{kind}.fits", mask)


def rows(case, step, ours, theirs, mask):
    for extension, (size, off, left_out) in sorted(differences(ours, theirs, mask).items()):
        good = off <= SHARE * size
        yield {
            "case": case,
            "step": step,
            "extension": extension,
            "size": size,
            "off": off,
            "mended": left_out,
            "good": good,
            "verdict": "agrees" if good else "DIFFERS",
        }
    keywords = keyword_differences(ours, theirs)
    yield {
        "case": case,
        "step": step,
        "extension": "keywords",
        "size": 0,
        "off": len(keywords),
        "mended": 0,
        "good": not keywords,
        "verdict": "agree" if not keywords else f"DIFFER {keywords[:6]}",
    }


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    sys.exit(main())
