"""Small dithered exposures of one field, for steps that combine them."""

import numpy as np
from builders import MODE

from jwpipe.drizzle.grid import Grid, linear_keywords
from jwpipe.products.exposures import Exposures
from jwpipe.products.images import Image

SCALE = 0.11 / 3600  # of a pixel, degrees
CENTRE = 80.49, -69.5
NOISE, SKY = 0.3, 2.0
WIDTH = 2.0  # standard deviation of a star, pixels


def make_exposure(folder, number, offset=(0.0, 0.0), roll=0.0, shape=(64, 60), sky=SKY, seed=0, **keywords):
    """An exposure of stars, MJy/sr.

    Parameters
    ----------
    offset : tuple of float
        Of the pointing along x and y, pixels.
    roll : float
        Position angle of the y axis, degrees.
    """
    from jwpipe.wcs import Wcs

    ny, nx = shape
    rng = np.random.default_rng(1000 + number)
    angle = np.deg2rad(roll)
    pc = [[-np.cos(angle), np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    image = Image()
    crpix = (nx - 1) / 2 - offset[0], (ny - 1) / 2 - offset[1]
    image.data = np.full(shape, sky, "f4")
    image.wcs = Wcs.tangent(crpix, CENTRE, pc, (SCALE, SCALE), shape)
    star_ra, star_dec, flux = stars(seed)
    y, x = np.indices(shape)
    for column, row, total in zip(*image.wcs.invert(star_ra, star_dec), flux, strict=True):
        profile = np.exp(-((x - column) ** 2 + (y - row) ** 2) / (2 * WIDTH**2)) / (2 * np.pi * WIDTH**2)
        image.data += (total * profile).astype("f4")
    image.data += rng.normal(0, NOISE, shape).astype("f4")
    image.err = np.full(shape, NOISE, "f4")
    image.dq = np.zeros(shape, "u4")
    image.var_rnoise, image.var_poisson = (np.full(shape, NOISE**2 / 2, "f4") for _ in range(2))
    image.var_flat = np.zeros(shape, "f4")
    image.path = folder / f"jw01234001001_02101_{number + 1:05d}_nrca1_cal.fits"
    place = {"SUBARRAY": "SUB64", "SUBSTRT1": 1, "SUBSTRT2": 1, "SUBSIZE1": nx, "SUBSIZE2": ny}
    names = {"PROGRAM": "01234", "OBSERVTN": "001", "VISIT": "001", "VISITGRP": "02", "SEQ_ID": "1", "ACT_ID": "01"}
    times = {"EFFEXPTM": 100.0 + number, "TMEASURE": 90.0 + number, "DURATION": 110.0, "EXPSTART": 60000.0 + number}
    times["EXPEND"] = 60000.5 + number
    sky_place = {"RA_REF": CENTRE[0], "DEC_REF": CENTRE[1], "ROLL_REF": roll, "V3I_YANG": 0.0, "VPARITY": -1}
    area = np.deg2rad(SCALE) ** 2
    more = {
        "EXPOSURE": f"{number + 1:05d}",
        "FILTER": "F200W",
        "PIXAR_SR": area,
        "BUNIT": "MJy/sr",
        "TARGTYPE": "FIXED",
    }
    more |= linear_keywords(Grid(image.wcs, shape, area, (crpix, CENTRE, np.array(pc), SCALE)))
    for keyword, value in (MODE | place | names | times | sky_place | more | keywords).items():
        image[keyword] = value
    return image


def stars(seed=0, count=12, reach=24):
    """Right ascensions and declinations, degrees, and fluxes: sums of pixel values."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-reach, reach, (2, count)) * SCALE
    return CENTRE[0] + x / np.cos(np.deg2rad(CENTRE[1])), CENTRE[1] + y, rng.uniform(50, 800, count)


def make_exposures(folder, count=4, **options):
    """Exposures dithered by some pixels and parts of pixels, turned a little."""
    offsets = [(2.3 * i - 3, 1.7 * ((i * 3) % 5) - 2.6) for i in range(count)]
    images = [make_exposure(folder, i, offset, roll=30 + 0.5 * i, **options) for i, offset in enumerate(offsets)]
    return Exposures(images, "mosaic", folder, asn_id="a3001", table="asn.json")


def hit(image, seed, count=25, height=60.0):
    """Put cosmic rays onto an exposure; gives where."""
    rng = np.random.default_rng(seed)
    where = np.zeros(image.shape, bool)
    where[rng.integers(6, image.shape[0] - 6, count), rng.integers(6, image.shape[1] - 6, count)] = True
    image.data[where] += height
    return where
