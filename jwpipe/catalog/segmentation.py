"""Which pixels belong to which source: connected pixels above the noise of the smoothed image."""

import math

import numpy as np

from jwpipe.cext import labels as kernels
from jwpipe.cext import smooth

__all__ = ["connected", "convolve", "detect", "extents", "renumber", "sigma_of"]


def sigma_of(fwhm):
    """Standard deviation of a Gaussian of a full width at half maximum."""
    return fwhm / (2 * math.sqrt(2 * math.log(2)))


def convolve(image, missing, fwhm, threads=1):
    """Convolve an image with a Gaussian; missing values are bridged.

    Parameters
    ----------
    image : ndarray of float32, (ny, nx)
        Values.
    missing : ndarray of bool, (ny, nx)
        Pixels without a value.
    fwhm : float
        Full width of the Gaussian at half its maximum, pixels. It is cut at four standard deviations.
    threads : int, optional
        Threads.

    Returns
    -------
    ndarray of float32, (ny, nx)
    """
    sigma = sigma_of(fwhm)
    size = math.ceil(8 * sigma)
    offset = np.arange(size + (size + 1) % 2) - (size + (size + 1) % 2) // 2
    profile = np.exp(-0.5 * (offset / sigma) ** 2)
    out = np.empty_like(image)
    smooth.smooth(image, missing.view("u1"), profile / profile.sum(), out, threads)
    return out


def detect(image, threshold, missing, npixels, touching=8):
    """Find the sources of an image.

    Parameters
    ----------
    image : ndarray of float32, (ny, nx)
        Smoothed values.
    threshold : ndarray of float32, (ny, nx), or float
        What a source exceeds.
    missing : ndarray of bool, (ny, nx)
        Pixels without a value.
    npixels : int
        Pixels that a source has at least.
    touching : {8, 4}, optional
        Neighbours that a pixel has: with those at its corners or without.

    Returns
    -------
    labels : ndarray of int32, (ny, nx)
        From 1, in the order of the first pixels; 0 where there is no source.
    boxes : ndarray of intp, (n, 4)
        First row, row behind the last, first column, column behind the last of each source.
    """
    with np.errstate(invalid="ignore"):
        labels, count = connected((image > threshold) & ~missing, touching)
    kept = extents(labels, count)[0] >= npixels
    kept[0] = False
    return renumber(labels, kept)


def connected(wanted, touching=8):
    """Number groups of pixels that touch, from 1 in the order of their first pixels.

    Parameters
    ----------
    wanted : ndarray of bool, (ny, nx)
        Pixels of groups.
    touching : {8, 4}, optional
        See `detect`.

    Returns
    -------
    labels : ndarray of int32, (ny, nx)
        Number of the group; 0 where there is none.
    count : int
        How many there are.
    """
    labels = np.empty(wanted.shape, "i4")
    return labels, kernels.connected(np.ascontiguousarray(wanted).view("u1"), touching == 8, labels)


def extents(labels, count):
    """Numbers of pixels, and boxes around them (see `detect`), of labels from 0 to `count`."""
    sizes, boxes = np.zeros(count + 1, np.intp), np.zeros((count + 1, 4), np.intp)
    kernels.extents(labels, sizes, boxes)
    return sizes, boxes


def renumber(labels, kept):
    """Drop labels, and count the others from 1; see `detect`."""
    new = np.where(kept, np.cumsum(kept), 0).astype("i4")
    labels = new[labels]
    return labels, extents(labels, np.count_nonzero(kept))[1][1:]
