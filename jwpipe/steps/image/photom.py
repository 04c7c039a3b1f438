"""Calibrate count rates to surface brightness."""

from typing import Annotated

import numpy as np

from jwpipe.cext import image as kernel
from jwpipe.engine.params import Help, OneOf, StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import Skip, step
from jwpipe.errors import InputError, ReferenceError, StepError
from jwpipe.products.images import Cube, IFUImage, Image

__all__ = ["photom"]

MICROJANSKY_PER_SQUARE_ARCSEC = 1e12 * (np.pi / 180 / 3600) ** 2  # in a MJy/sr
PIXEL_AREAS = {"PIXAR_SR": "steradian", "PIXAR_A2": "square arcsec"}

# Columns of the table by which the row of an exposure is found, and the keywords that they are compared with.
SELECTORS = {
    "NIRCAM": {"filter": "FILTER", "pupil": "PUPIL"},
    "NIRISS": {"filter": "FILTER", "pupil": "PUPIL"},
    "MIRI": {"subarray": "SUBARRAY", "filter": "FILTER"},
    "NIRSPEC": {"filter": "FILTER", "grating": "GRATING"},
}


class Params(StepParams):
    """Parameters of `photom`."""

    inverse: Annotated[bool, Help("divide by the conversion factor, to undo the step")] = False
    source_type: Annotated[
        str | None, Help("take spectra as those of such a source; of no effect on images"), OneOf("POINT", "EXTENDED")
    ] = None
    mrs_time_correction: Annotated[bool, Help("correct for the time dependence of the throughput (MIRI MRS)")] = True


@step(
    "photom",
    status="S_PHOTOM",
    peer="jwst.photom.photom_step.PhotomStep",
    references=["photom", "area"],
    params=Params,
)
def photom(product: Image | Cube | IFUImage, refs: References, par: Params, run: Run) -> Image | Cube | IFUImage:
    """Calibrate count rates to surface brightness.

    Parameters
    ----------
    product : Image or Cube
        Count rates, DN/s. SCI, ERR, and the variances are changed, to MJy/sr; AREA is added, and the keywords of the
        conversion (PHOTMJSR, PHOTUJA2) and of the nominal pixel area (PIXAR_SR, PIXAR_A2).
    refs : References
        ``photom``: table of conversion factors, (MJy/sr)/(DN/s); for MIRI their change with time. Skipped where none
        applies, or none is of the exposure's filter. ``area``: areas of pixels, relative to the nominal one.
    par : Params
        Parameters.
    run : Run
        Threads, log.

    Returns
    -------
    Image or Cube
        The same.

    Raises
    ------
    ReferenceError
        The table has several rows for the exposure, or a factor that is no positive number.
    StepError
        The reference is one of spectra, of which the step knows nothing yet.
    """
    if product["INSTRUME"] == "NIRISS" and isinstance(product, Cube):
        raise Skip("of NIRISS only single images are calibrated, not one an integration")
    reference = refs.need("photom")
    factor = conversion(product, reference)
    add_pixel_area(product, refs["area"], reference)
    apply(product, factor, par.inverse, run.threads)
    product["PHOTMJSR"] = float(factor)
    product["PHOTUJA2"] = float(factor) * MICROJANSKY_PER_SQUARE_ARCSEC
    product["BUNIT"] = unit = "DN/s" if par.inverse else "MJy/sr"
    if "ERR" in product.headers:
        product.headers["ERR"]["BUNIT"] = unit
    return product


def conversion(product, reference):
    """Find the conversion factor of an exposure.

    Parameters
    ----------
    product : Image or Cube
        The exposure.
    reference : jwpipe.refs.files.ReferenceFile
        The ``photom`` reference.

    Returns
    -------
    numpy.float32
        (MJy/sr)/(DN/s).
    """
    if "PHOTOM" not in reference:
        raise StepError(f"{reference.name} is no table of factors of images: photom knows no spectra yet")
    table = reference.table("PHOTOM")
    columns = {name.lower(): name for name in table.dtype.names}
    if "wavelength" in columns or "photmjsr" not in columns:
        raise StepError(f"{reference.name} has factors of spectra, of which photom knows nothing yet")
    row = find_row(product, reference, table, columns)
    factor = np.float32(table[row][columns["photmjsr"]])
    if product["INSTRUME"] == "MIRI" and "TIMECOEFF" in reference:
        factor = np.float32(factor + time_dependence(product, reference, row))
    if not (np.isfinite(factor) and factor > 0):
        raise ReferenceError(f"{reference.name} gives {factor} as the conversion factor of {product.path}")
    return factor


def find_row(product, reference, table, columns):
    """Find the row of a table that is of an exposure's filter."""
    wanted = {column: product[keyword] for column, keyword in SELECTORS.get(product["INSTRUME"], {}).items()}
    tries = [wanted]
    if "subarray" in wanted:
        tries.append(wanted | {"subarray": "GENERIC"})
    for values in tries:
        found = np.ones(len(table), bool)
        for column, value in values.items():
            if column not in columns:
                raise ReferenceError(f"{reference.name}, a photom reference, has no {column} column")
            found &= [str(text).strip().upper() == str(value).upper() for text in table[columns[column]]]
        if not wanted:
            found[1:] = False  # there is nothing to choose by
        if found.sum() > 1:
            raise ReferenceError(f"{reference.name} has {found.sum()} rows for {', '.join(map(str, values.values()))}")
        if found.any():
            return int(np.argmax(found))
    raise Skip(f"{reference.name} has no row for {', '.join(map(str, wanted.values()))}")


def time_dependence(product, reference, row):
    """What is added to the factor since the response has changed, at the middle of the exposure."""
    coefficients = reference.table("TIMECOEFF")
    if row >= len(coefficients):
        raise ReferenceError(f"{reference.name} has {len(coefficients)} rows in TIMECOEFF, and none of the exposure")
    columns = {name.lower(): name for name in coefficients.dtype.names}
    try:
        amplitude, tau, start = (float(coefficients[row][columns[name]]) for name in ("amplitude", "tau", "t0"))
    except KeyError as missing:
        raise ReferenceError(f"{reference.name} has no {missing.args[0]} column in TIMECOEFF") from None
    middle = product["EXPMID"]
    if type(middle) not in (int, float):
        raise InputError(f"{product.path} has EXPMID = {middle!r}, which is no number")
    return amplitude * np.exp(-(middle - start) / tau)


def add_pixel_area(product, area, photom_reference):
    """Take over how large pixels are: the nominal area, and, where there is an ``area`` reference, that of each."""
    if area is not None:
        product.area = area.array()
    for keyword in PIXEL_AREAS:
        values = [one.number(keyword) for one in (area, photom_reference) if one is not None]
        value = next((value for value in values if value is not None), None)
        if value is None:
            product.headers.get("SCI", {}).pop(keyword, None)
        else:
            product[keyword] = float(value)


def apply(product, factor, inverse, threads):
    """Convert values, in place; the errors are scaled up in either direction, as the variances."""
    planes = {"data": factor, "err": factor} | dict.fromkeys(("var_poisson", "var_rnoise", "var_flat"), factor * factor)
    for name, scale in planes.items():
        values = getattr(product, name)
        if values is not None:
            kernel.scale(values.reshape(-1), scale, inverse and name == "data", threads)
            product.touch(name)
