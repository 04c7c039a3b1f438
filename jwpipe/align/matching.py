"""Which star of one list is which of another: the offset from a histogram of all differences, then the nearest star.

Source: IRAF's task xyxymatch with its algorithm `tolerance`, and the histogram of `tweakwcs`, as 1.14.1 has them.
"""

from dataclasses import dataclass

import numpy as np

from jwpipe.cext import pairs

__all__ = ["Confusion", "Matching", "match", "offset"]

PEAK_BOX = 5  # bins in which a parabola is fitted to the peak of the histogram
TERMS = 6  # of the parabola


class Confusion(Exception):  # noqa: N818 - says what the lists are; the step decides what follows
    """Several stars of the reference belong to one star: no telling which."""


@dataclass(frozen=True)
class Matching:
    """How stars are matched; all in arcsec.

    Attributes
    ----------
    searchrad : float
        How far apart stars may be before the offset is known.
    separation : float
        How far apart stars of one list are at least: of those that are nearer one is left.
    tolerance : float
        How far apart they may be once it is known.
    use2dhist : bool
        Whether the offset is looked for.
    xoffset, yoffset : float
        The offset where it is not.
    """

    searchrad: float
    separation: float
    tolerance: float
    use2dhist: bool = True
    xoffset: float = 0.0
    yoffset: float = 0.0


def match(reference, stars, how, scale):
    """Match two lists of stars in one tangent plane.

    Parameters
    ----------
    reference, stars : ndarray of float64, (n, 2) and (m, 2)
        Positions, arcsec.
    how : Matching
        Distances.
    scale : float
        Size of a pixel, arcsec: the bins of the histogram.

    Returns
    -------
    in_reference, in_stars : ndarray of intp, (k,)
        Indices of the pairs; a star may be in several of them.

    Raises
    ------
    Confusion
        There are more pairs than stars.
    """
    shift = offset(stars, reference, how.searchrad, scale) if how.use2dhist else (how.xoffset, how.yoffset)
    (points, where), (others, there) = (_thin(one, how.separation) for one in (reference, stars - shift))
    found = np.empty(len(points), np.intp)
    pairs.nearest(points, others, how.tolerance, found)
    hit = found >= 0
    if np.count_nonzero(hit) > len(stars):
        raise Confusion("several stars of the reference belong to one star: adjust tolerance or separation")
    return where[hit], there[found[hit]]


def _thin(points, separation):
    """Points in the order of y without those too near to another, and their indices."""
    order = np.lexsort(points.T)
    points = np.ascontiguousarray(points[order])
    kept = np.ones(len(points), "u1")
    pairs.thin(points, separation, kept)
    kept = kept.view(bool)
    return points[kept], order[kept]


def offset(stars, reference, radius, scale):
    """Find the offset of stars from a reference: the most frequent of all differences.

    Parameters
    ----------
    stars, reference : ndarray of float64, (m, 2) and (n, 2)
        Positions, arcsec.
    radius : float
        Largest difference that counts, arcsec.
    scale : float
        Size of the bins, arcsec.

    Returns
    -------
    ndarray of float64, (2,)
        Offset, arcsec; zeros where there are no differences.
    """
    reach = radius / scale
    dx, dy = _differences(stars / scale, reference / scale, reach + 0.5)
    half = int(np.ceil(reach))
    width = 2 * half + 1
    # Most bins are empty: those that are not are told by their numbers, row after row.
    numbers = (np.floor(dy + half + 0.5) * width + np.floor(dx + half + 0.5)).astype(np.int64)
    bins, counts = np.unique(numbers, return_counts=True)
    if len(bins) == 0:
        return np.zeros(2)
    rows, columns = np.divmod(bins, width)
    highest = np.argmax(counts)
    x, y = columns[highest], rows[highest]
    if len(bins) > 1:
        x, y = _peak(columns, rows, counts, x, y, width)
    return scale * np.array([x, y], float) - radius


def _differences(stars, reference, reach):
    """All differences within a square."""
    order = np.argsort(reference[:, 1], kind="stable")
    reference = reference[order]
    first = np.searchsorted(reference[:, 1], stars[:, 1] - reach)
    behind = np.searchsorted(reference[:, 1], stars[:, 1] + reach, side="right")
    count = behind - first
    star = np.repeat(np.arange(len(stars)), count)
    other = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    dx, dy = (stars[star] - reference[other]).T
    within = (dx >= -reach) & (dx < reach) & (dy >= -reach) & (dy < reach)
    return dx[within], dy[within]


def _peak(columns, rows, counts, x, y, width):
    """Column and row of the peak, by a parabola through the bins around the highest that are not empty."""
    half = PEAK_BOX // 2
    left, top = max(0, x - half), max(0, y - half)
    right, bottom = min(width, left + PEAK_BOX), min(width, top + PEAK_BOX)
    if y in (top, bottom - 1) or x in (left, right - 1):
        return x, y
    near = (columns >= left) & (columns < right) & (rows >= top) & (rows < bottom)
    columns, rows, height = columns[near] - left, rows[near] - top, counts[near].astype(float)
    v, u = rows + 1.0, columns + 1.0
    gravity = left + (u @ height) / height.sum() - 1, top + (v @ height) / height.sum() - 1
    if len(height) < TERMS:
        return gravity
    terms = np.stack([np.ones_like(u), u, v, u * v, u * u, v * v], axis=1)
    _, a, b, mixed, square_x, square_y = np.linalg.lstsq(terms, height, rcond=None)[0]
    curvature = 4 * square_x * square_y - mixed**2
    if curvature <= 0 or square_x > 0:  # no maximum
        return gravity
    px = (b * mixed - 2 * square_y * a) / curvature + left - 1
    py = (a * mixed - 2 * b * square_x) / curvature + top - 1
    return (px, py) if left <= px <= right - 1 and top <= py <= bottom - 1 else gravity
