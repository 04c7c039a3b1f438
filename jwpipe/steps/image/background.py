"""Subtract the background that other exposures see."""

from typing import Annotated

import numpy as np

from jwpipe.cext import image as kernel
from jwpipe.engine.params import AtLeast, Help, StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import Skip, step
from jwpipe.errors import InputError, StepError
from jwpipe.products.fitsfile import FitsFile
from jwpipe.products.images import Cube, IFUImage, Image

__all__ = ["background"]

BAND = 2**22  # values of backgrounds in memory at a time
SAME_TILT = 1e-8  # of the grating wheel, in the unit of GWA_XTIL


class Params(StepParams):
    """Parameters of `background`."""

    save_combined_background: Annotated[bool, Help("save the mean background (suffix combinedbackground)")] = False
    sigma: Annotated[float, Help("standard deviations from the median up to which values count"), AtLeast(0)] = 3.0
    maxiters: Annotated[int | None, Help("how often to clip at most; None: until none is left"), AtLeast(1)] = None
    wfss_mmag_extract: Annotated[
        float | None, Help("faintest sources that are left out, AB magnitude (wide field slitless spectra)")
    ] = None


@step(
    "background",
    status="S_BKDSUB",
    peer="jwst.background.background_step.BackgroundStep",
    params=Params,
)
def background(product: Image | Cube | IFUImage, refs: References, par: Params, run: Run) -> Image | Cube | IFUImage:
    """Subtract the background that other exposures see.

    Each background is averaged over its integrations first, where it has several, then all of them pixel by pixel,
    without outliers. Errors and variances stay as they are.

    Parameters
    ----------
    product : Image, Cube or IFUImage
        Count rates, DN/s; SCI and DQ are changed.
    refs : References
        None.
    par : Params
        Parameters.
    run : Run
        Threads, log; ``members["background"]``: the files of the backgrounds. Skipped where there are none, and for
        spectra of NIRSpec if the grating wheel stood at another angle.

    Returns
    -------
    Image, Cube or IFUImage
        The same.
    """
    if product["EXP_TYPE"] in ("NIS_WFSS", "NRC_WFSS"):
        raise StepError(
            "background knows no wide field slitless spectra yet", "leave the step out: --skip bkg_subtract"
        )
    paths = run.members.get("background") or []
    if not paths:
        raise Skip("no background exposures")
    backgrounds = [open_background(path, product) for path in paths]
    if product["INSTRUME"] == "NIRSPEC" and not same_tilt(product, backgrounds):
        raise Skip("the backgrounds were taken with the grating wheel at another angle")
    for other in backgrounds:
        if overlap(product.subarray, other.subarray) is None:
            run.log.warning("%s does not overlap %s on the detector", other.path, product.path)
    mean, err, dq = average(product.subarray, backgrounds, par, run.threads)
    product.data -= mean
    product.dq |= dq
    product.touch("data", "dq")
    if par.save_combined_background:
        combined = Image.like(product)
        combined.data, combined.err, combined.dq = mean, err, dq
        run.save(combined, "combinedbackground")
    return product


def open_background(path, product):
    """Open a background, an image or one an integration; it has to be of the same detector."""
    kind = Cube if len(FitsFile(path)["SCI"].shape) == 3 else Image
    other = kind.read(path, product.threads)
    for keyword in ("INSTRUME", "DETECTOR"):
        if other.get(keyword) != product.get(keyword):
            raise InputError(
                f"{path} is of {other.get(keyword)}, and no background of {product.path} of {product.get(keyword)}"
            )
    units = product.get("BUNIT"), other.get("BUNIT")
    if None not in units and units[0] != units[1]:
        raise InputError(f"{path} is in {units[1]}, and no background of {product.path} in {units[0]}")
    return other


def same_tilt(product, backgrounds):
    """Whether the grating wheel stood as for the exposure in all backgrounds."""
    for keyword in ("GWA_XTIL", "GWA_YTIL"):
        tilt = product[keyword]
        if any(abs(other[keyword] - tilt) > SAME_TILT for other in backgrounds):
            return False
    return True


def overlap(one, other):
    """Rows and columns that a subarray shares with another, as slices of the detector; None where it shares none."""
    rows = slice(max(one.y, other.y), min(one.y + one.ny, other.y + other.ny))
    columns = slice(max(one.x, other.x), min(one.x + one.nx, other.x + other.nx))
    return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None


def average(subarray, backgrounds, par, threads):
    """Average backgrounds over a subarray.

    Parameters
    ----------
    subarray : jwpipe.products.product.Subarray
        Where the exposure lies.
    backgrounds : list of Image or Cube
        Backgrounds, of any subarray.
    par : Params
        Clipping.
    threads : int
        Threads.

    Returns
    -------
    mean, err : ndarray of float32, (ny, nx)
        Mean and its standard deviation, DN/s; 0 where there is no good value.
    dq : ndarray of uint32, (ny, nx)
        Flags of any of them.
    """
    ny, nx = subarray.ny, subarray.nx
    mean, err = np.empty((2, ny, nx), "f4")
    dq = np.zeros((ny, nx), "u4")
    most = -1 if par.maxiters is None else par.maxiters
    planes = sum(other.shape[0] if len(other.shape) == 3 else 1 for other in backgrounds)
    height = max(1, BAND // (planes * nx))
    for first in range(0, ny, height):
        last = min(first + height, ny)
        values, variances = np.full((2, len(backgrounds), last - first, nx), np.nan)
        for i, other in enumerate(backgrounds):
            shared = overlap(subarray, other.subarray)
            rows = shared and slice(max(shared[0].start, subarray.y + first), min(shared[0].stop, subarray.y + last))
            if not shared or rows.start >= rows.stop:
                continue
            here = moved(rows, subarray.y + first), moved(shared[1], subarray.x)
            there = moved(rows, other.subarray.y), moved(shared[1], other.subarray.x)
            for stack, field, square in ((values, "data", False), (variances, "err", True)):
                part = read_window(other, field, *there)
                if square:
                    part *= part
                if part.ndim == 3:
                    out = np.empty(part.shape[1:])
                    kernel.average_integrations(part, out, par.sigma, most, threads)
                    part = out
                stack[i][here] = part
            flags = read_window(other, "dq", *there)
            dq[first:last][here] |= flags if flags.ndim == 2 else np.bitwise_or.reduce(flags, axis=0)
        kernel.average(values, variances, mean[first:last], err[first:last], par.sigma, most, threads)
    return mean, err, dq


def moved(part, origin):
    """A slice of the detector as one of an array that begins at `origin`."""
    return slice(part.start - origin, part.stop - origin)


def read_window(product, name, rows, columns):
    """Read rows and columns of a field, from the file, not the whole of it; zeros where there is none."""
    field = getattr(type(product), name)
    source = product.fields.get(name)
    if source is None:
        lead = product.shape[:-2]
        return np.zeros((*lead, rows.stop - rows.start, columns.stop - columns.start), field.dtype)
    return source.window(rows, columns, field.dtype, product.threads)
