# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""An image as another exposure would see it: bilinear interpolation at mapped positions.

Positions are rounded to single precision first, and all arithmetic is in single precision, so that numbers are those
of `drizzle` 1.15. Beyond the last row and column the image goes on as it is there, up to one pixel. Unchecked
indexing is safe: a position is used only where it lies in [0, nx) and [0, ny) after the rounding, which NaN does not,
and `x`, `y` and `out` are of one shape (made so in `jwpipe.steps.image.outlier_detection`).

Source: Fruchter & Hook 2002, PASP 114, 144 (the blot operation).
"""

from cython.parallel cimport prange


def blot(const float[:, ::1] image, const double[:, ::1] x, const double[:, ::1] y, float[:, ::1] out, int threads):
    """Interpolate an image at the positions of another's pixels.

    Parameters
    ----------
    image : float32, (my, mx)
        Values; NaN where there is none, and so is what is interpolated with it.
    x, y : float64, (ny, nx)
        Positions in `image`, pixels from 0.
    out : float32, (ny, nx)
        Out: values; 0 where a position lies outside the image.
    threads : int
        Threads.
    """
    cdef Py_ssize_t ny = out.shape[0], nx = out.shape[1], my = image.shape[0], mx = image.shape[1]
    cdef Py_ssize_t i, j
    with nogil:
        for j in prange(ny, num_threads=threads, schedule="static"):
            for i in range(nx):
                out[j, i] = bilinear(image, <float>x[j, i], <float>y[j, i], my, mx)


cdef inline float bilinear(const float[:, ::1] image, float x, float y, Py_ssize_t my, Py_ssize_t mx) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef float sx, sy, tx, ty
    if not (x >= 0 and x < <float>mx and y >= 0 and y < <float>my):
        return 0
    i = <Py_ssize_t>x
    j = <Py_ssize_t>y
    sx = x - <float>i
    sy = y - <float>j
    tx = 1 - sx
    ty = 1 - sy
    if i == mx - 1:
        if j == my - 1:
            return image[j, i]
        return ty * image[j, i] + sy * image[j + 1, i]
    if j == my - 1:
        return tx * image[j, i] + sx * image[j, i + 1]
    return (tx * ty * image[j, i] + sx * ty * image[j, i + 1] + sy * tx * image[j + 1, i]
            + sx * sy * image[j + 1, i + 1])
