# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Slopes of ramps by optimally weighted least squares, segment by segment.

A call fits all integrations, or some, so that the memory of their ramps can be given back before the others are fitted.
Rows are shared among threads; a thread takes 64 pixels of a row at a time, with all their groups beside each other in
its scratch, so that every array is read in whole cache lines, once (twice where there are several integrations: the
variances need the median rate of all of them first). Ramps without flags are most of them, and are fitted side by side
(`sidebyside.pxd`); the others one by one. Each pixel's sums are formed in the order of its groups, segments
and integrations: the same bits for any number of threads. Single precision is used for what build 10.2 keeps in single
precision, since a slope near zero shows the rounding of its sums.

Unchecked indexing is safe: `jwpipe.steps.ramp.ramp_fit` gives arrays of one frame shape, ranges within the ramp, and
segment arrays as deep as `count` found to be needed.

Source: Fixsen et al. 2000, PASP 112, 1350 (weights); Robberto 2007, JWST-STScI-0001490 (segments and variances).
"""

from cython.parallel cimport parallel, prange
from libc.math cimport INFINITY, NAN, fabs, pow, sqrt, sqrtf
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from ahead cimport PLANES, ahead
from network cimport COLUMNS, sort_columns
from order cimport median
from sidebyside cimport PIXELS, Fits, fit_whole, take

cdef enum:
    BLOCK = PIXELS  # pixels that a thread takes at a time
    POWERS = 6  # exponents of the weights
    SLOTS = 16  # lengths of segment for which a thread remembers the weights, a power
    NETWORK = 1024  # differences up to which ramps without flags are sorted side by side

cdef unsigned char DO_NOT_USE = 1
cdef unsigned char SATURATED = 2
cdef unsigned char JUMP_DET = 4
cdef unsigned char CHARGELOSS = 128
cdef unsigned int NO_GAIN_VALUE = 1 << 19

# Exponent of the weights, and the signal-to-noise ratio above which it holds (Fixsen et al. 2000, table 2).
cdef float[POWERS] EXPONENT = [0.0, 0.4, 1.0, 3.0, 6.0, 10.0]
cdef float[POWERS] THRESHOLD = [0.0, 5.0, 10.0, 20.0, 50.0, 100.0]

# Literals are double in Cython.
cdef float ONE = 1, TWELVE = 12

cdef struct Job:
    # What all threads share: arrays by their first element, sizes, times in s (TGROUP in both precisions, each of which
    # build 10.2 divides by somewhere).
    const float *data
    const unsigned char *groupdq
    const unsigned int *pixeldq
    const float *gain
    const float *readnoise
    const float *dark
    const float *zeroframe
    float *image
    unsigned int *image_dq
    float *ints
    unsigned int *ints_dq
    float *segments
    float *pedestal
    float *crmag
    Py_ssize_t nints, begin, end, depth, first, ngroups, nsegments, ncr, plane
    double exact_group_time
    float group_time, frame_time, one_group_time, noise_scale, pedestal_scale
    bint suppress

cdef struct Scratch:
    # One thread's: counts and flags of a block of one integration, by group and pixel, and what is known of its ramps.
    float *counts
    unsigned char *flags
    float *differences
    float *ranked
    int *start
    int *length
    double *weights
    double *whole  # weights of ramps of all groups, by group and power
    int[POWERS * SLOTS] known
    int[BLOCK] good  # groups without any flag
    unsigned char[BLOCK] seen  # flags of any group
    unsigned char[BLOCK] common  # flags of every group, SATURATED and DO_NOT_USE taken as one
    float[BLOCK] time  # what one group stands for, s

cdef struct Line:
    float slope, sigslope, yint, sigyint

cdef struct Sums:
    # Of the segments of a ramp, or of the ramps of a pixel: slope and 1 by variance, 1 by each kind of variance.
    float slope, both, poisson, rnoise, loss_rnoise

cdef struct Total:
    # Of a pixel, over the integrations that are done.
    Sums sums
    float rate  # median rate of all integrations, DN/s; known before the first of them is fitted
    unsigned int dq_any
    unsigned int dq_all  # SATURATED and DO_NOT_USE: those of every integration
    unsigned int lossy  # whether charge was lost


STATE = sizeof(Total) // sizeof(float)  # values of state a pixel


cdef Scratch *make_scratch(Py_ssize_t ngroups) noexcept nogil:
    """Allocate what a thread works in; NULL where memory is out."""
    cdef Scratch *s = <Scratch *>malloc(sizeof(Scratch))
    cdef const double *row
    cdef Py_ssize_t g
    cdef int i
    if s == NULL:
        return NULL
    s.counts = <float *>malloc(ngroups * BLOCK * sizeof(float))
    s.flags = <unsigned char *>malloc(ngroups * BLOCK)
    s.differences = <float *>malloc(ngroups * sizeof(float))
    s.ranked = <float *>malloc(min(ngroups, <Py_ssize_t>NETWORK) * BLOCK * sizeof(float))
    s.start = <int *>malloc(ngroups * sizeof(int))
    s.length = <int *>malloc(ngroups * sizeof(int))
    s.weights = <double *>malloc(POWERS * SLOTS * ngroups * sizeof(double))
    s.whole = <double *>malloc(POWERS * ngroups * sizeof(double))
    for i in range(POWERS * SLOTS):
        s.known[i] = 0
    if (s.counts == NULL or s.flags == NULL or s.differences == NULL or s.ranked == NULL
            or s.start == NULL or s.length == NULL or s.weights == NULL or s.whole == NULL):
        free_scratch(s)
        return NULL
    # Columns of a block that lie beyond the edge of the frame are computed along.
    memset(s.counts, 0, ngroups * BLOCK * sizeof(float))
    if ngroups > 2:
        for i in range(POWERS):
            row = weights_of(s, ngroups, i, <int>ngroups)
            for g in range(ngroups):
                s.whole[g * POWERS + i] = row[g]
    return s


cdef void free_scratch(Scratch *s) noexcept nogil:
    if s != NULL:
        free(s.counts)
        free(s.flags)
        free(s.differences)
        free(s.ranked)
        free(s.start)
        free(s.length)
        free(s.weights)
        free(s.whole)
        free(s)


cdef void load(const Job *job, Scratch *s, Py_ssize_t i, Py_ssize_t corner, int width) noexcept nogil:
    """Bring a block of one integration into the scratch, and settle which of its groups are of use.

    A count that is NaN is as good as DO_NOT_USE. Ramps of one group are dropped where that is asked for. Otherwise,
    ramps saturated throughout begin with the zero frame where it has data.
    """
    cdef Py_ssize_t g, offset = (i * job.depth + job.first) * job.plane + corner
    cdef float zero
    cdef int p
    for p in range(BLOCK):
        s.good[p] = 0
        s.seen[p] = 0
        s.common[p] = DO_NOT_USE | SATURATED
        s.time[p] = job.group_time
    for g in range(job.ngroups):
        ahead(job.data + offset + (g + PLANES) * job.plane, BLOCK * sizeof(float))
        ahead(job.groupdq + offset + (g + PLANES) * job.plane, BLOCK)
        take(job.data + offset + g * job.plane, job.groupdq + offset + g * job.plane, width, s.counts + g * BLOCK,
             s.flags + g * BLOCK, s.good, s.seen, s.common)
    for p in range(width):
        if s.seen[p] == 0:
            continue
        if job.suppress:
            if s.good[p] == 1:
                s.common[p] |= DO_NOT_USE
                for g in range(job.ngroups):
                    s.flags[g * BLOCK + p] |= DO_NOT_USE
                s.good[p] = 0
        elif s.common[p] & SATURATED and job.zeroframe != NULL:
            zero = job.zeroframe[i * job.plane + corner + p]
            if zero != 0 and zero == zero:
                s.counts[p] = zero
                s.flags[p] = s.common[p] = s.seen[p] = 0
                for g in range(1, job.ngroups):
                    s.seen[p] |= s.flags[g * BLOCK + p]
                s.good[p] = 1
                s.time[p] = job.frame_time
    if job.one_group_time > 0:
        for p in range(width):
            if s.good[p] == 1 and s.flags[p] == 0 and s.time[p] != job.frame_time:
                s.time[p] = job.one_group_time


cdef inline float first_rate(const Job *job, const Scratch *s, int p) noexcept nogil:
    """The first group as a rate, DN/s."""
    return s.counts[p] / job.group_time * (job.group_time / s.time[p])


cdef int list_differences(const Job *job, const Scratch *s, int p, float *out, Py_ssize_t step) noexcept nogil:
    """Write the differences of the groups of a ramp with flags, DN/s, one every `step` elements; give their number.

    A first group whose next one is of no use counts as a difference from zero.
    """
    cdef const float *counts = s.counts + p
    cdef const unsigned char *flags = s.flags + p
    cdef unsigned char bad = DO_NOT_USE | SATURATED
    cdef float first = first_rate(job, s, p), before = first, value
    cdef bint usable = not flags[0] & bad, now
    cdef int n = 0
    cdef Py_ssize_t g
    for g in range(1, job.ngroups):
        value = counts[g * BLOCK] / job.group_time
        now = not flags[g * BLOCK] & bad
        if not flags[g * BLOCK] & JUMP_DET:
            if usable and now:
                out[n * step] = value - before
                n += 1
            elif g == 1 and usable:
                out[n * step] = first
                n += 1
        before, usable = value, now
    return n


cdef void median_rates(const Job *job, Scratch *s, int width, float *rate) noexcept nogil:
    """Add the median rate of each ramp of a block, DN/s: that of the differences of its groups; 0 where there is none.

    Ramps are sorted side by side, those with fewer differences with infinity in place of the others.
    """
    cdef int n = <int>job.ngroups - 1, i, p
    cdef int[BLOCK] number
    cdef float t = job.group_time, value
    cdef const float *counts
    cdef float *row
    cdef bint together = 0 < n <= NETWORK
    if together:
        for i in range(n):
            counts, row = s.counts + i * BLOCK, s.ranked + i * BLOCK
            for p in range(BLOCK):
                row[p] = counts[BLOCK + p] / t - counts[p] / t
    for p in range(BLOCK):
        number[p] = n
        if p >= width or together and s.seen[p] == 0:
            continue
        if together:
            number[p] = list_differences(job, s, p, s.ranked + p, BLOCK)
            for i in range(number[p], n):
                s.ranked[i * BLOCK + p] = <float>INFINITY
        else:
            number[p] = list_differences(job, s, p, s.differences, 1)
            if number[p] > 0:
                rate[p] += median(s.differences, number[p])
        if number[p] == 0 and not s.flags[p] & (DO_NOT_USE | SATURATED):
            rate[p] += first_rate(job, s, p)
    if not together:
        return
    for i in range(BLOCK // COLUMNS):
        sort_columns(s.ranked + i * COLUMNS, n, BLOCK)
    for p in range(width):
        i = number[p]
        if i > 0:
            value = s.ranked[i // 2 * BLOCK + p]
            rate[p] += value if i % 2 else (s.ranked[(i - 1) // 2 * BLOCK + p] + value) / 2


cdef int find_segments(const unsigned char *flags, Py_ssize_t ngroups, int *start, int *length) noexcept nogil:
    """Find the runs of groups without flags, each with the jump that it follows; give their number.

    Runs of one group are left out, unless nothing else is left and the group is the first (or one of two).
    """
    cdef int n = 0, begin = -1, single = -1, g
    for g in range(ngroups + 1):
        if g < ngroups and flags[g * BLOCK] == 0:
            if begin < 0:
                begin = g - 1 if g > 0 and flags[(g - 1) * BLOCK] == JUMP_DET else g
        elif begin >= 0:
            if g - begin > 1:
                start[n] = begin
                length[n] = g - begin
                n += 1
            elif single < 0 and (begin == 0 or ngroups == 2):
                single = begin
            begin = -1
    if n == 0 and single >= 0:
        start[0], length[0] = single, 1
        n = 1
    return n


cdef const double *weights_of(Scratch *s, Py_ssize_t ngroups, int power, int n) noexcept nogil:
    """Weights of the groups of a segment of n, but for the read noise."""
    cdef int slot = power * SLOTS + n % SLOTS, j
    cdef double *row = s.weights + slot * ngroups
    cdef double middle = (n - 1) / 2.0
    if s.known[slot] != n:
        for j in range(n):
            row[j] = pow(fabs(j - middle) / middle, EXPONENT[power])
        s.known[slot] = n
    return row


cdef Line fit(const Job *job, Scratch *s, int p, int start, int n, float gain, float rn) noexcept nogil:
    """Fit one segment: slope in DN/s, intercept in DN, at the ramp's first group."""
    cdef const float *counts = s.counts + start * BLOCK + p
    cdef float first = counts[0], last = counts[(n - 1) * BLOCK], rise = last - first, variance, ratio, sigma, w
    cdef float sum_w = 0, sum_y = 0
    cdef double sum_x = 0, sum_xx = 0, sum_xy = 0, denominator, x
    cdef const double *weights
    cdef int power = 0, j
    cdef Line line
    if n == 1:
        line.slope = first / (s.time[p] if job.ngroups > 2 else job.group_time)
        line.yint = line.sigslope = line.sigyint = 0
        return line
    if n == 2:
        line.slope = <float>(rise / (job.exact_group_time if job.ngroups > 2 else job.group_time))
        line.yint = -rise if job.ngroups == 2 else last * (1.0 - (start + 1)) + first * <double>(start + 1)
        line.sigslope = line.sigyint = <float>(sqrt(2.0) * rn)
        return line
    variance = rn * rn
    sigma = sqrtf(variance + rise * gain) / gain  # NaN where the ramp falls: no power fits
    ratio = rise / sigma
    for j in range(1, POWERS):
        if ratio > THRESHOLD[j]:
            power = j
    weights = weights_of(s, job.ngroups, power, n)
    variance = ONE / variance
    for j in range(n):
        w = <float>(weights[j] * variance)
        x = start + j
        sum_w += w
        sum_y += counts[j * BLOCK] * w
        sum_x += x * w
        sum_xx += x * x * w
        sum_xy += x * w * counts[j * BLOCK]
    denominator = sum_w * sum_xx - sum_x * sum_x
    line.slope = <float>((sum_w * sum_xy - sum_x * sum_y) / denominator / job.exact_group_time)
    line.yint = <float>((sum_xx * sum_y - sum_x * sum_xy) / denominator)
    line.sigslope = <float>sqrt(sum_w / denominator)
    line.sigyint = <float>sqrt(sum_xx / denominator)
    return line


