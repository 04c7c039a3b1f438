"""Exposures of a field of stars whose pointing is off, with the distortion of a real detector."""

from pathlib import Path

import numpy as np

from jwpipe.products.exposures import open_exposures
from jwpipe.products.images import Image
from jwpipe.wcs.imaging import imaging_wcs

DATA = Path(__file__).parent / "data" / "wcs"
CENTRE = 80.0, -69.5
KEYWORDS = {
    "TELESCOP": "JWST",
    "DATE-OBS": "2023-02-25",
    "TIME-OBS": "02:24:00.000",
    "VPARITY": -1,
    "VA_SCALE": 1.00003,
    "PIXAR_SR": 9.3e-14,
    "PROGRAM": "00001",
    "OBSERVTN": "001",
    "VISIT": "001",
    "VISITGRP": "02",
    "SEQ_ID": "1",
    "ACT_ID": "01",
}

# Distortion, pixel scale (arcsec) and keywords of each instrument.
CAMERAS = {
    "NIRCAM": (
        "jwst_nircam_distortion_0096.asdf",
        0.0628,
        {"DETECTOR": "NRCBLONG", "CHANNEL": "LONG", "MODULE": "B", "FILTER": "F444W", "PUPIL": "CLEAR"}
        | {"EXP_TYPE": "NRC_IMAGE", "V2_REF": -89.3892, "V3_REF": -491.444, "V3I_YANG": 0.08},
    ),
    "NIRISS": (
        "jwst_niriss_distortion_0010.asdf",
        0.0655,
        {"DETECTOR": "NIS", "FILTER": "CLEAR", "PUPIL": "F150W"}
        | {"EXP_TYPE": "NIS_IMAGE", "V2_REF": -289.966976, "V3_REF": -697.723326, "V3I_YANG": 0.57},
    ),
    "MIRI": (
        "jwst_miri_imager_distortion_flt9.asdf",
        0.1109,
        {"DETECTOR": "MIRIMAGE", "FILTER": "F770W", "BAND": "N/A"}
        | {"EXP_TYPE": "MIR_IMAGE", "V2_REF": -453.559, "V3_REF": -373.814, "V3I_YANG": 4.8},
    ),
}
SHAPE = 320, 300
START = 901, 851  # first column and row on the detector
WIDTH = 1.1  # standard deviation of a star, pixels
NOISE = 0.05

# Offsets of dithers, arcsec, and errors of the pointing as stated: arcsec, and degrees of roll.
DITHERS = ((0, 0, 0), (1.4, -0.9, 0.2), (-1.1, 1.8, -0.1), (0.6, 1.2, 0.05))
ERRORS = ((0, 0, 0), (0.21, -0.16, 0.01), (-0.12, -0.2, -0.008), (0.25, 0.1, 0.004))


