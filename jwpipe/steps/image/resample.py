"""Resample exposures onto one grid: a mosaic of all, or one exposure freed from distortion."""

from pathlib import Path
from typing import Annotated

import numpy as np

from jwpipe.drizzle.canvas import KERNELS, Canvas
from jwpipe.drizzle.grid import check_size, lay_out, read_grid
from jwpipe.drizzle.keywords import alone, describe
from jwpipe.drizzle.resampling import check_coordinates, drizzle, image_pixel_area, resample_group
from jwpipe.engine.naming import output_path
from jwpipe.engine.params import AtLeast, AtMost, File, Help, Length, NumberOr, OneOf, StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import Skip, step
from jwpipe.errors import InputError, ReferenceError
from jwpipe.products.blend import blend, header_table
from jwpipe.products.dq import bad_bits
from jwpipe.products.exposures import Exposures
from jwpipe.products.images import Image, Resampled

__all__ = ["resample"]

PLACE = "crpix", "crval", "output_shape", "output_wcs"  # parameters that say where the output lies
GOOD_BITS = "~DO_NOT_USE+NON_SCIENCE"


class Params(StepParams):
    """Parameters of `resample`."""

    pixfrac: Annotated[float, Help("width of the drop an input pixel shrinks to, pixels"), AtLeast(0), AtMost(1)] = 1.0
    kernel: Annotated[str, Help("shape of the drops"), OneOf(*KERNELS)] = "square"
    fillval: Annotated[
        str, Help("value of pixels that nothing falls on; INDEF: NaN, in the errors too"), NumberOr("INDEF")
    ] = "INDEF"
    weight_type: Annotated[
        str | None,
        Help(
            "weights of pixels: ivm, inverse variance of the read noise; exptime, time measured; None, as drizpars says"
        ),
        OneOf("ivm", "exptime"),
    ] = "ivm"
    output_shape: Annotated[list[int] | None, Help("columns, rows of the output"), AtLeast(1), Length(2)] = None
    crpix: Annotated[list[float] | None, Help("x, y of the output's reference point, pixels from 0"), Length(2)] = None
    crval: Annotated[list[float] | None, Help("right ascension, declination of it, degrees"), Length(2)] = None
    rotation: Annotated[float | None, Help("position angle of the output's y axis, degrees east of north")] = None
    pixel_scale_ratio: Annotated[float, Help("pixel scale of the output by that of the input"), AtLeast(1e-3)] = 1.0
    pixel_scale: Annotated[float | None, Help("pixel scale of the output, arcsec"), AtLeast(1e-6)] = None
    output_wcs: Annotated[
        str, Help("ASDF file with the output's coordinates, in place of all that is said of them"), File()
    ] = ""
    single: Annotated[bool, Help("resample each group of exposures by itself, and save them (outlier_i2d)")] = False
    blendheaders: Annotated[bool, Help("blend the exposures' keywords, and tabulate them (HDRTAB)")] = True
    allowed_memory: Annotated[
        float | None, Help("part of the machine's memory that the output may take"), AtLeast(0), AtMost(1)
    ] = None
    in_memory: Annotated[bool, Help("accepted as in jwst; one exposure at a time is in memory in either case")] = True

    def check(self):
        if self.output_wcs:
            self.given_grid()

    @property
    def shape(self):
        """Rows and columns of the output, where the user gives them."""
        return None if self.output_shape is None else tuple(self.output_shape[::-1])

    def given_grid(self):
        """Read the grid of `output_wcs`."""
        return read_grid(Path(self.output_wcs).expanduser(), self.shape)


