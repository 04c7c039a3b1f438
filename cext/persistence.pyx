# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Traps that release and capture charge during one integration.

Pixels do not know of each other: each thread takes a piece of a row through all groups, with scratch that stays in the
cache, and the ramp is read and written once. Differences of groups are sorted by a network of compare and exchange
steps over the pixels of the piece, which the compiler turns into vector code. All powers of e depend on a count of
groups alone and come as tables. Unchecked indexing is safe: `jwpipe.steps.ramp.persistence` makes the tables and the
scratch for the shapes of the ramp and of the references cut to it.
"""

from cython.parallel cimport parallel, prange, threadid

cdef enum:
    SATURATED = 2
    JUMP_DET = 4
    PERSISTENCE = 32
    PIECE = 256  # pixels
    LAST = 0x7fffffff  # a key above that of every number


cdef union Word:
    float number
    int bits


cdef inline int to_key(float number) noexcept nogil:
    # An integer that sorts as the number does: integers are compared and exchanged without a branch.
    cdef Word word
    word.number = number
    return word.bits ^ ((word.bits >> 31) & 0x7fffffff)


cdef inline float from_key(int key) noexcept nogil:
    cdef Word word
    word.bits = key ^ ((key >> 31) & 0x7fffffff)
    return word.number


cdef void sort_columns(int* a, Py_ssize_t n) noexcept nogil:
    # Batcher's odd-even merge sort of the n values of each pixel.
    cdef Py_ssize_t p = 1, k, j, i, x
    cdef int low, high
    cdef int* one
    cdef int* other
    while p < n:
        k = p
        while k > 0:
            j = k % p
            while j < n - k:
                for i in range(j, min(j + k, n - k)):
                    if i // (2 * p) == (i + k) // (2 * p):
                        one, other = a + i * PIECE, a + (i + k) * PIECE
                        for x in range(PIECE):
                            low, high = min(one[x], other[x]), max(one[x], other[x])
                            one[x], other[x] = low, high
                j += 2 * k
            k //= 2
        p *= 2


cdef void slopes(const float* data, const unsigned char* dq, Py_ssize_t plane, Py_ssize_t ngroups, Py_ssize_t n,
                 int* differences, int* kept, float* slope) noexcept nogil:
    # Mean of the differences between groups, as many of the largest left out as are saturated or have jumps.
    cdef Py_ssize_t g, x
    cdef unsigned char flags
    cdef float step
    cdef int key
    if ngroups == 1:
        for x in range(n):
            slope[x] = data[x]
        return
    for x in range(n):
        kept[x] = <int>(ngroups - 1) - (dq[x] & JUMP_DET) // JUMP_DET
        slope[x] = 0
    for g in range(1, ngroups):
        for x in range(n):
            flags = dq[g * plane + x]
            kept[x] -= (flags & JUMP_DET) // JUMP_DET + (flags & SATURATED) // SATURATED
            key = to_key(data[g * plane + x] - data[(g - 1) * plane + x])
            differences[(g - 1) * PIECE + x] = LAST if flags & SATURATED else key
    sort_columns(differences, ngroups - 1)
    for g in range(ngroups - 1):
        for x in range(n):
            step = from_key(differences[g * PIECE + x])
            slope[x] += step if g < kept[x] else 0
    for x in range(n):
        slope[x] /= <float>max(kept[x], 1)


cdef void drain(float* traps, float factor, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t x
    for x in range(n):
        traps[x] -= traps[x] * factor


def decay(float[:, ::1] traps, const float[::1] factor, Py_ssize_t times, int threads):
    """Let traps lose a share of their charge, several times over.

    Parameters
    ----------
    traps : float32, (nfamilies, npixels)
        Filled traps, changed in place.
    factor : float32, (nfamilies,)
        The share.
    times : int
        How often.
    threads : int
        Threads.
    """
    cdef Py_ssize_t nfamilies = traps.shape[0], npixels = traps.shape[1]
    cdef Py_ssize_t pieces = (npixels + PIECE - 1) // PIECE, item, k, x, _time
    with nogil:
        for item in prange(nfamilies * pieces, num_threads=threads, schedule="static"):
            k, x = item // pieces, item % pieces * PIECE
            for _time in range(times):
                drain(&traps[k, x], factor[k], min(PIECE, npixels - x))


cdef bint release(float* data, unsigned int* pixeldq, float* traps, Py_ssize_t plane, Py_ssize_t ngroups,
                  Py_ssize_t nfamilies, Py_ssize_t n, const float* factor, double cutoff, float* removed,
                  double* released) noexcept nogil:
    # Subtract what the traps have released since the integration began.
    cdef double* total = released + nfamilies * PIECE
    cdef Py_ssize_t g, k, x
    cdef float share
    cdef bint filled = cutoff <= 0 or removed != NULL
    for k in range(nfamilies):
        for x in range(n):
            filled |= traps[k * plane + x] != 0
    if not filled:
        return False
    for k in range(nfamilies):
        for x in range(n):
            released[k * PIECE + x] = 0
    for g in range(ngroups):
        for x in range(n):
            total[x] = 0
        for k in range(nfamilies):
            for x in range(n):
                share = traps[k * plane + x] * factor[k]
                released[k * PIECE + x] += share
                traps[k * plane + x] -= share
                total[x] += released[k * PIECE + x]
        for x in range(n):
            data[g * plane + x] = <float>(data[g * plane + x] - total[x])
            pixeldq[x] |= <unsigned int>(total[x] >= cutoff) * PERSISTENCE
        if removed != NULL:
            for x in range(n):
                removed[g * plane + x] = <float>total[x]
    return True


cdef void capture(const float* data, const unsigned char* dq, float* traps, Py_ssize_t plane, Py_ssize_t ngroups,
                  Py_ssize_t nfamilies, Py_ssize_t n, const float* density, const float* limit, float tgroup,
                  const float* slope, const float* shares, const double* by_ramp, const double* by_saturation,
                  const float* by_jump, int* count, float* by_jumps) noexcept nogil:
    # Fill the traps with what the integration leaves in them.
    cdef Py_ssize_t g, k, x
    cdef float fraction, rising, step, slow, instant
    cdef double filled
    cdef int most = 0
    cdef unsigned char flags
    for x in range(n):
        count[x] = 0
    for k in range(nfamilies):
        for x in range(n):
            by_jumps[k * PIECE + x] = 0
    for g in range(ngroups):
        flags = 0
        for x in range(n):
            count[x] += data[g * plane + x] > limit[x]
            flags |= dq[g * plane + x]
        if g > 0 and flags & JUMP_DET:
            for x in range(n):
                step = data[g * plane + x] - data[(g - 1) * plane + x] - slope[x]
                if dq[g * plane + x] & JUMP_DET and step > 0:
                    for k in range(nfamilies):
                        by_jumps[k * PIECE + x] += density[x] * step * by_jump[k * ngroups + g]
    for x in range(n):
        most = max(most, count[x])
    for k in range(nfamilies):
        if most == 0:
            for x in range(n):
                fraction = slope[x] / (limit[x] * tgroup)
                rising = density[x] * (fraction * fraction)
                filled = rising * by_ramp[k * (ngroups + 1)]
                traps[k * plane + x] = <float>(traps[k * plane + x] + (filled + 2 * by_jumps[k * PIECE + x]))
            continue
        for x in range(n):
            fraction = slope[x] / (limit[x] * tgroup)
            rising = density[x] * (fraction * fraction)
            filled = rising * by_ramp[k * (ngroups + 1) + count[x]]
            if count[x] > 0:
                slow, instant = density[x] * shares[2 * k], density[x] * shares[2 * k + 1]
                if count[x] == ngroups:
                    filled = instant
                filled += (slow - (filled - instant)) * by_saturation[k * (ngroups + 1) + count[x]]
            traps[k * plane + x] = <float>(traps[k * plane + x] + (filled + 2 * by_jumps[k * PIECE + x]))


def scratch_shapes(Py_ssize_t ngroups, Py_ssize_t nfamilies):
    """Shapes of a thread's scratch of float32, float64 and int32 for `integration`."""
    return (1 + nfamilies, PIECE), (1 + nfamilies, PIECE), (max(ngroups, 2), PIECE)


