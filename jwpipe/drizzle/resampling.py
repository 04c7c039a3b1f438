"""Exposures onto a grid: what resampling has in common, be it of one exposure, of those of a group, or of all.

For steps that compare exposures on a common grid::

    grid = lay_out(exposures.images)
    for indices in exposures.groups().values():
        canvas = resample_group(exposures, indices, grid, kernel="square", pixfrac=1.0, weight_type="ivm",
                                bad=bad_bits("~DO_NOT_USE"), threads=run.threads)
        canvas.sci, canvas.wht  # float32, grid.shape; sci is 0 where wht is 0

`bad_bits` is of `jwpipe.products.dq`, `lay_out` of `jwpipe.drizzle.grid`. The exposures' background levels (BKGLEVEL)
are subtracted unless they are already (BKGSUB).
"""

import math

import numpy as np

from jwpipe.drizzle.canvas import LEAST, Canvas
from jwpipe.drizzle.grid import STEP, mean_pixel_area
from jwpipe.errors import InputError
from jwpipe.products import modes

__all__ = ["check_coordinates", "drizzle", "intensity_scale", "resample_group", "sky_level", "window"]

MARGIN = 8  # pixels around a window: what the widest drops reach, and the bulge of an outline between two points
PARTS = 8  # of a canvas, to limit the memory that pixels' places take
MOST = 1.6  # how often a pixel's place may be calculated, on the average


def check_coordinates(exposures):
    """Refuse exposures without coordinates.

    Raises
    ------
    InputError
        One has none.
    """
    for image in exposures:
        if image.wcs is None:
            raise InputError(f"{image.path} has no coordinates", "run assign_wcs on it first")


def window(images, grid):
    """Find the part of a grid that some images cover.

    Parameters
    ----------
    images : sequence of Image
        With coordinates.
    grid : jwpipe.drizzle.grid.Grid
        The grid; its pixels are not smaller than those of the images by much.

    Returns
    -------
    rows, columns : slice
        With some margin.
    """
    x, y = np.hstack([grid.wcs.invert(*image.wcs(*_outline(image))) for image in images])
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return slice(0, grid.shape[0]), slice(0, grid.shape[1])
    return tuple(
        slice(max(0, min(size, int(places.min()) - MARGIN)), min(size, max(0, int(places.max()) + MARGIN + 1)))
        for places, size in zip((y, x), grid.shape, strict=True)
    )


def _outline(image):
    """Points along the edges of an image, x and y."""
    ny, nx = image.shape[-2:]
    x = np.append(np.arange(-0.5, nx - 0.5, STEP), nx - 0.5)
    y = np.append(np.arange(-0.5, ny - 0.5, STEP), ny - 0.5)
    first, last = np.full(len(y), -0.5), np.full(len(y), nx - 0.5)
    low, high = np.full(len(x), -0.5), np.full(len(x), ny - 0.5)
    return np.hstack([x, x, first, last]), np.hstack([low, high, y, y])


def resample_group(
    exposures,
    indices,
    grid,
    *,
    rows=None,
    columns=None,
    kernel="square",
    pixfrac=1.0,
    weight_type="ivm",
    bad=0,
    least=LEAST,
    threads=1,
):
    """Resample the exposures of a group onto a grid, values and weights only.

    Parameters
    ----------
    exposures : Exposures
        All of them; those of the group are released one after another.
    indices : sequence of int
        Places of those of the group.
    grid : jwpipe.drizzle.grid.Grid
        Where to.
    rows, columns : slice, optional
        The part of the grid that is wanted; by default all.
    kernel, pixfrac, least, threads
        As of `Canvas`.
    weight_type : {"ivm", "exptime", None}, optional
        As of `drizzle`.
    bad : int, optional
        Flags of pixels that are left out.

    Returns
    -------
    Canvas
        ``sci`` and ``wht``.
    """
    rows, columns = rows or slice(0, grid.shape[0]), columns or slice(0, grid.shape[1])
    shape = rows.stop - rows.start, columns.stop - columns.start
    canvas = Canvas(shape, kernel, pixfrac, variances=False, least=least, threads=threads)
    for i in indices:
        drizzle(canvas, exposures[i], grid, corner=(columns.start, rows.start), weight_type=weight_type, bad=bad)
        exposures.release(i)
    return canvas


def drizzle(canvas, image, grid, *, corner=(0, 0), weight_type="ivm", bad=0):
    """Drizzle an exposure onto a canvas that is a grid, or a window of it.

    Parameters
    ----------
    canvas : Canvas
        Changed in place.
    image : Image
        With coordinates.
    grid : Grid
        Where to.
    corner : tuple of int, optional
        Column and row of the grid that are the canvas's first.
    weight_type : {"ivm", "exptime", None}, optional
        Weights are the inverse variances of the read noise, or the exposure's time, or 1.
    bad : int, optional
        Flags of pixels that are left out.
    """
    from jwpipe.wcs import PixelMap

    weight = 1.0
    if weight_type == "ivm" and image.has("var_rnoise"):
        weight = None
    elif weight_type == "exptime":
        weight = exposure_time(image)
    names = ["var_rnoise", "var_poisson", "var_flat"] if canvas.variances.size else ["var_rnoise"]
    scale, level = intensity_scale(image), sky_level(image)
    places = PixelMap(image.wcs, grid.wcs, image.shape)
    for part, rows in parts(canvas, image, grid, corner, canvas.reach(scale)):
        x, y = places.rows(rows.start, rows.stop, canvas.threads)
        x -= corner[0]
        y -= corner[1]
        blank(x, image.wcs.bounding_box, rows.start)
        canvas.add(
            image.rows("data", rows),
            image.rows("dq", rows),
            [image.rows(name, rows) for name in names],
            x,
            y,
            bad=bad,
            level=level,
            scale=scale,
            weight=weight,
            part=part,
        )


