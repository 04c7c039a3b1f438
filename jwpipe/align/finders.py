"""Where the stars of an image are: DAOFIND, IRAF's starfind, or centroids of segments.

Sources: Stetson 1987, PASP 99, 191 (DAOFIND); the measures of both star finders, and the segments, are those of
`photutils`, whose numbers 1.14.1 has. Convolution and peaks, which take most of the time, are kernels.
"""

import math
from dataclasses import dataclass

import numpy as np

from jwpipe.catalog.segmentation import sigma_of
from jwpipe.cext import starfinder

__all__ = ["Sources", "find_dao", "find_iraf", "find_segments"]

SMALLEST = 2  # pixels that the kernel and the neighbourhood of a peak reach, at least
# Background around a segment: values that are needed, clipping, and how skew they may be for the mode to be estimated.
ENOUGH, CLIP, CLIPPINGS, SKEWED = 10, 3.0, 20, 0.3


@dataclass
class Sources:
    """Stars of an image.

    Attributes
    ----------
    x, y : ndarray of float64, (n,)
        Centres, pixels from 0.
    flux : ndarray of float, (n,)
        Sum of the values around them.
    weight : ndarray of float64, (n,) or None
        Weights in the fit, where a catalogue has them.
    """

    x: np.ndarray
    y: np.ndarray
    flux: np.ndarray
    weight: np.ndarray | None = None

    def __len__(self):
        return len(self.x)

    def __getitem__(self, which):
        """Some of the stars, by index or mask."""
        weight = None if self.weight is None else self.weight[which]
        return Sources(self.x[which], self.y[which], self.flux[which], weight)

    @classmethod
    def none(cls):
        """No star."""
        return cls(np.zeros(0), np.zeros(0), np.zeros(0))


class Gaussian:
    """A round Gaussian, cut at a radius, from which its mean is taken: what the star finders convolve with.

    Parameters
    ----------
    fwhm : float
        Full width at half maximum, pixels.
    sigma_radius : float
        Radius, standard deviations; that it reaches is two pixels or more.

    Attributes
    ----------
    sigma : float
        Standard deviation, pixels.
    reach : int
        Pixels from the centre to the edge.
    uncut : ndarray of float64, (2 reach + 1, 2 reach + 1)
        The Gaussian, 1 in the centre.
    inside : ndarray of bool
        Where it is not cut.
    weights : ndarray of float64
        The kernel.
    relative_error : float
        Noise of the convolved image by that of the image.
    """

    def __init__(self, fwhm, sigma_radius):
        self.sigma = sigma_of(fwhm)
        self.reach = int(max(SMALLEST, sigma_radius * self.sigma))
        square = np.add.outer(*[np.arange(-self.reach, self.reach + 1) ** 2] * 2)
        exponent = square / (2 * self.sigma**2)
        self.inside = (exponent <= sigma_radius**2 / 2) | (square <= SMALLEST**2)
        self.uncut = np.exp(-exponent)
        cut, count = self.uncut * self.inside, self.inside.sum()
        variance = (cut**2).sum() - cut.sum() ** 2 / count
        self.relative_error = 1 / math.sqrt(variance)
        self.weights = (cut - cut.sum() / count) / variance * self.inside

    def convolve(self, image, threads):
        """Convolve an image, with zeros beyond its edges; NaN where the kernel meets one."""
        smoothed = np.empty_like(image)
        offsets = _offsets(self.inside)
        weights = self.weights[self.inside]
        starfinder.convolve(image, offsets, weights, smoothed, threads)
        return smoothed

    def cut_out(self, image, x, y):
        """Values under the kernel around pixels, (n, 2 reach + 1, 2 reach + 1); zeros beyond the edges."""
        steps = np.arange(-self.reach, self.reach + 1)
        rows, columns = y[:, None, None] + steps[:, None], x[:, None, None] + steps
        ny, nx = image.shape
        there = (rows >= 0) & (rows < ny) & (columns >= 0) & (columns < nx)
        return np.where(there, image[rows.clip(0, ny - 1), columns.clip(0, nx - 1)], np.float32(0))