cdef float var_poisson(float rate, int n, float gain, float time) noexcept nogil:
    """Variance of a segment's slope by photon noise, (DN/s)^2."""
    return ONE / (time * gain * (n - 1 if n > 1 else 1)) * rate


cdef float var_rnoise(int n, float gain, float rn, float time) noexcept nogil:
    """Variance of a segment's slope by read noise, (DN/s)^2; a segment of one group is one from zero."""
    cdef double m = n if n > 1 else 2
    cdef float ratio = rn / time
    return TWELVE * (ratio * ratio) * <float>(1 / (m * m * m - m)) / (gain * gain)


cdef void clear_chargeloss(const Job *job, Scratch *s, Py_ssize_t i, Py_ssize_t corner, int p) noexcept nogil:
    """Take groups that are flagged for charge loss back into use, for the read noise."""
    cdef const unsigned char *dq = job.groupdq + (i * job.depth + job.first) * job.plane + corner + p
    cdef unsigned char f
    cdef Py_ssize_t g
    for g in range(job.ngroups):
        f = dq[g * job.plane]
        s.flags[g * BLOCK + p] = f & ~(CHARGELOSS | DO_NOT_USE) if f & CHARGELOSS else f


cdef int list_jumps(const Scratch *s, int p, Py_ssize_t ngroups, float *out, Py_ssize_t step) noexcept nogil:
    """Write the heights of a ramp's jumps, DN, one every `step` elements where `out` is not NULL; give their number."""
    cdef Py_ssize_t g
    cdef float height
    cdef int n = 0
    for g in range(ngroups):
        if not s.flags[g * BLOCK + p] & JUMP_DET or s.flags[g * BLOCK + p] & SATURATED:
            continue
        height = s.counts[g * BLOCK + p]
        if g > 0:
            if s.flags[(g - 1) * BLOCK + p] & SATURATED:
                continue
            height -= s.counts[(g - 1) * BLOCK + p]
        if height > 0:
            if out != NULL:
                out[n * step] = height
            n += 1
    return n


