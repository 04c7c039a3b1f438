# cython: cdivision=True
"""Outlines of connected regions, their smallest rectangles, and filled ellipses: plain C, inlined where it is used.

Regions are 8-connected. An outline runs through the centres of the border pixels, so that a square of 3 x 3 pixels has
an area of 4. Arithmetic is single precision and fixed point where the reference results (OpenCV's, by which the
thresholds and expansion factors of the jump step were tuned) were had so: ties between rectangles of equal area, and
the pixels on the rim of an ellipse, depend on it.

Indexing is by raw pointers: every function checks its coordinates against the plane that it is given.
"""

from libc.math cimport M_PI, atan2, rint, sin, sqrt
from libc.stdint cimport int64_t

cdef enum:
    POINT = 16            # bits after the binary point of drawing coordinates
    ONE = 1 << POINT
    HALF = ONE >> 1
    CORNERS = 80          # at least 360 / 5 + 2, the corners of the finest polygon for an ellipse


cdef struct Field:
    const unsigned char *now     # (ny, nx) flags
    const unsigned char *before  # flags of the group before, or NULL
    unsigned char bit            # a pixel belongs to the field where `now` has this bit and `before` has not
    Py_ssize_t ny
    Py_ssize_t nx


cdef struct Box:
    Py_ssize_t top
    Py_ssize_t bottom
    Py_ssize_t left
    Py_ssize_t right
    Py_ssize_t start      # x of the first pixel of the top row


cdef struct Rectangle:
    float x               # centre, pixels
    float y
    float width           # sides, pixels; width along angle
    float height
    float angle           # degrees from x towards y


cdef struct Rows:
    Py_ssize_t ny
    Py_ssize_t nx
    Py_ssize_t top        # rows touched; top > bottom where none is
    Py_ssize_t bottom
    int *low              # (ny,) first and last pixel of each row touched
    int *high


cdef inline bint holds(const Field *field, Py_ssize_t y, Py_ssize_t x) noexcept nogil:
    """Whether a pixel belongs to the field; none does outside the plane."""
    cdef Py_ssize_t i
    if y < 0 or x < 0 or y >= field.ny or x >= field.nx:
        return False
    i = y * field.nx + x
    if not field.now[i] & field.bit:
        return False
    return field.before == NULL or not field.before[i] & field.bit


cdef inline double follow(const Field *field, const Box *box, Rows *rows, Py_ssize_t seen_y, Py_ssize_t seen_x,
                          bint *encloses) noexcept nogil:
    """Area within the outer border of a region, pixels.

    `rows`, where not NULL, gets the extent of each row of the region; `encloses`, where not NULL, whether the border
    goes around the pixel (seen_y, seen_x), which does not belong to the region. The region has more than one pixel.
    """
    cdef int[8] dx = [1, 1, 0, -1, -1, -1, 0, 1]  # clockwise from +x, y pointing down
    cdef int[8] dy = [0, 1, 1, 1, 0, -1, -1, -1]
    cdef Py_ssize_t y = box.top, x = box.start, next_y, next_x
    cdef int64_t twice = 0
    cdef int back = 4, way, first = -1  # the pixel before the first one of the top row is empty
    cdef bint odd = False
    if rows != NULL:
        for y in range(box.top, box.bottom + 1):
            rows.low[y] = <int>field.nx
            rows.high[y] = -1
        y = box.top
    while True:
        way = (back + 1) & 7
        while not holds(field, y + dy[way], x + dx[way]):
            way = (way + 1) & 7
        if y == box.top and x == box.start:
            if way == first:
                break
            if first < 0:
                first = way
        next_y, next_x = y + dy[way], x + dx[way]
        twice += <int64_t>x * next_y - <int64_t>next_x * y
        # Each border step that leaves or enters the row from below counts once, left of the pixel asked for.
        if next_y != y and (y if y < next_y else next_y) == seen_y:
            if (x if y == seen_y else next_x) < seen_x:
                odd = not odd
        if rows != NULL:
            if x < rows.low[y]:
                rows.low[y] = <int>x
            if x > rows.high[y]:
                rows.high[y] = <int>x
        # The empty pixel seen last, looking back from the new pixel.
        back = (way + (5 if way & 1 else 6)) & 7
        y, x = next_y, next_x
    if encloses != NULL:
        encloses[0] = odd
    return (twice if twice > 0 else -twice) * 0.5


