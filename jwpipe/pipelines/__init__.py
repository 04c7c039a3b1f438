"""The pipelines: one module each, an ordered list of steps with the conditions under which each runs."""

from importlib import import_module

from jwpipe.errors import UsageError, nearest

__all__ = ["CATALOGUE", "load"]

# One line a pipeline, so that the command can list them without importing any.
CATALOGUE = {
    "detector1": "raw ramps to count rates (uncal to rate, rateints)",
    "dark": "raw ramps of dark exposures to linear ones (uncal to dark)",
    "image2": "count rates of images to surface brightness (rate to cal, i2d)",
    "image3": "calibrated exposures to a mosaic and its catalogue (cal to crf, i2d, cat, segm)",
    "guider": "raw exposures of the guiders to count rates (uncal to cal)",
}


def load(name):
    """Import a pipeline.

    Parameters
    ----------
    name : str
        Its name, with or without ``calwebb_``.

    Returns
    -------
    Pipeline

    Raises
    ------
    UsageError
        No such pipeline; the nearest name is offered.
    """
    name = name.removeprefix("calwebb_")
    if name not in CATALOGUE:
        raise UsageError(f"there is no pipeline {name!r}", nearest(name, CATALOGUE))
    return import_module(f"jwpipe.pipelines.{name.replace('-', '_')}").PIPELINE
