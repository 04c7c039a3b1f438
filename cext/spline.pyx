# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A surface that is a product of splines along columns and rows, drawn over an image.

Each row of the surface is summed by one thread, spline by spline. Unchecked indexing is safe: `missing` and `plane`
have the rows of `rows` and the columns of `columns`, and these as many splines (see `jwpipe.catalog.background`).
"""

from cython.parallel cimport parallel, prange
from libc.stdlib cimport free, malloc
from libc.string cimport memset


def draw(const double[:, ::1] rows, const double[:, ::1] columns, float low, float high,
         const unsigned char[:, ::1] missing, float[:, ::1] plane, int threads):
    """Draw a surface.

    Parameters
    ----------
    rows : float64, (ny, n)
        Weights of n splines at each row.
    columns : float64, (n, nx)
        Values of these splines at each column.
    low, high : float
        Range to which values are clipped.
    missing : uint8, (ny, nx)
        Not 0: the surface is 0 there.
    plane : float32, (ny, nx)
        Out: the surface.
    threads : int
        Threads.
    """
    cdef Py_ssize_t ny = rows.shape[0], nx = columns.shape[1], y
    cdef double *totals = NULL
    with nogil, parallel(num_threads=threads):
        totals = <double *>malloc(nx * sizeof(double))
        for y in prange(ny, schedule="static"):
            draw_row(rows, columns, low, high, missing, plane, y, totals)
        free(totals)


cdef void draw_row(const double[:, ::1] rows, const double[:, ::1] columns, float low, float high,
                   const unsigned char[:, ::1] missing, float[:, ::1] plane, Py_ssize_t y,
                   double *totals) noexcept nogil:
    cdef Py_ssize_t nx = columns.shape[1], i, x
    cdef double weight
    cdef float value
    memset(totals, 0, nx * sizeof(double))
    for i in range(rows.shape[1]):
        weight = rows[y, i]
        for x in range(nx):
            totals[x] += weight * columns[i, x]
    for x in range(nx):
        value = min(max(<float>totals[x], low), high)
        plane[y, x] = 0 if missing[y, x] else value
