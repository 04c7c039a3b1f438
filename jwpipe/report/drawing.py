"""What pictures have in common: figures, images, words about files."""

import base64
import io
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from jwpipe.errors import OutputError, UsageError
from jwpipe.report.plain import keyword_value, write_whole

__all__ = ["draw_image", "draw_values", "embedded", "figure", "literal", "save", "words"]

FINEST = 1400  # pixels along a side of an image that a picture can show


@contextmanager
def figure(columns, title, height=5.4):
    """Make a figure of panels in a row, and close it in the end.

    Parameters
    ----------
    columns : int
        Panels.
    title : str
        Words above them.
    height : float, optional
        Inches; panels are as wide.

    Yields
    ------
    figure, axes
        Of matplotlib.

    Raises
    ------
    UsageError
        matplotlib is missing.
    """
    try:
        import matplotlib as mpl
    except ImportError:
        raise UsageError("pictures need matplotlib", "pip install 'jwpipe[plot]'") from None
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    made, axes = plt.subplots(1, columns, figsize=(columns * height * 0.99, height), layout="constrained")
    made.suptitle(literal(title))
    try:
        yield made, axes
    finally:
        plt.close(made)


def save(made, target, dpi=110):
    """Write a figure to a file whole; its folder is made if need be.

    Raises
    ------
    OutputError
        It cannot be written, or the ending is that of no picture.
    """
    try:
        picture = _picture(made, dpi, Path(target).suffix.removeprefix(".") or "png")
    except ValueError as problem:
        raise OutputError(f"cannot write {target}: {problem}", "name it .png") from None
    write_whole(target, picture)


def _picture(made, dpi, kind):
    picture = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # that no font has: names of files may hold any
        made.savefig(picture, dpi=dpi, format=kind)
    return picture.getvalue()


def embedded(made, dpi=70):
    """Give a figure as the source of an image in a page."""
    return "data:image/png;base64," + base64.b64encode(_picture(made, dpi, "png")).decode("ascii")


def words(extension, *keywords):
    """Values of those keywords that have one, as text."""
    cards = [extension.header.cards[keyword] for keyword in keywords if keyword in extension.header]
    return " ".join(str(value) for value in map(keyword_value, cards) if value is not None)


def literal(text):
    """Keep matplotlib from reading dollar signs as mathematics."""
    return text.replace("$", r"\$")


def draw_image(axes, image, unit, made, title="SCI", stretched=False):
    """Draw an image with its scale.

    Parameters
    ----------
    axes : matplotlib Axes
        Where.
    image : ndarray, (ny, nx)
        Values; NaN stays white.
    unit : str
        Theirs.
    made : matplotlib Figure
        What the axes are of.
    title : str, optional
        Above it.
    stretched : bool, optional
        Whether faint and bright are to be seen at once.
    """
    good = image[np.isfinite(image)]
    low, high = np.percentile(good, [1, 99.5]) if good.size else (0, 1)
    scale = {"vmin": low, "vmax": max(high, low + 1e-6)}
    if stretched and good.size:
        from matplotlib.colors import AsinhNorm

        middle = np.median(good)
        spread = 1.4826 * np.median(np.abs(good - middle)) or 1e-6
        top = max(np.percentile(good, 99.9), middle + 5 * spread)
        scale = {"norm": AsinhNorm(3 * spread, vmin=middle - 3 * spread, vmax=top)}
    ny, nx = image.shape
    step = -(-max(ny, nx) // FINEST)
    shown = axes.imshow(
        image[::step, ::step],
        origin="lower",
        cmap="viridis",
        interpolation="none",
        extent=(-0.5, nx - 0.5, -0.5, ny - 0.5),
        **scale,
    )
    made.colorbar(shown, ax=axes, shrink=0.85, label=literal(unit))
    axes.set_title(title)


def draw_values(axes, image):
    """Draw how often values occur."""
    good = image[np.isfinite(image)]
    low, high = np.percentile(good, [0.1, 99.5]) if good.size else (0, 1)
    axes.hist(good, bins=200, range=(low, max(high, low + 1e-6)), color="#3b6ea5")
    if good.size:
        axes.set_yscale("log")
    axes.set_title("values")
