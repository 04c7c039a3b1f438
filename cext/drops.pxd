"""Square drops of a block of pixels, side by side: their corners, and what of each falls on four output pixels.

Most drops cover one place where four output pixels meet, and no others. From there a line to either side and up and
down cuts the drop into four quadrangles, whose areas take no branch. What is here is compiled a second time for
processors with AVX2, where the compiler can choose between the two as the program starts: the same bits.
"""

cdef extern from *:
    """
    #include <stddef.h>

    #include "wider.h"

    enum { JW_DROPS = 64 };

    /* Corners between the centres of n pixels of a row and those around them, in the order of `corners`. */
    JW_WIDER static void jw_corners(const double *restrict below, const double *restrict row,
                                    const double *restrict above, ptrdiff_t n, double half, double *restrict out)
    {
        const double own = (1 - half) * (1 - half), beside = half * (1 - half), across = half * half;
        ptrdiff_t i;
        for (i = 0; i < n; i++) {
            out[i] = own * row[i] + beside * row[i - 1] + beside * below[i] + across * below[i - 1];
            out[JW_DROPS + i] = own * row[i] + beside * row[i + 1] + beside * below[i] + across * below[i + 1];
            out[2 * JW_DROPS + i] = own * row[i] + beside * row[i + 1] + beside * above[i] + across * above[i + 1];
            out[3 * JW_DROPS + i] = own * row[i] + beside * row[i - 1] + beside * above[i] + across * above[i - 1];
        }
    }

    /* Parts of n drops on output pixels: (left, low), (left + 1, low), (left + 1, low + 1), (left, low + 1).

    `order` has the number of the corner that is to lie on each of the four. `whole` becomes 0 where one does not, or
    the drop reaches farther, or they are not between columns 0 and `columns`, and rows `first` - 1 and `last` + 1. */
    JW_WIDER static void jw_quarters(const double *restrict x, const double *restrict y,
                                     const double *restrict centre_x, const double *restrict centre_y, ptrdiff_t n,
                                     const int *restrict order, double columns, double first, double last,
                                     int *restrict left, int *restrict low, int *restrict whole,
                                     double *restrict share)
    {
        const double *x0 = x + order[0] * JW_DROPS, *x1 = x + order[1] * JW_DROPS;
        const double *x2 = x + order[2] * JW_DROPS, *x3 = x + order[3] * JW_DROPS;
        const double *y0 = y + order[0] * JW_DROPS, *y1 = y + order[1] * JW_DROPS;
        const double *y2 = y + order[2] * JW_DROPS, *y3 = y + order[3] * JW_DROPS;
        ptrdiff_t i;
        for (i = 0; i < n; i++) {
            int inside = (centre_x[i] >= 0) & (centre_x[i] < columns - 1) & (centre_y[i] >= first - 1)
                         & (centre_y[i] < last + 1);
            double cx = inside ? centre_x[i] : 0, cy = inside ? centre_y[i] + 1 : 0;
            int column = (int)cx, row = (int)cy - 1;
            double vx = column + 0.5, vy = row + 0.5;
            double u0 = x0[i] - vx, u1 = x1[i] - vx, u2 = x2[i] - vx, u3 = x3[i] - vx;
            double v0 = y0[i] - vy, v1 = y1[i] - vy, v2 = y2[i] - vy, v3 = y3[i] - vy;
            /* Where the lines from the place where they meet leave the drop: down, to the right, up, to the left. */
            double down = v0 - (v1 - v0) * u0 / (u1 - u0), right = u1 - (u2 - u1) * v1 / (v2 - v1);
            double up = v3 - (v2 - v3) * u3 / (u2 - u3), back = u0 - (u3 - u0) * v0 / (v3 - v0);
            double a = u0 * down + v0 * back, b = -(u1 * down + v1 * right);
            double c = u2 * up + v2 * right, d = -(u3 * up + v3 * back);
            double scale = 1 / (a + b + c + d);
            left[i] = column;
            low[i] = row;
            whole[i] = inside & (u0 < 0) & (v0 < 0) & (u1 > 0) & (v1 < 0) & (u2 > 0) & (v2 > 0) & (u3 < 0) & (v3 > 0)
                       & (u0 >= -1) & (v0 >= -1) & (u1 <= 1) & (v1 >= -1) & (u2 <= 1) & (v2 <= 1) & (u3 >= -1)
                       & (v3 <= 1) & (down < 0) & (right > 0) & (up > 0) & (back < 0);
            share[i] = a * scale;
            share[JW_DROPS + i] = b * scale;
            share[2 * JW_DROPS + i] = c * scale;
            share[3 * JW_DROPS + i] = d * scale;
        }
    }
    """
    enum:
        DROPS "JW_DROPS"
    void block_corners "jw_corners"(const double *below, const double *row, const double *above, Py_ssize_t n,
                                    double half, double *out) noexcept nogil
    void quarters "jw_quarters"(const double *x, const double *y, const double *centre_x, const double *centre_y,
                                Py_ssize_t n, const int *order, double columns, double first, double last, int *left,
                                int *low, int *whole, double *share) noexcept nogil
