/* Functions that are compiled again for wider vector registers, where the compiler can choose between them as the
   program starts: the same operations in the same order and precision for each value, hence the same bits. */
#ifndef JW_WIDER

#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__)
#define JW_WIDER __attribute__((target_clones("default", "avx2")))
#define JW_WIDEST __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define JW_WIDER
#define JW_WIDEST
#endif

/* What such a function calls becomes part of each of its versions. */
#define JW_INLINE static inline __attribute__((always_inline))

#endif
