# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Planes of a reference: subtracted from groups of a ramp, and averaged.

All of this is bound by memory: each kernel passes over its arrays once, in place, rows shared among threads. Unchecked
indexing is safe: `jwpipe.refs.files` cuts every plane to the rows and columns of the ramp, and the ranges of
integrations and groups come from the ramp's own shape.
"""

from cython.parallel cimport prange


def subtract(float[:, :, :, ::1] data, Py_ssize_t first_int, Py_ssize_t last_int, Py_ssize_t first_group,
             Py_ssize_t last_group, const float[:, ::1] plane, int threads):
    """Subtract a plane from the groups [first, last) of the integrations [first, last); NaN counts as 0.

    Parameters
    ----------
    data : float32, (nints, ngroups, ny, nx)
        Changed in place.
    first_int, last_int, first_group, last_group : int
        Which groups.
    plane : float32, (ny, nx)
        What is subtracted, in the unit of `data`.
    threads : int
        Threads.
    """
    cdef Py_ssize_t ny = plane.shape[0], nx = plane.shape[1]
    cdef Py_ssize_t i, g, y, x
    with nogil:
        for y in prange(ny, num_threads=threads, schedule="static"):
            for i in range(first_int, last_int):
                for g in range(first_group, last_group):
                    for x in range(nx):
                        data[i, g, y, x] -= plane[y, x] if plane[y, x] == plane[y, x] else 0


def accumulate(float[:, ::1] total, const float[:, ::1] plane, float divisor, int threads):
    """Replace `total` by (total + plane) / divisor; NaN in the plane counts as 0.

    Parameters
    ----------
    total : float32, (ny, nx)
        Changed in place.
    plane : float32, (ny, nx)
        What is added.
    divisor : float
        1 while summing, the number of planes with the last one.
    threads : int
        Threads.
    """
    cdef Py_ssize_t ny = total.shape[0], nx = total.shape[1]
    cdef Py_ssize_t y, x
    with nogil:
        for y in prange(ny, num_threads=threads, schedule="static"):
            for x in range(nx):
                total[y, x] = (total[y, x] + (plane[y, x] if plane[y, x] == plane[y, x] else 0)) / divisor
