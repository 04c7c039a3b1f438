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
from dataclasses import replace
from pathlib import Path

import mended
import numpy as np

import jwpipe
from jwpipe.cli.demo import references_of
from jwpipe.engine.pipeline import Use
from jwpipe.pipelines import load
from jwpipe.products.fitsfile import FitsFile
from jwpipe.products.guider import GuiderRaw
from jwpipe.products.ramp import Ramp
from jwpipe.report.compare import compare
from jwpipe.simulate import simulate

HERE = Path(__file__).parent
RTOL = SHARE = 1e-5

# Cases: mode and options of the simulator, parameters of steps. The large ones take minutes in the peer.
SMALL = {
    "sub160": ("nircam-image", {"subarray": "SUB160", "groups": 8, "integrations": 2}, {}),
    "sub160-zeroframe": (
        "nircam-image",
        {"subarray": "SUB160", "groups": 6, "readpatt": "BRIGHT1"},
        {"ramp_fit": {"suppress_one_group": False}},
    ),
    "sub320-snowballs": (
        "nircam-image",
        {"subarray": "SUB320", "groups": 8, "integrations": 2, "snowballs": 3},
        {
            "jump": {"expand_large_events": True, "after_jump_flag_dn1": 20.0, "after_jump_flag_time1": 20.0},
            "charge_migration": {"skip": False, "signal_threshold": 8000.0},
        },
    ),
    "niriss-soss": ("niriss-soss", {"subarray": "SUBSTRIP96", "groups": 4, "integrations": 2}, {}),
    "niriss-image": (
        "niriss-image",
        {"subarray": "SUB64", "readpatt": "NIS", "groups": 8, "integrations": 2},
        {"charge_migration": {"skip": False, "signal_threshold": 16000.0}},
    ),
    "niriss-ami": ("niriss-ami", {"groups": 12, "integrations": 3}, {}),
    "fgs-image": ("fgs-image", {"subarray": "SUB128LL", "groups": 8, "integrations": 2}, {}),
    "miri-image": (
        "miri-image",
        {"subarray": "SUB64", "groups": 20, "integrations": 3, "sky": 600.0},
        {"emicorr": {"skip": False}},
    ),
    "nirspec-subarray": ("nirspec-subarray", {"subarray": "SUB512", "groups": 8, "integrations": 3}, {}),
    "nircam-dark": ("nircam-dark", {"subarray": "SUB160", "groups": 6, "readpatt": "BRIGHT1"}, {}),
    "miri-dark": ("miri-dark", {"subarray": "SUB64", "groups": 12, "integrations": 2}, {"emicorr": {"skip": False}}),
    "guider-acq1": ("guider", {"kind": "ACQ1"}, {}),
    "guider-acq2": ("guider", {"kind": "ACQ2"}, {}),
    "guider-track": ("guider", {"kind": "TRACK", "integrations": 40}, {}),
    "guider-fine": ("guider", {"kind": "FINEGUIDE", "integrations": 40}, {}),
}
LARGE = {
    "full": (
        "nircam-image",
        {"subarray": "FULL", "groups": 10, "snowballs": 6, "readpatt": "BRIGHT1"},
        {"jump": {"expand_large_events": True}},
    ),
    "nirspec-irs2": ("nirspec-irs2", {"detector": "NRS2", "groups": 5}, {}),
    "miri-full": (
        "miri-image",
        {"subarray": "FULL", "groups": 8, "integrations": 2, "sky": 2000.0},
        {"emicorr": {"skip": False}},
    ),
    "miri-mrs": ("miri-mrs-detector", {"groups": 8}, {}),
    "guider-id-image": ("guider", {"kind": "ID-IMAGE"}, {}),
    "guider-id-stack": ("guider", {"kind": "ID-STACK"}, {}),
}
CASES = SMALL | LARGE


def pipeline_of(case):
    """Name of the pipeline that a case goes through."""
    mode = CASES[case][0]
    return "guider" if mode == "guider" else "dark" if mode.endswith("-dark") else "detector1"


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
    mode, options, parameters = CASES[case]
    exposure = simulate(mode, folder / case, seed=11, **options)
    products = folder / case / "peer"
    last = load(pipeline_of(case)).makes[0]
    if not list(products.glob(f"*_{last}.fits")):
        products.mkdir(parents=True, exist_ok=True)
        command = [
            os.environ["JWPIPE_PEER"],
            HERE / "peer_pipeline.py",
            pipeline_of(case),
            exposure.uncal,
            products,
            json.dumps(parameters),
        ]
        environment = peer_environment(exposure.crds_path, exposure.context)
        with (products / "log.txt").open("w") as log:
            subprocess.run(command, check=True, env=environment, stdout=log, stderr=log)
    return exposure, products


