# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Pixels that stand out from what the other exposures show.

One pass marks the pixels beyond the first and those beyond the second threshold, another keeps those of the second
which have one of the first among their neighbours. Differences are taken in single precision as the values are, slopes
and thresholds in double, as in 1.14.1. Unchecked indexing is safe: all arrays have one shape (made so in
`jwpipe.steps.image.outlier_detection`), and neighbours are clipped at the edges.

Source: Fruchter & Hook 2002, PASP 114, 144, section 7.
"""

from cython.parallel cimport prange
from libc.float cimport FLT_MAX
from libc.math cimport fabs, fabsf, isnan

cdef unsigned int FLAGS = 1 | 16  # DO_NOT_USE, OUTLIER
cdef unsigned char STRONG = 1, WEAK = 2


def against_blot(const float[:, ::1] data, const float[:, ::1] err, const float[:, ::1] blot, unsigned int[:, ::1] dq,
                 unsigned char[:, ::1] marks, float background, const double[::1] snr, const double[::1] scale,
                 Py_ssize_t[::1] added, int threads):
    """Flag pixels that differ from the blotted median by more than noise and its slope explain.

    Parameters
    ----------
    data, err : float32, (ny, nx)
        Values and standard deviations; without one (NaN) a pixel has no noise.
    blot : float32, (ny, nx)
        What the other exposures show; where it is missing (NaN), here or next to here, nothing is flagged.
    dq : uint32, (ny, nx)
        Flags, changed in place.
    marks : uint8, (ny, nx)
        Scratch.
    background : float
        Level that is in `data`, not in `blot`.
    snr, scale : float64, (2,)
        Factors of the noise and of the slope: of the strong threshold, and of the weak one, which counts for a pixel
        next to a strong one.
    added : intp, (ny,)
        Out: in each row, the number of pixels that had been usable until now.
    threads : int
        Threads.
    """
    cdef Py_ssize_t ny = data.shape[0], nx = data.shape[1], y
    with nogil:
        for y in prange(ny, num_threads=threads, schedule="static"):
            mark(data, err, blot, marks, y, ny, nx, background, <float>snr[0], <float>snr[1], scale[0], scale[1])
        for y in prange(ny, num_threads=threads, schedule="static"):
            added[y] = keep(marks, dq, y, ny, nx)


cdef void mark(const float[:, ::1] data, const float[:, ::1] err, const float[:, ::1] blot,
               unsigned char[:, ::1] marks, Py_ssize_t y, Py_ssize_t ny, Py_ssize_t nx, float background, float snr1,
               float snr2, double scale1, double scale2) noexcept nogil:
    cdef Py_ssize_t x
    cdef double here, slope
    cdef float value, difference, noise
    cdef unsigned char found
    for x in range(nx):
        here = blot[y, x]
        # Beyond the edges lie zeros.
        slope = fabs(here - (blot[y - 1, x] if y > 0 else 0.0))
        slope = larger(fabs(here - (blot[y + 1, x] if y < ny - 1 else 0.0)), slope)
        slope = larger(fabs(here - (blot[y, x - 1] if x > 0 else 0.0)), slope)
        slope = larger(fabs(here - (blot[y, x + 1] if x < nx - 1 else 0.0)), slope)
        value = blot[y, x] + background
        difference = fabsf(data[y, x] - value)
        noise = finite(err[y, x])
        found = 0
        if <double>difference > scale1 * slope + <double>(snr1 * noise):
            found = STRONG
        if <double>difference > scale2 * slope + <double>(snr2 * noise):
            found = found | WEAK
        marks[y, x] = found


cdef inline double larger(double a, double b) noexcept nogil:
    """The larger one, or NaN where either is."""
    return a if isnan(a) or a > b else b


cdef inline float finite(float noise) noexcept nogil:
    return 0 if isnan(noise) else (FLT_MAX if noise > FLT_MAX else noise)


cdef Py_ssize_t keep(const unsigned char[:, ::1] marks, unsigned int[:, ::1] dq, Py_ssize_t y, Py_ssize_t ny,
                     Py_ssize_t nx) noexcept nogil:
    cdef Py_ssize_t x, i, j, count = 0
    cdef Py_ssize_t top = y + 1 if y < ny - 1 else y, bottom = y - 1 if y > 0 else 0, left, right
    cdef unsigned char strong
    for x in range(nx):
        if not marks[y, x] & WEAK:
            continue
        left = x - 1 if x > 0 else 0
        right = x + 1 if x < nx - 1 else x
        strong = 0
        for j in range(bottom, top + 1):
            for i in range(left, right + 1):
                strong = strong | marks[j, i]
        if strong & STRONG:
            count += not dq[y, x] & 1
            dq[y, x] |= FLAGS
    return count


def against_stack(const float[:, ::1] data, const float[:, ::1] err, const float[:, ::1] median,
                  unsigned int[:, ::1] dq, float snr, Py_ssize_t[::1] added, int threads):
    """Flag pixels that differ from the median of exposures on the same grid by more than noise explains.

    Parameters
    ----------
    data, err, dq, added, threads
        As of `against_blot`.
    median : float32, (ny, nx)
        Median of all.
    snr : float
        Factor of the noise.
    """
    cdef Py_ssize_t ny = data.shape[0], nx = data.shape[1], y
    with nogil:
        for y in prange(ny, num_threads=threads, schedule="static"):
            added[y] = compare(data, err, median, dq, y, nx, snr)


cdef Py_ssize_t compare(const float[:, ::1] data, const float[:, ::1] err, const float[:, ::1] median,
                        unsigned int[:, ::1] dq, Py_ssize_t y, Py_ssize_t nx, float snr) noexcept nogil:
    cdef Py_ssize_t x, count = 0
    for x in range(nx):
        if fabsf(data[y, x] - median[y, x]) > snr * finite(err[y, x]):
            count += not dq[y, x] & 1
            dq[y, x] |= FLAGS
    return count
