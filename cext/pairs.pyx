# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Pairs of points that lie near each other, in lists in the order of y.

What is kept depends on what was dropped before, so there is one thread; a few thousand points take no time. Unchecked
indexing is safe: all arrays of a list have its length (made so in `jwpipe.align.matching`).
"""


def thin(const double[:, ::1] points, double separation, unsigned char[::1] kept):
    """Drop points that are too near to one before them.

    Parameters
    ----------
    points : float64, (n, 2)
        x and y, in the order of y.
    separation : float
        Distance up to which a point is dropped.
    kept : uint8, (n,)
        In: all 1. Out: 0 where the point is dropped.
    """
    cdef Py_ssize_t i, j, n = points.shape[0]
    cdef double dx, dy, limit = separation * separation
    with nogil:
        for i in range(n):
            if not kept[i]:
                continue
            for j in range(i + 1, n):
                if kept[j]:
                    dy = points[j, 1] - points[i, 1]
                    if dy * dy > limit:
                        break
                    dx = points[j, 0] - points[i, 0]
                    if dx * dx + dy * dy <= limit:
                        kept[j] = 0


def nearest(const double[:, ::1] points, const double[:, ::1] others, double tolerance, Py_ssize_t[::1] found):
    """Find the nearest other point of each point.

    Parameters
    ----------
    points, others : float64, (n, 2) and (m, 2)
        x and y, in the order of y.
    tolerance : float
        Distance up to which points belong together.
    found : intp, (n,)
        Out: index of the other point, the last of several at the same distance; -1 where none is near.
    """
    cdef Py_ssize_t i, j, first = 0
    cdef double dx, dy, square, best
    with nogil:
        for i in range(points.shape[0]):
            while first < others.shape[0] and points[i, 1] - others[first, 1] >= tolerance:
                first += 1
            found[i] = -1
            best = tolerance * tolerance
            for j in range(first, others.shape[0]):
                dy = points[i, 1] - others[j, 1]
                if dy < -tolerance:
                    break
                dx = points[i, 0] - others[j, 0]
                square = dx * dx + dy * dy
                if square <= best:
                    best = square
                    found[i] = j
