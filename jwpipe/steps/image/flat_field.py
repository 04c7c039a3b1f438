"""Divide out how the response differs from pixel to pixel."""

from pathlib import Path
from typing import Annotated

import numpy as np

from jwpipe.engine.params import Help, StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import Skip, step
from jwpipe.products.dq import Pixel
from jwpipe.products.guider import GuiderCal
from jwpipe.refs.files import ReferenceFile

__all__ = ["flat_field"]


class Params(StepParams):
    """Parameters of `flat_field`."""

    save_interpolated_flat: Annotated[bool, Help("save the flat as it was interpolated (NIRSpec spectra)")] = False
    user_supplied_flat: Annotated[str | None, Help("flat to use in place of the context's")] = None
    inverse: Annotated[bool, Help("multiply by the flat, to undo the step")] = False


@step(
    "flat_field",
    status="S_FLAT",
    peer="jwst.flatfield.flat_field_step.FlatFieldStep",
    references=["flat"],
    params=Params,
)
def flat_field(product: GuiderCal, refs: References, par: Params, run: Run) -> GuiderCal:
    """Divide out how the response differs from pixel to pixel.

    Pixels without a flat (NaN, 0, NO_FLAT_FIELD) are not to be used, and left as they are, as are those that the flat
    says not to use.

    Parameters
    ----------
    product : GuiderCal
        Count rates, DN/s; SCI, ERR and DQ are changed.
    refs : References
        ``flat``: relative response, its standard deviation and flags. Skipped where none applies, or where it is
        smaller than the exposure.
    par : Params
        Parameters.
    run : Run
        Log.

    Returns
    -------
    GuiderCal
        The same.
    """
    if not isinstance(product, GuiderCal):
        raise Skip("these are counts, not count rates")
    if par.user_supplied_flat is None:
        reference = refs.need("flat")
    else:
        reference = ReferenceFile(Path(par.user_supplied_flat), "flat", product, run.log)
    if any(size < needed for size, needed in zip(reference.shape()[-2:], product.shape[-2:], strict=True)):
        raise Skip(f"{reference.name} is smaller than the exposure")
    flat, error, dq = planes(reference)
    apply(product.data, flat, par.inverse)
    # The flat's share of the error comes from the values as they are now; guider exposures keep no variances apart.
    product.err = np.sqrt(product.err**2 + product.data**2 / flat**2 * error**2)
    flag(product.dq, dq)
    return product


def planes(reference):
    """Read a flat: response, standard deviation (float32) and flags (uint32); the response is 1 where there is none."""
    flat, dq = reference.array(), reference.dq()
    error = reference.array("ERR") if "ERR" in reference else np.zeros_like(flat)
    dq[np.isnan(flat) | (flat == 0)] |= Pixel.NO_FLAT_FIELD
    dq[(dq & Pixel.NO_FLAT_FIELD) != 0] |= Pixel.DO_NOT_USE
    flat[(dq & Pixel.DO_NOT_USE) != 0] = 1
    return flat, error, dq


def apply(values, flat, inverse):
    """Divide values by the flat, or multiply them, in place."""
    (np.multiply if inverse else np.divide)(values, flat, out=values)


def flag(dq, flat_dq):
    """Bring the flat's flags into those of the product, in place; pixels that see no sky are not to be used."""
    dq |= flat_dq
    dq[(dq & Pixel.NON_SCIENCE) != 0] |= Pixel.DO_NOT_USE
