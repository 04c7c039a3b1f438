# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Calibration of images: flat fields, scales, averages of backgrounds.

Each kernel passes over its planes once, in place, rows shared among threads, in the precision of the planes. Unchecked
indexing is safe: `jwpipe.refs.files` cuts reference planes to the rows and columns of the images, the steps hand over
arrays of one shape, and each thread's buffer has a place for every image of a stack.
"""

from cython.parallel cimport parallel, prange, threadid
from libc.math cimport INFINITY, NAN, isfinite, isnan, sqrt, sqrtf
from libc.stdlib cimport free, malloc

cdef enum:
    DO_NOT_USE = 1
    NON_SCIENCE = 512
    NO_FLAT_FIELD = 262144


cdef struct Bounds:
    double low
    double high


def prepare_flat(float[:, ::1] flat, unsigned int[:, ::1] dq, int threads):
    """Flag pixels that have no flat, and make it 1 where it is not to be used.

    Parameters
    ----------
    flat : float32, (ny, nx)
        Response, changed in place.
    dq : uint32, (ny, nx)
        Its flags, changed in place.
    threads : int
        Threads.
    """
    cdef Py_ssize_t ny = flat.shape[0], nx = flat.shape[1], y, x
    with nogil:
        for y in prange(ny, num_threads=threads, schedule="static"):
            for x in range(nx):
                if isnan(flat[y, x]) or flat[y, x] == 0:
                    dq[y, x] |= NO_FLAT_FIELD
                if dq[y, x] & NO_FLAT_FIELD:
                    dq[y, x] |= DO_NOT_USE
                if dq[y, x] & DO_NOT_USE:
                    flat[y, x] = 1


def divide(float[:, :, ::1] data, float[:, :, ::1] err, float[:, :, ::1] var_poisson, float[:, :, ::1] var_rnoise,
           float[:, :, ::1] var_flat, const float[:, ::1] flat, const float[:, ::1] flat_err, bint inverse,
           int threads):
    """Divide images by a flat, and make their errors anew.

    Parameters
    ----------
    data, err : float32, (nints, ny, nx)
        Values and standard deviations, changed in place.
    var_poisson, var_rnoise : float32, (nints, ny, nx), or None
        Variances, changed in place. Where there are none, the error as it was counts in their place.
    var_flat : float32, (nints, ny, nx), or None
        Out: variance by the flat; None with the others.
    flat, flat_err : float32, (ny, nx)
        Response, as `prepare_flat` leaves it, and its standard deviation.
    inverse : bool
        Whether to multiply the values instead.
    threads : int
        Threads.
    """
    cdef Py_ssize_t ny = data.shape[1], nx = data.shape[2], rows = data.shape[0] * ny, row, i, y, x
    cdef bint variances = var_poisson is not None
    cdef float square, own
    with nogil:
        for row in prange(rows, num_threads=threads, schedule="static"):
            i, y = row // ny, row % ny
            if inverse:
                for x in range(nx):
                    data[i, y, x] *= flat[y, x]
            else:
                for x in range(nx):
                    data[i, y, x] /= flat[y, x]
            if variances:
                for x in range(nx):
                    square = flat[y, x] * flat[y, x]
                    var_poisson[i, y, x] /= square
                    var_rnoise[i, y, x] /= square
                    own = data[i, y, x] * data[i, y, x] / square * (flat_err[y, x] * flat_err[y, x])
                    var_flat[i, y, x] = own
                    err[i, y, x] = sqrtf(var_poisson[i, y, x] + var_rnoise[i, y, x] + own)
            else:
                for x in range(nx):
                    square = flat[y, x] * flat[y, x]
                    own = data[i, y, x] * data[i, y, x] / square * (flat_err[y, x] * flat_err[y, x])
                    err[i, y, x] = sqrtf(err[i, y, x] * err[i, y, x] + own)


def merge_flags(unsigned int[:, :, ::1] dq, const unsigned int[:, ::1] flat_dq, int threads):
    """Bring the flags of a flat into those of images; pixels that see no sky are not to be used.

    Parameters
    ----------
    dq : uint32, (nints, ny, nx)
        Flags, changed in place.
    flat_dq : uint32, (ny, nx)
        Flags of the flat.
    threads : int
        Threads.
    """
    cdef Py_ssize_t ny = dq.shape[1], nx = dq.shape[2], rows = dq.shape[0] * ny, row, i, y, x
    with nogil:
        for row in prange(rows, num_threads=threads, schedule="static"):
            i, y = row // ny, row % ny
            for x in range(nx):
                dq[i, y, x] |= flat_dq[y, x]
                dq[i, y, x] |= (dq[i, y, x] & NON_SCIENCE) != 0


def scale(float[::1] values, float factor, bint inverse, int threads):
    """Multiply values by a factor, in place; or divide them by it.

    Parameters
    ----------
    values : float32, (n,)
        Changed in place.
    factor : float
        As float32.
    inverse : bool
        Whether to divide.
    threads : int
        Threads.
    """
    cdef Py_ssize_t n = values.shape[0], i
    with nogil:
        if inverse:
            for i in prange(n, num_threads=threads, schedule="static"):
                values[i] /= factor
        else:
            for i in prange(n, num_threads=threads, schedule="static"):
                values[i] *= factor


def average_integrations(const float[:, :, ::1] values, double[:, ::1] mean, double sigma, int most, int threads):
    """Average over integrations, without outliers.

    Parameters
    ----------
    values : float32, (nints, ny, nx)
        Values; those that are not finite do not count.
    mean : float64, (ny, nx)
        Out: means of the values, summed in single precision; NaN where none counts.
    sigma : float
        Standard deviations from the median up to which values count.
    most : int
        How often to clip at most; -1 for no limit.
    threads : int
        Threads.
    """
    cdef Py_ssize_t n = values.shape[0], ny = values.shape[1], nx = values.shape[2], y, x, i
    cdef double *buffers = <double *>malloc(threads * n * sizeof(double))
    cdef double *buffer
    cdef Bounds keep
    cdef float total
    cdef int count
    if buffers == NULL:
        raise MemoryError
    with nogil, parallel(num_threads=threads):
        for y in prange(ny, schedule="static"):
            buffer = buffers + threadid() * n
            for x in range(nx):
                count = 0
                for i in range(n):
                    if isfinite(values[i, y, x]):
                        buffer[count] = values[i, y, x]
                        count = count + 1
                keep = clip(buffer, count, sigma, most)
                total, count = 0, 0
                for i in range(n):
                    if keep.low <= values[i, y, x] <= keep.high:
                        total = total + values[i, y, x]
                        count = count + 1
                mean[y, x] = total / <double>count if count else NAN
    free(buffers)


def average(const double[:, :, ::1] values, const double[:, :, ::1] variances, float[:, ::1] mean, float[:, ::1] err,
            double sigma, int most, int threads):
    """Average images, without outliers.

    Parameters
    ----------
    values, variances : float64, (n, ny, nx)
        Values and their variances; values that are not finite do not count.
    mean, err : float32, (ny, nx)
        Out: means and their standard deviations; 0 where none counts.
    sigma : float
        Standard deviations from the median up to which values count.
    most : int
        How often to clip at most; -1 for no limit.
    threads : int
        Threads.
    """
    cdef Py_ssize_t n = values.shape[0], ny = values.shape[1], nx = values.shape[2], y, x, i
    cdef double *buffers = <double *>malloc(threads * n * sizeof(double))
    cdef double *buffer
    cdef double total, variance
    cdef Bounds keep
    cdef int count
    if buffers == NULL:
        raise MemoryError
    with nogil, parallel(num_threads=threads):
        for y in prange(ny, schedule="static"):
            buffer = buffers + threadid() * n
            for x in range(nx):
                count = 0
                for i in range(n):
                    if isfinite(values[i, y, x]):
                        buffer[count] = values[i, y, x]
                        count = count + 1
                keep = clip(buffer, count, sigma, most)
                total, variance, count = 0, 0, 0
                for i in range(n):
                    if keep.low <= values[i, y, x] <= keep.high:
                        total = total + values[i, y, x]
                        variance = variance + variances[i, y, x]
                        count = count + 1
                mean[y, x] = <float>(total / count) if count else 0
                err[y, x] = <float>(sqrt(variance) / count) if count else 0
    free(buffers)


cdef Bounds clip(double *values, int count, double sigma, int most) noexcept nogil:
    """Bounds of the values that stay when those far from the median are dropped, again and again; sorts `values`.

    As values stay in order, a round only narrows the range [first, last) of them.
    """
    cdef int first = 0, last = count, gap = 1, i, j, rounds = 0
    cdef double median, mean, std, value
    cdef Bounds keep
    keep.low, keep.high = INFINITY, -INFINITY  # nothing lies between
    while gap < count // 3:  # Shell's sort
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, count):
            value = values[i]
            j = i
            while j >= gap and values[j - gap] > value:
                values[j] = values[j - gap]
                j -= gap
            values[j] = value
        gap //= 3
    while first < last:
        count = last - first
        i = first + count // 2
        median = values[i] if count % 2 else (values[i - 1] + values[i]) / 2
        mean = 0
        for i in range(first, last):
            mean += values[i]
        mean /= count
        std = 0
        for i in range(first, last):
            std += (values[i] - mean) * (values[i] - mean)
        std = sqrt(std / count)
        keep.low, keep.high = median - sigma * std, median + sigma * std
        while first < last and values[first] < keep.low:
            first += 1
        while first < last and values[last - 1] > keep.high:
            last -= 1
        rounds += 1
        if last - first == count or rounds == most:
            break
    return keep