cdef void begin_block(const Job *job, Scratch *s, Py_ssize_t corner, int width, Total *total) noexcept nogil:
    """Begin the sums of a block of pixels, with the median rate of all integrations."""
    cdef float[BLOCK] rate
    cdef Py_ssize_t i
    cdef int p
    for p in range(width):
        rate[p] = 0
    for i in range(job.nints):
        load(job, s, i, corner, width)
        median_rates(job, s, width, rate)
    for p in range(width):
        rate[p] /= job.nints
        if rate[p] < 0:
            rate[p] = 0
        if job.dark != NULL:
            rate[p] += job.dark[corner + p]
        memset(&total[p], 0, sizeof(Total))
        total[p].rate, total[p].dq_all = rate[p], DO_NOT_USE | SATURATED


cdef void fit_block(const Job *job, Scratch *s, Py_ssize_t corner, int width, Total *total) noexcept nogil:
    """Fit integrations of a block of pixels; those before are in the sums already."""
    cdef Py_ssize_t i, at, cube = job.nints * job.plane, seg
    cdef Py_ssize_t layers = job.nints * job.nsegments * job.plane
    cdef unsigned int dq, invalid = DO_NOT_USE | SATURATED
    cdef float gain, rn, vp, vr, both, slope, inverse
    cdef Line line
    cdef Sums ramp
    cdef Fits whole
    cdef float[BLOCK] gains
    cdef float[BLOCK] noise
    cdef float[BLOCK] rates
    cdef bint together = job.ngroups > 2 and job.segments == NULL, alike
    cdef double m = job.ngroups
    cdef int p, k, n
    for p in range(BLOCK):
        gains[p] = job.gain[corner + p] if p < width else 1
        noise[p] = job.readnoise[corner + p] * (gains[p] / job.noise_scale) if p < width else 1
        rates[p] = total[p].rate if p < width else 0
    for i in range(job.begin, job.end):
        if job.nints > 1:  # else it is there
            load(job, s, i, corner, width)
        if together:
            fit_whole(s.counts, job.ngroups, gains, noise, rates, s.whole, THRESHOLD, job.exact_group_time,
                      job.group_time, <float>(1 / (m * m * m - m)), &whole)
        for p in range(width):
            at = i * job.plane + corner + p
            gain, rn = gains[p], noise[p]
            dq = job.pixeldq[corner + p]
            if not gain > 0:
                dq |= NO_GAIN_VALUE | DO_NOT_USE
            if not rn > 0:
                dq |= DO_NOT_USE
            if s.common[p]:
                dq |= DO_NOT_USE
            if s.flags[p] & SATURATED:
                dq |= SATURATED | DO_NOT_USE
            dq |= s.seen[p] & JUMP_DET
            ramp.slope = ramp.both = ramp.poisson = ramp.rnoise = ramp.loss_rnoise = 0
            slope = 0
            n = 0
            alike = together and s.seen[p] == 0 and gain > 0 and rn > 0
            if alike:
                slope, ramp.slope, ramp.both = whole.slope[p], whole.by_both[p], whole.both[p]
                ramp.poisson, ramp.rnoise = whole.poisson[p], whole.rnoise[p]
            elif gain > 0 and rn > 0:
                if s.seen[p] == 0 and job.ngroups > 1:
                    s.start[0], s.length[0] = 0, job.ngroups
                    n = 1
                else:
                    n = find_segments(s.flags + p, job.ngroups, s.start, s.length)
            for k in range(n):
                line = fit(job, s, p, s.start[k], s.length[k], gain, rn)
                vr = var_rnoise(s.length[k], gain, rn, s.time[p])
                vp = var_poisson(total[p].rate, s.length[k], gain, s.time[p]) if total[p].rate > 0 else 0
                both = vr + vp
                inverse = ONE / both
                slope += line.slope * inverse
                ramp.slope += line.slope / both
                ramp.both += inverse
                ramp.rnoise += ONE / vr
                if vp > 0:
                    ramp.poisson += ONE / vp
                if job.segments != NULL:
                    seg = (i * job.nsegments + k) * job.plane + corner + p
                    job.segments[seg] = line.slope
                    job.segments[layers + seg] = line.sigslope
                    job.segments[2 * layers + seg] = vp
                    job.segments[3 * layers + seg] = vr
                    job.segments[4 * layers + seg] = line.yint
                    job.segments[5 * layers + seg] = line.sigyint
                    job.segments[6 * layers + seg] = inverse * inverse
            slope /= ramp.both  # NaN where there is no segment
            if slope != slope:
                dq |= DO_NOT_USE
            if job.pedestal != NULL:
                vr = s.counts[p] - slope * job.pedestal_scale
                job.pedestal[at] = 0 if vr != vr or s.flags[p] & SATURATED else vr
            if job.crmag != NULL:
                list_jumps(s, p, job.ngroups, job.crmag + (i * job.ncr * job.plane + corner + p), job.plane)

            ramp.loss_rnoise = 0 if dq & invalid else ramp.rnoise
            if s.seen[p] & CHARGELOSS and gain > 0 and rn > 0:
                # Charge that moved away does not add to the read noise: those groups count for it.
                total[p].lossy = 1
                clear_chargeloss(job, s, i, corner, p)
                n = find_segments(s.flags + p, job.ngroups, s.start, s.length)
                ramp.loss_rnoise = 0
                for k in range(n):
                    ramp.loss_rnoise += ONE / var_rnoise(s.length[k], gain, rn, job.group_time)
                for k in range(<int>job.nsegments):
                    seg = (i * job.nsegments + k) * job.plane + corner + p
                    job.segments[3 * layers + seg] = var_rnoise(s.length[k], gain, rn, job.group_time) if k < n else 0
            total[p].sums.loss_rnoise += ramp.loss_rnoise
            job.ints[3 * cube + at] = ONE / ramp.loss_rnoise if ramp.loss_rnoise > 0 else 0
            job.ints_dq[at] = dq
            total[p].dq_any |= dq
            total[p].dq_all &= dq | ((dq & SATURATED) >> 1)
            if dq & invalid:
                job.ints[at] = NAN
                job.ints[cube + at] = job.ints[2 * cube + at] = 0
                continue
            job.ints[at] = slope
            job.ints[cube + at] = sqrtf(ONE / ramp.both)
            job.ints[2 * cube + at] = ONE / ramp.poisson if ramp.poisson > 0 else 0
            total[p].sums.slope += ramp.slope
            total[p].sums.both += ramp.both
            total[p].sums.poisson += ramp.poisson
            total[p].sums.rnoise += ramp.rnoise


