"""What falls on the detector: stars, galaxies and sky, as electrons a second and pixel."""

from dataclasses import dataclass

import numpy as np

__all__ = ["SOURCE", "Field", "Target", "darkness", "populate", "render"]

SOURCE = np.dtype(
    [
        ("TYPE", "S8"),
        ("X", "f8"),
        ("Y", "f8"),
        ("RATE", "f8"),
        ("RADIUS", "f8"),
        ("INDEX", "f8"),
        ("AXIS_RATIO", "f8"),
        ("ANGLE", "f8"),
    ]
)

PIXELS_A_STAR = 4000
STAMP = 40  # half width of a star's image, pixels: what falls outside is left out


@dataclass(frozen=True)
class Field:
    """Stars and galaxies all over the window.

    A scene is called with the `Exposure`, the options of its mode, a depth (see `populate`) and a random number
    generator; it gives the sources, ndarray of SOURCE, and their light, ndarray of float32, (ny, nx), in e-/s.

    Attributes
    ----------
    optics : Optics
        Shape of stars.
    """

    optics: object

    def __call__(self, exposure, options, depth, stream):
        """Draw it."""
        shape = exposure.window.shape
        sources = populate(shape, options, self.optics, depth, stream)
        return sources, render(shape, sources, options.sky, self.optics)


@dataclass(frozen=True)
class Target:
    """One star within a pixel of the middle of the window; a scene as `Field` is.

    Attributes
    ----------
    optics : Optics
        Its shape.
    level : float
        Rate of its central pixel against the one that saturates it in an integration.
    """

    optics: object
    level: float = 0.5

    def __call__(self, exposure, options, depth, stream):
        """Draw it."""
        shape = exposure.window.shape
        sources = np.zeros(1, SOURCE)
        sources["TYPE"], sources["AXIS_RATIO"] = b"STAR", 1
        for name, size in (("Y", shape[0]), ("X", shape[1])):
            sources[name] = (size - 1) / 2 + stream.uniform(-1, 1)
        sources["RATE"] = self.level * depth * options.brightness / self.optics.peak
        return sources, render(shape, sources, options.sky, self.optics)


def darkness(exposure, options, depth, stream):
    """Draw nothing: a scene as `Field` is."""
    return np.zeros(0, SOURCE), np.zeros(exposure.window.shape, "f4")


def populate(shape, options, optics, depth, stream):
    """Draw the sources of a field.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    options : Options
        How many, and how bright.
    optics : Optics
        Shape of stars.
    depth : float
        Rate that fills a pixel in one integration, e-/s: an observer chooses targets to suit, so the central pixels of
        stars have 0.003 to 3 times this rate.
    stream : numpy.random.Generator
        Random numbers.

    Returns
    -------
    ndarray of SOURCE
        Centres in pixels from 0, rates in e-/s in all, effective radii in pixels, Sersic indices, angles in radians.
    """
    ny, nx = shape
    nstars = options.stars if options.stars is not None else max(1, round(ny * nx / PIXELS_A_STAR))
    sources = np.zeros(nstars + options.galaxies, SOURCE)
    sources["X"] = stream.uniform(4, nx - 5, sources.size)
    sources["Y"] = stream.uniform(4, ny - 5, sources.size)
    level = depth * options.brightness * 10 ** stream.uniform(-2.5, 0.5, sources.size)
    shape_draws = stream.uniform(size=(3, sources.size))
    stars, galaxies = sources[:nstars], sources[nstars:]
    stars["TYPE"] = b"STAR"
    stars["RATE"] = level[:nstars] / optics.peak
    stars["AXIS_RATIO"] = 1
    galaxies["TYPE"] = b"GALAXY"
    galaxies["RADIUS"] = min(nx, ny) / 25 * (0.5 + shape_draws[0, nstars:])
    galaxies["INDEX"] = 1 + 1.5 * shape_draws[1, nstars:]
    galaxies["AXIS_RATIO"] = 0.4 + 0.6 * shape_draws[2, nstars:]
    galaxies["ANGLE"] = np.pi * stream.uniform(size=options.galaxies)
    galaxies["RATE"] = 0.02 * depth * options.brightness * 2 * np.pi * galaxies["RADIUS"] ** 2 * galaxies["AXIS_RATIO"]
    return sources


def render(shape, sources, sky, optics):
    """Draw the image of a field.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    sources : ndarray of SOURCE
        Stars and galaxies.
    sky : float
        e-/s a pixel.
    optics : Optics
        Shape of stars.

    Returns
    -------
    ndarray of float32, (ny, nx)
        e-/s.
    """
    image = np.full(shape, sky, "f4")
    for source in sources:
        star = source["TYPE"] == b"STAR"
        reach = STAMP if star else int(12 * source["RADIUS"]) + 1
        rows, columns = (
            slice(max(0, int(centre) - reach), max(0, min(size, int(centre) + reach + 1)))
            for centre, size in zip((source["Y"], source["X"]), shape, strict=True)
        )
        y, x = np.ogrid[rows, columns]
        profile = _star(source, x, y, optics) if star else _galaxy(source, x, y)
        image[rows, columns] += source["RATE"] * profile
    return image


def _star(source, x, y, optics):
    """Mean over 3 x 3 points of each pixel: the profile bends within one."""
    steps = np.array([-1, 0, 1]) / 3
    return sum(optics.profile(x - source["X"] + dx, y - source["Y"] + dy) for dx in steps for dy in steps) / 9


def _galaxy(source, x, y):
    """Sersic profile of unit flux: half of the light within the ellipse of the effective radius."""
    from math import gamma

    n, q = source["INDEX"], source["AXIS_RATIO"]
    b = 2 * n - 1 / 3 + 0.009876 / n
    dx, dy = x - source["X"], y - source["Y"]
    along = dx * np.cos(source["ANGLE"]) + dy * np.sin(source["ANGLE"])
    across = -dx * np.sin(source["ANGLE"]) + dy * np.cos(source["ANGLE"])
    radius = np.sqrt(along**2 + (across / q) ** 2 + 0.25) / source["RADIUS"]  # 0.25: no cusp sharper than a pixel
    total = 2 * np.pi * source["RADIUS"] ** 2 * q * n * np.exp(b) * b ** (-2 * n) * gamma(2 * n)
    return np.exp(-b * (radius ** (1 / n) - 1)) / total
