"""Pictures of mosaics: the sky with its sources, how often each part was seen, how bright the sources are."""

from pathlib import Path

import numpy as np

from jwpipe.errors import InputError
from jwpipe.report.drawing import draw_image, draw_values, words

__all__ = ["CATALOGUE", "beside", "is_mosaic", "is_segments", "plan", "plan_segments", "read_sources"]

CATALOGUE = ".ecsv"
ENDING = "_cat.ecsv"
POINT, EXTENDED = "#ff7030", "#40d0ff"
EXTENT = 3.0  # standard deviations of an extended source that its ellipse spans
SMALLEST = 4.0  # pixels, radius of a mark
SHADES = 64  # colours of segments, of which neighbours rarely have the same


def is_mosaic(file):
    """Whether a file holds exposures that are combined on one grid."""
    return "WHT" in file and len(file["SCI"].shape) == 2


def is_segments(file):
    """Whether a file tells which source each pixel belongs to."""
    return len(file["SCI"].shape) == 2 and file["SCI"].stored.kind in "iu"


def beside(catalogue):
    """Find the mosaic that a catalogue was made of.

    Parameters
    ----------
    catalogue : pathlib.Path
        The catalogue.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    InputError
        It is not beside the catalogue.
    """
    path = catalogue.with_name(catalogue.name.removesuffix(CATALOGUE).removesuffix("_cat") + "_i2d.fits")
    if not catalogue.is_file():
        raise InputError(f"there is no file {catalogue}")
    if not path.is_file():
        raise InputError(f"there is no mosaic {path} to draw {catalogue.name} on", "look at a mosaic with --catalog")
    return path


def read_sources(path):
    """Read a catalogue.

    Parameters
    ----------
    path : path-like
        Table in ECSV with ``xcentroid`` and ``ycentroid``.

    Returns
    -------
    dict of str to ndarray
        Its columns.

    Raises
    ------
    InputError
        It cannot be read, or lacks these columns.
    """
    from astropy.io import ascii

    try:
        # Without the types that the header declares: positions and numbers are all that is drawn.
        table = ascii.read(Path(path).read_text(), format="basic", comment="#", guess=False)
    except (OSError, UnicodeDecodeError, ValueError, ascii.InconsistentTableError) as problem:
        raise InputError(f"{path} is no catalogue: {str(problem).splitlines()[0]}") from None
    columns = {
        name: np.ma.filled(table[name], np.nan) if table[name].dtype.kind == "f" else np.asarray(table[name])
        for name in table.colnames
    }
    missing = {"xcentroid", "ycentroid"} - set(columns)
    if missing:
        raise InputError(f"{path} is no catalogue: it has no column {min(missing)}")
    return columns


def plan(file, catalog=None):
    """Tell how to draw a mosaic.

    Parameters
    ----------
    file : FitsFile
        The mosaic.
    catalog : path-like, optional
        Its sources; by default those of the catalogue beside it, if there is one.

    Returns
    -------
    draw : callable
        Draws on a figure and its axes.
    panels : int
        How many axes there have to be.
    """
    if catalog is None:
        found = file.path.with_name(file.path.name.removesuffix(".fits").removesuffix("_i2d") + ENDING)
        catalog = found if found.is_file() else None
    sources = None if catalog is None else read_sources(catalog)
    image, weight = file["SCI"].read("f4"), file["WHT"].read("f4")
    seen = _exposures(file) if "CON" in file else weight
    image[weight == 0] = np.nan

    def draw(made, axes):
        left, middle, right = axes
        draw_image(left, image, words(file["SCI"], "BUNIT"), made, stretched=True)
        draw_image(middle, seen, "exposures" if "CON" in file else "weight", made, title="coverage")
        if sources is None:
            draw_values(right, image)
        else:
            _mark(left, sources)
            _draw_brightness(right, sources)

    return draw, 3


def plan_segments(file):
    """Tell how to draw segments, see `plan`."""
    labels = file["SCI"].read("u4")

    def draw(made, axes):
        shades = np.where(labels == 0, np.nan, labels * 29 % SHADES + 1)
        axes.imshow(shades, origin="lower", interpolation="none", cmap="nipy_spectral", vmin=0, vmax=SHADES + 1)
        axes.set_title(f"{len(np.unique(labels[labels > 0]))} segments")

    return draw, 1


def _exposures(file):
    """How many exposures each pixel has."""
    count = np.zeros(file["SCI"].shape, "f4")
    for plane in range(file["CON"].shape[0]):
        count += np.bitwise_count(file["CON"].read("i4", (plane,)).view("u4"))
    return count


def _mark(axes, sources):
    """Draw a ring about every source: an ellipse where it is extended."""
    from matplotlib.collections import EllipseCollection

    x, y = sources["xcentroid"], sources["ycentroid"]
    extended = _flags(sources, "is_extended", len(x))
    size = {
        name: np.maximum(SMALLEST, EXTENT * sources.get(name, np.zeros(len(x))))
        for name in ("semimajor_sigma", "semiminor_sigma")
    }
    angle = sources.get("orientation", np.zeros(len(x)))
    for chosen, colour, name in ((~extended, POINT, "point"), (extended, EXTENDED, "extended")):
        if not chosen.any():
            continue
        widths, heights = (2 * values[chosen] for values in size.values())
        axes.add_collection(
            EllipseCollection(
                widths,
                heights,
                angle[chosen],
                units="xy",
                offsets=np.column_stack([x[chosen], y[chosen]]),
                offset_transform=axes.transData,
                facecolors="none",
                edgecolors=colour,
                linewidths=0.7,
            )
        )
        axes.plot([], [], "o", mfc="none", color=colour, label=f"{chosen.sum()} {name}")
    axes.legend(fontsize=8, loc="upper right")


def _draw_brightness(axes, sources):
    """Draw the magnitudes of sources against their uncertainties, or how many sources there are."""
    names = "aper_total_abmag", "aper_total_abmag_err"
    if not all(name in sources for name in names):
        axes.text(0.5, 0.5, f"{len(sources['xcentroid'])} sources", ha="center", transform=axes.transAxes)
        axes.set_axis_off()
        return
    magnitude, error = (sources[name] for name in names)
    extended = _flags(sources, "is_extended", len(magnitude))
    good = np.isfinite(magnitude) & (error > 0)
    for chosen, colour in ((good & ~extended, POINT), (good & extended, EXTENDED)):
        axes.semilogy(magnitude[chosen], error[chosen], ".", color=colour)
    axes.set_title(f"{len(magnitude)} sources")
    axes.set_xlabel("AB magnitude")
    axes.set_ylabel("uncertainty")


def _flags(sources, name, count):
    """A column of truths, which a plain table has as text."""
    values = sources.get(name, np.zeros(count, bool))
    return values if values.dtype == bool else np.char.lower(values.astype(str)) == "true"
