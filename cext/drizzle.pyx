# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Drizzling: the pixels of an image dropped onto another grid, values, variances and weights at once.

Every input pixel is shrunk to a drop, and shared out among the output pixels that the drop falls on (Fruchter & Hook
2002, PASP 114, 144). An output pixel belongs to one band of rows, a band to one thread, and a band's drops fall in the
order of the input: so the sums have the same bits for any number of threads, and for any height of the bands. Sums of
one image are kept in double precision while a band is worked on, eight to an output pixel (one cache line), and then
added to the images of all exposures.

Unchecked indexing is safe: planes of an input have one shape, planes of the output another, `ranges` and `scratch` are
made for them (all in `jwpipe.drizzle.canvas`); every drop is clipped to the band, and a band to the output.
"""

from cython.parallel cimport prange, threadid
from libc.math cimport NAN, exp, fabs, floor, isfinite, sqrt

from drops cimport block_corners, quarters

cdef enum:
    BLOCK = 64  # columns of input that share a range of output rows, and are worked on side by side: JW_DROPS
    SUMS = 8  # of an output pixel: those below, and one that fills the cache line
    VALUE = 0
    WEIGHT = 1
    VARIANCE = 2  # three of them
    COVER = 5
    SIZE = 6
    SQUARE = 0
    GAUSSIAN = 1
    POINT = 2
    TURBO = 3
    LANCZOS = 4  # order 2, and the next ones

cdef double TOUCH = 1e-12  # an overlap that is smaller is rounding, pixels
cdef float STEP = 0.01  # of the table of a Lanczos function, pixels: in single precision, as it was made
cdef double FAR = 1e9  # no output has a pixel there
cdef double FWHM = 2.3548  # of a Gaussian, in standard deviations
cdef double PI = 3.141592653589793


cdef struct Drop:
    int kind
    double half  # of its width: output pixels; of a square one, input pixels
    double factor  # of the exponent of a Gaussian; steps of the table to a pixel
    double norm  # factor of the shares along each axis
    const float *table
    int ntable


cdef inline double clip(double value, double low, double high) noexcept nogil:
    return low if value < low else high if value > high else value


cdef inline int nearest(double value) noexcept nogil:
    """Nearest whole number; halves go away from zero."""
    return <int>(floor(value + 0.5) if value >= 0 else -floor(0.5 - value))


cdef inline void add(double *sums, const double *values, double share, bint variances) noexcept nogil:
    cdef int k
    for k in range(2):
        sums[k] += share * values[k]
    if variances:
        for k in range(2, SUMS):
            sums[k] += share * values[k]


cdef int profile(const Drop *drop, double centre, int low, int high, double *out, int *start) noexcept nogil:
    """Shares of the output pixels along one axis, those from `low` to `high` at most.

    Returns their number; `start` becomes the first one's place.
    """
    cdef double offset
    cdef int first, last, i, entry
    if drop.kind == POINT:
        first = last = nearest(centre)
    elif drop.kind >= LANCZOS:  # the table is laid a pixel too low, as `drizzle` 1.15 does
        first, last = nearest(centre - 1 - drop.half), nearest(centre - 1 + drop.half)
    else:
        first, last = nearest(centre - drop.half), nearest(centre + drop.half)
    first, last = max(first, low), min(last, high)
    start[0] = first
    for i in range(first, last + 1):
        offset = centre - i
        if drop.kind == POINT:
            out[i - first] = 1
        elif drop.kind == GAUSSIAN:
            out[i - first] = drop.norm * exp(-offset * offset * drop.factor)
        elif drop.kind == TURBO:
            offset = min(centre + drop.half, i + 0.5) - max(centre - drop.half, i - 0.5)
            out[i - first] = drop.norm * offset if offset > 0 else 0
        else:
            entry = nearest(fabs(offset) * drop.factor) + 1
            out[i - first] = drop.table[entry] if entry < drop.ntable else 0
    return last - first + 1


cdef inline void piece(double *line, int width, double left, double right, double rise) noexcept nogil:
    """Add what lies to the right of a piece of an edge within one row, from `left` to `right`, `rise` high."""
    cdef int column
    cdef double step, reach, part, whole
    if left < 0:  # the grid ends there: all that rises to the left of it covers the whole row
        if right <= 0:
            line[0] += rise
            return
        part = rise * left / (left - right)
        line[0] += part
        rise -= part
        left = 0
    if right > width:
        if left >= width:
            return
        rise *= (width - left) / (right - left)
        right = width
    column = <int>left
    if right <= column + 1:
        part = rise * (column + 1 - 0.5 * (left + right))
        line[column] += part
        line[column + 1] += rise - part
        return
    step = rise / (right - left)
    while left < right:
        reach = column + 1 if column + 1 < right else right
        whole = step * (reach - left)
        part = whole * (column + 1 - 0.5 * (left + reach))
        line[column] += part
        line[column + 1] += whole - part
        left = reach
        column += 1


cdef inline void edge(double x0, double y0, double x1, double y1, double *area, int width, int height) noexcept nogil:
    """Add what lies to the right of an edge, signed by its direction, to a grid of unit squares.

    `area` has rows of ``width + 2`` and is differential in x: a row summed up to a square is what of the square is
    covered. Coordinates count from the grid's corner; what lies beyond the grid is clipped.
    """
    cdef double sign = 1, slope, top, bottom = y0, here = x0, there
    cdef int row
    if y0 == y1:
        return
    if y0 > y1:
        bottom, here = y1, x1
        x1, y1 = x0, y0
        x0, y0 = here, bottom
        sign = -1
    if y1 <= 0 or y0 >= height:
        return
    slope = (x1 - x0) / (y1 - y0)
    if bottom < 0:
        here = x0 - slope * y0
        bottom = 0
    row = <int>bottom
    while row < height and bottom < y1:
        if row + 1 < y1:
            top = row + 1
            there = x0 + slope * (top - y0)
        else:
            top = y1
            there = x1
        if here <= there:
            piece(area + row * (width + 2), width, here, there, sign * (top - bottom))
        else:
            piece(area + row * (width + 2), width, there, here, sign * (top - bottom))
        bottom = top
        here = there
        row += 1


cdef inline bint corners(const double[:, ::1] x, const double[:, ::1] y, Py_ssize_t j, Py_ssize_t i, double half,
                         double *px, double *py) noexcept nogil:
    """Corners of a drop, bilinear between the centres of pixels; whether there are all four."""
    cdef Py_ssize_t ny = x.shape[0], nx = x.shape[1], jj, ii
    cdef double wi, wj, own, beside, above, across
    cdef int k
    for k in range(4):  # around the drop
        wi = wj = half
        ii = i + 1 if k == 1 or k == 2 else i - 1
        jj = j + 1 if k >= 2 else j - 1
        if ii < 0 or ii >= nx:  # beyond the outermost centres
            ii = 2 * i - ii
            wi = -half
        if jj < 0 or jj >= ny:
            jj = 2 * j - jj
            wj = -half
        if ii < 0 or ii >= nx or jj < 0 or jj >= ny:  # an image of one row or column
            return False
        own = (1 - wi) * (1 - wj)
        beside = wi * (1 - wj)
        above = (1 - wi) * wj
        across = wi * wj
        px[k] = own * x[j, i] + beside * x[j, ii] + above * x[jj, i] + across * x[jj, ii]
        py[k] = own * y[j, i] + beside * y[j, ii] + above * y[jj, i] + across * y[jj, ii]
        if not (-FAR < px[k] < FAR and -FAR < py[k] < FAR):  # NaN too
            return False
    return True


cdef void drop_square(double *px, double *py, const double *values, bint variances, double *sums, int columns,
                      int first, int last, double *area) noexcept nogil:
    """Share a drop with given corners out among the rows `first` to `last` of the output, by the areas of overlap."""
    cdef double size, share, x0, y0, x1, y1, running
    cdef double *line
    cdef double *cell
    cdef int k, row, column, left, low, width, height
    size = 0.5 * ((px[2] - px[0]) * (py[3] - py[1]) - (px[3] - px[1]) * (py[2] - py[0]))
    x0, x1 = min(min(px[0], px[1]), min(px[2], px[3])), max(max(px[0], px[1]), max(px[2], px[3]))
    y0, y1 = min(min(py[0], py[1]), min(py[2], py[3])), max(max(py[0], py[1]), max(py[2], py[3]))
    if size == 0 or x1 <= -0.5 or x0 >= columns - 0.5 or y1 <= first - 0.5 or y0 >= last + 0.5:
        return
    left, low = max(<int>floor(x0 + 0.5), 0), max(<int>floor(y0 + 0.5), first)
    width = min(<int>floor(x1 + 0.5), columns - 1) - left + 1
    height = min(<int>floor(y1 + 0.5), last) - low + 1
    for k in range(height * (width + 2)):
        area[k] = 0
    for k in range(4):
        px[k] += 0.5 - left
        py[k] += 0.5 - low
    for k in range(4):
        edge(px[k], py[k], px[(k + 1) & 3], py[(k + 1) & 3], area, width, height)
    size = -1 / size
    for row in range(height):
        running = 0
        line = area + row * (width + 2)
        cell = sums + (<Py_ssize_t>(low + row - first) * columns + left) * SUMS
        for column in range(width):
            running += line[column]
            share = running * size
            if share > 0 and fabs(running) > TOUCH:
                add(cell + column * SUMS, values, share, variances)


cdef inline bint gathered(const double *block, double *corner) noexcept nogil:
    """Take one coordinate of the corners of a drop out of those of a block; whether there are all four."""
    cdef int k
    for k in range(4):
        corner[k] = block[k * BLOCK]
        if not -FAR < corner[k] < FAR:  # NaN too
            return False
    return True


cdef inline void add_quarters(const double *share, const double *values, bint variances, double *sums, int columns,
                              int left, int low, int height) noexcept nogil:
    """Share a drop out among four pixels, of which the upper or the lower row may be another band's."""
    cdef double *cell = sums + (<Py_ssize_t>low * columns + left) * SUMS
    if low >= 0:
        if share[0] > TOUCH:
            add(cell, values, share[0], variances)
        if share[BLOCK] > TOUCH:
            add(cell + SUMS, values, share[BLOCK], variances)
    if low < height:
        cell += columns * SUMS
        if share[2 * BLOCK] > TOUCH:
            add(cell + SUMS, values, share[2 * BLOCK], variances)
        if share[3 * BLOCK] > TOUCH:
            add(cell, values, share[3 * BLOCK], variances)


