# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Peaks of an image that is convolved with a kernel which sums to zero: where stars may be.

A pixel is a peak where no pixel of its neighbourhood is brighter; beyond the edges lie zeros, and values that are NaN
are below all others. Both passes go row by row, and each row belongs to one thread. Unchecked indexing is safe:
`smoothed` and `found` have the shape of `image` (made so in `jwpipe.align.finders`), and the offsets that lead beyond
the edges are left out.
"""

from cython.parallel cimport parallel, prange
from libc.stdlib cimport free, malloc
from libc.string cimport memset


def convolve(const float[:, ::1] image, const int[:, ::1] offsets, const double[::1] weights, float[:, ::1] smoothed,
             int threads):
    """Sum the weighted values around each pixel.

    Parameters
    ----------
    image : float32, (ny, nx)
        Values.
    offsets : int32, (n, 2)
        Rows and columns from a pixel to those that are summed.
    weights : float64, (n,)
        Their weights.
    smoothed : float32, (ny, nx)
        Out: the sums; NaN where one of the values is.
    threads : int
        Threads.
    """
    cdef Py_ssize_t ny = image.shape[0], nx = image.shape[1], y
    cdef double *totals = NULL
    with nogil, parallel(num_threads=threads):
        totals = <double *>malloc(nx * sizeof(double))
        for y in prange(ny, schedule="static"):
            convolve_row(image, offsets, weights, smoothed, y, totals)
        free(totals)


cdef void convolve_row(const float[:, ::1] image, const int[:, ::1] offsets, const double[::1] weights,
                       float[:, ::1] smoothed, Py_ssize_t y, double *totals) noexcept nogil:
    cdef Py_ssize_t ny = image.shape[0], nx = image.shape[1], x, i, line, step
    cdef double weight
    memset(totals, 0, nx * sizeof(double))
    for i in range(offsets.shape[0]):
        line, step, weight = y + offsets[i, 0], offsets[i, 1], weights[i]
        if 0 <= line < ny:
            for x in range(max(0, -step), min(nx, nx - step)):
                totals[x] += weight * image[line, x + step]
    for x in range(nx):
        smoothed[y, x] = <float>totals[x]


def peaks(const float[:, ::1] smoothed, const unsigned char[:, ::1] missing, const int[:, ::1] offsets, float limit,
          unsigned char[:, ::1] found, int threads):
    """Mark the pixels that are brighter than a limit, and not fainter than any of their neighbours.

    Parameters
    ----------
    smoothed : float32, (ny, nx)
        Values.
    missing : uint8, (ny, nx)
        Not 0: the pixel is no peak, though it may be a brighter neighbour.
    offsets : int32, (n, 2)
        Rows and columns from a pixel to its neighbours.
    limit : float
        What a peak exceeds.
    found : uint8, (ny, nx)
        Out: 1 in peaks.
    threads : int
        Threads.
    """
    cdef Py_ssize_t ny = smoothed.shape[0], nx = smoothed.shape[1], y, x
    for y in prange(ny, nogil=True, schedule="static", num_threads=threads):
        for x in range(nx):
            found[y, x] = smoothed[y, x] > limit and not missing[y, x] and is_peak(smoothed, offsets, y, x)


cdef bint is_peak(const float[:, ::1] smoothed, const int[:, ::1] offsets, Py_ssize_t y, Py_ssize_t x) noexcept nogil:
    cdef Py_ssize_t ny = smoothed.shape[0], nx = smoothed.shape[1], i, line, column
    cdef float value = smoothed[y, x], other
    for i in range(offsets.shape[0]):
        line, column = y + offsets[i, 0], x + offsets[i, 1]
        other = smoothed[line, column] if 0 <= line < ny and 0 <= column < nx else 0
        if other > value:
            return False
    return True
