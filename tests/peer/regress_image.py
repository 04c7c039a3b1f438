"""Stages 2 and 3 of images side by side with jwst 1.14.1, from the same count rates and references.

Stage 3 of ours starts from the peer's calibrated exposures, so that a difference shows where it arises. The bar is that
of `regress`, of mosaics 1e-5 of the value or of its error; what PARITY.md names as mended is left out by rule, and
counted.

    JWPIPE_PEER=.peer/bin/python python tests/peer/regress_image.py [--all] [CASE...]
"""

import json
import os
import subprocess
import sys

import numpy as np
from regress import RTOL, SHARE, differences, keyword_differences, peer_environment, read_arguments

import jwpipe
from jwpipe.drizzle.grid import mean_pixel_area
from jwpipe.drizzle.resampling import image_pixel_area, intensity_scale
from jwpipe.products.images import Image, Resampled
from jwpipe.simulate import simulate
from jwpipe.wcs.region import footprint, polygon

PEER = """
import json, os, sys
if __name__ == "__main__":
    from jwst.pipeline import Image2Pipeline, Image3Pipeline
    rates, asn, folder, steps = json.loads(sys.argv[1])
    os.chdir(folder)
    for rate in rates:
        Image2Pipeline.call(rate, save_results=True, output_dir=folder)
    Image3Pipeline.call(asn, save_results=True, output_dir=folder, steps=steps)
"""

# Cases: mode and options of the simulator, parameters of steps of stage 3.
FAST = {"outlier_detection": {"in_memory": True}}
SMALL = {
    "nircam": ("nircam-dithers", {"detector": "NRCBLONG", "filter": "F444W", "subarray": "SUB320"}, FAST),
    "miri": ("miri-dithers", {"filter": "F770W", "subarray": "SUB256", "dithers": 3}, FAST),
    "niriss": ("niriss-dithers", {"subarray": "SUB256", "dithers": 3}, FAST),
}
LARGE = {
    "nircam-full": ("nircam-dithers", {"detector": "NRCBLONG", "filter": "F444W", "dithers": 3}, FAST),
    # Without a catalogue: simulated apertures are of one detector each.
    "nircam-module": (
        "nircam-dithers",
        {"detector": ["NRCA1", "NRCA3"], "filter": ["F200W"], "dithers": 2},
        {**FAST, "source_catalog": {"skip": True}},
    ),
    "fgs-full": ("fgs-dithers", {"detector": "GUIDER1", "dithers": 3}, FAST),
    # Of the whole detector: in subarrays the flux of 1.14.1 is off, and with it the size of drops that are not square.
    "miri-turbo": (
        "miri-dithers",
        {"filter": "F1000W", "subarray": "FULL", "dithers": 2},
        {**FAST, "skymatch": {"subtract": True}, "resample": {"kernel": "turbo", "pixfrac": 0.8}},
    ),
}
CASES = SMALL | LARGE

# Keywords that 1.14.1 writes for types of references, or by its schema, that images do not have; S_REGION is mended.
APART = {"R_DFLAT", "R_FFLAT", "R_SFLAT", "OPMODE", "S_REGION"}
EDGE = 3  # last rows and columns of an output: of drops centred beyond them 1.14.1 loses what falls on them
ANGLES = {"CRVAL1", "CRVAL2", "RA_REF", "DEC_REF", "ROLL_REF", "RA_V1", "DEC_V1", "PA_V3"}
ANGLE = 1e-9  # degrees
VALUES, LEAST = 1e-6, 1e-12  # of other numbers in keywords, relative, or of those that are all but 0
LAST_DIGIT = 1e-9  # of S_REGION
# Degrees: what rounding leaves unknown of a right ascension, and so of the scale of the output's pixels, which either
# program takes from the distance of two neighbours. At the far end of an output it is that times the pixels before.
ROUNDING = 1.5e-14


