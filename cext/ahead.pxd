"""Memory that is soon needed. Who reads a few pixels of each of many planes tells which come next: of more than some
tens of places the processor foresees nothing, and of planes of a power of two few fit into the cache at once.
"""

cdef enum:
    PLANES = 8  # how far ahead to tell: on the way at a time, and not yet thrown out when they are needed

cdef extern from *:
    """
    #include <stddef.h>

    static inline void jw_ahead(const void *at, ptrdiff_t bytes)
    {
    #ifdef __GNUC__
        for (ptrdiff_t i = 0; i < bytes; i += 64)
            __builtin_prefetch((const char *)at + i);
    #else
        (void)at, (void)bytes;
    #endif
    }
    """
    # Fetch bytes into the cache; `at` may lie behind what there is.
    void ahead "jw_ahead"(const void *at, Py_ssize_t bytes) noexcept nogil
