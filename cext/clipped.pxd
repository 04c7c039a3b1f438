"""Sums of the values between limits, in lanes: without a branch, so that they are worked on side by side.

They are compiled a second time for processors with AVX2, where the compiler can choose between the two as the program
starts: the same operations in the same order for each lane, hence the same bits.
"""

cdef extern from *:
    """
    #include <stddef.h>

    #ifndef JW_WIDER
    #if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__)
    #define JW_WIDER __attribute__((target_clones("default", "avx2")))
    #else
    #define JW_WIDER
    #endif
    #endif

    enum { JW_LANES = 16 };

    typedef struct {
        ptrdiff_t count;
        double total;
        float least, most;
    } jw_sum;

    JW_WIDER static void jw_sum_between(
        const float *restrict values, ptrdiff_t n, float low, float high, jw_sum *restrict out)
    {
        double totals[JW_LANES];
        float least[JW_LANES], most[JW_LANES];
        int counts[JW_LANES];
        for (int k = 0; k < JW_LANES; k++) {
            totals[k] = 0;
            counts[k] = 0;
            least[k] = high;
            most[k] = low;
        }
        for (ptrdiff_t i = 0; i < n; i += JW_LANES)
            for (int k = 0; k < JW_LANES; k++) {
                float value = values[i + k];
                int there = (value >= low) & (value <= high);
                float below = there ? value : high, above = there ? value : low;
                counts[k] += there;
                totals[k] += there ? value : 0.0f;
                least[k] = below < least[k] ? below : least[k];
                most[k] = above > most[k] ? above : most[k];
            }
        for (int k = 0; k < JW_LANES; k++) {
            out->count += counts[k];
            out->total += totals[k];
            out->least = least[k] < out->least ? least[k] : out->least;
            out->most = most[k] > out->most ? most[k] : out->most;
        }
    }

    JW_WIDER static double jw_squares_between(
        const float *restrict values, ptrdiff_t n, float low, float high, float mean)
    {
        double totals[JW_LANES], total = 0;
        for (int k = 0; k < JW_LANES; k++)
            totals[k] = 0;
        for (ptrdiff_t i = 0; i < n; i += JW_LANES)
            for (int k = 0; k < JW_LANES; k++) {
                float value = values[i + k], off = value - mean, square = off * off;
                totals[k] += (value >= low) & (value <= high) ? square : 0.0f;
            }
        for (int k = 0; k < JW_LANES; k++)
            total += totals[k];
        return total;
    }
    """
    enum:
        LANES "JW_LANES"

    ctypedef struct Sum "jw_sum":
        Py_ssize_t count
        double total
        float least
        float most

    # Of values, as many as are a multiple of `LANES`: number, total, least and most are added to what `out` has.
    void sum_between "jw_sum_between" (
        const float *values, Py_ssize_t n, float low, float high, Sum *out) noexcept nogil
    # Squares of the differences from a mean.
    double squares_between "jw_squares_between" (
        const float *values, Py_ssize_t n, float low, float high, float mean) noexcept nogil
