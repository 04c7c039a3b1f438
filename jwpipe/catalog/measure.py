"""What is measured of every source of a mosaic: places, shapes, fluxes in segments and in circles, neighbours.

Source: Bertin & Arnouts 1996, A&AS 117, 393 (segments, moments); Stetson 1987, PASP 99, 191 (sharpness, roundness).
What is computed in which precision follows 1.14.1 and the release of `photutils` beside it.
"""

import numpy as np

from jwpipe.catalog.segmentation import sigma_of
from jwpipe.cext import photometry

__all__ = ["angle_of_north", "magnitudes", "measure"]

THINNEST = 1 / 12  # variance of a pixel's width, added to those of sources that are thinner
NOWHERE = -1000.0  # where sources without a place are put: nothing is there
ARCSEC = 1 / 3600


def measure(data, err, smoothed, labels, boxes, apertures, fwhm, threads=1):
    """Measure sources.

    Parameters
    ----------
    data, err : ndarray of float32, (ny, nx)
        Flux of each pixel, Jy, background subtracted, and its standard deviation.
    smoothed : ndarray of float32, (ny, nx)
        What places and shapes are taken from, in any unit.
    labels, boxes : ndarray
        As `jwpipe.catalog.segmentation.detect` gives them.
    apertures : jwpipe.catalog.references.Apertures
        Circles and annulus.
    fwhm : float
        Full width at half maximum of the Gaussian against which peaks are held, pixels.
    threads : int, optional
        Threads.

    Returns
    -------
    dict of str to ndarray
        By name: ``x``, ``y`` (pixels), ``flux``, ``flux_err`` (Jy, in the segment), ``area`` (pixels), ``major``,
        ``minor`` (standard deviations, pixels), ``angle`` (of the major axis from x, degrees), ``background``,
        ``background_err`` (Jy a pixel, in the annulus), ``circles``, ``circles_err`` (Jy, (n, k), background
        subtracted), ``sharpness``, ``roundness``, ``neighbour`` (its label, -1 for none), ``distance`` (pixels).
    """
    count = len(boxes)
    sums = np.empty((count, 9))
    photometry.segments(labels, boxes, data, err, smoothed, sums, threads)
    flux, variance, area, _, x, y, xx, xy, yy = sums.T
    found = {"x": x, "y": y, "flux": flux, "flux_err": np.sqrt(variance).astype("f4"), "area": area}
    found["major"], found["minor"], found["angle"] = shapes(xx, xy, yy)

    unknown = ~np.isfinite(x) | ~np.isfinite(y)
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    annuli = np.empty((count, 3))
    photometry.annuli(data, x, y, apertures.inner, apertures.outer, annuli, threads)
    background, spread, pixels = annuli.T
    found["background"] = background
    with np.errstate(divide="ignore", invalid="ignore"):
        found["background_err"] = np.sqrt(np.pi / (2 * pixels)) * spread  # of a median

    radii = apertures.radii.astype("f8")
    circles, variances = np.empty((2, count, len(radii)))
    photometry.circles(data, err, x, y, radii, circles, variances, threads)
    found["circles"] = circles - background[:, None] * (np.pi * radii**2)
    found["circles_err"] = np.sqrt(variances)

    peaks = np.empty((count, 2))
    photometry.peaks(data, x, y, *peak_kernel(sigma_of(fwhm)), peaks, threads)
    found["sharpness"], found["roundness"] = peaks[:, 0], peaks[:, 1].astype("f4")
    found["neighbour"], found["distance"] = neighbours(x, y, unknown, threads)
    return found


def shapes(xx, xy, yy):
    """Standard deviations along the axes of the ellipse with given second moments, and the angle of the major one."""
    # Those of lines and points are no ellipse's; rounding may even make them of none at all.
    with np.errstate(invalid="ignore"):
        impossible = xx * yy - xy * xy < 0
        xx, xy, yy = (np.where(impossible, np.nan, moment) for moment in (xx, xy, yy))
        while (thin := xx * yy - xy * xy < THINNEST**2).any():
            xx, yy = xx + thin * THINNEST, yy + thin * THINNEST
        mean, half = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
        angle = 0.5 * np.arctan2(2 * xy, xx - yy) * 180 / np.pi
        return np.sqrt(mean + half), np.sqrt(mean - half), angle


def peak_kernel(sigma):
    """Gaussian of a standard deviation without its mean, scaled to give the height of a peak; and where it lies."""
    radius = max(2.0, 1.5 * sigma)
    offset = np.arange(-int(radius), int(radius) + 1)
    square = offset[:, None] ** 2 + offset**2
    inside = np.sqrt(square) <= radius
    kernel = np.exp(-0.5 * square / sigma**2) * inside
    count, total = inside.sum(), kernel.sum()
    kernel = (kernel - total / count) / ((kernel**2).sum() - total**2 / count) * inside
    return kernel, inside.view("u1")


def neighbours(x, y, unknown, threads=1):
    """Label and distance of the nearest other source."""
    count = len(x)
    if count == 1:
        return np.array([-1], "i4"), np.array([np.nan])
    x, y = np.where(np.isfinite([x, y]), [x, y], NOWHERE)
    order = np.argsort(x, kind="stable")
    near, distance = np.empty(count, np.intp), np.empty(count)
    photometry.nearest(x[order], y[order], near, distance, threads)
    back = np.argsort(order, kind="stable")
    label = (order + 1).astype("i4")[near]
    return np.where(unknown, np.int32(-1), label[back]), np.where(unknown, np.nan, distance[back])


def magnitudes(flux, err):
    """AB magnitudes of fluxes in Jy, and their errors; NaN of negative fluxes."""
    flux, err = np.asarray(flux, "f8"), np.asarray(err, "f8")
    with np.errstate(divide="ignore", invalid="ignore"):
        values = -2.5 * np.log10(flux) + 8.9, 2.5 * np.log10(1 + err / flux)
    return tuple(np.where(flux < 0, np.nan, value) for value in values)


def angle_of_north(wcs, x, y):
    """Angle from the positive x axis to north, degrees, at a place of an image."""
    ra, dec = (np.full(2, value) for value in wcs(np.array([x]), np.array([y])))
    dec[1] += ARCSEC
    u, v = wcs.invert(ra, dec)
    return float(np.degrees(np.arctan2(v[1] - v[0], u[1] - u[0])))
