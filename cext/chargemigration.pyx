# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Flags of groups that lose charge to their neighbours, of one integration.

A flagged pixel stays so, and so do the four pixels beside it: it is enough to know the first group in which each pixel
exceeds the threshold. Unchecked indexing is safe: all arrays have the shape of a plane of `data` (see
`jwpipe.steps.ramp.charge_migration`), and neighbours are looked up within it only.
"""

from cython.parallel cimport prange

cdef enum:
    DO_NOT_USE = 1
    CHARGELOSS = 128


cdef inline bint any_above(const float* data, float threshold, Py_ssize_t count) noexcept nogil:
    """Whether any value of a row exceeds the threshold: few rows have one."""
    cdef Py_ssize_t x
    cdef int found = 0
    for x in range(count):
        found |= data[x] > threshold
    return found


cdef inline void lower(unsigned short* least, const unsigned short* other, Py_ssize_t count) noexcept nogil:
    """Take the lesser of each two."""
    cdef Py_ssize_t x
    for x in range(count):
        least[x] = other[x] if other[x] < least[x] else least[x]


def flag(const float[:, :, ::1] data, unsigned char[:, :, ::1] groupdq, float threshold, unsigned short[:, ::1] first,
         unsigned short[:, ::1] grown, int threads):
    """Flag a pixel above the threshold and its four neighbours, in this group and all later ones.

    Parameters
    ----------
    data : float32, (ngroups, ny, nx)
        Counts, DN.
    groupdq : uint8, (ngroups, ny, nx)
        Flags, changed in place; groups that are DO_NOT_USE and nothing else do not count.
    threshold : float
        Counts above which a group is flagged, DN.
    first : uint16, (ny, nx)
        Out: the first group in which a pixel exceeds the threshold, ngroups where it never does.
    grown : uint16, (ny, nx)
        Scratch; out: the same with neighbours included.
    threads : int
        Threads.
    """
    cdef Py_ssize_t ngroups = data.shape[0], ny = data.shape[1], nx = data.shape[2]
    cdef Py_ssize_t y, x, g
    cdef unsigned short never = <unsigned short>ngroups, earliest
    cdef bint bright
    with nogil:
        for y in prange(ny, num_threads=threads, schedule="static"):
            for x in range(nx):
                first[y, x] = never
            for g in range(ngroups - 1, -1, -1):
                if any_above(&data[g, y, 0], threshold, nx):
                    for x in range(nx):
                        bright = (data[g, y, x] > threshold) & (groupdq[g, y, x] != DO_NOT_USE)
                        first[y, x] = <unsigned short>g if bright else first[y, x]
        for y in prange(ny, num_threads=threads, schedule="static"):
            for x in range(nx):
                grown[y, x] = first[y, x]
            if y > 0:
                lower(&grown[y, 0], &first[y - 1, 0], nx)
            if y < ny - 1:
                lower(&grown[y, 0], &first[y + 1, 0], nx)
            lower(&grown[y, 0] + 1, &first[y, 0], nx - 1)
            lower(&grown[y, 0], &first[y, 0] + 1, nx - 1)
            earliest = never
            for x in range(nx):
                earliest = grown[y, x] if grown[y, x] < earliest else earliest
            for g in range(earliest, ngroups):
                for x in range(nx):
                    groupdq[g, y, x] |= CHARGELOSS | DO_NOT_USE if grown[y, x] <= g else 0