class Field:
    """Stars on the sky, and the exposures of them.

    Attributes
    ----------
    ra, dec, flux : ndarray of float64, (n,)
        Stars: degrees, and sums of values.
    paths : list of pathlib.Path
        The exposures' files.
    pixels : list of tuple of ndarray
        True columns and rows of all stars, an exposure each.
    """

    def __init__(self, seed=1, across=13, spacing=2.2, instrument="NIRCAM"):
        distortion, self.scale, self.keywords = CAMERAS[instrument]
        self.distortion, self.keywords = DATA / distortion, self.keywords | {"INSTRUME": instrument}
        rng = np.random.default_rng(seed)
        steps = (np.arange(across) - (across - 1) / 2) * spacing
        east, north = np.array(np.meshgrid(steps, steps)).reshape(2, -1) + rng.uniform(-0.5, 0.5, (2, across**2))
        self.ra, self.dec = place(east, north)
        self.flux = 10 ** rng.uniform(2.2, 3.4, across**2)
        self.paths, self.pixels = [], []

    def expose(self, folder, dither=(0, 0, 0), error=(0, 0, 0), start=START, stars=slice(None), **keywords):
        """Write an exposure that is `dither` away from the centre of the field, and says so but for `error`."""
        rng = np.random.default_rng(len(self.paths))
        number = keywords.setdefault("EXPOSURE", str(len(self.paths) + 1))
        keywords |= {"SUBSTRT1": start[0], "SUBSTRT2": start[1], "SUBSIZE1": SHAPE[1], "SUBSIZE2": SHAPE[0]}
        image = Image()
        true = self._coordinates(image, keywords, *dither)
        columns, rows = true.invert(self.ra, self.dec)
        image.data = rng.normal(1, NOISE, SHAPE).astype("f4")
        for x, y, flux in zip(columns[stars], rows[stars], self.flux[stars], strict=True):
            add_star(image.data, x, y, flux)
        image.dq = (rng.random(SHAPE) < 0.002).astype("u4")
        image.err = np.full(SHAPE, NOISE, "f4")
        image.wcs = self._coordinates(image, keywords, *np.add(dither, error))
        path = (
            Path(folder)
            / f"jw00001001001_02101_{int(number):05d}_{self.keywords['DETECTOR'].lower()}{len(self.paths)}_cal.fits"
        )
        image.write(path)
        self.paths.append(path)
        self.pixels.append((columns, rows))
        return path

    def _coordinates(self, image, keywords, east, north, roll):
        ra, dec = place(np.array([east]), np.array([north]))
        # The middle of the subarray is not that of the detector, but the field is large.
        pointing = {"RA_REF": float(ra[0]), "DEC_REF": float(dec[0]), "ROLL_REF": float(30.0 + roll)}
        for keyword, value in (KEYWORDS | self.keywords | pointing | keywords).items():
            image[keyword] = value
        image.data = np.zeros(SHAPE, "f4") if "data" not in image.fields else image.data
        return imaging_wcs(image, self.distortion)

    def open(self, threads=2, **options):
        """Open all exposures."""
        return open_exposures(self.paths, threads=threads, name="field", folder=self.paths[0].parent, **options)

    def residuals(self, exposures, i, ra, dec):
        """Distances, pixels, from places on the sky to where an exposure says that its stars are."""
        columns, rows = self.pixels[i]
        ny, nx = SHAPE
        seen = (columns > 0) & (columns < nx - 1) & (rows > 0) & (rows < ny - 1)
        there = exposures[i].wcs(columns, rows)
        east = (there[0] - ra) * np.cos(np.radians(dec))
        return (np.hypot(east, there[1] - dec) * 3600 / self.scale)[seen]

    def relative_error(self, exposures, i):
        """Root mean square distance of an exposure's stars from where the first exposure has them, pixels."""
        return np.sqrt((self.residuals(exposures, i, *exposures[0].wcs(*self.pixels[0])) ** 2).mean())

    def absolute_error(self, exposures, i):
        """Root mean square distance of an exposure's stars from where they are, pixels."""
        return np.sqrt((self.residuals(exposures, i, self.ra, self.dec) ** 2).mean())


def place(east, north):
    """Right ascension and declination, degrees, of offsets from the centre, arcsec."""
    dec = CENTRE[1] + north / 3600
    return CENTRE[0] + east / 3600 / np.cos(np.radians(CENTRE[1])), dec


def add_star(data, x, y, flux):
    """Add a star."""
    half = 8
    column, row = round(float(x)), round(float(y))
    if not (-half < column < data.shape[1] + half and -half < row < data.shape[0] + half):
        return
    ends = [(max(0, n - half), min(n + half + 1, m)) for n, m in zip((row, column), data.shape, strict=True)]
    window = tuple(slice(*pair) for pair in ends)
    v, u = np.ogrid[window]
    data[window] += flux / (2 * np.pi * WIDTH**2) * np.exp(-((u - x) ** 2 + (v - y) ** 2) / (2 * WIDTH**2))


def dithered(folder, **options):
    """A field with the exposures of `DITHERS`, their pointing off by `ERRORS`."""
    field = Field(**options)
    for dither, error in zip(DITHERS, ERRORS, strict=True):
        field.expose(folder, dither, error)
    return field
