"""Which pixels belong to which source: connected pixels above the noise of the smoothed image."""

import math

import numpy as np

from jwpipe.cext import smooth as kernel

__all__ = ["NEIGHBOURS", "convolve", "detect", "sigma_of"]

# Which pixels belong together: those that share a side, or those that touch at a corner too.
NEIGHBOURS = {4: np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]]), 8: np.ones((3, 3), int)}


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
    kernel.smooth(image, missing.view("u1"), profile / profile.sum(), out, threads)
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
    from scipy.ndimage import label

    with np.errstate(invalid="ignore"):
        labels, count = label((image > threshold) & ~missing, NEIGHBOURS[touching])
    size = np.bincount(labels.ravel(), minlength=count + 1)
    kept = size >= npixels
    kept[0] = False
    return renumber(labels, kept)


def renumber(labels, kept):
    """Drop labels, and count the others from 1; see `detect`."""
    from scipy.ndimage import find_objects

    new = np.where(kept, np.cumsum(kept), 0).astype("i4")
    labels = new[labels]
    slices = find_objects(labels)
    boxes = [(rows.start, rows.stop, columns.start, columns.stop) for rows, columns in slices]
    return labels, np.array(boxes, np.intp).reshape(-1, 4)
