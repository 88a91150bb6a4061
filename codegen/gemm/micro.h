/* Micro-kernels: an mr × nr tile of a product from one panel of A and one of B (pack.h), summed along K in
 * registers. What multiplies and adds, vectors or tile registers, is the target's (codegen/target.h). */
#ifndef VITC_CODEGEN_GEMM_MICRO_H
#define VITC_CODEGEN_GEMM_MICRO_H

#include "codegen/emit/builder.h"

/* Units of a panel for k elements along K. */
int64_t micro_units(const MicroKernel *kernel, int64_t k);
LLVMValueRef micro_units_of(FunctionBuilder *fb, const MicroKernel *kernel, LLVMValueRef k);

/* Around all calls of one kernel: what tile registers need. */
void micro_begin(FunctionBuilder *fb, const MicroKernel *kernel);
void micro_end(FunctionBuilder *fb, const MicroKernel *kernel);
/* What a micro-kernel is called for: of A `rows` lines, `line` units from one to the next, `step` from a unit along
 * K to the next (of vectors alone; in a panel 1 and mr); of the panel of B `vectors`·lanes columns at least. */
typedef struct {
    int rows, vectors;
    int line, step;
    bool accumulate; /* add to what the tile holds */
} MicroSpec;
/* tile[rows][nr] = (or +=) the product of `units` units of the panels. */
void micro_call(FunctionBuilder *fb, const MicroKernel *kernel, const MicroSpec *spec, LLVMValueRef a,
                LLVMValueRef b, LLVMValueRef units, LLVMValueRef tile);

#endif
