# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Flooding of an image from markers: each pixel goes to the marker whose flood comes over it first.

The brightest pixel at the shore of any flood is always the next; of equally bright ones the one that was reached first.
Unchecked indexing is safe: neighbours are looked at only within the image, and a pixel enters the queue once, so that
the room of one entry a pixel is enough. `labels` and `allowed` have the shape of `image` (made so in
`jwpipe.catalog.deblend`).

Source: Meyer 1991, as in Soille & Vincent 1990; the order of pixels is that of `skimage.segmentation.watershed`.
"""

from libc.stdlib cimport free, malloc

# The nearest neighbours first.
cdef int[8] UP = [-1, 0, 0, 1, -1, -1, 1, 1]
cdef int[8] RIGHT = [0, -1, 1, 0, -1, 1, -1, 1]


cdef struct Entry:
    float value
    Py_ssize_t age
    Py_ssize_t place


def flood(const float[:, ::1] image, const unsigned char[:, ::1] allowed, int[:, ::1] labels,
          int touching=8):
    """Flood an image.

    Parameters
    ----------
    image : float32, (ny, nx)
        Values; bright ones are flooded first.
    allowed : uint8, (ny, nx)
        0: the pixel stays dry.
    labels : int32, (ny, nx)
        In: markers, 0 elsewhere. Out: labels of all pixels that a flood reached.
    touching : int
        Neighbours that a pixel has: 8, or the nearest 4.
    """
    cdef Py_ssize_t ny = image.shape[0], nx = image.shape[1], size = 0, age = 0, x, y, i, u, v
    cdef Entry entry
    cdef Entry *queue = <Entry *>malloc(ny * nx * sizeof(Entry))
    if queue == NULL:
        raise MemoryError
    with nogil:
        for y in range(ny):
            for x in range(nx):
                if labels[y, x]:
                    push(queue, &size, image[y, x], 0, y * nx + x)
        while size:
            entry = pop(queue, &size)
            y = entry.place // nx
            x = entry.place % nx
            for i in range(touching):
                v = y + UP[i]
                u = x + RIGHT[i]
                if 0 <= v < ny and 0 <= u < nx and allowed[v, u] and not labels[v, u]:
                    labels[v, u] = labels[y, x]
                    age += 1
                    push(queue, &size, image[v, u], age, v * nx + u)
    free(queue)


cdef inline bint before(Entry a, Entry b) noexcept nogil:
    if a.value != b.value:
        return a.value > b.value
    return a.age < b.age if a.age != b.age else a.place < b.place


cdef void push(Entry *queue, Py_ssize_t *size, float value, Py_ssize_t age, Py_ssize_t place) noexcept nogil:
    cdef Py_ssize_t child = size[0], parent
    cdef Entry entry
    entry.value, entry.age, entry.place = value, age, place
    size[0] += 1
    while child:
        parent = (child - 1) // 2
        if not before(entry, queue[parent]):
            break
        queue[child] = queue[parent]
        child = parent
    queue[child] = entry


cdef Entry pop(Entry *queue, Py_ssize_t *size) noexcept nogil:
    cdef Entry first = queue[0], last
    cdef Py_ssize_t parent = 0, child = 1
    size[0] -= 1
    last = queue[size[0]]
    while child < size[0]:
        if child + 1 < size[0] and before(queue[child + 1], queue[child]):
            child += 1
        if not before(queue[child], last):
            break
        queue[parent] = queue[child]
        parent = child
        child = 2 * parent + 1
    queue[parent] = last
    return first
