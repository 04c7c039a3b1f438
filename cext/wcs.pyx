# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Coordinate transforms: a program of simple operations on vectors of doubles, run over many points.

Points go through the program in blocks that fit into the cache: each operation works on one block of a few registers.
`jwpipe.wcs.program` writes the programs. It is what makes unchecked indexing safe: every register that an operation
names is below `registers`, every parameter lies within `values`, inputs come first among the registers, and each
operation has the numbers of them that `SIGNATURES` gives, those of a polynomial as many as its degree wants.
"""

from cython.parallel cimport parallel, prange
from libc.math cimport sqrt
from libc.stdlib cimport free, malloc

cimport angles
cimport polynomials

cdef enum:
    BLOCK = 256  # points
    LANES = 32  # what the number of points in a block is filled up to a multiple of
    MOST = 8  # coordinates that go in
    WIDTH = 12  # numbers that describe an operation: what it does, where its values begin, how many, registers

cdef enum Operation:
    SHIFT
    SCALE
    CONSTANT
    POLYNOMIAL
    SURFACE
    AFFINE
    MATRIX
    TO_CARTESIAN
    TO_SPHERICAL
    NORMALISE
    FROM_PLANE
    TO_PLANE
    ADD
    SUBTRACT
    MULTIPLY
    DIVIDE

cdef double DEGREE = 0.017453292519943295  # radians
cdef double RADIAN = 57.29577951308232  # degrees

# By name: the operation, the number of its values (0: any), of the registers that it reads, and that it writes.
SIGNATURES = {
    "shift": (SHIFT, 1, 1, 1),
    "scale": (SCALE, 1, 1, 1),
    "constant": (CONSTANT, 1, 0, 1),
    "polynomial": (POLYNOMIAL, 0, 1, 1),
    "surface": (SURFACE, 0, 2, 1),
    "affine": (AFFINE, 6, 2, 2),
    "matrix": (MATRIX, 9, 3, 3),
    "to_cartesian": (TO_CARTESIAN, 0, 2, 3),
    "to_spherical": (TO_SPHERICAL, 1, 3, 2),
    "normalise": (NORMALISE, 0, 3, 3),
    "from_plane": (FROM_PLANE, 0, 2, 3),
    "to_plane": (TO_PLANE, 0, 3, 2),
    "add": (ADD, 0, 2, 1),
    "subtract": (SUBTRACT, 0, 2, 1),
    "multiply": (MULTIPLY, 0, 2, 1),
    "divide": (DIVIDE, 0, 2, 1),
}
ROW = WIDTH


def run(
    const int[:, ::1] code,
    const double[::1] values,
    list points,
    const int[::1] results,
    double[:, ::1] out,
    int registers,
    int threads,
):
    """Run a program over points.

    Parameters
    ----------
    code : int32, (n, ROW)
        Operations: what, first of its values, their number, input and output registers.
    values : float64
        Parameters of all operations.
    points : list of float64, (npoints,)
        Coordinates, at most eight; register i begins with the i-th.
    results : int32, (noutputs,)
        Registers that hold the results at the end.
    out : float64, (noutputs, npoints)
        Out: the results.
    registers : int
        Registers that the program uses.
    threads : int
        Threads.
    """
    cdef Py_ssize_t n = out.shape[1], blocks = (n + BLOCK - 1) // BLOCK, b, first
    cdef int count, i, given = <int>len(points)
    cdef const double *inputs[MOST]
    cdef const double[::1] one
    cdef double *bank = NULL
    if given > MOST or given > registers:
        raise ValueError(f"{given} coordinates")
    for i in range(given):
        one = points[i]
        if one.shape[0] != n:
            raise ValueError("coordinates of different numbers of points")
        inputs[i] = &one[0] if n else NULL
    if code.shape[0] and code.shape[1] != WIDTH:
        raise ValueError(f"operations are rows of {WIDTH} numbers")
    with nogil, parallel(num_threads=threads):
        bank = <double *>malloc(registers * BLOCK * sizeof(double))
        for b in prange(blocks, schedule="static"):
            first = b * BLOCK
            count = <int>min(<Py_ssize_t>BLOCK, n - first)
            load(inputs, given, first, count, bank)
            execute(code, values, bank, count)
            store(results, bank, first, count, out)
        free(bank)


def run_grid(
    const int[:, ::1] code,
    const double[::1] values,
    const int[::1] results,
    double[:, :, ::1] out,
    int registers,
    Py_ssize_t top,
    int threads,
):
    """Run a program of two inputs over the pixels of an image: column and row, from 0.

    Parameters
    ----------
    code, values, results, registers, threads
        As of `run`.
    out : float64, (noutputs, ny, nx)
        Out: the results.
    top : int
        Row of the image that is the first of `out`.
    """
    cdef Py_ssize_t ny = out.shape[1], y
    cdef double *bank = NULL
    if code.shape[0] and code.shape[1] != WIDTH:
        raise ValueError(f"operations are rows of {WIDTH} numbers")
    with nogil, parallel(num_threads=threads):
        bank = <double *>malloc(registers * BLOCK * sizeof(double))
        for y in prange(ny, schedule="static"):
            grid_row(code, values, results, out, y, top, bank)
        free(bank)


def run_surfaces(
    const double[:, :, ::1] powers, const double[::1] down, const double[::1] along, double[:, :, ::1] out, int threads
):
    """Evaluate polynomials of two variables on a grid.

    Parameters
    ----------
    powers : float64, (noutputs, n, n)
        Coefficients: of the i-th power of the first variable, and the j-th of the second.
    down : float64, (ny,)
        Values of the first variable.
    along : float64, (more than nx,)
        Values of the second one, filled up to a multiple of 32.
    out : float64, (noutputs, ny, nx)
        Out: the results.
    threads : int
        Threads.
    """
    cdef Py_ssize_t n = powers.shape[1], ny = out.shape[1], nx = out.shape[2], width = along.shape[0], y, i, j, k
    cdef double *room = NULL
    if width % LANES or width < nx or down.shape[0] != ny or powers.shape[0] != out.shape[0] or powers.shape[2] != n:
        raise ValueError("grids of different sizes")
    with nogil, parallel(num_threads=threads):
        room = <double *>malloc((n + width) * sizeof(double))
        for y in prange(ny, schedule="static"):
            for i in range(out.shape[0]):
                for j in range(n):
                    room[j] = 0
                    for k in range(n - 1, -1, -1):
                        room[j] = room[j] * down[y] + powers[i, k, j]
                polynomials.polynomial(width, n - 1, room, &along[0], room + n)
                for j in range(nx):
                    out[i, y, j] = room[n + j]
        free(room)


cdef void grid_row(
    const int[:, ::1] code,
    const double[::1] values,
    const int[::1] results,
    double[:, :, ::1] out,
    Py_ssize_t y,
    Py_ssize_t top,
    double *bank,
) noexcept nogil:
    cdef Py_ssize_t nx = out.shape[2], first = 0
    cdef int count, i, k
    while first < nx:
        count = <int>min(<Py_ssize_t>BLOCK, nx - first)
        for k in range(count):
            bank[k] = first + k
            bank[BLOCK + k] = top + y
        pad(bank, 2, count)
        execute(code, values, bank, count)
        for i in range(results.shape[0]):
            for k in range(count):
                out[i, y, first + k] = bank[results[i] * BLOCK + k]
        first += BLOCK


cdef inline void pad(double *bank, int inputs, int count) noexcept nogil:
    """Let the last lanes of a block that is not full repeat its last point."""
    cdef int i, k
    for i in range(inputs):
        for k in range(count, min(BLOCK, (count + LANES - 1) // LANES * LANES)):
            bank[i * BLOCK + k] = bank[i * BLOCK + count - 1]


cdef void load(const double **inputs, int given, Py_ssize_t first, int count, double *bank) noexcept nogil:
    cdef int i, k
    for i in range(given):
        for k in range(count):
            bank[i * BLOCK + k] = inputs[i][first + k]
    pad(bank, given, count)


cdef void store(
    const int[::1] results, const double *bank, Py_ssize_t first, int count, double[:, ::1] out
) noexcept nogil:
    cdef int i, k
    for i in range(results.shape[0]):
        for k in range(count):
            out[i, first + k] = bank[results[i] * BLOCK + k]


cdef void execute(const int[:, ::1] code, const double[::1] values, double *bank, int count) noexcept nogil:
    """Run the whole program over one block; registers that are written are never among those that are read."""
    cdef Py_ssize_t step
    cdef const int *row
    cdef const double *p
    cdef double *a
    cdef double *b
    cdef double *c
    cdef double *u
    cdef double *v
    cdef double *w
    cdef int k, n = (count + LANES - 1) // LANES * LANES
    for step in range(code.shape[0]):
        row = &code[step, 0]
        p = &values[row[1]]
        a = bank + row[3] * BLOCK
        b = bank + row[4] * BLOCK
        c = bank + row[5] * BLOCK
        u = bank + row[6] * BLOCK
        v = bank + row[7] * BLOCK
        w = bank + row[8] * BLOCK
        if row[0] == SHIFT:
            for k in range(n):
                u[k] = a[k] + p[0]
        elif row[0] == SCALE:
            for k in range(n):
                u[k] = a[k] * p[0]
        elif row[0] == CONSTANT:
            for k in range(n):
                u[k] = p[0]
        elif row[0] == POLYNOMIAL:
            polynomials.polynomial(n, row[2] - 1, p, a, u)
        elif row[0] == SURFACE:
            polynomials.surface(n, <int>p[0], p + 1, a, b, u)
        elif row[0] == AFFINE:
            for k in range(n):
                u[k] = p[0] * a[k] + p[1] * b[k] + p[4]
                v[k] = p[2] * a[k] + p[3] * b[k] + p[5]
        elif row[0] == MATRIX:
            for k in range(n):
                u[k] = p[0] * a[k] + p[1] * b[k] + p[2] * c[k]
                v[k] = p[3] * a[k] + p[4] * b[k] + p[5] * c[k]
                w[k] = p[6] * a[k] + p[7] * b[k] + p[8] * c[k]
        elif row[0] == TO_CARTESIAN:
            angles.to_cartesian(n, a, b, u, v, w)
        elif row[0] == TO_SPHERICAL:
            angles.to_spherical(n, 360 if p[0] == 360 else 0, a, b, c, u, v)
        elif row[0] == NORMALISE:
            normalise(a, b, c, u, v, w, n)
        elif row[0] == FROM_PLANE:
            from_plane(a, b, u, v, w, n)
        elif row[0] == TO_PLANE:
            to_plane(a, b, c, u, v, n)
        elif row[0] == ADD:
            for k in range(n):
                u[k] = a[k] + b[k]
        elif row[0] == SUBTRACT:
            for k in range(n):
                u[k] = a[k] - b[k]
        elif row[0] == MULTIPLY:
            for k in range(n):
                u[k] = a[k] * b[k]
        elif row[0] == DIVIDE:
            for k in range(n):
                u[k] = a[k] / b[k]


cdef void normalise(
    const double *x, const double *y, const double *z, double *u, double *v, double *w, int n
) noexcept nogil:
    cdef int k
    cdef double r
    for k in range(n):
        r = 1 / sqrt(x[k] * x[k] + y[k] * y[k] + z[k] * z[k])
        u[k] = x[k] * r
        v[k] = y[k] * r
        w[k] = z[k] * r


cdef void from_plane(
    const double *x, const double *y, double *u, double *v, double *w, int n
) noexcept nogil:
    """Native unit vectors of points (degrees) of the plane that touches the sphere at the native pole."""
    cdef int k
    cdef double a, b, r
    for k in range(n):
        a, b = x[k] * DEGREE, y[k] * DEGREE
        r = 1 / sqrt(1 + a * a + b * b)
        u[k] = -b * r
        v[k] = a * r
        w[k] = r


cdef void to_plane(
    const double *x, const double *y, const double *z, double *u, double *v, int n
) noexcept nogil:
    """The inverse of `from_plane`; what lies on the other half of the sphere falls on the plane as well."""
    cdef int k
    for k in range(n):
        u[k] = y[k] / z[k] * RADIAN
        v[k] = -x[k] / z[k] * RADIAN
