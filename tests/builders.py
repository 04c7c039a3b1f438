"""Small products and reference files for tests."""

import logging
from pathlib import Path

import numpy as np
from astropy.io import fits

from jwpipe.engine.runner import Override, References, Run
from jwpipe.products.ramp import Ramp
from jwpipe.simulate import simulate

MODE = {"TELESCOP": "JWST", "INSTRUME": "NIRCAM", "DETECTOR": "NRCA1", "EXP_TYPE": "NRC_IMAGE", "SUBARRAY": "FULL"}


def make_ramp(data, **keywords):
    """A ramp with the given counts, (nints, ngroups, ny, nx), of a NIRCam subarray at the detector's corner."""
    data = np.asarray(data, "f4")
    ramp = Ramp()
    ramp.data = data
    timing = {"NFRAMES": 1, "GROUPGAP": 0, "FRMDIVSR": 1, "TFRAME": 10.0, "TGROUP": 10.0, "NRESETS": 1, "NOUTPUTS": 1}
    place = {"SUBSTRT1": 1, "SUBSTRT2": 1, "SUBSIZE1": data.shape[3], "SUBSIZE2": data.shape[2]}
    shape = {"NINTS": data.shape[0], "NGROUPS": data.shape[1]}
    for keyword, value in (MODE | timing | place | shape | keywords).items():
        ramp[keyword] = value
    return ramp


def write_reference(path, arrays=None, tables=(), dq_def=None, **keywords):
    """Write a reference file: arrays by extension name, astropy table HDUs, DQ_DEF as {stored value: flag name}."""
    arrays = {name: np.asarray(array) for name, array in (arrays or {}).items()}
    primary = fits.PrimaryHDU()
    place = {}
    if arrays:
        ny, nx = next(iter(arrays.values())).shape[-2:]
        place = {"SUBSTRT1": 1, "SUBSTRT2": 1, "SUBSIZE1": nx, "SUBSIZE2": ny}
    for keyword, value in (MODE | place | keywords).items():
        primary.header[keyword] = value
    hdus = [primary, *(fits.ImageHDU(array, name=name) for name, array in arrays.items()), *tables]
    if dq_def is not None:
        rows = [(int(np.log2(value)), value, name, "") for value, name in dq_def.items()]
        columns = np.array(rows, dtype=[("BIT", "i4"), ("VALUE", "u4"), ("NAME", "S40"), ("DESCRIPTION", "S80")])
        hdus.append(fits.BinTableHDU(columns, name="DQ_DEF"))
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def make_references(ramp, **paths):
    """References of a step, by type; None means that none applies."""
    chosen = {
        reftype: Override("N/A", None) if path is None else Override(path.name, path) for reftype, path in paths.items()
    }
    return References(chosen, ramp)


def make_run(threads=1):
    """Surroundings of a step; what it saves is kept in ``run.saved``, by suffix."""
    run = Run(threads, logging.getLogger("jwpipe"), None)
    run.saved = {}
    run.save = lambda product, suffix, name=None: run.saved.update({suffix: product})
    return run


MIRI_RAMP = Path(__file__).parent / "data" / "miri" / "MIRI_5582_89_S_20180308-010230_SCE1_uncal.fits"
MIRI_SLOPES = MIRI_RAMP.with_name(MIRI_RAMP.name.replace("uncal", "rateints"))


def miri_sub64_references(folder):
    """Simulated references of the shape of `MIRI_RAMP`, by type; those of no use there are N/A."""
    exposure = simulate("miri-image", folder, subarray="SUB64", groups=50, integrations=2)
    paths = (exposure.crds_path / "references" / "jwst" / "miri").iterdir()
    references = {path.name.split("_")[2]: str(path) for path in paths if "pars-" not in path.name}
    with fits.open(references["rscd"], mode="update") as hdus:  # read out as in tests: no reset of its own
        rows = hdus["RSCD_GROUP_SKIP"].data
        rows["readpatt"] = np.char.replace(rows["readpatt"], "R1", "")
    return references | {"refpix": "N/A"}
