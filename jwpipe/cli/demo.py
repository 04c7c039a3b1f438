"""The demonstration of `make demo`: simulate an exposure, calibrate it, show what was recovered, draw it."""

import os
import subprocess
import sys
from pathlib import Path

from jwpipe.cli.console import size_text
from jwpipe.engine.naming import output_path
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
    references = {
        "CRDS_PATH": str(exposure.crds_path),
        "CRDS_CONTEXT": exposure.context,
        "CRDS_SERVER_URL": "https://crds-serverless-mode.stsci.edu",
    }
    command = ["detector1", str(exposure.uncal), "-o", str(folder), "--save", "jump"]
    print("jwpipe", *command, flush=True)
    subprocess.run([sys.executable, "-m", "jwpipe", *command], check=True, env=os.environ | references)
    files = {name: output_path(folder, exposure.uncal, name) for name in ("jump", "rate")}
    gain, readnoise = references_of(exposure, "gain", "readnoise")
    print("\nrecovered against what was put in:")
    for line in recover(exposure.truth, files["rate"], files["jump"], gain, readnoise).lines():
        print(f"  {line}")
    for path in files.values():
        quick_look(path, path.with_suffix(".png"))
        print(f"wrote {path.with_suffix('.png')}")


if __name__ == "__main__":
    demonstrate(sys.argv[1] if len(sys.argv) > 1 else "demo-out", snowballs=3)
