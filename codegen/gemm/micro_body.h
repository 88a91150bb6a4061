/* The bodies of micro-kernels (micro.h), a file for each way in which targets multiply. */
#ifndef VITC_CODEGEN_GEMM_MICRO_BODY_H
#define VITC_CODEGEN_GEMM_MICRO_BODY_H

#include "codegen/gemm/micro.h"

/* The function being made. */
typedef struct {
    FunctionBuilder *fb;
    const MicroKernel *kernel;
    MicroSpec spec;
    LLVMValueRef a, b, units, tile;
    const Ahead *ahead;
} Micro;

enum { MOST_SUMS = 64, MOST_VECTORS = 8 };

void micro_vectors(const Micro *m); /* of MicroKernel.multiply_add */
void micro_blocks(const Micro *m);  /* of .multiply_blocks */
void micro_tiles(const Micro *m);   /* of .tiles */

#endif
