"""Flag what only one exposure shows: cosmic rays, bad pixels, whatever does not stand still on the sky."""

from typing import Annotated

import numpy as np

from jwpipe.cext import blot as blotting
from jwpipe.cext import outlier as kernel
from jwpipe.drizzle.canvas import KERNELS
from jwpipe.drizzle.grid import check_size, lay_out
from jwpipe.drizzle.keywords import alone, place
from jwpipe.drizzle.resampling import check_coordinates, resample_group, sky_level, window
from jwpipe.drizzle.stack import Stack, least_weight
from jwpipe.engine.naming import output_path
from jwpipe.engine.params import AtLeast, AtMost, Flags, Help, Numbers, OneOf, StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import Skip, step
from jwpipe.errors import InputError
from jwpipe.products.dq import bad_bits
from jwpipe.products.exposures import Exposures
from jwpipe.products.images import Image

__all__ = ["outlier_detection"]

SKY = ("NRC_IMAGE", "MIR_IMAGE", "NRS_IMAGE", "NIS_IMAGE", "FGS_IMAGE")
CORONAGRAPHY = ("NRC_CORON", "MIR_LYOT", "MIR_4QPM")
ROWS = 256  # of an exposure whose places on the median are held at a time


class Params(StepParams):
    """Parameters of `outlier_detection`."""

    weight_type: Annotated[
        str,
        Help("weights of pixels: ivm, inverse variance of the read noise; exptime, time measured"),
        OneOf("ivm", "exptime"),
    ] = "ivm"
    pixfrac: Annotated[float, Help("width of the drop an input pixel shrinks to, pixels"), AtLeast(0), AtMost(1)] = 1.0
    kernel: Annotated[str, Help("shape of the drops"), OneOf(*KERNELS)] = "square"
    fillval: Annotated[str, Help("accepted as in jwst; pixels that nothing falls on have no value")] = "INDEF"
    nlow: Annotated[int, Help("accepted as in jwst, without effect")] = 0
    nhigh: Annotated[int, Help("accepted as in jwst, without effect")] = 0
    maskpt: Annotated[float, Help("least weight of a pixel that counts, in units of the mean weight"), AtLeast(0)] = 0.7
    snr: Annotated[str, Help("factors of the noise: of outliers, and of what is next to one"), Numbers(2)] = "5.0 4.0"
    scale: Annotated[
        str, Help("factors of the median's slope: of outliers, and of what is next to one"), Numbers(2)
    ] = "1.2 0.7"
    backg: Annotated[float, Help("level of the exposures above the median, where BKGLEVEL does not say, MJy/sr")] = 0.0
    kernel_size: Annotated[str, Help("of integral field units alone: of no effect on images"), Numbers(2)] = "7 7"
    threshold_percent: Annotated[float, Help("of integral field units alone: of no effect on images")] = 99.8
    ifu_second_check: Annotated[bool, Help("of integral field units alone: of no effect on images")] = False
    save_intermediate_results: Annotated[
        bool, Help("save what exposures are compared by: the resampled ones, their median, and that as each sees it")
    ] = False
    resample_data: Annotated[
        bool, Help("compare on the sky; otherwise pixel by pixel, for exposures that were not dithered")
    ] = True
    good_bits: Annotated[str, Help("flags of pixels that count; with ~ in front, of those that do not"), Flags()] = (
        "~DO_NOT_USE"
    )
    scale_detection: Annotated[bool, Help("of time series alone: of no effect on images")] = False
    allowed_memory: Annotated[
        float | None, Help("part of the machine's memory that the median may take"), AtLeast(0), AtMost(1)
    ] = None
    in_memory: Annotated[bool, Help("keep the resampled exposures in memory rather than in a temporary file")] = False


@step(
    "outlier_detection",
    status="S_OUTLIR",
    peer="jwst.outlier_detection.outlier_detection_step.OutlierDetectionStep",
    params=Params,
    suffixes=["{asn_id}_outlier_detection"],
)
def outlier_detection(exposures: Exposures, refs: References, par: Params, run: Run) -> Exposures:
    """Flag pixels that differ from what the other exposures show there.

    The exposures of each group are resampled onto one grid, the median of the groups is taken, and interpolated where
    the pixels of each exposure lie. A pixel is an outlier where it differs by more than noise and the slope of the
    median explain.

    Parameters
    ----------
    exposures : Exposures
        Calibrated exposures with coordinates, two or more. DQ is changed: OUTLIER and DO_NOT_USE are set.
    refs : References
        None.
    par : Params
        Parameters.
    run : Run
        Threads, log, folder of what is put aside.

    Returns
    -------
    Exposures
        The same.

    Raises
    ------
    InputError
        Exposures without coordinates; exposures of different shapes where they are compared pixel by pixel.

    Notes
    -----
    Source: Fruchter & Hook 2002, PASP 114, 144, section 7.
    """
    snr, scale = (np.array(Numbers.read(text)) for text in (par.snr, par.scale))
    bad = bad_bits(par.good_bits)
    if len(exposures) < 2:
        raise Skip("one exposure has no other to be compared with")
    if not par.resample_data or stares(exposures):
        compare_pixels(exposures, bad, snr, par, run)
    elif exposures["EXP_TYPE"] in SKY:
        compare_on_sky(exposures, bad, snr, scale, par, run)
    else:
        raise Skip(f"exposures of EXP_TYPE {exposures['EXP_TYPE']} are no images of the sky")
    return exposures


