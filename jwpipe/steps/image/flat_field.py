"""Divide out how the response differs from pixel to pixel."""

from pathlib import Path
from typing import Annotated

import numpy as np

from jwpipe.cext import image as kernel
from jwpipe.engine.params import File, Help, StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import Skip, step
from jwpipe.errors import StepError
from jwpipe.products.guider import GuiderCal
from jwpipe.products.images import Cube, Flat, Image
from jwpipe.refs.files import ReferenceFile

__all__ = ["flat_field"]

# Spectra of NIRSpec have a flat that depends on wavelength.
NIRSPEC_SPECTRA = "NRS_AUTOWAVE NRS_BRIGHTOBJ NRS_FIXEDSLIT NRS_IFU NRS_LAMP NRS_MSASPEC".split()
NIRSPEC_IMAGES = """
    NRS_CONFIRM NRS_FOCUS NRS_IMAGE NRS_MIMF NRS_MSATA NRS_TACONFIRM NRS_TACQ NRS_TASLIT NRS_WATA
    """.split()


class Params(StepParams):
    """Parameters of `flat_field`."""

    save_interpolated_flat: Annotated[bool, Help("save the flat as it was used (suffix interpolatedflat)")] = False
    user_supplied_flat: Annotated[str | None, Help("flat to use in place of the context's"), File()] = None
    inverse: Annotated[bool, Help("multiply by the flat, to undo the step")] = False


@step(
    "flat_field",
    status="S_FLAT",
    peer="jwst.flatfield.flat_field_step.FlatFieldStep",
    references=["flat"],
    params=Params,
)
def flat_field(product: Image | Cube | GuiderCal, refs: References, par: Params, run: Run) -> Image | Cube | GuiderCal:
    """Divide out how the response differs from pixel to pixel.

    Pixels without a flat (NaN, 0, NO_FLAT_FIELD) are not to be used, and left as they are, as are those that the flat
    says not to use. The flat's share of the errors comes from the values as they are after the division.

    Parameters
    ----------
    product : Image, Cube or GuiderCal
        Count rates, DN/s. SCI, ERR, DQ and the variances are changed; images gain VAR_FLAT.
    refs : References
        ``flat``: relative response, its standard deviation and flags. Skipped where none applies, or where it is
        smaller than the exposure.
    par : Params
        Parameters.
    run : Run
        Threads, log.

    Returns
    -------
    Image, Cube or GuiderCal
        The same.
    """
    if not isinstance(product, Image | Cube | GuiderCal):
        raise Skip("these are counts, not count rates")
    kind = product["EXP_TYPE"]
    if product["INSTRUME"] == "NIRSPEC" and kind not in NIRSPEC_IMAGES:
        if kind in NIRSPEC_SPECTRA and product.get("OPMODE") != "IMAGE":
            raise StepError("flat_field knows no flats of NIRSpec spectra yet", "leave the step out: --skip flat_field")
        if kind not in NIRSPEC_SPECTRA:
            raise Skip(f"exposures of type {kind} have no flat")
    given = par.user_supplied_flat
    reference = refs.need("flat") if given is None else user_flat(given, product, run)
    if any(size < needed for size, needed in zip(reference.shape()[-2:], product.shape[-2:], strict=True)):
        raise Skip(f"{reference.name} is smaller than the exposure")
    flat, dq = reference.array(), reference.dq()
    error = reference.array("ERR") if "ERR" in reference else np.zeros_like(flat)
    kernel.prepare_flat(flat, dq, run.threads)
    variances = [None] * 3
    if not isinstance(product, GuiderCal):  # those have no variances
        product.var_flat = np.empty_like(product.data)
        for name in ("var_poisson", "var_rnoise"):
            if getattr(product, name) is None:
                setattr(product, name, np.zeros_like(product.data))
        variances = [as_cube(getattr(product, name)) for name in ("var_poisson", "var_rnoise", "var_flat")]
        product.touch("var_poisson", "var_rnoise")
    data, err = as_cube(product.data), as_cube(product.err)
    kernel.divide(data, err, *variances, flat, error, par.inverse, run.threads)
    kernel.merge_flags(as_cube(product.dq), dq, run.threads)
    product.touch("data", "err", "dq")
    if par.save_interpolated_flat:
        run.save(Flat.of(product, flat, error, dq), Flat.suffix)
    return product


def user_flat(text, product, run):
    """Open the flat that the user names, and record it as the one that was used."""
    path = Path(text).expanduser()
    product["R_FLAT"] = path.name
    return ReferenceFile(path, "flat", product, run.log)


def as_cube(array):
    """View of an image as a cube of one integration; cubes are such already."""
    return array if array.ndim == 3 else array[None]
