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
    TABLES = 4


def clean(const float[:, ::1] image, const unsigned int[:, ::1] dq, unsigned int bad, float[:, ::1] out,
          int threads):
    """Copy an image, with NaN in place of pixels that are flagged or not finite.

    Parameters
    ----------
    image : float32, (ny, nx)
        Values.
    dq : uint32, (ny, nx)
        Flags.
    bad : int
        Flags of pixels that are left out.
    out : float32, (ny, nx)
        Out: the copy.
    threads : int
        Threads.
    """
    cdef Py_ssize_t y, x
    with nogil:
        for y in prange(image.shape[0], num_threads=threads, schedule="static"):
            for x in range(image.shape[1]):
                out[y, x] = <float>NAN if dq[y, x] & bad or image[y, x] - image[y, x] != 0 else image[y, x]


def gather(const float[:, ::1] image, const unsigned char[:, ::1] inside, float[::1] out, int threads):
    """Gather the values of an image that are wanted and not NaN, in the order of the pixels.

    Parameters
    ----------
    image : float32, (ny, nx)
        Values.
    inside : uint8, (ny, nx)
        Pixels that are wanted: 1, others: 0.
    out : float32, (at least ny * nx + 1,)
        Out: the values; what lies behind them is of no use.
    threads : int
        Threads.

    Returns
    -------
    int
        Their number.
    """
    cdef Py_ssize_t ny = image.shape[0], y, count = 0, here
    cdef Py_ssize_t *begin = <Py_ssize_t *>malloc((ny + 1) * sizeof(Py_ssize_t))
    if begin == NULL:
        raise MemoryError
    with nogil:
        for y in prange(ny, num_threads=threads, schedule="static"):
            begin[y] = wanted(image, inside, y)
        for y in range(ny):
            here = begin[y]
            begin[y] = count
            count += here
        begin[ny] = count
        for y in prange(ny, num_threads=threads, schedule="static"):
            take(image, inside, y, &out[begin[y]], begin[y + 1] - begin[y])
    free(begin)
    return count


cdef inline Py_ssize_t wanted(const float[:, ::1] image, const unsigned char[:, ::1] inside,
                              Py_ssize_t y) noexcept nogil:
    """Number of a row's values that are wanted."""
    cdef Py_ssize_t x
    cdef int count = 0
    for x in range(image.shape[1]):
        count += inside[y, x] & (image[y, x] == image[y, x])
    return count


cdef inline void take(const float[:, ::1] image, const unsigned char[:, ::1] inside, Py_ssize_t y, float *out,
                      Py_ssize_t count) noexcept nogil:
    """Copy a row's values that are wanted."""
    cdef Py_ssize_t x = 0, n = 0
    while n < count:
        out[n] = image[y, x]
        n += inside[y, x] & (image[y, x] == image[y, x])
        x += 1


def moments(const float[::1] values, float low, float high, double around, int threads):
    """Tell mean, spread and range of the values within limits.

    Parameters
    ----------
    values : float32, (n,)
        Values, none of them NaN, at least one.
    low, high : float
        Limits.
    around : float
        A value near the mean: the farther it is from it, the more is lost to rounding.
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
    cdef double first = 0, second = 0
    cdef float mean, std, least, most
    if sums == NULL:
        raise MemoryError
    least = most = min(max(values[0], low), high)
    with nogil:
        for i in prange(blocks, num_threads=threads, schedule="static"):
            sums[i] = add(&values[i * BLOCK], min(BLOCK, n - i * BLOCK), low, high, around)
        for i in range(blocks):
            count += sums[i].count
            first += sums[i].first
            second += sums[i].second
            if sums[i].count:
                least = min(least, sums[i].least)
                most = max(most, sums[i].most)
        mean = <float>(around + first / count)
        std = <float>sqrt(max(0, second - first * first / count) / (count - 1))
    free(sums)
    return count, mean, std, least, most


cdef Sum add(const float *values, Py_ssize_t n, float low, float high, double around) noexcept nogil:
    cdef float[LANES] rest
    cdef Sum result
    result.count, result.first, result.second, result.least, result.most = 0, 0, 0, high, low
    clipped.sum_between(values, n - n % LANES, low, high, around, &result)
    if n % LANES:
        pad(values, n, rest)
        clipped.sum_between(rest, LANES, low, high, around, &result)
    return result


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
    cdef unsigned int *tables = <unsigned int *>calloc(threads * TABLES * (bins + 1), sizeof(unsigned int))
    cdef int thread
    if tables == NULL:
        raise MemoryError
    with nogil:
        for thread in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            count(&values[0], n * thread // threads, n * (thread + 1) // threads, low, high, width, bins,
                  tables + thread * TABLES * (bins + 1))
        for i in range(threads * TABLES):
            for k in range(bins):
                counts[k] += tables[i * (bins + 1) + k]
    free(tables)


cdef void count(const float *values, Py_ssize_t first, Py_ssize_t last, float low, float high, double width,
                Py_ssize_t bins, unsigned int *tables) noexcept nogil:
    """Count values in several tables, in turn: one alone would have to wait where neighbours fall in one bin.

    A bin behind the others takes what lies between no limits.
    """
    cdef Py_ssize_t i, k, size = bins + 1
    cdef int[LANES] places
    cdef float[LANES] rest
    cdef const float *block
    for i in range((last - first + LANES - 1) // LANES):
        block = values + first + i * LANES
        if last - first < (i + 1) * LANES:
            pad(values + first, last - first, rest)
            block = rest
        clipped.places(block, low, high, width, <int>bins, places)
        for k in range(LANES):
            tables[(k & (TABLES - 1)) * size + places[k]] += 1


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