def parts(canvas, image, grid, corner, reach):
    """Parts of a canvas, and the rows of an exposure that fall on each: so only some pixels' places are held at a time.

    Returns
    -------
    list of (tuple of int, slice)
        One alone where each part would need most of the exposure, as where it is turned by much.
    """
    (ny, nx), total = image.shape, canvas.sci.shape[0]
    x, y = _knots(nx), _knots(ny)
    places = grid.wcs.invert(*image.wcs(*np.meshgrid(x, y)))[1] - corner[1]
    whole = [((0, total), slice(0, ny))]
    if not np.isfinite(places).all() or min(ny, nx) < 2:
        return whole
    # The height of a pixel, and what its drop has beyond that; between the knots the places hardly bend.
    tall = np.abs(np.diff(places, axis=0) / np.diff(y)[:, None]).max() + np.abs(np.diff(places) / np.diff(x)).max()
    margin = 2 * tall + reach + 2
    low, high = places.min(axis=1) - margin, places.max(axis=1) + margin
    low, high = np.minimum(low[:-1], low[1:]), np.maximum(high[:-1], high[1:])
    step = canvas.height * -(-total // (PARTS * canvas.height))
    found = []
    for first in range(0, total, step):
        last = min(first + step, total)
        (strips,) = np.nonzero((high >= first) & (low <= last))
        rows = slice(0, 2)  # nothing falls there: they say so
        if len(strips):
            rows = slice(max(0, int(y[strips[0]]) - 2), min(ny, int(y[strips[-1] + 1]) + 3))
        found.append(((first, last), rows))
    needed = sum(rows.stop - rows.start for _, rows in found)
    return found if needed < MOST * ny else whole


def _knots(size):
    """Places along an axis, both ends included."""
    return np.append(np.arange(0, size - 1, STEP), size - 1)


def blank(x, box, top):
    """Set what lies outside a bounding box to NaN; `top` is the row of the exposure that is the first of `x`."""
    if box is None:
        return
    (x0, x1), (y0, y1) = box
    x[: max(0, math.ceil(y0) - top)] = np.nan
    x[max(0, math.floor(y1) + 1 - top) :] = np.nan
    x[:, : max(0, math.ceil(x0))] = np.nan
    x[:, max(0, math.floor(x1) + 1) :] = np.nan


def exposure_time(image):
    """Time that an exposure's weight is, seconds: that of its measurement (TMEASURE), or EFFEXPTM without it."""
    for keyword in ("TMEASURE", "EFFEXPTM"):
        time = image.get(keyword)
        if isinstance(time, int | float) and time > 0:
            return float(time)
    raise InputError(f"{image.path} has neither TMEASURE nor EFFEXPTM above 0", "choose weight_type = ivm")


def sky_level(image):
    """Background that is still in an exposure, in units of its values."""
    level = image.get("BKGLEVEL")
    return 0.0 if level is None or image.get("BKGSUB") is True else float(level)


def intensity_scale(image):
    """Square root of the factor of an exposure's values: its nominal pixel area by the mean one of its coordinates.

    The mean is that of the whole detector, whatever part of it was read: by the mean of a subarray whose pixels are
    larger than those of the rest of the detector, sources would come out fainter than on the full frame.
    """
    nominal = image.get("PIXAR_SR")
    if not nominal:
        return 1.0
    area = image_pixel_area(image)
    if not (area > 0 and nominal > 0):
        raise InputError(f"{image.path} has pixels of no area (PIXAR_SR = {nominal}, coordinates {area} sr)")
    return math.sqrt(nominal / area)


def image_pixel_area(image):
    """Mean pixel area of an exposure's detector, by the exposure's coordinates, steradians."""
    ny, nx = image.shape[-2:]
    width, height = modes.full_frame(image.get("INSTRUME"))
    if (nx, ny) == (width, height):
        (x0, x1), (y0, y1) = image.wcs.bounding_box or ((-0.5, nx - 0.5), (-0.5, ny - 0.5))
        columns = max(0, int(x0 + 0.5)), min(nx - 1, int(x1 - 0.5))
        rows = max(0, int(y0 + 0.5)), min(ny - 1, int(y1 - 0.5))
    else:
        place = image.subarray
        columns, rows = (-place.x, width - 1 - place.x), (-place.y, height - 1 - place.y)
    return mean_pixel_area(image.wcs, columns, rows)
