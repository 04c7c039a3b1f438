"""Polynomials in one variable and two, at many points.

Horner's rule, on 32 points at a time: each step waits for the one before, and others fill the time. They are compiled
a second time for processors with AVX2, where the compiler can choose between the two as the program starts: the same
bits. The number of points is a multiple of 32.
"""

cdef extern from *:
    """
    #include <stddef.h>

    #include "wider.h"

    enum { JW_POINTS = 32 };

    JW_WIDER static void jw_polynomial(
        ptrdiff_t n, ptrdiff_t degree, const double *restrict c, const double *restrict x, double *restrict out)
    {
        ptrdiff_t first, i, k;
        for (first = 0; first < n; first += JW_POINTS) {
            double total[JW_POINTS];
            for (k = 0; k < JW_POINTS; k++)
                total[k] = c[degree];
            for (i = degree - 1; i >= 0; i--)
                for (k = 0; k < JW_POINTS; k++)
                    total[k] = total[k] * x[first + k] + c[i];
            for (k = 0; k < JW_POINTS; k++)
                out[first + k] = total[k];
        }
    }

    JW_WIDER static void jw_surface(
        ptrdiff_t n, ptrdiff_t degree, const double *restrict c, const double *restrict x, const double *restrict y,
        double *restrict out)
    {
        ptrdiff_t first, i, j, k;
        for (first = 0; first < n; first += JW_POINTS) {
            double total[JW_POINTS], inner[JW_POINTS];
            const double *at = c;
            for (k = 0; k < JW_POINTS; k++)
                total[k] = 0;
            for (i = degree; i >= 0; i--) {
                for (k = 0; k < JW_POINTS; k++)
                    inner[k] = *at;
                for (at++, j = 0; j < degree - i; j++, at++)
                    for (k = 0; k < JW_POINTS; k++)
                        inner[k] = inner[k] * y[first + k] + *at;
                for (k = 0; k < JW_POINTS; k++)
                    total[k] = total[k] * x[first + k] + inner[k];
            }
            for (k = 0; k < JW_POINTS; k++)
                out[first + k] = total[k];
        }
    }
    """
    # Coefficients from the constant up.
    void polynomial "jw_polynomial" (
        ptrdiff_t n, ptrdiff_t degree, const double *c, const double *x, double *out) noexcept nogil
    # Of all products up to a degree: coefficients by powers of x, then of y, both descending.
    void surface "jw_surface" (
        ptrdiff_t n, ptrdiff_t degree, const double *c, const double *x, const double *y, double *out) noexcept nogil
