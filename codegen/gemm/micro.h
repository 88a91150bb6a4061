/* Micro-kernels: an mr × nr tile of a product from one panel of A and one of B (pack.h), summed along K in
 * registers. What multiplies and adds, vectors or tile registers, is the target's (codegen/target.h). */
#ifndef VITC_CODEGEN_GEMM_MICRO_H
#define VITC_CODEGEN_GEMM_MICRO_H

#include "codegen/emit/builder.h"

/* Units of each line of a panel for k elements along K, rounded up to whole steps of the micro-kernel. */
int64_t micro_units(const MicroKernel *kernel, int64_t k);
LLVMValueRef micro_units_of(FunctionBuilder *fb, const MicroKernel *kernel, LLVMValueRef k);

/* Before the first and after the last micro_call of a kernel: sets up and releases tile registers, if it uses them. */
void micro_begin(FunctionBuilder *fb, const MicroKernel *kernel);
void micro_end(FunctionBuilder *fb, const MicroKernel *kernel);

/* A variant of a micro-kernel; each is one function. */
typedef struct {
    int rows, vectors; /* of the tile: `rows` lines of A by `vectors`·lanes columns of B */
    /* Unit u of line r of A lies at a[r·line + ⌊u/block⌋·block·step + u mod block]. In a panel line and block are the
     * kernel's unit_step, and step is mr; for tile registers always so. Elsewhere block is 1, and line or step. */
    int line, step, block;
    bool accumulate; /* add to what the tile holds */
} MicroSpec;

/* Memory that a micro-kernel of vectors asks for in L2, evenly while it computes: runs of `bytes` bytes, `stride` bytes
 * from one to the next, one in so many units along K. */
typedef struct {
    int units;                  /* a power of two */
    LLVMValueRef from;          /* the first run */
    LLVMValueRef stride, bytes; /* i64 */
} Ahead;

/* tile[rows][nr] = (or +=) the product of `units` units of the panels. ahead: NULL: nothing is asked for. */
void micro_call(FunctionBuilder *fb, const MicroKernel *kernel, const MicroSpec *spec, LLVMValueRef a,
                LLVMValueRef b, LLVMValueRef units, LLVMValueRef tile, const Ahead *ahead);

#endif