cdef void end_block(const Job *job, Py_ssize_t corner, int width, const Total *total) noexcept nogil:
    """Combine the integrations of a block of pixels."""
    cdef unsigned int invalid = DO_NOT_USE | SATURATED
    cdef Sums sums
    cdef float vp, vr
    cdef Py_ssize_t at
    cdef int p
    for p in range(width):
        at = corner + p
        sums = total[p].sums
        job.image_dq[at] = (total[p].dq_any & ~invalid) | total[p].dq_all
        job.image[at] = NAN if total[p].dq_all else sums.slope / sums.both
        vp = ONE / sums.poisson if sums.poisson > 0 else 0
        vr = ONE / sums.rnoise if sums.rnoise > 0 else 0
        job.image[job.plane + at] = sqrtf(vp + vr)
        job.image[2 * job.plane + at] = vp
        if total[p].lossy:
            vr = ONE / sums.loss_rnoise if sums.loss_rnoise > 0 else 0
        job.image[3 * job.plane + at] = vr


cdef void work_on_row(const Job *job, Scratch *s, Py_ssize_t y, Py_ssize_t nx, Total *state) noexcept nogil:
    """Fit integrations of a row, block by block; `state`, of the row, where they are not all."""
    cdef Total[BLOCK] own
    cdef Total *total
    cdef Py_ssize_t x
    cdef int width
    for x in range(0, nx, 64):
        width = <int>min(<Py_ssize_t>BLOCK, nx - x)
        total = &own[0]
        if state != NULL:
            total = state + x
        if job.begin == 0:
            begin_block(job, s, y * nx + x, width, total)
        fit_block(job, s, y * nx + x, width, total)
        if job.end == job.nints:
            end_block(job, y * nx + x, width, total)


