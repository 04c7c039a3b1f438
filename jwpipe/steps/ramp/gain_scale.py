"""Rescale count rates taken with a non-standard gain of the electronics."""

import numpy as np

from jwpipe.engine.params import StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import Skip, step
from jwpipe.products.images import Cube, Image

__all__ = ["gain_scale"]


@step(
    "gain_scale",
    status="S_GANSCL",
    peer="jwst.gain_scale.gain_scale_step.GainScaleStep",
    references=["gain"],
    suffixes=["gain_scale", "gain_scaleints"],
)
def gain_scale(product: Image | Cube, refs: References, par: StepParams, run: Run) -> Image | Cube:
    """Rescale count rates taken with a non-standard gain of the electronics.

    Parameters
    ----------
    product : Image or Cube
        Count rates, DN/s: values and errors are multiplied by GAINFACT, variances by its square.
    refs : References
        ``gain``: asked for GAINFACT where the product has none. Skipped where it has none either: the gain is standard.
    par : StepParams
        No parameters.
    run : Run
        Log.

    Returns
    -------
    Image or Cube
        The same.
    """
    factor = product.get("GAINFACT")
    if factor is None:
        factor = refs.need("gain").number("GAINFACT")
    if factor is None:
        raise Skip("the gain is standard: no GAINFACT")
    run.log.info("count rates are multiplied by %g", factor)
    for array, power in (
        (product.data, 1),
        (product.err, 1),
        (product.var_poisson, 2),
        (product.var_rnoise, 2),
    ):
        if array is not None:
            np.multiply(array, np.float32(factor**power), out=array)
    product["GAINFACT"] = factor
    return product
