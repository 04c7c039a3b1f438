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
    """Whether any value of a row exceeds the threshold: few rows have one, and this looks at several values at once."""
    cdef Py_ssize_t x
    cdef int found = 0
    for x in range(count):
        found |= data[x] > threshold
    return found


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
    cdef unsigned short never = <unsigned short>ngroups, least, earliest
    with nogil:
        for y in prange(ny, num_threads=threads, schedule="static"):
            for x in range(nx):
                first[y, x] = never
            for g in range(ngroups - 1, -1, -1):
                if any_above(&data[g, y, 0], threshold, nx):
                    for x in range(nx):
                        if data[g, y, x] > threshold and groupdq[g, y, x] != DO_NOT_USE:
                            first[y, x] = <unsigned short>g
        for y in prange(ny, num_threads=threads, schedule="static"):
            earliest = never
            for x in range(nx):
                least = first[y, x]
                if y > 0 and first[y - 1, x] < least:
                    least = first[y - 1, x]
                if y < ny - 1 and first[y + 1, x] < least:
                    least = first[y + 1, x]
                if x > 0 and first[y, x - 1] < least:
                    least = first[y, x - 1]
                if x < nx - 1 and first[y, x + 1] < least:
                    least = first[y, x + 1]
                grown[y, x] = least
                if least < earliest:
                    earliest = least
            for g in range(earliest, ngroups):
                for x in range(nx):
                    groupdq[g, y, x] |= CHARGELOSS | DO_NOT_USE if grown[y, x] <= g else 0
