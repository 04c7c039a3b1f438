"""Ramps of a block of pixels side by side: all take the same way, in vector registers, without a branch.

What is here is compiled a second time for processors with AVX2, by `wider.h`: the same operations in the same
order and precision for each ramp, hence the same bits.
"""

cdef extern from *:
    """
    #include <math.h>
    #include <stddef.h>

    #include "wider.h"

    enum { JW_PIXELS = 64, JW_STEPS = 6 };

    typedef struct {
        float slope[JW_PIXELS], by_both[JW_PIXELS], both[JW_PIXELS], poisson[JW_PIXELS], rnoise[JW_PIXELS];
    } jw_fits;

    JW_WIDER static void jw_take(const float *restrict data, const unsigned char *restrict dq, int width,
                                 float *restrict counts, unsigned char *restrict flags, int *restrict good,
                                 unsigned char *restrict seen, unsigned char *restrict common)
    {
        int bad[JW_PIXELS];
        if (width == JW_PIXELS) {
            for (int p = 0; p < JW_PIXELS; p++) {
                counts[p] = data[p];
                bad[p] = data[p] != data[p];
            }
            for (int p = 0; p < JW_PIXELS; p++)
                flags[p] = dq[p] | (unsigned char)bad[p];
        } else {
            for (int p = 0; p < width; p++) {
                counts[p] = data[p];
                flags[p] = dq[p] | (data[p] != data[p]);
            }
            for (int p = width; p < JW_PIXELS; p++)
                flags[p] = 1;
        }
        for (int p = 0; p < JW_PIXELS; p++) {
            seen[p] |= flags[p];
            common[p] &= flags[p] | ((flags[p] & 2) >> 1);
        }
        for (int p = 0; p < JW_PIXELS; p++)
            good[p] += flags[p] == 0;
    }

    JW_WIDER static void jw_fit(const float *restrict counts, ptrdiff_t n, const float *restrict gain,
                                const float *restrict noise, const float *restrict rate,
                                const double *restrict weights, const float *restrict threshold, double exact_time,
                                float time, float shape, jw_fits *restrict out)
    {
        float inverse[JW_PIXELS], sum_w[JW_PIXELS], sum_y[JW_PIXELS];
        double weight[JW_PIXELS], sum_x[JW_PIXELS], sum_xx[JW_PIXELS], sum_xy[JW_PIXELS];
        int power[JW_PIXELS];
        const float *last = counts + (n - 1) * JW_PIXELS;
        for (int p = 0; p < JW_PIXELS; p++) {
            float variance = noise[p] * noise[p], rise = last[p] - counts[p];
            float sigma = sqrtf(variance + rise * gain[p]) / gain[p];
            float ratio = rise / sigma;  /* NaN where the ramp falls: no power fits */
            int k = 0;
            for (int j = 1; j < JW_STEPS; j++)
                k += ratio > threshold[j];
            power[p] = k;
            inverse[p] = 1.0f / variance;
            sum_w[p] = sum_y[p] = 0;
            sum_x[p] = sum_xx[p] = sum_xy[p] = 0;
        }
        for (ptrdiff_t j = 0; j < n; j++) {
            const float *y = counts + j * JW_PIXELS;
            const double x = (double)j;
            for (int p = 0; p < JW_PIXELS; p++)
                weight[p] = weights[j * JW_STEPS + power[p]];
            for (int p = 0; p < JW_PIXELS; p++) {
                float w = (float)(weight[p] * inverse[p]);
                double xw = x * w;
                sum_w[p] += w;
                sum_y[p] += y[p] * w;
                sum_x[p] += xw;
                sum_xx[p] += x * x * w;
                sum_xy[p] += xw * y[p];
            }
        }
        for (int p = 0; p < JW_PIXELS; p++) {
            double below = sum_w[p] * sum_xx[p] - sum_x[p] * sum_x[p];
            float slope = (float)((sum_w[p] * sum_xy[p] - sum_x[p] * sum_y[p]) / below / exact_time);
            float ratio = noise[p] / time;
            float rnoise = 12.0f * (ratio * ratio) * shape / (gain[p] * gain[p]);
            float poisson = 1.0f / (time * gain[p] * (float)(n - 1)) * rate[p];
            poisson = rate[p] > 0 ? poisson : 0;
            float both = rnoise + poisson, share = 1.0f / both, kind = 1.0f / poisson;
            out->slope[p] = 0.0f + slope * share;
            out->by_both[p] = 0.0f + slope / both;
            out->both[p] = share;
            out->rnoise[p] = 1.0f / rnoise;
            out->poisson[p] = poisson > 0 ? kind : 0;
        }
    }
    """
    enum:
        PIXELS "JW_PIXELS"
    ctypedef struct Fits "jw_fits":
        # Sums of the one segment of each ramp: slope by variance (times its inverse, and divided by it), 1 by variance,
        # 1 by each kind of variance.
        float *slope
        float *by_both
        float *both
        float *poisson
        float *rnoise
    # Copy a group of up to PIXELS pixels; count the groups without flags, and gather flags of any and of every group.
    void take "jw_take"(const float *data, const unsigned char *dq, int width, float *counts, unsigned char *flags,
                        int *good, unsigned char *seen, unsigned char *common) noexcept nogil
    # Fit PIXELS ramps of n >= 3 groups, all of use; weights are those of `n` groups by power, `shape` 1 / (n^3 - n).
    void fit_whole "jw_fit"(const float *counts, Py_ssize_t n, const float *gain, const float *noise, const float *rate,
                            const double *weights, const float *threshold, double exact_time, float time, float shape,
                            Fits *out) noexcept nogil
