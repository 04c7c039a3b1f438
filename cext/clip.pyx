# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Statistics of an image after clipping: mean, median, standard deviation.

Of one large box nothing is sorted or copied: the median is found from counts of the upper, then of the lower halves of
the values' bits, put in the order of the values. Counts are whole numbers, and sums are kept a row each and added in
order, so the result does not depend on the number of threads. Of many small boxes each is copied, by one thread.
Unchecked indexing is safe: the box is checked in `statistics`, keys have 16 bits and each thread's counts 65536 places;
`boxes` cuts boxes at the edges, and a copy has room for one.
"""

from cython.parallel cimport parallel, prange, threadid
from libc.math cimport INFINITY, NAN, sqrt
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from order cimport select

cdef enum:
    PLACES = 65536
    SAMPLE = 1024  # of the values of a box, between whose ranks 512 - 64 and 512 + 64 the median is nearly sure to lie
    MARGIN = 64


cdef struct Box:
    Py_ssize_t y0
    Py_ssize_t y1
    Py_ssize_t x0
    Py_ssize_t x1
    bint nonzero
    double low
    double high


cdef struct Result:
    Py_ssize_t count
    double mean
    double median
    double std


def statistics(const float[:, ::1] image, box, bint nonzero, double sigma, int most, int threads):
    """Clip values far from the median, again and again, and tell what is left.

    Parameters
    ----------
    image : float32, (ny, nx)
        Values; those that are not finite do not count.
    box : tuple of int
        First row, row behind the last, first column, column behind the last.
    nonzero : bool
        Whether zeros do not count either.
    sigma : float
        Standard deviations from the median up to which values stay.
    most : int
        How often to clip at most.
    threads : int
        Threads.

    Returns
    -------
    count : int
        Values left.
    mean, median, std : float
        Of them; NaN where there are none.
    """
    cdef Box where
    cdef Result now
    cdef Py_ssize_t before
    cdef int times = 0
    where.y0, where.y1, where.x0, where.x1 = box
    if not (0 <= where.y0 <= where.y1 <= image.shape[0] and 0 <= where.x0 <= where.x1 <= image.shape[1]):
        raise ValueError("the box reaches beyond the image")
    where.nonzero, where.low, where.high = nonzero, -INFINITY, INFINITY
    cdef unsigned int *counts = <unsigned int *>calloc(2 * PLACES * (threads + 1), sizeof(unsigned int))
    cdef double *sums = <double *>calloc(where.y1 - where.y0 + 1, sizeof(double))
    if counts == NULL or sums == NULL:
        free(counts)
        free(sums)
        raise MemoryError
    with nogil:
        now = look(image, where, counts, sums, threads)
        while times < most and now.count > 0:
            before = now.count
            where.low = max(where.low, now.median - sigma * now.std)
            where.high = min(where.high, now.median + sigma * now.std)
            now = look(image, where, counts, sums, threads)
            times += 1
            if now.count == before:
                break
    free(counts)
    free(sums)
    return now.count, now.mean, now.median, now.std


cdef inline unsigned int key(float value) noexcept nogil:
    """The bits of a value, in the order of the values."""
    cdef unsigned int bits
    memcpy(&bits, &value, 4)
    return ~bits if bits >> 31 else bits | 0x80000000u


cdef inline float value_of(unsigned int key) noexcept nogil:
    cdef unsigned int bits = key & 0x7fffffffu if key >> 31 else ~key
    cdef float value
    memcpy(&value, &bits, 4)
    return value


cdef inline bint counts_in(float value, Box where) noexcept nogil:
    # Written so that NaN fails, and infinities too.
    return (value - value == 0) and value >= where.low and value <= where.high and not (where.nonzero and value == 0)


cdef Result look(const float[:, ::1] image, Box where, unsigned int *counts, double *sums, int threads) noexcept nogil:
    """Statistics of the values of the box between its limits."""
    cdef Result result
    cdef Py_ssize_t y, rank, below = 0, height = where.y1 - where.y0, upper_rank
    cdef unsigned int *mine = NULL
    cdef unsigned int first, second, high, low
    cdef int place
    cdef double mean, total = 0
    memset(counts, 0, 2 * PLACES * (threads + 1) * sizeof(unsigned int))
    with parallel(num_threads=threads):
        mine = counts + 2 * PLACES * (threadid() + 1)
        for y in prange(height, schedule="static"):
            sums[y] = upper_halves(image, where, where.y0 + y, mine)
    merge(counts, threads, PLACES)
    result.count = 0
    for place in range(PLACES):
        result.count += counts[place]
    if result.count == 0:
        result.mean = result.median = result.std = NAN
        return result
    for y in range(height):
        total += sums[y]
    mean = total / result.count
    rank, upper_rank = (result.count - 1) // 2, result.count // 2
    first = find(counts, rank, &below)
    rank -= below
    second = find(counts, upper_rank, &below)
    upper_rank -= below
    memset(counts, 0, 2 * PLACES * (threads + 1) * sizeof(unsigned int))
    with parallel(num_threads=threads):
        mine = counts + 2 * PLACES * (threadid() + 1)
        for y in prange(height, schedule="static"):
            sums[y] = lower_halves(image, where, where.y0 + y, first, second, mean, mine)
    merge(counts, threads, 2 * PLACES)
    low = find(counts, rank, &below)
    high = find(counts + (PLACES if second != first else 0), upper_rank, &below)
    total = 0
    for y in range(height):
        total += sums[y]
    result.mean = mean
    result.median = (<double>value_of(first << 16 | low) + <double>value_of(second << 16 | high)) / 2
    result.std = sqrt(total / result.count)
    return result


cdef void merge(unsigned int *counts, int threads, int places) noexcept nogil:
    """Add the counts of all threads up, in the first places."""
    cdef int thread, place
    for thread in range(1, threads + 1):
        for place in range(places):
            counts[place] += counts[2 * PLACES * thread + place]


cdef unsigned int find(const unsigned int *counts, Py_ssize_t rank, Py_ssize_t *below) noexcept nogil:
    """The place in which the value of a rank lies, and how many lie before it."""
    cdef unsigned int place = 0
    cdef Py_ssize_t passed = 0
    while place < PLACES - 1 and passed + counts[place] <= rank:
        passed += counts[place]
        place += 1
    below[0] = passed
    return place


cdef double upper_halves(const float[:, ::1] image, Box where, Py_ssize_t y, unsigned int *counts) noexcept nogil:
    cdef Py_ssize_t x
    cdef double total = 0
    cdef float value
    for x in range(where.x0, where.x1):
        value = image[y, x]
        if counts_in(value, where):
            counts[key(value) >> 16] += 1
            total += value
    return total


cdef double lower_halves(const float[:, ::1] image, Box where, Py_ssize_t y, unsigned int first, unsigned int second,
                         double mean, unsigned int *counts) noexcept nogil:
    cdef Py_ssize_t x
    cdef double total = 0
    cdef float value
    cdef unsigned int bits
    for x in range(where.x0, where.x1):
        value = image[y, x]
        if counts_in(value, where):
            total += (value - mean) * (value - mean)
            bits = key(value)
            if bits >> 16 == first:
                counts[bits & 0xffff] += 1
            elif bits >> 16 == second:
                counts[PLACES + (bits & 0xffff)] += 1
    return total


def boxes(const float[:, ::1] image, Py_ssize_t height, Py_ssize_t width, double sigma, int most,
          Py_ssize_t[:, ::1] counts, double[:, ::1] medians, double[:, ::1] stds, int threads):
    """Statistics of all boxes of a size, after clipping; see `statistics`.

    Parameters
    ----------
    image : float32, (ny, nx)
        Values; those that are not finite do not count.
    height, width : int
        Size of the boxes; those at the upper and right edges are cut.
    sigma, most : float, int
        As of `statistics`.
    counts, medians, stds : intp and float64, (rows of boxes, boxes in a row)
        Out: values left, and their median and standard deviation; NaN where there are none.
    threads : int
        Threads.
    """
    cdef Py_ssize_t across = counts.shape[1], many = counts.shape[0] * counts.shape[1], box
    cdef float *values = NULL
    with nogil, parallel(num_threads=threads):
        values = <float *>malloc((2 * height * width + SAMPLE) * sizeof(float))
        for box in prange(many, schedule="dynamic"):
            clip_box(image, height, width, box // across, box % across, sigma, most, values, &counts[0, 0] + box,
                     &medians[0, 0] + box, &stds[0, 0] + box)
        free(values)


cdef void clip_box(const float[:, ::1] image, Py_ssize_t height, Py_ssize_t width, Py_ssize_t row, Py_ssize_t column,
                   double sigma, int most, float *values, Py_ssize_t *count, double *median,
                   double *std) noexcept nogil:
    cdef Py_ssize_t y, x, n = 0, i, kept
    cdef float value
    cdef float *room = values + height * width
    cdef double low, high
    cdef int times
    for y in range(row * height, min((row + 1) * height, image.shape[0])):
        for x in range(column * width, min((column + 1) * width, image.shape[1])):
            value = image[y, x]
            values[n] = value
            n += value - value == 0
    for times in range(most + 1):
        median[0] = std[0] = NAN
        if n == 0:
            break
        std[0] = sqrt(moment(values, n, moment(values, n, 0, False) / n, True) / n)
        median[0] = middle(values, n, room)
        if times == most:
            break
        kept = 0
        low, high = median[0] - sigma * std[0], median[0] + sigma * std[0]
        for i in range(n):
            value = values[i]
            values[kept] = value
            kept += (value >= low) & (value <= high)
        if kept == n:
            break
        n = kept
    count[0] = n


cdef double middle(float *values, Py_ssize_t n, float *room) noexcept nogil:
    """The median: among the values that lie where a sample says that it must be, or else among all."""
    cdef Py_ssize_t i, below = 0, between = 0, rank = n // 2
    cdef float low, high, value, upper, lower
    cdef bint odd = n % 2
    if n >= 8 * SAMPLE:
        for i in range(SAMPLE):
            room[i] = values[i * (n // SAMPLE)]
        low = select(room, SAMPLE, SAMPLE // 2 - MARGIN)
        high = select(room, SAMPLE, SAMPLE // 2 + MARGIN)
        for i in range(n):
            value = values[i]
            below += value < low
            room[between] = value
            between += (value >= low) & (value <= high)
        if below < rank < below + between:
            values, n, rank = room, between, rank - below
    upper = lower = select(values, n, rank)
    if not odd:
        lower = values[0]
        for i in range(1, rank):
            lower = max(lower, values[i])
    return (<double>lower + upper) / 2


cdef inline double moment(const float *values, Py_ssize_t n, double origin, bint square) noexcept nogil:
    """Sum of the values from an origin, or of their squares: in lanes, that need not wait for each other."""
    cdef double[8] lanes
    cdef double off, total = 0
    cdef Py_ssize_t i, lane
    for lane in range(8):
        lanes[lane] = 0
    for i in range(0, n - 7, 8):
        for lane in range(8):
            off = values[i + lane] - origin
            lanes[lane] += off * off if square else off
    for i in range(n - n % 8, n):
        off = values[i] - origin
        lanes[i % 8] += off * off if square else off
    for lane in range(8):
        total += lanes[lane]
    return total
