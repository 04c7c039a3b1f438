# cython: cdivision=True
"""Order statistics of small arrays, in linear time on the average: inlined where they are used.

Values are reordered in place. None of them may be NaN: the scans stop at the pivot, with which NaN does not compare.
"""

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
