"""The demonstration of `make demo`: from raw exposures of a field to a mosaic, a catalogue, and how true they are."""

import os
import subprocess
import sys
from pathlib import Path

from jwpipe.engine.naming import output_path
from jwpipe.report.look import quick_look
from jwpipe.report.recovery import recover
from jwpipe.report.recovery_sky import recover_sky
from jwpipe.simulate import Simulated, simulate

__all__ = ["demonstrate", "references_of"]

FIELD = {
    "detector": "NRCB1",
    "subarray": "SUB640",
    "dithers": 5,
    "groups": 6,
    "snowballs": 1,
    "magnitudes": "17.8,21.5",
}

# Per cent of a star's light in the widest aperture. With the usual 70 magnitudes depend by 0.01 on where in a pixel a
# star falls: its image is hardly wider than that.
ENERGY = 90


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
    print("simulating dithered NIRCam exposures and their references ...", flush=True)
    made = simulate("nircam-dithers", folder, **FIELD | options)
    print(f"  {len(made.exposures)} exposures, references in {made.crds_path}\n")
    references = {
        "CRDS_PATH": str(made.crds_path.resolve()),
        "CRDS_CONTEXT": made.context,
        "CRDS_SERVER_URL": "https://crds-serverless-mode.stsci.edu",
    }

    def run(*words):
        command = [str(word) for word in words]
        print("jwpipe", *command, flush=True)
        subprocess.run([sys.executable, "-m", "jwpipe", *command], check=True, env=os.environ | references)

    levels = {
        level: [path for path in made.associations if f"_{level}_" in path.name] for level in ("image2", "image3")
    }
    run("detector1", *made.exposures, "-o", folder, "--record", "--save", "jump")
    run("image2", *levels["image2"], "-o", folder, "--record")
    run("image3", *levels["image3"], "-o", folder, "--record", "--set", f"source_catalog.aperture_ee3={ENERGY}")

    print("\nrecovered against what was put in, slopes of the first exposure:")
    first = Simulated(made.exposures[0], made.truths[0], made.crds_path, made.context)
    files = {name: output_path(folder, first.uncal, name) for name in ("jump", "rate")}
    gain, readnoise = references_of(first, "gain", "readnoise")
    _tell(recover(first.truth, files["rate"], files["jump"], gain, readnoise))
    for mosaic in sorted(folder.glob("jw*-o*_i2d.fits")):
        catalogue = mosaic.with_name(mosaic.name.replace("_i2d.fits", "_cat.ecsv"))
        print(f"and in {catalogue.name}:")
        aligned = sorted(folder.glob("*_crf.fits"))
        roots = [path.name.split("_o0")[0] for path in aligned]
        before, truths = ([folder / f"{root}_{suffix}.fits" for root in roots] for suffix in ("cal", "truth"))
        _tell(recover_sky(catalogue, aligned, before, truths))
        quick_look(mosaic, mosaic.with_suffix(".png"))
        print(f"wrote {mosaic.with_suffix('.png')}")
    run("report", folder, "--pictures", 3)


def _tell(recovery):
    for line in recovery.lines():
        print(f"  {line}")


if __name__ == "__main__":
    demonstrate(sys.argv[1] if len(sys.argv) > 1 else "demo-out")
