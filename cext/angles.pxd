"""Vectors of directions in degrees, and back, without branches: the loops become vector instructions.

They are exact to a few units in the last place. Angles are brought into a range of 90 degrees about 0 exactly, as no
multiple of pi can be. The series of sine and cosine are Taylor's, that of the arctangent is an interpolation at
Chebyshev's points. They are compiled a second time for processors with AVX2, where the compiler can choose between the
two as the program starts: the same bits.
"""

cdef extern from *:
    """
    #include <math.h>
    #include <stddef.h>

    #include "wider.h"

    /* Degrees to a multiple of 90, -2 to 2, and the radians that are left. */
    JW_INLINE double jw_reduced(double a, double *quarters)
    {
        const double whole = 6755399441055744.0; /* 1.5 x 2^52: what is added to it is rounded to an integer */
        double n = (a / 90 + whole) - whole;
        *quarters = n - 4 * ((n / 4 + whole) - whole);
        return (a - 90 * n) * 0.017453292519943295;
    }

    JW_INLINE double jw_sine_near(double a)
    {
        double s = a * a, t = 1 / 355687428096000.0;
        t = -1 / 1307674368000.0 + s * t;
        t = 1 / 6227020800.0 + s * t;
        t = -1 / 39916800.0 + s * t;
        t = 1 / 362880.0 + s * t;
        t = -1 / 5040.0 + s * t;
        t = 1 / 120.0 + s * t;
        t = -1 / 6.0 + s * t;
        return a + a * (s * t);
    }

    JW_INLINE double jw_cosine_near(double a)
    {
        double s = a * a, t = 1 / 20922789888000.0;
        t = -1 / 87178291200.0 + s * t;
        t = 1 / 479001600.0 + s * t;
        t = -1 / 3628800.0 + s * t;
        t = 1 / 40320.0 + s * t;
        t = -1 / 720.0 + s * t;
        t = 1 / 24.0 + s * t;
        t = -0.5 + s * t;
        return 1 + s * t;
    }

    JW_INLINE double jw_sine(double quarters, double rest)
    {
        double v = fabs(quarters) == 1 ? jw_cosine_near(rest) : jw_sine_near(rest);
        return (quarters == -1) | (fabs(quarters) == 2) ? -v : v;
    }

    JW_INLINE double jw_cosine(double quarters, double rest)
    {
        double v = fabs(quarters) == 1 ? jw_sine_near(rest) : jw_cosine_near(rest);
        return (quarters == 1) | (fabs(quarters) == 2) ? -v : v;
    }

    /* Angle of a point about the origin, degrees from -180 to 180; 0 at the origin. */
    JW_INLINE double jw_direction(double y, double x)
    {
        double p = fabs(x), q = fabs(y), small = p < q ? p : q, large = p < q ? q : p;
        double eighth = small > 0.41421356237309503 * large ? 1.0 : 0.0; /* tan 22.5 degrees */
        double top = small - eighth * large, bottom = large + eighth * small;
        double u = top / (bottom == 0 ? 1 : bottom), s = u * u, t = -0.013774309951754547;
        t = 0.030535603568923767 + s * t;
        t = -0.041019967464276746 + s * t;
        t = 0.04719207685094386 + s * t;
        t = -0.05258044096272798 + s * t;
        t = 0.05881918824053584 + s * t;
        t = -0.0666663930371838 + s * t;
        t = 0.07692306294787217 + s * t;
        t = -0.0909090902824382 + s * t;
        t = 0.11111111108783552 + s * t;
        t = -0.1428571428565498 + s * t;
        t = 0.19999999999999168 + s * t;
        t = -0.33333333333333326 + s * t;
        t = (u + u * (s * t)) * 57.29577951308232 + 45 * eighth;
        t = p < q ? 90 - t : t;
        t = x < 0 ? 180 - t : t;
        return y < 0 ? -t : t;
    }

    JW_WIDER static void jw_to_cartesian(
        ptrdiff_t n, const double *restrict lon, const double *restrict lat,
        double *restrict x, double *restrict y, double *restrict z)
    {
        ptrdiff_t k;
        for (k = 0; k < n; k++) {
            double q, a = jw_reduced(lat[k], &q), c = jw_cosine(q, a);
            z[k] = jw_sine(q, a);
            a = jw_reduced(lon[k], &q);
            x[k] = c * jw_cosine(q, a);
            y[k] = c * jw_sine(q, a);
        }
    }

    JW_WIDER static void jw_to_spherical(
        ptrdiff_t n, double turn, const double *restrict x, const double *restrict y, const double *restrict z,
        double *restrict lon, double *restrict lat)
    {
        ptrdiff_t k;
        for (k = 0; k < n; k++) {
            double a = jw_direction(y[k], x[k]);
            lon[k] = a < 0 ? a + turn : a;
            lat[k] = jw_direction(z[k], sqrt(x[k] * x[k] + y[k] * y[k]));
        }
    }
    """
    void to_cartesian "jw_to_cartesian" (
        ptrdiff_t n, const double *lon, const double *lat, double *x, double *y, double *z) noexcept nogil
    # `turn` is what is added to longitudes below 0.
    void to_spherical "jw_to_spherical" (
        ptrdiff_t n, double turn, const double *x, const double *y, const double *z, double *lon, double *lat
    ) noexcept nogil
