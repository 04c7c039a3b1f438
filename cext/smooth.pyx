# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Convolution with a round kernel that is a product of two profiles, missing values bridged.

A value of the result is the weighted mean of the values that are there, which is the convolution where none is missing;
beyond the edges lie zeros. Columns are summed into a row first and the row is then convolved, so there is no image in
between. Unchecked indexing is safe: `missing` and `out` have the shape of `image` (made so in
`jwpipe.catalog.segmentation`), rows beyond the edges are left out, and a row has room for the profile on both sides.
"""

from cython.parallel cimport parallel, prange
from libc.math cimport NAN
from libc.stdlib cimport free, malloc


def smooth(const float[:, ::1] image, const unsigned char[:, ::1] missing, const double[::1] profile,
           float[:, ::1] out, int threads):
    """Convolve an image.

    Parameters
    ----------
    image : float32, (ny, nx)
        Values; those that are NaN are missing.
    missing : uint8, (ny, nx)
        Not 0: the value is missing.
    profile : float64, (2 h + 1,)
        Profile of the kernel along rows and columns; its sum is 1.
    out : float32, (ny, nx)
        Out: the convolved image; NaN where no value is within reach.
    threads : int
        Threads.
    """
    cdef Py_ssize_t ny = image.shape[0], nx = image.shape[1], half = profile.shape[0] // 2, y
    cdef double *sums = NULL
    with nogil, parallel(num_threads=threads):
        sums = <double *>malloc(2 * (nx + 2 * half) * sizeof(double))
        for y in prange(ny, schedule="static"):
            row(image, missing, profile, out, y, ny, nx, half, sums, sums + nx + 2 * half)
        free(sums)


cdef void row(const float[:, ::1] image, const unsigned char[:, ::1] missing, const double[::1] profile,
              float[:, ::1] out, Py_ssize_t y, Py_ssize_t ny, Py_ssize_t nx, Py_ssize_t half, double *sums,
              double *weights) noexcept nogil:
    cdef Py_ssize_t x, i, line
    cdef double top, bottom, weight
    cdef bint there
    for x in range(nx + 2 * half):
        sums[x] = 0
        weights[x] = 0 if half <= x < nx + half else 1
    for i in range(2 * half + 1):
        line = y + i - half
        weight = profile[i]
        if 0 <= line < ny:
            for x in range(nx):
                there = image[line, x] == image[line, x] and not missing[line, x]
                sums[x + half] += weight * image[line, x] if there else 0
                weights[x + half] += weight if there else 0
        else:
            for x in range(nx):
                weights[x + half] += weight
    for x in range(nx):
        top = bottom = 0
        for i in range(2 * half + 1):
            top += profile[i] * sums[x + i]
            bottom += profile[i] * weights[x + i]
        out[y, x] = <float>(top / bottom) if bottom > 0 else NAN
