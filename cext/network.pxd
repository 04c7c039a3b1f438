"""Sorting of many short columns at once, by comparators alone, which vector registers take without a branch.

The network is Batcher's merge exchange (Knuth, TAOCP 5.2.2, algorithm M). It is compiled a second time for processors
with AVX2, where the compiler can choose between the two as the program starts: the same bits, in half of the time.
"""

cdef extern from *:
    """
    #include <stddef.h>

    #include "wider.h"

    enum { JW_COLUMNS = 32 };

    JW_WIDER static void jw_sort_columns(float *values, ptrdiff_t n, ptrdiff_t stride)
    {
        ptrdiff_t top = 1, p, q, r, d, i, k;
        while (top * 2 < n)
            top *= 2;
        for (p = top; p > 0; p /= 2) {
            for (q = top, r = 0, d = p;; d = q - p, q /= 2, r = p) {
                for (i = 0; i < n - d; i++) {
                    if ((i & p) == r) {
                        float *restrict a = values + i * stride, *restrict b = values + (i + d) * stride;
                        for (k = 0; k < JW_COLUMNS; k++) {
                            float low = a[k] < b[k] ? a[k] : b[k];
                            float high = b[k] < a[k] ? a[k] : b[k];
                            a[k] = low;
                            b[k] = high;
                        }
                    }
                }
                if (q == p)
                    break;
            }
        }
    }
    """
    enum:
        COLUMNS "JW_COLUMNS"
    # Sort COLUMNS columns of n values, which are no NaN; rows are `stride` values apart.
    void sort_columns "jw_sort_columns"(float *values, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
