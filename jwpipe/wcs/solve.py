"""Inverse of coordinates that have none of their own: Newton's method, all points at a time."""

import numpy as np

from jwpipe.wcs.transforms import Pipe, Plane, SkyRotation, compiled

__all__ = ["solve"]

STEPS, TOLERANCE = 50, 1e-9  # pixels
DELTA = 0.5  # pixels, over which slopes are measured


def solve(wcs, ra, dec, threads=1):
    """Find the pixels of directions.

    Parameters
    ----------
    wcs : jwpipe.wcs.Wcs
        From two axes of pixels to the sky, without a foreign transform.
    ra, dec : ndarray, (n,)
        Degrees.
    threads : int, optional
        Threads.

    Returns
    -------
    ndarray of float64, (2, n)
        Columns and rows; NaN where none was found.
    """
    middle = np.array([sum(pair) / 2 for pair in wcs.bounding_box or ((0, 2047), (0, 2047))])
    native = SkyRotation(*(float(value) for value in wcs(*middle)), 180.0, False)
    plane = compiled(Pipe(wcs.transform(), Pipe(native, Plane(False))))
    wanted = compiled(Pipe(native, Plane(False))).run(np.array([ra, dec]), threads)
    places = np.repeat(middle[:, None], wanted.shape[1], axis=1)
    for _ in range(STEPS):
        along_x, along_y = np.array([[DELTA], [0]]), np.array([[0], [DELTA]])
        away = wanted - plane.run(places, threads)
        (a, c), (b, d) = (
            (plane.run(places + step, threads) - plane.run(places - step, threads)) / (2 * DELTA)
            for step in (along_x, along_y)
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            move = np.array([d * away[0] - b * away[1], a * away[1] - c * away[0]]) / (a * d - b * c)
        places = places + move
        if not (np.abs(move) > TOLERANCE).any():
            break
    return np.where(np.abs(move) < 1e3 * TOLERANCE, places, np.nan)
