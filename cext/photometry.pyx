# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Measurements of sources: within their segments, in circles, in annuli, and against a round kernel.

A source is the work of one thread. Sums are in double precision. Unchecked indexing is safe: boxes come from
the segmentation image itself, images have its shape (made so in `jwpipe.catalog.measure`), circles and kernels are
clipped at the edges, and there is room for every pixel of the square around an annulus.
"""

from cython.parallel cimport parallel, prange
from libc.math cimport INFINITY, NAN, asin, ceil, fabs, floor, isfinite, sqrt
from libc.stdlib cimport free, malloc

cimport order

cdef enum:
    MOST = 5  # times that an annulus is clipped


def segments(const int[:, ::1] labels, const Py_ssize_t[:, ::1] boxes, const float[:, ::1] data,
             const float[:, ::1] err, const float[:, ::1] smooth, double[:, ::1] out, int threads):
    """Sum each source over its segment.

    Parameters
    ----------
    labels : int32, (ny, nx)
        The segmentation image: source ``i`` has label ``i + 1``.
    boxes : intp, (n, 4)
        First row, row behind the last, first column, column behind the last of each segment.
    data, err : float32, (ny, nx)
        Values and standard deviations; pixels whose value is not finite do not count.
    smooth : float32, (ny, nx)
        Values of which moments are taken, where they are not negative.
    out : float64, (n, 9)
        Out: flux, its variance, number of pixels, total of `smooth`, centroid x and y, central moments xx, xy and yy
        over that total.
    threads : int
        Threads.
    """
    cdef Py_ssize_t i
    with nogil:
        for i in prange(boxes.shape[0], num_threads=threads, schedule="dynamic"):
            segment(labels, <int>i + 1, boxes[i, 0], boxes[i, 1], boxes[i, 2], boxes[i, 3], data, err, smooth,
                    &out[i, 0])


cdef void segment(const int[:, ::1] labels, int label, Py_ssize_t y0, Py_ssize_t y1, Py_ssize_t x0, Py_ssize_t x1,
                  const float[:, ::1] data, const float[:, ::1] err, const float[:, ::1] smooth,
                  double *out) noexcept nogil:
    cdef Py_ssize_t y, x
    cdef double flux = 0, variance = 0, count = 0, total = 0, mx = 0, my = 0, xx = 0, xy = 0, yy = 0, value, dx, dy
    for y in range(y0, y1):
        for x in range(x0, x1):
            if labels[y, x] != label:
                continue
            if isfinite(data[y, x]):
                flux += data[y, x]
                variance += <double>err[y, x] * err[y, x]
                count += 1
            value = smooth[y, x]
            if isfinite(value) and value > 0:
                total += value
                mx += value * (x - x0)
                my += value * (y - y0)
    mx /= total
    my /= total
    for y in range(y0, y1):
        for x in range(x0, x1):
            value = smooth[y, x]
            if labels[y, x] == label and isfinite(value) and value > 0:
                dx = x - x0 - mx
                dy = y - y0 - my
                xx += value * dx * dx
                xy += value * dx * dy
                yy += value * dy * dy
    out[0] = flux if count else NAN
    out[1] = variance if count else NAN
    out[2] = count if count else NAN
    out[3] = total
    out[4] = mx + x0
    out[5] = my + y0
    out[6] = xx / total
    out[7] = xy / total
    out[8] = yy / total


def circles(const float[:, ::1] data, const float[:, ::1] err, const double[::1] x, const double[::1] y,
            const double[::1] radii, double[:, ::1] sums, double[:, ::1] variances, int threads):
    """Sum the image over circles, pixels at the edge by the area that they share with the circle.

    Parameters
    ----------
    data, err : float32, (ny, nx)
        Values and standard deviations.
    x, y : float64, (n,)
        Centres, pixels; not finite: there is no circle.
    radii : float64, (k,)
        Radii, pixels.
    sums, variances : float64, (n, k)
        Out: sums of the values and of their variances; NaN for circles outside the image, or over NaN.
    threads : int
        Threads.
    """
    cdef Py_ssize_t i, k
    with nogil:
        for i in prange(x.shape[0], num_threads=threads, schedule="dynamic"):
            for k in range(radii.shape[0]):
                circle(data, err, x[i], y[i], radii[k], &sums[i, k], &variances[i, k])


cdef void circle(const float[:, ::1] data, const float[:, ::1] err, double x, double y, double r, double *sum,
                 double *variance) noexcept nogil:
    cdef Py_ssize_t x0, x1, y0, y1, i, j, count = 0
    cdef double share, total = 0, squares = 0
    sum[0] = variance[0] = NAN
    if not (isfinite(x) and isfinite(y)):
        return
    x0, x1 = within(x, r, data.shape[1])
    y0, y1 = within(y, r, data.shape[0])
    for j in range(y0, y1):
        for i in range(x0, x1):
            count += 1
            share = common_area(i - 0.5 - x, i + 0.5 - x, j - 0.5 - y, j + 0.5 - y, r)
            if share > 0:
                total += share * data[j, i]
                squares += share * (<double>err[j, i] * err[j, i])
    if count:
        sum[0] = total
        variance[0] = squares


cdef inline (Py_ssize_t, Py_ssize_t) within(double centre, double r, Py_ssize_t size) noexcept nogil:
    """The pixels along an axis that a circle touches."""
    cdef double first = floor(centre - r + 0.5), last = ceil(centre + r + 0.5)
    first = first if first > 0 else 0
    last = last if last < size else size
    return <Py_ssize_t>first, <Py_ssize_t>last


cdef double common_area(double x0, double x1, double y0, double y1, double r) noexcept nogil:
    """Area that a rectangle shares with the circle of radius r around the origin."""
    cdef double far_x = fabs(x0) if fabs(x0) > fabs(x1) else fabs(x1)
    cdef double far_y = fabs(y0) if fabs(y0) > fabs(y1) else fabs(y1)
    cdef double near_x = max(x0, -x1, 0.0), near_y = max(y0, -y1, 0.0)
    if far_x * far_x + far_y * far_y <= r * r:
        return (x1 - x0) * (y1 - y0)
    # The sum below would leave rounding errors, and a share however small of NaN is NaN.
    if near_x * near_x + near_y * near_y >= r * r:
        return 0
    x0 = x0 if x0 > -r else -r
    x1 = x1 if x1 < r else r
    if x0 >= x1:
        return 0
    return strip(x1, y1, r) - strip(x0, y1, r) - strip(x1, y0, r) + strip(x0, y0, r)


cdef double strip(double x, double y, double r) noexcept nogil:
    """Area of the circle between both axes and x and y, with the sign of x times y."""
    cdef double sign = (-1 if x < 0 else 1) * (-1 if y < 0 else 1), corner
    x, y = fabs(x), fabs(y)
    corner = sqrt(r * r - y * y) if y < r else 0
    if x <= corner:
        return sign * x * y
    return sign * (corner * (y if y < r else r) + arc(x, r) - arc(corner, r))


cdef inline double arc(double x, double r) noexcept nogil:
    """Integral of the upper half of the circle from 0 to x."""
    cdef double share = x / r
    return (x * sqrt(r * r - x * x) + r * r * asin(share)) / 2 if share < 1 else r * r * 0.7853981633974483


def annuli(const float[:, ::1] data, const double[::1] x, const double[::1] y, double inner, double outer,
           double[:, ::1] out, int threads):
    """Clip the pixels whose centres lie in annuli at three standard deviations.

    Parameters
    ----------
    data : float32, (ny, nx)
        Values; those that are not finite do not count.
    x, y : float64, (n,)
        Centres, pixels; not finite: there is no annulus.
    inner, outer : float
        Radii, pixels.
    out : float64, (n, 3)
        Out: median, standard deviation and number of what is left.
    threads : int
        Threads.
    """
    cdef double width = 2 * ceil(outer) + 3
    cdef Py_ssize_t i, room = <Py_ssize_t>(min(width, data.shape[0]) * min(width, data.shape[1]))
    cdef double *values = NULL
    with nogil, parallel(num_threads=threads):
        values = <double *>malloc(room * sizeof(double))
        for i in prange(x.shape[0], schedule="dynamic"):
            annulus(data, x[i], y[i], inner, outer, values, &out[i, 0])
        free(values)


cdef void annulus(const float[:, ::1] data, double x, double y, double inner, double outer, double *values,
                  double *out) noexcept nogil:
    cdef Py_ssize_t x0, x1, y0, y1, i, j, n = 0, times, kept
    cdef double square, median, std
    out[0] = out[1] = NAN
    out[2] = 0
    if not (isfinite(x) and isfinite(y)):
        return
    x0, x1 = within(x, outer, data.shape[1])
    y0, y1 = within(y, outer, data.shape[0])
    for j in range(y0, y1):
        for i in range(x0, x1):
            square = (i - x) * (i - x) + (j - y) * (j - y)
            if square < outer * outer and not square < inner * inner and isfinite(data[j, i]):
                values[n] = data[j, i]
                n += 1
    if n == 0:
        return
    for times in range(MOST + 1):
        median = order.median(values, n)
        std = spread(values, n)
        if times == MOST:
            break
        kept = 0
        for i in range(n):
            if median - 3 * std <= values[i] <= median + 3 * std:
                values[kept] = values[i]
                kept += 1
        if kept == n:
            break
        n = kept
    out[0] = median
    out[1] = std
    out[2] = n


cdef double spread(const double *values, Py_ssize_t n) noexcept nogil:
    """Standard deviation."""
    cdef double mean = 0, squares = 0
    cdef Py_ssize_t i
    for i in range(n):
        mean += values[i]
    mean /= n
    for i in range(n):
        squares += (values[i] - mean) * (values[i] - mean)
    return sqrt(squares / n)


def peaks(const float[:, ::1] data, const double[::1] x, const double[::1] y, const double[:, ::1] kernel,
          const unsigned char[:, ::1] inside, double[:, ::1] out, int threads):
    """Tell how sharp and how round the peaks of sources are, as DAOFIND does.

    Parameters
    ----------
    data : float32, (ny, nx)
        Values; beyond the edges lie zeros.
    x, y : float64, (n,)
        Centres, pixels; not finite: there is no source.
    kernel : float64, (2 h + 1, 2 h + 1)
        Symmetric, its sum zero.
    inside : uint8, (2 h + 1, 2 h + 1)
        1: the pixel counts for the mean around the peak; 0: it does not.
    out : float64, (n, 2)
        Out: sharpness and roundness; NaN where they are not defined.
    threads : int
        Threads.
    """
    cdef Py_ssize_t i, size = kernel.shape[0]
    cdef double *cut = NULL
    with nogil, parallel(num_threads=threads):
        cut = <double *>malloc(size * size * sizeof(double))
        for i in prange(x.shape[0], schedule="static"):
            peak(data, x[i], y[i], kernel, inside, size, cut, &out[i, 0])
        free(cut)


cdef void peak(const float[:, ::1] data, double x, double y, const double[:, ::1] kernel,
               const unsigned char[:, ::1] inside, Py_ssize_t size, double *cut, double *out) noexcept nogil:
    cdef Py_ssize_t half = size // 2, x0, y0, i, j, count = -1
    cdef double around = 0, centre, sum2 = 0, sum4 = 0, value
    out[0] = out[1] = NAN
    # A source far outside is none: there is nothing to look at, and its place may be no index.
    if not (-size < x < data.shape[1] + size and -size < y < data.shape[0] + size):
        return
    x0 = <Py_ssize_t>ceil(x - size / 2.0)
    y0 = <Py_ssize_t>ceil(y - size / 2.0)
    for j in range(size):
        for i in range(size):
            cut[j * size + i] = convolved(data, y0 + j, x0 + i, kernel, half)
            # Where any pixel of the square is NaN, so is the sharpness, as in 1.14.1.
            around += inside[j, i] * pixel(data, y0 + j, x0 + i)
            count += inside[j, i]
    centre = pixel(data, y0 + half, x0 + half)
    value = cut[half * size + half]
    if value != 0:
        out[0] = (centre - (around - centre) / count) / value
    cut[half * size + half] = 0
    for j in range(size):
        for i in range(size):
            value = cut[j * size + i]
            sum4 += fabs(value)
            if j <= half and i > half:
                sum2 -= value
            elif j < half and i <= half:
                sum2 += value
            elif j >= half and i < half:
                sum2 -= value
            elif j > half and i >= half:
                sum2 += value
    if sum4 != 0:
        out[1] = 2 * sum2 / sum4


cdef inline double pixel(const float[:, ::1] data, Py_ssize_t y, Py_ssize_t x) noexcept nogil:
    return data[y, x] if 0 <= y < data.shape[0] and 0 <= x < data.shape[1] else 0


cdef double convolved(const float[:, ::1] data, Py_ssize_t y, Py_ssize_t x, const double[:, ::1] kernel,
                      Py_ssize_t half) noexcept nogil:
    """The image convolved with the kernel, at a pixel; 0 outside of the image."""
    cdef Py_ssize_t i, j
    cdef double total = 0
    if not (0 <= y < data.shape[0] and 0 <= x < data.shape[1]):
        return 0
    for j in range(-half, half + 1):
        for i in range(-half, half + 1):
            if kernel[j + half, i + half] != 0:  # what has no weight may be NaN
                total += kernel[j + half, i + half] * pixel(data, y + j, x + i)
    return total


def nearest(const double[::1] x, const double[::1] y, Py_ssize_t[::1] near, double[::1] distance, int threads):
    """Find the nearest other of each place.

    Parameters
    ----------
    x, y : float64, (n,)
        Places, at least two, in the order of their x.
    near : intp, (n,)
        Out: number of the nearest.
    distance : float64, (n,)
        Out: how far it is.
    threads : int
        Threads.
    """
    cdef Py_ssize_t i
    with nogil:
        for i in prange(x.shape[0], num_threads=threads, schedule="dynamic", chunksize=64):
            near[i] = look_around(x, y, i, &distance[i])


cdef Py_ssize_t look_around(const double[::1] x, const double[::1] y, Py_ssize_t i, double *distance) noexcept nogil:
    """The nearest other, to the left and to the right as far as it may be."""
    cdef Py_ssize_t k, best = -1
    cdef double least = INFINITY, square
    cdef int side
    for side in range(2):
        k = i + 1 if side else i - 1
        while 0 <= k < x.shape[0] and (x[k] - x[i]) * (x[k] - x[i]) < least:
            square = (x[k] - x[i]) * (x[k] - x[i]) + (y[k] - y[i]) * (y[k] - y[i])
            if square < least:
                least, best = square, k
            k = k + 1 if side else k - 1
    distance[0] = sqrt(least)
    return best
