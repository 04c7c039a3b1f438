# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Polynomial correction of the detector's non-linear response.

A band of rows is corrected at a time, in all groups of all integrations, so that each coefficient is read once and
stays in the first-level cache (blocks of `BLOCK` pixels) while the groups pass by. Unchecked indexing is safe: the
caller (`jwpipe.steps.ramp.linearity`) cuts coefficients and flags to the ramp's rows and columns.
"""

from cython.parallel cimport prange

cdef enum:
    BLOCK = 512  # pixels: eight coefficients, data and flags take 18 KB
    SATURATED = 2
    NO_LIN_CORR = 1 << 20


cdef inline void make_benign(float* c, Py_ssize_t stride, Py_ssize_t n, unsigned int* dq,
                             Py_ssize_t count) noexcept nogil:
    """Flag up to BLOCK pixels that cannot be corrected, and give them the identity."""
    cdef int[BLOCK] bad
    cdef Py_ssize_t x, j
    for x in range(count):
        bad[x] = (dq[x] & NO_LIN_CORR) | (c[stride + x] == 0)
    for j in range(n):
        for x in range(count):
            bad[x] |= c[j * stride + x] != c[j * stride + x]
    for x in range(count):
        if bad[x]:
            dq[x] |= NO_LIN_CORR
            for j in range(n):
                c[j * stride + x] = 1 if j == 1 else 0


cdef inline void evaluate(float* data, const unsigned char* groupdq, const float* c, Py_ssize_t stride, Py_ssize_t n,
                          Py_ssize_t count) noexcept nogil:
    """Replace the counts of up to BLOCK pixels of one group by the polynomial's value (Horner's scheme)."""
    cdef float[BLOCK] total
    cdef const float* term = c + (n - 1) * stride
    cdef float before, after
    cdef Py_ssize_t x, j
    for x in range(count):
        total[x] = term[x] * data[x]
    for j in range(n - 2, 0, -1):
        term = c + j * stride
        for x in range(count):
            total[x] = (total[x] + term[x]) * data[x]
    for x in range(count):
        before = data[x]  # a choice between two values at hand vectorises, one between two loads does not
        after = c[x] + total[x]
        data[x] = before if groupdq[x] & SATURATED else after


def correct(float[:, :, ::1] data, const unsigned char[:, :, ::1] groupdq, float[:, :, ::1] coefficients,
            unsigned int[:, ::1] dq, Py_ssize_t first, int threads):
    """Correct a band of rows in all groups.

    Parameters
    ----------
    data : float32, (ngroups, ny, nx)
        Counts of all groups (of all integrations), DN, changed in place but where SATURATED.
    groupdq : uint8, (ngroups, ny, nx)
        Flags of the groups.
    coefficients : float32, (ncoefficients, nrows, nx)
        Coefficients of rising powers for the rows from `first` on, at least two. Those of pixels without correction
        (flagged so, with a NaN, or without a linear term) are replaced by the identity.
    dq : uint32, (ny, nx)
        Flags of the coefficients; NO_LIN_CORR is added.
    first : int
        First row of the band.
    threads : int
        Threads.
    """
    cdef Py_ssize_t ngroups = data.shape[0], nx = data.shape[2]
    cdef Py_ssize_t n = coefficients.shape[0], nrows = coefficients.shape[1]
    cdef Py_ssize_t stride = nrows * nx
    cdef Py_ssize_t row, block, y, x, g, count
    with nogil:
        for row in prange(nrows, num_threads=threads, schedule="static"):
            y = first + row
            for block in range((nx + BLOCK - 1) // BLOCK):
                x = block * BLOCK
                count = BLOCK if nx - x > BLOCK else nx - x
                make_benign(&coefficients[0, row, x], stride, n, &dq[y, x], count)
                for g in range(ngroups):
                    evaluate(&data[g, y, x], &groupdq[g, y, x], &coefficients[0, row, x], stride, n, count)
