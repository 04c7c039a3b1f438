"""Images on a common grid, of which the median is wanted: kept in files, since there may be many."""

import numpy as np

from jwpipe.cext import clip
from jwpipe.cext import median as kernel
from jwpipe.products.store import Stored

__all__ = ["Stack", "least_weight"]

BAND = 1 << 25  # bytes of a band of rows of all images, while their median is taken
SIGMA, TIMES = 3.0, 5  # of the clipping of weights


class Stack:
    """Images of which each is known in a window of the grid only.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the grid.
    folder : path-like or None
        Where the images are put aside, in nameless files; None: they stay in memory.
    store : Store, optional
        Where the median is kept; None: in memory.
    """

    def __init__(self, shape, folder=None, store=None):
        self.shape, self.folder, self.store = shape, folder, store
        self._images = []

    def __len__(self):
        return len(self._images)

    def add(self, image, rows=slice(0, None), columns=slice(0, None)):
        """Add an image.

        Parameters
        ----------
        image : ndarray of float32, (ny, nx)
            Values; NaN where there are none. It belongs to the stack from here on.
        rows, columns : slice, optional
            The window of the grid that it covers.
        """
        kept = image if self.folder is None else Stored.of(image, self.folder)
        self._images.append((kept, rows.start, columns.start))

    def median(self, threads=1):
        """Take the median of what there is at each pixel of the grid.

        Parameters
        ----------
        threads : int, optional
            Threads.

        Returns
        -------
        ndarray of float32, (ny, nx)
            NaN where no image has a value.
        """
        ny, nx = self.shape
        whole = np.empty(self.shape, "f4") if self.store is None else self.store.array(self.shape, "f4")
        whole.fill(np.nan)
        height = max(1, BAND // (4 * nx * max(1, len(self))))
        room = np.empty((len(self), min(height, ny), nx), "f4")
        for first in range(0, ny, height):
            last, depth = min(first + height, ny), 0
            for image, y, x in self._images:
                low, high = max(first, y), min(last, y + image.shape[0])
                if low < high:
                    layer = room[depth, : last - first]
                    layer.fill(np.nan)
                    there = layer[low - first : high - first, x : x + image.shape[1]]
                    there[...] = image[low - y : high - y]
                    depth += 1
            if depth:
                # Bands of the last height are cut from fresh room: the kernel wants contiguous planes.
                band = np.ascontiguousarray(room[:depth, : last - first])
                kernel.median(band, whole[first:last], threads)
        return whole


def least_weight(weights, part, threads=1):
    """Weight below which a pixel does not count.

    Parameters
    ----------
    weights : ndarray of float32, (ny, nx)
        Weights; 0 where there is no value.
    part : float
        The limit, in units of the mean of the others' weights without those that stand out.
    threads : int, optional
        Threads.

    Returns
    -------
    numpy.float32
        NaN where all weights are 0.
    """
    box = 0, weights.shape[0], 0, weights.shape[1]
    count, mean, *_ = clip.statistics(weights, box, True, SIGMA, TIMES, threads)
    return np.float32(mean * part) if count else np.float32(np.nan)