cdef bint facing(const double[:, ::1] x, const double[:, ::1] y, Py_ssize_t j, Py_ssize_t i,
                 int *order) noexcept nogil:
    """Find which corner of a drop lies to the lower left of its centre, and so on; whether each side has one."""
    cdef double across, along
    cdef int k, place, seen = 0
    for k in range(4):
        across = x[j, i + 1] - x[j, i - 1]
        along = y[j, i + 1] - y[j, i - 1]
        if k == 0 or k == 3:
            across, along = -across, -along
        if k >= 2:
            across += x[j + 1, i] - x[j - 1, i]
            along += y[j + 1, i] - y[j - 1, i]
        else:
            across -= x[j + 1, i] - x[j - 1, i]
            along -= y[j + 1, i] - y[j - 1, i]
        place = (1 if across > 0 else 0) if along < 0 else (2 if across > 0 else 3)
        order[place] = k
        seen |= 1 << place
    return seen == 15


cdef void drop_product(const Drop *drop, double x, double y, const double *values, bint variances, double *sums,
                       int columns, int first, int last, double *along) noexcept nogil:
    """Share a drop out whose shares are products of one along x and one along y."""
    cdef int left, low, width, height, row, column
    cdef double *down
    cdef double *cell
    cdef double share
    if not (-FAR < x < FAR and -FAR < y < FAR):  # NaN too
        return
    width = profile(drop, x, 0, columns - 1, along, &left)
    if width <= 0:
        return
    down = along + width
    height = profile(drop, y, first, last, down, &low)
    for row in range(height):
        cell = sums + (<Py_ssize_t>(low + row - first) * columns + left) * SUMS
        for column in range(width):
            share = down[row] * along[column]
            if share != 0:
                add(cell, values, share, variances)
                cell[SIZE] += fabs(share) * values[WEIGHT]
            cell += SUMS