def run_peer(case, folder):
    """Simulate a case, and run the peer on it unless that was done before."""
    mode, options, parameters = CASES[case]
    made = simulate(mode, folder / case, seed=11, level="rate", **options)
    products = (folder / case / "peer").absolute()
    if not list(products.glob("*_i2d.fits")):
        products.mkdir(parents=True, exist_ok=True)
        asn = products / made.associations[-1].name
        asn.write_bytes(made.associations[-1].read_bytes())
        task = json.dumps([[str(path.absolute()) for path in made.exposures], str(asn), str(products), parameters])
        environment = peer_environment(made.crds_path.absolute(), made.context)
        with (products / "log.txt").open("w") as log:
            command = [os.environ["JWPIPE_PEER"], "-c", PEER, task]
            subprocess.run(command, check=True, env=environment, stdout=log, stderr=log)
    return made, products


def compare_case(case, folder):
    """Run a case through both and give a row an extension of every product."""
    made, peer = run_peer(case, folder)
    os.environ.update(peer_environment(made.crds_path, made.context))
    ours = folder / case / "ours"
    for rate in made.exposures:
        stem = rate.stem.removesuffix("_rate")
        jwpipe.run("image2", rate, output_dir=ours)
        yield from rows(case, "image2 cal", ours / f"{stem}_cal.fits", peer / f"{stem}_cal.fits")
        yield from mosaic_rows(case, "image2 i2d", ours, peer, f"{stem}_i2d.fits", [ours / f"{stem}_cal.fits"])
    steps = [f"{step}.{key}={value}" for step, values in CASES[case][2].items() for key, value in values.items()]
    outcome = jwpipe.run("image3", peer / made.associations[-1].name, output_dir=ours, assignments=steps)
    crfs = sorted(path for path in outcome.files if path.stem.endswith("_crf"))
    for path in sorted(outcome.files):
        kind = path.stem.rpartition("_")[2]
        if kind == "i2d":
            yield from mosaic_rows(case, "image3 i2d", ours, peer, path.name, crfs, CASES[case][2].get("resample", {}))
        elif kind == "crf":
            yield from rows(case, "image3 crf", path, peer / path.name)
    if missing := {path.name for path in peer.glob("*_o001_*.fits")} - {path.name for path in outcome.files}:
        raise SystemExit(f"{case}: only 1.14.1 made {missing}")


def mosaic_rows(case, step, ours, peer, name, exposures, parameters=()):
    """Rows of a mosaic, which is brought to the peer's flux and fill first."""
    mosaic, theirs = Resampled.read(ours / name), Resampled.read(peer / name)
    parameters = dict(parameters)
    shift = ROUNDING / mosaic["CDELT1"] * max(mosaic.shape)
    moved = [another_mosaic(ours, mosaic, exposures, parameters, by) for by in ((shift, 0), (0, shift))]
    if parameters.get("kernel", "square") != "square":
        # The drops of variances are those of 1.14.1, which shrinks them once more by what it scales values by.
        scale = np.mean([intensity_scale(Image.read(path)) for path in exposures])
        parameters["pixfrac"] = parameters.get("pixfrac", 1.0) / scale
        other = another_mosaic(ours, mosaic, exposures, parameters)
        for plane in ("err", "var_rnoise", "var_poisson", "var_flat"):
            setattr(mosaic, plane, getattr(other, plane))
    factor = np.mean([flux_factor(Image.read(path)) for path in exposures])
    for plane, power in (("data", 1), ("err", 1), ("var_rnoise", 2), ("var_poisson", 2), ("var_flat", 2)):
        values = getattr(mosaic, plane) * np.float32(factor**power)
        shifted = sum(np.abs(getattr(one, plane) - getattr(mosaic, plane)) for one in moved)
        empty = mosaic.wht == 0
        if plane in ("data", "err"):
            values[empty] = 0
        other = getattr(theirs, plane)
        # 1.14.1 sums drops in single precision: of values that nearly cancel out not even the first digit is right.
        rounding = np.abs(values - other) <= np.fmax(RTOL * theirs.err**power, shifted)
        setattr(mosaic, plane, np.where(rounding, other, values))
    slight = np.float32(1e-6) * theirs.wht.max()  # at the rim of exposures
    rounding = np.abs(mosaic.wht - theirs.wht) <= np.fmax(slight, sum(np.abs(one.wht - mosaic.wht) for one in moved))
    mosaic.wht = np.where(rounding, theirs.wht, mosaic.wht)
    brought = ours / f"brought_{name}"
    mosaic.write(brought)
    edge = np.zeros(theirs.data.shape, bool)
    edge[-EDGE:], edge[:, -EDGE:] = True, True
    yield from rows(case, step, brought, peer / name, edge)


