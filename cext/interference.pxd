"""Samples of MIRI ramps, their lines and their phases, in vector registers.

What is here is compiled a second time for processors with AVX2, by `wider.h`: the same operations in the same
order and precision, hence the same bits.
"""

cdef extern from *:
    """
    #include <stddef.h>

    #include "wider.h"

    enum { JW_STRIP = 64 };

    JW_WIDER static void jw_lines(const float *data, ptrdiff_t plane, ptrdiff_t n, const int *pairs, ptrdiff_t npairs,
                                 float *values, double *restrict line, float *restrict centre)
    {
        double total[JW_STRIP], count = (double)n, sx = (double)(n * (n - 1)) / 2;
        double sxx = (double)((n - 1) * n * (2 * n - 1)) / 6;
        for (int x = 0; x < JW_STRIP; x++)
            total[x] = line[x] = 0;
        for (ptrdiff_t g = 0; g < n; g++) {
            const float *row = data + g * plane;
            const double time = (double)g;
            for (int x = 0; x < JW_STRIP; x++) {
                total[x] += row[x];
                line[x] += time * (double)row[x];
            }
        }
        for (int x = 0; x < JW_STRIP; x++)
            line[x] = (count * line[x] - sx * total[x]) / (count * sxx - sx * sx);
        for (ptrdiff_t g = 0; g < n; g++) {
            const float *row = data + g * plane;
            float *restrict out = values + g * JW_STRIP;
            const double time = (double)(g + 1);
            for (int x = 0; x < JW_STRIP; x++)
                out[x] = (float)(row[x] - line[x] * time);
        }
        for (ptrdiff_t k = 0; k < npairs; k++) {
            float *restrict a = values + (ptrdiff_t)pairs[2 * k] * JW_STRIP;
            float *restrict b = values + (ptrdiff_t)pairs[2 * k + 1] * JW_STRIP;
            for (int x = 0; x < JW_STRIP; x++) {
                float low = a[x] < b[x] ? a[x] : b[x];
                float high = b[x] < a[x] ? a[x] : b[x];
                a[x] = low;
                b[x] = high;
            }
        }
        const float *low = values + (n - 1) / 2 * JW_STRIP, *high = values + n / 2 * JW_STRIP;
        for (int x = 0; x < JW_STRIP; x++)
            centre[x] = (low[x] + high[x]) / 2;
    }

    JW_WIDER static void jw_samples(const float *restrict row, const float *restrict slope, const float *restrict level,
                                   double group, ptrdiff_t count, double *restrict out)
    {
        for (ptrdiff_t k = 0; k < count; k++)
            out[k] = ((double)row[4 * k] + row[4 * k + 1] + row[4 * k + 2] + row[4 * k + 3]) * 0.25
                     - slope[k] * group - level[k];
    }

    JW_WIDER static void jw_phases(double start, double column, double last, double period, ptrdiff_t first,
                                  ptrdiff_t count, double *restrict phase)
    {
        const double round = 4503599627370496.0;  /* 2**52: added and taken away, it leaves an integer */
        for (ptrdiff_t k = 0; k < count; k++)
            phase[k] = start + (double)(int)(first + k) * column;
        phase[count - 1] += last;
        for (ptrdiff_t k = 0; k < count; k++) {
            double cycles = phase[k] / period;
            double whole = (cycles + round) - round;
            whole -= whole > cycles ? 1.0 : 0.0;
            phase[k] = cycles - whole;
        }
    }

    JW_WIDER static void jw_bins(const double *restrict phase, int nbins, ptrdiff_t count, int *restrict bin)
    {
        const double number = nbins;
        for (ptrdiff_t k = 0; k < count; k++) {
            int b = (int)(phase[k] * number);
            bin[k] = b < nbins ? b : nbins - 1;
        }
    }
    """
    enum:
        STRIP "JW_STRIP"
    # Line and median about it (DN a group, DN) of each of STRIP pixels over n groups, the second of the ramp on; groups
    # are `plane` values apart. `pairs` are those to compare and exchange; `values` has room for (n, STRIP).
    void lines "jw_lines"(const float *data, Py_ssize_t plane, Py_ssize_t n, const int *pairs, Py_ssize_t npairs,
                          float *values, double *line, float *centre) noexcept nogil
    # Mean counts of four pixels less their line.
    void means "jw_samples"(const float *row, const float *slope, const float *level, double group, Py_ssize_t count,
                            double *out) noexcept nogil
    # Phases in [0, 1) of samples `first` on of a row that begins at `start`; the last of them is late.
    void fractions "jw_phases"(double start, double column, double last, double period, Py_ssize_t first,
                               Py_ssize_t count, double *phase) noexcept nogil
    # Bins of phases, but for a rounding at their edges.
    void bins_of "jw_bins"(const double *phase, int nbins, Py_ssize_t count, int *bin) noexcept nogil
