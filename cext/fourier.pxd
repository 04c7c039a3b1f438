"""What IRS2 takes in vector registers: Fourier transforms, and samples without their trend.

Transforms are complex, of a length of eight times a power of two, real and imaginary parts apart.

Eight neighbouring samples share a vector: eight transforms of an eighth of the length go side by side, four samples
brought together at a time, and end with transforms across the vectors. A spectrum is left in the order in which it
falls out (`order`), and taken from it on the way back, so that nothing is ever put in order. What is here is compiled
again for processors with AVX2 and with AVX-512, by `wider.h`: the same operations in the same order and
precision, hence the same bits.
"""

cdef extern from *:
    """
    #include <stddef.h>
    #include <string.h>

    #include "wider.h"

    enum { JW_LANES = 8 };
    typedef double jw_vector __attribute__((vector_size(64)));
    typedef struct { jw_vector re, im; } jw_pair;

    #define JW_LOAD(t, p) memcpy(&(t), (p), sizeof(jw_vector))
    #define JW_STORE(p, t) memcpy((p), &(t), sizeof(jw_vector))
    #define JW_GET(t, x, y, k) (JW_LOAD((t).re, (x) + JW_LANES * (k)), JW_LOAD((t).im, (y) + JW_LANES * (k)))
    #define JW_PUT(t, x, y, k) (JW_STORE((x) + JW_LANES * (k), (t).re), JW_STORE((y) + JW_LANES * (k), (t).im))
    #define JW_ADD(t, a, b) ((t).re = (a).re + (b).re, (t).im = (a).im + (b).im)
    #define JW_SUB(t, a, b) ((t).re = (a).re - (b).re, (t).im = (a).im - (b).im)
    /* times a number, and times its conjugate */
    #define JW_MUL(t, a, x, y) ((t).re = (a).re * (x) - (a).im * (y), (t).im = (a).re * (y) + (a).im * (x))
    #define JW_BACK(t, a, x, y) ((t).re = (a).re * (x) + (a).im * (y), (t).im = (a).im * (x) - (a).re * (y))
    /* times i, added and subtracted */
    #define JW_ADDI(t, a, b) ((t).re = (a).re - (b).im, (t).im = (a).im + (b).re)
    #define JW_SUBI(t, a, b) ((t).re = (a).re + (b).im, (t).im = (a).im - (b).re)

    /* Bring four quarters of `quarter` vectors together, or part them; of each of them w holds six factors. */
    JW_INLINE void jw_part(double *re, double *im, ptrdiff_t quarter, const double *w)
    {
        for (ptrdiff_t j = 0; j < quarter; j++, w += 6) {
            jw_pair a, b, c, d, s, t, u, v;
            JW_GET(a, re, im, j);
            JW_GET(b, re, im, j + quarter);
            JW_GET(c, re, im, j + 2 * quarter);
            JW_GET(d, re, im, j + 3 * quarter);
            JW_ADD(s, a, c);
            JW_SUB(t, a, c);
            JW_ADD(u, b, d);
            JW_SUB(v, b, d);
            JW_ADD(a, s, u);
            JW_SUBI(b, t, v);
            JW_SUB(c, s, u);
            JW_ADDI(d, t, v);
            JW_MUL(s, b, w[0], w[1]);
            JW_MUL(t, c, w[2], w[3]);
            JW_MUL(u, d, w[4], w[5]);
            JW_PUT(a, re, im, j);
            JW_PUT(s, re, im, j + quarter);
            JW_PUT(t, re, im, j + 2 * quarter);
            JW_PUT(u, re, im, j + 3 * quarter);
        }
    }

    JW_INLINE void jw_join(double *re, double *im, ptrdiff_t quarter, const double *w)
    {
        for (ptrdiff_t j = 0; j < quarter; j++, w += 6) {
            jw_pair a, b, c, d, s, t, u, v;
            JW_GET(a, re, im, j);
            JW_GET(s, re, im, j + quarter);
            JW_GET(t, re, im, j + 2 * quarter);
            JW_GET(u, re, im, j + 3 * quarter);
            JW_BACK(b, s, w[0], w[1]);
            JW_BACK(c, t, w[2], w[3]);
            JW_BACK(d, u, w[4], w[5]);
            JW_ADD(s, a, c);
            JW_SUB(t, a, c);
            JW_ADD(u, b, d);
            JW_SUB(v, b, d);
            JW_ADD(a, s, u);
            JW_ADDI(b, t, v);
            JW_SUB(c, s, u);
            JW_SUBI(d, t, v);
            JW_PUT(a, re, im, j);
            JW_PUT(b, re, im, j + quarter);
            JW_PUT(c, re, im, j + 2 * quarter);
            JW_PUT(d, re, im, j + 3 * quarter);
        }
    }

    /* The last or first step of a length that is no power of four. */
    JW_INLINE void jw_twos(double *re, double *im, ptrdiff_t n)
    {
        for (ptrdiff_t j = 0; j < n; j += 2) {
            jw_pair a, b, s, t;
            JW_GET(a, re, im, j);
            JW_GET(b, re, im, j + 1);
            JW_ADD(s, a, b);
            JW_SUB(t, a, b);
            JW_PUT(s, re, im, j);
            JW_PUT(t, re, im, j + 1);
        }
    }

    JW_INLINE void jw_turn(const double *from, double *to)
    {
        double square[JW_LANES * JW_LANES];
        for (int i = 0; i < JW_LANES; i++)
            for (int k = 0; k < JW_LANES; k++)
                square[i * JW_LANES + k] = from[k * JW_LANES + i];
        memcpy(to, square, sizeof(square));
    }

    /* Eight vectors turned into each other; `sign` is 1 on the way to the spectrum, -1 on the way back. */
    JW_INLINE void jw_eight(double *re, double *im, double sign)
    {
        const double half = 0.70710678118654752440;
        jw_pair x[8], s[4], d[4], e[4], o[4], t;
        for (int k = 0; k < 8; k++)
            JW_GET(x[k], re, im, k);
        for (int k = 0; k < 4; k++) {
            JW_ADD(s[k], x[k], x[k + 4]);
            JW_SUB(d[k], x[k], x[k + 4]);
        }
        /* of the differences the k-th is turned by k eighths */
        t = d[1];
        d[1].re = (t.re + t.im * sign) * half;
        d[1].im = (t.im - t.re * sign) * half;
        t = d[2];
        d[2].re = t.im * sign;
        d[2].im = -(t.re * sign);
        t = d[3];
        d[3].re = (t.im * sign - t.re) * half;
        d[3].im = -((t.re * sign + t.im) * half);
        for (int k = 0; k < 2; k++) {
            JW_ADD(e[k], s[k], s[k + 2]);
            JW_SUB(e[k + 2], s[k], s[k + 2]);
            JW_ADD(o[k], d[k], d[k + 2]);
            JW_SUB(o[k + 2], d[k], d[k + 2]);
        }
        t = e[3];
        e[3].re = t.im * sign;
        e[3].im = -(t.re * sign);
        t = o[3];
        o[3].re = t.im * sign;
        o[3].im = -(t.re * sign);
        JW_ADD(x[0], e[0], e[1]);
        JW_SUB(x[4], e[0], e[1]);
        JW_ADD(x[2], e[2], e[3]);
        JW_SUB(x[6], e[2], e[3]);
        JW_ADD(x[1], o[0], o[1]);
        JW_SUB(x[5], o[0], o[1]);
        JW_ADD(x[3], o[2], o[3]);
        JW_SUB(x[7], o[2], o[3]);
        for (int k = 0; k < 8; k++)
            JW_PUT(x[k], re, im, k);
    }

    /* `n` vectors; w: factors of all steps, then those of the vectors, (n, 2, 8). Blocks that fit into the fastest
       cache are brought to their end one by one. */
    JW_WIDEST static void jw_forward(double *re, double *im, ptrdiff_t n, const double *w)
    {
        const ptrdiff_t inner = n < 128 ? n : n % 3 == 1 ? 64 : 128;
        const double *lanes = w;
        for (ptrdiff_t size = n; size >= 4; size /= 4)
            lanes += 6 * (size / 4);
        ptrdiff_t block = n;
        for (; block > inner; w += 6 * (block / 4), block /= 4)
            for (ptrdiff_t first = 0; first < n; first += block)
                jw_part(re + JW_LANES * first, im + JW_LANES * first, block / 4, w);
        for (ptrdiff_t at = 0; at < n; at += block) {
            double *x = re + JW_LANES * at, *y = im + JW_LANES * at;
            const double *v = w;
            ptrdiff_t size = block;
            for (; size >= 4; v += 6 * (size / 4), size /= 4)
                for (ptrdiff_t first = 0; first < block; first += size)
                    jw_part(x + JW_LANES * first, y + JW_LANES * first, size / 4, v);
            if (size == 2)
                jw_twos(x, y, block);
            for (ptrdiff_t j = 0; j < block; j += 8) {
                double *p = x + JW_LANES * j, *q = y + JW_LANES * j;
                for (int k = 0; k < 8; k++) {
                    jw_vector c, s;
                    jw_pair a, b;
                    JW_LOAD(c, lanes + 2 * JW_LANES * (at + j + k));
                    JW_LOAD(s, lanes + 2 * JW_LANES * (at + j + k) + JW_LANES);
                    JW_GET(a, p, q, k);
                    JW_MUL(b, a, c, s);
                    JW_PUT(b, p, q, k);
                }
                jw_turn(p, p);
                jw_turn(q, q);
                jw_eight(p, q, 1.0);
            }
        }
    }

    JW_WIDEST static void jw_backward(double *re, double *im, ptrdiff_t n, const double *w)
    {
        const ptrdiff_t inner = n < 128 ? n : n % 3 == 1 ? 64 : 128;
        const double *lanes = w, *begin = w;
        for (ptrdiff_t size = n; size >= 4; size /= 4)
            lanes += 6 * (size / 4);
        ptrdiff_t block = n;
        for (; block > inner; begin += 6 * (block / 4), block /= 4)
            ;
        for (ptrdiff_t at = 0; at < n; at += block) {
            double *x = re + JW_LANES * at, *y = im + JW_LANES * at;
            for (ptrdiff_t j = 0; j < block; j += 8) {
                double *p = x + JW_LANES * j, *q = y + JW_LANES * j;
                jw_eight(p, q, -1.0);
                jw_turn(p, p);
                jw_turn(q, q);
                for (int k = 0; k < 8; k++) {
                    jw_vector c, s;
                    jw_pair a, b;
                    JW_LOAD(c, lanes + 2 * JW_LANES * (at + j + k));
                    JW_LOAD(s, lanes + 2 * JW_LANES * (at + j + k) + JW_LANES);
                    JW_GET(a, p, q, k);
                    JW_BACK(b, a, c, s);
                    JW_PUT(b, p, q, k);
                }
            }
            ptrdiff_t size = 4;
            if (block % 3 == 2) {  /* twice a power of four */
                jw_twos(x, y, block);
                size = 8;
            }
            const double *v = lanes - 6 * (size / 4);
            for (; size <= block; size *= 4, v -= 6 * (size / 4))
                for (ptrdiff_t first = 0; first < block; first += size)
                    jw_join(x + JW_LANES * first, y + JW_LANES * first, size / 4, v);
        }
        for (ptrdiff_t size = 4 * block; size <= n; size *= 4) {
            begin -= 6 * (size / 4);
            for (ptrdiff_t first = 0; first < n; first += size)
                jw_join(re + JW_LANES * first, im + JW_LANES * first, size / 4, begin);
        }
    }

    /* Times factors of coarse steps and of the fine ones within each. */
    JW_WIDEST static void jw_twist(const double *restrict real, const double *restrict imag, ptrdiff_t coarse,
                                   ptrdiff_t fine, const double *restrict w, const double *restrict v, double sign,
                                   double *restrict re, double *restrict im)
    {
        const double *c = v, *s = v + fine;
        for (ptrdiff_t i = 0; i < coarse; i++, real += fine, imag += fine, re += fine, im += fine) {
            const double x = w[i], y = w[coarse + i];
            for (ptrdiff_t k = 0; k < fine; k++) {
                double p = x * c[k] - y * s[k], q = (x * s[k] + y * c[k]) * sign, a = real[k], b = imag[k];
                re[k] = a * p - b * q;
                im[k] = a * q + b * p;
            }
        }
    }

    JW_WIDEST static void jw_scale(double *restrict re, double *restrict im, ptrdiff_t n, const float *restrict by)
    {
        for (ptrdiff_t k = 0; k < n; k++) {
            re[k] *= by[k];
            im[k] *= by[k];
        }
    }

    JW_WIDEST static void jw_mix(double *restrict re, double *restrict im, ptrdiff_t n, const float *restrict own,
                                 const double *restrict other, const float *restrict its)
    {
        for (ptrdiff_t k = 0; k < n; k++) {
            double a = re[k], b = im[k], c = own[2 * k], s = own[2 * k + 1];
            double p = other[k], q = other[n + k], x = its[2 * k], y = its[2 * k + 1];
            re[k] = (a * c - b * s) + (p * x - q * y);
            im[k] = (a * s + b * c) + (p * y + q * x);
        }
    }

    /* Samples without their mean and the trend of their frame; exact zeros mean that there is none. */
    JW_WIDEST static void jw_centre(const float *restrict value, const double *restrict mean, int n, int row, int step,
                                    int ticks, int tick, double middle, float intercept, float slope,
                                    float *restrict out)
    {
        for (int k = 0; k < n; k++) {
            float time = (float)((double)((row + step * k) * ticks + tick) - middle);
            float result = (float)(value[k] - mean[k]), trend = time * slope;
            trend = intercept + trend;
            out[k] = result == 0 ? 0 : result - trend;
        }
    }

    JW_WIDEST static void jw_settle(const float *restrict centred, const double *restrict correction,
                                    const double *restrict mean, int n, int whole, float *restrict out)
    {
        if (whole) {
            for (int k = 0; k < n; k++)
                out[k] = (float)((float)(centred[k] - correction[k]) + mean[k]);
        } else {
            for (int k = 0; k < n; k++)
                out[k] = (float)(centred[k] - correction[k]);
        }
    }
    """
    enum:
        LANES "JW_LANES"
    # Transform of LANES * n samples in place, n a power of two of at least 8: forward to `order`, back from it.
    void forward "jw_forward"(double *re, double *im, Py_ssize_t n, const double *w) noexcept nogil
    void backward "jw_backward"(double *re, double *im, Py_ssize_t n, const double *w) noexcept nogil
    # Samples times factors whose angles rise evenly, (2, coarse) of w by (2, fine) of v; times their conjugates where
    # `sign` is -1.
    void turn "jw_twist"(const double *real, const double *imag, Py_ssize_t coarse, Py_ssize_t fine, const double *w,
                         const double *v, double sign, double *re, double *im) noexcept nogil
    void scale_by "jw_scale"(double *re, double *im, Py_ssize_t n, const float *by) noexcept nogil
    # Own spectrum times own weights, plus another (real, then imaginary parts) times its own.
    void mix_with "jw_mix"(double *re, double *im, Py_ssize_t n, const float *own, const double *other,
                           const float *its) noexcept nogil
    # Samples less their mean and the trend of their frame (0 where they equal the mean), of detector rows a step apart.
    void centre "jw_centre"(const float *value, const double *mean, int n, int row, int step, int ticks, int tick,
                            double middle, float intercept, float slope, float *out) noexcept nogil
    # Such samples less a correction, with their mean where they are to be whole.
    void settle "jw_settle"(const float *centred, const double *correction, const double *mean, int n, int whole,
                            float *out) noexcept nogil
