/* VT_CLONES before a function of plain loops: the compiler makes a version for wide vectors beside the portable one, and the loader picks
 * by the processor at hand. For integer and exact float loops only: every version must give the same bits. */
#ifndef VITC_RUNTIME_SIMD_H
#define VITC_RUNTIME_SIMD_H

#include <features.h>

#if defined(__x86_64__) && defined(__GLIBC__)
#define VT_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define VT_CLONES
#endif

#endif