cdef inline int join(int *hull_x, int *hull_y, int count, int least, int x, int y) noexcept nogil:
    """Append a corner to a convex polygon, dropping those of its corners after `least` that are not convex any more."""
    cdef int ax, ay, bx, by
    while count - least >= 2:
        ax, ay = hull_x[count - 1] - hull_x[count - 2], hull_y[count - 1] - hull_y[count - 2]
        bx, by = x - hull_x[count - 1], y - hull_y[count - 1]
        if <int64_t>ax * by - <int64_t>ay * bx > 0:
            break
        count -= 1
    hull_x[count], hull_y[count] = x, y
    return count + 1


cdef inline int hull(const Rows *rows, Py_ssize_t top, Py_ssize_t bottom, int *hull_x, int *hull_y) noexcept nogil:
    """Corners of the convex hull of a region: clockwise, its top left one last. Room for 2 (bottom - top + 1) + 1."""
    cdef int count = 0, least
    cdef Py_ssize_t y
    for y in range(top, bottom + 1):
        count = join(hull_x, hull_y, count, 0, rows.high[y], <int>y)
    least = count - 1
    if rows.low[bottom] < rows.high[bottom]:
        count = join(hull_x, hull_y, count, count, rows.low[bottom], <int>bottom)
        least = count - 1
    for y in range(bottom - 1, top - 1, -1):
        count = join(hull_x, hull_y, count, least, rows.low[y], <int>y)
    if rows.low[top] == rows.high[top]:
        # The top pixel stands at both ends: keep it as the last corner alone.
        for y in range(count - 1):
            hull_x[y], hull_y[y] = hull_x[y + 1], hull_y[y + 1]
        count -= 1
    return count


cdef inline void calipers(const int *hull_x, const int *hull_y, int count, Rectangle *found) noexcept nogil:
    """Rectangle of least area around a convex polygon with at least 3 corners, by rotating calipers.

    One side of it lies on an edge of the polygon. Four corners of the polygon (lowest y, highest x, highest y, lowest
    x, as seen from the turning axis) touch the calipers; in each turn the edge that needs the smallest rotation leads.
    Of rectangles of equal area the last one met is kept.
    """
    cdef int[4] at = [0, 0, 0, 0]
    cdef int i, turn, lead, here, then, ex, ey, corner_l = 0, corner_b = 0
    cdef int[4] vx
    cdef int[4] vy
    cdef float inverse, ux, uy, dx, dy, width, height, area, least = 0
    cdef float axis_x = 1, axis_y = 0, side = 0, rise = 0, along, across, scale, px, py
    cdef float wx, wy, hx, hy
    for i in range(1, count):
        if hull_y[i] < hull_y[at[0]]:
            at[0] = i
        if hull_x[i] > hull_x[at[1]]:
            at[1] = i
        if hull_y[i] > hull_y[at[2]]:
            at[2] = i
        if hull_x[i] < hull_x[at[3]]:
            at[3] = i
    for turn in range(count):
        for i in range(4):
            here = at[i]
            then = here + 1 if here + 1 < count else 0
            ex, ey = hull_x[then] - hull_x[here], hull_y[then] - hull_y[here]
            # Each edge turned back by as many right angles as its caliper stands away from the first.
            if i == 0:
                vx[i], vy[i] = ex, ey
            elif i == 1:
                vx[i], vy[i] = ey, -ex
            elif i == 2:
                vx[i], vy[i] = -ex, -ey
            else:
                vx[i], vy[i] = -ey, ex
        lead = 0
        for i in range(1, 4):
            if <int64_t>vy[i] * vx[lead] - <int64_t>vx[i] * vy[lead] < 0:
                lead = i
        inverse = <float>(1.0 / sqrt(<double>vx[lead] * vx[lead] + <double>vy[lead] * vy[lead]))
        ux, uy = <float>vx[lead] * inverse, <float>vy[lead] * inverse
        at[lead] = at[lead] + 1 if at[lead] + 1 < count else 0
        dx, dy = <float>(hull_x[at[1]] - hull_x[at[3]]), <float>(hull_y[at[1]] - hull_y[at[3]])
        width = dx * ux + dy * uy
        dx, dy = <float>(hull_x[at[2]] - hull_x[at[0]]), <float>(hull_y[at[2]] - hull_y[at[0]])
        height = -dx * uy + dy * ux
        area = width * height
        if turn == 0 or area <= least:
            least = area
            axis_x, axis_y, side, rise = ux, uy, width, height
            corner_l, corner_b = at[3], at[0]
    # The corner where the sides through the touching corners meet, and from it the centre.
    along = axis_x * <float>hull_x[corner_l] + <float>hull_y[corner_l] * axis_y
    across = -axis_y * <float>hull_x[corner_b] + <float>hull_y[corner_b] * axis_x
    scale = <float>(1.0 / (axis_x * axis_x + axis_y * axis_y))
    px = (along * axis_x - across * axis_y) * scale
    py = (axis_x * across + axis_y * along) * scale
    wx, wy = axis_x * side, axis_y * side
    hx, hy = -axis_y * rise, axis_x * rise
    found.x = px + (wx + hx) * <float>0.5
    found.y = py + (wy + hy) * <float>0.5
    found.width = <float>sqrt(<double>wx * wx + <double>wy * wy)
    found.height = <float>sqrt(<double>hx * hx + <double>hy * hy)
    found.angle = <float>(<float>atan2(<double>wy, <double>wx) * <float>180 / M_PI)


