"""The demonstration of `make demo`: simulate an exposure, calibrate it, show what was recovered, draw it."""

import os
import sys
from pathlib import Path

from jwpipe.cli.console import size_text, step_table
from jwpipe.engine.api import Options, available_threads, load, process
from jwpipe.products.fitsfile import FitsFile
from jwpipe.report.look import quick_look
from jwpipe.report.recovery import recover
from jwpipe.simulate import simulate

__all__ = ["demonstrate", "references_of"]


def references_of(exposure, *reftypes):
    """SCI arrays of references of a simulated exposure, cut to it."""
    from jwpipe.engine.runner import References
    from jwpipe.products.ramp import Ramp
    from jwpipe.refs import ReferenceFinder

    ramp = Ramp.read(exposure.uncal)
    finder = ReferenceFinder(
        exposure.context, crds_path=exposure.crds_path, server="https://crds-serverless-mode.stsci.edu"
    )
    refs = References(finder.best(ramp.headers["PRIMARY"], reftypes), ramp)
    return [refs[reftype].array() for reftype in reftypes]


def demonstrate(folder, **options):
    """Run the demonstration.

    Parameters
    ----------
    folder : path-like
        Where everything goes.
    **options
        Options of the simulation.
    """
    folder = Path(folder)
    print("simulating a NIRCam exposure and its references ...", flush=True)
    exposure = simulate("nircam-image", folder, **options)
    print(f"  {exposure.uncal} ({size_text(exposure.uncal.stat().st_size)}), references in {exposure.crds_path}\n")
    os.environ |= {
        "CRDS_PATH": str(exposure.crds_path),
        "CRDS_CONTEXT": exposure.context,
        "CRDS_SERVER_URL": "https://crds-serverless-mode.stsci.edu",
    }
    print(f"jwpipe detector1 {exposure.uncal} -o {folder} --save jump")
    settings = Options(output_dir=folder, save=("jump",), threads=available_threads(), basename=exposure.uncal)
    outcome = process(load("detector1"), exposure.uncal, settings)
    print("\n".join(f"  {line}" for line in step_table(outcome.records)))
    files = {path.stem.rpartition("_")[2]: path for path in outcome.files}
    gain, readnoise = references_of(exposure, "gain", "readnoise")
    print("\nrecovered against what was put in:")
    for line in recover(exposure.truth, files["rate"], files["jump"], gain, readnoise).lines():
        print(f"  {line}")
    for name in ("jump", "rate"):
        quick_look(files[name], files[name].with_suffix(".png"))
        print(f"wrote {files[name].with_suffix('.png')}")
    print(f"wrote {files['rate']}: {', '.join(e.name for e in FitsFile(files['rate']).extensions[1:])}")


if __name__ == "__main__":
    demonstrate(sys.argv[1] if len(sys.argv) > 1 else "demo-out", snowballs=3)