def _offsets(inside):
    return np.ascontiguousarray(np.argwhere(inside) - len(inside) // 2, dtype="i4")


def _peaks(smoothed, missing, distance, limit, threads):
    """Pixels that are brighter than a limit and all others within a distance: columns and rows."""
    found = np.empty(smoothed.shape, "u1")
    square = np.add.outer(*[np.arange(-distance, distance + 1) ** 2] * 2)
    starfinder.peaks(smoothed, missing.view("u1"), _offsets(square <= distance**2), limit, found, threads)
    y, x = found.nonzero()
    return x, y


def _separation(fwhm, minsep_fwhm):
    return max(SMALLEST, int(fwhm * minsep_fwhm + 0.5))


def _brightest(sources, count):
    return sources[np.argsort(sources.flux)[::-1][:count]]


def _within(low, values, high):
    return (values >= low) & (values <= high)


def find_dao(image, missing, threshold, par, threads=1):
    """Find stars as DAOFIND does.

    Parameters
    ----------
    image : ndarray of float32, (ny, nx)
        Values.
    missing : ndarray of bool, (ny, nx)
        Pixels in which no star is looked for.
    threshold : float
        Height of the faintest Gaussian that counts as a star.
    par : object
        ``kernel_fwhm``, ``sigma_radius``, ``minsep_fwhm``, ``sharplo``, ``sharphi``, ``roundlo``, ``roundhi``,
        ``peakmax``, ``brightest``.
    threads : int, optional
        Threads.

    Returns
    -------
    Sources
        Brightest first.
    """
    kernel = Gaussian(par.kernel_fwhm, par.sigma_radius)
    smoothed = kernel.convolve(image, threads)
    limit = threshold * kernel.relative_error
    x, y = _peaks(smoothed, missing, _separation(par.kernel_fwhm, par.minsep_fwhm), limit, threads)
    values, around = kernel.cut_out(image, x, y), kernel.cut_out(smoothed, x, y)
    centre = kernel.reach
    peak, height = values[:, centre, centre], around[:, centre, centre]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = ((values * kernel.inside.astype(int)).sum(axis=(1, 2)) - peak) / (kernel.inside.sum() - 1)
        sharpness = (peak - mean) / height
        symmetry = _symmetry(around, centre)
        dx, width = _marginal(values, kernel, 1)
        dy, length = _marginal(values, kernel, 0)
        roundness = 2 * (width - length) / (width + length)
    flux = values.reshape(len(x), kernel.weights.size).sum(axis=1)
    good = _within(par.sharplo, sharpness, par.sharphi)
    good &= _within(par.roundlo, symmetry, par.roundhi) & _within(par.roundlo, roundness, par.roundhi)
    if limit != 0:
        good &= np.isfinite(flux)
    if par.peakmax is not None:
        good &= peak <= par.peakmax
    found = Sources(x + dx, y + dy, flux)
    return _brightest(found[good & np.isfinite(found.x) & np.isfinite(found.y) & np.isfinite(peak)], par.brightest)


def _symmetry(around, centre):
    """Two opposite quarters of the convolved values less the two others, by the sum of all but the peak."""
    around = around.copy()
    around[:, centre, centre] = 0
    quarters = (
        around[:, : centre + 1, centre + 1 :],
        around[:, :centre, : centre + 1],
        around[:, centre:, :centre],
        around[:, centre + 1 :, centre:],
    )
    right, lower, left, upper = (quarter.sum(axis=(1, 2)) for quarter in quarters)
    return 2 * (-right + lower - left + upper) / np.abs(around).sum(axis=(1, 2))


def _marginal(values, kernel, axis):
    """Fit the kernel's profile to that of the values along an axis (1: columns).

    Returns
    -------
    shift, height : ndarray of float64, (n,)
        From the peak's pixel to the centre, pixels, and height of the profile; NaN where it has none.
    """
    if axis == 0:
        values = values.transpose(0, 2, 1)
    reach = kernel.reach
    step = np.arange(-reach, reach + 1)
    weight = reach + 1 - np.abs(step)  # a triangle, along and across
    across = weight[:, None]
    profile = (kernel.uncut * across).sum(axis=0)
    slope = profile * -step
    data = (values * across).sum(axis=1)
    total, lever = data @ weight, (data * (step if axis == 0 else -step)) @ weight
    height = data @ (profile * weight) - total * (profile @ weight) / weight.sum()
    norm = (profile**2) @ weight - (profile @ weight) ** 2 / weight.sum()
    fitted = height / norm
    shift = (profile * slope) @ weight - (data @ (slope * weight) - (slope @ weight) * total)
    shift = shift / (fitted * ((slope**2) @ weight) / kernel.sigma**2)
    # Where the fit leads astray, the centre of gravity, or else the pixel itself.
    half = len(step) / 2
    astray = np.abs(shift) > half
    shift[astray] = np.where(total[astray] == 0, 0, lever[astray] / total[astray])
    shift[np.abs(shift) > half] = 0
    hollow = (height <= 0) | (norm <= 0)
    shift[hollow] = fitted[hollow] = np.nan
    return shift, fitted


def find_iraf(image, missing, threshold, par, threads=1):
    """Find stars as IRAF's starfind does; see `find_dao`.

    Positions and shapes are moments of what is brighter than the sky, the mean of the kernel's corners.
    """
    kernel = Gaussian(par.kernel_fwhm, par.sigma_radius)
    smoothed = kernel.convolve(image, threads)
    x, y = _peaks(smoothed, missing, _separation(par.kernel_fwhm, par.minsep_fwhm), threshold, threads)
    values = kernel.cut_out(image, x, y)
    outside = ~kernel.inside
    step = np.arange(-kernel.reach, kernel.reach + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        sky = (values * outside).sum(axis=(1, 2)) / np.count_nonzero(outside)
        values = (values - sky[:, None, None]) * kernel.inside.astype(int)
        values[values < 0] = 0
        flux, rows, columns = values.sum(axis=(1, 2)), values.sum(axis=2), values.sum(axis=1)
        dx, dy = columns @ step / flux, rows @ step / flux
        xx = (columns * (step - dx[:, None]) ** 2).sum(axis=1) / flux
        yy = (rows * (step - dy[:, None]) ** 2).sum(axis=1) / flux
        lever = (step[:, None] - dy[:, None, None]) * (step - dx[:, None, None])
        xy = (values * lever).sum(axis=(1, 2)) / flux
        roundness = np.hypot(xx - yy, 2 * xy) / (xx + yy)
        sharpness = 2 * np.sqrt(math.log(2) * (xx + yy)) / par.kernel_fwhm
    good = np.count_nonzero(values, axis=(1, 2)) > 1
    good &= _within(par.sharplo, sharpness, par.sharphi) & _within(par.roundlo, roundness, par.roundhi)
    if par.peakmax is not None:
        good &= values.max(axis=(1, 2), initial=0) <= par.peakmax
    return _brightest(Sources(x + dx, y + dy, flux)[good & np.isfinite(flux)], par.brightest)


def find_segments(image, missing, threshold, par, threads=1):
    """Find segments of connected pixels, take them apart where they have several peaks, and give their centroids.

    Parameters
    ----------
    image, missing, threads
        As of `find_dao`.
    threshold : float
        What the pixels of a segment exceed.
    par : object
        ``npixels``, ``connectivity``, ``nlevels``, ``contrast``, ``multithresh_mode``, ``localbkg_width``.

    Returns
    -------
    Sources
        All segments, in the order of the image.
    """
    from jwpipe.catalog.deblend import deblend
    from jwpipe.catalog.segmentation import detect

    touching = int(par.connectivity)
    labels, boxes = detect(image, threshold, missing, par.npixels, touching)
    labels, boxes = deblend(
        image,
        labels,
        boxes,
        par.npixels,
        levels=par.nlevels,
        contrast=par.contrast,
        spacing=par.multithresh_mode,
        touching=touching,
    )
    found = np.zeros((3, len(boxes)))
    for i, (y0, y1, x0, x1) in enumerate(boxes):
        rows, columns = np.nonzero(labels[y0:y1, x0:x1] == i + 1)
        values = image[y0 + rows, x0 + columns]
        bright = np.where(np.isfinite(values) & (values > 0), values, 0).astype("f8")
        total = bright.sum()
        with np.errstate(divide="ignore", invalid="ignore"):
            found[:2, i] = x0 + (bright * columns).sum() / total, y0 + (bright * rows).sum() / total
        values = values[np.isfinite(values)]
        found[2, i] = values.sum(dtype="f8") - len(rows) * _local_background(
            image, missing, labels, (y0, y1, x0, x1), par.localbkg_width
        )
    return Sources(*found)


def _local_background(image, missing, labels, box, width):
    """Mode of what lies around a segment: in a frame of a width, half the segment's size away on either side."""
    if width == 0:
        return 0.0
    y0, y1, x0, x1 = box
    sides = []
    for low, high, length in ((y0, y1, image.shape[0]), (x0, x1, image.shape[1])):
        centre, inner = (low + high - 1) / 2, 1.5 * (high - low) / 2
        first = max(0, math.floor(centre - inner - width))
        place = np.arange(first, min(length, math.ceil(centre + inner + width) + 1))
        distance = np.abs(place - centre)
        sides.append((first, first + len(place), distance < inner, distance < inner + width))
    (top, bottom, within_y, near_y), (left, right, within_x, near_x) = sides
    window = np.s_[top:bottom, left:right]
    values = image[window].astype("f8")
    use = np.outer(near_y, near_x) & ~np.outer(within_y, within_x)
    use &= ~missing[window] & (labels[window] == 0) & np.isfinite(values)
    values = values[use]
    if len(values) < ENOUGH:
        return 0.0
    for _ in range(CLIPPINGS):
        off = np.abs(values - np.median(values)) > CLIP * values.std()
        if not off.any():
            break
        values = values[~off]
    median, mean, std = np.median(values), values.mean(), values.std()
    if std == 0:
        return mean
    return 2.5 * median - 1.5 * mean if abs(mean - median) < SKEWED * std else median
