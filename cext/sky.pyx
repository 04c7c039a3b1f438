# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The level of the sky: which pixels show it, and statistics of their values.

Values are worked on in blocks of fixed length, and within a block in lanes; blocks are added up in their order, so the
result does not depend on the number of threads. Unchecked indexing is safe: `inside` and `dq` have the shape of `image`
(made so in `jwpipe.sky.level`), `out` has room for every pixel, and a value's bin is put within the histogram.
"""

from cython.parallel cimport prange
from libc.math cimport NAN, sqrt
from libc.stdlib cimport calloc, free, malloc

cimport clipped
cimport order
from clipped cimport LANES, Sum

cdef enum:
    BLOCK = 32768


def gather(const float[:, ::1] image, const unsigned int[:, ::1] dq, unsigned int bad,
           const unsigned char[:, ::1] inside, float[::1] out):
    """Gather the finite values of good pixels, in the order of the pixels.

    Parameters
    ----------
    image : float32, (ny, nx)
        Values.
    dq : uint32, (ny, nx)
        Flags.
    bad : int
        Flags of pixels that are left out.
    inside : uint8, (ny, nx)
        Pixels that are wanted: not 0.
    out : float32, (ny * nx,)
        Out: the values.

    Returns
    -------
    int
        Their number.
    """
    cdef Py_ssize_t y, x, n = 0
    cdef float value
    with nogil:
        for y in range(image.shape[0]):
            for x in range(image.shape[1]):
                value = image[y, x]
                if inside[y, x] and not dq[y, x] & bad and value - value == 0:
                    out[n] = value
                    n += 1
    return n


def moments(const float[::1] values, float low, float high, int threads):
    """Tell mean, spread and range of the values within limits.

    Parameters
    ----------
    values : float32, (n,)
        Values, none of them NaN, at least one.
    low, high : float
        Limits.
    threads : int
        Threads.

    Returns
    -------
    count : int
        Number of values from `low` to `high`.
    mean, std : float
        Of them, single precision; NaN where there are too few.
    least, most : float
        Their range, and that of the first of all values, moved between the limits if need be: 1.14.1 bins them so.
    """
    cdef Py_ssize_t n = values.shape[0], blocks = (n + BLOCK - 1) // BLOCK, i, count = 0
    cdef Sum *sums = <Sum *>calloc(blocks, sizeof(Sum))
    cdef double *squares = <double *>calloc(blocks, sizeof(double))
    cdef double total = 0
    cdef float mean, std, least, most
    if sums == NULL or squares == NULL:
        free(sums)
        free(squares)
        raise MemoryError
    least = most = min(max(values[0], low), high)
    with nogil:
        for i in prange(blocks, num_threads=threads, schedule="static"):
            sums[i] = add(&values[i * BLOCK], min(BLOCK, n - i * BLOCK), low, high)
        for i in range(blocks):
            count += sums[i].count
            total += sums[i].total
            if sums[i].count:
                least = min(least, sums[i].least)
                most = max(most, sums[i].most)
        mean = <float>(total / count)
        for i in prange(blocks, num_threads=threads, schedule="static"):
            squares[i] = spread(&values[i * BLOCK], min(BLOCK, n - i * BLOCK), least, most, mean)
        total = 0
        for i in range(blocks):
            total += squares[i]
        std = <float>sqrt(total / (count - 1))
    free(sums)
    free(squares)
    return count, mean, std, least, most


cdef Sum add(const float *values, Py_ssize_t n, float low, float high) noexcept nogil:
    cdef float[LANES] rest
    cdef Sum result
    result.count, result.total, result.least, result.most = 0, 0, high, low
    clipped.sum_between(values, n - n % LANES, low, high, &result)
    if n % LANES:
        pad(values, n, rest)
        clipped.sum_between(rest, LANES, low, high, &result)
    return result


cdef double spread(const float *values, Py_ssize_t n, float low, float high, float mean) noexcept nogil:
    cdef float[LANES] rest
    cdef double total = clipped.squares_between(values, n - n % LANES, low, high, mean)
    if n % LANES:
        pad(values, n, rest)
        total += clipped.squares_between(rest, LANES, low, high, mean)
    return total


cdef inline void pad(const float *values, Py_ssize_t n, float *rest) noexcept nogil:
    """The last values, short of a full set of lanes, and NaN, which is between no limits."""
    cdef Py_ssize_t k
    for k in range(LANES):
        rest[k] = values[n - n % LANES + k] if k < n % LANES else NAN


def histogram(const float[::1] values, float low, float high, float width, unsigned int[::1] counts, int threads):
    """Count values in bins.

    Parameters
    ----------
    values : float32, (n,)
        Values, none of them NaN; those from `low` to below `high` count.
    low, high : float
        Limits.
    width : float
        Width of a bin; the first begins at `low`, and the last takes what lies above it.
    counts : uint32, (bins,)
        Out: numbers, added to what is there.
    threads : int
        Threads.
    """
    cdef Py_ssize_t n = values.shape[0], bins = counts.shape[0], i, k
    cdef unsigned int *all_of_them = <unsigned int *>calloc(threads * bins, sizeof(unsigned int))
    cdef int thread
    if all_of_them == NULL:
        raise MemoryError
    with nogil:
        for thread in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            count(&values[0], n * thread // threads, n * (thread + 1) // threads, low, high, width, bins,
                  all_of_them + thread * bins)
        for i in range(threads):
            for k in range(bins):
                counts[k] += all_of_them[i * bins + k]
    free(all_of_them)


cdef void count(const float *values, Py_ssize_t first, Py_ssize_t last, float low, float high, double width,
                Py_ssize_t bins, unsigned int *counts) noexcept nogil:
    cdef Py_ssize_t i, place
    cdef float value
    for i in range(first, last):
        value = values[i]
        if low <= value and value < high:
            value = value - low
            place = <Py_ssize_t>(value / width)
            counts[place if place < bins else bins - 1] += 1


def median(const float[::1] values, float low, float high):
    """Take the median of the values within limits; at least one has to be.

    Parameters
    ----------
    values : float32, (n,)
        Values, none of them NaN.
    low, high : float
        Limits.

    Returns
    -------
    float
    """
    cdef Py_ssize_t n = 0, i
    cdef float *kept = <float *>malloc(values.shape[0] * sizeof(float))
    cdef float result
    if kept == NULL:
        raise MemoryError
    with nogil:
        for i in range(values.shape[0]):
            if low <= values[i] and values[i] <= high:
                kept[n] = values[i]
                n += 1
        result = order.median(kept, n)
    free(kept)
    return result