@step(
    "resample",
    status="S_RESAMP",
    peer="jwst.resample.resample_step.ResampleStep",
    references=["drizpars"],
    optional=["drizpars"],
    params=Params,
)
def resample(product: Exposures | Image, refs: References, par: Params, run: Run) -> Resampled:
    """Resample exposures onto one grid by drizzling.

    Pixels that are DO_NOT_USE or NON_SCIENCE are left out, and backgrounds that are known but not yet subtracted
    (BKGLEVEL) are subtracted.

    Parameters
    ----------
    product : Exposures or Image
        Calibrated exposures with coordinates; they stay as they are.
    refs : References
        ``drizpars``: what is to be used where a parameter is None.
    par : Params
        Parameters.
    run : Run
        Threads, log.

    Returns
    -------
    Resampled
        The mosaic. Its variances are those of pixels without correlated noise: where pixels are smaller than the
        input's, a mean over many of them has the right error, and neighbours scatter less.

    Raises
    ------
    InputError
        Exposures without coordinates, or of which no pixel falls on the output.
    UsageError
        Parameters that make no grid.

    Notes
    -----
    Source: Fruchter & Hook 2002, PASP 114, 144.
    """
    exposures = product if isinstance(product, Exposures) else Exposures.alone(product, run.folder)
    first = exposures[0]
    if product is first:
        product.release(run.folder)  # rows of it are read back as they are dropped
    check_coordinates(exposures)
    weight_type = weighting(par, refs, exposures)
    fill = fill_value(par.fillval)
    grid, ratio = make_grid(exposures, par)
    check_size(grid, first.path, par.allowed_memory)
    bad = bad_bits(GOOD_BITS)
    if par.single:
        for indices in exposures.groups().values():
            canvas = resample_group(
                exposures,
                indices,
                grid,
                kernel=par.kernel,
                pixfrac=par.pixfrac,
                weight_type=weight_type,
                bad=bad,
                threads=run.threads,
            )
            made = alone(exposures[indices[0]], canvas, grid, ratio, par.pixfrac, weight_type, fill)
            run.save(made, "outlier_i2d", name=output_path("", made.path, "outlier_i2d").name)
        return product
    if weight_type == "exptime":
        run.log.info("weights of exposure times are not those by which the variances are combined")
    canvas = Canvas(grid.shape, par.kernel, par.pixfrac, threads=run.threads, store=product.store)
    for image in exposures.visit():
        if weight_type == "ivm" and not image.has("var_rnoise"):
            run.log.warning("%s has no VAR_RNOISE: all its pixels have weight 1", image.path)
        drizzle(canvas, image, grid, weight_type=weight_type, bad=bad)
    if not canvas.wht.any():
        why = "no good pixel of the exposures falls on the output"
        if product is first:
            raise Skip(why)
        given = " and ".join(name for name in PLACE if getattr(par, name)) or "their flags"
        raise InputError(f"{exposures.name}: {why}", f"see {given}")
    # Small pixels share the noise of the pixels that they are made of: each has more, so that a mean has the right one.
    canvas.finish(fill, ratio**-2)
    made = Resampled.like(first)
    made.data, made.err, made.con, made.wht = canvas.sci, canvas.err, canvas.con, canvas.wht
    made.var_rnoise, made.var_poisson, made.var_flat = canvas.variances
    groups = [exposures[indices[0]] for indices in exposures.groups().values()]
    # Of an exposure by itself 1.14.1 means to blend nothing, but forgets it where no drizpars reference applies.
    if par.blendheaders and (product is not first or refs["drizpars"] is None):
        blend(made, exposures.images)
        made.hdrtab = header_table(exposures.images)
    describe(made, groups, grid, ratio, par.pixfrac, weight_type)
    return made


def weighting(par, refs, exposures):
    """The kind of weights: what the user says, or the reference's row for the filter and the number of exposures."""
    reference = refs["drizpars"]
    if par.weight_type is not None:
        return par.weight_type
    if reference is None:
        return "ivm"
    try:
        table, row = reference.table("DRIZPARS"), None
        count, name = len(exposures.groups()), exposures.get("FILTER")
        for wanted in ("ANY", name):
            for one in table:
                if str(one["filter"]).strip() == wanted and count >= one["numimages"]:
                    row = one
        if row is None:
            raise ReferenceError(f"{reference.name} has no row for {name} and {count} exposures")
        weight = str(row["wht_type"]).strip().lower() if "wht_type" in table.dtype.names else "none"
    except KeyError as missing:
        raise ReferenceError(f"{reference.name} has no {missing} column") from None
    return None if weight == "none" else weight


def fill_value(text):
    """Value of uncovered pixels."""
    text = (text or "").strip()
    return np.nan if text.upper() in ("", "INDEF", "NONE") else float(text)


def make_grid(exposures, par):
    """Lay out the output, and say how large its pixels are in units of the input's."""
    scale = None if par.pixel_scale is None else par.pixel_scale / 3600
    if par.output_wcs:
        grid = par.given_grid()
    else:
        grid = lay_out(
            exposures.images,
            ratio=par.pixel_scale_ratio,
            scale=scale,
            rotation=par.rotation,
            shape=par.shape,
            crpix=par.crpix,
            crval=par.crval,
        )
        if scale is None:
            return grid, par.pixel_scale_ratio
    return grid, float(np.sqrt(grid.area / image_pixel_area(exposures[0])))