def stares(exposures):
    """Whether all exposures are of one and the same place: time series and coronagraphy."""
    series = exposures.get("TSOVISIT") is True and (exposures.get("NINTS") or 2) > 1
    return series or exposures["EXP_TYPE"] in CORONAGRAPHY


def compare_on_sky(exposures, bad, snr, scale, par, run):
    """Flag outliers of dithered exposures."""
    check_coordinates(exposures)
    grid = lay_out(exposures.images)
    check_size(grid, exposures[0].path, par.allowed_memory)
    median = median_on_sky(exposures, grid, bad, par, run)
    if par.save_intermediate_results:
        save_median(exposures, median, grid, run)
    for image in exposures.visit():
        blotted = blot(median, image, grid, run.threads)
        if par.save_intermediate_results:
            save_blot(exposures, image, blotted, run)
        known = image.get("BKGLEVEL") is not None and image.get("BKGSUB") is not True
        level = sky_level(image) if known else par.backg
        marks, added = np.empty(image.shape, "u1"), np.empty(image.shape[0], np.intp)
        kernel.against_blot(image.data, image.err, blotted, image.dq, marks, level, snr, scale, added, run.threads)
        report(image, added, run)


def median_on_sky(exposures, grid, bad, par, run):
    """Resample the exposures of each group, and take the median of the groups."""
    stack = Stack(grid.shape, None if par.in_memory else run.folder, exposures.store)
    for indices in exposures.groups().values():
        rows, columns = window([exposures[i] for i in indices], grid)
        canvas = resample_group(
            exposures,
            indices,
            grid,
            rows=rows,
            columns=columns,
            kernel=par.kernel,
            pixfrac=par.pixfrac,
            weight_type=par.weight_type,
            bad=bad,
            threads=run.threads,
        )
        if par.save_intermediate_results:
            first = exposures[indices[0]]
            made = alone(first, canvas, grid, 1.0, par.pixfrac, par.weight_type, rows=rows, columns=columns)
            run.save(made, "outlier_i2d", name=output_path("", first.path, "outlier_i2d").name)
        least = least_weight(canvas.wht, par.maskpt, run.threads)
        # Written so that what nothing falls on is left out even where every weight is enough.
        canvas.sci[~((canvas.wht >= least) & (canvas.wht != 0))] = np.nan
        stack.add(canvas.sci, rows, columns)
    return stack.median(run.threads)


def blot(median, image, grid, threads):
    """Interpolate the median where the pixels of an exposure lie."""
    from jwpipe.wcs import PixelMap

    places, blotted = PixelMap(image.wcs, grid.wcs, image.shape), np.empty(image.shape, "f4")
    for first in range(0, len(blotted), ROWS):
        band = blotted[first : first + ROWS]
        x, y = places.rows(first, first + len(band), threads)
        blotting.blot(median, x, y, band, threads)
    return blotted


def compare_pixels(exposures, bad, snr, par, run):
    """Flag outliers of exposures that are of one and the same place, pixel by pixel."""
    shapes = {image.shape for image in exposures}
    if len(shapes) > 1:
        sizes = " and ".join(f"{nx} x {ny}" for ny, nx in sorted(shapes))
        raise InputError(
            f"{exposures.name} has exposures of {sizes} pixels, which cannot be compared pixel by pixel",
            "let resample_data be True",
        )
    stack = Stack(shapes.pop(), None if par.in_memory else run.folder, exposures.store)
    for image in exposures.visit():
        with np.errstate(divide="ignore"):
            weights = np.ones_like(image.data) if image.var_rnoise is None else 1 / image.var_rnoise
        weights[~np.isfinite(weights)] = 1
        weights[(image.dq & np.uint32(bad)) != 0] = 0
        least = least_weight(weights, par.maskpt, run.threads)
        stack.add(np.where((weights >= least) & (weights != 0), image.data, np.float32(np.nan)))
    median = stack.median(run.threads)
    if par.save_intermediate_results:
        save_median(exposures, median, None, run)
    for image in exposures.visit():
        added = np.empty(image.shape[0], np.intp)
        kernel.against_stack(image.data, image.err, median, image.dq, snr[0], added, run.threads)
        report(image, added, run)


def report(image, added, run):
    """Say how many pixels became outliers, and that the flags have changed."""
    image.touch("dq")
    count, size = int(added.sum()), image.shape[0] * image.shape[1]
    run.log.info("%s: %d more pixels flagged as outliers (%.2f %%)", image.path.name, count, 100 * count / size)


def save_median(exposures, median, grid, run):
    """Save the median."""
    first = exposures[0]
    made = Image.like(first)
    made.data = median
    if grid is not None:
        place(made, grid)
    run.save(made, "median", name=intermediate(exposures, first, "median"))


def save_blot(exposures, image, blotted, run):
    """Save the median as an exposure sees it."""
    made = Image.like(image)
    made.data = blotted
    run.save(made, "blot", name=intermediate(exposures, image, "blot"))


def intermediate(exposures, image, suffix):
    """Name of what belongs to an exposure and the association."""
    return output_path("", image.path, f"{exposures.asn_id}_{suffix}" if exposures.asn_id else suffix).name