cdef void count_block(const Job *job, Scratch *s, Py_ssize_t corner, int width, int *deepest) noexcept nogil:
    """Raise `deepest` to the number of segments and of jumps of the ramps of a block, where they have more."""
    cdef Py_ssize_t i
    cdef int p, n
    for i in range(job.nints):
        load(job, s, i, corner, width)
        for p in range(width):
            n = find_segments(s.flags + p, job.ngroups, s.start, s.length)
            if n > deepest[0]:
                deepest[0] = n
            n = list_jumps(s, p, job.ngroups, NULL, 0)
            if n > deepest[1]:
                deepest[1] = n
            if s.seen[p] & CHARGELOSS:
                clear_chargeloss(job, s, i, corner, p)
                n = find_segments(s.flags + p, job.ngroups, s.start, s.length)
                if n > deepest[0]:
                    deepest[0] = n


def count(const float[:, :, :, ::1] data, const unsigned char[:, :, :, ::1] groupdq, Py_ssize_t first, Py_ssize_t last,
          int[:, ::1] deepest, int threads):
    """Count segments and jumps.

    Parameters
    ----------
    data : float32, (nints, ngroups, ny, nx)
        Counts, DN.
    groupdq : uint8, (nints, ngroups, ny, nx)
        Flags of groups.
    first, last : int
        Groups [first, last) are looked at.
    deepest : int32, (ny, 2)
        Out: largest number of segments, and of jumps, of a ramp of each row.
    threads : int
        Threads.

    Raises
    ------
    MemoryError
        No memory for the threads' scratch.
    """
    cdef Job job
    cdef Py_ssize_t ny = data.shape[2], nx = data.shape[3], blocks = (nx + BLOCK - 1) // BLOCK, y, x
    cdef int width
    cdef Scratch *scratch
    cdef int failed = 0
    job.data, job.groupdq, job.zeroframe = &data[0, 0, 0, 0], &groupdq[0, 0, 0, 0], NULL
    job.nints, job.depth, job.first, job.ngroups = data.shape[0], data.shape[1], first, last - first
    job.plane, job.suppress, job.group_time, job.one_group_time = ny * nx, False, 1, 0
    with nogil, parallel(num_threads=threads):
        scratch = make_scratch(job.ngroups)
        for y in prange(ny, schedule="dynamic", chunksize=4):
            deepest[y, 0] = deepest[y, 1] = 0
            if scratch == NULL:
                failed += 1
            else:
                for x in range(blocks):
                    width = <int>(nx - x * BLOCK)
                    count_block(&job, scratch, y * nx + x * BLOCK, BLOCK if width > BLOCK else width, &deepest[y, 0])
        free_scratch(scratch)
    if failed:
        raise MemoryError("no memory for the scratch of the ramp fit")


