/* AVX2: sixteen registers of eight lanes, twelve of which hold the tile. */
#include "codegen/target/targets.h"

static const MicroKernel fma = {.name = "fma",
                                .mr = 6,
                                .nr = 16,
                                .lanes = 8,
                                .unit_elements = 1,
                                .unit_step = 1,
                                .multiply_add = generic_multiply_add};

const Target target_x86_64_v3 = {.name = "x86-64-v3",
                                 .architecture = &architecture_x86_64,
                                 .features = X86_64_V3_FEATURES,
                                 .preferences = "",
                                 .cores = 8,
                                 .own_cache = 512 << 10,
                                 .lanes = 8,
                                 .micro = {&fma, &fma, &fma}};
