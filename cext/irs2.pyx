# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Between the array of an IRS2 exposure and its samples in the order of time, and the parts of a Fourier transform.

A frame in the order of time is a grid: one line a detector row, one column a clock tick. Its transform is split in two
(`jwpipe.steps.ramp.irs2_transform`); the loops between matrix products and short transforms are here, threaded over
rows or blocks of columns. Unchecked indexing is safe: tables of rows and ticks are made for the one size that such a
frame can have, and the shape of the exposure is checked against it.
"""

from cython.parallel cimport prange

cdef enum:
    BLOCK = 64  # columns of the array that are taken together: four lines of the cache, which it fetches ahead


cdef inline float centred(float value, double mean, float intercept, float slope, float time) noexcept nogil:
    # A sample without its mean and the trend of its frame; exact zeros mean that there is none.
    cdef float result = <float>(value - mean), trend
    if result == 0:
        return 0
    trend = time * slope
    trend = intercept + trend
    return result - trend


def unfold(const float[:, ::1] plane, const double[:, ::1] mean, const int[::1] rows, const int[::1] ticks,
           const int[::1] targets, bint mirrored, float intercept, float slope, double middle, float[:, ::1] grid,
           int threads):
    """Put the samples of an amplifier into the order of time.

    Parameters
    ----------
    plane : float32, (ny, nx)
        A group, DN.
    mean : float64, (ny, nx)
        Mean of the groups of the integration, DN.
    rows : int32, (nsamples,)
        Row of the plane where each sample of a detector row stands.
    ticks : int32, (nsamples,)
        Clock tick of each.
    targets : int32, (nsamples,)
        Column of the grid that takes it.
    mirrored : bool
        Whether detector rows run against the columns of the plane.
    intercept, slope : float
        Trend of the frame over time, DN and DN a tick.
    middle : float
        Tick at which the trend is the intercept.
    grid : float32, (nx, nticks)
        Out: what stands in other columns stays.
    threads : int
        Threads.
    """
    cdef Py_ssize_t nx = plane.shape[1], nticks = grid.shape[1], nsamples = rows.shape[0], block, r, x, i
    with nogil:
        for block in prange((nx + BLOCK - 1) // BLOCK, num_threads=threads, schedule="static"):
            for i in range(nsamples):
                for x in range(block * BLOCK, min((block + 1) * BLOCK, nx)):
                    r = nx - 1 - x if mirrored else x
                    grid[r, targets[i]] = centred(plane[rows[i], x], mean[rows[i], x], intercept, slope,
                                                  <float>(r * nticks + ticks[i] - middle))


def fold(float[:, ::1] plane, const double[:, ::1] mean, const int[::1] rows, const int[::1] ticks, bint mirrored,
         float intercept, float slope, double middle, const double[:, ::1] correction, const unsigned char[::1] whole,
         int threads):
    """Subtract trend and correction from the samples of an amplifier.

    Parameters
    ----------
    plane, mean, rows, ticks, mirrored, intercept, slope, middle
        As for `unfold`; the plane is changed in place.
    correction : float64, (nx, nticks)
        In the order of time, DN.
    whole : uint8, (nsamples,)
        Whether a sample keeps its mean.
    threads : int
        Threads.
    """
    cdef Py_ssize_t nx = plane.shape[1], nticks = correction.shape[1], nsamples = rows.shape[0], block, r, x, i
    cdef float value
    with nogil:
        for block in prange((nx + BLOCK - 1) // BLOCK, num_threads=threads, schedule="static"):
            for i in range(nsamples):
                for x in range(block * BLOCK, min((block + 1) * BLOCK, nx)):
                    r = nx - 1 - x if mirrored else x
                    value = centred(plane[rows[i], x], mean[rows[i], x], intercept, slope,
                                    <float>(r * nticks + ticks[i] - middle))
                    value = <float>(value - correction[r, ticks[i]])
                    plane[rows[i], x] = <float>(value + mean[rows[i], x]) if whole[i] else value


def bridge(const float[::1] samples, const double[::1] weights, float[::1] bridged, int threads):
    """Fill zeros of a periodic series with weighted means of the samples around.

    Parameters
    ----------
    samples : float32, (n,)
        Zeros are gaps.
    weights : float64, (nweights,)
        An odd number, the middle one for the sample itself.
    bridged : float32, (n,)
        Out.
    threads : int
        Threads.
    """
    cdef Py_ssize_t n = samples.shape[0], nweights = weights.shape[0], i, j, k
    cdef double total, weight
    with nogil:
        for i in prange(n, num_threads=threads, schedule="static"):
            bridged[i] = samples[i]
            if samples[i] == 0:
                total = 0
                weight = 0
                for k in range(nweights):
                    j = i + k - nweights // 2
                    if j < 0:
                        j = j + n
                    elif j >= n:
                        j = j - n
                    if samples[j] != 0:
                        total = total + samples[j] * weights[k]
                        weight = weight + weights[k]
                if weight != 0:
                    bridged[i] = <float>total / <float>weight


def split(const float[:, ::1] x, double[:, ::1] even, double[:, ::1] odd, int threads):
    """Even and odd part of each column of (p, m), p odd: even (p // 2 + 1, m), odd (p // 2, m)."""
    cdef Py_ssize_t p = x.shape[0], m = x.shape[1], a, b
    with nogil:
        for a in prange(p // 2 + 1, num_threads=threads, schedule="static"):
            if a == 0:
                for b in range(m):
                    even[0, b] = x[0, b]
            else:
                for b in range(m):
                    even[a, b] = <double>x[a, b] + <double>x[p - a, b]
                    odd[a - 1, b] = <double>x[a, b] - <double>x[p - a, b]


def merge(const double[:, ::1] even, const double[:, ::1] odd, double[:, ::1] x, int threads):
    """The inverse of `split`, but for a factor of 2 in all rows of x, (p, m), except the first."""
    cdef Py_ssize_t p = x.shape[0], m = x.shape[1], a, b
    with nogil:
        for a in prange(p // 2 + 1, num_threads=threads, schedule="static"):
            if a == 0:
                for b in range(m):
                    x[0, b] = even[0, b]
            else:
                for b in range(m):
                    x[a, b] = even[a, b] + odd[a - 1, b]
                    x[p - a, b] = even[a, b] - odd[a - 1, b]


def twist(const double[:, ::1] real, const double[:, ::1] imag, const double complex[:, ::1] factor,
          double complex[:, ::1] spectrum, int threads):
    """Set spectrum, (q, m), to (real + i imag) factor; the first row, of which imag has none, is real."""
    cdef Py_ssize_t q = spectrum.shape[0], m = spectrum.shape[1], c, b
    cdef double* out
    cdef const double* by
    with nogil:
        for c in prange(q, num_threads=threads, schedule="static"):
            out, by = <double*>&spectrum[c, 0], <const double*>&factor[c, 0]
            if c == 0:
                for b in range(m):
                    out[2 * b] = real[c, b]
                    out[2 * b + 1] = 0
            else:
                for b in range(m):
                    out[2 * b] = real[c, b] * by[2 * b] - imag[c - 1, b] * by[2 * b + 1]
                    out[2 * b + 1] = real[c, b] * by[2 * b + 1] + imag[c - 1, b] * by[2 * b]


def untwist(const double complex[:, ::1] spectrum, const double complex[:, ::1] factor, double[:, ::1] real,
            double[:, ::1] imag, int threads):
    """Set real, (q, m), and imag, (q - 1, m), to the parts of spectrum times the conjugate factor."""
    cdef Py_ssize_t q = spectrum.shape[0], m = spectrum.shape[1], c, b
    cdef const double* value
    cdef const double* by
    with nogil:
        for c in prange(q, num_threads=threads, schedule="static"):
            value, by = <const double*>&spectrum[c, 0], <const double*>&factor[c, 0]
            for b in range(m):
                real[c, b] = value[2 * b] * by[2 * b] + value[2 * b + 1] * by[2 * b + 1]
            if c > 0:
                for b in range(m):
                    imag[c - 1, b] = value[2 * b + 1] * by[2 * b] - value[2 * b] * by[2 * b + 1]


def scale(double complex[:, ::1] spectrum, const float[:, ::1] factor, int threads):
    """Multiply a spectrum, (q, m), by a real factor, (q, m)."""
    cdef Py_ssize_t q = spectrum.shape[0], m = spectrum.shape[1], c, b
    cdef double* value
    with nogil:
        for c in prange(q, num_threads=threads, schedule="static"):
            value = <double*>&spectrum[c, 0]
            for b in range(m):
                value[2 * b] *= factor[c, b]
                value[2 * b + 1] *= factor[c, b]


def mix(double complex[:, ::1] spectrum, const float complex[:, ::1] own, const double complex[:, ::1] other,
        const float complex[:, ::1] its, int threads):
    """Set a spectrum, (q, m), to itself times own plus other times its."""
    cdef Py_ssize_t q = spectrum.shape[0], m = spectrum.shape[1], c, b
    cdef double real, imag
    cdef double* a
    cdef const float* f
    cdef const double* d
    cdef const float* g
    with nogil:
        for c in prange(q, num_threads=threads, schedule="static"):
            a, f = <double*>&spectrum[c, 0], <const float*>&own[c, 0]
            d, g = <const double*>&other[c, 0], <const float*>&its[c, 0]
            for b in range(m):
                real = a[2 * b] * f[2 * b] - a[2 * b + 1] * f[2 * b + 1]
                imag = a[2 * b] * f[2 * b + 1] + a[2 * b + 1] * f[2 * b]
                a[2 * b] = real + (d[2 * b] * g[2 * b] - d[2 * b + 1] * g[2 * b + 1])
                a[2 * b + 1] = imag + (d[2 * b] * g[2 * b + 1] + d[2 * b + 1] * g[2 * b])
