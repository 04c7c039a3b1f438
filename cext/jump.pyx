# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Jumps in ramps by differences of neighbouring groups.

A row is worked off in blocks of `WIDTH` pixels. The usable differences of a block stand in scratch as (ndiffs, WIDTH),
so that one network of comparators sorts all its pixels at once, without a branch, in vector registers (`network.pxd`);
above `NETWORK` differences each pixel is sorted by radix, in linear time. Sorted differences give the median by index,
and tell by the largest and the smallest alone whether a pixel has a jump at all: only the few that have one are looked
at difference by difference. Roundings (float32 or float64, in which order) are those of `jwst` 1.14.1, for the same
flags.

Unchecked indexing is safe: all planes have the shape of `data` and `later` names planes that are not the first of an
integration (both by construction in `jwpipe.steps.ramp.jump`); blocks and neighbours are clipped at the edges. Rows are
independent, but for neighbours, whose sources are marked in a bit map first: results do not depend on threads.
"""

from cython.parallel cimport prange, threadid
from libc.math cimport INFINITY, NAN, fabs, fabsf, sqrt, sqrtf
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy, memset

import numpy as np

from ahead cimport PLANES, ahead
from network cimport COLUMNS, sort_columns

cdef enum:
    WIDTH = COLUMNS  # pixels a block
    NETWORK = 2048  # most values that are sorted by a network: it is faster up to about 4000
    INSERTION = 48  # most values of one pixel that are sorted by insertion
    LONG = 32  # values of a series from which on a look-up in it is cheaper than to sort all series together
    CLIPS = 5  # most rounds of sigma clipping

cdef unsigned char UNUSABLE = 3  # DO_NOT_USE, SATURATED
cdef unsigned char JUMP = 4

SINGLE_PASS, ITERATIVE, SIGMA_CLIP = range(3)

cdef struct Job:
    const float *data
    unsigned char *groupdq
    const float *gain
    const float *readnoise
    float *median
    const Py_ssize_t *later
    const Py_ssize_t *series
    Py_ssize_t ny, nx, ndiffs, nseries
    int nframes
    double threshold, threshold3, threshold2

cdef struct Block:
    float *diffs  # (ndiffs, WIDTH), e-; NaN where a group is unusable
    float *ranked  # (ndiffs, WIDTH), usable ones in ascending order, then infinity
    uint32_t *keys  # 2 x ndiffs
    uint32_t *order  # 2 x ndiffs
    float *values  # ndiffs
    int *counts  # (nseries, WIDTH), usable differences of each series
    Py_ssize_t *begin  # 2 x nseries
    Py_ssize_t y, x, width


cdef inline bint any_unusable(const unsigned char *flags) noexcept nogil:
    """Whether any of WIDTH pixels is unusable."""
    cdef uint64_t word, all_words = 0
    cdef Py_ssize_t i
    for i in range(WIDTH // 8):
        memcpy(&word, flags + 8 * i, 8)
        all_words |= word
    return all_words & <uint64_t>0x0303030303030303 != 0


cdef inline void electrons(const Job *job, Py_ssize_t plane, Py_ssize_t y, Py_ssize_t x, Py_ssize_t width,
                           float *out) noexcept nogil:
    """Signal of part of a row; NaN where the group is unusable."""
    cdef Py_ssize_t i, start = (plane * job.ny + y) * job.nx + x
    cdef const float *data = job.data + start
    cdef const unsigned char *flags = job.groupdq + start
    cdef const float *gain = job.gain + y * job.nx + x
    ahead(data + PLANES * job.ny * job.nx, WIDTH * sizeof(float))
    ahead(flags + PLANES * job.ny * job.nx, WIDTH)
    for i in range(width):
        out[i] = data[i] * gain[i]
    if width == WIDTH and not any_unusable(flags):
        return
    for i in range(width):
        if flags[i] & UNUSABLE:
            out[i] = <float>NAN


cdef void difference(const Job *job, Block *block) noexcept nogil:
    """Fill `diffs`."""
    cdef float[WIDTH] before, after
    cdef Py_ssize_t k, i, plane
    cdef float *diff
    for k in range(job.ndiffs):
        plane = job.later[k]
        if k > 0 and job.later[k - 1] == plane - 1:
            memcpy(before, after, sizeof(before))
        else:
            electrons(job, plane - 1, block.y, block.x, block.width, before)
        electrons(job, plane, block.y, block.x, block.width, after)
        diff = block.diffs + k * WIDTH
        for i in range(block.width):
            diff[i] = after[i] - before[i]


cdef inline uint32_t sortable(float value) noexcept nogil:
    """Map a number to an integer of the same order."""
    cdef uint32_t bits
    memcpy(&bits, &value, 4)
    return ~bits if bits >> 31 else bits | <uint32_t>0x80000000


cdef inline float unsortable(uint32_t key) noexcept nogil:
    """Undo `sortable`."""
    cdef float value
    key = key & <uint32_t>0x7fffffff if key >> 31 else ~key
    memcpy(&value, &key, 4)
    return value


cdef void radix_sort(uint32_t *keys, uint32_t *order, Py_ssize_t n) noexcept nogil:
    """Sort keys and what goes with them, stably; the upper halves of both arrays, from n on, are scratch."""
    cdef uint32_t *source = keys
    cdef uint32_t *source_order = order
    cdef uint32_t *target = keys + n
    cdef uint32_t *target_order = order + n
    cdef uint32_t[256] first
    cdef uint32_t total, here
    cdef Py_ssize_t i
    cdef int digit, shift
    for shift in range(0, 32, 8):
        memset(first, 0, sizeof(first))
        for i in range(n):
            first[(source[i] >> shift) & 255] += 1
        total = 0
        for digit in range(256):
            here = first[digit]
            first[digit] = total
            total += here
        for i in range(n):
            digit = (source[i] >> shift) & 255
            target[first[digit]] = source[i]
            target_order[first[digit]] = source_order[i]
            first[digit] += 1
        source, target = target, source
        source_order, target_order = target_order, source_order


cdef void rank(Block *block, Py_ssize_t start, Py_ssize_t stop, bint magnitudes, int *count) noexcept nogil:
    """Sort a range of differences, or their magnitudes, of every pixel; count the usable ones."""
    cdef Py_ssize_t i, k, n = stop - start
    cdef const float *diff
    cdef float *ranked
    for i in range(WIDTH):
        count[i] = 0
    for k in range(start, stop):
        diff = block.diffs + k * WIDTH
        ranked = block.ranked + k * WIDTH
        for i in range(WIDTH):
            count[i] += diff[i] == diff[i]
            ranked[i] = diff[i] if diff[i] == diff[i] else <float>INFINITY
        if magnitudes:
            for i in range(WIDTH):
                ranked[i] = fabsf(ranked[i])
    ranked = block.ranked + start * WIDTH
    if n <= NETWORK:
        sort_columns(ranked, n, WIDTH)
        return
    for i in range(block.width):
        for k in range(n):
            block.keys[k] = sortable(ranked[k * WIDTH + i])
        radix_sort(block.keys, block.order, n)
        for k in range(n):
            ranked[k * WIDTH + i] = unsortable(block.keys[k])


cdef inline float middle(const float *ranked, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
    """Median of n > 0 sorted values."""
    return (ranked[(n - 1) // 2 * stride] + ranked[n // 2 * stride]) * <float>0.5


cdef inline void flag(const Job *job, const Block *block, Py_ssize_t k, Py_ssize_t i) noexcept nogil:
    """Flag the later group of a difference."""
    job.groupdq[(job.later[k] * job.ny + block.y) * job.nx + block.x + i] |= JUMP


cdef inline float squared_noise(float readnoise, float gain) noexcept nogil:
    """Variance of the reading, e-2."""
    cdef float noise = readnoise * gain
    return noise * noise


cdef inline float spread_of(float median, float noise2, int nframes) noexcept nogil:
    """Expected standard deviation of a difference, e-; NaN where it is 0, so that nothing exceeds it."""
    cdef float sigma = sqrtf(fabsf(median) + noise2 / <float>nframes)
    return <float>NAN if sigma == 0 else sigma


cdef void medians(const Job *job, Block *block) noexcept nogil:
    """Median of all differences of each pixel."""
    cdef int[WIDTH] count
    cdef Py_ssize_t i
    rank(block, 0, job.ndiffs, False, count)
    for i in range(block.width):
        job.median[block.y * job.nx + block.x + i] = (
            middle(block.ranked + i, count[i], WIDTH) if count[i] else <float>NAN
        )


cdef void single_pass(const Job *job, Block *block) noexcept nogil:
    """Flag every difference that is too far from the median of its pixel."""
    cdef int[WIDTH] count
    cdef Py_ssize_t i, k, pixel
    cdef float median, sigma, low, high, threshold = <float>job.threshold
    rank(block, 0, job.ndiffs, False, count)
    for i in range(block.width):
        pixel = block.y * job.nx + block.x + i
        job.median[pixel] = <float>NAN
        if count[i] == 0:
            continue
        median = job.median[pixel] = middle(block.ranked + i, count[i], WIDTH)
        sigma = spread_of(median, squared_noise(job.readnoise[pixel], job.gain[pixel]), job.nframes)
        low = fabsf(block.ranked[i] - median)
        high = fabsf(block.ranked[(count[i] - 1) * WIDTH + i] - median)
        if (high if high > low else low) / sigma > threshold:
            for k in range(job.ndiffs):
                if fabsf(block.diffs[k * WIDTH + i] - median) / sigma > threshold:
                    flag(job, block, k, i)


cdef Py_ssize_t sort_pixel(const Job *job, Block *block, Py_ssize_t i) noexcept nogil:
    """Sort the usable magnitudes of one pixel into `values`, and their numbers into `order`, stably; count them."""
    cdef Py_ssize_t k, at, n = 0
    cdef uint32_t number
    cdef float value
    for k in range(job.ndiffs):
        value = fabsf(block.diffs[k * WIDTH + i])
        if value == value:
            block.values[n] = value
            block.order[n] = <uint32_t>k
            n += 1
    if n > INSERTION:
        for k in range(n):
            block.keys[k] = sortable(block.values[k])
        radix_sort(block.keys, block.order, n)
        for k in range(n):
            block.values[k] = unsortable(block.keys[k])
        return n
    for k in range(1, n):
        value = block.values[k]
        number = block.order[k]
        at = k
        while at > 0 and block.values[at - 1] > value:
            block.values[at] = block.values[at - 1]
            block.order[at] = block.order[at - 1]
            at -= 1
        block.values[at] = value
        block.order[at] = number
    return n


cdef inline float usual(const float *ranked, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
    """Median of n >= 2 sorted magnitudes, jumps kept out: without the largest of 4 or more; the smaller of 2."""
    return middle(ranked, n - 1 if n != 3 else n, stride)


cdef inline double limit(const Job *job, Py_ssize_t n) noexcept nogil:
    """Threshold for n usable differences."""
    return job.threshold if n >= 4 else job.threshold3 if n == 3 else job.threshold2


cdef inline double ratio(float value, float median, double sigma, bint first) noexcept nogil:
    """Distance from the median in sigmas: in float64 when a pixel is looked at first, in float32 later."""
    if first:
        return fabs(<double>value - <double>median) / sigma
    return fabsf(value - median) / <float>sigma


cdef void clip_jumps(const Job *job, Block *block, Py_ssize_t i, float noise2) noexcept nogil:
    """Flag the jumps of a pixel that has one, the largest first, with a new median after each.

    The farthest difference is at one end of the sorted ones. Ties go to the earliest, as far as they reach inwards.
    """
    cdef Py_ssize_t low = 0, high = sort_pixel(job, block, i), n, k, pick
    cdef float *values = block.values
    cdef uint32_t *order = block.order
    cdef float median
    cdef double sigma, most, other
    cdef bint first = True
    while True:
        n = high - low
        median = usual(values + low, n, 1)
        if first:
            sigma = sqrt(fabs(<double>median) + <double>(noise2 / <float>job.nframes))
        else:
            sigma = sqrt(fabs(<double>median) + <double>noise2 / job.nframes)
        most = ratio(values[high - 1], median, sigma, first)
        other = ratio(values[low], median, sigma, first)
        most = other if other > most else most
        if not most > limit(job, n):
            return
        pick = -1
        k = high - 1
        while k >= low and ratio(values[k], median, sigma, first) == most:
            if pick < 0 or order[k] < order[pick]:
                pick = k
            k -= 1
        if other == most:
            k = low
            while k < high and ratio(values[k], median, sigma, first) == most:
                if pick < 0 or order[k] < order[pick]:
                    pick = k
                k += 1
        flag(job, block, order[pick], i)
        if n <= 2:
            return
        if values[pick] > median:
            for k in range(pick, high - 1):
                values[k], order[k] = values[k + 1], order[k + 1]
            high -= 1
        else:
            for k in range(pick, low, -1):
                values[k], order[k] = values[k - 1], order[k - 1]
            low += 1
        first = False


cdef void iterative(const Job *job, Block *block) noexcept nogil:
    """Flag jumps one by one in pixels of few differences."""
    cdef int[WIDTH] count
    cdef Py_ssize_t i, pixel
    cdef float median, noise2
    cdef double sigma, low, high
    medians(job, block)
    rank(block, 0, job.ndiffs, True, count)
    for i in range(block.width):
        if count[i] < 2:
            continue
        pixel = block.y * job.nx + block.x + i
        median = usual(block.ranked + i, count[i], WIDTH)
        noise2 = squared_noise(job.readnoise[pixel], job.gain[pixel])
        sigma = sqrt(fabs(<double>median) + <double>(noise2 / <float>job.nframes))
        if sigma == 0:
            continue
        low = fabs(<double>block.ranked[i] - <double>median)
        high = fabs(<double>block.ranked[(count[i] - 1) * WIDTH + i] - <double>median)
        if (high if high > low else low) / sigma > limit(job, count[i]):
            clip_jumps(job, block, i, noise2)


cdef void clip_bounds(const float *ranked, Py_ssize_t n, double threshold, double *bounds) noexcept nogil:
    """Bounds within which sigma clipping about the median leaves the n sorted values of a column (astropy's)."""
    cdef Py_ssize_t low = 0, high = n, size, k
    cdef double mean, median, std, step
    cdef int _round
    bounds[0] = bounds[1] = NAN
    while low < high and ranked[low * WIDTH] == -INFINITY:
        low += 1
    while low < high and ranked[(high - 1) * WIDTH] == INFINITY:
        high -= 1
    for _round in range(CLIPS):
        size = high - low
        if size == 0:
            return
        median = 0.5 * (<double>ranked[(low + (size - 1) // 2) * WIDTH] + <double>ranked[(low + size // 2) * WIDTH])
        mean = std = 0
        for k in range(low, high):
            mean += ranked[k * WIDTH]
        mean /= size
        for k in range(low, high):
            step = ranked[k * WIDTH] - mean
            std += step * step
        std = sqrt(std / size)
        bounds[0] = median - threshold * std
        bounds[1] = median + threshold * std
        while low < high and ranked[low * WIDTH] < bounds[0]:
            low += 1
        while low < high and ranked[(high - 1) * WIDTH] > bounds[1]:
            high -= 1
        if high - low == size:
            return


cdef void sigma_clip(const Job *job, Block *block) noexcept nogil:
    """Flag what sigma clipping of each series of differences throws out."""
    cdef int *count
    cdef double[2] bounds
    cdef Py_ssize_t i, k, s, start, stop
    cdef float value
    for s in range(job.nseries):
        start, stop = job.series[s], job.series[s + 1]
        count = block.counts + s * WIDTH
        rank(block, start, stop, False, count)
        for i in range(block.width):
            clip_bounds(block.ranked + start * WIDTH + i, count[i], job.threshold, bounds)
            for k in range(start, stop):
                value = block.diffs[k * WIDTH + i]
                if value < bounds[0] or value > bounds[1]:
                    flag(job, block, k, i)
    if job.ndiffs < LONG * job.nseries:
        medians(job, block)
        return
    for i in range(block.width):
        job.median[block.y * job.nx + block.x + i] = median_of_series(job, block, i)


cdef Py_ssize_t sorted_before(const float *ranked, Py_ssize_t low, Py_ssize_t high, float value,
                              bint equal) noexcept nogil:
    """Position in a sorted column, between two others, before which all values are smaller (or `equal`)."""
    cdef Py_ssize_t half
    cdef float other
    while low < high:
        half = (low + high) // 2
        other = ranked[half * WIDTH]
        if other < value or (equal and other == value):
            low = half + 1
        else:
            high = half
    return low


cdef float median_of_series(const Job *job, Block *block, Py_ssize_t i) noexcept nogil:
    """Median of all differences of a pixel, of which each series is sorted; NaN where there are none.

    A value in the middle of what is left of the longest series is looked up in all others: then that much is left out.
    """
    cdef const float *ranked = block.ranked + i
    cdef Py_ssize_t *low = block.begin
    cdef Py_ssize_t *high = block.begin + job.nseries
    cdef Py_ssize_t s, n = 0, below = 0, smaller, longest, sought
    cdef float value, after
    for s in range(job.nseries):
        low[s] = job.series[s]
        high[s] = low[s] + block.counts[s * WIDTH + i]
        n += high[s] - low[s]
    if n == 0:
        return <float>NAN
    sought = (n - 1) // 2
    while True:
        longest = 0
        for s in range(1, job.nseries):
            if high[s] - low[s] > high[longest] - low[longest]:
                longest = s
        value = ranked[(low[longest] + high[longest]) // 2 * WIDTH]
        smaller = 0
        for s in range(job.nseries):
            smaller += sorted_before(ranked, low[s], high[s], value, False) - low[s]
        if below + smaller > sought:
            for s in range(job.nseries):
                high[s] = sorted_before(ranked, low[s], high[s], value, False)
            continue
        # What is left begins behind the value; it is the one sought if that is no longer there.
        for s in range(job.nseries):
            smaller = sorted_before(ranked, low[s], high[s], value, True)
            below += smaller - low[s]
            low[s] = smaller
        if below > sought:
            break
    if below > n // 2:
        return value
    after = <float>INFINITY
    for s in range(job.nseries):
        if low[s] < job.series[s] + block.counts[s * WIDTH + i] and ranked[low[s] * WIDTH] < after:
            after = ranked[low[s] * WIDTH]
    return (value + after) * <float>0.5


def find(const float[:, :, :, ::1] data, unsigned char[:, :, :, ::1] groupdq, const float[:, ::1] gain,
         const float[:, ::1] readnoise, int nframes, const Py_ssize_t[::1] later, const Py_ssize_t[::1] series,
         int method, thresholds, float[:, ::1] median, int threads):
    """Flag jumps by the differences of neighbouring groups.

    Parameters
    ----------
    data : float32, (nints, ngroups, ny, nx)
        Counts, DN.
    groupdq : uint8, (nints, ngroups, ny, nx)
        Flags, changed in place. Groups that are DO_NOT_USE or SATURATED are not used.
    gain : float32, (ny, nx)
        Gain, e-/DN.
    readnoise : float32, (ny, nx)
        Read noise, DN.
    nframes : int
        Frames averaged in a group.
    later : intp, (ndiffs,)
        The later group of each difference, as integration x ngroups + group.
    series : intp, (nseries + 1,)
        For SIGMA_CLIP: the first difference of each series that is clipped together, and ndiffs.
    method : int
        SINGLE_PASS, ITERATIVE or SIGMA_CLIP.
    thresholds : tuple of float
        Sigmas from which on a difference is a jump: for pixels of 4 or more, of 3 and of 2 usable differences; the last
        two matter to ITERATIVE alone.
    median : float32, (ny, nx)
        Out: median of all differences, e-; NaN where there are none.
    threads : int
        Threads.
    """
    cdef Job job
    cdef Py_ssize_t ny = data.shape[2], y
    cdef Py_ssize_t per_thread = later.shape[0] * (2 * WIDTH + 5)
    cdef Py_ssize_t[:, ::1] begin = np.empty((threads, 2 * series.shape[0]), np.intp)
    cdef int[:, ::1] counts = np.empty((threads, WIDTH * series.shape[0]), np.intc)
    # Zeros: the unused columns of a row's last block are sorted along.
    cdef float[:, ::1] scratch = np.zeros((threads, max(per_thread, 1)), "f4")
    if later.shape[0] == 0:
        median[:] = NAN
        return
    job.data, job.groupdq = &data[0, 0, 0, 0], &groupdq[0, 0, 0, 0]
    job.gain, job.readnoise = &gain[0, 0], &readnoise[0, 0]
    job.median, job.later, job.series = &median[0, 0], &later[0], &series[0]
    job.ny, job.nx, job.ndiffs, job.nseries = ny, data.shape[3], later.shape[0], series.shape[0] - 1
    job.nframes = nframes
    job.threshold, job.threshold3, job.threshold2 = thresholds
    for y in prange(ny, nogil=True, num_threads=threads, schedule="dynamic"):
        find_in_row(&job, method, y, &scratch[threadid(), 0], &counts[threadid(), 0], &begin[threadid(), 0])


cdef void find_in_row(const Job *job, int method, Py_ssize_t y, float *scratch, int *counts,
                      Py_ssize_t *begin) noexcept nogil:
    cdef Block block
    cdef Py_ssize_t n = job.ndiffs
    block.y, block.x = y, 0
    block.diffs = scratch
    block.ranked = scratch + n * WIDTH
    block.values = scratch + 2 * n * WIDTH
    block.keys = <uint32_t *>(block.values + n)
    block.order = block.keys + 2 * n
    block.counts, block.begin = counts, begin
    while block.x < job.nx:
        block.width = min(<Py_ssize_t>WIDTH, job.nx - block.x)
        difference(job, &block)
        if method == 0:
            single_pass(job, &block)
        elif method == 1:
            iterative(job, &block)
        else:
            sigma_clip(job, &block)
        block.x += WIDTH


cdef inline bint any_jump(const unsigned char *flags) noexcept nogil:
    """Whether any of 8 pixels is flagged."""
    cdef uint64_t word
    memcpy(&word, flags, 8)
    return word & <uint64_t>0x0404040404040404 != 0


cdef inline float excess(const float *data, const unsigned char *flags, Py_ssize_t plane, float gain,
                         float median) noexcept nogil:
    """Height of a pixel's difference above its median, e-; NaN where a group is unusable."""
    if (flags[0] | flags[-plane]) & UNUSABLE:
        return <float>NAN
    return data[0] * gain - data[-plane] * gain - median


def neighbors(const float[:, :, :, ::1] data, unsigned char[:, :, :, ::1] groupdq, const float[:, ::1] gain,
              const float[:, ::1] readnoise, int nframes, const float[:, ::1] median, double low, double high,
              unsigned char[:, :, :, ::1] marks, int threads, Py_ssize_t top=0, Py_ssize_t bottom=-1):
    """Count the jumps, and flag the 4 neighbours of those of a certain height.

    Parameters
    ----------
    data : float32, (nints, ngroups, ny, nx)
        Counts, DN.
    groupdq : uint8, (nints, ngroups, ny, nx)
        Flags, changed in place.
    gain, readnoise, nframes
        As for `find`.
    median : float32, (ny, nx)
        What `find` gives.
    low, high : float
        Neighbours are flagged for jumps between the two, sigmas.
    marks : uint8, (nints, ngroups, ny, (nx + 7) // 8)
        Scratch.
    threads : int
        Threads.
    top, bottom : int, optional
        Rows [top, bottom) are counted; by default all.

    Returns
    -------
    int
        Number of flagged groups before neighbours were.
    """
    cdef Py_ssize_t ny = data.shape[2], y, jumps, count = 0
    if bottom < 0:
        bottom = ny
    for y in prange(ny, nogil=True, num_threads=threads, schedule="static"):
        jumps = mark_row(data, groupdq, gain, readnoise, nframes, median, low, high, marks, y)
        count += jumps if top <= y < bottom else 0
    for y in prange(ny, nogil=True, num_threads=threads, schedule="static"):
        spread_row(groupdq, marks, y)
    return count


cdef Py_ssize_t mark_row(const float[:, :, :, ::1] data, const unsigned char[:, :, :, ::1] groupdq,
                         const float[:, ::1] gain, const float[:, ::1] readnoise, int nframes,
                         const float[:, ::1] median, double low, double high, unsigned char[:, :, :, ::1] marks,
                         Py_ssize_t y) noexcept nogil:
    """Mark the jumps of a row whose neighbours are to be flagged; count all jumps."""
    cdef Py_ssize_t ny = data.shape[2], nx = data.shape[3], g, i, x, start, count = 0
    cdef float sigmas
    for i in range(data.shape[0]):
        for g in range(data.shape[1]):
            memset(&marks[i, g, y, 0], 0, marks.shape[3])
            for start in range(0, nx, 8):
                if start + 8 <= nx and not any_jump(&groupdq[i, g, y, start]):
                    continue
                for x in range(start, min(start + 8, nx)):
                    if not groupdq[i, g, y, x] & JUMP:
                        continue
                    count += 1
                    if g == 0:  # a flag that came with the ramp: no difference belongs to it
                        continue
                    sigmas = fabsf(
                        excess(&data[i, g, y, x], &groupdq[i, g, y, x], ny * nx, gain[y, x], median[y, x])
                    ) / spread_of(median[y, x], squared_noise(readnoise[y, x], gain[y, x]), nframes)
                    if low < sigmas < high:
                        marks[i, g, y, x >> 3] |= 1 << (x & 7)
    return count


cdef void spread_row(unsigned char[:, :, :, ::1] groupdq, const unsigned char[:, :, :, ::1] marks,
                     Py_ssize_t y) noexcept nogil:
    """Flag the neighbours of marked pixels that lie in a row."""
    cdef Py_ssize_t ny = groupdq.shape[2], nx = groupdq.shape[3], last = marks.shape[3] - 1, g, i, x, byte
    cdef unsigned char bits
    for i in range(groupdq.shape[0]):
        for g in range(1, groupdq.shape[1]):
            for byte in range(last + 1):
                bits = (marks[i, g, y, byte] << 1) | (marks[i, g, y, byte] >> 1)
                if byte > 0:
                    bits |= marks[i, g, y, byte - 1] >> 7
                if byte < last:
                    bits |= marks[i, g, y, byte + 1] << 7
                if y > 0:
                    bits |= marks[i, g, y - 1, byte]
                if y + 1 < ny:
                    bits |= marks[i, g, y + 1, byte]
                if bits:
                    for x in range(8 * byte, min(8 * byte + 8, nx)):
                        if bits >> (x & 7) & 1 and not groupdq[i, g, y, x] & UNUSABLE:
                            groupdq[i, g, y, x] |= JUMP


def after(const float[:, :, :, ::1] data, unsigned char[:, :, :, ::1] groupdq, const float[:, ::1] gain,
          const float[:, ::1] median, double least, Py_ssize_t number, int threads):
    """Flag the groups after each high jump.

    Parameters
    ----------
    data : float32, (nints, ngroups, ny, nx)
        Counts, DN.
    groupdq : uint8, (nints, ngroups, ny, nx)
        Flags, changed in place.
    gain, median
        As for `neighbors`.
    least : float
        Height from which on a jump is followed, e-.
    number : int
        Groups to flag after the jump.
    threads : int
        Threads.
    """
    cdef Py_ssize_t y
    for y in prange(data.shape[2], nogil=True, num_threads=threads, schedule="static"):
        follow_row(data, groupdq, gain, median, least, number, y)


cdef void follow_row(const float[:, :, :, ::1] data, unsigned char[:, :, :, ::1] groupdq, const float[:, ::1] gain,
                     const float[:, ::1] median, double least, Py_ssize_t number, Py_ssize_t y) noexcept nogil:
    """Flag groups after the high jumps of a row."""
    cdef Py_ssize_t ngroups = data.shape[1], ny = data.shape[2], nx = data.shape[3], i, g, k, x, start
    for i in range(data.shape[0]):
        for g in range(ngroups - 1, 0, -1):  # downwards, so that flags set here are not followed in turn
            for start in range(0, nx, 8):
                if start + 8 <= nx and not any_jump(&groupdq[i, g, y, start]):
                    continue
                for x in range(start, min(start + 8, nx)):
                    if groupdq[i, g, y, x] & JUMP and excess(
                        &data[i, g, y, x], &groupdq[i, g, y, x], ny * nx, gain[y, x], median[y, x]
                    ) >= least:
                        for k in range(g, min(g + number + 1, ngroups)):
                            if not groupdq[i, k, y, x] & UNUSABLE:
                                groupdq[i, k, y, x] |= JUMP


def tidy(unsigned char[:, ::1] groupdq, int threads):
    """Drop the jump flag of groups that are otherwise exactly DO_NOT_USE or SATURATED.

    Parameters
    ----------
    groupdq : uint8, (any number, nx)
        Flags, changed in place.
    threads : int
        Threads.
    """
    cdef Py_ssize_t nx = groupdq.shape[1], row, start, x
    for row in prange(groupdq.shape[0], nogil=True, num_threads=threads, schedule="static"):
        for start in range(0, nx, 8):
            if start + 8 <= nx and not any_jump(&groupdq[row, start]):
                continue
            for x in range(start, min(start + 8, nx)):
                if groupdq[row, x] == 5 or groupdq[row, x] == 6:
                    groupdq[row, x] = groupdq[row, x] & UNUSABLE
