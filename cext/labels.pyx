# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Which pixels hang together, and where each group of them lies.

Rows are gone through once, and groups that turn out to be one are joined, the later to the earlier. Unchecked indexing
is safe: `labels` has the shape of `wanted` (made so in `jwpipe.catalog.segmentation`), neighbours are looked at within
the image, and a pixel that begins a group has none before it in its row, so that half of the pixels can at most.

Source: Rosenfeld & Pfaltz 1966, J. ACM 13, 471.
"""

from libc.stdlib cimport free, malloc


def connected(const unsigned char[:, ::1] wanted, bint corners, int[:, ::1] labels):
    """Number groups of pixels.

    Parameters
    ----------
    wanted : uint8, (ny, nx)
        Not 0: the pixel is of a group.
    corners : bool
        Whether pixels that touch at a corner belong together; otherwise only those that share a side do.
    labels : int32, (ny, nx)
        Out: number of the group, from 1 in the order of their first pixels; 0 where there is none.

    Returns
    -------
    int
        How many groups there are.
    """
    cdef Py_ssize_t ny = wanted.shape[0], nx = wanted.shape[1], y, x
    cdef int last = 0, count = 0, i, label
    cdef int *parents = <int *>malloc((ny * ((nx + 1) // 2) + 1) * sizeof(int))
    if parents == NULL:
        raise MemoryError
    with nogil:
        for y in range(ny):
            for x in range(nx):
                label = 0
                if wanted[y, x]:
                    if x:
                        label = join(parents, label, labels[y, x - 1])
                    if y:
                        if corners and x:
                            label = join(parents, label, labels[y - 1, x - 1])
                        label = join(parents, label, labels[y - 1, x])
                        if corners and x < nx - 1:
                            label = join(parents, label, labels[y - 1, x + 1])
                    if label == 0:
                        last += 1
                        parents[last] = label = last
                labels[y, x] = label
        # The parent of a group is an earlier one, which has its number already.
        for i in range(1, last + 1):
            if parents[i] == i:
                count += 1
                parents[i] = count
            else:
                parents[i] = parents[parents[i]]
        for y in range(ny):
            for x in range(nx):
                if labels[y, x]:
                    labels[y, x] = parents[labels[y, x]]
    free(parents)
    return count


cdef inline int join(int *parents, int one, int other) noexcept nogil:
    """Make groups one, either of which may be none (0); gives its first."""
    other = first(parents, other) if other else 0
    if one == 0 or other == 0 or one == other:
        return one if one else other
    if one < other:
        parents[other] = one
        return one
    parents[one] = other
    return other


cdef inline int first(int *parents, int label) noexcept nogil:
    """The group that a group has been joined to in the end; the way there is shortened."""
    while parents[label] != label:
        parents[label] = parents[parents[label]]
        label = parents[label]
    return label


def extents(const int[:, ::1] labels, Py_ssize_t[::1] sizes, Py_ssize_t[:, ::1] boxes):
    """Count the pixels of each group, and find the box around it.

    Parameters
    ----------
    labels : int32, (ny, nx)
        Numbers, from 0 to below the length of `sizes`.
    sizes : intp, (n,)
        Out: numbers of pixels, by label; begins with zeros.
    boxes : intp, (n, 4)
        Out: first row, row behind the last, first column, column behind the last; zeros where there is no pixel, and
        of label 0. Begins with zeros.
    """
    cdef Py_ssize_t y, x
    cdef int label
    with nogil:
        for y in range(labels.shape[0]):
            for x in range(labels.shape[1]):
                label = labels[y, x]
                if label == 0:
                    sizes[0] += 1
                    continue
                if sizes[label] == 0:
                    boxes[label, 0] = y
                    boxes[label, 2] = x
                sizes[label] += 1
                boxes[label, 1] = y + 1
                boxes[label, 2] = min(boxes[label, 2], x)
                boxes[label, 3] = max(boxes[label, 3], x + 1)
