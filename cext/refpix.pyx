# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Means and running medians of reference pixels, and their subtraction.

The reference pixels are gathered in Python, a few thousand a group; the loops over every pixel of a group are here, one
pass over memory each. Unchecked indexing is safe: the offsets come from `jwpipe.steps.ramp.refpix_nir`, which builds
them with the arrays that they index, and the shapes of signals and planes are made there from each other.
"""

from cython.parallel cimport parallel, prange, threadid
from libc.math cimport NAN, isnan, sqrt

from order cimport below_middle, real, select

cdef double LIMIT = 3.0  # standard deviations at which values are clipped

cdef real total(const real* a, Py_ssize_t n, real centre, bint squared) noexcept nogil:
    # Sum of a - centre, or of its square, in NumPy's order: halves down to 128 values, those in eight lanes. The order
    # decides the last bits of a mean in float32, and with them which values are clipped.
    cdef real lane[8]
    cdef real term, result
    cdef Py_ssize_t i, k, half
    if n > 128:
        half = n // 2
        half -= half % 8
        return total(a, half, centre, squared) + total(a + half, n - half, centre, squared)
    result = 0
    i = 0
    if n >= 8:
        for k in range(8):
            term = a[k] - centre
            lane[k] = term * term if squared else term
        i = 8
        while i < n - n % 8:
            for k in range(8):
                term = a[i + k] - centre
                lane[k] += term * term if squared else term
            i += 8
        result = ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]))
    while i < n:
        term = a[i] - centre
        result += term * term if squared else term
        i += 1
    return result


cdef real clipped_mean(real* a, Py_ssize_t n) noexcept nogil:
    cdef real mean, low, high
    cdef double deviation
    cdef Py_ssize_t i, kept
    if n == 0:
        return <real>NAN
    kept = 1
    while kept < n and a[kept] == a[0]:
        kept += 1
    if kept == n:
        return a[0]
    while True:
        mean = <real>(<double>total(a, n, <real>0, False) / n)
        deviation = <double>(<real>sqrt(<double>(<real>(<double>total(a, n, mean, True) / n))))
        low, high = <real>(mean - deviation * LIMIT), <real>(mean + deviation * LIMIT)
        kept = 0
        for i in range(n):
            if low <= a[i] <= high:
                a[kept] = a[i]
                kept += 1
        if kept == n or kept == 0:
            return mean
        n = kept


def clipped_means(real[:, ::1] values, const int[::1] start, real[:, ::1] means, int threads):
    """Means of sections of reference pixels, values beyond 3 standard deviations left out until none is.

    Parameters
    ----------
    values : float32 or float64, (nplanes, npixels)
        Counts, DN, section by section; scratch afterwards.
    start : int32, (nsections + 1,)
        Where each section begins, and the last one ends.
    means : same type, (nplanes, nsections)
        Out: mean, DN; NaN where the section is empty or has a NaN.
    threads : int
        Threads.
    """
    cdef Py_ssize_t nplanes = values.shape[0], nsections = start.shape[0] - 1, item, p, s
    with nogil:
        for item in prange(nplanes * nsections, num_threads=threads, schedule="static"):
            p, s = item // nsections, item % nsections
            means[p, s] = clipped_mean(&values[p, 0] + start[s], start[s + 1] - start[s])


cdef double median_of(const double* a, Py_ssize_t n, double* scratch, bint single) noexcept nogil:
    # The reference results sum the two values in the middle in the type of the counts: single, or double.
    cdef double upper, both
    cdef Py_ssize_t i
    if n == 0:
        return NAN
    for i in range(n):
        if isnan(a[i]):
            return NAN
        scratch[i] = a[i]
    upper = select(scratch, n, n // 2)
    if n % 2 == 1:
        return upper
    both = below_middle(scratch, n) + upper
    return (<double>(<float>both) if single else both) / 2


def running_medians(const double[:, ::1] values, const int[:, ::1] start, int length, bint single,
                    double[:, ::1] scratch, double[:, :, ::1] medians, int threads):
    """Medians of the good pixels in a window that moves along the rows of each side.

    Parameters
    ----------
    values : float64, (nplanes, npixels)
        Counts of the good pixels, DN, in the order of rows, one side after the other.
    start : int32, (nsides, nrows + length)
        Where the pixels of each row begin; row 0 is the first of the first window.
    length : int
        Rows of a window.
    single : bool
        Whether the two middle values of an even number are added up in float32.
    scratch : float64, (threads, npixels of the fullest window)
        Scratch.
    medians : float64, (nplanes, nsides, nrows)
        Out: medians, DN; NaN where the window has no good pixel or a NaN.
    threads : int
        Threads.
    """
    cdef Py_ssize_t nplanes = medians.shape[0], nsides = medians.shape[1], nrows = medians.shape[2]
    cdef Py_ssize_t item, p, s, r
    with nogil, parallel(num_threads=threads):
        for item in prange(nplanes * nsides * nrows, schedule="static"):
            p, s, r = item // (nsides * nrows), item // nrows % nsides, item % nrows
            medians[p, s, r] = median_of(&values[p, 0] + start[s, r], start[s, r + length] - start[s, r],
                                         &scratch[threadid(), 0], single)


def subtract(float[:, :, ::1] data, const double[:, ::1] columns, const double[:, ::1] rows, bint transposed,
             bint single, int threads):
    """Subtract from every pixel the signal of its detector column, then that of its detector row.

    Parameters
    ----------
    data : float32, (nplanes, ny, nx)
        Counts, DN, changed in place.
    columns : float64, (nplanes, ncolumns)
        Signal of each column of the detector, DN.
    rows : float64, (nplanes, nrows)
        Signal of each row of the detector, DN.
    transposed : bool
        Whether the detector's columns are rows of the array.
    single : bool
        Whether to round to float32 between the two.
    threads : int
        Threads.
    """
    cdef Py_ssize_t nplanes = data.shape[0], ny = data.shape[1], nx = data.shape[2], item, p, y, x
    cdef double signal
    cdef float rounded
    with nogil:
        for item in prange(nplanes * ny, num_threads=threads, schedule="static"):
            p, y = item // ny, item % ny
            signal = columns[p, y] if transposed else rows[p, y]
            if transposed and single:
                for x in range(nx):
                    rounded = <float>(data[p, y, x] - signal)
                    data[p, y, x] = <float>(rounded - rows[p, x])
            elif transposed:
                for x in range(nx):
                    data[p, y, x] = <float>((data[p, y, x] - signal) - rows[p, x])
            elif single:
                for x in range(nx):
                    rounded = <float>(data[p, y, x] - columns[p, x])
                    data[p, y, x] = <float>(rounded - signal)
            else:
                for x in range(nx):
                    data[p, y, x] = <float>((data[p, y, x] - columns[p, x]) - signal)


def subtract_above_first(float[:, :, ::1] data, const float[:, :, ::1] signal, int threads):
    """Subtract the signal of odd and even rows from what every group but the first adds to the first.

    Parameters
    ----------
    data : float32, (ngroups, ny, nx)
        Counts of one integration, DN, changed in place.
    signal : float32, (ngroups - 1, 2, nx)
        Signal of each pixel of the first and of the second row, and of every other row from there, DN.
    threads : int
        Threads.
    """
    cdef Py_ssize_t ngroups = data.shape[0], ny = data.shape[1], nx = data.shape[2], y, x, g
    with nogil:
        for y in prange(ny, num_threads=threads, schedule="static"):
            for g in range(1, ngroups):
                for x in range(nx):
                    data[g, y, x] = (data[g, y, x] - data[0, y, x] - signal[g - 1, y % 2, x]) + data[0, y, x]
