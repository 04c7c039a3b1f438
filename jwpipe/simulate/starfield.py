"""A sky of stars and galaxies that is the same wherever, whenever and with whatever it is looked at.

The sky about a target is cut into square cells, each with one source near its middle, drawn from random numbers of its
own. So exposures of any pointing, detector and filter agree on what there is, and no two sources lie on each other.
"""

from dataclasses import dataclass

import numpy as np

from jwpipe.simulate.bandpass import REFERENCE, flux, magnitude
from jwpipe.simulate.pointing import direction, sky_of, tangent_axes
from jwpipe.simulate.scene import SOURCE, STAMP

__all__ = ["SKY_SOURCE", "StarField"]

SKY_SOURCE = np.dtype([*SOURCE.descr, ("RA", "f8"), ("DEC", "f8"), ("ABMAG", "f8")])
CELL = np.dtype(
    [
        ("EAST", "f8"),
        ("NORTH", "f8"),
        ("MAGNITUDE", "f8"),
        ("COLOUR", "f8"),
        ("GALAXY", "?"),
        ("RADIUS", "f8"),
        ("INDEX", "f8"),
        ("AXIS_RATIO", "f8"),
        ("ANGLE", "f8"),
    ]
)
SPREAD = 0.3  # of a cell's side by which a source lies off its middle, at most
COLOURS = -1.5, 0.5  # exponents of the wavelength in fluxes: least and greatest
RADII = 0.04, 0.12  # effective radii of galaxies, of a cell's side
FIRST = 2**20  # added to the numbers of cells: streams of random numbers have none below 0
ARCSEC = np.deg2rad(1 / 3600)


@dataclass(frozen=True)
class StarField:
    """The sky about a target.

    Attributes
    ----------
    target : tuple of float
        Right ascension and declination, degrees.
    spacing : float
        Side of a cell, arcsec.
    magnitudes : tuple of float
        Brightest and faintest AB magnitude at 2 um.
    galaxies : float
        Part of the sources that are galaxies.
    streams : Streams
        Random numbers.
    """

    target: tuple[float, float]
    spacing: float
    magnitudes: tuple[float, float]
    galaxies: float
    streams: object

    def sources(self, camera, shape, bandpass):
        """List the sources that shed light into a window.

        Parameters
        ----------
        camera : Camera
            The window's way to the sky.
        shape : tuple of int
            Its rows and columns.
        bandpass : Bandpass
            What it is seen through.

        Returns
        -------
        ndarray of SKY_SOURCE
            As `jwpipe.simulate.scene.SOURCE`; and right ascension and declination in degrees, and the AB magnitude.
        """
        cells = self._cells(camera, shape)
        found = np.zeros(len(cells), SKY_SOURCE)
        found["TYPE"] = np.where(cells["GALAXY"], b"GALAXY", b"STAR")
        found["RA"], found["DEC"] = self._sky(cells["EAST"], cells["NORTH"])
        found["X"], found["Y"] = camera.to_pixels(found["RA"], found["DEC"])
        jansky = flux(cells["MAGNITUDE"]) * (bandpass.wavelength / REFERENCE) ** cells["COLOUR"]
        found["ABMAG"] = magnitude(jansky)
        found["RATE"] = jansky * bandpass.electrons_a_jansky
        # One effective radius along the long axis, as the detector sees it.
        east, north = (cells["RADIUS"] * of(cells["ANGLE"]) for of in (np.sin, np.cos))
        end = camera.to_pixels(*self._sky(cells["EAST"] + east, cells["NORTH"] + north))
        dx, dy = end[0] - found["X"], end[1] - found["Y"]
        found["RADIUS"] = np.where(cells["GALAXY"], np.hypot(dx, dy), 0)
        found["ANGLE"] = np.where(cells["GALAXY"], np.arctan2(dy, dx), 0)
        found["INDEX"] = np.where(cells["GALAXY"], cells["INDEX"], 0)
        found["AXIS_RATIO"] = np.where(cells["GALAXY"], cells["AXIS_RATIO"], 1)
        reach = np.maximum(STAMP, 12 * found["RADIUS"])
        inside = (np.abs(found["X"] - (shape[1] - 1) / 2) < shape[1] / 2 + reach) & (
            np.abs(found["Y"] - (shape[0] - 1) / 2) < shape[0] / 2 + reach
        )
        return found[inside]

    def _sky(self, east, north):
        """Right ascension and declination of points of the plane that touches the sky at the target, arcsec."""
        point, to_east, to_north = tangent_axes(*self.target).T
        vectors = point + ARCSEC * (np.multiply.outer(east, to_east) + np.multiply.outer(north, to_north))
        return sky_of(vectors.T)

    def _plane(self, ra, dec):
        """The inverse of `_sky`."""
        depth, east, north = np.einsum("ji,j...->i...", tangent_axes(*self.target), direction(ra, dec))
        return east / depth / ARCSEC, north / depth / ARCSEC

    def _cells(self, camera, shape):
        """Draw the cells about a window, ndarray of CELL: positions and radii in arcsec."""
        ny, nx = shape
        x, y = np.meshgrid(np.linspace(-STAMP, nx + STAMP, 9), np.linspace(-STAMP, ny + STAMP, 9))
        spans = [
            range(int(np.floor(side.min() / self.spacing)) - 1, int(np.ceil(side.max() / self.spacing)) + 2)
            for side in self._plane(*camera.to_sky(x, y))
        ]
        return np.array([self._cell(i, j) for i in spans[0] for j in spans[1]], CELL)

    def _cell(self, i, j):
        east, north, level, colour, kind, *shape = self.streams("sky", i + FIRST, j + FIRST).random(9)
        bright, faint = self.magnitudes
        return (
            self.spacing * (i + SPREAD * (2 * east - 1)),
            self.spacing * (j + SPREAD * (2 * north - 1)),
            bright + (faint - bright) * np.sqrt(level),  # more faint ones than bright ones
            COLOURS[0] + (COLOURS[1] - COLOURS[0]) * colour,
            kind < self.galaxies,
            self.spacing * (RADII[0] + (RADII[1] - RADII[0]) * shape[0]),
            1 + 1.5 * shape[1],
            0.4 + 0.6 * shape[2],
            np.pi * shape[3],
        )