cdef inline double sine(int degrees) noexcept nogil:
    """Sine of a whole number of degrees, to 7 decimals in single precision."""
    return <float>(rint(sin(degrees * M_PI / 180) * 1e7) / 1e7)


cdef inline void touch(Rows *rows, int64_t x, int64_t y) noexcept nogil:
    """Take a pixel in, if it lies on the plane."""
    if 0 <= x < rows.nx and 0 <= y < rows.ny:
        if x < rows.low[y]:
            rows.low[y] = <int>x
        if x > rows.high[y]:
            rows.high[y] = <int>x


cdef inline bint clip(int64_t last_x, int64_t last_y, int64_t *x, int64_t *y) noexcept nogil:
    """Cut a segment, given as two x and two y, at the edges of the plane; whether anything is left."""
    cdef int end
    cdef int64_t edge
    if ((x[0] < 0 and x[1] < 0) or (x[0] > last_x and x[1] > last_x)
            or (y[0] < 0 and y[1] < 0) or (y[0] > last_y and y[1] > last_y)):
        return False
    for end in range(2):
        if y[end] < 0 or y[end] > last_y:
            edge = 0 if y[end] < 0 else last_y
            x[end] += <int64_t>(<double>(edge - y[end]) * (x[1] - x[0]) / (y[1] - y[0]))
            y[end] = edge
    if (x[0] < 0 and x[1] < 0) or (x[0] > last_x and x[1] > last_x):
        return False
    for end in range(2):
        if x[end] < 0 or x[end] > last_x:
            edge = 0 if x[end] < 0 else last_x
            y[end] += <int64_t>(<double>(edge - x[end]) * (y[1] - y[0]) / (x[1] - x[0]))
            x[end] = edge
    return True


cdef inline void stroke(Rows *rows, int64_t x0, int64_t y0, int64_t x1, int64_t y1) noexcept nogil:
    """Take in the pixels of a segment between two points in fixed point, one a step of its longer component."""
    cdef int64_t[2] x = [x0, x1]
    cdef int64_t[2] y = [y0, y1]
    cdef int64_t *along = x
    cdef int64_t *across = y
    cdef int64_t length, step, position, offset, _
    cdef int start
    if not clip((<int64_t>rows.nx << POINT) - 1, (<int64_t>rows.ny << POINT) - 1, x, y):
        return
    if (x[1] - x[0] if x[1] > x[0] else x[0] - x[1]) <= (y[1] - y[0] if y[1] > y[0] else y[0] - y[1]):
        along, across = y, x
    start = 1 if along[1] < along[0] else 0
    touch(rows, (x[1 - start] + HALF) >> POINT, (y[1 - start] + HALF) >> POINT)
    length = along[1 - start] - along[start]
    step = (across[1 - start] - across[start]) * ONE / (length | 1)
    position, offset = (along[start] + HALF) >> POINT, across[start] + HALF
    for _ in range((length >> POINT) + 1):
        if along == x:
            touch(rows, position, offset >> POINT)
        else:
            touch(rows, offset >> POINT, position)
        position += 1
        offset += step


