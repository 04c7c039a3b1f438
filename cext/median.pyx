# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Median of a stack of images, pixel by pixel, missing values (NaN) left out.

The values of a pixel are gathered into a small buffer and selected from there; of an even number the median is the mean
of the middle two, in single precision as the values are. Unchecked indexing is safe: `out` has the shape of a plane of
`stack` (made so in `jwpipe.steps.image.outlier_detection`), and each thread's buffer has room for the depth of the
stack.
"""

from cython.parallel cimport parallel, prange
from libc.math cimport NAN
from libc.stdlib cimport free, malloc

cimport order


def median(const float[:, :, ::1] stack, float[:, ::1] out, int threads):
    """Take the median over the first axis.

    Parameters
    ----------
    stack : float32, (n, ny, nx)
        Values; NaN where there is none.
    out : float32, (ny, nx)
        Out: the median; NaN where no plane has a value.
    threads : int
        Threads.
    """
    cdef Py_ssize_t ny = stack.shape[1], y
    cdef float *buffer = NULL
    with nogil, parallel(num_threads=threads):
        buffer = <float *>malloc(stack.shape[0] * sizeof(float))
        for y in prange(ny, schedule="static"):
            row(stack, out, y, buffer)
        free(buffer)


cdef void row(const float[:, :, ::1] stack, float[:, ::1] out, Py_ssize_t y, float *buffer) noexcept nogil:
    cdef Py_ssize_t n = stack.shape[0], nx = stack.shape[2], x, i, count
    cdef float value
    for x in range(nx):
        count = 0
        for i in range(n):
            value = stack[i, y, x]
            if value == value:
                buffer[count] = value
                count += 1
        out[y, x] = order.median(buffer, count) if count else NAN
