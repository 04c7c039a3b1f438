# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Large cosmic-ray events: connected regions of flags, filled ellipses, and the smoothed signal of showers.

Planes are searched as runs of pixels in rows, eight pixels at a time where there is nothing: a plane without flags
costs one reading. Runs are joined to regions in the order of rows, whatever the number of threads that found them, and
only a region whose box is large enough has its border followed. Unchecked indexing is safe: all planes of a call have
the shape of the first (checked in `jwpipe.steps.ramp.events`), borders and ellipses are clipped in `outlines`, and the
rows of the convolution are read from padded copies.
"""

cimport outlines

from ahead cimport PLANES, ahead
from cython cimport floating
from cython.parallel cimport prange, threadid

from libc.math cimport INFINITY, NAN, sqrt
from libc.stdint cimport uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

cdef enum:
    DO_NOT_USE = 1
    SATURATED = 2
    JUMP_DET = 4
    TILE = 64                 # pixels of which all differences are gathered at a time: their columns stay in cache

cdef uint64_t EACH_BYTE = 0x0101010101010101


cdef struct Run:
    Py_ssize_t parent         # an earlier run of the same region, or itself
    int y
    int first
    int last
    int left                  # box of the region, kept with its first run
    int right
    int bottom


cdef struct Runs:
    Run *items
    Py_ssize_t count
    Py_ssize_t room
    bint full                 # no memory


cdef void append(Runs *runs, Py_ssize_t y, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    cdef Run *items
    cdef Run *run
    if runs.count == runs.room:
        items = <Run *>realloc(runs.items, (2 * runs.room + 1024) * sizeof(Run))
        if items == NULL:
            runs.full = True
            return
        runs.items, runs.room = items, 2 * runs.room + 1024
    run = &runs.items[runs.count]
    run.y, run.first, run.last = <int>y, <int>first, <int>last
    runs.count += 1


cdef void scan(const outlines.Field *field, Py_ssize_t y, Runs *runs) noexcept nogil:
    """Append the runs of one row."""
    cdef const unsigned char *now = field.now + y * field.nx
    cdef const unsigned char *before = NULL if field.before == NULL else field.before + y * field.nx
    cdef uint64_t pattern = field.bit * EACH_BYTE, word, other = 0
    cdef Py_ssize_t x = 0, first
    while x < field.nx:
        if x + 8 <= field.nx:
            memcpy(&word, now + x, 8)
            if before != NULL:
                memcpy(&other, before + x, 8)
            if not word & ~other & pattern:
                x += 8
                continue
        if not outlines.holds(field, y, x):
            x += 1
            continue
        first = x
        while outlines.holds(field, y, x):
            x += 1
        append(runs, y, first, x - 1)


cdef Py_ssize_t root(Run *runs, Py_ssize_t i) noexcept nogil:
    while runs[i].parent != i:
        runs[i].parent = runs[runs[i].parent].parent
        i = runs[i].parent
    return i


cdef void connect(Run *runs, Py_ssize_t count) noexcept nogil:
    """Join runs, in order of rows, that touch along a side or a corner; the first run of a region gets its box."""
    cdef Py_ssize_t i, j = 0, k, a, b
    for i in range(count):
        runs[i].parent = i
        runs[i].left, runs[i].right, runs[i].bottom = runs[i].first, runs[i].last, runs[i].y
        while j < i and (runs[j].y < runs[i].y - 1 or (runs[j].y == runs[i].y - 1
                                                       and runs[j].last < runs[i].first - 1)):
            j += 1
        k = j
        while k < i and runs[k].y == runs[i].y - 1 and runs[k].first <= runs[i].last + 1:
            a, b = root(runs, i), root(runs, k)
            if a < b:
                runs[b].parent = a
            else:
                runs[a].parent = b
            k += 1
    for i in range(count):
        a = root(runs, i)
        runs[a].left = min(runs[a].left, runs[i].first)
        runs[a].right = max(runs[a].right, runs[i].last)
        runs[a].bottom = runs[i].y


cdef bint within(const outlines.Field *field, const outlines.Box *outer, const outlines.Box *inner) noexcept nogil:
    """Whether a region lies in a hole of another one."""
    cdef bint encloses = False
    if (outer.top < inner.top and inner.bottom < outer.bottom
            and outer.left < inner.left and inner.right < outer.right):
        outlines.follow(field, outer, NULL, inner.top, inner.start, &encloses)
    return encloses


def rectangles(const unsigned char[:, ::1] now, const unsigned char[:, ::1] before, unsigned char bit, double area,
               int threads):
    """Smallest rectangles around the large regions of a flag.

    Regions are 8-connected; one in a hole of another does not count.

    Parameters
    ----------
    now : uint8, (ny, nx)
        Flags.
    before : uint8, (ny, nx), or None
        Pixels that have the flag here too are left out.
    bit : int
        The flag.
    area : float
        Area within the outline, through pixel centres, that a region must exceed, pixels; at least 0.
    threads : int
        Threads.

    Returns
    -------
    list of tuple
        Centre x and y, both sides in pixels, and the angle of the first side in degrees from x towards y; in the order
        of the regions' first pixels, row by row.
    """
    cdef outlines.Field field
    cdef outlines.Rows rows
    cdef outlines.Rectangle found
    cdef outlines.Box *boxes = NULL
    cdef outlines.Box *box
    cdef Py_ssize_t ny = now.shape[0], nx = now.shape[1], y, i, j, large = 0, total = 0
    cdef int bands = max(1, min(threads, <int>ny)), band, corners
    cdef Runs *parts = <Runs *>malloc(bands * sizeof(Runs))
    cdef Run *runs
    cdef int *scratch = NULL
    cdef bint full = parts == NULL, inside
    result = []
    field.now, field.before, field.bit, field.ny, field.nx = &now[0, 0], NULL, bit, ny, nx
    if before is not None:
        field.before = &before[0, 0]
    try:
        if full:
            raise MemoryError
        memset(parts, 0, bands * sizeof(Runs))
        with nogil:
            for band in prange(bands, num_threads=threads, schedule="static"):
                for y in range(band * ny // bands, (band + 1) * ny // bands):
                    scan(&field, y, &parts[band])
            for band in range(bands):
                total += parts[band].count
                full = full or parts[band].full
            if bands > 1 and not full:
                runs = <Run *>realloc(parts[0].items, (total + 1) * sizeof(Run))
                full = runs == NULL
                if not full:
                    parts[0].items = runs
                    for band in range(1, bands):
                        memcpy(runs + parts[0].count, parts[band].items, parts[band].count * sizeof(Run))
                        parts[0].count += parts[band].count
        if full:
            raise MemoryError
        runs = parts[0].items
        connect(runs, total)
        for i in range(total):
            if runs[i].parent == i:
                large += <double>(runs[i].right - runs[i].left) * (runs[i].bottom - runs[i].y) > area
        if not large:
            return result
        boxes = <outlines.Box *>malloc(large * sizeof(outlines.Box))
        scratch = <int *>malloc((6 * ny + 2) * sizeof(int))
        if boxes == NULL or scratch == NULL:
            raise MemoryError
        rows.ny, rows.nx, rows.low, rows.high = ny, nx, scratch, scratch + ny
        large = 0
        for i in range(total):
            if runs[i].parent != i or <double>(runs[i].right - runs[i].left) * (runs[i].bottom - runs[i].y) <= area:
                continue
            box = &boxes[large]
            box.top, box.bottom, box.left, box.right = runs[i].y, runs[i].bottom, runs[i].left, runs[i].right
            box.start = runs[i].first
            if outlines.follow(&field, box, &rows, -1, -1, NULL) <= area:
                continue
            inside = False
            for j in range(large):
                inside = inside or within(&field, &boxes[j], box)
            if inside:
                continue
            large += 1
            corners = outlines.hull(&rows, box.top, box.bottom, scratch + 2 * ny, scratch + 4 * ny + 1)
            outlines.calipers(scratch + 2 * ny, scratch + 4 * ny + 1, corners, &found)
            result.append((found.x, found.y, found.width, found.height, found.angle))
        return result
    finally:
        if parts != NULL:
            for band in range(bands):
                free(parts[band].items)
        free(parts)
        free(boxes)
        free(scratch)


def fill(unsigned char[:, :, ::1] groups, const int[:, ::1] ellipses, unsigned char keep, unsigned char value,
         unsigned char spare):
    """Flag the pixels of filled ellipses in all given groups.

    Parameters
    ----------
    groups : uint8, (ngroups, ny, nx)
        Flags, changed in place: the bits in `keep` stay, those of `value` are set.
    ellipses : int32, (n, 5)
        Centre x and y, half axes, pixels; angle of the first axis, degrees from x towards y.
    keep, value : int
        Flags.
    spare : int
        Pixels with any of these flags are left alone, in the groups that have them.
    """
    cdef Py_ssize_t g, y, x, i, ny = groups.shape[1]
    cdef outlines.Rows rows
    cdef unsigned char flags
    cdef int *scratch = <int *>malloc(2 * ny * sizeof(int))
    if scratch == NULL:
        raise MemoryError
    with nogil:
        rows.ny, rows.nx, rows.low, rows.high = ny, groups.shape[2], scratch, scratch + ny
        for i in range(ellipses.shape[0]):
            outlines.ellipse(&rows, ellipses[i, 0], ellipses[i, 1], ellipses[i, 2], ellipses[i, 3], ellipses[i, 4])
            for g in range(groups.shape[0]):
                for y in range(rows.top, rows.bottom + 1):
                    for x in range(rows.low[y], rows.high[y] + 1):
                        flags = groups[g, y, x]
                        if not flags & spare:
                            groups[g, y, x] = flags & keep | value
        free(scratch)


cdef floating ranked(floating *values, floating *spare, Py_ssize_t count, Py_ssize_t rank) noexcept nogil:
    """The value of a rank (from 0); `values` and `spare`, each of `count`, are overwritten."""
    cdef Py_ssize_t i, j, less, more
    cdef floating pivot, value
    cdef floating a, b, c
    while count > 12:
        a, b, c = values[0], values[count // 2], values[count - 1]
        pivot = max(min(a, b), min(max(a, b), c))
        less = more = 0
        for i in range(count):  # without branches: which way a value goes cannot be foretold
            value = values[i]
            spare[more] = value
            values[less] = value
            less += value < pivot
            more += value >= pivot
        if rank < less:
            count = less
        elif less > 0:
            rank -= less
            count = more
            values, spare = spare, values
        else:  # the pivot is the least value: drop all that equal it
            for i in range(count):
                value = spare[i]
                values[less] = value
                less += value > pivot
            if rank < count - less:
                return pivot
            rank -= count - less
            count = less
    for i in range(1, count):
        value = values[i]
        j = i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value
    return values[rank]


cdef floating middle(const floating *values, floating *scratch, Py_ssize_t count) noexcept nogil:
    """The median, that of an even number of values being the mean of the two in the middle; NaN of none.

    `scratch` has room for twice the values.
    """
    cdef floating low, high, value
    cdef Py_ssize_t i, upto = 0, rank = (count - 1) // 2
    if count == 0:
        return <floating>NAN
    memcpy(scratch, values, count * sizeof(floating))
    low = high = ranked(scratch, scratch + count, count, rank)
    if count % 2 == 0:
        high = <floating>INFINITY
        for i in range(count):
            value = values[i]
            upto += value <= low
            value = value if value > low else <floating>INFINITY
            high = value if value < high else high
        if upto > rank + 1:
            high = low
    return (low + high) / 2


cdef inline bint usable(unsigned char flags) noexcept nogil:
    """Whether a group counts in differences; a jump does where it has other flags too."""
    return not flags & (DO_NOT_USE | SATURATED) and flags != JUMP_DET


cdef void differences(const float[:, :, :, ::1] data, const unsigned char[:, :, :, ::1] groupdq,
                      const float[:, ::1] gain, Py_ssize_t first, Py_ssize_t last, Py_ssize_t y, Py_ssize_t x,
                      Py_ssize_t width, float *columns, Py_ssize_t room, Py_ssize_t *counts) noexcept nogil:
    """Differences in electrons of groups `first` to `last` from the ones before, all integrations, of pixels x on."""
    cdef Py_ssize_t i, g, j, plane = data.shape[2] * data.shape[3]
    cdef float change
    for j in range(width):
        counts[j] = 0
    for i in range(data.shape[0]):
        for g in range(first, last + 1):
            ahead(&data[i, g, y, x] + PLANES * plane, TILE * sizeof(float))
            ahead(&groupdq[i, g, y, x] + PLANES * plane, TILE)
            for j in range(width):
                change = data[i, g, y, x + j] * gain[y, x + j] - data[i, g - 1, y, x + j] * gain[y, x + j]
                columns[j * room + counts[j]] = change
                counts[j] += (usable(groupdq[i, g, y, x + j]) and usable(groupdq[i, g - 1, y, x + j])
                              and change == change)


def medians(const float[:, :, :, ::1] data, const unsigned char[:, :, :, ::1] groupdq, const float[:, ::1] gain,
            float[:, ::1] median, int threads):
    """Median of the differences between groups of each pixel, over all groups and integrations.

    Parameters
    ----------
    data : float32, (nints, ngroups, ny, nx)
        Counts, DN.
    groupdq : uint8, (nints, ngroups, ny, nx)
        Flags: differences with a group that is DO_NOT_USE or SATURATED, or JUMP_DET alone, are left out, as are NaNs.
    gain : float32, (ny, nx)
        Electrons per DN.
    median : float32, (ny, nx)
        Out: electrons per group; NaN where no difference is left.
    threads : int
        Threads.
    """
    cdef Py_ssize_t ngroups = data.shape[1], nx = data.shape[3], y, x, j, tile
    cdef Py_ssize_t room = data.shape[0] * (ngroups - 1) + 1, size = room * (TILE + 2)
    cdef float *memory = <float *>malloc(threads * size * sizeof(float))
    cdef Py_ssize_t *numbers = <Py_ssize_t *>malloc(threads * TILE * sizeof(Py_ssize_t))
    cdef float *columns
    cdef Py_ssize_t *counts
    if memory == NULL or numbers == NULL:
        free(memory)
        free(numbers)
        raise MemoryError
    with nogil:
        for y in prange(data.shape[2], num_threads=threads, schedule="static"):
            columns, counts = memory + threadid() * size, numbers + threadid() * TILE
            for tile in range((nx + TILE - 1) // TILE):
                x = tile * TILE
                differences(data, groupdq, gain, 1, ngroups - 1, y, x, min(TILE, nx - x), columns, room, counts)
                for j in range(min(TILE, nx - x)):
                    median[y, x + j] = middle(columns + j * room, columns + TILE * room, counts[j])
        free(memory)
        free(numbers)


cdef void clip(const float *values, double *kept, double *scratch, Py_ssize_t count, double limit, double *median,
               double *deviation) noexcept nogil:
    """Median and standard deviation of what is left after five rounds of clipping about the median."""
    cdef int attempt
    cdef Py_ssize_t i, left
    cdef double mean, low, high
    for i in range(count):
        kept[i] = values[i]
    for attempt in range(6):
        mean = deviation[0] = 0
        for i in range(count):
            mean += kept[i]
        mean /= count
        for i in range(count):
            deviation[0] += (kept[i] - mean) * (kept[i] - mean)
        deviation[0] = sqrt(deviation[0] / count)
        median[0] = middle(kept, scratch, count)
        low, high = median[0] - limit * deviation[0], median[0] + limit * deviation[0]
        left = 0
        for i in range(count):
            if low <= kept[i] <= high:
                kept[left] = kept[i]
                left += 1
        if left == count or attempt == 5:
            return
        count = left


def clipped(const float[:, :, :, ::1] data, const unsigned char[:, :, :, ::1] groupdq, const float[:, ::1] gain,
            Py_ssize_t group, double limit, double[:, ::1] median, double[:, ::1] deviation, int threads):
    """Median and standard deviation over integrations of one group's difference from the one before, clipped.

    Parameters
    ----------
    data, groupdq, gain
        As for `medians`.
    group : int
        The group, at least 1.
    limit : float
        Values further from the median than this many standard deviations are clipped, in five rounds at most.
    median, deviation : float64, (ny, nx)
        Out: electrons; NaN where no difference is left.
    threads : int
        Threads.
    """
    cdef Py_ssize_t nx = data.shape[3], y, x, j, tile, room = data.shape[0] + 1
    cdef float *memory = <float *>malloc(threads * room * TILE * sizeof(float))
    cdef double *spare = <double *>malloc(threads * room * 3 * sizeof(double))
    cdef Py_ssize_t *numbers = <Py_ssize_t *>malloc(threads * TILE * sizeof(Py_ssize_t))
    cdef float *columns
    cdef double *kept
    cdef Py_ssize_t *counts
    if memory == NULL or numbers == NULL or spare == NULL:
        free(memory)
        free(numbers)
        free(spare)
        raise MemoryError
    with nogil:
        for y in prange(data.shape[2], num_threads=threads, schedule="static"):
            columns, counts = memory + threadid() * room * TILE, numbers + threadid() * TILE
            kept = spare + threadid() * room * 3
            for tile in range((nx + TILE - 1) // TILE):
                x = tile * TILE
                differences(data, groupdq, gain, group, group, y, x, min(TILE, nx - x), columns, room, counts)
                for j in range(min(TILE, nx - x)):
                    clip(columns + j * room, kept, kept + room, counts[j], limit, &median[y, x + j],
                         &deviation[y, x + j])
        free(memory)
        free(numbers)
        free(spare)


cdef struct Window:
    Py_ssize_t reach          # pixels around the centre
    Py_ssize_t width          # of a padded row of sums
    double *sums              # sums of usable values left of each pixel, rows in turn; one more than pixels
    int *counts               # and their number


cdef void ratios(const float *now, const float *before, const unsigned char *dq_now, const unsigned char *dq_before,
                 const unsigned int *pixeldq, const float *gain, const floating *centre, const floating *scale,
                 Py_ssize_t nx, double *ratio, int *good) noexcept nogil:
    """Ratio of each pixel of a row, 0 where it is not good."""
    cdef Py_ssize_t x
    cdef floating value
    cdef float change
    cdef unsigned int flags
    for x in range(nx):
        change = now[x] * gain[x] - before[x] * gain[x]
        value = <floating>change - centre[x]
        value = abs(value) / scale[x]
        flags = (dq_now[x] | pixeldq[x]) & (DO_NOT_USE | SATURATED | JUMP_DET)
        flags |= dq_before[x] & (DO_NOT_USE | SATURATED)
        good[x] = (flags == 0) & (dq_before[x] != JUMP_DET) & (value < <floating>INFINITY)
        ratio[x] = value if good[x] else 0


cdef void accumulate(const Window *window, Py_ssize_t y, const float[:, ::1] now, const float[:, ::1] before,
                     const unsigned char[:, ::1] dq_now, const unsigned char[:, ::1] dq_before,
                     const unsigned int[:, ::1] pixeldq, const float[:, ::1] gain, const floating[:, ::1] centre,
                     const floating[:, ::1] scale, double *ratio, int *good) noexcept nogil:
    """Running sums of the ratios of one row; beyond the plane the ratio is 0 and good."""
    cdef Py_ssize_t slot = (y + window.reach) % (2 * window.reach + 1), nx = now.shape[1], x
    cdef double *sums = window.sums + slot * window.width
    cdef int *counts = window.counts + slot * window.width
    cdef double total = 0
    cdef int number = 0
    if not 0 <= y < now.shape[0]:
        for x in range(window.width):
            sums[x], counts[x] = 0, <int>x
        return
    ratios(&now[y, 0], &before[y, 0], &dq_now[y, 0], &dq_before[y, 0], &pixeldq[y, 0], &gain[y, 0], &centre[y, 0],
           &scale[y, 0], nx, ratio, good)
    for x in range(window.width):
        sums[x], counts[x] = total, number
        if window.reach <= x < window.reach + nx:
            total += ratio[x - window.reach]
            number += good[x - window.reach]
        else:
            number += 1


cdef void average(Window *window, Py_ssize_t top, Py_ssize_t bottom, const float[:, ::1] now,
                  const float[:, ::1] before, const unsigned char[:, ::1] dq_now,
                  const unsigned char[:, ::1] dq_before, const unsigned int[:, ::1] pixeldq,
                  const float[:, ::1] gain, const floating[:, ::1] centre, const floating[:, ::1] scale,
                  const int[:, ::1] ring, floating least, unsigned char[:, ::1] found) noexcept nogil:
    """Mark the pixels of rows `top` to before `bottom`."""
    cdef Py_ssize_t reach = window.reach, rows = 2 * window.reach + 1, nx = now.shape[1], y, x, i, first, last, row
    cdef double *total = window.sums + rows * window.width
    cdef int *number = window.counts + rows * window.width
    cdef const double *sums
    cdef const int *counts
    cdef double value
    for y in range(top - reach, top + reach):
        accumulate(window, y, now, before, dq_now, dq_before, pixeldq, gain, centre, scale, total, number)
    for y in range(top, bottom):
        accumulate(window, y + reach, now, before, dq_now, dq_before, pixeldq, gain, centre, scale, total, number)
        memset(total, 0, nx * sizeof(double))
        memset(number, 0, nx * sizeof(int))
        for i in range(ring.shape[0]):
            row = (y + ring[i, 0] + reach) % rows * window.width
            first, last = reach + ring[i, 1], reach + ring[i, 2] + 1
            sums, counts = window.sums + row, window.counts + row
            for x in range(nx):
                total[x] += sums[x + last] - sums[x + first]
                number[x] += counts[x + last] - counts[x + first]
        row = (y + reach) % rows * window.width + reach
        sums, counts = window.sums + row, window.counts + row
        for x in range(nx):
            found[y, x] = number[x] > 0 and <floating>(total[x] / number[x]) > least
            if number[x] == 0 and counts[x + 1] > counts[x]:
                value = sums[x + 1] - sums[x]
                found[y, x] = <floating>value > least
            if (dq_now[y, x] | pixeldq[y, x]) & DO_NOT_USE:
                found[y, x] = 0


def extended(const float[:, ::1] now, const float[:, ::1] before, const unsigned char[:, ::1] dq_now,
             const unsigned char[:, ::1] dq_before, const unsigned int[:, ::1] pixeldq, const float[:, ::1] gain,
             const floating[:, ::1] centre, const floating[:, ::1] scale, const int[:, ::1] ring, double threshold,
             unsigned char[:, ::1] found, int threads):
    """Mark pixels whose surroundings changed by more than usual between two groups.

    The ratio of each pixel, the distance of its difference from the centre over the scale, is averaged over a ring
    about it. Pixels flagged jump, saturated or do not use have no ratio; beyond the plane it is 0. Where the whole ring
    has none, the pixel's own stands.

    Parameters
    ----------
    now, before : float32, (ny, nx)
        Counts of a group and of the one before, DN.
    dq_now, dq_before : uint8, (ny, nx)
        Their flags.
    pixeldq : uint32, (ny, nx)
        Flags of the pixels.
    gain : float32, (ny, nx)
        Electrons per DN.
    centre, scale : float32 or float64, (ny, nx)
        Usual difference and its standard deviation, electrons; the ratio is had in their precision.
    ring : int32, (n, 3)
        The ring as rows: y, first and last x, from its centre.
    threshold : float
        Average ratio above which a pixel is marked.
    found : uint8, (ny, nx)
        Out: 1 where marked, never on a pixel that is not to be used; 0 elsewhere.
    threads : int
        Threads.
    """
    cdef Py_ssize_t ny = now.shape[0], nx = now.shape[1], i
    cdef int bands = max(1, min(threads, <int>ny)), band
    cdef Py_ssize_t reach = 0, rows, width
    cdef Window *windows = <Window *>malloc(bands * sizeof(Window))
    cdef double *sums
    cdef int *counts
    cdef floating least = <floating>threshold
    for i in range(ring.shape[0]):
        reach = max(reach, abs(ring[i, 0]), abs(ring[i, 1]), abs(ring[i, 2]))
    rows, width = 2 * reach + 1, nx + 2 * reach + 1
    sums = <double *>malloc(bands * (rows * width + nx) * sizeof(double))
    counts = <int *>malloc(bands * (rows * width + nx) * sizeof(int))
    if windows == NULL or sums == NULL or counts == NULL:
        free(windows)
        free(sums)
        free(counts)
        raise MemoryError
    for band in range(bands):
        windows[band].reach, windows[band].width = reach, width
        windows[band].sums = sums + band * (rows * width + nx)
        windows[band].counts = counts + band * (rows * width + nx)
    with nogil:
        for band in prange(bands, num_threads=threads, schedule="static"):
            average(&windows[band], band * ny // bands, (band + 1) * ny // bands, now, before, dq_now, dq_before,
                    pixeldq, gain, centre, scale, ring, least, found)
        free(windows)
        free(sums)
        free(counts)
