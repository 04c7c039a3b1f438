"""Quick-look pictures: the image, its flags, and the ramp of a pixel or the distribution of values."""

import io
from pathlib import Path

import numpy as np

from jwpipe.errors import InputError, OutputError, UsageError
from jwpipe.products.dq import Group, Pixel
from jwpipe.products.fitsfile import FitsFile
from jwpipe.report.plain import keyword_value, write_whole

__all__ = ["quick_look"]

SHOWN = (Pixel.DO_NOT_USE, Pixel.SATURATED, Pixel.JUMP_DET)
COLOURS = ("#303030", "#e0b000", "#d03060")


def quick_look(path, target, pixel=None):
    """Draw a picture of a product.

    Parameters
    ----------
    path : path-like
        A product with a SCI image: ramps (raw or calibrated), rates, cubes.
    target : path-like
        The picture, PNG or what its ending says; its folder is made if need be.
    pixel : tuple of int, optional
        Column and row, from 0, of the pixel whose ramp is shown; by default a bright one.

    Raises
    ------
    InputError
        The file has no SCI image, or flags that do not fit it.
    UsageError
        The pixel lies outside the image, or matplotlib is missing.
    OutputError
        The picture cannot be written.
    """
    file = FitsFile(path)
    science = file["SCI"]
    if not science.is_image or len(science.shape) < 2:
        raise InputError(f"{path} has no image in SCI")
    if 0 in science.shape:
        raise InputError(f"{path} has no pixels in SCI: its shape is {science.shape}")
    ny, nx = science.shape[-2:]
    if pixel is not None and not (0 <= pixel[0] < nx and 0 <= pixel[1] < ny):
        raise UsageError(f"pixel {pixel[0]}, {pixel[1]} lies outside the {nx} x {ny} image of {path}")
    flags = _flags(file, science.shape)
    plt = _matplotlib()
    is_ramp = len(science.shape) == 4
    image = _image(science)
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(16, 5.4), layout="constrained")
    _draw_image(left, image, "last minus first group, DN" if is_ramp else _words(science, "BUNIT"), figure)
    _draw_flags(middle, flags)
    if is_ramp:
        _draw_ramp(right, file, science, pixel or _bright_pixel(image))
    else:
        _draw_values(right, image)
    words = _words(file.extensions[0], "INSTRUME", "DETECTOR", "FILTER", "EXP_TYPE")
    figure.suptitle(f"{_literal(file.path.name)}   {words}")
    picture = io.BytesIO()
    try:
        figure.savefig(picture, dpi=110, format=Path(target).suffix.removeprefix(".") or "png")
    except ValueError as problem:
        raise OutputError(f"cannot write {target}: {problem}", "name it .png") from None
    finally:
        plt.close(figure)
    write_whole(target, picture.getvalue())


def _matplotlib():
    try:
        import matplotlib as mpl
    except ImportError:
        raise UsageError("pictures need matplotlib", "pip install 'jwpipe[plot]'") from None
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def _words(extension, *keywords):
    """Values of those keywords that have one."""
    cards = [extension.header.cards[keyword] for keyword in keywords if keyword in extension.header]
    return _literal(" ".join(str(value) for value in map(keyword_value, cards) if value is not None))


def _literal(text):
    """Keep matplotlib from reading dollar signs as mathematics."""
    return text.replace("$", r"\$")


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


def _draw_image(axes, image, unit, figure):
    good = image[np.isfinite(image)]
    low, high = np.percentile(good, [1, 99.5]) if good.size else (0, 1)
    shown = axes.imshow(
        image, origin="lower", cmap="viridis", vmin=low, vmax=max(high, low + 1e-6), interpolation="none"
    )
    figure.colorbar(shown, ax=axes, shrink=0.85, label=unit)
    axes.set_title("SCI")


def _draw_flags(axes, flags):
    canvas = np.ones((*flags.shape, 3), "f4")
    share = []
    for flag, colour in zip(SHOWN, COLOURS, strict=True):
        where = (flags & flag) != 0
        canvas[where] = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        share.append(f"{flag.name} {where.mean():.2%}")
    axes.imshow(canvas, origin="lower", interpolation="none")
    axes.set_title("DQ")
    axes.set_xlabel("   ".join(share), fontsize=8)


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


def _draw_values(axes, image):
    good = image[np.isfinite(image)]
    low, high = np.percentile(good, [0.1, 99.5]) if good.size else (0, 1)
    axes.hist(good, bins=200, range=(low, max(high, low + 1e-6)), color="#3b6ea5")
    if good.size:
        axes.set_yscale("log")
    axes.set_title("values")
