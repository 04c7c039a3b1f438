"""Quick-look pictures: an image with its flags, a ramp, a mosaic with its sources."""

from contextlib import contextmanager
from pathlib import Path

import numpy as np

from jwpipe.errors import InputError, UsageError
from jwpipe.products.dq import Group, Pixel
from jwpipe.products.fitsfile import FitsFile
from jwpipe.report.drawing import draw_image, draw_values, figure, save, words

__all__ = ["picture", "quick_look"]

SHOWN = (Pixel.DO_NOT_USE, Pixel.SATURATED, Pixel.JUMP_DET, Pixel.OUTLIER)
COLOURS = ("#303030", "#e0b000", "#d03060", "#2060c0")
TITLE = "INSTRUME", "DETECTOR", "FILTER", "EXP_TYPE"


def quick_look(path, target, pixel=None, catalog=None):
    """Draw a picture of a product.

    Parameters
    ----------
    path, pixel, catalog
        As of `picture`.
    target : path-like
        The picture, PNG or what its ending says; its folder is made if need be.

    Raises
    ------
    InputError, UsageError
        As of `picture`.
    OutputError
        The picture cannot be written.
    """
    with picture(path, pixel, catalog) as made:
        save(made, target)


@contextmanager
def picture(path, pixel=None, catalog=None):
    """Make the figure of a product, for as long as the context lasts.

    Parameters
    ----------
    path : path-like
        A product with a SCI image: ramps (raw or calibrated), rates, cubes, mosaics, segments; or a catalogue, which is
        drawn on the mosaic beside it.
    pixel : tuple of int, optional
        Column and row, from 0, of the pixel whose ramp is shown; by default a bright one.
    catalog : path-like, optional
        The sources of a mosaic; by default those of the catalogue beside it, if there is one.

    Yields
    ------
    matplotlib Figure

    Raises
    ------
    InputError
        The file has no SCI image, or flags or a catalogue that do not fit it.
    UsageError
        The pixel lies outside the image, or matplotlib is missing.
    """
    from jwpipe.report import mosaic

    path = Path(path)
    if path.suffix == mosaic.CATALOGUE:
        path, catalog = mosaic.beside(path), path
    file = FitsFile(path)
    science = file["SCI"]
    if not science.is_image or len(science.shape) < 2:
        raise InputError(f"{path} has no image in SCI")
    if 0 in science.shape:
        raise InputError(f"{path} has no pixels in SCI: its shape is {science.shape}")
    ny, nx = science.shape[-2:]
    if pixel is not None and not (0 <= pixel[0] < nx and 0 <= pixel[1] < ny):
        raise UsageError(f"pixel {pixel[0]}, {pixel[1]} lies outside the {nx} x {ny} image of {path}")
    if mosaic.is_mosaic(file):
        draw, panels = mosaic.plan(file, catalog)
    elif catalog is not None:
        raise UsageError(f"{path} is no mosaic, and its pixels are not those of a catalogue", "leave --catalog out")
    elif mosaic.is_segments(file):
        draw, panels = mosaic.plan_segments(file)
    else:
        flags = _flags(file, science.shape)

        def draw(made, axes):
            _draw_exposure(made, axes, file, flags, pixel)

        panels = 3
    with figure(panels, f"{file.path.name}   {words(file.extensions[0], *TITLE)}") as (made, axes):
        draw(made, axes)
        yield made


def _draw_exposure(made, axes, file, flags, pixel):
    left, middle, right = axes
    science = file["SCI"]
    is_ramp = len(science.shape) == 4
    image = _image(science)
    draw_image(left, image, "last minus first group, DN" if is_ramp else words(science, "BUNIT"), made)
    _draw_flags(middle, flags)
    if is_ramp:
        _draw_ramp(right, file, science, pixel or _bright_pixel(image))
    else:
        draw_values(right, image)


def _image(science):
    """One image of any SCI array: for ramps the signal of the first integration, for cubes the first plane."""
    lead = science.shape[:-2]
    first = science.read("f4", (0,) * len(lead))
    if len(lead) == 2 and lead[1] > 1:
        with np.errstate(invalid="ignore"):  # infinities
            return science.read("f4", (0, lead[1] - 1)) - first
    return first


def _flags(file, shape):
    """Flags of every pixel, those of all groups included, for a SCI array of a shape."""
    flags = np.zeros(shape[-2:], "u4")
    for name in ("DQ", "PIXELDQ", "GROUPDQ"):
        if name in file:
            extension = file[name]
            expected = shape if name == "GROUPDQ" else shape[-len(extension.shape) :]
            if not extension.is_image or len(extension.shape) < 2 or extension.shape != expected:
                raise InputError(f"{file.path}: {name} of shape {extension.shape} does not fit SCI of shape {shape}")
            if extension.stored.kind not in "iu":
                raise InputError(f"{file.path}: {name} holds {extension.stored.name}, which are no flags")
            for index in np.ndindex(extension.shape[:-2]):
                flags |= extension.read("u1" if name == "GROUPDQ" else "u4", index)
    return flags


def _bright_pixel(image):
    """Column and row of a pixel that is bright but not among the very brightest, which may be saturated."""
    values = np.where(np.isfinite(image), image, -np.inf)
    rank = np.argsort(values, axis=None)[-min(values.size, max(2, values.size // 10000))]
    y, x = np.unravel_index(rank, image.shape)
    return int(x), int(y)


def _draw_flags(axes, flags):
    canvas = np.ones((*flags.shape, 3), "f4")
    share = []
    for flag, colour in zip(SHOWN, COLOURS, strict=True):
        where = (flags & flag) != 0
        canvas[where] = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        share.append(f"{flag.name} {where.mean():.2%}")
    axes.imshow(canvas, origin="lower", interpolation="none")
    axes.set_title("DQ")
    axes.set_xlabel("   ".join(share), fontsize=7)


def _draw_ramp(axes, file, science, pixel):
    x, y = pixel
    nints, ngroups = science.shape[:2]
    for i in range(min(nints, 5)):
        counts = np.array([science.read("f4", (i, g, y))[x] for g in range(ngroups)])
        axes.plot(np.arange(ngroups), counts, "o-", ms=4, label=f"integration {i + 1}")
        if "GROUPDQ" in file:
            flags = np.array([file["GROUPDQ"].read("u1", (i, g, y))[x] for g in range(ngroups)])
            for flag, colour in ((Group.SATURATED, COLOURS[1]), (Group.JUMP_DET, COLOURS[2])):
                where = (flags & flag) != 0
                axes.plot(np.flatnonzero(where), counts[where], "o", ms=9, mfc="none", color=colour)
    axes.set_title(f"ramp of pixel {x}, {y}")
    axes.set_xlabel("group")
    axes.set_ylabel("DN")
    axes.legend(fontsize=8)