cdef inline void ellipse(Rows *rows, int centre_x, int centre_y, int half_x, int half_y, int angle) noexcept nogil:
    """Rows of a filled ellipse: a polygon with a corner every few degrees, its outline and what lies between.

    Centre and half axes are whole pixels, the angle whole degrees from x towards y.
    """
    cdef int64_t[CORNERS] x
    cdef int64_t[CORNERS] y
    cdef int64_t[2] edge_x
    cdef int64_t[2] slope
    cdef int[2] corner
    cdef int[2] until
    cdef int64_t corner_x, corner_y, from_x, to_x, low, high
    cdef int step, degree, i, j, count = 0, topmost = 0, left, row, row_of, bottom, top
    cdef double turn_x, turn_y, ax, ay
    cdef int longer = half_x if half_x > half_y else half_y
    rows.top = centre_y - longer - 2 if centre_y > longer + 2 else 0
    rows.bottom = centre_y + longer + 2 if centre_y + longer + 2 < rows.ny else rows.ny - 1
    for row in range(rows.top, rows.bottom + 1):
        rows.low[row] = <int>rows.nx
        rows.high[row] = -1
    step = 90 if longer < 3 else 30 if longer < 10 else 18 if longer < 15 else 5
    while angle < 0:
        angle += 360
    turn_x, turn_y = sine(450 - angle), sine(angle)
    for j in range(360 // step + 1):
        degree = j * step
        ax, ay = half_x * <double>ONE * sine(450 - degree), half_y * <double>ONE * sine(degree)
        corner_x = <int64_t>rint(centre_x * <double>ONE + ax * turn_x - ay * turn_y)
        corner_y = <int64_t>rint(centre_y * <double>ONE + ax * turn_y + ay * turn_x)
        if count == 0 or corner_x != x[count - 1] or corner_y != y[count - 1]:
            x[count], y[count] = corner_x, corner_y
            count += 1
    top = bottom = <int>((y[0] + HALF) >> POINT)
    for i in range(count):
        j = i - 1 if i > 0 else count - 1
        stroke(rows, x[j], y[j], x[i], y[i])
        if y[i] < y[topmost]:
            topmost = i
        row_of = <int>((y[i] + HALF) >> POINT)
        top = row_of if row_of < top else top
        bottom = row_of if row_of > bottom else bottom
    if count < 3:
        return
    # Both sides from the topmost corner down: x goes in even steps a row from corner to corner.
    corner[0] = corner[1] = topmost
    until[0] = until[1] = top
    j = count  # edges left to walk, on both sides together
    for row in range(top, (bottom if bottom < rows.ny else <int>rows.ny - 1) + 1):
        for i in range(2):
            if row < until[i]:
                continue
            while j > 0:
                j -= 1
                from_x = x[corner[i]]
                corner[i] = (corner[i] + (1 if i == 0 else count - 1)) % count
                to_x = x[corner[i]]
                row_of = <int>((y[corner[i]] + HALF) >> POINT)
                if row_of > row:
                    until[i] = row_of
                    slope[i] = ((to_x - from_x) * 2 + (row_of - row)) / (2 * (row_of - row))
                    edge_x[i] = from_x
                    break
            else:
                return
        if 0 <= row < rows.ny:
            left = 1 if edge_x[0] > edge_x[1] else 0
            low, high = (edge_x[left] + HALF) >> POINT, (edge_x[1 - left] + HALF) >> POINT
            if high >= 0 and low < rows.nx:
                touch(rows, low if low > 0 else 0, row)
                touch(rows, high if high < rows.nx else rows.nx - 1, row)
        edge_x[0] += slope[0]
        edge_x[1] += slope[1]