def differences(ours, theirs, masks=None):
    """Compare two files of the same product.

    Parameters
    ----------
    ours, theirs : path-like
        The files.
    masks : mapping of str to ndarray of bool, optional
        By extension: pixels that are left out.

    Returns
    -------
    dict of str to tuple
        By extension: values, those that differ, and those that differ where they are left out. An extension that only
        one has, or that has another shape or type, is a difference of all its values.
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
        out = np.broadcast_to((masks or {}).get(name, False), off.shape)
        table[name] = off.size, int((off & ~out).sum()), int((off & out).sum())
    return table


def keyword_differences(ours, theirs):
    """Science keywords that differ between two files of the same product."""
    result = compare(ours, theirs, ignore=["ASDF"])
    # A step run alone knows nothing of the steps that a pipeline leaves out. The peer looks for NIRSpec's flats in any
    # mode, and notes that there are none (PARITY.md).
    absent = {("R_DFLAT", None, "N/A"), ("R_FFLAT", None, "N/A"), ("R_SFLAT", None, "N/A")}
    return [row for row in result.keywords if row[2:] != (None, "SKIPPED") and row[1:] not in absent]


def read_arguments(description, cases):
    """Read the command line: which cases, and where files go."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(cases)}")
    parser.add_argument("--all", action="store_true", help="the large cases too")
    parser.add_argument("-o", "--output", type=Path, default=Path("regress-out"))
    return parser.parse_args()


def main():
    arguments = read_arguments(__doc__, CASES)
    failed = False
    print(f"{'case':<18}{'step':<20}{'extension':<14}{'values':>12}{'differ':>10}{'mended':>10}")
    for case in arguments.cases or (CASES if arguments.all else SMALL):
        for row in compare_case(case, arguments.output):
            failed |= not row["good"]
            print("{case:<18}{step:<20}{extension:<14}{size:>12}{off:>10}{mended:>10}  {verdict}".format(**row))
    return int(failed)


def compare_case(case, folder):
    """Run a case through both and give a row an extension of every product."""
    exposure, peer = run_peer(case, folder)
    os.environ.update(peer_environment(exposure.crds_path, exposure.context))
    base = exposure.uncal.name.removesuffix("_uncal.fits")
    ours = folder / case / "ours"
    parameters, pipeline = CASES[case][2], pipeline_of(case)

    def assignments(step):
        return [f"{name}={json.dumps(value)}" for name, value in parameters.get(step, {}).items()]

    previous = exposure.uncal
    for step in steps_of(pipeline, previous):
        theirs = peer / f"{base}_{step}.fits"
        if theirs.exists():
            made = jwpipe.run(step, previous, output_dir=ours, suffix=step, assignments=assignments(step))
            masks = None
            if step == "jump":
                flags = Ramp.read(previous).groupdq, made.products[0].groupdq
                jumps = mended.jump(*flags)
                masks = {"GROUPDQ": jumps}
            yield from rows(case, step, made.files[-1], theirs, masks)
            previous = theirs
    masks = {}
    if pipeline == "detector1":
        fitted = jwpipe.run("ramp_fit", previous, output_dir=ours, assignments=assignments("ramp_fit"))
        masks = fit_masks(exposure, previous, fitted, parameters.get("ramp_fit", {}).get("suppress_one_group", True))
        for i, kind in enumerate(("rate", "rateints")):
            name = f"{base}_{i}_ramp_fit.fits"
            yield from rows(case, f"ramp_fit {kind}", ours / name, peer / name, masks[kind])
    steps = [f"{step}.{text}" for step in parameters for text in assignments(step)]
    jwpipe.run(pipeline, exposure.uncal, output_dir=ours, assignments=steps)
    for kind in ("rate", "rateints") if pipeline == "detector1" else load(pipeline).makes:
        name = f"{base}_{kind}.fits"
        both = {extension: mask | jumps for extension, mask in masks.get(kind, {}).items()}
        yield from rows(case, f"{pipeline} {kind}", ours / name, peer / name, both)


def steps_of(pipeline, exposure):
    """Names of the steps that a pipeline runs on an exposure, in order; before the fit where there is one."""
    product = (GuiderRaw if pipeline == "guider" else Ramp).read(exposure)
    steps = [use.step.name for use in load(pipeline).order if isinstance(use, Use) and use.when(product)]
    return steps[: steps.index("ramp_fit")] if "ramp_fit" in steps else steps


def fit_masks(exposure, ramp, fitted, suppress):
    """Pixels of rate and rateints, by extension, that differ by a mended defect of the fit (tests/peer/mended.py)."""
    rateints = fitted.products[1]
    arrays = {"DQ": rateints.dq, "VAR_POISSON": rateints.var_poisson, "VAR_RNOISE": rateints.var_rnoise}
    (readnoise,) = references_of(replace(exposure, uncal=ramp), "readnoise")  # of the array as it is fitted
    ramp = Ramp.read(ramp)
    zeroframe = ramp.zeroframe if ramp.get("ZEROFRAM") else None
    masks = mended.ramp_fit(
        ramp.groupdq, arrays, readnoise, suppress=suppress, zeroframe=zeroframe, miri=ramp["INSTRUME"] == "MIRI"
    )
    return dict(zip(("rateints", "rate"), masks, strict=True))


def rows(case, step, ours, theirs, masks=None):
    """Give the rows of one product."""
    for extension, (size, off, left_out) in sorted(differences(ours, theirs, masks).items()):
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
    # The rate of cosmic rays follows from flags that mended rules may set.
    counted = [row for row in keywords if row[1] == "PRIMECRS" and masks]
    wrong = [row for row in keywords if row not in counted]
    yield {
        "case": case,
        "step": step,
        "extension": "keywords",
        "size": 0,
        "off": len(wrong),
        "mended": len(counted),
        "good": not wrong,
        "verdict": "agree" if not wrong else f"DIFFER {wrong[:6]}",
    }


if __name__ == "__main__":
    sys.exit(main())