cdef void settle(const double *sums, float *sci, float *wht, int *con, float *inverse, Py_ssize_t size, int columns,
                 double least, bint signed, int bit) noexcept nogil:
    """Add the sums of one row of the output to what the images before have left; `con`, `inverse` may be NULL."""
    cdef int i, k
    cdef double weight, variance
    cdef const double *cell = sums
    for i in range(columns):
        weight = cell[WEIGHT]
        if weight != 0 and not (signed and weight < least * cell[SIZE]):
            sci[i] = <float>((<double>sci[i] * wht[i] + cell[VALUE]) / (wht[i] + weight))
            wht[i] = <float>(wht[i] + weight)
            if con and (not signed or cell[SIZE] + weight > 0):  # some share is above 0
                con[i] |= bit
            if inverse:
                for k in range(3):
                    variance = cell[VARIANCE + k] / cell[COVER]
                    if variance > 0:  # neither none, nor NaN
                        inverse[k * size + i] += <float>(1 / <float>variance)
        cell += SUMS


def find_ranges(const double[:, ::1] x, const double[:, ::1] y, double reach, int rows, int[:, :, ::1] ranges,
                int threads):
    """Find which rows of the output the drops of each block of input pixels may fall on, and how large they are.

    Parameters
    ----------
    x, y : float64, (ny, nx)
        Where on the output the centres of the pixels lie; NaN where nowhere.
    reach : float
        What the drops have to either side of their centres beyond the distance to the next pixel's, output pixels.
    rows : int
        Rows of the output.
    ranges : int32, (ny, nblocks, 4)
        Out: first and last row, the last before the first where there are none; largest width and height of a drop.
    threads : int
        Threads.
    """
    cdef Py_ssize_t ny = y.shape[0], nx = y.shape[1], j, i, jj, ii, k, block, end
    cdef double low, high, tall, wide
    with nogil:
        for j in prange(ny, num_threads=threads, schedule="static"):
            for block in range(ranges.shape[1]):
                low = FAR
                high = -FAR
                wide = tall = 0
                end = min((block + 1) * BLOCK, nx)
                for i in range(block * BLOCK, end):
                    if not (-FAR < y[j, i] < FAR and -FAR < x[j, i] < FAR):
                        continue
                    low = min(low, y[j, i])
                    high = max(high, y[j, i])
                    for k in range(4):
                        jj = j + (k == 2) - (k == 3)
                        ii = i + (k == 0) - (k == 1)
                        if 0 <= jj < ny and 0 <= ii < nx:
                            wide = max(wide, fabs(x[jj, ii] - x[j, i]))
                            tall = max(tall, fabs(y[jj, ii] - y[j, i]))
                # A corner is half a step to the side and half a step up from the centre: a whole step at the most.
                ranges[j, block, 0] = <int>clip(floor(low - tall - reach), 0, rows)
                ranges[j, block, 1] = <int>clip(floor(high + tall + reach) + 1, -1, rows - 1)
                ranges[j, block, 2] = <int>clip(2 * (wide + reach) + 3, 0, FAR)
                ranges[j, block, 3] = <int>clip(2 * (tall + reach) + 3, 0, FAR)


