/* What all targets of x86-64 have in common, and those without wider vectors: the baseline, and x86-64-v2, which rounds
 * in one instruction (SSE4.1). */
#include "codegen/target/targets.h"

/* A division of 64 bits, a thread's share of the work twice a kernel, shall be one instruction, not a test, two
 * branches and two instructions. */
const Architecture architecture_x86_64 = {
    .name = "x86_64", .triple = "x86_64-pc-linux-gnu", .cpu = "x86-64", .preferences = "-idivq-to-divl"};

#define SSE_TARGET(level, list)                                                                              \
    {                                                                                                        \
        .name = level, .architecture = &architecture_x86_64, .features = list, .preferences = "",            \
        .cores = 4, .own_cache = 256 << 10, .lanes = 4, .micro = {                                           \
            &generic_fma,                                                                                    \
            &generic_fma,                                                                                    \
            &generic_fma                                                                                     \
        }                                                                                                    \
    }

const Target target_x86_64_v2 = SSE_TARGET("x86-64-v2", X86_64_V2_FEATURES);
const Target target_x86_64 = SSE_TARGET("x86-64", "");