def integration(float[:, :, ::1] data, const unsigned char[:, :, ::1] groupdq, unsigned int[:, ::1] pixeldq,
                float[:, :, ::1] traps, const float[:, ::1] density, const float[:, ::1] limit, float tgroup,
                double cutoff, const float[::1] reset, const float[::1] group, const float[:, ::1] shares,
                const double[:, ::1] by_ramp, const double[:, ::1] by_saturation, const float[:, ::1] by_jump,
                float[:, :, ::1] removed, float[:, :, ::1] floats, double[:, :, ::1] doubles, int[:, :, ::1] ints,
                int threads):
    """Subtract the charge that traps release during an integration, then fill them with what they capture.

    Parameters
    ----------
    data : float32, (ngroups, ny, nx)
        Counts, DN, changed in place.
    groupdq : uint8, (ngroups, ny, nx)
        Flags.
    pixeldq : uint32, (ny, nx)
        Flags, changed in place.
    traps : float32, (nfamilies, ny, nx)
        Filled traps, changed in place.
    density : float32, (ny, nx)
        Traps of each pixel.
    limit : float32, (ny, nx)
        Counts at which the traps saturate, DN; infinite where unknown.
    tgroup : float
        Time from group to group, s.
    cutoff : float
        Released charge from which on a pixel is flagged, DN.
    reset, group : float32, (nfamilies,)
        Share of the filled traps that decay during the reset before the integration, and during a group.
    shares : float32, (nfamilies, 2)
        Shares of the traps that capture with time, and at once.
    by_ramp, by_saturation : float64, (nfamilies, ngroups + 1)
        Factors of the capture by the rising part of a ramp and by its saturated part, by number of saturated groups.
    by_jump : float32, (nfamilies, ngroups)
        Factor of the capture by a jump, by the group in which it stands.
    removed : float32, (ngroups, ny, nx) or None
        Out: what was subtracted, DN.
    floats, doubles, ints : float32, float64, int32
        Scratch: for each thread, of `scratch_shapes`.
    threads : int
        Threads.
    """
    cdef Py_ssize_t ngroups = data.shape[0], ny = data.shape[1], nx = data.shape[2], nfamilies = traps.shape[0]
    cdef Py_ssize_t pieces = (nx + PIECE - 1) // PIECE, plane = ny * nx, item, y, x, n, k, t
    cdef bint wanted = removed is not None
    with nogil, parallel(num_threads=threads):
        for item in prange(ny * pieces, schedule="static"):
            y, x, t = item // pieces, item % pieces * PIECE, threadid()
            n = min(PIECE, nx - x)
            slopes(&data[0, y, x], &groupdq[0, y, x], plane, ngroups, n, &ints[t, 1, 0], &ints[t, 0, 0],
                   &floats[t, 0, 0])
            for k in range(nfamilies):
                drain(&traps[k, y, x], reset[k], n)
            release(&data[0, y, x], &pixeldq[y, x], &traps[0, y, x], plane, ngroups, nfamilies, n, &group[0], cutoff,
                    &removed[0, y, x] if wanted else NULL, &doubles[t, 0, 0])
            capture(&data[0, y, x], &groupdq[0, y, x], &traps[0, y, x], plane, ngroups, nfamilies, n, &density[y, x],
                    &limit[y, x], tgroup, &floats[t, 0, 0], &shares[0, 0], &by_ramp[0, 0], &by_saturation[0, 0],
                    &by_jump[0, 0], &ints[t, 0, 0], &floats[t, 1, 0])
