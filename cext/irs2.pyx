# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Between the array of an IRS2 exposure and its samples in the order of time, and the parts of a Fourier transform.

A frame in the order of time is a grid: one line a detector row, one column a clock tick. Its transform is split in two
(`jwpipe.steps.ramp.irs2_transform`); the loops between matrix products and short transforms are here, threaded over
rows or blocks of columns. A row of a spectrum is made, changed and taken back while it is in the cache, in the order
in which it falls out of the transform (`fourier.pxd`). Unchecked indexing is safe: tables of rows and ticks are made
for the one size that such a frame can have, and the shape of the exposure is checked against it.
"""

from cython.parallel cimport parallel, prange, threadid
from libc.string cimport memcpy, memset

cimport fourier

cdef enum:
    BLOCK = 64  # columns of the array that are taken together: four lines of the cache, which it fetches ahead

LANES = fourier.LANES


def average(const float[:, :, ::1] data, double[:, ::1] mean, int threads):
    """Set the mean, (ny, nx), of planes, (n, ny, nx), added in their order."""
    cdef Py_ssize_t n = data.shape[0], nx = data.shape[2], y, x, i
    with nogil:
        for y in prange(data.shape[1], num_threads=threads, schedule="static"):
            for x in range(nx):
                mean[y, x] = data[0, y, x]
            for i in range(1, n):
                for x in range(nx):
                    mean[y, x] += data[i, y, x]
            for x in range(nx):
                mean[y, x] /= n


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
    cdef int nx = <int>plane.shape[1], nticks = <int>grid.shape[1], step = -1 if mirrored else 1, block
    with nogil:
        for block in prange((nx + BLOCK - 1) // BLOCK, num_threads=threads, schedule="static"):
            unfold_block(plane, mean, rows, ticks, targets, block * BLOCK, nx - 1 - block * BLOCK if mirrored
                         else block * BLOCK, step, nticks, intercept, slope, middle, grid)


cdef void unfold_block(const float[:, ::1] plane, const double[:, ::1] mean, const int[::1] rows,
                       const int[::1] ticks, const int[::1] targets, int x, int row, int step, int nticks,
                       float intercept, float slope, double middle, float[:, ::1] grid) noexcept nogil:
    """Samples of the columns from x on; `row` is the detector row of the first of them."""
    cdef int width = min(<int>BLOCK, <int>plane.shape[1] - x), i, k
    cdef float[BLOCK] centred
    for i in range(<int>rows.shape[0]):
        fourier.centre(&plane[rows[i], x], &mean[rows[i], x], width, row, step, nticks, ticks[i], middle, intercept,
                       slope, centred)
        for k in range(width):
            grid[row + step * k, targets[i]] = centred[k]


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
    cdef int nx = <int>plane.shape[1], nticks = <int>correction.shape[1], step = -1 if mirrored else 1, block
    with nogil:
        for block in prange((nx + BLOCK - 1) // BLOCK, num_threads=threads, schedule="static"):
            fold_block(plane, mean, rows, ticks, block * BLOCK, nx - 1 - block * BLOCK if mirrored else block * BLOCK,
                       step, nticks, intercept, slope, middle, correction, whole)


cdef void fold_block(float[:, ::1] plane, const double[:, ::1] mean, const int[::1] rows, const int[::1] ticks, int x,
                     int row, int step, int nticks, float intercept, float slope, double middle,
                     const double[:, ::1] correction, const unsigned char[::1] whole) noexcept nogil:
    """Correct the samples of the columns from x on; `row` is the detector row of the first of them."""
    cdef int width = min(<int>BLOCK, <int>plane.shape[1] - x), i, k
    cdef float[BLOCK] centred
    cdef double[BLOCK] gathered
    for i in range(<int>rows.shape[0]):
        fourier.centre(&plane[rows[i], x], &mean[rows[i], x], width, row, step, nticks, ticks[i], middle, intercept,
                       slope, centred)
        for k in range(width):
            gathered[k] = correction[row + step * k, ticks[i]]
        fourier.settle(centred, gathered, &mean[rows[i], x], width, whole[i], &plane[rows[i], x])


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


def patch(const double[:, ::1] even, const double[:, ::1] odd, const unsigned char[::1] gaps, float[:, ::1] x,
          int threads):
    """Set what `merge` gives in the gaps alone, which come again and again: one flag for each place of a cycle."""
    cdef Py_ssize_t p = x.shape[0], a
    with nogil:
        for a in prange(p // 2 + 1, num_threads=threads, schedule="static"):
            patch_row(even, odd, gaps, x, a, a, 1)
            if a > 0:
                patch_row(even, odd, gaps, x, p - a, a, -1)


cdef void patch_row(const double[:, ::1] even, const double[:, ::1] odd, const unsigned char[::1] gaps,
                    float[:, ::1] x, Py_ssize_t row, Py_ssize_t a, int sign) noexcept nogil:
    cdef Py_ssize_t m = x.shape[1], cycle = gaps.shape[0], place = row * m % cycle, b
    for b in range(m):
        if gaps[place]:
            x[row, b] = <float>(even[a, b] + sign * odd[a - 1, b] if a > 0 else even[a, b])
        place += 1
        if place == cycle:
            place = 0


cdef void ahead(const double[:, ::1] real, const double[:, ::1] imag, const double[:, :, ::1] coarse,
                const double[:, :, ::1] fine, const double[::1] factors, Py_ssize_t c, double *spectrum) noexcept nogil:
    """Spectrum of a row, real parts first; the first row, of which `imag` has none, is real."""
    cdef Py_ssize_t m = real.shape[1]
    if c == 0:
        memcpy(spectrum, &real[0, 0], m * sizeof(double))
        memset(spectrum + m, 0, m * sizeof(double))
    else:
        fourier.turn(&real[c, 0], &imag[c - 1, 0], coarse.shape[2], fine.shape[2], &coarse[c, 0, 0], &fine[c, 0, 0], 1,
                     spectrum, spectrum + m)
    fourier.forward(spectrum, spectrum + m, m // fourier.LANES, &factors[0])


cdef void back(double[:, ::1] real, double[:, ::1] imag, const double[:, :, ::1] coarse,
               const double[:, :, ::1] fine, const double[::1] factors, Py_ssize_t c, double *spectrum) noexcept nogil:
    """A row from its spectrum, which is overwritten."""
    cdef Py_ssize_t m = real.shape[1]
    fourier.backward(spectrum, spectrum + m, m // fourier.LANES, &factors[0])
    if c == 0:
        memcpy(&real[0, 0], spectrum, m * sizeof(double))
    else:
        fourier.turn(spectrum, spectrum + m, coarse.shape[2], fine.shape[2], &coarse[c, 0, 0], &fine[c, 0, 0], -1,
                     &real[c, 0], &imag[c - 1, 0])


def transform(const double[:, ::1] real, const double[:, ::1] imag, const double[:, :, ::1] coarse,
              const double[:, :, ::1] fine, const double[::1] factors, double[:, :, ::1] spectrum, int threads):
    """Set the spectrum of each row.

    Parameters
    ----------
    real, imag : float64, (q, m) and (q - 1, m)
        Parts of the rows; the first is real.
    coarse, fine : float64, (q, 2, n) and (q, 2, m / n)
        Factors of each row before its transform: cosines and sines of coarse steps, and of fine ones between them.
    factors : float64
        Of the transform of a row.
    spectrum : float64, (q, 2, m)
        Out: real and imaginary parts.
    threads : int
        Threads.
    """
    cdef Py_ssize_t c
    with nogil:
        for c in prange(real.shape[0], num_threads=threads, schedule="dynamic"):
            ahead(real, imag, coarse, fine, factors, c, &spectrum[c, 0, 0])


def scale(double[:, ::1] real, double[:, ::1] imag, const double[:, :, ::1] coarse, const double[:, :, ::1] fine,
          const double[::1] factors, const float[:, ::1] weights, double[:, ::1] scratch, int threads):
    """Multiply the spectrum of each row by real weights, (q, m), in place of the row; `scratch` is (threads, 2 m)."""
    cdef Py_ssize_t m = real.shape[1], c
    cdef double *spectrum
    with nogil, parallel(num_threads=threads):
        spectrum = &scratch[threadid(), 0]
        for c in prange(real.shape[0], schedule="dynamic"):
            ahead(real, imag, coarse, fine, factors, c, spectrum)
            fourier.scale_by(spectrum, spectrum + m, m, &weights[c, 0])
            back(real, imag, coarse, fine, factors, c, spectrum)


def mix(double[:, ::1] real, double[:, ::1] imag, const double[:, :, ::1] coarse, const double[:, :, ::1] fine,
        const double[::1] factors, const float complex[:, ::1] own, const double[:, :, ::1] other,
        const float complex[:, ::1] its, double[:, ::1] scratch, int threads):
    """The same, but set it to itself times own weights plus another spectrum times its weights."""
    cdef Py_ssize_t m = real.shape[1], c
    cdef double *spectrum
    with nogil, parallel(num_threads=threads):
        spectrum = &scratch[threadid(), 0]
        for c in prange(real.shape[0], schedule="dynamic"):
            ahead(real, imag, coarse, fine, factors, c, spectrum)
            fourier.mix_with(spectrum, spectrum + m, m, <const float *>&own[c, 0], &other[c, 0, 0],
                             <const float *>&its[c, 0])
            back(real, imag, coarse, fine, factors, c, spectrum)