def add_image(const float[:, ::1] data, const unsigned int[:, ::1] dq, const float[:, ::1] rnoise,
              const float[:, ::1] poisson, const float[:, ::1] flat, const double[:, ::1] x, const double[:, ::1] y,
              const int[:, :, ::1] ranges, float[:, ::1] sci, float[:, ::1] wht, int[:, ::1] con,
              float[:, :, ::1] inverse, double[:, ::1] scratch, const float[::1] table, unsigned int bad, float level,
              double scale, bint ivm, float weight, int kind, double pixfrac, double least, int bit, int height,
              int first, int last, int threads):
    """Drizzle one image onto what those before have left.

    Parameters
    ----------
    data : float32, (ny, nx)
        Values.
    dq : uint32, (ny, nx)
        Flags.
    rnoise, poisson, flat : float32, (ny, nx) or (0, 0)
        Variances.
    x, y : float64, (ny, nx)
        Where on the output the centres of the pixels lie; NaN where nowhere.
    ranges : int32, (ny, nblocks, 4)
        As `find_ranges` gives them.
    sci, wht : float32, (rows, columns)
        Weighted mean and sum of weights, changed in place.
    con : int32, (rows, columns) or (0, 0)
        Which images went into a pixel, changed in place.
    inverse : float32, (3, rows, columns) or (0, 0, 0)
        Sums of the inverse variances by read noise, photon noise and flat, changed in place.
    scratch : float64, (threads, size)
        Room for `height` rows of sums, and for the shares of one drop.
    table : float32
        The Lanczos function, 100 entries to a pixel.
    bad : int
        Flags of pixels that are left out.
    level : float
        Is subtracted from the values.
    scale : float
        Its square multiplies the values, its fourth power the variances; drops are smaller by it (not square ones).
    ivm : bool
        Whether weights are inverse variances of the read noise, and 1 where these are not finite.
    weight : float
        The weight of all pixels otherwise.
    kind : int
        0 square, 1 gaussian, 2 point, 3 turbo, 4 and 5 lanczos2 and lanczos3.
    pixfrac : float
        Width of the drop, input pixels.
    least : float
        An output pixel is left out where its weights sum to less than this part of the sum of their sizes (Lanczos).
    bit : int
        The image's bit of `con`.
    height : int
        Rows of a band.
    first, last : int
        First row of the output that is wanted, and that behind the last.
    threads : int
        Threads.
    """
    cdef Drop drop
    cdef int band
    drop.kind = kind
    drop.half = pixfrac / 2
    drop.factor = drop.norm = 1
    drop.table = &table[0] if table.shape[0] else NULL
    drop.ntable = <int>table.shape[0]
    if kind == GAUSSIAN:
        drop.half = max(2.5 * pixfrac / FWHM, 1.2) / scale
        drop.factor = FWHM * FWHM * scale * scale / (2 * pixfrac * pixfrac)
        drop.norm = sqrt(drop.factor / PI)
    elif kind == TURBO:
        drop.half = pixfrac / scale / 2
        drop.norm = scale / pixfrac
    elif kind >= LANCZOS:
        drop.half = (kind - LANCZOS + 2) * pixfrac / scale
        drop.factor = scale / STEP / pixfrac
    with nogil:
        for band in prange((last - first + height - 1) // height, num_threads=threads, schedule="dynamic"):
            fill_band(data, dq, rnoise, poisson, flat, x, y, ranges, sci, wht, con, inverse, &scratch[threadid(), 0],
                      &drop, bad, level, scale, ivm, weight, least, bit, first + band * height,
                      min(first + (band + 1) * height, last) - 1)


cdef void fill_band(const float[:, ::1] data, const unsigned int[:, ::1] dq, const float[:, ::1] rnoise,
                    const float[:, ::1] poisson, const float[:, ::1] flat, const double[:, ::1] x,
                    const double[:, ::1] y, const int[:, :, ::1] ranges, float[:, ::1] sci, float[:, ::1] wht,
                    int[:, ::1] con, float[:, :, ::1] inverse, double *sums, const Drop *drop, unsigned int bad,
                    float level, double scale, bint ivm, float weight, double least, int bit, int first,
                    int last) noexcept nogil:
    """Do the rows `first` to `last` of the output."""
    cdef Py_ssize_t ny = data.shape[0], nx = data.shape[1], nblocks = ranges.shape[1], j, i, block, end, k
    cdef int columns = <int>sci.shape[1], row
    cdef Py_ssize_t used = <Py_ssize_t>(last - first + 1) * columns * SUMS
    cdef float w = weight, scale2 = <float>(scale * scale), scale4 = <float>(scale * scale * scale * scale)
    cdef bint variances = inverse.shape[0] > 0, empty = True
    cdef double values[SUMS]
    cdef double cx[4]
    cdef double cy[4]
    cdef double px[4 * BLOCK]
    cdef double py[4 * BLOCK]
    cdef double share[4 * BLOCK]
    cdef int left[BLOCK]
    cdef int low[BLOCK]
    cdef int whole[BLOCK]
    cdef int order[4]
    cdef Py_ssize_t begin, inner
    for k in range(SUMS):
        values[k] = 0
    for j in range(ny):
        for block in range(nblocks):
            if ranges[j, block, 0] > last or ranges[j, block, 1] < first:
                continue
            if empty:
                for k in range(used):
                    sums[k] = 0
                empty = False
            end = min((block + 1) * BLOCK, nx)
            begin, inner = max(block * BLOCK, 1), 0
            if drop.kind == SQUARE and 0 < j < ny - 1 and begin < nx - 1:
                inner = min(end, nx - 1) - begin
                block_corners(&x[j - 1, begin], &x[j, begin], &x[j + 1, begin], inner, drop.half, px)
                block_corners(&y[j - 1, begin], &y[j, begin], &y[j + 1, begin], inner, drop.half, py)
                if facing(x, y, j, begin + inner // 2, order):
                    quarters(px, py, &x[j, begin], &y[j, begin], inner, order, columns, first, last, left, low, whole,
                             share)
                else:
                    for k in range(inner):
                        whole[k] = 0
            for i in range(block * BLOCK, end):
                if dq[j, i] & bad:
                    continue
                if ivm:
                    w = 1 / rnoise[j, i]
                    if not isfinite(w):
                        w = 1
                values[VALUE] = w * <double>((data[j, i] - level) * scale2) if w != 0 else 0
                values[WEIGHT] = w
                if variances:
                    values[VARIANCE] = rnoise[j, i] * scale4 if rnoise.shape[0] else 0
                    values[VARIANCE + 1] = poisson[j, i] * scale4 if poisson.shape[0] else 0
                    values[VARIANCE + 2] = flat[j, i] * scale4 if flat.shape[0] else 0
                    values[COVER] = 1
                k = i - begin
                if drop.kind != SQUARE:
                    drop_product(drop, x[j, i], y[j, i], values, variances, sums, columns, first, last, sums + used)
                elif not 0 <= k < inner:
                    if corners(x, y, j, i, drop.half, cx, cy):
                        drop_square(cx, cy, values, variances, sums, columns, first, last, sums + used)
                elif whole[k]:
                    add_quarters(share + k, values, variances, sums, columns, left[k], low[k] - first, last - first)
                elif gathered(px + k, cx) and gathered(py + k, cy):
                    drop_square(cx, cy, values, variances, sums, columns, first, last, sums + used)
    if empty:
        return
    for row in range(last - first + 1):
        settle(sums + <Py_ssize_t>row * columns * SUMS, &sci[first + row, 0], &wht[first + row, 0],
               &con[first + row, 0] if con.shape[0] else NULL, &inverse[0, first + row, 0] if variances else NULL,
               sci.shape[0] * sci.shape[1], columns, least, drop.kind >= LANCZOS, bit)


def finish(float[:, ::1] sci, const float[:, ::1] wht, float[:, :, ::1] variances, float[:, ::1] err, float fill,
           float fill_err, double factor, int threads):
    """Turn sums of inverse variances into variances, and fill what no image covers.

    Parameters
    ----------
    sci : float32, (rows, columns)
        Values, changed in place.
    wht : float32, (rows, columns)
        Sums of weights.
    variances : float32, (3, rows, columns)
        In: sums of inverse variances; out: variances, NaN where there is none.
    err : float32, (rows, columns)
        Out: square root of the sum of those variances that there are.
    fill, fill_err : float
        Value and error of pixels without weight.
    factor : float
        Multiplies the variances.
    threads : int
        Threads.
    """
    cdef Py_ssize_t row, i
    cdef int k
    cdef float total, inverse
    with nogil:
        for row in prange(sci.shape[0], num_threads=threads, schedule="static"):
            for i in range(sci.shape[1]):
                total = 0
                for k in range(3):
                    inverse = variances[k, row, i]
                    if inverse > 0:
                        variances[k, row, i] = <float>(factor / inverse)
                        total = total + variances[k, row, i]
                    else:
                        variances[k, row, i] = <float>NAN
                err[row, i] = sqrt(total)
                if wht[row, i] == 0:
                    sci[row, i] = fill
                    err[row, i] = fill_err
