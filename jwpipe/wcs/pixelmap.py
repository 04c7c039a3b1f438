"""Where the pixels of one image lie on another."""

import numpy as np
from numpy.polynomial import chebyshev

from jwpipe.cext import wcs as kernel
from jwpipe.wcs.transforms import NoInverseError, Pipe, compiled

__all__ = ["PixelMap"]

ORDER = 10  # nodes to an axis: the distortions of all instruments, of degree 5 and less, on and off a tangent plane
TESTS = 8  # places to an axis, edges included, at which polynomials are compared with the coordinates
TOLERANCE = 1e-8  # pixels; rounding of angles on the sky is a tenth of it
LANES = 32  # what the kernel wants a multiple of


class PixelMap:
    """Where the pixels of one image lie on another, a number of rows at a time.

    Both coordinates are smooth functions of column and row. They are evaluated at a few hundred places, and
    polynomials through these (at the nodes of Chebyshev) give the other ones, to the precision of double numbers and
    at a tenth of the cost. Where polynomials do not agree with the coordinates to `TOLERANCE` between the nodes, as
    for what is not smooth, and for small images, every pixel is evaluated.

    Parameters
    ----------
    source, target : Wcs
        Coordinates of the images.
    shape : tuple of int
        Rows and columns of the source.

    Notes
    -----
    Source: Trefethen 2013, Approximation Theory and Approximation Practice, chapters 3 and 4.
    """

    def __init__(self, source, target, shape):
        self.source, self.target, self.shape = source, target, tuple(shape)
        self._middle = (np.array(self.shape) - 1) / 2
        try:
            self._program = compiled(Pipe(source.transform(), target.transform(len(target.steps) - 1, 0)))
        except NoInverseError:
            self._program = None
        smooth = self._program is not None and min(self.shape) >= 4 * ORDER
        self._powers = self._fit() if smooth else None

    def rows(self, first=0, last=None, threads=1):
        """Give the places of some rows of pixels.

        Parameters
        ----------
        first, last : int, optional
            First of the rows, and that behind the last; by default all.
        threads : int, optional
            Threads.

        Returns
        -------
        x, y : ndarray of float64, (nrows, nx)
            Column and row of the target, counted from 0, at the centre of each pixel of the source.
        """
        last = self.shape[0] if last is None else last
        shape = last - first, self.shape[1]
        if self._powers is not None:
            out = np.empty((2, *shape))
            down = self._scaled(0, np.arange(first, last, dtype=float))
            along = self._scaled(1, np.arange(-(-shape[1] // LANES) * LANES, dtype=float))
            kernel.run_surfaces(self._powers, down, along, out, threads)
            return tuple(out)
        if self._program is not None:
            return tuple(self._program.run_grid(shape, threads, first))
        y, x = np.indices(shape, float)
        y += first
        return self.target.invert(*self.source(x, y, threads), threads)

    def _scaled(self, axis, places):
        """Places along an axis, from -1 at its first pixel to 1 at its last."""
        return (places - self._middle[axis]) / self._middle[axis]

    def _exact(self, down, along):
        """The coordinates at the points of a grid, from -1 to 1 along both axes."""
        y, x = (self._middle[:, None] * (1 + np.array([down, along]))).reshape(2, -1)
        return self._program.run([np.tile(x, len(y)), np.repeat(y, len(x))]).reshape(2, len(y), len(x))

    def _fit(self):
        """Coefficients of polynomials, by powers of row and column, (2, ORDER, ORDER); None where they do not serve."""
        nodes = chebyshev.chebpts1(ORDER)
        project = chebyshev.chebvander(nodes, ORDER - 1).T * (2 / ORDER)
        project[0] /= 2
        to_powers = np.zeros((ORDER, ORDER))
        for i, unit in enumerate(np.eye(ORDER)):
            powers = chebyshev.cheb2poly(unit)
            to_powers[: len(powers), i] = powers
        project = to_powers @ project
        powers = np.ascontiguousarray(project @ self._exact(nodes, nodes) @ project.T)
        places = np.linspace(-1, 1, TESTS)
        known = np.vander(places, ORDER, increasing=True)
        away = np.abs(known @ powers @ known.T - self._exact(places, places))
        return powers if away.max() <= TOLERANCE else None  # NaN is neither
