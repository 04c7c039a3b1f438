# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Giving memory back to the system before an array as a whole is freed.

Nothing is indexed here: a function passes addresses within a buffer to the system, and only of pages that lie in
it entirely.
"""

cdef extern from *:
    """
    #if defined(__linux__)
    #include <stdint.h>
    #include <sys/mman.h>
    #include <unistd.h>
    static void jw_give_back(const void *address, size_t size)
    {
        uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
        uintptr_t begin = ((uintptr_t)address + page - 1) / page * page;
        uintptr_t end = ((uintptr_t)address + size) / page * page;
        if (end > begin)
            madvise((void *)begin, end - begin, MADV_DONTNEED);
    }
    #else
    /* Elsewhere the pages would have to be unmapped, which the array's owner would not survive. */
    static void jw_give_back(const void *address, size_t size) { (void)address; (void)size; }
    #endif
    #if defined(__GLIBC__)
    #include <malloc.h>
    static void jw_give_back_when_freed(int size) { mallopt(M_MMAP_THRESHOLD, size); }
    #else
    static void jw_give_back_when_freed(int size) { (void)size; }
    #endif
    """
    void jw_give_back(const void *address, size_t size) noexcept nogil
    void jw_give_back_when_freed(int size) noexcept nogil


def give_back(unsigned char[::1] buffer):
    """Give back the pages of a buffer; what it holds is lost."""
    if buffer.shape[0] > 0:
        jw_give_back(&buffer[0], buffer.shape[0])


def give_back_when_freed(int size):
    """Give the memory of arrays back at once when they are freed, from a size on, in bytes.

    Otherwise glibc keeps that of arrays up to 32 MB at hand for the next, of which there are as many as can be.
    """
    jw_give_back_when_freed(size)