def fit_ramps(const float[:, :, :, ::1] data, const unsigned char[:, :, :, ::1] groupdq,
              const unsigned int[:, ::1] pixeldq, const float[:, ::1] gain, const float[:, ::1] readnoise,
              const float[:, ::1] dark, const float[:, :, ::1] zeroframe, Py_ssize_t first, Py_ssize_t last,
              double group_time, float frame_time, float one_group_time, float noise_scale, bint suppress,
              float[:, :, ::1] image, unsigned int[:, ::1] image_dq, float[:, :, :, ::1] ints,
              unsigned int[:, :, ::1] ints_dq, int threads, float[:, :, :, :, ::1] segments=None,
              float[:, :, ::1] pedestal=None, float[:, :, :, ::1] crmag=None, float pedestal_scale=0,
              Py_ssize_t top=0, Py_ssize_t bottom=-1, Py_ssize_t begin=0, Py_ssize_t end=-1,
              float[:, :, ::1] state=None):
    """Fit the ramps of an exposure, or of some of its rows, some integrations at a time.

    Parameters
    ----------
    data : float32, (nints, ngroups, ny, nx)
        Counts, DN.
    groupdq : uint8, (nints, ngroups, ny, nx)
        Flags of groups.
    pixeldq : uint32, (ny, nx)
        Flags of pixels.
    gain : float32, (ny, nx)
        Gain, e-/DN. Pixels where it is not positive are not fitted.
    readnoise : float32, (ny, nx)
        Read noise of the difference of two groups, DN, before it is divided by `noise_scale`. The same.
    dark : float32, (ny, nx), or None
        Dark current whose shot noise is to be counted, as build 10.2 adds it to the rate.
    zeroframe : float32, (nints, ny, nx), or None
        Zero frame, DN, for ramps that are saturated throughout; 0 where it has no data. Not used where `suppress`.
    first, last : int
        Groups [first, last) are fitted.
    group_time, frame_time : float
        TGROUP and TFRAME, s.
    one_group_time : float
        What the first group stands for where it is the only one of use, s; 0 for `group_time`.
    noise_scale : float
        Ratio of the noise of `readnoise` to that of one group.
    suppress : bool
        Drop ramps with one group of use.
    image : float32, (4, ny, nx)
        Out: slope (DN/s), its uncertainty, variances by photon and by read noise ((DN/s)^2) of the exposure.
    image_dq : uint32, (ny, nx)
        Out: flags.
    ints : float32, (4, nints, ny, nx)
        Out: as `image`, for each integration.
    ints_dq : uint32, (nints, ny, nx)
        Out: flags.
    threads : int
        Threads.
    segments : float32, (7, nints, nsegments, ny, nx), optional
        Out: slope, its uncertainty by the fit, variances by photon and by read noise, intercept, its uncertainty, and
        weight of each segment. To be filled with zeros before, as `pedestal` and `crmag`.
    pedestal : float32, (nints, ny, nx), optional
        Out: signal at zero exposure time, DN.
    crmag : float32, (nints, ncr, ny, nx), optional
        Out: heights of jumps, DN.
    pedestal_scale : float, optional
        What the slope is multiplied by for the pedestal.
    top, bottom : int, optional
        Rows [top, bottom) are fitted; by default all.
    begin, end : int, optional
        Integrations [begin, end) are fitted; by default all. All have to be there when the first is fitted; `image`
        and `image_dq` are made with the last.
    state : float32, (bottom - top, nx, STATE), optional
        What goes from one call to the next where not all integrations are fitted in one.

    Raises
    ------
    MemoryError
        No memory for the threads' scratch.
    """
    cdef Job job
    cdef Py_ssize_t ny = data.shape[2], nx = data.shape[3], y
    cdef Total *totals = NULL
    cdef Scratch *scratch
    cdef int failed = 0
    job.data, job.groupdq, job.pixeldq = &data[0, 0, 0, 0], &groupdq[0, 0, 0, 0], &pixeldq[0, 0]
    job.gain, job.readnoise = &gain[0, 0], &readnoise[0, 0]
    job.dark = job.zeroframe = NULL
    if dark is not None:
        job.dark = &dark[0, 0]
    if zeroframe is not None:
        job.zeroframe = &zeroframe[0, 0, 0]
    job.image, job.image_dq, job.ints, job.ints_dq = &image[0, 0, 0], &image_dq[0, 0], &ints[0, 0, 0, 0], \
        &ints_dq[0, 0, 0]
    job.segments = NULL if segments is None else &segments[0, 0, 0, 0, 0]
    job.nsegments = 0 if segments is None else segments.shape[2]
    job.pedestal = NULL if pedestal is None else &pedestal[0, 0, 0]
    job.crmag = NULL if crmag is None else &crmag[0, 0, 0, 0]
    job.ncr = 0 if crmag is None else crmag.shape[1]
    job.nints, job.depth, job.first, job.ngroups = data.shape[0], data.shape[1], first, last - first
    job.plane = ny * nx
    job.begin, job.end = begin, data.shape[0] if end < 0 else end
    job.exact_group_time, job.group_time = group_time, <float>group_time
    job.frame_time, job.one_group_time = frame_time, one_group_time
    job.noise_scale, job.pedestal_scale, job.suppress = noise_scale, pedestal_scale, suppress
    if state is not None:
        totals = <Total *>&state[0, 0, 0]
    if bottom < 0:
        bottom = ny
    with nogil, parallel(num_threads=threads):
        scratch = make_scratch(job.ngroups)
        for y in prange(top, bottom, schedule="dynamic", chunksize=4):
            if scratch == NULL:
                failed += 1
            else:
                work_on_row(&job, scratch, y, nx, NULL if totals == NULL else totals + (y - top) * nx)
        free_scratch(scratch)
    if failed:
        raise MemoryError("no memory for the scratch of the ramp fit")
