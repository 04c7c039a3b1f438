# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Convolution of every group with the kernel of interpixel capacitance, in place.

Groups are shared among threads. A thread keeps the few original rows that the kernel reaches in a ring of its own, with
borders of zeros, so that the result can overwrite the group row by row. Unchecked indexing is safe: the caller
(`jwpipe.steps.ramp.ipc`) makes rows, columns and kernels from the ramp's shape, and the ring as wide as a padded row.
"""

from cython.parallel cimport prange, threadid
from libc.string cimport memcpy, memset


cdef inline void load(float* slot, Py_ssize_t width, Py_ssize_t left, const float* row, Py_ssize_t nx) noexcept nogil:
    """Copy a row between the borders of its slot; zeros where there is none."""
    if row == NULL:
        memset(slot, 0, width * sizeof(float))
    else:
        memcpy(slot + left, row, nx * sizeof(float))


cdef inline void add_uniform(float* out, const float* source, float weight, Py_ssize_t nx) noexcept nogil:
    cdef Py_ssize_t x
    for x in range(nx):
        out[x] = out[x] + weight * source[x]


cdef inline void add_weighted(float* out, const float* source, const float* weight, Py_ssize_t nx) noexcept nogil:
    cdef Py_ssize_t x
    for x in range(nx):
        out[x] = out[x] + weight[x] * source[x]


def convolve(float[:, :, ::1] data, const Py_ssize_t[::1] rows, Py_ssize_t first, Py_ssize_t last,
             const float[:, :, :, ::1] kernel, float[:, :, ::1] rings, int threads):
    """Convolve the science area of every group.

    Parameters
    ----------
    data : float32, (ngroups, ny, nx)
        Counts of all groups (of all integrations), DN, changed in place.
    rows : intp, (nrows,)
        The rows of science pixels, in order; the others (reference pixels) are neither used nor changed.
    first, last : int
        Columns [first, last) of science pixels.
    kernel : float32, (ky, kx, 1, 1) or (ky, kx, nrows, nx)
        One kernel for all pixels, or one a pixel of `rows`. Beyond the science area the counts are taken as zero.
    rings : float32, (threads, ky, last - first + kx - 1)
        Scratch, zeros.
    threads : int
        Threads.

    Notes
    -----
    Terms are added in the order of the kernel's elements but for the middle one, the largest, which comes last.
    """
    cdef Py_ssize_t ngroups = data.shape[0], nrows = rows.shape[0], nx = last - first
    cdef Py_ssize_t ky = kernel.shape[0], kx = kernel.shape[1], width = rings.shape[2]
    cdef Py_ssize_t below = ky // 2, left = kx // 2
    cdef bint uniform = kernel.shape[2] == 1 and kernel.shape[3] == 1
    cdef Py_ssize_t above = ky - below - 1
    cdef Py_ssize_t g, y, i, j, r
    cdef float* out
    cdef const float* source
    cdef float* ring
    with nogil:
        for g in prange(ngroups, num_threads=threads, schedule="dynamic"):
            ring = &rings[threadid(), 0, 0]
            for r in range(-below, above):
                load(ring + (r + ky) % ky * width, width, left,
                     &data[g, rows[r], first] if 0 <= r < nrows else NULL, nx)
            for y in range(nrows):
                r = y + above
                load(ring + (r + ky) % ky * width, width, left,
                     &data[g, rows[r], first] if r < nrows else NULL, nx)
                out = &data[g, rows[y], first]
                memset(out, 0, nx * sizeof(float))
                for j in range(ky):
                    for i in range(kx):
                        if j == below and i == left:
                            continue
                        source = ring + (y + ky - 1 - j - below + ky) % ky * width + kx - 1 - i
                        if uniform:
                            add_uniform(out, source, kernel[j, i, 0, 0], nx)
                        else:
                            add_weighted(out, source, &kernel[j, i, y, first], nx)
                source = ring + (y + ky) % ky * width + left
                if uniform:
                    add_uniform(out, source, kernel[below, left, 0, 0], nx)
                else:
                    add_weighted(out, source, &kernel[below, left, y, first], nx)
