# cython: cdivision=True
"""Order statistics of small arrays, in linear time on the average: inlined where they are used.

Values are reordered in place. None of them may be NaN: the scans stop at the pivot, with which NaN does not compare.
"""

from libc.stdint cimport uint64_t

ctypedef fused real:
    float
    double


cdef inline real select(real *values, Py_ssize_t n, Py_ssize_t k) noexcept nogil:
    """The k-th smallest (Hoare's selection); what stands before it is not larger, what stands behind it not smaller."""
    cdef Py_ssize_t low = 0, high = n - 1, i, j
    cdef real pivot, other
    while low < high:
        pivot = values[low + (high - low) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                other = values[i]
                values[i] = values[j]
                values[j] = other
                i += 1
                j -= 1
        if k <= j:
            high = j
        elif k >= i:
            low = i
        else:
            break
    return values[k]


cdef inline real below_middle(const real *values, Py_ssize_t n) noexcept nogil:
    """The largest of the lower half, once `select` has found the upper of the two values in the middle."""
    cdef real largest = values[0]
    cdef Py_ssize_t i
    for i in range(1, n // 2):
        if values[i] > largest:
            largest = values[i]
    return largest


cdef inline real median(real *values, Py_ssize_t n) noexcept nogil:
    """The median of at least one value; of an even number, the mean of the two in the middle."""
    cdef real upper = select(values, n, n // 2)
    return upper if n % 2 else (below_middle(values, n) + upper) / 2


cdef enum:
    DRAWN = 1024  # values that tell about where the median of many lies
    MARGIN = 64  # ranks of these on either side: four standard deviations of that of the median


cdef inline real median_of_many(real *values, real *spare, Py_ssize_t n) noexcept nogil:
    """The same; of many values most are but counted. `spare` has room for n of them."""
    cdef Py_ssize_t i, below = 0, between = 0, upper = n // 2
    cdef real low, high, value
    if n < 16 * DRAWN:
        return median(values, n)
    for i in range(DRAWN):  # by steps of a large prime: not of one column of an image alone
        spare[i] = values[<uint64_t>i * <uint64_t>2654435761 % <uint64_t>n]
    low = select(spare, DRAWN, DRAWN // 2 - MARGIN)
    high = select(spare, DRAWN, DRAWN // 2 + MARGIN)
    for i in range(n):  # without branches: what a value does cannot be foretold
        value = values[i]
        spare[between] = value
        below += value < low
        between += (value >= low) & (value <= high)
    if not below < upper < below + between:  # the few were not like the many
        return median(values, n)
    value = select(spare, between, upper - below)
    return value if n % 2 else (below_middle(spare, 2 * (upper - below)) + value) / 2
