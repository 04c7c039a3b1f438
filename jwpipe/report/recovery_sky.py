"""How well stages 2 and 3 recover a simulated sky: places and brightness of its stars, levels of its background."""

from dataclasses import dataclass

import numpy as np

from jwpipe.errors import InputError
from jwpipe.products.fitsfile import FitsFile
from jwpipe.products.images import Image
from jwpipe.report.mosaic import read_sources

__all__ = ["SkyRecovery", "recover_sky", "relative_astrometry"]

BRIGHT = 100.0  # signal to noise of stars whose magnitudes are compared
CLOSE = 0.3  # arcsec within which a catalogue's source is a star of the truth
ARCSEC, MILLIARCSEC = 3600.0, 3.6e6  # in a degree


@dataclass(frozen=True)
class SkyRecovery:
    """What was recovered.

    Attributes
    ----------
    before, after : float
        Relative astrometry of the exposures before and after their alignment, see `relative_astrometry`, pixels.
    common : float
        How far all of them together are off, mas: nothing tells, without stars of known places.
    scatter : float
        Deviation of stars of the catalogue from their true places, but for what is common, mas rms in one axis.
    stars : int
        Stars with a signal to noise ratio above 100.
    bias, deviation, noise : float
        Median difference of their magnitudes and the true ones; its spread; the spread that is to be expected.
    sky : float
        Deviation of the levels of the sky from the true ones, but for what is common, relative.
    """

    before: float
    after: float
    common: float
    scatter: float
    stars: int
    bias: float
    deviation: float
    noise: float
    sky: float

    def lines(self):
        """Give the summary as a user reads it."""
        yield f"relative astrometry    {self.before:.3f} pixels rms from the headers, {self.after:.4f} after alignment"
        yield f"places of stars        {self.scatter:.2f} mas rms, and {self.common:.0f} mas in common, as the pointing"
        yield (
            f"magnitudes             {self.bias:+.4f} from the truth, spread {self.deviation:.4f}"
            f" where noise makes {self.noise:.4f}: {self.stars} stars with S/N > {BRIGHT:g}"
        )
        yield f"levels of the sky      {self.sky:.2%} rms from the truth, relative to each other"


def recover_sky(catalogue, aligned, unaligned, truths):
    """Compare a catalogue and the exposures that it was made of with the truth.

    Parameters
    ----------
    catalogue : path-like
        The catalogue of the mosaic.
    aligned, unaligned : sequence of path-like
        Exposures after stage 3 (`crf`) and before (`cal`).
    truths : sequence of path-like
        Their truths, in the same order.

    Returns
    -------
    SkyRecovery

    Raises
    ------
    InputError
        The catalogue has no bright star of the truth, or the exposures share no source.
    """
    stars, common, scatter = _match(read_sources(catalogue), _stars(truths))
    difference = stars["aper_total_abmag"] - stars["true"]
    noise = stars["aper_total_abmag_err"]
    return SkyRecovery(
        before=relative_astrometry(unaligned, truths),
        after=relative_astrometry(aligned, truths),
        common=float(np.hypot(*common)),
        scatter=scatter,
        stars=len(difference),
        bias=float(np.median(difference)),
        deviation=_spread(difference),
        noise=float(np.sqrt(np.mean(noise**2))),
        sky=_levels(aligned, truths),
    )


def relative_astrometry(exposures, truths):
    """Tell how well exposures agree on where sources are.

    Where the coordinates of an exposure put a source that truly falls on a pixel is compared with where the others put
    it. What is common to all is left out, and so is the noise of measured positions: none is measured.

    Parameters
    ----------
    exposures : sequence of path-like
        Exposures with coordinates.
    truths : sequence of path-like
        Their truths, in the same order.

    Returns
    -------
    float
        Distance from the mean over exposures, rms, pixels.

    Raises
    ------
    InputError
        They share no source.
    """
    places, scale = {}, None
    for exposure, truth in zip(exposures, truths, strict=True):
        product = Image.read(exposure)
        ny, nx = product.shape[-2:]
        file = FitsFile(truth)
        scale = file.primary["PIXAR_A2"] ** 0.5
        sources = file["SOURCES"].table()
        x, y = (np.ascontiguousarray(sources[name], "f8") for name in ("X", "Y"))
        inside = (x > -0.5) & (x < nx - 0.5) & (y > -0.5) & (y < ny - 0.5)
        ra, dec = product.wcs(x[inside], y[inside])
        off = _offsets(ra, dec, sources["RA"][inside], sources["DEC"][inside]) / scale
        for key, place in zip(zip(sources["RA"][inside], sources["DEC"][inside], strict=True), off.T, strict=True):
            places.setdefault(tuple(map(float, key)), []).append(place)
    shared = [np.array(seen) - np.mean(seen, axis=0) for seen in places.values() if len(seen) > 1]
    if not shared:
        raise InputError("no source of the truth falls on two of the exposures")
    deviations = np.concatenate(shared)
    return float(np.sqrt((deviations**2).sum(axis=1).mean()))


def _offsets(ra, dec, true_ra, true_dec):
    """East and north of the truth, arcsec, (2, n)."""
    cosine = np.cos(np.deg2rad(true_dec))
    return np.array([((ra - true_ra + 180) % 360 - 180) * cosine, dec - true_dec]) * ARCSEC


def _stars(truths):
    """True stars of all exposures, each once: right ascension, declination, magnitude."""
    rows = {}
    for truth in truths:
        for row in FitsFile(truth)["SOURCES"].table():
            if str(row["TYPE"]).strip() == "STAR":
                rows[float(row["RA"]), float(row["DEC"])] = float(row["ABMAG"])
    return np.array([(*place, magnitude) for place, magnitude in rows.items()])


def _match(catalogue, stars):
    """Find the catalogue's bright stars in the truth.

    Returns
    -------
    columns : dict of str to ndarray
        Of the catalogue, and ``true``: the true magnitudes.
    common : ndarray, (2,)
        East and north by which all are off, mas.
    scatter : float
        What remains, rms in one axis, mas.
    """
    ra, dec = (np.asarray(catalogue[f"sky_centroid.{name}"], "f8") for name in ("ra", "dec"))
    with np.errstate(invalid="ignore", divide="ignore"):
        bright = catalogue["aper_total_flux"] / catalogue["aper_total_flux_err"] > BRIGHT
    chosen, nearest = [], []
    for i in np.flatnonzero(bright):
        off = np.hypot(*_offsets(ra[i], dec[i], stars[:, 0], stars[:, 1]))
        if off.min() < CLOSE:
            chosen.append(i)
            nearest.append(off.argmin())
    if not chosen:
        raise InputError(f"no star of the catalogue with a signal to noise ratio above {BRIGHT:g} is one of the truth")
    stars = stars[nearest]
    off = _offsets(ra[chosen], dec[chosen], stars[:, 0], stars[:, 1]) * MILLIARCSEC / ARCSEC
    common = np.median(off, axis=1)
    scatter = float(np.sqrt(np.mean([_spread(axis) ** 2 for axis in off])))
    return {name: values[chosen] for name, values in catalogue.items()} | {"true": stars[:, 2]}, common, scatter


def _levels(exposures, truths):
    """Deviation of the levels of the sky that were found, but for what is common, relative to their mean."""
    found = np.array([FitsFile(path).primary.get("BKGLEVEL", np.nan) for path in exposures], "f8")
    true = np.array([FitsFile(path).primary["SKYSB"] for path in truths])
    return float(np.std(found - true) / true.mean())


def _spread(values):
    """Standard deviation, as the median of deviations tells it: stars at defects do not count."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))
