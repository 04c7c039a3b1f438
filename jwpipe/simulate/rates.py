"""Count rates without the ramps that they would be fitted to: quick, for what comes after."""

import numpy as np

from jwpipe.errors import UsageError
from jwpipe.products.dq import Pixel
from jwpipe.products.fitsfile import write_fits
from jwpipe.products.tree import empty_tree, tree_block
from jwpipe.simulate import headers
from jwpipe.simulate.products import image, primary, table, truth_cards

__all__ = ["OUTLIER", "draw_rates", "write_rate", "write_rate_truth"]

OUTLIER = np.dtype([("Y", "i4"), ("X", "i4"), ("RATE", "f4")])
STRENGTH = 20.0, 2000.0  # standard deviations by which an outlier is off
# The steps that a count rate has been through, as their keywords say.
STEPS = "S_DQINIT S_SATURA S_SUPERB S_REFPIX S_LINEAR S_DARK S_JUMP S_RAMP S_GANSCL".split()


def draw_rates(exposure, share, light, calibration, streams):
    """Draw the count rates of an exposure, with the noise that a fit to its ramps would leave.

    Parameters
    ----------
    exposure : Exposure
        What is done.
    share : float
        Part of the pixels that are off without a flag.
    light : ndarray of float32, (ny, nx)
        e-/s that the light sets free.
    calibration : Calibration
        Of the window.
    streams : Streams
        Random numbers of the exposure.

    Returns
    -------
    rates : dict of str to ndarray
        Extensions of a `rate` product, DN/s; NaN in pixels that are not to be used.
    outliers : ndarray of OUTLIER
        Where the rates are off, and by how much, DN/s.

    Raises
    ------
    UsageError
        A single group has no slope.
    """
    if exposure.ngroups < 2:
        raise UsageError("count rates need two groups or more", "raise --groups")
    c, n = calibration, exposure.ngroups
    rate = c.couple(light) / c.gain
    time = exposure.group_time * (n - 1) * exposure.nints
    poisson = (rate + c.couple(c.dark) / c.gain) / c.gain / np.float32(time)
    # The slope of a line through n points of equal noise.
    read = 12 * c.noise**2 / exposure.pattern.nframes / (n * (n * n - 1) * exposure.group_time**2 * exposure.nints)
    error = np.sqrt(poisson + read)
    rate += error * streams("noise").standard_normal(rate.shape, "f4")
    dq = c.flags & ~np.uint32(Pixel.NO_SAT_CHECK | Pixel.NO_LIN_CORR)
    full = rate * exposure.group_time > c.well
    dq[full] |= np.uint32(Pixel.SATURATED | Pixel.DO_NOT_USE)
    dq[(rate * exposure.integration_time > c.well) & ~full] |= np.uint32(Pixel.SATURATED)
    stream = streams("outliers")
    y, x = np.nonzero((stream.random(rate.shape, "f4") < share) & c.active)
    outliers = np.zeros(y.size, OUTLIER)
    low, high = np.log(STRENGTH)
    outliers["Y"], outliers["X"] = y, x
    outliers["RATE"] = error[y, x] * np.exp(stream.uniform(low, high, y.size))
    rate[y, x] += outliers["RATE"]
    unusable = (dq & Pixel.DO_NOT_USE) != 0
    rate[unusable] = error[unusable] = np.nan
    poisson[unusable] = read[unusable] = 0
    rates = {"SCI": rate, "ERR": error, "DQ": dq, "VAR_POISSON": poisson, "VAR_RNOISE": read}
    return {name: plane.astype("u4" if name == "DQ" else "f4") for name, plane in rates.items()}, outliers


def write_rate(path, exposure, mode, rates):
    """Write count rates as stage 1 does.

    Parameters
    ----------
    path : path-like
        Target.
    exposure : Exposure
        What was done.
    mode : Mode
        In which mode.
    rates : dict of str to ndarray
        As `draw_rates` gives them.
    """
    known = {"DATAMODL": "ImageModel", "FILENAME": path.name}
    first = [(name, known.get(name, value), comment) for name, value, comment in headers.primary_cards(exposure, mode)]
    first += [(name, "COMPLETE", "step was simulated") for name in STEPS]
    science = [
        (name, "DN/s" if name == "BUNIT" else value, comment)
        for name, value, comment in headers.science_cards(exposure)
    ]
    blocks = [primary(first)]
    blocks += [image(name, plane, science if name == "SCI" else ()) for name, plane in rates.items()]
    blocks.append(tree_block(*empty_tree(), {"model_type": "ImageModel", "filename": path.name}))
    write_fits(path, blocks)


def write_rate_truth(path, exposure, mode, options, sources, outliers, cards):
    """Write what was put into count rates: tables SOURCES and OUTLIERS.

    Parameters
    ----------
    path : path-like
        Target.
    exposure, mode, options : Exposure, Mode, Options
        What was done.
    sources : ndarray of SKY_SOURCE
        Stars and galaxies.
    outliers : ndarray of OUTLIER
        As `draw_rates` gives them.
    cards : iterable of tuple
        Further keywords.
    """
    first = primary([*truth_cards(path, exposure, mode, options), *cards])
    write_fits(path, [first, table("SOURCES", sources), table("OUTLIERS", outliers)])
