# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Saturation and A/D floor flags of one integration.

A saturated pixel stays so: it is enough to know the first group in which each pixel saturates. The neighbours of a
saturated pixel are flagged in the same groups as the pixel, so growing the flags is a minimum filter over first groups,
once an integration instead of a dilation a group. Unchecked indexing is safe: `rows` are made
from the shape of `data` and there are as many as in `threshold`, which is cut to them (in
`jwpipe.steps.ramp.saturation`), and the filter clips its box at the edges.
"""

from cython.parallel cimport prange
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

cdef enum:
    BLOCK = 64  # pixels that are looked at together, as most have nothing to flag

cdef unsigned char DO_NOT_USE = 1
cdef unsigned char SATURATED = 2
cdef unsigned char AD_FLOOR = 64


def flag(const float[:, :, ::1] data, unsigned char[:, :, ::1] groupdq, const Py_ssize_t[::1] rows,
         const float[:, ::1] threshold, unsigned short[:, ::1] first, unsigned short[:, ::1] grown, int grow,
         int threads):
    """Flag the groups of one integration.

    Parameters
    ----------
    data : float32, (ngroups, ny, nx)
        Counts, DN.
    groupdq : uint8, (ngroups, ny, nx)
        Flags, changed in place.
    rows : intp, (nrows,)
        The rows of the detector's pixels, in order; the others are neither looked at nor flagged.
    threshold : float32, (nrows, nx)
        Counts from which on a pixel is saturated, DN.
    first : uint16, (nrows, nx)
        Out: the first group in which a pixel saturates, ngroups where it never does.
    grown : uint16, (nrows, nx)
        Scratch; out: the same with neighbours included.
    grow : int
        Half width of the square that is flagged around a saturated pixel.
    threads : int
        Threads.
    """
    cdef Py_ssize_t ngroups = data.shape[0], ny = rows.shape[0], nx = data.shape[2]
    cdef Py_ssize_t y, x, g, i
    cdef unsigned short never = <unsigned short>ngroups
    cdef bint *reached = <bint *>malloc((ny + 1) * sizeof(bint))  # by a row, saturation
    if reached == NULL:
        raise MemoryError
    with nogil:
        for y in prange(ny, num_threads=threads, schedule="static"):
            for x in range(nx):
                first[y, x] = never
            reached[y] = False
            for g in range(ngroups):
                if search(&data[g, rows[y], 0], &threshold[y, 0], nx, <unsigned short>g, never, &first[y, 0],
                          &groupdq[g, rows[y], 0]):
                    reached[y] = True
        for y in prange(ny, num_threads=threads, schedule="static"):
            memcpy(&grown[y, 0], &first[y, 0], nx * sizeof(unsigned short))
            for i in range(max(y - grow, <Py_ssize_t>0), min(y + grow, ny - 1) + 1):
                if reached[i]:
                    for x in range(nx):
                        if first[i, x] < grown[y, x]:
                            grown[y, x] = first[i, x]
        for y in prange(ny, num_threads=threads, schedule="static"):
            for i in range(max(y - grow, <Py_ssize_t>0), min(y + grow, ny - 1) + 1):
                if reached[i]:
                    spread(&grown[y, 0], groupdq, rows[y], grow)
                    break
        free(reached)


cdef bint search(const float *data, const float *threshold, Py_ssize_t nx, unsigned short group, unsigned short never,
                 unsigned short *first, unsigned char *groupdq) noexcept nogil:
    """Flag the floor in a row of a group, and note what saturates there first; tell whether anything is saturated."""
    cdef Py_ssize_t start, stop, x
    cdef int found
    cdef bint saturated = False
    for start in range(0, nx, 64):
        stop = min(start + BLOCK, nx)
        found = 0
        for x in range(start, stop):
            found += (data[x] >= threshold[x]) | (data[x] <= 0)
        if found == 0:
            continue
        for x in range(start, stop):
            if data[x] >= threshold[x]:
                saturated = True
                if first[x] == never:
                    first[x] = group
            if data[x] <= 0:
                groupdq[x] |= AD_FLOOR | DO_NOT_USE
    return saturated


cdef void spread(const unsigned short *grown, unsigned char[:, :, ::1] groupdq, Py_ssize_t row,
                 Py_ssize_t grow) noexcept nogil:
    """Flag a row, and its pixels' neighbours in it, from the groups on in which they saturate."""
    cdef Py_ssize_t ngroups = groupdq.shape[0], nx = groupdq.shape[2], x, i, g
    cdef unsigned short least
    for x in range(nx):
        least = grown[x]
        for i in range(max(x - grow, <Py_ssize_t>0), min(x + grow, nx - 1) + 1):
            if grown[i] < least:
                least = grown[i]
        for g in range(least, ngroups):
            groupdq[g, row, x] |= SATURATED
