"""Give exposures of a moving target coordinates that move with it."""

import math

import numpy as np

from jwpipe.engine.params import StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import Skip, step
from jwpipe.errors import InputError
from jwpipe.products.exposures import Exposures

__all__ = ["assign_mtwcs"]

FRAME = "moving_target"


class Params(StepParams):
    """Parameters of `assign_mtwcs`."""


@step(
    "assign_mtwcs",
    status="S_MTWCS",
    peer="jwst.assign_mtwcs.assign_mtwcs_step.AssignMTWcsStep",
    params=Params,
    suffixes=["assign_mtwcs"],
)
def assign_mtwcs(product: Exposures, refs: References, par: Params, run: Run) -> Exposures:
    """Give exposures of a moving target coordinates that move with it.

    Right ascensions and declinations are shifted so that the target stands in all exposures where it stood on the
    average. The average goes into MT_AVRA and MT_AVDEC; the frame of the coordinates is moving_target.

    Parameters
    ----------
    product : Exposures
        Calibrated exposures with coordinates, and the target's place at mid time (MT_RA, MT_DEC, degrees); skipped
        where one has none.
    refs : References
        None are used.
    par : Params
        Parameters.
    run : Run
        Log.

    Returns
    -------
    Exposures
        The same.

    Raises
    ------
    InputError
        An exposure without coordinates, or a place that is no number.
    """
    places = [[image.get(keyword) for keyword in ("MT_RA", "MT_DEC")] for image in product]
    for image, place in zip(product, places, strict=True):
        if None in place:
            raise Skip(f"{image.path} does not say where the target was (MT_RA, MT_DEC)")
        if not all(type(value) in (int, float) and math.isfinite(value) for value in place):
            raise InputError(f"{image.path} has MT_RA, MT_DEC = {place}, which is no place on the sky")
        if image.wcs is None:
            raise InputError(f"{image.path} has no coordinates", "run assign_wcs on it first")
    ra, dec = np.array(places, float).T
    ra = ra[0] + (ra - ra[0] + 180) % 360 - 180  # a target that crosses 0 is not in the middle of the sky
    average = float(ra.mean() % 360), float(dec.mean())
    for image, one, other in zip(product, ra - ra.mean(), dec - dec.mean(), strict=True):
        image["MT_AVRA"], image["MT_AVDEC"] = average
        image.wcs = image.wcs.moved(FRAME, -float(one), -float(other))
    return product
