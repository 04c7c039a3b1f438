"""The demonstration of `make batch-demo`: twelve exposures of several instruments at once, one of them corrupt."""

import contextlib
import os
import sys
from pathlib import Path

from jwpipe.cli import main
from jwpipe.cli.console import size_text
from jwpipe.simulate import simulate

__all__ = ["EXPOSURES", "demonstrate"]

# Modes to simulate with their options: small, and no two alike.
EXPOSURES = (
    ("nircam-image", {"detector": "NRCA1", "subarray": "SUB160", "groups": 6}),
    ("nircam-image", {"detector": "NRCA3", "subarray": "SUB320", "groups": 5, "readpatt": "BRIGHT1"}),
    ("nircam-image", {"detector": "NRCB1", "subarray": "SUB64P", "groups": 8, "integrations": 10}),
    ("nircam-image", {"detector": "NRCB4", "subarray": "SUB160", "groups": 5, "readpatt": "SHALLOW4"}),
    ("nircam-image", {"detector": "NRCBLONG", "subarray": "SUB160P", "groups": 5, "integrations": 4}),
    ("nirspec-subarray", {"subarray": "SUB512", "groups": 6, "integrations": 20}),
    ("niriss-image", {"subarray": "SUB128", "groups": 8}),
    ("niriss-soss", {"subarray": "SUBSTRIP96", "groups": 4, "integrations": 3}),
    ("niriss-ami", {"groups": 5, "integrations": 12}),
    ("fgs-image", {"subarray": "SUB128CNTR", "groups": 6}),
    ("miri-image", {"subarray": "SUB64", "groups": 12, "integrations": 3}),
    ("miri-image", {"subarray": "SUB128", "groups": 8}),
)
CORRUPT = 3  # position of the exposure whose file is cut short


def demonstrate(folder, exposures=EXPOSURES):
    """Run the demonstration.

    Parameters
    ----------
    folder : path-like
        Where everything goes.
    exposures : sequence of (str, dict)
        Modes to simulate with their options.

    Returns
    -------
    bool
        Whether all went as promised: one failure, told in one line, and then only that exposure made anew.
    """
    folder = Path(folder).resolve()
    raw, products = folder / "raw", folder / "products"
    print(f"simulating {len(exposures)} exposures and their references ...", flush=True)
    made = [simulate(mode, raw, exposure=number, **options) for number, (mode, options) in enumerate(exposures, 1)]
    for one, (mode, _) in zip(made, exposures, strict=True):
        print(f"  {mode:<18}{one.uncal.name} ({size_text(one.uncal.stat().st_size)})")
    victim = made[CORRUPT].uncal
    whole = victim.read_bytes()
    victim.write_bytes(whole[: len(whole) // 2])
    print(f"{victim.name} is cut to half its size")
    os.environ |= {
        "CRDS_PATH": str(made[0].crds_path),
        "CRDS_CONTEXT": made[0].context,
        "CRDS_SERVER_URL": "https://crds-serverless-mode.stsci.edu",
    }

    def command(*options):
        """Do as a user would, in the folder of the exposures."""
        print(f"\njwpipe detector1 *_uncal.fits {' '.join(options)}", flush=True)
        with contextlib.chdir(raw):
            status = main(["detector1", *(one.uncal.name for one in made), *options])
        print(f"exit status {status}", flush=True)
        return status

    def rates():
        return {path: path.stat().st_mtime_ns for path in products.glob("*_rate.fits")}

    for path in rates():
        path.unlink()  # of a demonstration before
    first, before = command("--jobs", "2", "-o", "../products"), rates()
    victim.write_bytes(whole)
    print(f"\n{victim.name} is whole again")
    second, after = command("--jobs", "2", "-o", "../products", "--skip-existing"), rates()
    print(f"\n{len(before)} rates after the first run; the second made {len(after.items() - before.items())}")
    return (first, second, len(before), len(after.items() - before.items())) == (1, 0, len(exposures) - 1, 1)


if __name__ == "__main__":
    sys.exit(not demonstrate(sys.argv[1] if len(sys.argv) > 1 else "batch-demo-out"))