def another_mosaic(folder, mosaic, exposures, parameters, shift=(0, 0)):
    """The mosaic of the same exposures on the same grid with other parameters, or with the grid moved, pixels."""
    source, crpix = exposures[0], [mosaic[f"CRPIX{i + 1}"] - 1 + shift[i] for i in (0, 1)]
    if len(exposures) > 1:
        source = folder / "another_asn.json"
        members = [{"expname": path.name, "exptype": "science"} for path in exposures]
        products = [{"name": "another", "members": members}]
        source.write_text(json.dumps({"asn_id": "a3001", "asn_type": "image3", "products": products}))
    crval = [mosaic["CRVAL1"], mosaic["CRVAL2"]]
    places = {"crpix": crpix, "crval": crval, "output_shape": mosaic.shape[::-1]}
    assignments = [f"{name}={','.join(map(repr, values))}" for name, values in places.items()]
    assignments += [f"{name}={value}" for name, value in parameters.items()]
    return jwpipe.run("resample", source, output_dir=folder, write=False, assignments=assignments).products[0]


def flux_factor(image):
    """By what 1.14.1's values of a subarray are larger: it takes its mean pixel area, we that of the detector."""
    ny, nx = image.shape
    (x0, x1), (y0, y1) = image.wcs.bounding_box
    box = (max(0, int(x0 + 0.5)), min(nx - 1, int(x1 - 0.5))), (max(0, int(y0 + 0.5)), min(ny - 1, int(y1 - 0.5)))
    return image_pixel_area(image) / mean_pixel_area(image.wcs, *box)


def rows(case, step, ours, theirs, mask=None):
    """Give the rows of one product."""
    masks = None if mask is None else dict.fromkeys("SCI ERR CON WHT VAR_POISSON VAR_RNOISE VAR_FLAT".split(), mask)
    for extension, (size, off, left_out) in sorted(differences(ours, theirs, masks).items()):
        yield row(case, step, extension, size, off, left_out, off <= SHARE * size, "DIFFERS")
    wrong = [
        one for one in keyword_differences(ours, theirs) if one[1] not in APART | {"FILENAME"} and not near(*one[1:])
    ]
    yield row(case, step, "keywords", 0, len(wrong), 0, not wrong, f"DIFFER {wrong[:6]}")
    off = region_offset(ours, theirs)
    yield row(case, step, "S_REGION", 8, int(off > ANGLE), 0, off <= ANGLE, f"DIFFERS by {off:.2g} degrees")


def region_offset(ours, theirs):
    """How far S_REGION is off the outer corners by the peer's coordinates: its own is off by half a pixel."""
    kind = Resampled if "_i2d" in ours.name else Image
    stated, other = kind.read(ours)["S_REGION"].split(), kind.read(theirs)
    if stated == other["S_REGION"].split():  # an exposure that was not moved has what it came with, of the peer
        return 0
    if kind is Resampled:
        other.wcs.bounding_box = None
    wanted = polygon(*footprint(other.wcs, other.shape)).split()
    assert stated[:2] == wanted[:2]
    return max(abs(float(one) - float(two)) for one, two in zip(stated[2:], wanted[2:], strict=True)) - LAST_DIGIT


def near(keyword, one, other):
    """Whether two values of a keyword are numbers that agree."""
    numbers = isinstance(one, float) and isinstance(other, int | float)
    bar = ANGLE if keyword in ANGLES else max(LEAST, VALUES * max(abs(one), abs(other))) if numbers else 0
    return numbers and abs(one - other) <= bar


def row(case, step, extension, size, off, mended, good, verdict):
    """One line of the table."""
    verdict = "agrees" if good else verdict
    line = f"{case:<18}{step:<20}{extension:<14}{size:>12}{off:>10}{mended:>10}  {verdict}"
    return good, line


def main():
    arguments = read_arguments(__doc__, CASES)
    failed = False
    print(f"{'case':<18}{'step':<20}{'extension':<14}{'values':>12}{'differ':>10}{'mended':>10}")
    for case in arguments.cases or (CASES if arguments.all else SMALL):
        for good, line in compare_case(case, arguments.output / "image"):
            failed |= not good
            print(line, flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
