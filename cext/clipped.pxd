"""Sums of the values between limits, in lanes: without a branch, so that they are worked on side by side.

They are compiled a second time for processors with AVX2, where the compiler can choose between the two as the program
starts: the same operations in the same order for each lane, hence the same bits.
"""

cdef extern from *:
    """
    #include <stddef.h>

    #include "wider.h"

    enum { JW_LANES = 16 };

    typedef struct {
        ptrdiff_t count;
        double first, second;
        float least, most;
    } jw_sum;

    JW_WIDER static void jw_sum_between(
        const float *restrict values, ptrdiff_t n, float low, float high, double around, jw_sum *restrict out)
    {
        double first[JW_LANES], second[JW_LANES];
        float least[JW_LANES], most[JW_LANES];
        int counts[JW_LANES];
        for (int k = 0; k < JW_LANES; k++) {
            first[k] = second[k] = 0;
            counts[k] = 0;
            least[k] = high;
            most[k] = low;
        }
        for (ptrdiff_t i = 0; i < n; i += JW_LANES)
            for (int k = 0; k < JW_LANES; k++) {
                float value = values[i + k];
                int there = (value >= low) & (value <= high);
                float below = there ? value : high, above = there ? value : low;
                double off = there ? value - around : 0;
                counts[k] += there;
                first[k] += off;
                second[k] += off * off;
                least[k] = below < least[k] ? below : least[k];
                most[k] = above > most[k] ? above : most[k];
            }
        for (int k = 0; k < JW_LANES; k++) {
            out->count += counts[k];
            out->first += first[k];
            out->second += second[k];
            out->least = least[k] < out->least ? least[k] : out->least;
            out->most = most[k] > out->most ? most[k] : out->most;
        }
    }

    /* Bins of a set of lanes: those of values below `low`, from `high` on, and of NaN, is the one behind the last. */
    JW_WIDER static void jw_places(
        const float *restrict values, float low, float high, double width, int bins, int *restrict out)
    {
        for (int k = 0; k < JW_LANES; k++) {
            int there = (values[k] >= low) & (values[k] < high);
            float above = there ? values[k] - low : 0.0f;
            int place = (int)(above / width);
            place = place < bins ? place : bins - 1;
            out[k] = there ? place : bins;
        }
    }
    """
    enum:
        LANES "JW_LANES"

    ctypedef struct Sum "jw_sum":
        Py_ssize_t count
        double first
        double second
        float least
        float most

    # Of values, as many as are a multiple of `LANES`: their number, the sums of their differences from `around` and of
    # the squares of these, least and most are added to what `out` has.
    void sum_between "jw_sum_between" (
        const float *values, Py_ssize_t n, float low, float high, double around, Sum *out) noexcept nogil
    # Bins of values, LANES of them: those between no limits are in the one behind the last.
    void places "jw_places" (
        const float *values, float low, float high, double width, int bins, int *out) noexcept nogil
