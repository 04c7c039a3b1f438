# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Saturation and A/D floor flags of one integration.

A saturated pixel stays so: it is enough to know the first group in which each pixel saturates. The neighbours of a
saturated pixel are flagged in the same groups as the pixel, so growing the flags is a minimum filter over first groups,
once an integration instead of a dilation a group. Unchecked indexing is safe: `rows` are made
from the shape of `data` and there are as many as in `threshold`, which is cut to them (in
`jwpipe.steps.ramp.saturation`), and the filter clips its box at the edges.
"""

from cython.parallel cimport prange

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
    cdef Py_ssize_t y, x, g, low, high, i, row
    cdef unsigned short never = <unsigned short>ngroups, least
    with nogil:
        for y in prange(ny, num_threads=threads, schedule="static"):
            for x in range(nx):
                first[y, x] = never
            row = rows[y]
            for g in range(ngroups):
                for x in range(nx):
                    if data[g, row, x] >= threshold[y, x] and first[y, x] == never:
                        first[y, x] = <unsigned short>g
                    if data[g, row, x] <= 0:
                        groupdq[g, row, x] |= AD_FLOOR | DO_NOT_USE
        for y in prange(ny, num_threads=threads, schedule="static"):
            for x in range(nx):
                grown[y, x] = first[y, x]
            low = y - grow if y > grow else 0
            high = y + grow if y + grow < ny else ny - 1
            for i in range(low, high + 1):
                for x in range(nx):
                    if first[i, x] < grown[y, x]:
                        grown[y, x] = first[i, x]
        for y in prange(ny, num_threads=threads, schedule="static"):
            for x in range(nx):
                least = grown[y, x]
                low = x - grow if x > grow else 0
                high = x + grow if x + grow < nx else nx - 1
                for i in range(low, high + 1):
                    if grown[y, i] < least:
                        least = grown[y, i]
                for g in range(least, ngroups):
                    groupdq[g, rows[y], x] |= SATURATED
