# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Bytes of a FITS image to native pixels and back, in one pass over memory.

FITS stores big-endian numbers and writes unsigned integers as signed ones with an offset (BZERO). Going through
NumPy takes a pass for the byte order and another for the offset and the type; here the compiler turns each loop into
byte shuffles. Unchecked indexing is safe: the callers (`jwpipe.products.fitsfile`) cut both buffers to `count` items.
"""

from cython.parallel cimport prange
from libc.stdint cimport int16_t, uint16_t, uint32_t

cdef extern from *:
    """
    #include <stdint.h>
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    static inline uint16_t jw_be16(uint16_t v) { return v; }
    static inline uint32_t jw_be32(uint32_t v) { return v; }
    #else
    static inline uint16_t jw_be16(uint16_t v) { return (uint16_t)((v << 8) | (v >> 8)); }
    static inline uint32_t jw_be32(uint32_t v) { return __builtin_bswap32(v); }
    #endif
    """
    uint16_t jw_be16(uint16_t v) noexcept nogil
    uint32_t jw_be32(uint32_t v) noexcept nogil


def int16_to_float(const uint16_t[::1] raw, float[::1] out, float zero, int threads):
    """Big-endian int16 plus `zero` to float32."""
    cdef Py_ssize_t i, n = out.shape[0]
    with nogil:
        for i in prange(n, num_threads=threads, schedule="static"):
            out[i] = <float>(<int16_t>jw_be16(raw[i])) + zero


def int32_to_uint32(const uint32_t[::1] raw, uint32_t[::1] out, uint32_t zero, int threads):
    """Big-endian int32 plus `zero` (modulo 2**32) to uint32."""
    cdef Py_ssize_t i, n = out.shape[0]
    with nogil:
        for i in prange(n, num_threads=threads, schedule="static"):
            out[i] = jw_be32(raw[i]) + zero


def swap32(const uint32_t[::1] raw, uint32_t[::1] out, uint32_t zero, int threads):
    """Native 32-bit words plus `zero` (modulo 2**32) to big-endian ones; its own inverse where `zero` is 0."""
    cdef Py_ssize_t i, n = out.shape[0]
    with nogil:
        for i in prange(n, num_threads=threads, schedule="static"):
            out[i] = jw_be32(raw[i] + zero)


cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    static int jw_openmp(void) { return omp_get_num_procs(); }
    #else
    static int jw_openmp(void) { return 0; }
    #endif
    """
    int jw_openmp() noexcept nogil


def openmp_processors():
    """Processors that OpenMP sees; 0 where the kernels were built without it."""
    return jw_openmp()
