/* VT_CLONES before a function of plain loops: the compiler makes a version for wide vectors beside the portable one,
 * and the loader picks by the processor at hand. VT_WIDE_CLONES: one for AVX-512 too, which multiplies integers of 64
 * bits. For integer and exact float loops only: every version must give the same bits. */
#ifndef VITC_RUNTIME_BASE_SIMD_H
#define VITC_RUNTIME_BASE_SIMD_H

#include <features.h>

/* Not under ThreadSanitizer: the picking runs before it is set up. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif

#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__SANITIZE_THREAD__)
#define VT_CLONES __attribute__((target_clones("avx2", "default")))
#define VT_WIDE_CLONES __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define VT_CLONES
#define VT_WIDE_CLONES
#endif

#endif
