# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Electromagnetic interference in MIRI ramps: what is left of a ramp without its source, folded over a period.

The four amplifiers are read at the same moment, so that four neighbouring pixels share one sample of the interference,
and one phase. A sample is never stored: it is the mean of four counts less a line up the ramp, made anew from the ramp
in every pass, and a pass costs about as much as reading the ramp does. Sums are kept apart for a fixed number of parts
of the exposure and added by the caller, so that they do not depend on the number of threads.

Unchecked indexing is safe: `jwpipe.steps.ramp.emicorr` makes every plane of the ramp's shape with four columns in one,
bins come from a phase in [0, 1) and are held to the table's ends, tiles end at the end of the row, and there is room to
set aside half of the samples: a quarter at most lies further from a point than twice the spread about it.
"""

from cython.parallel cimport parallel, prange, threadid

from libc.string cimport memcpy

cimport interference
cimport order
from ahead cimport ahead

cdef extern from *:
    """
    static Py_ssize_t take(Py_ssize_t *counter) {
        Py_ssize_t mine;
        #pragma omp atomic capture
        mine = (*counter)++;
        return mine;
    }
    """
    Py_ssize_t take(Py_ssize_t *counter) nogil  # the next number, each to one thread alone

cdef enum:
    TILE = 264  # samples at a time: a row of the full frame has 258
    WIDTH = interference.STRIP  # pixels at a time while lines are made
    LENGTH = 4096  # samples that are set aside together

# For the caller, who makes room.
STRIP = WIDTH
CHUNK = LENGTH

cdef struct Clock:
    double row      # time from one row to the next, samples of 10 us
    double column   # time from one pixel of an amplifier to the next
    double last     # how much later the last column of a row is read
    double period


cdef struct Bin:
    double begin, end              # phases
    double low, high               # samples outside are left out
    double inner_low, inner_high   # samples outside are set aside


cdef struct Sums:
    double number, total, squares


cdef struct Aside:
    float *values
    unsigned short *bins
    int *chunks         # of each chunk, its part and the number of its samples
    Py_ssize_t *used    # chunks


def straighten(const float[:, :, :, ::1] data, float[:, :, ::1] slope, float[:, :, ::1] level,
               const int[:, ::1] network, float[:, ::1] scratch, int threads):
    """Lines up the ramps, the mean of each four pixels that are read at once.

    The slope is that of a straight line through all groups but the first and the last, the level the median of what is
    left of these groups without it. NaN in one of them makes the slope NaN.

    Parameters
    ----------
    data : float32, (nints, ngroups, ny, nx)
        Counts, DN; at least four groups.
    slope, level : float32, (nints, ny, nx / 4)
        Out: DN a group, DN.
    network : int32, (npairs, 2)
        Groups, counted from the second, that are compared and exchanged, one pair after the other, to bring the middle
        one or two of all but the first and the last to their places: of many pixels at once, which takes far less than
        selecting the middle one of each.
    scratch : float32, (threads, 2 * STRIP * (ngroups - 2))
        Room.
    threads : int
        Threads.
    """
    cdef Py_ssize_t ny = data.shape[2], npairs = network.shape[0]
    cdef Py_ssize_t i, y
    with nogil, parallel(num_threads=threads):
        for y in prange(ny, schedule="static"):
            for i in range(data.shape[0]):
                straighten_row(data, i, y, &network[0, 0], npairs, &scratch[threadid(), 0], &slope[i, y, 0],
                               &level[i, y, 0])


cdef void straighten_row(const float[:, :, :, ::1] data, Py_ssize_t i, Py_ssize_t y, const int *pairs,
                         Py_ssize_t npairs, float *values, float *slope, float *level) noexcept nogil:
    cdef Py_ssize_t n = data.shape[1] - 2, nx = data.shape[3], plane = data.shape[2] * nx, width
    cdef Py_ssize_t first, x, g, k
    cdef double[WIDTH] line
    cdef float[WIDTH] centre
    cdef const float *source
    cdef float *own = values + n * WIDTH
    for first in range(0, nx, 64):
        width = min(<Py_ssize_t>WIDTH, nx - first)
        source = &data[i, 1, y, first]
        for g in range(n):
            ahead(source + g * plane + WIDTH, WIDTH * sizeof(float))
        if width == WIDTH:
            interference.lines(source, plane, n, pairs, npairs, values, line, centre)
        else:
            for g in range(n):
                memcpy(own + g * WIDTH, source + g * plane, width * sizeof(float))
                for x in range(width, WIDTH):
                    own[g * WIDTH + x] = 0
            interference.lines(own, WIDTH, n, pairs, npairs, values, line, centre)
        for k in range(width // 4):
            x = 4 * k
            slope[first // 4 + k] = <float>((line[x] + line[x + 1] + line[x + 2] + line[x + 3]) / 4)
            level[first // 4 + k] = <float>((<double>centre[x] + centre[x + 1] + centre[x + 2] + centre[x + 3]) / 4)


cdef inline void samples(const float *row, const float *slope, const float *level, double group, Py_ssize_t first,
                         Py_ssize_t count, double *out) noexcept nogil:
    """Samples of a row, from the `first` on: mean counts of four pixels less their line.

    Columns 1 and 2, disturbed as they are, are taken from those beside them.
    """
    cdef double a, b
    interference.means(row + 4 * first, slope + first, level + first, group, count, out)
    if first == 0 and count > 3:
        a, b = out[0], out[3]
        out[1] = out[2] = (a + b) / 2


def medians(const float[:, :, :, ::1] data, const float[:, :, ::1] slope, const float[:, :, ::1] level,
            double[:, ::1] median, float[:, ::1] scratch, int threads):
    """Median of the samples of every group.

    Parameters
    ----------
    data, slope, level : float32
        The ramp, and what `straighten` made of it.
    median : float64, (nints, ngroups)
        Out: DN.
    scratch : float32, (threads, 2 * ny * nx / 4)
        Room.
    threads : int
        Threads.
    """
    cdef Py_ssize_t ngroups = data.shape[1], plane
    with nogil, parallel(num_threads=threads):
        for plane in prange(data.shape[0] * ngroups, schedule="dynamic"):
            median[plane // ngroups, plane % ngroups] = median_of_group(
                data, slope, level, plane // ngroups, plane % ngroups, &scratch[threadid(), 0])


cdef double median_of_group(const float[:, :, :, ::1] data, const float[:, :, ::1] slope,
                            const float[:, :, ::1] level, Py_ssize_t i, Py_ssize_t g, float *values) noexcept nogil:
    cdef Py_ssize_t nx4 = slope.shape[2], kept = 0
    cdef Py_ssize_t y, tile, first, count, k
    cdef double[TILE] dd
    for y in range(data.shape[2]):
        for tile in range((nx4 + TILE - 1) // TILE):
            first = tile * TILE
            count = min(<Py_ssize_t>TILE, nx4 - first)
            samples(&data[i, g, y, 0], &slope[i, y, 0], &level[i, y, 0], g, first, count, dd)
            for k in range(count):
                values[kept] = <float>dd[k]
                kept += dd[k] - dd[k] == 0
    return order.median_of_many(values, values + data.shape[2] * nx4, kept) if kept else 0


cdef inline void phases(const Clock *clock, double start, Py_ssize_t first, Py_ssize_t count, bint at_end,
                        double *phase) noexcept nogil:
    """Phases in [0, 1) of the samples of a row that begins at `start`."""
    interference.fractions(start, clock.column, clock.last if at_end else 0, clock.period, first, count, phase)


def fold(const float[:, :, :, ::1] data, const float[:, :, ::1] slope, const float[:, :, ::1] level,
         const double[:, ::1] median, const double[:, ::1] start, double row, double column, double last,
         double period, const double[:, ::1] bins, double[:, :, ::1] sums, float[:, ::1] outer,
         unsigned short[:, ::1] outer_bin, int[:, ::1] chunks, int threads):
    """Sum the samples by phase, and set aside those that later limits may leave out.

    Parameters
    ----------
    data, slope, level, median : float32, float32, float32, float64
        The ramp, and what `straighten` and `medians` made of it.
    start : float64, (nints, ngroups)
        When each group's first pixel is read; times are in samples of 10 us.
    row, column, last : float
        Time from one row to the next, from one pixel of an amplifier to the next, and what the last column is late.
    period : float
        Of the interference.
    bins : float64, (nbins, 6)
        The bins of phase: lower edge (which does not belong to the bin), upper edge (which does), limits outside of
        which samples are left out, limits outside of which they are set aside.
    sums : float64, (parts, nbins, 3)
        Out: number, sum, and sum of squares of the samples (DN) of each part of the exposure, but those set aside.
    outer : float32, (nchunks, CHUNK)
        Out: samples set aside, DN. Parts take the next free chunk as they need one.
    outer_bin : uint16, (nchunks, CHUNK)
        Out: their bins.
    chunks : int32, (nchunks, 2)
        Out: of each chunk, the part that took it, and how many samples it holds.
    threads : int
        Threads.

    Returns
    -------
    int
        Number of chunks in use.
    """
    cdef Py_ssize_t parts = sums.shape[0], planes = data.shape[0] * data.shape[1]
    cdef Py_ssize_t part, used = 0
    cdef Clock clock
    cdef Aside aside
    clock.row, clock.column, clock.last, clock.period = row, column, last, period
    aside.values, aside.bins, aside.chunks, aside.used = &outer[0, 0], &outer_bin[0, 0], &chunks[0, 0], &used
    with nogil:
        for part in prange(parts, num_threads=threads, schedule="dynamic"):
            fold_part(data, slope, level, part, part * planes // parts, (part + 1) * planes // parts, median, start,
                      &clock, <const Bin *>&bins[0, 0], bins.shape[0], <Sums *>&sums[part, 0, 0], &aside)
    return used


cdef void fold_part(const float[:, :, :, ::1] data, const float[:, :, ::1] slope, const float[:, :, ::1] level,
                    Py_ssize_t part, Py_ssize_t begin, Py_ssize_t end, const double[:, ::1] median,
                    const double[:, ::1] start, const Clock *clock, const Bin *bins, int nbins, Sums *sums,
                    const Aside *aside) noexcept nogil:
    cdef Py_ssize_t nx4 = slope.shape[2], ngroups = data.shape[1], chunk = -1, kept = LENGTH
    cdef Py_ssize_t plane, i, g, y, tile, first, count, k
    cdef int b
    cdef float value
    cdef double[TILE] dd, phase
    cdef int[TILE] where
    cdef const Bin *one
    for plane in range(begin, end):
        i, g = plane // ngroups, plane % ngroups
        for y in range(data.shape[2]):
            for tile in range((nx4 + TILE - 1) // TILE):
                first = tile * TILE
                count = min(<Py_ssize_t>TILE, nx4 - first)
                samples(&data[i, g, y, 0], &slope[i, y, 0], &level[i, y, 0], g, first, count, dd)
                phases(clock, start[i, g] + y * clock.row, first, count, first + count == nx4, phase)
                interference.bins_of(phase, nbins, count, where)
                for k in range(count):
                    value = <float>(dd[k] - median[i, g])
                    b = where[k]
                    one = bins + b
                    if not one.begin < phase[k] <= one.end:  # the product was rounded across an edge, or lies on one
                        b += (phase[k] > one.end) - (phase[k] <= one.begin)
                        if b < 0:
                            continue
                        one = bins + b
                    if one.inner_low <= value <= one.inner_high:
                        sums[b].number += 1
                        sums[b].total += value
                        sums[b].squares += <double>value * value
                    elif one.low <= value <= one.high:
                        if kept == LENGTH:
                            chunk = take(aside.used)
                            kept = 0
                            aside.chunks[2 * chunk] = <int>part
                            aside.chunks[2 * chunk + 1] = LENGTH
                        aside.values[chunk * LENGTH + kept] = value
                        aside.bins[chunk * LENGTH + kept] = <unsigned short>b
                        kept += 1
    if chunk >= 0:
        aside.chunks[2 * chunk + 1] = <int>kept


def fold_outer(const double[:, ::1] bins, double[:, :, ::1] sums, const float[:, ::1] outer,
               const unsigned short[:, ::1] outer_bin, const int[:, ::1] chunks, Py_ssize_t used, int threads):
    """Sum the samples that `fold` set aside in the `used` first chunks; `sums` is added to, the rest as there."""
    cdef Py_ssize_t part, chunk, k
    cdef int b
    cdef double value
    with nogil:
        for part in prange(sums.shape[0], num_threads=threads, schedule="dynamic"):
            for chunk in range(used):
                if chunks[chunk, 0] != part:
                    continue
                for k in range(chunks[chunk, 1]):
                    b = outer_bin[chunk, k]
                    value = outer[chunk, k]
                    if bins[b, 2] <= value <= bins[b, 3]:
                        sums[part, b, 0] += 1
                        sums[part, b, 1] += value
                        sums[part, b, 2] += value * value


def subtract(float[:, :, :, ::1] data, const double[:, ::1] start, double row, double column, double last,
             double period, const double[::1] wave, int threads):
    """Subtract a wave.

    Parameters
    ----------
    data : float32, (nints, ngroups, ny, nx)
        Counts, DN; changed in place.
    start, row, column, last, period : float64, float, float, float, float
        As for `fold`.
    wave : float64, (n,)
        DN, one value a sample of 10 us from the beginning of a period on.
    threads : int
        Threads.
    """
    cdef Py_ssize_t ngroups = data.shape[1], plane
    cdef Clock clock
    clock.row, clock.column, clock.last, clock.period = row, column, last, period
    with nogil:
        for plane in prange(data.shape[0] * ngroups, num_threads=threads, schedule="static"):
            subtract_group(data, plane // ngroups, plane % ngroups, start, &clock, &wave[0], wave.shape[0])


cdef void subtract_group(float[:, :, :, ::1] data, Py_ssize_t i, Py_ssize_t g, const double[:, ::1] start,
                         const Clock *clock, const double *wave, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t nx4 = data.shape[3] // 4
    cdef Py_ssize_t y, tile, first, count, k, c
    cdef double noise
    cdef double[TILE] phase
    cdef float *row
    for y in range(data.shape[2]):
        for tile in range((nx4 + TILE - 1) // TILE):
            first = tile * TILE
            count = min(<Py_ssize_t>TILE, nx4 - first)
            phases(clock, start[i, g] + y * clock.row, first, count, first + count == nx4, phase)
            row = &data[i, g, y, 4 * first]
            for k in range(count):
                noise = wave[min(<Py_ssize_t>(phase[k] * clock.period), length - 1)]
                for c in range(4):
                    row[4 * k + c] = <float>(row[4 * k + c] - noise)
