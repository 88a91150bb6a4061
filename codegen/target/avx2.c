/* AVX2: sixteen registers of eight lanes, twelve of which hold the tile. */
#include "codegen/target/targets.h"

static const MicroKernel fma = {.name = "fma",
                                .mr = 6,
                                .nr = 16,
                                .lanes = 8,
                                .unit_elements = 1,
                                .unit_step = 1,
                                .multiply_add = generic_multiply_add};

const Target target_avx2 = {
    .name = "avx2", .requires = "+avx2,+fma", .preferences = "", .lanes = 8, .micro = {&fma, &fma, &fma}};
